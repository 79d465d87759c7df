"""Streams: every kind of iterator in every colour, chunk by chunk, and closed once whatever happens."""

import asyncio
import gc
import logging
import threading
import time
import tracemalloc
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from hinge import App, AsyncMiddleware, HTTPError, Middleware, Request, Response, StreamingResponse
from hinge.backend import Feature
from hinge.testing import Aborted, Client

pytestmark = pytest.mark.clause("stream.closed")

PATIENCE = 10
LEAVING = 6.0
"""Seconds within which a client's leaving has to be noticed: one, and what a busy machine adds."""


class Log:
    """What happened, in order."""

    def __init__(self) -> None:
        self.entries: list[str] = []
        self._changed = threading.Condition()

    def __call__(self, entry: str) -> None:
        with self._changed:
            self.entries.append(entry)
            self._changed.notify_all()

    def wait_for(self, entry: str, seconds: float = PATIENCE) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: entry in self.entries, seconds), (entry, self.entries)


@pytest.fixture
def log() -> Log:
    return Log()


class Chunks:
    """A sync iterator that is no generator."""

    def __init__(self, log: Log, *chunks: Any) -> None:
        self.log = log
        self.chunks = iter(chunks)

    def __iter__(self) -> "Chunks":
        return self

    def __next__(self) -> Any:
        self.log("next")
        return _or_raise(next(self.chunks))

    def close(self) -> None:
        self.log("closed")


class AsyncChunks:
    """An async iterator that is no generator."""

    def __init__(self, log: Log, *chunks: Any) -> None:
        self.log = log
        self.chunks = iter(chunks)

    def __aiter__(self) -> "AsyncChunks":
        return self

    async def __anext__(self) -> Any:
        self.log("next")
        await asyncio.sleep(0)
        for chunk in self.chunks:
            return _or_raise(chunk)
        raise StopAsyncIteration

    async def aclose(self) -> None:
        await asyncio.sleep(0)
        self.log("closed")


class Iterable_:
    """An async iterable, which is no iterator yet."""

    def __init__(self, log: Log, *chunks: Any) -> None:
        self.log = log
        self.chunks = chunks

    def __aiter__(self) -> AsyncIterator[Any]:
        return agenerate(self.log, *self.chunks)


def _or_raise(chunk: Any) -> Any:
    if isinstance(chunk, BaseException):
        raise chunk
    return chunk


def generate(log: Log, *chunks: Any) -> Iterator[Any]:
    try:
        for chunk in chunks:
            log("next")
            yield _or_raise(chunk)
        log("next")
    finally:
        log("closed")


async def agenerate(log: Log, *chunks: Any) -> AsyncIterator[Any]:
    try:
        for chunk in chunks:
            log("next")
            await asyncio.sleep(0)
            yield _or_raise(chunk)
        log("next")
    finally:
        await asyncio.sleep(0)
        log("closed")


SOURCES: dict[str, Callable[..., Any]] = {
    "generator": generate,
    "async generator": agenerate,
    "iterator": Chunks,
    "async iterator": AsyncChunks,
    "async iterable": Iterable_,
}


def layer() -> Middleware:
    response = yield
    response.headers["x-layer"] = "seen"


async def async_layer() -> AsyncMiddleware:
    await asyncio.sleep(0)
    response = yield
    await asyncio.sleep(0)
    response.headers["x-layer"] = "seen"


LAYERS: dict[str, list[Any]] = {
    "bare": [],
    "layer": [layer],
    "async layer": [async_layer],
    "both": [layer, async_layer],
}


