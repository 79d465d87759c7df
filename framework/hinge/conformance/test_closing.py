"""Streams: what becomes of a source that is not sent, or not by whom it was made for."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, NamedTuple

import pytest

from hinge import (
    App,
    AsyncMiddleware,
    EventSourceResponse,
    FileResponse,
    HTTPError,
    Middleware,
    Request,
    Response,
    StreamingResponse,
)
from hinge.backend.contract import Feature
from hinge.conformance.layers import layer
from hinge.conformance.streams import AsyncChunks, AsyncClosable, Chunks, Closable, Log
from hinge.middleware import Compression
from hinge.testing import Aborted, Client

pytestmark = pytest.mark.clause("stream.closed")

Make = Callable[[], Any]
"""Make a source, each with a life of its own."""


def wrapping(response: Any) -> Any:
    """Return the chunks of a response through a generator that closes what it takes them from, as it should."""
    chunks = response.iterator

    async def through() -> AsyncIterator[Any]:
        try:
            async for chunk in chunks:
                yield chunk
        finally:
            await chunks.aclose()

    def plain() -> Iterator[Any]:
        try:
            yield from chunks
        finally:
            chunks.close()

    return through() if response.is_async else plain()


class Conditional(StreamingResponse):
    """Decides by the request, as a file does."""

    def for_request(self, request: Request) -> Response:
        if request.query.get("when") == "refused":
            raise HTTPError(412)
        return Response(status=304)


class Case(NamedTuple):
    """An app of sources, a request to it, and how many sources it makes."""

    serve: Callable[[App, Make], None]
    sources: int = 1
    method: str = "GET"
    path: str = "/"


CASES: dict[str, Case] = {}


def case(sources: int = 1, **more: Any) -> Callable[[Callable[[App, Make], None]], Callable[[App, Make], None]]:
    def add(serve: Callable[[App, Make], None]) -> Callable[[App, Make], None]:
        CASES[serve.__name__] = Case(serve, sources, **more)
        return serve

    return add


@case(path="/?when=refused")
def refused(app: App, make: Make) -> None:
    app.get("/")(lambda: Conditional(make()))


@case(path="/?when=refused")
def refused_in_a_layer(app: App, make: Make) -> None:
    app.get("/", middleware=[layer])(lambda: Conditional(make()))


@case()
def not_modified(app: App, make: Make) -> None:
    app.get("/")(lambda: Conditional(make()))


@case()
def not_modified_in_a_layer(app: App, make: Make) -> None:
    app.get("/", middleware=[layer])(lambda: Conditional(make()))


@case(sources=2)
def two_answers_of_middleware(app: App, make: Make) -> None:
    """Each takes the place of the one before."""

    def first() -> Middleware:
        yield
        return StreamingResponse(make())

    def second() -> Middleware:
        yield
        return Response("other")

    app.middleware(second)
    app.middleware(first)
    app.get("/")(lambda: StreamingResponse(make()))


@case()
def an_early_answer(app: App, make: Make) -> None:
    async def replace() -> AsyncMiddleware:
        yield
        yield Response("other")

    def early() -> Middleware:
        if False:
            yield
        return StreamingResponse(make())

    app.middleware(replace)
    app.middleware(early)
    app.get("/")(lambda: "never")


@case()
def an_early_answer_yielded(app: App, make: Make) -> None:
    async def early() -> AsyncMiddleware:
        yield StreamingResponse(make())

    app.middleware(early)
    app.get("/")(lambda: "never")


@case()
def an_early_answer_yielded_by_a_function(app: App, make: Make) -> None:
    def early() -> Middleware:
        try:
            yield StreamingResponse(make())  # type: ignore[misc]
        finally:
            raise ValueError

    app.middleware(early)
    app.get("/")(lambda: "never")


@case()
def an_answer_and_a_failure_behind_it(app: App, make: Make) -> None:
    async def fail() -> AsyncMiddleware:
        yield
        yield StreamingResponse(make())
        raise ValueError

    app.middleware(fail)
    app.get("/")(lambda: "replaced")


@case()
def an_error_handlers_answer(app: App, make: Make) -> None:
    def fail() -> Middleware:
        yield
        raise ValueError

    @app.error(KeyError)
    async def gone(request: Request, error: KeyError) -> StreamingResponse:
        return StreamingResponse(make())

    @app.error(ValueError)
    def worse(request: Request, error: ValueError) -> str:
        return "worse"

    @app.get("/", middleware=[fail])
    def handler() -> None:
        raise KeyError


@case(sources=2)
def a_stream_that_fails_later(app: App, make: Make) -> None:
    """And the one that was to take its place fails as well."""

    def replace() -> Middleware:
        yield
        return StreamingResponse(make())

    app.middleware(replace)
    app.get("/")(lambda: StreamingResponse(make()))


@case(method="HEAD")
def head_of_what_is_compressed(app: App, make: Make) -> None:
    app.middleware(Compression(min_size=0))
    app.get("/")(lambda: StreamingResponse(make(), media_type="text/plain"))


@case()
def events_in_compression(app: App, make: Make) -> None:
    app.middleware(Compression(min_size=0))
    app.get("/")(lambda: EventSourceResponse(make()))


@case()
def wrapped_by_who_closes_it(app: App, make: Make) -> None:
    @app.middleware
    def wrap() -> Middleware:
        response: Any = yield
        return StreamingResponse(wrapping(response))

    app.get("/")(lambda: StreamingResponse(make()))


@case(method="HEAD")
def head_of_what_is_wrapped(app: App, make: Make) -> None:
    wrapped_by_who_closes_it(app, make)


@case()
def events_wrapped(app: App, make: Make) -> None:
    @app.middleware
    def wrap() -> Middleware:
        response: Any = yield
        response.iterator = wrapping(response)

    def handler() -> Any:
        response = StreamingResponse(make())
        response.eager_start = True
        return response

    app.get("/")(handler)


@case()
def sent_as_a_status_without_a_body(app: App, make: Make) -> None:
    @app.middleware
    def bodiless() -> Middleware:
        response = yield
        response.status = 304

    app.get("/")(lambda: StreamingResponse(make()))


@pytest.mark.parametrize("kind", [Chunks, AsyncChunks, Closable, AsyncClosable])
@pytest.mark.parametrize("name", CASES)
def test_a_source_is_closed_once_whoever_is_sent_instead(
    client_for: Callable[..., Client], kind: Any, name: str
) -> None:
    """None of these kinds may be closed twice, as generators may."""
    case = CASES[name]
    logs: list[Log] = []

    def make() -> Any:
        logs.append(Log())
        return kind(logs[-1], "a", "b", *([ValueError("late")] if name == "a_stream_that_fails_later" else []))

    app = App()
    case.serve(app, make)
    client = client_for(app)
    for _ in range(2):
        with client.stream(case.method, case.path, headers={"accept-encoding": "gzip"}) as response:
            try:
                response.read()
            except Aborted:
                assert name == "a_stream_that_fails_later"
    assert len(logs) == 2 * case.sources
    for log in logs:
        assert log.entries.count("closed") == 1


class Both(Closable):
    """An iterable that has to be closed, and so has its iterator."""

    def __iter__(self) -> Iterator[Any]:
        return Chunks(self.log, *self.chunks)

    def close(self) -> None:
        """Be closed."""
        self.log("closed, too")


class Awaited:
    """What closes with a coroutine called `close`, as the cursors of some databases do."""

    def __init__(self, log: Log, *chunks: Any) -> None:
        self.log = log
        self.chunks = chunks

    async def __aiter__(self) -> AsyncIterator[Any]:
        for chunk in self.chunks:
            yield chunk

    async def close(self) -> None:
        """Be closed."""
        self.log("closed")


class AsyncClosedPlainly(Awaited):
    """An async iterator whose `close` is none."""

    def __aiter__(self) -> Any:
        return self

    async def __anext__(self) -> Any:
        if not self.chunks:
            raise StopAsyncIteration
        first, *self.chunks = self.chunks
        return first

    def close(self) -> None:  # type: ignore[override]
        """Be closed."""
        self.log("closed")


class Bad(Both):
    """A failing close keeps nothing from being closed."""

    def __iter__(self) -> Iterator[Any]:
        class Failing(Chunks):
            def close(self) -> None:
                super().close()
                raise ValueError

        return Failing(self.log, *self.chunks)


class AsyncBad(Bad):
    """The same for async iteration."""

    def __aiter__(self) -> Any:
        class Failing(AsyncChunks):
            async def aclose(self) -> None:
                await super().aclose()
                raise ValueError

        return Failing(self.log, *self.chunks)


@pytest.mark.parametrize(
    ("kind", "closed"),
    [
        (Both, ["closed", "closed, too"]),
        (Awaited, ["closed"]),
        (AsyncClosedPlainly, ["closed"]),
        (Bad, ["closed", "closed, too"]),
        (AsyncBad, ["closed", "closed, too"]),
    ],
)
@pytest.mark.parametrize("ending", ["read", "left", "head"])
@pytest.mark.parametrize(
    "response_class",
    [
        StreamingResponse,
        pytest.param(EventSourceResponse, marks=pytest.mark.needs(Feature.STREAMING, "it is a stream of events")),
    ],
)
def test_an_iterable_is_closed_behind_its_iterator(
    client_for: Callable[..., Client],
    layers: list[Any],
    log: Log,
    kind: Any,
    closed: list[str],
    ending: str,
    response_class: Any,
) -> None:
    app = App()
    app.get("/", middleware=layers)(lambda: response_class(kind(log, "a", "b")))
    client = client_for(app)
    with client.stream("HEAD" if ending == "head" else "GET", "/") as response:
        assert response.status_code == 200
        if ending == "read":
            assert b"b" in response.read()
        elif ending == "left":
            next(response.iter_bytes())
    assert [entry for entry in log.entries if entry != "next"] == closed


def test_a_file_that_is_open_may_be_streamed(
    client_for: Callable[..., Client], layers: list[Any], tmp_path: Any
) -> None:
    (tmp_path / "lines").write_bytes(b"one\ntwo\n")
    opened: list[Any] = []
    app = App()

    @app.get("/", middleware=layers)
    def lines() -> StreamingResponse:
        opened.append((tmp_path / "lines").open("rb"))
        return StreamingResponse(opened[-1])

    app.get("/file", middleware=layers)(lambda: FileResponse(tmp_path / "lines"))
    client = client_for(app)
    assert client.get("/").content == client.get("/file").content == b"one\ntwo\n"
    assert client.head("/").content == b""
    assert [file.closed for file in opened] == [True, True]
