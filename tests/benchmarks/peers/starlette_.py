"""Starlette. Middleware is plain ASGI, which its documentation prefers over BaseHTTPMiddleware."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
from cases import CHUNKS, HELLO, TICKS, Item, Page, passed
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

NAME = "Starlette"
LACKS = {"asgi": {"other colour, inline": "a def handler always runs in a worker thread"}}

_item = msgspec.json.Decoder(Item)


async def plain(request: Request) -> Response:
    """Answer with text."""
    return PlainTextResponse(HELLO)


async def json(request: Request) -> Response:
    """Answer with JSON."""
    return JSONResponse({"message": HELLO})


async def read(request: Request) -> Response:
    """Answer with what the path and the query say."""
    limit = int(request.query_params.get("limit", "10"))
    verbose = request.query_params.get("verbose", "false") == "true"
    page = Page(request.path_params["item_id"], limit, verbose)
    return JSONResponse({"item_id": page.item_id, "limit": page.limit, "verbose": page.verbose})


async def create(request: Request) -> Response:
    """Answer with the body, validated."""
    item = _item.decode(await request.body())
    return JSONResponse(msgspec.to_builtins(item), status_code=201)


async def session(request: Request) -> Response:
    """Answer with one header and one cookie."""
    return JSONResponse({"request_id": request.headers["x-request-id"], "session": request.cookies["session"]})


def other(request: Request) -> Response:
    """Answer with text from a worker thread."""
    return PlainTextResponse(HELLO)


async def _chunks() -> AsyncIterator[bytes]:
    for chunk in CHUNKS:
        yield chunk


async def _ticks() -> AsyncIterator[str]:
    for tick in TICKS:
        yield f'data: {{"tick":{tick}}}\n\n'


async def stream(request: Request) -> Response:
    """Answer with a stream."""
    return StreamingResponse(_chunks(), media_type="application/octet-stream")


async def events(request: Request) -> Response:
    """Answer with events."""
    return StreamingResponse(_ticks(), media_type="text/event-stream", headers={"cache-control": "no-store"})


class Passing:
    """Let everything through."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        passed()
        await self.app(scope, receive, send)


def asgi(layers: int) -> Starlette:
    """Return the app behind so many middlewares."""
    routes = [
        Route("/plain", plain),
        Route("/json", json),
        Route("/items/{item_id:int}", read),
        Route("/items", create, methods=["POST"]),
        Route("/session", session),
        Route("/other", other),
        Route("/stream", stream),
        Route("/events", events),
    ]
    return Starlette(routes=routes, middleware=[Middleware(Passing)] * layers)


async def detail(request: Request) -> Response:
    """Answer with text."""
    return PlainTextResponse(HELLO)


def many(interface: str, count: int) -> Starlette:
    """Return an app of so many routes."""
    return Starlette(routes=[Route(f"/r{index}/{{number:int}}/detail", detail) for index in range(count)])
