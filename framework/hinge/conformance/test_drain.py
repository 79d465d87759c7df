"""A worker that stops: event streams and WebSockets end at once, other streams later, requests run to their end."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from hinge import App, EventSourceResponse, Request, StreamingResponse, WebSocket
from hinge.backend.contract import Backend, Feature
from hinge.conformance.layers import LAYERS, ONE_AT_MOST
from hinge.conformance.streams import CutOff
from hinge.errors import WebSocketDisconnect
from hinge.testing import Aborted, Client

pytestmark = pytest.mark.clause("drain.events")

PATIENCE = 10
BUSY = 6.0
"""Seconds that a thing may take which is owed at once or within one second: a busy machine adds the rest."""
NEVER = 3600.0


def drain(client: Client, seconds: float) -> None:
    """Tell the application what a worker tells it that got the signal to stop."""
    client.application.drain(seconds)


@pytest.fixture
def closed() -> list[str]:
    return []


@pytest.fixture(params=ONE_AT_MOST)
def app(request: pytest.FixtureRequest, backend: Backend, closed: list[str]) -> App:
    app = App(middleware=LAYERS[request.param])

    async def endless(first: str | None = "x") -> AsyncIterator[str]:
        try:
            if first is not None:
                yield first
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            closed.append("closed")

    def plain_endless() -> Iterator[str]:
        try:
            while True:
                yield "x"
        finally:
            closed.append("closed")

    if Feature.STREAMING in backend.features:

        @app.get("/events")
        async def events() -> EventSourceResponse:
            return EventSourceResponse(endless())

        @app.get("/events/silent")
        async def silent_events() -> EventSourceResponse:
            return EventSourceResponse(endless(None))

        @app.get("/events/def")
        def plain_events() -> EventSourceResponse:
            return EventSourceResponse(plain_endless())

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(endless())

    @app.get("/stream/silent")
    async def silent_stream() -> StreamingResponse:
        return StreamingResponse(endless(None))

    @app.get("/stream/def")
    def plain_stream() -> Iterator[str]:
        return plain_endless()

    @app.get("/stream/short")
    async def short(request: Request) -> AsyncIterator[str]:
        yield "a"
        yield "b"

    return app


@pytest.mark.needs(Feature.STREAMING, "it is a stream of events")
def test_event_streams_end_at_once(client_for: Callable[..., Client], app: App, closed: list[str]) -> None:
    client = client_for(app)
    with client.stream("GET", "/events") as response:
        events = response.events()
        assert next(events).data == "x"
        started = time.monotonic()
        drain(client, NEVER)
        assert list(events) == []  # an end, and no failure: the browser comes back by itself
        assert time.monotonic() - started < BUSY
    assert closed == ["closed"]


@pytest.mark.needs(Feature.STREAMING, "it is a stream of events")
def test_an_event_stream_that_has_sent_nothing_ends_at_once(
    client_for: Callable[..., Client], app: App, closed: list[str]
) -> None:
    client = client_for(app)
    with client.stream("GET", "/events/silent") as response:
        assert response.status_code == 200
        drain(client, NEVER)
        assert response.read() == b""
    assert closed in (["closed"], [])  # a source that nobody had asked for anything has nothing to close


@pytest.mark.needs(Feature.STREAMING, "it is a stream of events")
def test_a_plain_event_source_ends_with_its_next_event(
    client_for: Callable[..., Client], app: App, closed: list[str]
) -> None:
    client = client_for(app)
    with client.stream("GET", "/events/def") as response:
        events = response.events()
        next(events)
        drain(client, NEVER)
        assert len(list(events)) <= 2
    assert closed == ["closed"]


@pytest.mark.needs(Feature.STREAMING, "it is a stream of events")
def test_an_event_stream_that_opens_later_ends_at_once(
    client_for: Callable[..., Client], app: App, closed: list[str]
) -> None:
    client = client_for(app)
    drain(client, NEVER)
    for path in ("/events", "/events/silent", "/events/def"):
        response = client.get(path)
        assert (response.status_code, response.content) == (200, b"")
        assert response.headers["content-type"] == "text/event-stream"


@pytest.mark.needs(Feature.STREAMING, "what is cut off has begun to go out")
@pytest.mark.clause("drain.streams")
def test_other_streams_are_cut_off_after_the_given_time(
    client_for: Callable[..., Client], app: App, closed: list[str], caplog: pytest.LogCaptureFixture, cut_off: CutOff
) -> None:
    client = client_for(app)
    with client.stream("GET", "/stream") as response:
        chunks = response.iter_bytes()
        assert next(chunks) == b"x"
        started = time.monotonic()
        drain(client, 0.1)
        cut_off(chunks, more=0)
        assert 0.05 < time.monotonic() - started < BUSY
    assert closed == ["closed"]
    [record] = caplog.records  # the server's own line does not say whose stream it was
    assert record.levelname == "WARNING"
    assert "GET '/stream': handler " in record.getMessage()
    assert "is cut" in record.getMessage()


@pytest.mark.needs(Feature.STREAMING, "what is cut off has begun to go out")
@pytest.mark.clause("drain.streams")
def test_a_plain_stream_is_cut_off_at_its_next_chunk(
    client_for: Callable[..., Client], app: App, closed: list[str], cut_off: CutOff
) -> None:
    client = client_for(app)
    with client.stream("GET", "/stream/def") as response:
        chunks = response.iter_bytes()
        next(chunks)
        drain(client, 0.05)
        cut_off(chunks)
    assert closed == ["closed"]


@pytest.mark.needs(Feature.STREAMING, "what is cut off has begun to go out")
@pytest.mark.clause("drain.streams")
def test_a_stream_that_opens_later_is_cut_off_at_the_same_time(
    client_for: Callable[..., Client], app: App, closed: list[str], cut_off: CutOff
) -> None:
    client = client_for(app)
    drain(client, 0.2)
    started = time.monotonic()
    with client.stream("GET", "/stream") as response:
        chunks = response.iter_bytes()
        assert next(chunks) == b"x"
        cut_off(chunks, more=0)
        assert time.monotonic() - started < BUSY
    assert closed == ["closed"]


@pytest.mark.clause("drain.streams")
@pytest.mark.parametrize("path", ["/stream", "/stream/def"])
def test_a_stream_that_opens_after_the_cut_has_no_time_left(
    client_for: Callable[..., Client], app: App, path: str, cut_off: CutOff
) -> None:
    client = client_for(app)
    drain(client, 0.0)
    for _ in range(3):
        started = time.monotonic()
        with client.stream("GET", path) as response:
            if response.status_code != 503:
                cut_off(response.iter_bytes())
        assert time.monotonic() - started < BUSY


@pytest.mark.clause("drain.streams")
def test_a_stream_without_a_first_chunk_is_answered_with_503(
    client_for: Callable[..., Client], app: App, closed: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    client = client_for(app)
    drain(client, 0.3)
    response = client.get("/stream/silent")
    assert response.status_code == 503
    assert response.headers["content-type"] == "application/problem+json"
    assert closed == ["closed"]
    assert caplog.records == []


@pytest.mark.clause("drain.again")
def test_the_answer_of_what_was_cut_is_not_cut(client_for: Callable[..., Client], app: App) -> None:
    client = client_for(app)
    for seconds in (0.3, 0.3002, 0.3004, 0.3006, 0.3008, 0.301):
        drain(client, seconds)
    assert client.get("/stream/silent").status_code == 503


@pytest.mark.needs(Feature.STREAMING, "the client reads while the response is made")
@pytest.mark.clause("drain.streams")
def test_a_stream_that_ends_in_time_is_complete(client_for: Callable[..., Client], app: App) -> None:
    client = client_for(app)
    with client.stream("GET", "/stream/short") as response:
        chunks = response.iter_bytes()
        assert next(chunks) == b"a"
        drain(client, NEVER)
        assert list(chunks) == [b"b"]
    assert client.get("/stream/short").text == "ab"


@pytest.mark.clause("drain.requests")
def test_requests_in_flight_are_answered(client_for: Callable[..., Client], coloured: Any) -> None:
    app = App()
    entered, release = threading.Event(), threading.Event()

    @app.get("/def")
    def plain() -> str:
        entered.set()
        assert release.wait(PATIENCE)
        return "done"

    @app.get("/async")
    async def coroutine() -> str:
        entered.set()
        assert await asyncio.to_thread(release.wait, PATIENCE)
        return "done"

    client = client_for(app)
    answers: list[str] = []
    for path in ("/def", "/async"):
        entered.clear()
        release.clear()
        thread = threading.Thread(target=lambda path=path: answers.append(client.get(path).text))
        thread.start()
        assert entered.wait(PATIENCE)
        drain(client, NEVER)
        release.set()
        thread.join(PATIENCE)
    assert answers == ["done", "done"]


@pytest.mark.needs(Feature.STREAMING, "the client reads while the response is made")
@pytest.mark.clause("drain.again")
def test_it_may_be_said_twice_and_from_any_thread(
    client_for: Callable[..., Client], app: App, closed: list[str], cut_off: CutOff
) -> None:
    client = client_for(app)
    with client.stream("GET", "/events") as one, client.stream("GET", "/stream") as two:
        next(one.iter_bytes())
        next(two.iter_bytes())
        threads = [threading.Thread(target=drain, args=(client, 0.05)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert one.read() == b""
        cut_off(two.iter_bytes())
    assert closed == ["closed", "closed"]


@pytest.mark.needs(Feature.STREAMING, "the client reads while the response is made")
@pytest.mark.clause("drain.again")
def test_a_stopped_application_that_starts_again_is_not_draining(backend: Backend, app: App) -> None:
    for _ in range(2):
        with Client(app, backend.name) as client:
            with client.stream("GET", "/events/def") as response:
                assert next(response.events()).data == "x"
            drain(client, 0.0)


@pytest.mark.needs(Feature.STREAMING, "what is cut off has begun to go out")
@pytest.mark.clause("drain.again")
def test_the_cut_of_one_life_does_not_reach_the_next(backend: Backend, app: App) -> None:
    with Client(app, backend.name) as client, client.stream("GET", "/stream") as response:
        next(response.iter_bytes())
        drain(client, 0.1)
    with Client(app, backend.name) as client, client.stream("GET", "/stream") as response:
        chunks = response.iter_bytes()
        assert next(chunks) == b"x"
        ended: list[Any] = []

        def read_on() -> None:
            try:
                ended.extend(chunks)
            except Aborted as error:
                ended.append(error)

        reader = threading.Thread(target=read_on)
        reader.start()
        reader.join(0.3)
        assert ended == []
        drain(client, 0.0)
        reader.join(PATIENCE)
        assert not reader.is_alive()
        assert ended or Feature.ABORT not in backend.features


@pytest.mark.needs(Feature.WEBSOCKET, "the handler speaks it")
def test_websockets_close_at_once_with_1001(client_for: Callable[..., Client], app: App, closed: list[str]) -> None:
    @app.websocket("/ws")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        try:
            async for message in ws:
                await ws.send(message)
        finally:
            await asyncio.sleep(0.01)
            closed.append("closed")

    client = client_for(app)
    with client.websocket("/ws") as ws:
        ws.send("x")
        assert ws.receive(PATIENCE) == "x"
        drain(client, NEVER)
        with pytest.raises(WebSocketDisconnect) as gone:
            ws.receive(PATIENCE)
    assert gone.value.code == 1001
    assert closed == ["closed"]


@pytest.mark.needs(Feature.STREAMING, "what is cut off has begun to go out")
@pytest.mark.clause("drain.requests")
def test_what_waits_for_the_response_runs_all_the_same(
    client_for: Callable[..., Client], closed: list[str], cut_off: CutOff
) -> None:
    app = App()

    @app.get("/{kind}")
    def handler(request: Request, kind: str) -> Any:
        async def endless() -> AsyncIterator[str]:
            yield "x"
            await asyncio.Event().wait()

        request.after_response(closed.append, kind)
        return EventSourceResponse(endless()) if kind == "events" else StreamingResponse(endless())

    client = client_for(app)
    with client.stream("GET", "/events") as one, client.stream("GET", "/stream") as two:
        next(one.iter_bytes())
        next(two.iter_bytes())
        drain(client, 0.01)
        one.read()
        cut_off(two.iter_bytes())
    assert sorted(closed) == ["events", "stream"]
