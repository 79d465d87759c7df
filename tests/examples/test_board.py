"""examples/board, in process: its API, what it refuses, and who is woken by a post."""

import re
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Semaphore
from typing import Any

import pytest
from tests.examples.harness import Load
from tests.support.waiting import PATIENCE, until

from hinge import Config
from hinge.testing import Client, ClientResponse, WebSocketDenied

LONG = 9_223_372_036_854_775_807
SOON = 12.0
"""Seconds, less than a long poll waits by default: what comes sooner was not found at its end."""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "board.db"
    monkeypatch.setenv("BOARD_DB", str(path))
    return path


@pytest.fixture
def board(load: Load, file: Path) -> Any:
    return load("board.app")


@pytest.fixture
def client(board: Any, backend: str) -> Iterator[Client]:
    board.app.configure(Config(graceful_timeout=60.0))  # half of it is a poll's longest wait: more than SOON
    with Client(board.app, backend, skip_unsupported=True) as client:
        yield client


def post(client: Client, text: str, author: str = "Ann") -> dict[str, Any]:
    response = client.post("/api/posts", json={"author": author, "text": text})
    assert response.status_code == 201, response
    return response.json()


def write_elsewhere(file: Path, text: str) -> None:
    """Write as another process would: over a connection that the app knows nothing of."""
    with closing(sqlite3.connect(file, timeout=30)) as connection, connection:
        connection.execute("INSERT INTO posts (author, text, at) VALUES ('Eve', ?, 0)", (text,))


def texts(response: ClientResponse) -> list[str]:
    assert response.status_code == 200, response
    document = response.json()
    return [one["text"] for one in (document if isinstance(document, list) else document["posts"])]


# -- the API -----------------------------------------------------------------------------------------------------------


def test_a_post_is_kept_and_found_again(client: Client) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    created = post(client, "  Hello, wörld 🎈\n<b>second line</b> ", "  Ann ")
    assert created["id"] == 1
    assert (created["author"], created["text"]) == ("Ann", "Hello, wörld 🎈\n<b>second line</b>")
    assert before <= datetime.fromisoformat(created["at"]) <= datetime.now(UTC) + timedelta(seconds=1)
    assert client.get("/api/posts/1").json() == created
    assert client.get("/api/posts").json() == {"posts": [created], "more": False}


def test_posts_come_in_pages_in_both_directions(client: Client) -> None:
    for number in range(1, 8):
        post(client, f"{number}")
    newest = client.get("/api/posts?limit=3")
    assert (texts(newest), newest.json()["more"]) == (["5", "6", "7"], True)
    older = client.get("/api/posts?limit=3&before=5")
    assert (texts(older), older.json()["more"]) == (["2", "3", "4"], True)
    oldest = client.get("/api/posts?limit=3&before=2")
    assert (texts(oldest), oldest.json()["more"]) == (["1"], False)
    after = client.get("/api/posts?limit=3&after=0")
    assert (texts(after), after.json()["more"]) == (["1", "2", "3"], True)
    last = client.get("/api/posts?limit=3&after=4")
    assert (texts(last), last.json()["more"]) == (["5", "6", "7"], False)
    assert texts(client.get(f"/api/posts?after={LONG}")) == []
    assert texts(client.get("/api/posts?before=0")) == []


def test_an_empty_board_has_no_posts(client: Client) -> None:
    assert client.get("/api/posts").json() == {"posts": [], "more": False}
    assert client.get("/api/poll?wait=0").json() == []


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, {"/author", "/text"}),
        ({"author": "", "text": ""}, {"/author", "/text"}),
        ({"author": " \t\n", "text": "\u2003"}, {"/author", "/text"}),
        ({"author": "a" * 41, "text": "t" * 2001}, {"/author", "/text"}),
        ({"author": None, "text": ["x"]}, {"/author", "/text"}),
        ({"author": "Ann", "text": "x", "id": 5}, {"/id"}),
        ([], {""}),
    ],
)
def test_a_post_without_anything_to_see_or_too_much_of_it_is_refused(
    client: Client, body: Any, pointers: set[str]
) -> None:
    response = client.post("/api/posts", json=body)
    assert response.status_code == 422
    assert {error["pointer"] for error in response.json()["errors"]} == pointers
    assert client.get("/api/posts").json()["posts"] == []


def test_the_limits_are_characters_and_inclusive(client: Client) -> None:
    created = post(client, "🎈" * 2000, "é" * 40)
    assert (len(created["text"]), len(created["author"])) == (2000, 40)


