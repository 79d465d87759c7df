"""What a stopping worker gives up, in time for its lifespans: `hinge run` with real processes, each backend."""

import contextlib
import re
import threading
import time
from pathlib import Path

import httpx
import pytest
from tests.support.services import Serve, Service
from tests.support.waiting import until

from hinge.backend.installed import installed_backends

pytestmark = [pytest.mark.server, pytest.mark.gate]

APP = """\
import asyncio
import os
import time

from hinge import App, EventSourceResponse, Request, StreamingResponse

app = App()


def note(text):
    with open("notes", "a") as file:
        file.write(f"{text} {time.monotonic()}\\n")


@app.lifespan
async def life():
    note("start")
    yield
    note("stop")
    await asyncio.sleep(0.2)
    note("stopped")


def blocks():
    note("begins")
    time.sleep(3600)


async def swallows():
    note("begins")
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass


@app.get("/plain")
def plain() -> None:
    blocks()


@app.get("/coroutine")
async def coroutine() -> None:
    await swallows()


@app.get("/after/plain")
def after_plain(request: Request) -> str:
    request.after_response(blocks)
    return "answered"


@app.get("/after/coroutine")
async def after_coroutine(request: Request) -> str:
    request.after_response(swallows)
    return "answered"


def steps():
    yield "one"
    blocks()


async def chunks():
    yield "one"
    await swallows()


@app.get("/stream/plain")
def stream_plain():
    return StreamingResponse(steps())


@app.get("/stream/coroutine")
async def stream_coroutine():
    return StreamingResponse(chunks())


@app.get("/stream/after")
def stream_after(request: Request):
    request.after_response(blocks)
    return StreamingResponse(iter("x"))


@app.get("/events/plain")
def events_plain():
    return EventSourceResponse(steps())


@app.get("/events/coroutine")
async def events_coroutine():
    return EventSourceResponse(chunks())


def closes():
    try:
        yield "one"
        while True:
            time.sleep(0.05)
            yield "more"
    finally:
        blocks()


@app.get("/close/plain")
def close_plain():
    note("begins")
    return StreamingResponse(closes())
"""

PATHS = [
    "/plain", "/coroutine", "/after/plain", "/after/coroutine", "/stream/plain",
    "/stream/coroutine", "/stream/after", "/events/plain", "/events/coroutine", "/close/plain",
]  # fmt: skip
"""What never ends. The log has to tell each of them, with its handler, which is named after its path."""
LEFT = r"left running in its thread|left behind|did not end|was cancelled|is cancelled"
GRACE = 6
LIFESPANS_BY = GRACE - GRACE / 3
SLOWNESS = 1.0
"""Seconds that a busy machine may add, which are fewer than the lifespans have."""


def ask(service: Service, path: str) -> threading.Thread:
    """Ask, and read what comes, in a thread."""

    def read() -> None:
        with contextlib.suppress(httpx.HTTPError):
            service.get(path)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "graceful.py").write_text(APP)
    return tmp_path


SINGLE = [pytest.param([path], id=path, marks=pytest.mark.gate) for path in PATHS]


@pytest.mark.parametrize("backend", installed_backends())
@pytest.mark.parametrize("paths", [pytest.param(PATHS, id="all"), *SINGLE])
def test_lifespans_stop_whatever_else_does_not(serve: Serve, backend: str, paths: list[str]) -> None:
    arguments = ("graceful:app", "--backend", backend, "--graceful-timeout", str(GRACE))
    service = serve(*arguments).started(1)
    calls = [ask(service, path) for path in paths]
    until(lambda: service.notes().count("begins") == len(paths), "all begin")
    begun = time.monotonic()
    code = service.stop()
    seconds = time.monotonic() - begun
    for call in calls:
        call.join(60)
    assert [stop - begun < LIFESPANS_BY + SLOWNESS for stop in service.noted("stop")] == [True], service.log()
    assert "stopped" in service.notes(), service.log()
    assert seconds < GRACE + 2 * SLOWNESS
    assert code == 0
    lines = service.log().splitlines()
    for path in paths:
        name = f"GET '{path}': handler graceful.{path[1:].replace('/', '_')} "
        assert [line for line in lines if name in line and re.search(LEFT, line)], (path, service.log())
