"""Timeout: what takes too long is ended and waited for, and the client gets a 504."""

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hinge import App, ConfigurationError, Request, Router, WebSocket
from hinge.middleware import Timeout

SOON = 0.02


def app_with(notes: list[str], seconds: float = SOON) -> App:
    app, router = App(), Router(middleware=[Timeout(seconds)])

    @router.get("/waits")
    async def waits() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # the clean-up may wait, too
            notes.append("cleaned up")
        return "never"

    @router.get("/begins")
    async def begins() -> AsyncIterator[str]:
        await asyncio.Event().wait()
        yield "never"

    @router.get("/streams")
    async def streams() -> AsyncIterator[str]:
        yield "a"
        await asyncio.sleep(SOON * 3)
        yield "b"

    @router.get("/own")
    async def own() -> None:
        raise TimeoutError("of a database")

    @router.get("/quick")
    async def quick(request: Request) -> str:
        return "quick"

    app.include(router)
    return app


def test_every_row(client_for: Any, caplog: pytest.LogCaptureFixture) -> None:
    notes: list[str] = []
    client = client_for(app_with(notes))
    found = {path: client.get(path) for path in ("/waits", "/begins", "/streams", "/own", "/quick", "/nowhere")}
    assert {path: answer.status_code for path, answer in found.items()} == {
        "/waits": 504,
        "/begins": 504,
        "/streams": 200,
        "/own": 500,
        "/quick": 200,
        "/nowhere": 404,
    }
    late = found["/waits"]
    assert (late.headers["content-type"], late.json()["detail"]) == (
        "application/problem+json",
        "The request took too long.",
    )
    assert (notes, found["/streams"].text) == (["cleaned up"], "ab")


def slow_app(go_on: threading.Event, **options: Any) -> App:
    app = App(middleware=[Timeout(SOON)])

    @app.get("/", **options)
    def slow() -> str:
        go_on.wait(10)
        return "late"

    return app


def test_a_def_handler_goes_on_in_its_thread_or_is_refused(client_for: Any, backend: Any) -> None:
    go_on = threading.Event()
    app = slow_app(go_on)
    if backend.interface == "wsgi":
        with pytest.raises(ConfigurationError, match=r"slow .*test_timeout.py.*Timeout .*Fix: `async def`, or inline"):
            client_for(app, skip_unsupported=True)
        return
    try:
        assert client_for(app).get("/").status_code == 504
    finally:
        go_on.set()


def test_what_never_waits_is_served_everywhere(client_for: Any) -> None:
    go_on = threading.Event()
    go_on.set()
    assert client_for(slow_app(go_on, inline=True)).get("/").text == "late"


def test_a_websocket_may_stay(each_backend: Any) -> None:
    app = App(middleware=[Timeout(SOON)])

    @app.websocket("/live")
    async def live(ws: WebSocket) -> None:
        await ws.accept()
        await asyncio.sleep(SOON * 2)
        await ws.send("still here")

    with each_backend(app) as client, client.websocket("/live") as ws:
        assert ws.receive() == "still here"
