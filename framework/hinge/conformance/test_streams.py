"""Streams: every kind of iterator in every colour, chunk by chunk, and closed once whatever happens."""

import asyncio
import gc
import logging
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from hinge import App, Config, HTTPError, Request, StreamingResponse
from hinge.backend.contract import Feature
from hinge.conformance.layers import async_layer
from hinge.conformance.streams import PATIENCE, CutOff, Log, Serve, is_closed
from hinge.testing import Client

pytestmark = pytest.mark.clause("stream.closed")


# -- every kind, everywhere --------------------------------------------------------------------------------------------


@pytest.mark.needs(Feature.STREAMING, "the client reads while the response is made")
@pytest.mark.clause("stream.chunks")
def test_chunks_arrive_as_they_are_and_the_source_is_closed(serve: Serve, source: Any, log: Log) -> None:
    client = serve(lambda: source(log, "one ", b"two ", bytearray(b"three "), memoryview(b"four "), "fünf"))
    with client.stream("GET", "/") as response:
        chunks = list(response.iter_bytes())
    assert chunks == [b"one ", b"two ", b"three ", b"four ", "fünf".encode()]
    assert response.status_code == 200
    assert "content-length" not in response.headers
    assert log.entries[-1] == "closed"
    assert log.entries.count("closed") == 1


@pytest.mark.needs(Feature.STREAMING, "its chunks are told one by one")
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


@pytest.mark.needs(Feature.STREAMING, "the client reads while the response is made")
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


@pytest.mark.needs(Feature.STREAMING, "what is cut off has begun to go out")
@pytest.mark.clause("stream.cut")
def test_a_failure_later_cuts_the_response_off(
    serve: Serve, source: Any, log: Log, caplog: pytest.LogCaptureFixture, cut_off: CutOff
) -> None:
    client = serve(lambda: source(log, "a", "b", ValueError("late"), "c"))
    with client.stream("GET", "/") as response:
        chunks = response.iter_bytes()
        assert (next(chunks), next(chunks)) == (b"a", b"b")
        aborted = cut_off(chunks, more=0)
    assert aborted is None or repr(aborted.__cause__) == "ValueError('late')"
    assert log.entries.count("closed") == 1
    assert caplog.text.count("ValueError: late") == 1
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "GET '/'" in record.getMessage()
    assert "streams.py:" in record.getMessage()


@pytest.mark.needs(Feature.STREAMING, "the client leaves while the response is made")
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
    assert is_closed(source, log)
    assert "next" not in log.entries


@pytest.mark.clause("response.bodiless")
def test_head_sends_nothing_and_closes_the_source(serve: Serve, source: Any, log: Log) -> None:
    client = serve(lambda: source(log, "a"))
    response = client.head("/")
    assert (response.status_code, response.content) == (200, b"")
    assert is_closed(source, log)
    assert "next" not in log.entries
    assert client.get("/").content == b"a"


@pytest.mark.clause("stream.cut")
def test_a_wrong_chunk_fails_the_stream(serve: Serve, source: Any, log: Log, caplog: pytest.LogCaptureFixture) -> None:
    client = serve(lambda: source(log, 1))
    assert client.get("/").status_code == 500
    assert "a streamed chunk is str or bytes, not int" in caplog.text
    assert log.entries.count("closed") == 1


@pytest.mark.needs(Feature.STREAMING, "what is cut off has begun to go out")
@pytest.mark.clause("stream.cut")
def test_a_wrong_chunk_later_cuts_the_response_off(serve: Serve, source: Any, log: Log, cut_off: CutOff) -> None:
    client = serve(lambda: source(log, "a", None))
    with client.stream("GET", "/") as response:
        cut_off(response.iter_bytes())
    assert log.entries.count("closed") == 1


@pytest.mark.needs(Feature.STREAMING, "the client leaves while the response is made")
@pytest.mark.clause("response.independent")
def test_the_same_client_gets_answers_after_everything(serve: Serve, source: Any, log: Log, cut_off: CutOff) -> None:
    client = serve(lambda: source(log, "a", "b", ValueError("late")))
    for _ in range(3):
        with client.stream("GET", "/") as response:
            cut_off(response.iter_bytes())
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


@pytest.mark.needs(Feature.STREAMING, "its chunks are told one by one")
@pytest.mark.clause("response.headers")
def test_the_length_of_a_stream_may_be_known(client_for: Callable[..., Client], tmp_path: Any) -> None:
    from hinge import FileResponse

    path = tmp_path / "file.bin"
    path.write_bytes(b"x" * 600_000)
    app = App()
    app.get("/")(lambda: FileResponse(path))
    client = client_for(app)
    with client.stream("GET", "/") as response:
        assert response.headers["content-length"] == "600000"
        chunks = [len(chunk) for chunk in response.iter_bytes()]
    assert len(chunks) > 1
    assert sum(chunks) == 600_000
    assert client.head("/").headers["content-length"] == "600000"


# -- many, large, long -------------------------------------------------------------------------------------------------


@pytest.mark.needs(Feature.STREAMING, "the client reads while the response is made")
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
@pytest.mark.parametrize("borrowed", ["in the first step", "later", "at the close"])
def test_a_stream_that_holds_what_others_wait_for_goes_on(
    client_for: Callable[..., Client], layers: list[Any], borrowed: str
) -> None:
    """As those that share a pool of connections do: whoever has one needs a thread for every step, to give it back."""
    pool = threading.Semaphore(1)
    app = App(config=Config(stream_threads=2))

    @app.get("/", middleware=layers)
    def export() -> Iterator[str]:
        if borrowed == "in the first step":
            assert pool.acquire(timeout=PATIENCE)
        yield "a"
        if borrowed == "later":
            assert pool.acquire(timeout=PATIENCE)
        try:
            yield from "bcd"
        finally:
            if borrowed == "at the close":
                assert pool.acquire(timeout=PATIENCE)
            pool.release()

    client = client_for(app)
    answers: list[str] = []
    clients = [threading.Thread(target=lambda: answers.append(client.get("/").text)) for _ in range(8)]
    for one in clients:
        one.start()
    for one in clients:
        one.join(PATIENCE)
    assert answers == ["abcd"] * 8


@pytest.mark.needs(Feature.STREAMING, "what is collected takes memory")
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
