"""Failures: what is left of the body for error handlers, and for middleware behind its yield."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import msgspec
import pytest

from hinge import App, AsyncMiddleware, Body, BodyStream, Form, HTTPError, JSONResponse, Middleware, Request
from hinge.testing import Client

pytestmark = pytest.mark.clause("errors.handlers")

JSON = {"content-type": "application/json"}
GOOD = b'{"name": "ada"}'


class Item(msgspec.Struct):
    name: str


class Broken(Exception):
    pass


def read(request: Request) -> str:
    """Return the body, or what reading it raises."""
    try:
        return request.body.decode()
    except HTTPError as error:
        return f"HTTPError {error.status}"
    except RuntimeError as error:
        return f"RuntimeError: {error}"


seen: list[str] = []


def layer(request: Request) -> Middleware:
    yield
    seen.append(read(request))


async def async_layer(request: Request) -> AsyncMiddleware:
    yield
    seen.append(read(request))


LAYERS: dict[str, list[Any]] = {"bare": [], "layer": [layer], "async layer": [async_layer]}


@pytest.fixture(params=list(LAYERS))
def layers(request: pytest.FixtureRequest) -> list[Any]:
    seen.clear()
    return LAYERS[request.param]


def item(item: Item) -> None:
    raise Broken


async def awaited(item: Item) -> None:
    raise Broken


def raw(body: Body[bytes]) -> None:
    raise Broken


def whole(request: Request) -> None:
    raise Broken


def both(request: Request, item: Item) -> None:
    raise Broken


def inline(item: Item) -> None:
    raise Broken


def chunks(item: Item) -> Iterator[str]:
    raise Broken
    yield ""


async def async_chunks(item: Item) -> AsyncIterator[str]:
    raise Broken
    yield ""


HANDLERS = [item, awaited, raw, whole, both, inline, chunks, async_chunks]


def client_of(
    client_for: Callable[..., Client], coloured: Any, handler: Callable[..., Any], layers: list[Any], **options: Any
) -> Client:
    """Return a client of an app whose error handlers answer with the body that they see."""
    app = App()

    @app.error(HTTPError)
    @coloured
    def refused(request: Request, error: HTTPError) -> JSONResponse:
        return JSONResponse(read(request), status=error.status)

    @app.error(Broken)
    @coloured
    def broken(request: Request, error: Broken) -> JSONResponse:
        return JSONResponse(read(request), status=500)

    app.post("/", middleware=layers, inline=handler is inline, **options)(handler)
    return client_for(app)


@pytest.mark.parametrize("handler", HANDLERS, ids=lambda handler: handler.__name__)
def test_an_error_handler_reads_the_body_that_the_handler_takes(
    client_for: Callable[..., Client], coloured: Any, layers: list[Any], handler: Any
) -> None:
    client = client_of(client_for, coloured, handler, layers, max_body_size=50)
    takes_item = handler not in (raw, whole)
    for content, status, body in (
        (GOOD, 500, GOOD.decode()),
        (b'{"name": 1}', 422 if takes_item else 500, '{"name": 1}'),
        (b"{", 400 if takes_item else 500, "{"),
        (b"", 400 if takes_item else 500, ""),
        (b"x" * 51, 413, "HTTPError 413"),
    ):
        response = client.post("/", content=content, headers=JSON)
        assert (response.status_code, response.json()) == (status, body)
        assert seen == ([body] if layers else [])
        seen.clear()
    response = client.post("/", content=b"text", headers={"content-type": "text/plain"})
    assert (response.status_code, response.json()) == (415 if takes_item else 500, "text")


def form(name: Form[str]) -> None:
    raise Broken


def stream(body: BodyStream) -> None:
    raise Broken


def nothing() -> None:
    raise Broken


@pytest.mark.parametrize(
    ("handler", "said"),
    [
        (form, "a form is read as it arrives"),
        (stream, "a BodyStream is read by its handler"),
        (nothing, "was not read"),
    ],
)
def test_a_body_that_nobody_reads_says_so(
    client_for: Callable[..., Client], coloured: Any, layers: list[Any], handler: Any, said: str
) -> None:
    client = client_of(client_for, coloured, handler, layers)
    response = client.post("/", form={"name": "ada"}) if handler is form else client.post("/", content=b"x")
    found = [response.json(), *seen]
    assert len(found) == (2 if layers else 1)
    for text in found:
        assert text.startswith("RuntimeError: request.body")
        assert said in text
        assert "Fix: " in text


def test_middleware_that_needs_the_body_has_it_kept_for_error_handlers_of_every_route(
    client_for: Callable[..., Client], coloured: Any
) -> None:
    app = App()

    @app.middleware(needs_body=True)
    def keep() -> Middleware:
        yield

    @app.error(HTTPError)
    @coloured
    def refused(request: Request, error: HTTPError) -> JSONResponse:
        return JSONResponse(read(request), status=error.status)

    @app.post("/form")
    def age(age: Form[int]) -> None: ...

    client = client_for(app)
    response = client.post("/form", form={"age": "old"})
    assert (response.status_code, response.json()) == (422, "age=old")
    response = client.post("/unknown", content=b"lost")
    assert (response.status_code, response.json()) == (404, "lost")


def test_an_error_handler_that_fails_on_the_body_keeps_the_status_of_a_body_that_was_refused(
    client_for: Callable[..., Client], coloured: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app = App()

    @app.error(HTTPError)
    @coloured
    def refused(request: Request, error: HTTPError) -> object:
        return request.json()

    app.post("/", max_body_size=50)(item)
    client = client_for(app)
    assert client.post("/", content=b"x" * 51, headers=JSON).status_code == 413
    assert client.post("/", content=b"{", headers=JSON).status_code == 400
    response = client.post("/", content=b'{"name": 1}', headers=JSON)
    assert (response.status_code, response.json()) == (422, {"name": 1})
    assert caplog.records == []
