"""An ASGI application under servers without a lifespan protocol, on one loop after another, and at its end."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.support.asgi import Lifespan, Peer, call, run, scope

from hinge import App, EventSourceResponse, State, StreamingResponse, WebSocket

Messages = list[dict[str, Any]]


def other_tasks() -> list[str]:
    """Return the tasks beside this one and the one that waits for the loop's end."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    return [name for task in others if not (name := repr(task.get_coro())).startswith("<coroutine object LifespanTask")]


def app_with_life(notes: list[str]) -> App:
    app = App()

    @app.lifespan
    async def life() -> AsyncIterator[dict[str, Any]]:
        notes.append("start")
        await asyncio.sleep(0.01)
        yield {"loop": id(asyncio.get_running_loop())}
        notes.append("stop")

    @app.get("/")
    async def handler(state: State) -> bool:
        return bool(state.loop == id(asyncio.get_running_loop()))

    return app


def test_fifty_first_requests_start_the_lifespan_once() -> None:
    notes: list[str] = []
    app = app_with_life(notes)

    async def test() -> None:
        peers = await asyncio.gather(*(call(app.asgi) for _ in range(50)))
        assert {peer.body for peer in peers} == {b"true"}
        assert notes == ["start"]

    run(test)
    assert notes == ["start", "stop"]


def test_each_loop_has_a_life_of_its_own() -> None:
    """As in tests that call the application from one `asyncio.run` after the other."""
    notes: list[str] = []
    app = app_with_life(notes)

    async def test() -> None:
        assert (await call(app.asgi)).body == b"true"
        assert (await call(app.asgi)).body == b"true"

    for number in range(1, 4):
        run(test)
        assert notes == ["start", "stop"] * number


def test_a_first_request_that_is_cancelled_takes_nobody_along() -> None:
    notes: list[str] = []
    app = app_with_life(notes)

    async def test() -> None:
        first = asyncio.create_task(call(app.asgi))
        second = asyncio.create_task(call(app.asgi))
        await asyncio.sleep(0)
        first.cancel()
        assert (await second).body == b"true"
        assert first.cancelled()
        assert notes == ["start"]

    run(test)


def test_a_start_that_fails_refuses_everything_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    app = App()
    starts: list[int] = []

    @app.lifespan
    async def fails() -> AsyncIterator[None]:
        starts.append(1)
        raise ValueError("no database")
        yield

    @app.get("/")
    async def handler() -> str:
        return "never"

    @app.websocket("/ws")
    async def ws(ws: WebSocket) -> None:
        await ws.accept()

    async def test() -> None:
        peers = await asyncio.gather(*(call(app.asgi) for _ in range(10)), call(app.asgi, "/nowhere"))
        assert {peer.status for peer in peers} == {503}
        peer = Peer({"type": "websocket.connect"})
        await app.asgi(scope("/ws", "websocket"), peer.receive, peer.send)
        assert [message["type"] for message in peer.sent] == ["websocket.close"]

    run(test)
    assert starts == [1]
    assert len([record for record in caplog.records if record.levelno >= logging.ERROR]) == 1


def test_a_start_that_is_no_exception_s_failure_refuses_as_well() -> None:
    app = App()

    @app.lifespan
    async def cancelled() -> AsyncIterator[None]:
        raise asyncio.CancelledError
        yield

    @app.get("/")
    async def handler() -> str:
        return "never"

    async def test() -> None:
        assert (await call(app.asgi)).status == 503

    run(test)


def test_the_protocol_is_spoken_to_the_letter() -> None:
    notes: list[str] = []
    app = app_with_life(notes)

    async def test() -> None:
        state: dict[str, Any] = {}
        life = Lifespan(app.asgi, state=state)
        assert await life.ask("startup") == {"type": "lifespan.startup.complete"}
        assert list(state) == ["loop"]
        assert (await call(app.asgi)).body == b"true"
        assert await life.ask("shutdown") == {"type": "lifespan.shutdown.complete"}
        await life.task

    run(test)
    assert notes == ["start", "stop"]


def test_a_request_during_the_shutdown_starts_nothing_again() -> None:
    notes: list[str] = []
    app = App()
    stopping = asyncio.Event()
    go = asyncio.Event()

    @app.lifespan
    async def life() -> AsyncIterator[None]:
        notes.append("start")
        yield
        stopping.set()
        await go.wait()
        notes.append("stop")

    @app.get("/")
    async def handler() -> str:
        return "x"

    async def test() -> None:
        life = Lifespan(app.asgi)
        await life.ask("startup")
        life.tell("shutdown")
        await stopping.wait()
        assert (await call(app.asgi)).status == 503
        go.set()
        await life.task

    run(test)
    assert notes == ["start", "stop"]


def test_a_drain_before_anything_was_open_counts_for_what_comes() -> None:
    app = App()

    async def endless() -> AsyncIterator[str]:
        yield "x"
        await asyncio.Event().wait()

    app.get("/events")(lambda: EventSourceResponse(endless()))
    app.get("/stream")(lambda: StreamingResponse(endless()))

    async def test() -> None:
        app.asgi.drain(1.0)
        events = await call(app.asgi, "/events")
        assert (events.status, events.body, events.sent[-1]["more_body"]) == (200, b"", False)
        peer = Peer()
        with pytest.raises(Exception, match="cut off"):
            await app.asgi(scope("/stream"), peer.receive, peer.send)
        assert peer.body == b"x"
        assert app.asgi.runtime.open == set()

    run(test)


