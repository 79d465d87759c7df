"""The WebSocket of a mounted application: it may receive in one task while another has not accepted yet."""

import asyncio
from typing import Any

import pytest

from hinge import App, WebSocketDisconnect
from hinge.testing import Client, WebSocketDenied


def serving(*answer: dict[str, Any]) -> tuple[App, list[Any]]:
    """Return an app with one that receives before it answers, and what it receives."""
    received: list[Any] = []

    async def old(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "websocket":
            raise RuntimeError("no lifespan")
        received.append((await receive())["type"])
        waiting = asyncio.create_task(receive())
        await asyncio.sleep(0)
        for message in answer:
            await send(message)
        received.append((await waiting)["type"])

    app = App()
    app.mount("/old", old)
    return app, received


def test_what_it_waits_for_comes_after_it_has_accepted() -> None:
    app, received = serving({"type": "websocket.accept"}, {"type": "websocket.send", "text": "welcome"})
    with Client(app, "asgi") as client, client.websocket("/old/live") as ws:
        assert ws.receive() == "welcome"
        ws.send("hello")
        with pytest.raises(WebSocketDisconnect):
            ws.receive()
    assert received == ["websocket.connect", "websocket.receive"]


@pytest.mark.parametrize(
    "answer",
    [
        [{"type": "websocket.close"}],
        [
            {"type": "websocket.http.response.start", "status": 403, "headers": []},
            {"type": "websocket.http.response.body", "body": b"no"},
        ],
    ],
)
def test_one_that_it_refuses_ends_the_wait(answer: list[dict[str, Any]]) -> None:
    app, received = serving(*answer)
    with Client(app, "asgi") as client, pytest.raises(WebSocketDenied), client.websocket("/old/live"):
        raise AssertionError("it is open")
    assert received == ["websocket.connect", "websocket.disconnect"]
