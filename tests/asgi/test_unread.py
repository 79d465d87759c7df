"""A peer that sends what the handler does not read: its leaving is noticed all the same, and what piles up is bounded.

The messages are those of a server, made by hand: what arrives when is then the test's to say.
"""

import asyncio
import logging
from typing import Any

import anyio
import pytest
from tests.support.asgi import scope

import hinge_asgi.transport
import hinge_asgi.websocket
from hinge import App, WebSocket, WebSocketDisconnect

SCOPE = scope("/", "websocket")


class Peer:
    """Sends the given texts at once; then leaves, or stays."""

    def __init__(self, texts: list[str], *, leaves: bool) -> None:
        self._messages: list[dict[str, Any]] = [{"type": "websocket.connect"}]
        self._messages += [{"type": "websocket.receive", "text": text} for text in texts]
        if leaves:
            self._messages.append({"type": "websocket.disconnect", "code": 1001})
        self.all_taken = asyncio.Event()
        self.left = False
        self.sent: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        if not self._messages:
            self.all_taken.set()
            await asyncio.Event().wait()
        message = self._messages.pop(0)
        self.left = message["type"] == "websocket.disconnect"
        return message

    async def send(self, message: dict[str, Any]) -> None:
        """Take it, as Granian does even if the peer has left."""
        self.sent.append(message)

    def closed_with(self) -> list[int]:
        return [message["code"] for message in self.sent if message["type"] == "websocket.close"]


async def serve(app: App, peer: Peer) -> None:
    with anyio.fail_after(20):
        await app.asgi(SCOPE, peer.receive, peer.send)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hinge_asgi.transport, "UNREAD_SECONDS", 0.01)
    monkeypatch.setattr(hinge_asgi.websocket, "NOTICE_SECONDS", 0.01)
    monkeypatch.setattr(hinge_asgi.transport, "HANDLING_SECONDS", 0.01)


@pytest.fixture
def pushing() -> App:
    app = App()

    @app.websocket("/")
    async def push(ws: WebSocket) -> None:
        await ws.accept()
        await anyio.sleep_forever()

    return app


@pytest.mark.parametrize("unread", [0, 1, 15, 16, 17, 1000])
def test_a_handler_that_only_sends_ends_when_its_peer_leaves(pushing: App, unread: int) -> None:
    async def scenario() -> None:
        await serve(pushing, Peer(["hello"] * unread, leaves=True))

    asyncio.run(scenario())


@pytest.mark.parametrize("texts", [["x"] * 5000, ["x" * 300_000] * 10], ids=["many", "large"])
def test_what_piles_up_unread_is_bounded(pushing: App, texts: list[str]) -> None:
    async def scenario() -> Peer:
        peer = Peer(texts, leaves=False)
        await serve(pushing, peer)
        return peer

    assert asyncio.run(scenario()).closed_with() == [1008]


def test_a_handler_that_takes_its_time_gets_every_message(caplog: pytest.LogCaptureFixture) -> None:
    texts = [f"{number}" for number in range(1000)]
    received: list[Any] = []
    app = App()
    ready = asyncio.Event()

    @app.websocket("/")
    async def slow(ws: WebSocket) -> None:
        await ws.accept()
        await ready.wait()
        received.extend([await ws.receive() for _ in texts])

    async def scenario() -> Peer:
        peer = Peer(texts, leaves=False)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(serve, app, peer)
            await peer.all_taken.wait()
            ready.set()
        return peer

    assert asyncio.run(scenario()).closed_with() == [1000]
    assert received == texts
    assert not caplog.records


def test_one_message_may_be_larger_than_what_may_pile_up() -> None:
    app = App()
    received: list[int] = []
    ready = asyncio.Event()

    @app.websocket("/")
    async def slow(ws: WebSocket) -> None:
        await ws.accept()
        await ready.wait()
        received.append(len(await ws.receive()))

    async def scenario() -> None:
        peer = Peer(["x" * 1024 * 1024], leaves=False)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(serve, app, peer)
            await peer.all_taken.wait()
            ready.set()

    asyncio.run(scenario())
    assert received == [1024 * 1024]


