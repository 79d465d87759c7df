"""Quater, on WSGI, ASGI and RSGI: one app for all, handlers are coroutines. Bodies are msgspec's; the id is its own."""

from collections.abc import AsyncIterator, Awaitable, Callable
from time import perf_counter
from typing import Any

from cases import ALLOWED, CHUNKS, HELLO, READY, TICKS, Around, Item, Page, framed, middleware_of, passed
from quater import Cookie, CORSConfig, Header, JSONResponse, Quater, Request, Response, StreamResponse

NAME = "Quater"
_COROUTINES = {
    "other colour": "handlers are coroutines",
    "other colour in three middlewares": "handlers are coroutines",
    "other colour, inline": "handlers are coroutines",
}
_SKIPPED = {
    "realistic, 422": "a refused body passes no middleware",
    "100 server-sent events": "it has no events of its own",
}
LACKS = {
    "asgi": {**_COROUTINES, **_SKIPPED},
    "rsgi": {**_COROUTINES, **_SKIPPED},
    "wsgi": {
        "other colour, inline": "a coroutine always runs on an event loop",
        **_SKIPPED,
    },
}


async def _chunks() -> AsyncIterator[bytes]:
    for chunk in CHUNKS:
        yield chunk


async def _ticks() -> AsyncIterator[bytes]:
    for tick in TICKS:
        yield framed(tick)


async def _passing(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    passed()
    return await call_next(request)


async def _request_id(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    response.headers = [*response.headers, ("x-request-id", request.headers.get("x-request-id") or "none")]
    return response


async def _timing(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    started = perf_counter()
    response = await call_next(request)
    response.headers = [*response.headers, ("server-timing", f"app;dur={(perf_counter() - started) * 1e3:.1f}")]
    return response


async def _origin(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    asking = request.headers.get("origin")
    if asking in ALLOWED:
        response.headers = [*response.headers, ("access-control-allow-origin", asking)]
    return response


def _app(around: Around) -> Quater:
    app = Quater(
        allowed_hosts=["shop.example.org", "127.0.0.1"],
        docs_path=None,
        openapi_path=None,
        mcp_docs_path=None,
        cors=CORSConfig(allowed_origins=tuple(ALLOWED)) if around == READY else None,
    )
    for middleware in middleware_of(around, _passing, [_request_id, _timing, _origin], []):
        app.around_request(middleware)

    @app.get("/plain", public=True)
    async def plain() -> str:
        return HELLO

    @app.get("/json", public=True)
    async def json() -> dict[str, str]:
        return {"message": HELLO}

    @app.get("/items/{item_id:int}", public=True)
    async def read(item_id: int, limit: int = 10, verbose: bool = False) -> Page:
        return Page(item_id, limit, verbose)

    @app.post("/items", public=True)
    async def create(item: Item) -> JSONResponse:
        return JSONResponse(item, status_code=201)

    @app.get("/session", public=True)
    async def session(
        request_id: str = Header(alias="x-request-id"), session_id: str = Cookie(alias="session")
    ) -> dict[str, str]:
        return {"request_id": request_id, "session": session_id}

    @app.get("/request", public=True)
    async def alone(request: Request) -> dict[str, Any]:
        return {"request_id": request.headers.get("x-request-id"), "session": request.cookies.get("session")}

    @app.post("/orders", public=True)
    async def order(
        item: Item, token: str = Header(alias="x-token"), session_id: str = Cookie(alias="session")
    ) -> dict[str, Any]:
        return {"name": item.name, "token": token, "session": session_id, "parts": len(item.parts)}

    @app.get("/other", public=True)
    async def other() -> str:
        return HELLO

    @app.get("/stream", public=True)
    async def stream() -> StreamResponse:
        return StreamResponse(_chunks())

    @app.get("/events", public=True)
    async def events() -> StreamResponse:
        headers = {"cache-control": "no-store"}
        return StreamResponse(_ticks(), headers=headers, content_type="text/event-stream")

    app.get("/values", public=True, name="values")(events)
    return app


def asgi(around: Around) -> Any:
    """Return the ASGI callable behind what is asked for."""
    return _app(around).asgi


def wsgi(around: Around) -> Any:
    """Return the WSGI callable behind what is asked for."""
    return _app(around).wsgi


def many(interface: str, count: int) -> Any:
    """Return an app of so many routes."""
    app = Quater(allowed_hosts=["shop.example.org"], docs_path=None, openapi_path=None, mcp_docs_path=None)

    async def detail(number: int) -> str:
        return HELLO

    for index in range(count):
        app.get(f"/r{index}/{{number:int}}/detail", public=True, name=f"r{index}")(detail)
    return getattr(app, interface)


def rsgi(around: Around) -> Any:
    """Return the RSGI callable behind what is asked for."""
    return _app(around).rsgi
