"""A headless Chromium for tests of pages (Debian: chromium, chromium-driver)."""

import importlib.util
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = Path("/usr/bin/chromium")
DRIVER = Path("/usr/bin/chromedriver")
OPTIONS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=900,1000",
]  # fmt: skip


class Browser:
    """A headless Chromium of its own; each window of it is a visitor."""

    def __init__(self, profile: Path) -> None:
        from selenium.webdriver import Chrome, ChromeOptions
        from selenium.webdriver.chrome.service import Service as Driver

        options = ChromeOptions()
        options.binary_location = str(CHROMIUM)
        for option in (*OPTIONS, f"--user-data-dir={profile}"):
            options.add_argument(option)
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        self.driver = Chrome(options, Driver(str(DRIVER)))
        self._unused: list[str] = [self.driver.current_window_handle]
        self._events: list[dict[str, Any]] = []

    def open(self, url: str) -> str:
        """Open a page in a window of its own and return the window once it is there."""
        if self._unused:
            self.driver.switch_to.window(self._unused.pop())
        else:
            self.driver.switch_to.new_window("window")
        self.driver.get(url)
        return str(self.driver.current_window_handle)

    def network(self, method: str) -> list[dict[str, Any]]:
        """Return the parameters of every network event of a kind so far, as the DevTools protocol names them."""
        self._events += [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [event["params"] for event in self._events if event["method"] == f"Network.{method}"]

    def complaints(self) -> list[str]:
        """Return what the browser's console has said since the last time: errors, refused content, failed loads."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]


def missing() -> str | None:
    """Return why there is no browser here, None if there is one."""
    absent = [str(path) for path in (CHROMIUM, DRIVER) if not path.exists()]
    if importlib.util.find_spec("selenium") is None:
        absent.append("the package selenium")
    return f"no browser: {', '.join(absent)} missing (Debian: chromium chromium-driver)" if absent else None


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    reason = missing()
    if reason is not None and os.environ.get("CI") == "true":
        pytest.fail(reason)
    if reason is not None:
        pytest.skip(reason)
    browser = Browser(tmp_path / "profile")
    yield browser
    browser.driver.quit()
