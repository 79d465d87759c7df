"""A file is read on the event loop while that waits for no disk, and in threads otherwise; the bytes are the same."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.asgi import ask

from hinge import App, FileResponse, Middleware
from hinge.responses.opened import Opened, open_path

CONTENT = os.urandom(700_000)
TELLS = hasattr(os, "RWF_NOWAIT")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.bin"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[threading.Thread]:
    """Return who read, step by step."""
    found: list[threading.Thread] = []
    read = Opened.read

    def noting(self: Opened, start: int, stop: int) -> bytes:
        found.append(threading.current_thread())
        return read(self, start, stop)

    monkeypatch.setattr(Opened, "read", noting)
    return found


def passing() -> Middleware:
    yield


def body(app: App, target: str, *headers: tuple[bytes, bytes]) -> bytes:
    messages = ask(app.asgi, target, headers=[*headers]).sent
    return b"".join(message.get("body", b"") for message in messages)


@pytest.mark.parametrize("layers", [[], [passing]])
@pytest.mark.parametrize("target", ["/static/a.bin", "/file"])
def test_what_is_in_memory_is_read_on_the_loop(
    path: Path, threads: list[threading.Thread], monkeypatch: pytest.MonkeyPatch, target: str, layers: list[Any]
) -> None:
    app = App(middleware=layers)
    app.static("/static", path.parent)
    app.get("/file")(lambda: FileResponse(path))
    assert body(app, target) == CONTENT
    assert body(app, target, (b"range", b"bytes=5-400000")) == CONTENT[5:400001]
    on_loop = [thread for thread in threads if thread is threading.main_thread()]
    opened_in_thread = 2 if target == "/file" else 0  # with the first chunk
    assert len(on_loop) == (5 - opened_in_thread if TELLS else 0)
    assert len(threads) == 5
    threads.clear()
    monkeypatch.setattr(Opened, "is_in_memory", lambda *_: False)
    assert body(app, target) == CONTENT
    assert len(threads) == 3
    assert threading.main_thread() not in threads


def test_what_becomes_shorter_cuts_the_connection(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = App()
    app.static("/static", path.parent)
    is_in_memory = Opened.is_in_memory

    def shortening(self: Opened, start: int, stop: int) -> bool:
        os.truncate(path, 300_000)
        return is_in_memory(self, start, stop)

    monkeypatch.setattr(Opened, "is_in_memory", shortening)
    with pytest.raises(Exception, match="cut off"):
        body(app, "/static/a.bin")


def refuse(*_: Any) -> int:
    raise BlockingIOError


@pytest.mark.skipif(not TELLS, reason="only Linux tells")
@pytest.mark.parametrize(
    ("change", "is_known"),
    [
        (lambda file, patch: None, True),
        (lambda file, patch: file.close(), False),
        (lambda file, patch: patch.setattr(os, "preadv", refuse), False),
        (lambda file, patch: patch.setattr("hinge.responses.opened._NO_WAIT", None), False),
    ],
    ids=["in memory", "closed", "on a disk", "another system"],
)
def test_what_is_known(
    path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Opened, pytest.MonkeyPatch], None], is_known: bool
) -> None:
    file = open_path(str(path))
    change(file, monkeypatch)
    assert file.is_in_memory(0, len(CONTENT)) is is_known
    assert not file.is_in_memory(0, len(CONTENT) + 1)