@pytest.mark.parametrize("text", ["a\x00b", "'); DROP TABLE posts; --", '"quoted" \\ back', "\u202edlrow", "{{7*7}}"])
def test_any_text_comes_back_as_it_was(client: Client, text: str) -> None:
    assert client.get(f"/api/posts/{post(client, text)['id']}").json()["text"] == text


def test_a_half_of_a_character_is_refused(client: Client) -> None:
    headers = {"content-type": "application/json"}
    broken = client.post("/api/posts", content=rb'{"author": "Ann", "text": "\ud83c"}', headers=headers)
    assert broken.status_code == 400


def test_a_form_of_another_site_cannot_post(client: Client) -> None:
    """A browser sends text/plain across sites without asking; what asks first is refused by default."""
    body = b'{"author": "Eve", "text": "from elsewhere"}'
    assert client.post("/api/posts", content=body, headers={"content-type": "text/plain"}).status_code == 415
    assert client.get("/api/posts").json()["posts"] == []


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "before=-1", f"after={LONG + 1}", "after=1&before=2", "after=1.5"]
)
def test_a_wrong_query_is_refused(client: Client, query: str) -> None:
    assert client.get(f"/api/posts?{query}").status_code == 422


@pytest.mark.parametrize("query", ["after=-1", f"after={LONG + 1}", "wait=-1", "wait=20.5", "wait=nan", "wait=inf"])
def test_a_wrong_poll_is_refused_at_once(client: Client, query: str) -> None:
    assert client.get(f"/api/poll?{query}").status_code == 422


@pytest.mark.parametrize("post_id", ["1", "0", "-1", "x", str(LONG), str(LONG + 1)])
def test_a_post_that_is_not_there_is_a_404(client: Client, post_id: str) -> None:
    assert client.get(f"/api/posts/{post_id}").status_code == 404


