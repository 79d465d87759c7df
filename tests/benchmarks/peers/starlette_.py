"""Starlette. Middleware is plain ASGI, which its documentation prefers over BaseHTTPMiddleware."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
from cases import ALLOWED, CHUNKS, HELLO, TICKS, Around, Item, Page, framed, middleware_of, passed
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from peers.asgi_middleware import three

NAME = "Starlette"
LACKS = {
    "asgi": {
        "other colour, inline": "a def handler always runs in a worker thread",
        "100 server-sent events": "it has no events of its own",
    }
}
THREE = three(lambda scope: Headers(scope=scope), lambda message: MutableHeaders(scope=message))

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


async def order(request: Request) -> Response:
    """Answer the realistic request."""
    try:
        item = _item.decode(await request.body())
    except msgspec.ValidationError as error:
        raise HTTPException(422, str(error)) from error
    token, cookie = request.headers["x-token"], request.cookies["session"]
    answer = {"name": item.name, "token": token, "session": cookie, "parts": len(item.parts)}
    return Response(msgspec.json.encode(answer), media_type="application/json")


def other(request: Request) -> Response:
    """Answer with text from a worker thread."""
    return PlainTextResponse(HELLO)


async def _chunks() -> AsyncIterator[bytes]:
    for chunk in CHUNKS:
        yield chunk


async def _ticks() -> AsyncIterator[bytes]:
    for tick in TICKS:
        yield framed(tick)


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


def asgi(around: Around) -> Starlette:
    """Return the app behind what is asked for."""
    middlewares = [Middleware(made) for made in THREE]
    ready = [Middleware(CORSMiddleware, allow_origins=list(ALLOWED)), middlewares[0]]
    routes = [
        Route("/plain", plain),
        Route("/json", json),
        Route("/items/{item_id:int}", read),
        Route("/items", create, methods=["POST"]),
        Route("/session", session),
        Route("/request", session),
        Route("/orders", order, methods=["POST"]),
        Route("/other", other),
        Route("/stream", stream),
        Route("/events", events),
        Route("/values", events),
    ]
    return Starlette(routes=routes, middleware=middleware_of(around, Middleware(Passing), middlewares, ready))


async def detail(request: Request) -> Response:
    """Answer with text."""
    return PlainTextResponse(HELLO)


def many(interface: str, count: int) -> Starlette:
    """Return an app of so many routes."""
    return Starlette(routes=[Route(f"/r{index}/{{number:int}}/detail", detail) for index in range(count)])
