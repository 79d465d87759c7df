"""Streams inside middleware: the first chunk and its failures, and responses in the place of others."""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import pytest

from hinge import App, AsyncMiddleware, Middleware, Request, Response, StreamingResponse
from hinge.conformance.layers import layer
from hinge.conformance.streams import Log
from hinge.testing import Client

pytestmark = pytest.mark.clause("stream.closed")


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
