"""Error handlers that answer with streams, and streams of theirs that fail."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from hinge import App, HTTPError, Middleware, Request, Response, StreamingResponse


class Broken(Exception):
    pass


class Worse(Exception):
    pass


def failing(error: Exception) -> Iterator[str]:
    raise error
    yield ""


async def afailing(error: Exception) -> AsyncIterator[str]:
    raise error
    yield ""


def passing() -> Middleware:
    yield


@pytest.fixture(params=[[], [passing]], ids=["bare", "middleware"])
def layers(request: pytest.FixtureRequest) -> list[Any]:
    return request.param


@pytest.fixture(params=[failing, afailing])
def source(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(params=["raises", "streams"])
def app(request: pytest.FixtureRequest, layers, source) -> App:
    """An app whose one handler fails, by itself or with the first chunk of its stream."""
    app = App()

    @app.get("/", middleware=layers)
    def handler() -> Response:
        if request.param == "raises":
            raise Broken
        return StreamingResponse(source(Broken()))

    return app


def test_an_error_handler_answers_with_a_stream(client_for, app, coloured):
    @app.error(Broken)
    @coloured
    def answer(request: Request, error: Broken) -> Response:
        return StreamingResponse(iter(["so", "rry"]), status=503)

    response = client_for(app).get("/")
    assert (response.status_code, response.text) == (503, "sorry")


def test_the_stream_of_an_error_handler_fails(client_for, app, source, coloured, caplog):
    @app.error(Broken)
    @coloured
    def answer(request: Request, error: Broken) -> Response:
        return StreamingResponse(source(Worse("really")))

    response = client_for(app).get("/")
    assert (response.status_code, response.json()["title"]) == (500, "Internal Server Error")
    assert "Worse: really" in caplog.text


def test_every_stream_fails(client_for, app, source, coloured, caplog):
    @app.error(Exception)
    @coloured
    def answer(request: Request, error: Exception) -> Response:
        return StreamingResponse(source(Worse("again")))

    client = client_for(app)
    for _ in range(2):
        response = client.get("/")
        assert (response.status_code, response.json()["title"]) == (500, "Internal Server Error")
    assert caplog.text.count("Worse: again") >= 2
    assert client.head("/").status_code in (200, 500)  # of a HEAD no chunk is made


def test_the_stream_of_an_error_handler_fails_with_an_http_error(client_for, app, source, caplog):
    @app.error(Exception)
    def answer(request: Request, error: Exception) -> Response:
        return StreamingResponse(source(HTTPError(409, "taken")))

    response = client_for(app).get("/")
    assert (response.status_code, response.json()["detail"]) == (409, "taken")
    assert caplog.text == ""
