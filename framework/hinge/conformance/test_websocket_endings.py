"""WebSockets: closes of either side, and every way that a handler ends."""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import pytest

from hinge import (
    App,
    AsyncMiddleware,
    HTTPError,
    WebSocket,
    WebSocketDisconnect,
)
from hinge.backend.contract import Backend
from hinge.conformance.websockets import NOTICE, PATIENCE, closed, refusal, websockets
from hinge.testing import Client

pytestmark = pytest.mark.clause("websocket.messages")


@pytest.mark.clause("websocket.end")
@websockets
@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1012, 3000, 4999])
def test_codes_and_reasons_go_both_ways(client_for: Callable[..., Client], code: int) -> None:
    app = App()
    seen: list[tuple[int, str]] = []

    @app.websocket("/closes")
    async def closes(ws: WebSocket) -> None:
        await ws.accept()
        await ws.close(code, "ünd tschüss")

    @app.websocket("/waits")
    async def waits(ws: WebSocket) -> None:
        await ws.accept()
        try:
            await ws.receive()
        except WebSocketDisconnect as gone:
            seen.append((gone.code, gone.reason))
            raise

    client = client_for(app)
    with client.websocket("/closes") as ws:
        assert closed(ws) == (code, "ünd tschüss")
    with client.websocket("/waits") as ws:
        ws.close(code, "bis bald")
    assert seen == [(code, "bis bald")]


@pytest.mark.clause("websocket.end")
@websockets
def test_a_handler_that_returns_closes_with_1000(client_for: Callable[..., Client]) -> None:
    app = App()

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()

    with client_for(app).websocket("/") as ws:
        assert closed(ws) == (1000, "")


@pytest.mark.clause("websocket.end")
@websockets
@pytest.mark.parametrize("error", [ValueError("broken"), HTTPError(404)])
def test_a_handler_that_fails_closes_with_1011(
    client_for: Callable[..., Client], error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    app = App()

    @app.websocket("/rooms/{room}")
    async def handler(ws: WebSocket, room: str) -> None:
        await ws.accept()
        raise error

    with client_for(app).websocket("/rooms/1") as ws:
        assert closed(ws)[0] == 1011
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "handler" in record.getMessage()
    assert "/rooms/1" in record.getMessage()
    assert "test_websocket_endings.py:" in record.getMessage()


@pytest.mark.clause("websocket.end")
@websockets
def test_a_handler_that_awaits_something_cancelled_fails(
    client_for: Callable[..., Client], caplog: pytest.LogCaptureFixture
) -> None:
    app = App()

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        task = asyncio.create_task(asyncio.sleep(60))
        task.cancel()
        await task

    with client_for(app).websocket("/") as ws:
        assert closed(ws)[0] == 1011
    assert "was cancelled" in caplog.text


@pytest.mark.clause("websocket.left")
@websockets
@pytest.mark.parametrize("how", ["receive", "iterate", "send"])
def test_a_leaving_that_the_handler_learns_of_is_no_failure(
    client_for: Callable[..., Client], how: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = App()
    after: list[str] = []

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send("ready")
        if how == "iterate":
            async for _ in ws:
                pass
            await asyncio.sleep(0.01)
            after.append("in peace")
            return
        try:
            while True:
                if how == "receive":
                    await ws.receive()
                else:
                    await ws.send("more")
                    await asyncio.sleep(0.001)
        except WebSocketDisconnect:
            await asyncio.sleep(0.01)
            after.append("in peace")
            raise

    with client_for(app).websocket("/") as ws:
        ws.receive(PATIENCE)
    assert after == ["in peace"]
    assert caplog.records == []


@pytest.mark.clause("websocket.left")
@websockets
def test_a_handler_that_was_told_may_take_its_time(client_for: Callable[..., Client]) -> None:
    app = App()
    after = threading.Event()

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        async for _ in ws:
            pass
        await asyncio.sleep(1.1)  # one that was not told has a second
        after.set()

    with client_for(app).websocket("/"):
        pass
    assert after.is_set()


@pytest.mark.clause("websocket.left")
@websockets
@pytest.mark.parametrize("where", ["before accept", "after accept", "in a group", "in middleware"])
def test_a_handler_that_waits_for_something_else_is_ended(
    client_for: Callable[..., Client], where: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = App()
    begun, ended = threading.Event(), threading.Event()

    async def wait() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)  # a clean-up that waits is not cut short
            ended.set()

    @app.middleware
    async def layer(ws: WebSocket) -> AsyncMiddleware:
        async with anyio.create_task_group():
            yield
            if where == "in middleware":
                await wait()

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        if where == "before accept":
            await wait()
        await ws.accept()
        if where == "after accept":
            await wait()
        elif where == "in a group":
            async with asyncio.TaskGroup() as group:
                group.create_task(wait())

    if where == "before accept":
        client = client_for(app, timeout=0.3)
        with pytest.raises(TimeoutError), client.websocket("/"):
            pass
        assert ended.wait(NOTICE)
    else:
        with client_for(app).websocket("/"):
            assert begun.wait(PATIENCE)
            started = time.monotonic()
        assert ended.is_set()
        assert time.monotonic() - started < NOTICE
    assert caplog.records == []


@pytest.mark.clause("websocket.left")
@websockets
def test_a_peer_that_left_during_the_handshake_is_told_at_accept(
    client_for: Callable[..., Client], caplog: pytest.LogCaptureFixture
) -> None:
    app = App()
    go, told = threading.Event(), threading.Event()

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await asyncio.to_thread(go.wait, PATIENCE)
        try:
            await ws.accept()
        except WebSocketDisconnect:
            told.set()
            raise

    client = client_for(app, timeout=0.1)
    with pytest.raises(TimeoutError), client.websocket("/"):
        pass
    go.set()
    assert told.wait(NOTICE)
    assert caplog.records == []


@pytest.mark.clause("websocket.left")
@websockets
def test_what_was_sent_before_the_leaving_is_read_first(client_for: Callable[..., Client]) -> None:
    app = App()
    seen: list[Any] = []
    done = threading.Event()

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        try:
            while True:
                seen.append(await ws.receive())
        except WebSocketDisconnect as gone:
            seen.append(gone.code)
            done.set()

    with client_for(app).websocket("/") as ws:
        for word in ("one", "two", "three"):
            ws.send(word)
        ws.close(3000)
    assert done.is_set()
    assert seen == ["one", "two", "three", 3000]


@pytest.mark.clause("drain.events")
@websockets
def test_a_stopping_worker_closes_with_1001(backend: Backend, caplog: pytest.LogCaptureFixture) -> None:
    app = App()
    notes: list[str] = []

    @app.lifespan
    async def life() -> AsyncIterator[None]:
        yield
        notes.append("life stops")

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            notes.append("handler ends")

    @app.websocket("/waits")
    async def waits(ws: WebSocket) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            notes.append("handler ends")

    with Client(app, backend.name) as client:
        ws = client.websocket("/")
        ws.__enter__()
        client.application.drain(PATIENCE)
        assert closed(ws) == (1001, "")
        assert refusal(client, "/waits").status_code == 503
    assert notes == ["handler ends", "life stops"]
    assert caplog.records == []
