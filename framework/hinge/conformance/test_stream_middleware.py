"""Streams inside middleware: the first chunk and its failures, and responses in the place of others."""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import pytest

from hinge import App, AsyncMiddleware, Middleware, Request, Response, StreamingResponse
from hinge.backend.contract import Feature
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
@pytest.mark.parametrize(
    ("fails", "answer"), [(False, (200, "other")), (True, (500, None))], ids=["replaced", "failed"]
)
def test_a_stream_that_is_replaced_or_left_by_a_failure_is_closed(
    client_for: Callable[..., Client], source: Any, log: Log, colour: str, fails: bool, answer: tuple[int, str | None]
) -> None:
    def layer() -> Middleware:
        yield
        if fails:
            raise ValueError
        return Response("other")

    async def async_layer() -> AsyncMiddleware:
        yield
        if fails:
            raise ValueError
        yield Response("other")

    app = App(middleware=[layer if colour == "sync" else async_layer])
    app.get("/")(lambda: source(log, "a", "b"))
    response = client_for(app).get("/")
    assert (response.status_code, None if fails else response.text) == answer
    assert log.entries.count("closed") == 1


def upper(chunks: Iterable[Any]) -> Iterator[bytes]:
    for chunk in chunks:
        yield chunk.encode().upper()


async def async_upper(chunks: AsyncIterable[Any]) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        yield chunk.encode().upper()


@pytest.mark.needs(Feature.STREAMING, "its chunks are told one by one")
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
