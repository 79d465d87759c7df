"""Server-sent events over the wire: framing, keep-alive, headers, and the client's and the worker's leaving."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from hinge import App, AsyncMiddleware, Event, EventSourceResponse, HTTPError, Middleware, Request
from hinge.backend.contract import Feature
from hinge.conformance.streams import CutOff
from hinge.testing import Client

pytestmark = [
    pytest.mark.clause("stream.events"),
    pytest.mark.needs(Feature.STREAMING, "an event stream is sent while it is made"),
]

PATIENCE = 10
BUSY = 6.0
"""Seconds that a thing may take which is owed at once or within one second: a busy machine adds the rest."""


def agenerate(items: Any) -> AsyncIterator[Any]:
    async def generate() -> AsyncIterator[Any]:
        for item in items:
            await asyncio.sleep(0)
            yield item

    return generate()


@pytest.fixture(params=["sync", "async"])
def events(request: pytest.FixtureRequest) -> Callable[[Any], EventSourceResponse]:
    """Return `events(items, **options)`: an event stream whose source has this run's colour."""

    def response(items: Any, **options: Any) -> EventSourceResponse:
        return EventSourceResponse(iter(items) if request.param == "sync" else agenerate(items), **options)

    return response


Events = Callable[..., EventSourceResponse]


def test_every_form_of_event_arrives_as_its_bytes(client_for: Callable[..., Client], events: Events) -> None:
    app = App()
    items = [
        "plain",
        "two\nlines",
        {"json": [1, None]},
        Event("named", event="tick", id="7", retry=1500),
        Event(comment="only a comment"),
        Event(event="nameless data"),
        "",
        7,
    ]
    app.get("/")(lambda: events(items))
    response = client_for(app).get("/")
    assert response.content == (
        b"data: plain\n\n"
        b"data: two\ndata: lines\n\n"
        b'data: {"json":[1,null]}\n\n'
        b"event: tick\nid: 7\nretry: 1500\ndata: named\n\n"
        b": only a comment\n\n"
        b"event: nameless data\ndata:\n\n"
        b"data: \n\n"
        b"data: 7\n\n"
    )


def test_the_client_reads_what_was_sent(client_for: Callable[..., Client], events: Events) -> None:
    app = App()
    app.get("/")(lambda: events([Event({"n": n}, event="tick", id=str(n), retry=n) for n in range(3)]))
    with client_for(app).stream("GET", "/") as response:
        got = list(response.events())
    assert [(event.data, event.event, event.id, event.retry) for event in got] == [
        (f'{{"n":{n}}}', "tick", str(n), n) for n in range(3)
    ]


def test_the_headers_keep_caches_and_proxies_out(client_for: Callable[..., Client], events: Events) -> None:
    app = App()
    app.get("/")(lambda: events([], headers={"x-own": "1"}, status=201))
    response = client_for(app).get("/")
    assert response.status_code == 201
    assert response.headers["content-type"] == "text/event-stream"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-accel-buffering"] == "no"
    assert response.headers["x-own"] == "1"
    assert "content-length" not in response.headers


def test_the_head_does_not_wait_for_the_first_event(client_for: Callable[..., Client]) -> None:
    app = App()
    go = threading.Event()

    @app.get("/")
    def handler() -> EventSourceResponse:
        def wait() -> Iterator[str]:
            assert go.wait(PATIENCE)
            yield "first"

        return EventSourceResponse(wait())

    with client_for(app).stream("GET", "/") as response:
        assert response.status_code == 200
        go.set()
        assert next(response.events()).data == "first"


def test_events_arrive_one_by_one(client_for: Callable[..., Client]) -> None:
    app = App()
    made: list[int] = []

    @app.get("/")
    async def handler() -> EventSourceResponse:
        async def count() -> AsyncIterator[int]:
            for number in range(10):
                made.append(number)
                yield number

        return EventSourceResponse(count())

    with client_for(app).stream("GET", "/") as response:
        for seen, event in zip(range(5), response.events(), strict=False):
            assert event.data == str(seen)
            assert len(made) <= seen + 3


