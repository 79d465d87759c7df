"""`sys.exit()` in what answers a request: the failure of that request, logged and answered, and the worker goes on."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from hinge import (
    App,
    AsyncMiddleware,
    EventSourceResponse,
    Middleware,
    Request,
    StreamingResponse,
    WebSocket,
    WebSocketDisconnect,
)
from hinge.backend import Backend, Feature
from hinge.testing import Aborted, Client


@pytest.fixture(params=["bare", "layer", "async layer", "guarded layer"])
def app(request: pytest.FixtureRequest) -> App:
    def layer() -> Middleware:
        response = yield
        response.headers["x-layer"] = "seen"

    async def async_layer() -> AsyncMiddleware:
        response = yield
        response.headers["x-layer"] = "seen"

    def guarded() -> Middleware:
        try:
            yield
        finally:
            pass

    layers: dict[str, list[Any]] = {"layer": [layer], "async layer": [async_layer], "guarded layer": [guarded]}
    app = App(middleware=layers.get(request.param, []))
    app.get("/fine")(lambda: "fine")
    return app


def exits(caplog: pytest.LogCaptureFixture, handler: str) -> None:
    """Expect one failure in the log: an exit, of the handler."""
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert record.exc_info[0] is SystemExit
    assert handler in record.getMessage()


def expect_500(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert client.get("/fine").text == "fine"


def test_in_a_handler(
    client_for: Callable[..., Client], app: App, coloured: Any, caplog: pytest.LogCaptureFixture
) -> None:
    @app.get("/")
    @coloured
    def leaves() -> None:
        sys.exit(3)

    client = client_for(app)
    expect_500(client, "/")
    exits(caplog, "leaves")


def test_in_a_handler_with_a_request_after_it_waited(
    client_for: Callable[..., Client], app: App, caplog: pytest.LogCaptureFixture
) -> None:
    @app.get("/")
    async def leaves(request: Request) -> None:
        await asyncio.sleep(0)
        sys.exit(request.method)

    client = client_for(app)
    expect_500(client, "/")
    exits(caplog, "leaves")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("is_async", [False, True])
def test_in_a_middleware(
    client_for: Callable[..., Client], app: App, when: str, is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def plain() -> Middleware:
        if when == "before":
            sys.exit()
        yield
        sys.exit()

    async def coroutine() -> AsyncMiddleware:
        if when == "before":
            sys.exit()
        yield
        sys.exit()

    @app.get("/", middleware=[coroutine if is_async else plain])
    def handler() -> str:
        return "x"

    client = client_for(app)
    expect_500(client, "/")
    exits(caplog, "handler")


def test_in_an_error_handler(
    client_for: Callable[..., Client], app: App, coloured: Any, caplog: pytest.LogCaptureFixture
) -> None:
    @app.error(ValueError)
    @coloured
    def leaves(request: Request, error: ValueError) -> None:
        sys.exit(1)

    @app.get("/")
    def handler() -> None:
        raise ValueError

    client = client_for(app)
    expect_500(client, "/")
    exits(caplog, "handler")


def test_it_is_answered_by_who_answers_every_failure(client_for: Callable[..., Client], app: App) -> None:
    @app.error(Exception)
    def any_failure(request: Request, error: Exception) -> str:
        return f"sorry: {error!r}"

    @app.get("/")
    def leaves() -> None:
        sys.exit(3)

    response = client_for(app).get("/")
    assert (response.status_code, response.text) == (500, "sorry: SystemExit(3)")


def sources(chunks: int) -> dict[str, Callable[[], Any]]:
    def plain() -> Iterator[str]:
        for _ in range(chunks):
            yield "x"
        sys.exit(1)

    async def coroutine() -> AsyncIterator[str]:
        for _ in range(chunks):
            yield "x"
        sys.exit(1)

    return {"def": plain, "async def": coroutine}


@pytest.mark.parametrize("colour", ["def", "async def"])
def test_before_a_streams_first_chunk(
    client_for: Callable[..., Client], app: App, colour: str, caplog: pytest.LogCaptureFixture
) -> None:
    source = sources(0)[colour]

    @app.get("/")
    def handler() -> StreamingResponse:
        return StreamingResponse(source())

    client = client_for(app)
    expect_500(client, "/")
    exits(caplog, "handler")


@pytest.mark.parametrize("kind", [StreamingResponse, EventSourceResponse])
@pytest.mark.parametrize("colour", ["def", "async def"])
def test_in_a_stream(
    client_for: Callable[..., Client], app: App, colour: str, kind: Any, caplog: pytest.LogCaptureFixture
) -> None:
    source = sources(1)[colour]

    @app.get("/")
    def handler() -> StreamingResponse:
        response: StreamingResponse = kind(source())
        return response

    client = client_for(app)
    with client.stream("GET", "/") as response, pytest.raises(Aborted):
        response.read()
    assert client.get("/fine").text == "fine"
    exits(caplog, "handler")


@pytest.mark.parametrize("colour", ["def", "async def"])
def test_in_a_streams_end(
    client_for: Callable[..., Client], app: App, colour: str, caplog: pytest.LogCaptureFixture
) -> None:
    def plain() -> Iterator[str]:
        try:
            yield "x"
            yield "y"
        finally:
            sys.exit(1)

    async def coroutine() -> AsyncIterator[str]:
        try:
            yield "x"
            yield "y"
        finally:
            sys.exit(1)

    @app.get("/")
    def handler() -> StreamingResponse:
        return StreamingResponse(plain() if colour == "def" else coroutine())

    client = client_for(app)
    with client.stream("GET", "/") as response:
        assert next(response.iter_bytes()) == b"x"
    assert client.get("/fine").text == "fine"
    exits(caplog, "handler")


def test_after_the_response(
    client_for: Callable[..., Client], app: App, coloured: Any, caplog: pytest.LogCaptureFixture
) -> None:
    notes: list[str] = []

    @coloured
    def leaves() -> None:
        sys.exit(1)

    @app.get("/")
    def handler(request: Request) -> str:
        request.after_response(leaves)
        request.after_response(notes.append, "next")
        return "x"

    client = client_for(app)
    assert client.get("/").text == "x"
    assert notes == ["next"]
    assert client.get("/fine").text == "fine"
    exits(caplog, "after_response(<function ")


@pytest.mark.needs(Feature.WEBSOCKET, "the handler speaks it")
def test_in_a_websocket_handler(
    client_for: Callable[..., Client], app: App, coloured: Any, caplog: pytest.LogCaptureFixture
) -> None:
    @app.websocket("/")
    async def leaves(ws: WebSocket) -> None:
        await ws.accept()
        sys.exit(1)

    client = client_for(app)
    with client.websocket("/") as ws, pytest.raises(WebSocketDisconnect) as closed:
        ws.receive()
    assert closed.value.code == 1011
    assert client.get("/fine").text == "fine"
    exits(caplog, "leaves")


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("code", [None, 0, 3])
def test_in_a_lifespans_start(client_for: Callable[..., Client], is_async: bool, code: int | None) -> None:
    app = App()
    notes: list[str] = []

    @app.lifespan
    def first() -> Iterator[None]:
        yield
        notes.append("first stopped")

    def plain() -> Iterator[None]:
        sys.exit(code)
        yield

    async def coroutine() -> AsyncIterator[None]:
        sys.exit(code)
        yield

    app.lifespan(coroutine if is_async else plain)
    app.get("/")(lambda: "x")
    with pytest.raises(RuntimeError, match=rf"lifespan .*test_exit\.py:\d+\): it called sys\.exit\({code}\)"):
        client_for(app)
    assert notes == ["first stopped"]


@pytest.mark.parametrize("is_async", [False, True])
def test_in_a_lifespans_stop(backend: Backend, is_async: bool, caplog: pytest.LogCaptureFixture) -> None:
    app = App()
    notes: list[str] = []

    @app.lifespan
    def first() -> Iterator[None]:
        yield
        notes.append("first stopped")

    def plain() -> Iterator[None]:
        yield
        sys.exit(2)

    async def coroutine() -> AsyncIterator[None]:
        yield
        sys.exit(2)

    app.lifespan(coroutine if is_async else plain)
    app.get("/")(lambda: "x")
    with pytest.raises(RuntimeError, match=r"it called sys\.exit\(2\)"), Client(app, backend.name) as client:
        assert client.get("/").text == "x"
    assert notes == ["first stopped"]
    assert [record.getMessage() for record in caplog.records] == ["a lifespan failed while it was stopped"]