def test_a_drain_reaches_what_runs_on_a_later_loop() -> None:
    app = App()

    async def endless() -> AsyncIterator[str]:
        yield "x"
        await asyncio.Event().wait()

    app.get("/")(lambda: EventSourceResponse(endless()))

    async def leave() -> None:
        peer = Peer()
        task = asyncio.create_task(app.asgi(scope(), peer.receive, peer.send))
        await peer.has_sent_body.wait()
        peer.left.set()
        await task

    async def drained() -> None:
        life = Lifespan(app.asgi)
        await life.ask("startup")
        peer = Peer()
        task = asyncio.create_task(app.asgi(scope(), peer.receive, peer.send))
        await peer.has_sent_body.wait()
        app.asgi.drain(3600)
        await task
        assert peer.sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
        life.tell("shutdown")
        await life.task

    run(leave)
    run(drained)


def test_a_server_that_refuses_to_send_means_a_client_that_left(caplog: pytest.LogCaptureFixture) -> None:
    app = App()
    closed: list[str] = []
    done: list[str] = []

    from hinge import Request

    @app.get("/stream")
    async def stream(request: Request) -> AsyncIterator[str]:
        request.after_response(done.append, "after")
        try:
            while True:
                yield "x"
        finally:
            await asyncio.sleep(0)
            closed.append("closed")

    @app.get("/events")
    async def events(request: Request) -> EventSourceResponse:
        return EventSourceResponse(stream(request), ping=0.001)

    @app.get("/plain")
    async def plain(request: Request) -> str:
        request.after_response(done.append, "after")
        return "x"

    async def test() -> None:
        for path in ("/stream", "/events", "/plain"):
            for good in range(3):
                left = [None] * good

                async def send(message: dict[str, Any], left: list[None] = left) -> None:
                    if not left:
                        raise OSError("the client has left")
                    left.pop()

                await app.asgi(scope(path), Peer().receive, send)

    run(test)
    assert closed == ["closed"] * 5  # the head of the events was refused before their source began
    assert done == ["after"] * 8
    assert caplog.records == []


def test_a_server_s_own_failure_to_send_is_its_own() -> None:
    app = App()
    closed: list[str] = []

    @app.get("/")
    async def stream() -> AsyncIterator[str]:
        try:
            while True:
                yield "x"
        finally:
            closed.append("closed")

    async def test() -> None:
        sent: Messages = []

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)
            if len(sent) == 2:
                raise LookupError("inside the server")

        with pytest.raises(LookupError, match="inside the server"):
            await app.asgi(scope(), Peer().receive, send)
        assert len(sent) == 2

    run(test)
    assert closed == ["closed"]


@pytest.mark.parametrize("when", ["first chunk", "sending", "waiting"])
def test_a_server_that_cancels_the_request_closes_the_source(when: str) -> None:
    app = App()
    notes: list[str] = []

    @app.get("/")
    async def stream() -> AsyncIterator[str]:
        try:
            if when == "first chunk":
                await asyncio.Event().wait()
            yield "x"
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            notes.append("closed")

    async def test() -> None:
        peer = Peer()

        async def send(message: dict[str, Any]) -> None:
            await peer.send(message)
            if when == "sending" and message.get("body"):
                await asyncio.Event().wait()

        task = asyncio.create_task(app.asgi(scope(), peer.receive, send))
        for _ in range(20):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert other_tasks() == []

    run(test)
    assert notes == ["closed"]


def test_a_plain_source_is_not_closed_in_the_middle_of_a_step() -> None:
    """A server that cancels a request cannot stop the thread that makes the next chunk."""
    import threading
    from collections.abc import Iterator

    app = App()
    notes: list[str] = []
    entered, release = threading.Event(), threading.Event()

    @app.get("/")
    def stream() -> Iterator[str]:
        try:
            yield "x"
            entered.set()
            release.wait(10)
            notes.append("step done")
            yield "y"
        finally:
            notes.append("closed")

    async def test() -> None:
        peer = Peer()
        task = asyncio.create_task(app.asgi(scope(), peer.receive, peer.send))
        await asyncio.to_thread(entered.wait, 10)
        task.cancel()
        asyncio.get_running_loop().call_later(0.05, release.set)
        with pytest.raises(asyncio.CancelledError):
            await task

    run(test)
    assert notes == ["step done", "closed"]


def test_nothing_is_left_on_the_loop() -> None:
    app = App()

    @app.get("/stream")
    async def stream() -> AsyncIterator[str]:
        yield "x"

    @app.get("/events")
    async def events() -> EventSourceResponse:
        return EventSourceResponse(stream())

    @app.get("/plain")
    def plain() -> str:
        return "x"

    async def test() -> None:
        for path in ("/stream", "/events", "/plain", "/nowhere"):
            await call(app.asgi, path)
        assert other_tasks() == []
        assert app.asgi.runtime.open == set()

    run(test)