@pytest.mark.clause("stream.silence")
def test_a_silent_source_is_kept_alive_with_comments(client_for: Callable[..., Client]) -> None:
    app = App()
    go = asyncio.Event()

    async def silent() -> AsyncIterator[str]:
        yield "one"
        await go.wait()
        yield "two"

    @app.get("/")
    async def handler() -> EventSourceResponse:
        return EventSourceResponse(silent(), ping=0.01)

    @app.post("/go")
    async def release() -> None:
        go.set()

    client = client_for(app)
    with client.stream("GET", "/") as response:
        chunks = response.iter_bytes()
        assert next(chunks) == b"data: one\n\n"
        assert [next(chunks) for _ in range(3)] == [b": keep-alive\n\n"] * 3
        client.post("/go")
        assert b"".join(chunks).endswith(b"data: two\n\n")


@pytest.mark.clause("stream.silence")
def test_a_source_that_is_silent_from_the_start_is_kept_alive(client_for: Callable[..., Client]) -> None:
    app = App()

    @app.get("/")
    async def handler() -> EventSourceResponse:
        async def silent() -> AsyncIterator[str]:
            await asyncio.Event().wait()
            yield "never"

        return EventSourceResponse(silent(), ping=0.01)

    with client_for(app).stream("GET", "/") as response:
        assert next(response.iter_bytes()) == b": keep-alive\n\n"


@pytest.mark.clause("stream.silence")
def test_without_ping_nothing_is_sent_in_a_silence(client_for: Callable[..., Client]) -> None:
    app = App()

    @app.get("/")
    async def handler() -> EventSourceResponse:
        async def slow() -> AsyncIterator[str]:
            yield "one"
            await asyncio.sleep(0.05)
            yield "two"

        return EventSourceResponse(slow(), ping=None)

    assert client_for(app).get("/").content == b"data: one\n\ndata: two\n\n"


@pytest.mark.clause("stream.silence")
def test_a_keep_alive_never_comes_inside_an_event(client_for: Callable[..., Client]) -> None:
    app = App()

    @app.get("/")
    async def handler() -> EventSourceResponse:
        async def slow() -> AsyncIterator[str]:
            for number in range(20):
                await asyncio.sleep(0.002)
                yield f"a{number}\nb{number}"

        return EventSourceResponse(slow(), ping=0.001)

    content = client_for(app).get("/").content
    blocks = content.decode().removesuffix("\n\n").split("\n\n")
    data = [block for block in blocks if block != ": keep-alive"]
    assert data == [f"data: a{number}\ndata: b{number}" for number in range(20)]


@pytest.mark.clause("stream.silence")
def test_a_source_closes_when_its_client_leaves_between_keep_alives(client_for: Callable[..., Client]) -> None:
    app = App()
    closed = threading.Event()

    @app.get("/")
    async def handler() -> EventSourceResponse:
        async def silent() -> AsyncIterator[str]:
            try:
                yield "one"
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                closed.set()

        return EventSourceResponse(silent(), ping=0.05)

    with client_for(app).stream("GET", "/") as response:
        assert next(response.events()).data == "one"
        started = time.monotonic()
    assert closed.is_set()
    assert time.monotonic() - started < BUSY


@pytest.mark.clause("stream.left")
@pytest.mark.needs(Feature.DISCONNECT, "nothing is sent at all")
def test_without_keep_alive_leaving_is_noticed_as_well(client_for: Callable[..., Client]) -> None:
    app = App()
    closed = threading.Event()

    @app.get("/")
    async def handler() -> EventSourceResponse:
        async def silent() -> AsyncIterator[str]:
            try:
                await asyncio.Event().wait()
                yield "never"
            finally:
                closed.set()

        return EventSourceResponse(silent(), ping=None)

    with client_for(app).stream("GET", "/"):
        pass
    assert closed.wait(1)


