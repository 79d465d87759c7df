"""Closing a WebSocket from this side, under servers that make it difficult."""

import asyncio
from typing import Any

import pytest
from tests.support.asgi import scope

from hinge import App, WebSocket

WEBSOCKET = scope("/", "websocket")


class Server:
    """An open connection whose peer says nothing."""

    def __init__(self) -> None:
        self.is_connected = False
        self.waiting = 0
        self.sent: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        if not self.is_connected:
            self.is_connected = True
            return {"type": "websocket.connect"}
        self.waiting += 1
        try:
            await asyncio.Event().wait()
            raise AssertionError
        finally:
            self.waiting -= 1

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)


@pytest.fixture(autouse=True, params=["coroutine", "future"])
def receive(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the server's `receive` returns: Granian's is a future, for which no task waits."""
    if request.param == "future":
        coroutine = Server.receive
        monkeypatch.setattr(Server, "receive", lambda self: asyncio.ensure_future(coroutine(self)))


def serve(app: App, server: Server) -> list[dict[str, Any]]:
    asyncio.run(asyncio.wait_for(app.asgi(WEBSOCKET, server.receive, server.send), 10))
    return server.sent


def test_nobody_waits_for_a_message_any_more_when_the_close_is_sent() -> None:
    """Granian keeps the close frame back as long as somebody does."""
    app = App()
    waiting = []

    class Granian(Server):
        async def send(self, message: dict[str, Any]) -> None:
            await super().send(message)
            await asyncio.sleep(0)
            waiting.append((message["type"], self.waiting))

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        await asyncio.sleep(0)
        await ws.close(3000, "done")

    serve(app, Granian())
    assert waiting == [("websocket.accept", 1), ("websocket.close", 0)]


def test_a_code_that_the_server_refuses_goes_out_in_the_private_range() -> None:
    """Daphne sends 1000 and 3000..4999 only; the peer of a failed handler must not be left waiting."""
    app = App()

    class Daphne(Server):
        async def send(self, message: dict[str, Any]) -> None:
            if 1000 < message.get("code", 0) < 3000:
                raise Exception("invalid close code")
            await super().send(message)

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        raise ValueError

    sent = serve(app, Daphne())
    assert [message.get("code") for message in sent] == [None, 4011]


def test_no_task_outlives_a_handler_that_ends_before_the_loop_s_next_turn() -> None:
    app = App()
    server = Server()

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()

    async def left() -> set[str]:
        await app.asgi(WEBSOCKET, server.receive, server.send)
        await asyncio.sleep(0.01)
        return {task.get_coro().__name__ for task in asyncio.all_tasks() - {asyncio.current_task()}}  # type: ignore[union-attr]

    assert asyncio.run(left()) == {"run"}  # it holds the lifespans


def test_a_peer_that_does_not_take_the_close_frame_keeps_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hinge_asgi.websocket.CLOSE_SECONDS", 0.05)
    app = App()

    class Deaf(Server):
        async def send(self, message: dict[str, Any]) -> None:
            await super().send(message)
            if message["type"] == "websocket.close":
                await asyncio.Event().wait()

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()

    assert [message["type"] for message in serve(app, Deaf())] == ["websocket.accept", "websocket.close"]


def test_a_task_that_still_waits_for_a_message_learns_of_the_close() -> None:
    app = App()
    ended = []

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()

        async def read() -> None:
            ended.extend([message async for message in ws])
            ended.append("read")

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(read())
            await asyncio.sleep(0)
            await ws.close(3000, "done")

    assert serve(app, Server())[-1] == {"type": "websocket.close", "code": 3000, "reason": "done"}
    assert ended == ["read"]
