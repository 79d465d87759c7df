"""The app's own handler of SIGTERM: called under `hinge run`, whose stop is what it is without; and elsewhere."""

import contextlib
import signal
from pathlib import Path

import httpx
import pytest
from tests.support.ports import free_port
from tests.support.processes import Process
from tests.support.services import Serve
from tests.support.waiting import PATIENCE, until

pytestmark = [pytest.mark.server, pytest.mark.gate]

APP = """\
import asyncio
import os
import signal
import sys
import threading

from hinge import App

app = App()


def note(text):
    with open("notes", "a") as file:
        file.write(f"{text} {os.getpid()}\\n")


def told(number, frame):
    assert threading.current_thread() is threading.main_thread()
    note(signal.Signals(number).name)
    if HOW == "exits":
        sys.exit(3)
    if HOW == "fails":
        raise LookupError("of the handler")
    if HOW == "chained" and callable(before):
        before(number, frame)


HOW = os.environ["HOW"]
before = signal.getsignal(signal.SIGTERM)
if HOW not in ("lifespan", "loop"):
    signal.signal(signal.SIGTERM, told)


@app.lifespan
async def life(app):
    if HOW == "lifespan":
        signal.signal(signal.SIGTERM, told)
    if HOW == "loop":
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told, signal.SIGTERM, None)
    note("start")
    yield
    note("stop")


@app.get("/")
async def index() -> int:
    return os.getpid()


@app.get("/events")
async def events():
    try:
        while True:
            yield "tick"
            await asyncio.sleep(0.05)
    finally:
        note("closed")
"""

HOWS = [
    ("wsgi", "import"),
    ("asgi", "import"),
    ("asgi", "lifespan"),
    ("asgi", "loop"),
    ("wsgi", "exits"),
    ("asgi", "exits"),
    ("wsgi", "fails"),
    ("asgi", "fails"),
    ("wsgi", "chained"),
    ("asgi", "chained"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "own.py").write_text(APP)
    return tmp_path


@pytest.mark.parametrize(("backend", "how"), HOWS)
def test_it_is_called_and_the_worker_stops(serve: Serve, backend: str, how: str) -> None:
    service = serve("own:app", "--backend", backend, "--graceful-timeout", "5", HOW=how).started(1)
    worker = service.get().json()
    with service.client.stream("GET", "/events") as events:
        chunks = events.iter_bytes()
        next(chunks)
        service.signal(signal.SIGTERM)
        until(lambda: "SIGTERM" in service.notes(), "the app's handler", service.log)
        with contextlib.suppress(httpx.RemoteProtocolError):  # the stop cuts it
            list(chunks)
    assert service.wait() == 0
    assert sorted(service.notes()) == ["SIGTERM", "closed", "start", "stop"]
    assert service.notes().index("SIGTERM") < service.notes().index("stop")
    assert set(service.noted("SIGTERM")) == {worker}
    assert ("the app's own handler of SIGTERM failed" in service.log()) is (how == "fails")


BARE: dict[str, tuple[str, list[str]]] = {
    "uvicorn": ("uvicorn --port {port} own:app", ["start", "stop", "SIGTERM"]),
    "gunicorn": ("gunicorn -k gthread --bind 127.0.0.1:{port} own:app", ["start", "SIGTERM", "stop"]),
    "granian --interface asgi": ("granian --interface asgi --port {port} own:app", ["start", "stop"]),
    "granian --interface wsgi": ("granian --interface wsgi --port {port} own:app.wsgi", ["start", "stop"]),
}
"""Servers, and what happens with a handler that calls the one before it. Granian sets its own behind the app's."""


@pytest.mark.parametrize("server", BARE)
def test_other_servers(folder: Path, server: str) -> None:
    command, expected = BARE[server]
    port = free_port()
    process = Process(command.format(port=port).split(), folder, port, cwd=folder, environ={"HOW": "chained"})
    try:
        process.wait_until_it_listens()
        assert httpx.get(f"http://127.0.0.1:{port}/", timeout=PATIENCE).status_code == 200
        process.signal(signal.SIGTERM)
        process.wait()
    finally:
        process.kill()
    notes = [line.partition(" ")[0] for line in (folder / "notes").read_text().splitlines()]
    assert notes == expected