@pytest.mark.parametrize("failure", [ValueError, TimeoutError])
@pytest.mark.clause("stream.cut")
def test_a_failing_source_cuts_the_stream_off(
    client_for: Callable[..., Client], caplog: pytest.LogCaptureFixture, failure: type[Exception], cut_off: CutOff
) -> None:
    app = App()
    closed: list[str] = []

    def failing() -> Iterator[str]:
        try:
            yield "one"
            raise failure("no more")
        finally:
            closed.append("def")

    async def async_failing() -> AsyncIterator[str]:
        try:
            yield "one"
            raise failure("no more")
        finally:
            closed.append("async")

    app.get("/def")(lambda: EventSourceResponse(failing()))
    app.get("/async")(lambda: EventSourceResponse(async_failing(), ping=0.05))
    client = client_for(app)
    for path in ("/def", "/async"):
        caplog.clear()
        with client.stream("GET", path) as response:
            events = response.events()
            assert next(events).data == "one"
            cut_off(events, more=0)
        assert caplog.text.count(f"{failure.__name__}: no more") == 1
    assert closed == ["def", "async"]


@pytest.mark.clause("stream.cut")
def test_an_event_that_cannot_be_encoded_fails_the_stream(
    client_for: Callable[..., Client], events: Events, caplog: pytest.LogCaptureFixture, cut_off: CutOff
) -> None:
    app = App()
    app.get("/")(lambda: events(["one", object()]))
    with client_for(app).stream("GET", "/") as response:
        cut_off(response.iter_bytes())
    assert "object" in caplog.text


@pytest.mark.clause("errors.answered")
def test_a_handler_may_refuse_before_the_stream(client_for: Callable[..., Client], events: Events) -> None:
    app = App()

    @app.get("/")
    def handler(request: Request) -> EventSourceResponse:
        if request.headers.get("last-event-id") != "3":
            raise HTTPError(404)
        return events([Event("four", id="4")])

    client = client_for(app)
    assert client.get("/").status_code == 404
    with client.stream("GET", "/", headers={"last-event-id": "3"}) as response:
        assert [event.id for event in response.events()] == ["4"]


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_middleware_sees_the_response_before_its_first_event(
    client_for: Callable[..., Client], events: Events, colour: str
) -> None:
    order: list[str] = []

    def layer() -> Middleware:
        response = yield
        order.append("layer")
        response.headers["x-layer"] = "seen"

    async def async_layer() -> AsyncMiddleware:
        response = yield
        order.append("layer")
        response.headers["x-layer"] = "seen"

    def items() -> Iterator[str]:
        order.append("first")
        yield "one"

    app = App(middleware=[layer if colour == "sync" else async_layer])
    app.get("/")(lambda: events(items()))
    response = client_for(app).get("/")
    assert (response.headers["x-layer"], response.content) == ("seen", b"data: one\n\n")
    assert order == ["layer", "first"]


@pytest.mark.clause("response.bodiless")
def test_head_opens_no_source(client_for: Callable[..., Client], events: Events) -> None:
    app = App()
    begun: list[int] = []

    def items() -> Iterator[str]:
        begun.append(1)
        yield "one"

    app.get("/")(lambda: events(items()))
    response = client_for(app).head("/")
    assert response.headers["content-type"] == "text/event-stream"
    assert begun == []


@pytest.mark.clause("stream.many")
def test_many_clients_hear_the_same_events(client_for: Callable[..., Client]) -> None:
    app = App()
    listeners: set[asyncio.Queue[str]] = set()

    @app.get("/")
    async def listen() -> EventSourceResponse:
        async def heard() -> AsyncIterator[str]:
            queue: asyncio.Queue[str] = asyncio.Queue()
            listeners.add(queue)
            try:
                yield "hello"
                while True:
                    yield await queue.get()
            finally:
                listeners.discard(queue)

        return EventSourceResponse(heard(), ping=0.05)

    @app.post("/")
    async def tell(word: str) -> int:
        for queue in listeners:
            queue.put_nowait(word)
        return len(listeners)

    client = client_for(app)
    with client.stream("GET", "/") as one, client.stream("GET", "/") as two:
        first, second = one.events(), two.events()
        assert (next(first).data, next(second).data) == ("hello", "hello")
        # Each queue exists only once its stream was asked for the event after the greeting.
        asked = [
            threading.Thread(target=lambda events=events: heard.append(next(events).data)) for events in (first, second)
        ]
        heard: list[str] = []
        for thread in asked:
            thread.start()
        assert client.post("/", params={"word": "news"}).json() == 2
        for thread in asked:
            thread.join(PATIENCE)
        assert heard == ["news", "news"]
    assert listeners == set()
