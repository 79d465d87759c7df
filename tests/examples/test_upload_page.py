"""The page of examples/upload.py in a browser, served by Granian on both backends."""

import os
from pathlib import Path

import httpx
import pytest
from tests.examples.browser import Browser
from tests.support.services import Serve
from tests.support.waiting import until

pytestmark = [pytest.mark.server, pytest.mark.browser, pytest.mark.gate]


class Page:
    """The form and the table, as a visitor sees them."""

    def __init__(self, browser: Browser, url: str) -> None:
        browser.open(url)
        self._driver = browser.driver

    def send(self, note: str, *files: Path, checked: bool = True) -> None:
        """Fill the form in and send it; return once the next page is there."""
        find = self._driver.find_element
        if not checked:  # as a client would that knows no `required`
            self._driver.execute_script("document.forms[0].noValidate = true")
        if files:
            find("name", "files").send_keys("\n".join(map(str, files)))
        field = find("name", "note")
        field.clear()
        field.send_keys(note)
        self._driver.execute_script("window.stale = true")
        find("tag name", "button").click()
        until(lambda: self._driver.execute_script(
            "return document.readyState === 'complete' && !window.stale"), "the answer")  # fmt: skip

    def alert(self) -> str:
        return str(self._driver.find_element("css selector", "[role=alert]").text)

    def rows(self) -> list[list[str]]:
        rows = self._driver.find_elements("css selector", "tbody tr")
        return [[cell.text for cell in row.find_elements("tag name", "td")] for row in rows]

    def links(self) -> dict[str, str]:
        return {link.text: str(link.get_attribute("href")) for link in self._driver.find_elements("tag name", "a")}

    def is_refused_by_the_browser(self) -> bool:
        return not self._driver.execute_script("return document.forms[0].checkValidity()")


def test_files_go_there_and_come_back(serve: Serve, browser: Browser, backend: str, tmp_path: Path) -> None:
    folder, temporary = tmp_path / "from", tmp_path / "temporary"
    folder.mkdir()
    temporary.mkdir()
    text, binary, large = folder / "naïve résumé 日本.txt", folder / "blob", folder / "large.bin"
    text.write_text("Grüße", "utf-8")
    binary.write_bytes(os.urandom(2**20 + 1))
    large.write_bytes(bytes(5 * 2**20 + 1))
    environ = {"UPLOADS": str(tmp_path / "kept"), "TMPDIR": str(temporary)}
    service = serve("examples/upload.py", "--backend", backend, **environ)

    page = Page(browser, service.url)
    assert page.is_refused_by_the_browser()  # nothing is chosen yet
    page.send("two <b>files</b> & more", text, binary)
    assert sorted(page.rows()) == [
        ["blob", "application/octet-stream", "1,048,577 bytes", "two <b>files</b> & more"],
        ["naïve résumé 日本.txt", "text/plain", "7 bytes", "two <b>files</b> & more"],
    ]
    for file in (text, binary):
        answer = httpx.get(page.links()[file.name])
        assert answer.content == file.read_bytes()
    assert browser.complaints() == []

    page.send("too large", large)
    assert page.alert() == "A file of the form is larger than the 5242880 bytes allowed here."
    page.send("none", checked=False)
    assert page.alert() == "files: is required"
    assert len(page.rows()) == 2  # they are still listed beside the complaint
    page.send("again", text)
    assert (page.alert(), len(page.rows())) == ("", 3)
    assert service.stop() == 0
    assert [*temporary.iterdir()] == []
    assert "Traceback" not in service.log()
