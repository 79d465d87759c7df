"""A source that is always ready, over a server whose `send` never waits, leaves a turn to everything else.

Granian's `send` is like that once the client has left; what would then notice the leaving never ran, and with it stood
every other request of the worker.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from tests.support.asgi import scope

from hinge import App, StreamingResponse, WebSocket, WebSocketDisconnect

ENOUGH = 10_000
HTTP = scope()
WEBSOCKET = scope("/", "websocket")


class Server:
    """Takes everything at once; the client leaves a few turns of the loop after the first message has arrived."""

    def __init__(self) -> None:
        self.sent = 0
        self.arrived = asyncio.Event()
        self.connected = False

    async def send(self, message: dict[str, Any]) -> None:
        self.sent += 1
        if "body" in message or message["type"] == "websocket.send":
            self.arrived.set()

    async def receive(self) -> dict[str, Any]:
        if not self.connected:
            self.connected = True
            return {"type": "websocket.connect"}
        await self.arrived.wait()
        for _ in range(5):
            await asyncio.sleep(0)
        return {"type": "websocket.disconnect", "code": 1001}

    async def receive_http(self) -> dict[str, Any]:
        await self.arrived.wait()
        for _ in range(5):
            await asyncio.sleep(0)
        return {"type": "http.disconnect"}


async def always_ready(closed: list[str]) -> AsyncIterator[str]:
    try:
        for _ in range(ENOUGH):
            yield "x"
    finally:
        closed.append("async")


def always_ready_sync(closed: list[str]) -> Iterator[str]:
    try:
        for _ in range(ENOUGH):
            yield "x"
    finally:
        closed.append("sync")


@pytest.mark.parametrize("source", [always_ready, always_ready_sync])
def test_a_stream_ends_when_its_client_leaves(source: Any) -> None:
    app = App()
    closed: list[str] = []

    @app.get("/")
    async def handler() -> StreamingResponse:
        return StreamingResponse(source(closed))

    async def serve() -> int:
        server = Server()
        await app.asgi(HTTP, server.receive_http, server.send)
        return server.sent

    assert asyncio.run(serve()) < ENOUGH / 10
    assert len(closed) == 1


def test_a_websocket_handler_that_only_sends_learns_that_its_peer_has_left() -> None:
    app = App()
    codes: list[int] = []

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        try:
            for _ in range(ENOUGH):
                await ws.send("x")
        except WebSocketDisconnect as gone:
            codes.append(gone.code)

    async def serve() -> int:
        server = Server()
        await app.asgi(WEBSOCKET, server.receive, server.send)
        return server.sent

    assert asyncio.run(serve()) < ENOUGH / 10
    assert codes == [1001]


@pytest.mark.parametrize("error", [ConnectionResetError, RuntimeError])
def test_a_send_that_fails_is_a_disconnect(error: type[Exception]) -> None:
    app = App()
    codes: list[int] = []

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        try:
            await ws.send("x")
        except WebSocketDisconnect as gone:
            codes.append(gone.code)

    async def serve() -> None:
        server = Server()

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "websocket.send":
                raise error("closed")

        await app.asgi(WEBSOCKET, server.receive, send)

    asyncio.run(serve())
    assert codes == [1006]