# -- the page ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "media_type"),
    [("/", "text/html"), ("/board.css", "text/css"), ("/board.js", "text/javascript")],
)
def test_the_page_and_its_parts_are_served(client: Client, path: str, media_type: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{media_type}; charset=utf-8"


@pytest.mark.parametrize("path", ["/app.py", "/store.py", "/..%2fapp.py", "/%2e%2e%2fstore.py", "/board.html", "/x"])
def test_nothing_else_is_served(client: Client, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/", "/board.js", "/api/posts", "/api/posts/999", "/nothing"])
def test_every_answer_tells_browsers_to_run_nothing_else(client: Client, path: str) -> None:
    headers = client.get(path).headers
    assert headers["content-security-policy"].startswith("default-src 'self';")
    assert headers["x-content-type-options"] == "nosniff"


def test_the_page_writes_text_and_never_html(board: Any) -> None:
    script = (board.PAGE / "board.js").read_text("utf-8")
    page = (board.PAGE / "board.html").read_text("utf-8")
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert way not in script
    for url in ("http:", "https:", "//"):
        assert url not in page, "nothing comes from another site"


# -- live --------------------------------------------------------------------------------------------------------------


class Visitors:
    """Clients in threads of their own."""

    def __init__(self, client: Client, threads: ThreadPoolExecutor, looks: Semaphore) -> None:
        self._client = client
        self._threads = threads
        self._looks = looks

    def poll(self, query: str) -> "Future[ClientResponse]":
        """Start a long poll and return once it has looked and found nothing."""
        future = self._threads.submit(self._client.get, f"/api/poll?{query}")
        assert self._looks.acquire(timeout=PATIENCE)
        return future


@pytest.fixture
def looks(board: Any, monkeypatch: pytest.MonkeyPatch) -> Semaphore:
    """Count the looks that found no new post."""
    counted, after = Semaphore(0), board.Store.after

    def look(self: Any, *arguments: Any) -> Any:
        posts = after(self, *arguments)
        if not posts:
            counted.release()
        return posts

    monkeypatch.setattr(board.Store, "after", look)
    return counted


@pytest.fixture
def visitors(client: Client, looks: Semaphore) -> Iterator[Visitors]:
    with ThreadPoolExecutor(8) as threads:
        yield Visitors(client, threads, looks)


def test_a_poll_answers_at_once_with_what_is_there(client: Client) -> None:
    first, second = post(client, "first"), post(client, "second")
    assert client.get("/api/poll").json() == [first, second]
    assert client.get("/api/poll?after=1").json() == [second]


def test_a_poll_waits_for_a_post(client: Client, visitors: Visitors) -> None:
    future = visitors.poll("after=0")
    begun = time.monotonic()
    created = post(client, "news")
    assert future.result(PATIENCE).json() == [created]
    assert time.monotonic() - begun < SOON


def test_a_post_of_another_process_wakes_everybody(file: Path, client: Client, visitors: Visitors) -> None:
    futures = [visitors.poll("after=0") for _ in range(4)]
    begun = time.monotonic()
    write_elsewhere(file, "from elsewhere")
    assert [texts(future.result(PATIENCE)) for future in futures] == [["from elsewhere"]] * 4
    assert time.monotonic() - begun < SOON


def test_a_post_that_comes_while_somebody_looks_is_not_missed(
    board: Any, file: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look finds nothing; before it has returned, the post is written and the wake-up is over."""
    after, wait_for = board.Store.after, board.Feed.posts
    feeds: list[Any] = []

    async def noted(feed: Any, *arguments: Any) -> Any:
        feeds.append(feed)
        return await wait_for(feed, *arguments)

    def look(store: Any, *arguments: Any) -> Any:
        found = after(store, *arguments)
        if not found:
            before = feeds[0]._changed
            write_elsewhere(file, "news")
            until(lambda: feeds[0]._changed is not before, "the watcher has woken everybody")
        return found

    monkeypatch.setattr(board.Feed, "posts", noted)
    monkeypatch.setattr(board.Store, "after", look)
    begun = time.monotonic()
    assert texts(client.get("/api/poll")) == ["news"]
    assert time.monotonic() - begun < SOON


def test_a_poll_passes_over_what_its_client_has_seen(client: Client, visitors: Visitors) -> None:
    post(client, "old")
    future = visitors.poll("after=2")
    post(client, "seen")
    assert not future.done()
    post(client, "new")
    assert texts(future.result(PATIENCE)) == ["new"]


def test_a_poll_ends_with_nothing_when_its_time_is_up(client: Client) -> None:
    begun = time.monotonic()
    assert client.get("/api/poll?wait=0.3").json() == []
    assert 0.3 <= time.monotonic() - begun < SOON


def test_no_poll_keeps_a_worker_from_stopping(board: Any, file: Path, backend: str) -> None:
    board.app.configure(Config(graceful_timeout=1.0))
    with Client(board.app, backend, skip_unsupported=True) as client:
        begun = time.monotonic()
        assert client.get("/api/poll?wait=20").json() == []
        assert 0.5 <= time.monotonic() - begun < SOON


def test_polls_leave_half_of_the_threads_free(
    board: Any, file: Path, backend: str, looks: Semaphore, monkeypatch: pytest.MonkeyPatch
) -> None:
    board.app.configure(Config(threads=4, graceful_timeout=60.0))
    feeds: list[Any] = []
    poll = board.Feed.poll

    async def noted(feed: Any, *arguments: Any) -> Any:
        feeds.append(feed)
        return await poll(feed, *arguments)

    monkeypatch.setattr(board.Feed, "poll", noted)
    with Client(board.app, backend, skip_unsupported=True) as client, ThreadPoolExecutor(8) as threads:
        visitors = Visitors(client, threads, looks)
        for seen in range(2):  # twice: whoever is answered makes room
            waiting = [visitors.poll(f"after={seen}") for _ in range(2)]
            # A look may be one of somebody whom the watcher woke: it does not tell that both have sat down.
            until(lambda: not feeds[0]._seats, "both wait")
            begun = time.monotonic()
            third = visitors.poll(f"after={seen}").result(PATIENCE)
            assert third.json() == []
            assert time.monotonic() - begun < SOON
            assert not any(future.done() for future in waiting)
            write_elsewhere(file, "news")
            assert [texts(future.result(PATIENCE)) for future in waiting] == [["news"], ["news"]]


def test_the_file_is_watched_on_after_a_failure(
    board: Any, file: Path, backend: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failures = iter([sqlite3.OperationalError("disk I/O error")])
    version = board.Store.version

    def fail_once(store: Any) -> int:
        for failure in failures:
            raise failure
        return int(version(store))

    monkeypatch.setattr(board.Store, "version", fail_once)
    monkeypatch.setattr("board.live.LONGEST_WAIT", 0.01)
    with Client(board.app, backend, skip_unsupported=True) as client:
        until(lambda: "trying again" in caplog.text, "the failure is logged")
        write_elsewhere(file, "news")
        assert texts(client.get("/api/poll?after=0")) == ["news"]


# -- WebSocket ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def socket_client(board: Any, file: Path) -> Iterator[Client]:
    with Client(board.app, "asgi") as client:
        yield client


def test_a_socket_brings_what_is_there_and_then_what_comes(socket_client: Client, file: Path) -> None:
    first = post(socket_client, "first")
    with socket_client.websocket("/api/live") as ws:
        assert ws.receive_json() == [first]
        second = post(socket_client, "second")
        assert ws.receive_json() == [second]
        write_elsewhere(file, "from elsewhere")
        assert [one["text"] for one in ws.receive_json()] == ["from elsewhere"]
    with socket_client.websocket("/api/live?after=2") as ws:
        assert [one["id"] for one in ws.receive_json()] == [3]


def test_a_socket_says_at_once_that_it_works(socket_client: Client) -> None:
    with socket_client.websocket("/api/live?after=0") as ws:
        assert ws.receive_json() == []


def test_a_silent_board_says_now_and_then_that_it_is_there(
    board: Any, socket_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board, "LONGEST_WAIT", 0.01)
    with socket_client.websocket("/api/live") as ws:
        assert [ws.receive_json() for _ in range(3)] == [[], [], []]


def test_a_client_that_was_away_for_long_gets_all_it_has_missed(socket_client: Client, file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        rows = [(str(number),) for number in range(250)]
        connection.executemany("INSERT INTO posts (author, text, at) VALUES ('Eve', ?, 0)", rows)
    with socket_client.websocket("/api/live") as ws:
        missed = [one["text"] for _ in range(3) for one in ws.receive_json()]
    assert missed == [str(number) for number in range(250)]


def test_everybody_gets_every_post_once_and_in_order(socket_client: Client) -> None:
    def write(writer: int) -> None:
        for number in range(20):
            post(socket_client, f"{writer}-{number}")

    def read() -> list[int]:
        ids: list[int] = []
        with socket_client.websocket("/api/live") as ws:
            while len(ids) < 80:
                ids += [one["id"] for one in ws.receive_json()]
        return ids

    with ThreadPoolExecutor(8) as threads:
        readers = [threads.submit(read) for _ in range(4)]
        for writer in [threads.submit(write, number) for number in range(4)]:
            writer.result(PATIENCE)
        assert [reader.result(PATIENCE) for reader in readers] == [list(range(1, 81))] * 4


def test_a_page_of_another_site_cannot_listen(socket_client: Client) -> None:
    with pytest.raises(WebSocketDenied) as denied, socket_client.websocket("/api/live", origin="https://evil.example"):
        pass
    assert denied.value.response.status_code == 403
    with socket_client.websocket("/api/live", origin="http://testserver") as ws:
        assert ws.receive_json() == []


@pytest.mark.parametrize("after", ["-1", "x", str(LONG + 1)])
def test_a_wrong_handshake_is_refused(socket_client: Client, after: str) -> None:
    with pytest.raises(WebSocketDenied) as denied, socket_client.websocket(f"/api/live?after={after}"):
        pass
    assert denied.value.response.status_code == 422


def test_what_asks_for_the_socket_without_one_is_told(client: Client) -> None:
    response = client.get("/api/live")
    assert response.status_code == 426
    assert response.headers["content-type"] == "application/problem+json"


def test_a_backend_without_sockets_refuses_the_board_and_names_the_route(board: Any) -> None:
    (unmet,) = board.app.unmet("wsgi")
    assert re.search(r"app\.py:\d+\): /api/live needs WebSocket routes.*skip_unsupported", unmet)
    board.app.compile("wsgi")  # its own Config says that it does without


# -- start -------------------------------------------------------------------------------------------------------------


def test_a_file_that_cannot_be_opened_is_named(
    board: Any, backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = tmp_path / "no" / "such" / "folder" / "board.db"
    monkeypatch.setenv("BOARD_DB", str(missing))
    with pytest.raises(Exception, match=str(missing)):  # noqa: SIM117 - the start is what raises
        with Client(board.app, backend, skip_unsupported=True):
            pass


def test_the_file_is_beside_the_working_directory_by_default(
    board: Any, backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BOARD_DB", raising=False)
    monkeypatch.chdir(tmp_path)
    with Client(board.app, backend, skip_unsupported=True) as client:
        post(client, "kept")
        assert (tmp_path / "board.db").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["board.db"], "closed, with nothing left beside it"
