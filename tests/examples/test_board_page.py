"""examples/board in a browser: written in one window, read in another, live on both backends."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.examples.browser import Browser
from tests.examples.harness import post
from tests.support.services import Serve, Service
from tests.support.waiting import until

pytestmark = [pytest.mark.server, pytest.mark.browser, pytest.mark.gate]

BOARD = "examples/board/app.py"
FLAGS = {"wsgi": ("--backend", "wsgi"), "asgi": ("--backend", "asgi")}
TRANSPORT = {"wsgi": "polling", "asgi": "websocket"}


class Window:
    """One window with the board's page."""

    def __init__(self, browser: Browser, handle: str) -> None:
        self._browser = browser
        self._handle = handle

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a script in the page and return what it returns."""
        self._browser.driver.switch_to.window(self._handle)
        return self._browser.driver.execute_script(script, *arguments)

    def texts(self) -> list[str]:
        """Return the texts of the posts from top to bottom, as the page shows them."""
        found: list[str] = self.run("return [...document.querySelectorAll('#posts .text')].map(one => one.innerText)")
        return found

    def shown(self, name: str) -> str:
        """Return the visible text of an element, '' if it is hidden."""
        script = (
            "const found = document.getElementById(arguments[0]); return found.checkVisibility() ? found.innerText : ''"
        )
        return str(self.run(script, name))

    def transport(self) -> str:
        return str(self.run("return document.getElementById('status').dataset.transport"))

    def write(self, author: str, text: str) -> None:
        """Fill in the form and send it, with keys and a click."""
        driver = self._browser.driver
        driver.switch_to.window(self._handle)
        for name, value in (("author", author), ("text", text)):
            field = driver.find_element("id", name)
            field.clear()
            field.send_keys(value)
        driver.find_element("id", "send").click()

    def click(self, name: str) -> None:
        self._browser.driver.switch_to.window(self._handle)
        self._browser.driver.find_element("id", name).click()


@pytest.fixture
def board(serve: Serve, backend: str) -> Service:
    return serve(BOARD, *FLAGS[backend])


Visit = Callable[[], Window]


@pytest.fixture
def visit(browser: Browser, board: Service, backend: str) -> Visit:
    """Open the board in a new window and return once it is live."""

    def opened() -> Window:
        window = Window(browser, browser.open(board.url))
        until(lambda: window.transport() == TRANSPORT[backend], "the page is live", board.log)
        return window

    return opened


def test_a_post_is_seen_live_in_another_window(browser: Browser, board: Service, visit: Visit, backend: str) -> None:
    writer, reader = visit(), visit()
    assert reader.shown("empty") == "Nothing here yet. Write the first post!"
    reader.run("window.sameDocument = true")
    writer.write("Ann", "Hello\nfrom the first window")
    until(lambda: reader.texts() == ["Hello\nfrom the first window"], "the other window shows it", board.log)
    until(lambda: writer.texts() == ["Hello\nfrom the first window"], "its own window shows it")
    assert reader.run("return window.sameDocument"), "without loading the page again"
    assert reader.shown("empty") == ""

    reader.write("Ben", "And back")
    until(lambda: writer.texts() == ["And back", "Hello\nfrom the first window"], "the newest is on top", board.log)
    post(board, "Cleo", "From a script")
    until(lambda: writer.texts()[0] == reader.texts()[0] == "From a script", "both windows show it", board.log)
    assert len(writer.texts()) == len(reader.texts()) == 3, "each post once"

    opened = browser.network("webSocketHandshakeResponseReceived")
    brought = [frame["response"]["payloadData"] for frame in browser.network("webSocketFrameReceived")]
    polls = [sent for sent in browser.network("requestWillBeSent") if "/api/poll" in sent["request"]["url"]]
    if backend == "asgi":
        assert [handshake["response"]["status"] for handshake in opened] == [101, 101]
        assert sum("And back" in payload for payload in brought) == 2, "it came to both over a WebSocket"
        assert not polls
    else:
        assert brought == []
        assert len(polls) >= 6, "each window asks once more for each post"
        assert {sent["request"]["method"] for sent in polls} == {"GET"}


def test_what_looks_like_html_is_shown_as_text(browser: Browser, board: Service, visit: Visit) -> None:
    window = visit()
    hostile = [
        "<script>document.title = 'owned'</script>",
        "<img src=x onerror=\"document.title = 'owned'\">",
        "</p></li></ol><h1>owned</h1>",
        "&lt;b&gt; ${document.title = 'owned'} {{7*7}}",
        "javascript:document.title='owned'",
    ]
    for text in hostile:
        post(board, f"<b>{text[:30]}</b>", text)
    until(lambda: window.texts() == hostile[::-1], "all are shown as they were written", board.log)
    late = visit()
    assert late.texts() == hostile[::-1], "a page that finds them there shows them in the same way"
    for one in (window, late):
        assert one.run("return document.title") == "Board"
        assert one.run("return document.querySelectorAll('#posts :is(script, img, h1, b)').length") == 0
    assert not [line for line in browser.complaints() if "api/live" not in line]


def test_older_posts_come_when_they_are_asked_for(board: Service, visit: Visit) -> None:
    for number in range(1, 121):
        post(board, "Ann", f"{number}")
    window = visit()
    assert window.texts() == [f"{number}" for number in range(120, 70, -1)]
    window.click("older")
    until(lambda: len(window.texts()) == 100, "the next fifty")
    window.click("older")
    until(lambda: len(window.texts()) == 120, "the rest")
    assert window.texts() == [f"{number}" for number in range(120, 0, -1)]
    assert window.shown("older") == "", "there are no more"


def test_a_refused_post_is_explained_and_not_lost(board: Service, visit: Visit) -> None:
    window = visit()
    window.run("document.getElementById('text').value = 'x'.repeat(2001)")
    window.run("document.getElementById('author').value = 'Ann'")
    window.click("send")
    until(lambda: window.shown("problem") == "text must have at most 2000 characters", "the fault is told")
    assert len(window.run("return document.getElementById('text').value")) == 2001
    window.write("Ann", "shorter")
    until(lambda: window.texts() == ["shorter"], "the next one is taken", board.log)
    assert window.shown("problem") == ""
    assert window.run("return document.getElementById('text').value") == ""


def test_a_page_finds_its_way_back_to_a_server_that_was_gone(
    serve: Serve, board: Service, visit: Visit, backend: str
) -> None:
    window = visit()
    window.run("window.sameDocument = true")
    post(board, "Ann", "before")
    until(lambda: window.texts() == ["before"], "it is live", board.log)
    board.kill()
    until(lambda: window.transport() == "none", "the page notices")
    again = serve(BOARD, *FLAGS[backend], port=board.port)
    post(again, "Ann", "after")
    until(lambda: window.texts() == ["after", "before"], "it is live again", again.log)
    assert window.transport() == TRANSPORT[backend]
    assert window.run("return window.sameDocument"), "without loading the page again"


def test_the_name_is_remembered(board: Service, visit: Visit) -> None:
    window = visit()
    window.write("Ann", "first")
    until(lambda: window.texts() == ["first"], "it is posted", board.log)
    assert visit().run("return document.getElementById('author').value") == "Ann"