@pytest.fixture(params=list(SOURCES))
def source(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Return `source(log, *chunks)`, an iterable that raises the exceptions among its chunks."""
    return SOURCES[request.param]


@pytest.fixture(params=["bare", "both"])
def layers(request: pytest.FixtureRequest) -> list[Any]:
    """What stands around the handler."""
    return LAYERS[request.param]


@pytest.fixture(params=["returned", "in a response", "from a coroutine", "inline"])
def serve(
    request: pytest.FixtureRequest, client_for: Callable[..., Client], layers: list[Any]
) -> Callable[[Callable[[], Any]], Client]:
    """Return `serve(make)`: a client of an app that answers GET / with the stream that `make()` returns."""

    def served(make: Callable[[], Any]) -> Client:
        app = App()
        if request.param == "returned":
            app.get("/", middleware=layers)(make)
        elif request.param == "in a response":
            app.get("/", middleware=layers)(lambda: StreamingResponse(make()))
        elif request.param == "inline":
            app.get("/", middleware=layers, inline=True)(make)
        else:

            @app.get("/", middleware=layers)
            async def handler() -> Any:
                await asyncio.sleep(0)
                return make()

        return client_for(app)

    return served


Serve = Callable[[Callable[[], Any]], Client]


# -- every kind, everywhere --------------------------------------------------------------------------------------------


@pytest.mark.clause("stream.chunks")
def test_chunks_arrive_one_by_one_and_the_source_is_closed(serve: Serve, source: Any, log: Log) -> None:
    client = serve(lambda: source(log, "one ", b"two ", bytearray(b"three "), memoryview(b"four "), "fünf"))
    with client.stream("GET", "/") as response:
        chunks = list(response.iter_bytes())
    assert chunks == [b"one ", b"two ", b"three ", b"four ", "fünf".encode()]
    assert response.status_code == 200
    assert "content-length" not in response.headers
    assert log.entries[-1] == "closed"
    assert log.entries.count("closed") == 1


@pytest.mark.clause("stream.chunks")
def test_empty_chunks_end_nothing(serve: Serve, source: Any, log: Log) -> None:
    client = serve(lambda: source(log, "", b"", "a", "", b"b", ""))
    with client.stream("GET", "/") as response:
        assert list(response.iter_bytes()) == [b"a", b"b"]


@pytest.mark.clause("stream.chunks")
def test_a_stream_may_be_empty(serve: Serve, source: Any, log: Log) -> None:
    response = serve(lambda: source(log)).get("/")
    assert (response.status_code, response.content) == (200, b"")
    assert log.entries.count("closed") == 1


@pytest.mark.clause("stream.chunks")
def test_nothing_is_produced_far_ahead_of_the_client(serve: Serve, source: Any, log: Log) -> None:
    client = serve(lambda: source(log, *"abcdefghij"))
    with client.stream("GET", "/") as response:
        for taken, _ in enumerate(response.iter_bytes(), 1):
            assert log.entries.count("next") <= taken + 2
            if taken == 3:
                break
    assert log.entries.count("next") <= 5
    assert log.entries[-1] == "closed"
    assert log.entries.count("closed") == 1


@pytest.mark.clause("stream.first")
def test_a_failure_before_the_first_chunk_is_answered(
    serve: Serve, source: Any, log: Log, layers: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    response = serve(lambda: source(log, ValueError("early"))).get("/")
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers.get("x-layer") == ("seen" if layers else None)
    assert log.entries.count("closed") == 1
    assert caplog.text.count("ValueError: early") == 1


@pytest.mark.clause("stream.first")
def test_an_http_error_before_the_first_chunk_is_its_answer(
    serve: Serve, source: Any, log: Log, layers: list[Any]
) -> None:
    response = serve(lambda: source(log, "", HTTPError(404, "no such export"))).get("/")
    assert (response.status_code, response.json()["detail"]) == (404, "no such export")
    assert response.headers.get("x-layer") == ("seen" if layers else None)


@pytest.mark.clause("stream.cut")
def test_a_failure_later_cuts_the_response_off(
    serve: Serve, source: Any, log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    client = serve(lambda: source(log, "a", "b", ValueError("late"), "c"))
    with client.stream("GET", "/") as response:
        chunks = response.iter_bytes()
        assert (next(chunks), next(chunks)) == (b"a", b"b")
        with pytest.raises(Aborted) as aborted:
            next(chunks)
    assert repr(aborted.value.__cause__) == "ValueError('late')"
    assert log.entries.count("closed") == 1
    assert caplog.text.count("ValueError: late") == 1
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "GET '/'" in record.getMessage()
    assert "test_streams.py" in record.getMessage()


@pytest.mark.clause("stream.left")
def test_a_client_that_leaves_closes_the_source(serve: Serve, source: Any, log: Log) -> None:
    client = serve(lambda: source(log, *"abcdef"))
    with client.stream("GET", "/") as response:
        assert next(response.iter_bytes()) == b"a"
    assert log.entries[-1] == "closed"
    assert log.entries.count("closed") == 1


@pytest.mark.clause("stream.left")
def test_a_client_that_leaves_at_once_closes_the_source(serve: Serve, source: Any, log: Log) -> None:
    client = serve(lambda: source(log, *"abcdef"))
    with client.stream("GET", "/"):
        pass
    assert log.entries.count("closed") == 1


@pytest.mark.clause("response.bodiless")
@pytest.mark.parametrize("status", [204, 205, 304])
def test_a_bodiless_status_sends_nothing_and_closes_the_source(
    client_for: Callable[..., Client], source: Any, layers: list[Any], log: Log, status: int
) -> None:
    app = App()
    app.get("/", middleware=layers)(lambda: StreamingResponse(source(log, "a"), status=status))
    response = client_for(app).get("/")
    assert (response.status_code, response.content) == (status, b"")
    assert_closed_if_ever_opened(log)


@pytest.mark.clause("response.bodiless")
def test_head_sends_nothing_and_closes_the_source(serve: Serve, source: Any, log: Log) -> None:
    client = serve(lambda: source(log, "a"))
    response = client.head("/")
    assert (response.status_code, response.content) == (200, b"")
    assert_closed_if_ever_opened(log)
    assert client.get("/").content == b"a"


def assert_closed_if_ever_opened(log: Log) -> None:
    # A generator that never began has nothing to close.
    assert "next" not in log.entries
    assert log.entries in ([], ["closed"])


@pytest.mark.clause("stream.cut")
def test_a_wrong_chunk_fails_the_stream(serve: Serve, source: Any, log: Log, caplog: pytest.LogCaptureFixture) -> None:
    client = serve(lambda: source(log, 1))
    assert client.get("/").status_code == 500
    assert "a streamed chunk is str or bytes, not int" in caplog.text
    assert log.entries.count("closed") == 1


@pytest.mark.clause("stream.cut")
def test_a_wrong_chunk_later_cuts_the_response_off(serve: Serve, source: Any, log: Log) -> None:
    client = serve(lambda: source(log, "a", None))
    with client.stream("GET", "/") as response, pytest.raises(Aborted):
        list(response.iter_bytes())
    assert log.entries.count("closed") == 1


@pytest.mark.clause("response.independent")
def test_the_same_client_gets_answers_after_everything(serve: Serve, source: Any, log: Log) -> None:
    client = serve(lambda: source(log, "a", "b", ValueError("late")))
    for _ in range(3):
        with client.stream("GET", "/") as response, pytest.raises(Aborted):
            list(response.iter_bytes())
        with client.stream("GET", "/") as response:
            next(response.iter_bytes())
    assert log.entries.count("closed") == 6


# -- generator handlers ------------------------------------------------------------------------------------------------


@pytest.mark.clause("stream.chunks")
def test_generators_are_handlers(client_for: Callable[..., Client], layers: list[Any]) -> None:
    app = App()

    @app.get("/def/{count}", middleware=layers)
    def plain(count: int, word: str = "x") -> Iterator[str]:
        if count > 3:
            raise HTTPError(404, "too many")
        for number in range(count):
            yield f"{word}{number}"

    @app.get("/async/{count}", middleware=layers)
    async def coroutine(count: int, word: str = "x") -> AsyncIterator[bytes]:
        if count > 3:
            raise HTTPError(404, "too many")
        for number in range(count):
            await asyncio.sleep(0)
            yield f"{word}{number}".encode()

    client = client_for(app)
    for path, kind in (("/def", "text/plain; charset=utf-8"), ("/async", "application/octet-stream")):
        response = client.get(f"{path}/3", params={"word": "y"})
        assert (response.text, response.headers["content-type"]) == ("y0y1y2", kind)
        missing = client.get(f"{path}/4")
        assert (missing.status_code, missing.headers.get("x-layer")) == (404, "seen" if layers else None)
        assert client.get(f"{path}/many").status_code == 404


@pytest.mark.clause("response.headers")
def test_the_length_of_a_stream_may_be_known(client_for: Callable[..., Client], tmp_path: Any) -> None:
    from hinge import FileResponse

    path = tmp_path / "file.bin"
    path.write_bytes(b"x" * 200_000)
    app = App()
    app.get("/")(lambda: FileResponse(path))
    client = client_for(app)
    with client.stream("GET", "/") as response:
        assert response.headers["content-length"] == "200000"
        chunks = [len(chunk) for chunk in response.iter_bytes()]
    assert len(chunks) > 1
    assert sum(chunks) == 200_000
    assert client.head("/").headers["content-length"] == "200000"


# -- the first chunk ---------------------------------------------------------------------------------------------------


@pytest.mark.clause("stream.first")
def test_middleware_handles_a_failure_of_the_first_chunk(
    client_for: Callable[..., Client], source: Any, log: Log
) -> None:
    def handle() -> Middleware:
        try:
            yield
        except KeyError as error:
            return Response(f"no {error.args[0]}", status=410)

    app = App(middleware=[handle])
    app.get("/")(lambda: source(log, KeyError("key")))
    response = client_for(app).get("/")
    assert (response.status_code, response.text) == (410, "no key")


@pytest.mark.clause("stream.first")
def test_an_error_handler_answers_for_the_first_chunk(
    client_for: Callable[..., Client], layers: list[Any], source: Any, log: Log
) -> None:
    app = App()

    @app.error(KeyError)
    async def gone(request: Request, error: KeyError) -> Response:
        return Response(status=410)

    app.get("/", middleware=layers)(lambda: source(log, KeyError("key")))
    response = client_for(app).get("/")
    assert (response.status_code, response.headers.get("x-layer")) == (410, "seen" if layers else None)


@pytest.mark.clause("stream.first")
def test_an_error_handler_may_stream_itself(
    client_for: Callable[..., Client], layers: list[Any], source: Any, log: Log
) -> None:
    app = App()

    @app.error(KeyError)
    def gone(request: Request, error: KeyError) -> StreamingResponse:
        return StreamingResponse(source(log, "a", "b"), status=410)

    app.get("/", middleware=layers)(lambda: source(log, KeyError("key")))
    response = client_for(app).get("/")
    assert (response.status_code, response.text) == (410, "ab")
    assert log.entries.count("closed") == 2


# -- middleware and the source -----------------------------------------------------------------------------------------


@pytest.mark.clause("stream.replaced")
@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_response_put_in_the_place_of_a_stream_closes_it(
    client_for: Callable[..., Client], source: Any, log: Log, colour: str
) -> None:
    def replace() -> Middleware:
        yield
        return Response("other")

    async def async_replace() -> AsyncMiddleware:
        yield
        yield Response("other")

    app = App(middleware=[replace if colour == "sync" else async_replace])
    app.get("/")(lambda: source(log, "a", "b"))
    assert client_for(app).get("/").text == "other"
    assert log.entries.count("closed") == 1


@pytest.mark.clause("stream.replaced")
@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_failing_middleware_closes_the_stream(
    client_for: Callable[..., Client], source: Any, log: Log, colour: str
) -> None:
    def fail() -> Middleware:
        yield
        raise ValueError

    async def async_fail() -> AsyncMiddleware:
        yield
        raise ValueError

    app = App(middleware=[fail if colour == "sync" else async_fail])
    app.get("/")(lambda: source(log, "a", "b"))
    assert client_for(app).get("/").status_code == 500
    assert log.entries.count("closed") == 1


def upper(chunks: Iterable[Any]) -> Iterator[bytes]:
    for chunk in chunks:
        yield chunk.encode().upper()


async def async_upper(chunks: AsyncIterable[Any]) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        yield chunk.encode().upper()


@pytest.mark.clause("stream.replaced")
@pytest.mark.parametrize("how", ["assigned", "replaced"])
@pytest.mark.parametrize("colour", ["sync", "async"])
@pytest.mark.parametrize("ending", ["read", "left"])
def test_middleware_may_wrap_a_stream(
    client_for: Callable[..., Client], source: Any, log: Log, how: str, colour: str, ending: str
) -> None:
    def wrapped(response: Response) -> Response:
        assert isinstance(response, StreamingResponse)
        chunks: Any = response.iterator
        wrapper = async_upper(chunks) if response.is_async else upper(chunks)
        if how == "replaced":
            return StreamingResponse(wrapper)
        response.iterator = wrapper
        return response

    def wrap() -> Middleware:
        response = yield
        return wrapped(response)

    async def async_wrap() -> AsyncMiddleware:
        response = yield
        yield wrapped(response)

    app = App(middleware=[wrap if colour == "sync" else async_wrap])
    app.get("/")(lambda: source(log, "a", "b", "c"))
    client = client_for(app)
    with client.stream("GET", "/") as response:
        if ending == "read":
            assert list(response.iter_bytes()) == [b"A", b"B", b"C"]
        else:
            assert next(response.iter_bytes()) == b"A"
    assert log.entries[-1] == "closed"
    assert log.entries.count("closed") == 1


@pytest.mark.clause("stream.replaced")
def test_middleware_may_answer_with_a_stream(client_for: Callable[..., Client], source: Any, log: Log) -> None:
    def short() -> Middleware:
        if False:
            yield
        return StreamingResponse(source(log, "a", "b"))

    app = App(middleware=[layer, short])
    app.get("/")(lambda: "never")
    response = client_for(app).get("/")
    assert (response.text, response.headers["x-layer"]) == ("ab", "seen")
    assert log.entries.count("closed") == 1


# -- ending ------------------------------------------------------------------------------------------------------------


async def for_ever(log: Log) -> AsyncIterator[str]:
    try:
        yield "first"
        await asyncio.Event().wait()
    finally:
        log("cleaning")
        await asyncio.sleep(0.01)  # a clean-up that waits is not cut short
        log("closed")


@pytest.mark.clause("stream.left")
@pytest.mark.needs(Feature.DISCONNECT, "nothing is sent while the source waits")
def test_a_source_that_waits_for_ever_ends_when_its_client_leaves(
    client_for: Callable[..., Client], layers: list[Any], log: Log
) -> None:
    app = App()
    app.get("/", middleware=layers)(lambda: for_ever(log))
    client = client_for(app)
    with client.stream("GET", "/") as response:
        assert next(response.iter_bytes()) == b"first"
        left = time.monotonic()
    assert time.monotonic() - left < LEAVING
    assert log.entries == ["cleaning", "closed"]


@pytest.mark.clause("stream.left")
@pytest.mark.needs(Feature.DISCONNECT, "nothing is sent while the source waits")
def test_a_client_that_leaves_before_the_first_chunk_ends_the_source(
    client_for: Callable[..., Client], layers: list[Any], log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    app = App()

    async def silent() -> AsyncIterator[str]:
        try:
            log("begun")
            await asyncio.Event().wait()
            yield "never"
        finally:
            await asyncio.sleep(0.01)
            log("closed")

    @app.get("/", middleware=layers)
    def handler(request: Request) -> Any:
        request.after_response(log, "after")
        return silent()

    client = client_for(app, timeout=0.3)
    with pytest.raises(TimeoutError):
        client.get("/")
    log.wait_for("after", LEAVING)
    assert log.entries == ["begun", "closed", "after"]
    assert caplog.records == []


SPANS: dict[str, Callable[[Log], AsyncIterator[str]]] = {}


def span(function: Callable[[Log], AsyncIterator[str]]) -> Callable[[Log], AsyncIterator[str]]:
    SPANS[function.__name__] = function
    return function


@span
async def task_group(log: Log) -> AsyncIterator[str]:
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep_forever)
            for chunk in "abc":
                await anyio.lowlevel.checkpoint()
                yield chunk
            group.cancel_scope.cancel()
    finally:
        log("left")


@span
async def asyncio_task_group(log: Log) -> AsyncIterator[str]:
    try:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(asyncio.sleep(60))
            for chunk in "abc":
                await asyncio.sleep(0)
                yield chunk
            task.cancel()
    finally:
        log("left")


@span
async def cancel_scope(log: Log) -> AsyncIterator[str]:
    try:
        with anyio.move_on_after(60):
            for chunk in "abc":
                await anyio.lowlevel.checkpoint()
                yield chunk
    finally:
        log("left")


@span
async def asyncio_timeout(log: Log) -> AsyncIterator[str]:
    try:
        async with asyncio.timeout(60):
            for chunk in "abc":
                await asyncio.sleep(0)
                yield chunk
    finally:
        log("left")


@span
async def memory_stream(log: Log) -> AsyncIterator[str]:
    send, receive = anyio.create_memory_object_stream[str](0)

    async def produce() -> None:
        async with send:
            for chunk in "abc":
                await send.send(chunk)

    try:
        async with receive, anyio.create_task_group() as group:
            group.start_soon(produce)
            async for chunk in receive:
                yield chunk
    finally:
        log("left")


@span
async def expired(log: Log) -> AsyncIterator[str]:
    """What a timeout of its own interrupts goes on as it would anywhere."""
    try:
        try:
            async with asyncio.timeout(0.01):
                yield "a"
                await asyncio.Event().wait()
        except TimeoutError:
            yield "b"
        with anyio.move_on_after(0.01):
            yield "c"
            await anyio.sleep_forever()
    finally:
        log("left")


@pytest.fixture(params=list(SPANS))
def spanning(request: pytest.FixtureRequest) -> Callable[[Log], AsyncIterator[str]]:
    """An async generator that holds something open across its yields."""
    return SPANS[request.param]


@pytest.mark.clause("stream.task")
def test_what_spans_the_yields_is_left_at_the_end(
    client_for: Callable[..., Client], layers: list[Any], spanning: Any, log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    app = App()
    app.get("/", middleware=layers)(lambda: spanning(log))
    assert client_for(app).get("/").text == "abc"
    assert log.entries == ["left"]
    assert caplog.records == []


@pytest.mark.clause("stream.task")
def test_what_spans_the_yields_is_left_when_the_client_leaves(
    client_for: Callable[..., Client], layers: list[Any], spanning: Any, log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    app = App()

    app.get("/", middleware=layers)(lambda: spanning(log))
    with client_for(app).stream("GET", "/") as response:
        assert next(response.iter_bytes()) == b"a"
    assert log.entries == ["left"]
    assert caplog.records == []


@pytest.mark.clause("stream.task")
def test_what_spans_the_yields_may_fail(
    client_for: Callable[..., Client], layers: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    app = App()

    async def failing_group() -> AsyncIterator[str]:
        async def fail() -> None:
            await go.wait()
            raise ValueError("in the group")

        go = anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(fail)
            yield "a"
            go.set()
            await anyio.sleep_forever()

    app.get("/", middleware=layers)(failing_group)
    with client_for(app).stream("GET", "/") as response:
        chunks = response.iter_bytes()
        assert next(chunks) == b"a"
        with pytest.raises(Aborted):
            next(chunks)
    assert "ValueError: in the group" in caplog.text


@pytest.mark.parametrize("when", ["end", "leaving"])
def test_a_failing_close_is_logged(
    client_for: Callable[..., Client], log: Log, caplog: pytest.LogCaptureFixture, when: str
) -> None:
    class Bad(Chunks):
        def close(self) -> None:
            super().close()
            raise ValueError("close")

    class AsyncBad(AsyncChunks):
        async def aclose(self) -> None:
            await super().aclose()
            raise ValueError("close")

    app = App()
    app.get("/def")(lambda: Bad(log, "a", "b"))
    app.get("/async")(lambda: AsyncBad(log, "a", "b"))
    client = client_for(app)
    for path in ("/def", "/async"):
        caplog.clear()
        with client.stream("GET", path) as response:
            if when == "end":
                assert response.read() == b"ab"
            else:
                next(response.iter_bytes())
        assert caplog.text.count("ValueError: close") == 1
        assert f"GET '{path}'" in caplog.text
    assert log.entries.count("closed") == 2


@pytest.mark.clause("stream.left")
def test_a_generator_that_will_not_end_is_ended(
    client_for: Callable[..., Client], caplog: pytest.LogCaptureFixture, recwarn: Any
) -> None:
    app = App()

    @app.get("/def")
    def stubborn() -> Iterator[str]:
        while True:
            try:
                yield "a"
            except GeneratorExit:
                yield "b"

    @app.get("/async")
    async def async_stubborn() -> AsyncIterator[str]:
        try:
            yield "a"
        finally:
            yield "b"

    client = client_for(app)
    for path in ("/def", "/async"):
        caplog.clear()
        with client.stream("GET", path) as response:
            next(response.iter_bytes())
        assert "ignored GeneratorExit" in caplog.text


@pytest.mark.clause("stream.left")
def test_a_source_that_swallows_its_cancellation_is_ended(client_for: Callable[..., Client], log: Log) -> None:
    app = App()

    @app.get("/")
    async def deaf() -> AsyncIterator[str]:
        try:
            while True:
                try:
                    await asyncio.sleep(0.001)
                except asyncio.CancelledError:
                    log("cancelled")
                yield "a"
        finally:
            log("closed")

    with client_for(app).stream("GET", "/") as response:
        next(response.iter_bytes())
    assert log.entries[-1] == "closed"
    assert log.entries.count("closed") == 1


@pytest.mark.clause("stream.cut")
def test_a_source_that_raises_a_cancellation_of_its_own_fails(
    client_for: Callable[..., Client], layers: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    app = App()

    @app.get("/{where}", middleware=layers)
    async def stray(where: str) -> AsyncIterator[str]:
        if where == "later":
            yield "a"
        task = asyncio.create_task(asyncio.sleep(60))
        task.cancel()
        await task
        yield "b"

    client = client_for(app)
    assert client.get("/first").status_code == 500
    with client.stream("GET", "/later") as response:
        chunks = response.iter_bytes()
        assert next(chunks) == b"a"
        with pytest.raises(Aborted):
            next(chunks)
    assert caplog.text.count("was cancelled") >= 2


# -- many, large, long -------------------------------------------------------------------------------------------------


@pytest.mark.clause("stream.many")
def test_many_streams_at_a_time_do_not_wait_for_each_other(
    client_for: Callable[..., Client], source: Any, log: Log
) -> None:
    app = App()
    app.get("/")(lambda: source(log, *"abc"))
    client = client_for(app)
    opened = [client.stream("GET", "/") for _ in range(50)]
    responses = [stream.__enter__() for stream in opened]
    for expected in (b"a", b"b", b"c"):
        assert {next(response.iter_bytes()) for response in responses} == {expected}
    for stream in opened:
        stream.__exit__(None, None, None)
    assert log.entries.count("closed") == 50


@pytest.mark.clause("stream.many")
@pytest.mark.parametrize("colour", ["sync", "async"])
def test_memory_stays_flat_however_long_the_stream(client_for: Callable[..., Client], colour: str) -> None:
    app = App()
    piece = b"x" * 100_000

    def long() -> Iterator[bytes]:
        for _ in range(2_000):
            yield bytes(bytearray(piece))

    async def async_long() -> AsyncIterator[bytes]:
        for chunk in long():
            yield chunk

    app.get("/")(long if colour == "sync" else async_long)
    client = client_for(app)
    size = 0
    tracemalloc.start()
    try:
        with client.stream("GET", "/") as response:
            for chunk in response.iter_bytes():
                size += len(chunk)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size == 200_000_000
    assert peak < 5_000_000


@pytest.mark.clause("response.independent")
@pytest.mark.parametrize("path", ["/def", "/async", "/async/def", "/fails", "/left"])
def test_requests_leave_no_cycles_behind(client_for: Callable[..., Client], path: str) -> None:
    """What a request made goes away with its last reference: a busy worker's memory does not wait for the collector."""
    app = App(middleware=[async_layer])
    alive: list[int] = []

    class Marker:
        def __init__(self) -> None:
            alive.append(1)

        def __del__(self) -> None:
            alive.pop()

    @app.get("/def")
    def plain(request: Request) -> str:
        request.state["marker"] = Marker()
        return "ok"

    @app.get("/async")
    async def coroutine(request: Request) -> str:
        request.state["marker"] = Marker()
        await asyncio.sleep(0)
        return "ok"

    @app.get("/async/def")
    def stream() -> Iterator[str]:
        marker = Marker()
        yield "ok"
        del marker

    @app.get("/left")
    async def async_stream() -> AsyncIterator[str]:
        marker = Marker()
        yield "ok"
        del marker

    @app.get("/fails")
    async def fails(request: Request) -> str:
        request.state["marker"] = Marker()
        raise HTTPError(404)

    client = client_for(app)
    client.get(path)
    gc.collect()
    gc.disable()
    try:
        for _ in range(5):
            client.get(path)
        end = time.monotonic() + 2
        while len(alive) > 1 and time.monotonic() < end:
            time.sleep(0.001)
        assert len(alive) <= 1
    finally:
        gc.enable()
