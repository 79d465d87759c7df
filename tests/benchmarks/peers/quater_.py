"""Quater, on WSGI, ASGI and RSGI: one app for all, handlers are coroutines. Bodies are msgspec's."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from cases import CHUNKS, HELLO, TICKS, Item, Page, passed
from quater import Cookie, Header, JSONResponse, Quater, Request, Response, StreamResponse

NAME = "Quater"
_COROUTINES = {
    "other colour": "handlers are coroutines",
    "other colour, inline": "handlers are coroutines",
}
LACKS = {
    "asgi": _COROUTINES,
    "rsgi": _COROUTINES,
    "wsgi": {"other colour, inline": "a coroutine always runs on an event loop"},
}


async def _chunks() -> AsyncIterator[bytes]:
    for chunk in CHUNKS:
        yield chunk


async def _ticks() -> AsyncIterator[bytes]:
    for tick in TICKS:
        yield b'data: {"tick":%d}\n\n' % tick


async def _passing(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    passed()
    return await call_next(request)


def _app(layers: int) -> Quater:
    app = Quater(allowed_hosts=["shop.example.org", "127.0.0.1"], docs_path=None, openapi_path=None, mcp_docs_path=None)
    for _ in range(layers):
        app.around_request(_passing)

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

    return app


def asgi(layers: int) -> Any:
    """Return the ASGI callable behind so many middlewares."""
    return _app(layers).asgi


def wsgi(layers: int) -> Any:
    """Return the WSGI callable behind so many middlewares."""
    return _app(layers).wsgi


def many(interface: str, count: int) -> Any:
    """Return an app of so many routes."""
    app = Quater(allowed_hosts=["shop.example.org"], docs_path=None, openapi_path=None, mcp_docs_path=None)

    async def detail(number: int) -> str:
        return HELLO

    for index in range(count):
        app.get(f"/r{index}/{{number:int}}/detail", public=True, name=f"r{index}")(detail)
    return getattr(app, interface)


def rsgi(layers: int) -> Any:
    """Return the RSGI callable behind so many middlewares."""
    return _app(layers).rsgi
