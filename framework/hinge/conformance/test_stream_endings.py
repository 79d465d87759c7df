"""Streams: every way that one ends before its time."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from hinge import App, AsyncMiddleware, JSONLinesResponse, Request, Response, StreamingResponse
from hinge.backend.contract import Feature
from hinge.conformance.layers import LAYERS
from hinge.conformance.streams import LEAVING, PATIENCE, AsyncChunks, Chunks, Closable, CutOff, Log
from hinge.testing import Client

pytestmark = pytest.mark.clause("stream.closed")


async def for_ever(log: Log) -> AsyncIterator[str]:
    try:
        yield "first"
        await asyncio.Event().wait()
    finally:
        log("cleaning")
        await asyncio.sleep(0.01)  # a clean-up that waits is not cut short
        log("closed")


@pytest.mark.needs(Feature.STREAMING, "the client leaves while the response is made")
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


@pytest.mark.parametrize("kind", ["generator", "iterator", "iterable"])
def test_a_plain_source_that_is_cancelled_in_its_first_step_is_closed_behind_it(
    client_for: Callable[..., Client], log: Log, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    """A thread cannot be stopped: it closes the source when it comes back, and nobody enters it before."""
    going_on = threading.Event()
    expire: list[Callable[[], object]] = []

    async def impatient() -> AsyncMiddleware:
        try:
            async with asyncio.timeout(None) as limit:
                expire.append(partial(asyncio.get_running_loop().call_soon_threadsafe, limit.reschedule, 0))
                yield
        except TimeoutError:
            log("timed out")
            yield Response("late", status=504)

    def step() -> str:
        log("begun")
        expire.pop()()
        assert going_on.wait(PATIENCE)
        return "a"

    def slow() -> Iterator[str]:
        try:
            yield step()
        finally:
            log("closed")

    class Slow(Chunks):
        def __next__(self) -> str:
            return step()

    class SlowIterable(Closable):
        def __iter__(self) -> Iterator[str]:
            yield step()

    app = App(middleware=[impatient])
    make: dict[str, Any] = {"generator": slow, "iterator": lambda: Slow(log), "iterable": lambda: SlowIterable(log)}
    app.get("/")(lambda: StreamingResponse(make[kind]()))
    client = client_for(app)
    found: list[int] = []
    asking = threading.Thread(target=lambda: found.append(client.get("/").status_code))
    asking.start()
    log.wait_for("timed out")
    asking.join(0.05)  # an event loop has answered by then, and begun to close the source
    going_on.set()
    asking.join(PATIENCE)
    log.wait_for("closed")
    assert found == [504]
    assert log.entries == ["begun", "timed out", "closed"]
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
            async with asyncio.timeout(0.2):
                yield "a"
                await asyncio.Event().wait()
        except TimeoutError:
            yield "b"
        with anyio.move_on_after(0.2):
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


@pytest.mark.needs(Feature.STREAMING, "the client leaves while the response is made")
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


@pytest.mark.needs(Feature.STREAMING, "the client reads while the response is made")
@pytest.mark.clause("stream.task")
@pytest.mark.parametrize("kind", ["chunks", "lines"])
@pytest.mark.parametrize("around", ["layer", "async layer", "both"])
def test_a_timeout_that_runs_out_at_a_yield_is_raised_there(
    client_for: Callable[..., Client], around: str, kind: str, log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    """In a stream inside middleware; in one without, it may be the server's `send` that is interrupted."""
    expire: list[Callable[[], object]] = []

    async def limited() -> AsyncIterator[str]:
        try:
            async with asyncio.timeout(None) as limit:
                expire.append(partial(asyncio.get_running_loop().call_soon_threadsafe, limit.reschedule, 0))
                yield "a"
                yield "never"
        except TimeoutError:
            log("expired")
            yield "late"

    app = App()
    wrap: Callable[[Any], Response] = StreamingResponse if kind == "chunks" else JSONLinesResponse
    app.get("/", middleware=LAYERS[around])(lambda: wrap(limited()))
    with client_for(app).stream("GET", "/") as response:
        expire[0]()
        log.wait_for("expired")
        text = b"".join(response.iter_bytes()).decode()
    assert text == ("alate" if kind == "chunks" else '"a"\n"late"\n')
    assert caplog.records == []


@pytest.mark.needs(Feature.STREAMING, "what is cut off has begun to go out")
@pytest.mark.clause("stream.task")
def test_what_spans_the_yields_may_fail(
    client_for: Callable[..., Client], layers: list[Any], caplog: pytest.LogCaptureFixture, cut_off: CutOff
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
        cut_off(chunks, more=0)
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


@pytest.mark.needs(Feature.STREAMING, "the client leaves while the response is made")
@pytest.mark.clause("stream.left")
@pytest.mark.parametrize(
    "path",
    [
        "/def",
        pytest.param("/async", marks=pytest.mark.needs(Feature.DISCONNECT, "it sends again when it has been told")),
    ],
)
def test_a_generator_that_will_not_end_is_ended(
    client_for: Callable[..., Client], path: str, caplog: pytest.LogCaptureFixture, recwarn: Any
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

    with client_for(app).stream("GET", path) as response:
        next(response.iter_bytes())
    assert "ignored GeneratorExit" in caplog.text


@pytest.mark.needs(Feature.STREAMING, "the client leaves while the response is made")
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


@pytest.mark.needs(Feature.STREAMING, "what is cut off has begun to go out")
@pytest.mark.clause("stream.cut")
def test_a_source_that_raises_a_cancellation_of_its_own_fails(
    client_for: Callable[..., Client], layers: list[Any], caplog: pytest.LogCaptureFixture, cut_off: CutOff
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
        cut_off(chunks, more=0)
    assert caplog.text.count("was cancelled") >= 2
