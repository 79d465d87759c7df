"""Middleware and what goes wrong inside of it: the same on every backend, for both colours of either."""

import math
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from hinge import App, AsyncMiddleware, BodyStream, HTTPError, Middleware, Query, Request, Response, Router
from hinge.testing import Client

ClientFor = Callable[..., Client]


def cors(request: Request) -> Middleware:
    response = yield
    response.headers["access-control-allow-origin"] = "*"
    return None


async def cors_async(request: Request) -> AsyncMiddleware:
    response = yield None
    await anyio.lowlevel.checkpoint()
    response.headers["access-control-allow-origin"] = "*"


def fails() -> str:
    raise KeyError


async def fails_async() -> str:
    await anyio.lowlevel.checkpoint()
    raise KeyError


def streams() -> Any:
    raise KeyError
    yield ""


def invalid(size: Query[int]) -> None: ...


@pytest.mark.parametrize("middleware", [cors, cors_async])
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/fails", 500),
        ("GET", "/fails-async", 500),
        ("GET", "/streams", 500),
        ("GET", "/raises", 418),
        ("GET", "/invalid?size=x", 422),
        ("GET", "/invalid?" + "&".join(["a=1"] * 10_000), 400),
        ("GET", "/nowhere", 404),
        ("GET", "/%ff", 400),
        ("DELETE", "/fails", 405),
        ("OPTIONS", "/fails", 204),
        ("GET", "/fails/", 308),
    ],
)
def test_a_plain_yield_sees_every_answer(
    client_for: ClientFor, middleware: Any, method: str, path: str, status: int
) -> None:
    """CORS headers missing on a 500 hide the real error from the browser."""

    def raises() -> None:
        raise HTTPError(418)

    app = App(middleware=[middleware])
    for route, handler in (
        ("/fails", fails),
        ("/fails-async", fails_async),
        ("/streams", streams),
        ("/raises", raises),
        ("/invalid", invalid),
    ):
        app.get(route)(handler)
    response = client_for(app).request(method, path)
    assert (response.status_code, response.headers["access-control-allow-origin"]) == (status, "*")


@pytest.mark.parametrize("handler", [fails, fails_async])
def test_a_guarded_yield_answers_the_failure_itself(client_for: ClientFor, handler: Any) -> None:
    def catching(request: Request) -> Middleware:
        try:
            yield
        except KeyError:
            return Response("caught", status=409)
        return None

    async def catching_async(request: Request) -> AsyncMiddleware:
        try:
            yield None
        except KeyError:
            await anyio.lowlevel.checkpoint()
            yield Response("caught", status=409)

    app = App()
    app.get("/sync", middleware=[catching])(handler)
    app.get("/async", middleware=[catching_async])(handler)
    app.get("/around", middleware=[cors_async, catching, cors])(handler)
    client = client_for(app)
    assert client.get("/sync").status_code == 409
    assert client.get("/async").text == "caught"
    assert client.get("/around").status_code == 500, "the inner layer made a response of it before"


def test_a_timeout_around_the_yield_ends_the_handler(client_for: ClientFor) -> None:
    ended: list[str] = []
    scopes: list[anyio.CancelScope] = []

    async def limiting(request: Request) -> AsyncMiddleware:
        try:
            with anyio.fail_after(60) as scope:
                scopes.append(scope)
                yield None
        except TimeoutError:
            yield Response("too slow", status=504)

    def limiting_sync(request: Request) -> Middleware:
        with anyio.move_on_after(60) as scope:
            scopes.append(scope)
            yield
            return None
        return Response("too slow", status=504)

    async def waits() -> None:
        try:
            scopes.pop().deadline = -math.inf  # its time is up
            await anyio.Event().wait()
        finally:
            ended.append("handler")

    app = App()
    app.get("/async", middleware=[limiting])(waits)
    # A plain one around an async handler needs the event loop, and so an async one beside it.
    app.get("/sync", middleware=[cors_async, limiting_sync])(waits)
    client = client_for(app)
    for path in ("/async", "/sync"):
        response = client.get(path)
        assert (response.status_code, response.text) == (504, "too slow")
    assert ended == ["handler", "handler"]


def test_misuse_is_a_500_that_names_the_function_in_the_log(
    client_for: ClientFor, caplog: pytest.LogCaptureFixture
) -> None:
    def twice(request: Request) -> Middleware:
        yield
        yield
        return None

    async def never(request: Request) -> AsyncMiddleware:
        if request is None:
            yield None

    app = App()
    app.get("/twice", middleware=[twice])(lambda: "x")
    app.get("/never", middleware=[never])(lambda: "x")
    client = client_for(app)
    for path, name in (("/twice", "twice"), ("/never", "never")):
        caplog.clear()
        assert client.get(path).status_code == 500
        assert f"{name} (tests/contract/test_middleware_failures.py:" in caplog.text


def test_middleware_may_read_the_body_first_where_it_asks_for_it(client_for: ClientFor) -> None:
    def signed(request: Request) -> Middleware:
        if request.body != b"signed":
            return Response(status=403)
        yield
        return None

    async def signed_async(request: Request) -> AsyncMiddleware:
        if request.json() != [1]:
            raise HTTPError(403)
        yield None

    app, router = App(), Router("/async")
    app.post("/sync", middleware=[cors])(lambda: "in")
    app.middleware(needs_body=True)(signed)
    router.middleware(needs_body=True)(signed_async)

    def in_router(request: Request) -> str:
        return request.body.decode()

    router.post("")(in_router)
    other = App()
    other.include(router)
    client, other_client = client_for(app), client_for(other)
    assert client.post("/sync", content=b"signed").text == "in"
    assert client.post("/sync", content=b"forged").status_code == 403
    assert other_client.post("/async", content=b"[1]").text == "[1]"
    assert other_client.post("/async", content=b"[2]").status_code == 403
    assert other_client.post("/async", content=b"[").status_code == 400


def test_a_body_that_nobody_asked_for_is_an_error_that_says_so(
    client_for: ClientFor, caplog: pytest.LogCaptureFixture
) -> None:
    def curious(request: Request) -> Middleware:
        request.json()
        yield
        return None

    def upload(request: Request, body: BodyStream) -> Any:
        return request.body.decode()

    app = App()
    app.post("/middleware", middleware=[curious])(lambda: "x")
    app.post("/stream")(upload)
    client = client_for(app)
    for path, fix in (("/middleware", "needs_body=True"), ("/stream", "Fix: take `Request` in the handler")):
        caplog.clear()
        assert client.post(path, content=b"[1]").status_code == 500
        assert fix in caplog.text


def test_an_app_s_own_answer_to_http_errors_may_pass_their_headers_on(client_for: ClientFor) -> None:
    """Even of those whose connection is closed, or that ask for another protocol: never a 500."""
    app = App()

    @app.error(HTTPError)
    def own(request: Request, error: HTTPError) -> Response:
        return Response(f"own {error.status}", status=error.status, headers=error.headers)

    app.post("/upload")(lambda: "x")
    client = client_for(app)
    framed_twice = {"transfer-encoding": "chunked", "content-length": "5"}
    assert client.post("/upload", content=b"hello", headers=framed_twice).text == "own 400"
    response = client.get("/upload")
    assert (response.text, response.headers["allow"]) == ("own 405", "OPTIONS, POST")
