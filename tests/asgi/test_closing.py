"""A request whose end is in doubt: its connection is closed, whatever the middleware makes of the answer."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.asgi import ask

from hinge import App, AsyncMiddleware, HTTPError, Middleware, Request, Response, StreamingResponse
from hinge.testing import Client

AMBIGUOUS = {"transfer-encoding": "chunked", "content-length": "4"}


def replaces() -> Middleware:
    yield
    return Response("other")


def answers_at_once() -> Middleware:
    return Response("early", status=403)
    yield


def streams() -> Middleware:
    yield

    def chunks() -> Iterator[str]:
        yield "streamed"

    return StreamingResponse(chunks())


def clears() -> Middleware:
    response = yield
    response.headers.clear()


def catches() -> Middleware:
    try:
        yield
    except HTTPError:
        return Response("caught")


async def slowly_replaces() -> AsyncMiddleware:
    yield
    yield Response("other")


def passes() -> Middleware:
    yield


LAYERS = [replaces, answers_at_once, streams, clears, catches, slowly_replaces, passes]


def app_with(layers: list[Any]) -> App:
    app = App(middleware=layers)

    @app.post("/")
    def handler() -> str:
        return "x"

    return app


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("target", ["/", "/unknown", "/%FF"])
def test_middleware_cannot_keep_the_connection(layer: Any, target: str) -> None:
    with Client(app_with([layer]), "asgi") as client:
        response = client.post(target, headers=AMBIGUOUS)
        assert response.headers.get_all("connection") == ["close"]
        assert client.post("/").headers.get_all("connection") == []


def test_without_middleware_it_is_closed_as_well() -> None:
    app = app_with([])

    @app.error(HTTPError)
    def answer(request: Request, error: HTTPError) -> Response:
        return Response("mine", status=error.status)

    with Client(app, "asgi") as client:
        for target in ("/", "/unknown", "/%FF"):
            response = client.post(target, headers=AMBIGUOUS)
            assert (response.status_code, response.text) == (400, "mine")
            assert response.headers.get_all("connection") == ["close"]


def test_it_is_closed_where_the_error_handler_fails() -> None:
    app = app_with([])

    @app.error(HTTPError)
    def fails(request: Request, error: HTTPError) -> Response:
        raise RuntimeError

    with Client(app, "asgi") as client:
        response = client.post("/", headers=AMBIGUOUS)
        assert (response.status_code, response.headers.get_all("connection")) == (500, ["close"])


def test_an_app_that_did_not_start_closes_it_too() -> None:
    app = app_with([replaces])

    @app.lifespan
    def broken() -> Iterator[None]:
        raise RuntimeError
        yield

    headers = [(name.encode(), value.encode()) for name, value in AMBIGUOUS.items()]
    sent = ask(app.asgi, "/", {"type": "http.request"}, method="POST", raw_path=b"/", headers=headers).sent
    assert (b"connection", b"close") in sent[0]["headers"]