@pytest.mark.parametrize("count", [1, 3, 40])
@pytest.mark.parametrize("handling", [0, 0.02])
def test_what_came_before_the_peer_left_is_handled_first(
    count: int, handling: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its replies: a server that has read the close sends nothing more."""
    monkeypatch.setattr(hinge_asgi.transport, "HANDLING_SECONDS", 10)
    app = App()

    @app.websocket("/")
    async def echo(ws: WebSocket) -> None:
        await ws.accept()
        async for message in ws:
            await asyncio.sleep(handling)
            await ws.send(message)

    texts = [f"{number}" for number in range(count)]
    peer = Peer(texts, leaves=True)
    asyncio.run(serve(app, peer))
    assert [message["text"] for message in peer.sent if message["type"] == "websocket.send"] == texts


def test_a_handler_that_reads_is_not_cancelled_even_if_the_leaving_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    app = App()
    peer = Peer(["one", "two", "three"], leaves=True)
    seen: list[object] = []

    @app.websocket("/")
    async def slow(ws: WebSocket) -> None:
        await ws.accept()
        while peer.left is False:  # noqa: ASYNC110 - a turn of the loop, no time
            await asyncio.sleep(0)
        monkeypatch.setattr(hinge_asgi.transport, "HANDLING_SECONDS", 10)
        async for message in ws:
            await asyncio.sleep(0.02)
            seen.append(message)

    asyncio.run(serve(app, peer))
    assert seen == ["one", "two", "three"]


def test_messages_above_the_limit_are_not_kept_whether_or_not_they_are_read(pushing: App) -> None:
    async def scenario(*texts: str) -> Peer:
        peer = Peer([*texts], leaves=False)
        await serve(pushing, peer)
        return peer

    limit = pushing.config.max_message_size
    for texts in (["x" * (limit + 1)], ["\N{EURO SIGN}" * (limit // 3 + 1)], ["small"] * 5 + ["x" * (limit + 1)]):
        assert asyncio.run(scenario(*texts)).closed_with() == [1009]


def test_nothing_is_sent_behind_the_close_of_a_message_above_the_limit() -> None:
    app = App()
    peer = Peer(["small", "x" * (app.config.max_message_size + 1)], leaves=False)
    told: list[object] = []

    @app.websocket("/")
    async def late(ws: WebSocket) -> None:
        await ws.accept()
        while not peer.closed_with():  # noqa: ASYNC110 - a turn of the loop, no time
            await asyncio.sleep(0)
        try:
            await ws.send("an answer")
        except WebSocketDisconnect as gone:
            told.append(gone.code)

    asyncio.run(serve(app, peer))
    assert (told, peer.closed_with(), peer.sent[-1]["type"]) == ([1009], [1009], "websocket.close")


def in_task_group(*tasks_of: Any) -> App:
    app = App()

    @app.websocket("/")
    async def grouped(ws: WebSocket) -> None:
        await ws.accept()
        async with anyio.create_task_group() as tasks:
            for task in tasks_of:
                tasks.start_soon(task, ws)

    return app


async def read(ws: WebSocket) -> None:
    while True:
        await ws.receive()


async def fail_then(ws: WebSocket) -> None:
    try:
        await ws.receive()
    except WebSocketDisconnect:
        raise LookupError("a mistake of the app's") from None


def test_a_leaving_that_a_task_group_reports_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        await serve(in_task_group(read, read), Peer(["x"], leaves=True))

    asyncio.run(scenario())
    assert not caplog.records


def test_a_failure_that_a_task_group_reports_with_it_is_one(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        await serve(in_task_group(read, fail_then), Peer([], leaves=True))

    with caplog.at_level(logging.ERROR):
        asyncio.run(scenario())
    assert "a mistake of the app's" in caplog.text
