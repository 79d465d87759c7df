"""Litestar: msgspec bodies, its own ServerSentEvent, and middleware as a factory of ASGI callables."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from cases import ALLOWED, CHUNKS, HELLO, READY, TICKS, Around, Item, Page, middleware_of, passed
from litestar import Litestar, MediaType, Request, get, post
from litestar.config.cors import CORSConfig
from litestar.datastructures import Headers, MutableScopeHeaders
from litestar.params import Parameter
from litestar.response import ServerSentEvent, ServerSentEventMessage, Stream

from peers.asgi_middleware import three

NAME = "Litestar"
LACKS = {"asgi": {"realistic, 404": "an unknown path passes no middleware"}}


@get("/plain", media_type=MediaType.TEXT)
async def plain() -> str:
    """Answer with text."""
    return HELLO


@get("/json")
async def json() -> dict[str, str]:
    """Answer with JSON."""
    return {"message": HELLO}


@get("/items/{item_id:int}")
async def read(item_id: int, limit: int = 10, verbose: bool = False) -> Page:
    """Answer with what the path and the query say."""
    return Page(item_id, limit, verbose)


@post("/items")
async def create(data: Item) -> Item:
    """Answer with the body, validated."""
    return data


@get("/session")
async def session(
    request_id: Annotated[str, Parameter(header="x-request-id")],
    session_id: Annotated[str, Parameter(cookie="session")],
) -> dict[str, str]:
    """Answer with one header and one cookie."""
    return {"request_id": request_id, "session": session_id}


@get("/request")
async def alone(request: Request[Any, Any, Any]) -> dict[str, str]:
    """Answer with one header and one cookie of the request's."""
    return {"request_id": request.headers["x-request-id"], "session": request.cookies["session"]}


@post("/orders", status_code=200)
async def order(
    data: Item,
    token: Annotated[str, Parameter(header="x-token")],
    session_id: Annotated[str, Parameter(cookie="session")],
) -> dict[str, Any]:
    """Answer the realistic request."""
    return {"name": data.name, "token": token, "session": session_id, "parts": len(data.parts)}


@get("/other", media_type=MediaType.TEXT, sync_to_thread=True)
def other() -> str:
    """Answer with text from a worker thread."""
    return HELLO


@get("/inline", media_type=MediaType.TEXT, sync_to_thread=False)
def inline() -> str:
    """Answer with text on the event loop."""
    return HELLO


async def _chunks() -> AsyncIterator[bytes]:
    for chunk in CHUNKS:
        yield chunk


async def _events() -> AsyncIterator[ServerSentEventMessage]:
    for tick in TICKS:
        yield ServerSentEventMessage(data=f'{{"tick":{tick}}}')


async def _ticks() -> AsyncIterator[str]:
    for tick in TICKS:
        yield f'{{"tick":{tick}}}'


@get("/stream", media_type="application/octet-stream")
async def stream() -> Stream:
    """Answer with a stream."""
    return Stream(_chunks())


@get("/events")
async def events() -> ServerSentEvent:
    """Answer with events."""
    return ServerSentEvent(_events())


@get("/values")
async def values() -> ServerSentEvent:
    """Answer with events that are made of values."""
    return ServerSentEvent(_ticks())


def _passing(app: Any) -> Any:
    async def middleware(scope: Any, receive: Any, send: Any) -> None:
        passed()
        await app(scope, receive, send)

    return middleware


def asgi(around: Around) -> Litestar:
    """Return the app behind what is asked for."""
    handlers = [plain, json, read, create, session, alone, order, other, inline, stream, events, values]
    middlewares = three(Headers.from_scope, MutableScopeHeaders.from_message)
    return Litestar(
        handlers,
        middleware=middleware_of(around, _passing, middlewares, middlewares[:1]),
        cors_config=CORSConfig(allow_origins=list(ALLOWED)) if around == READY else None,
        openapi_config=None,
        logging_config=None,
    )


def many(interface: str, count: int) -> Litestar:
    """Return an app of so many routes."""

    async def detail(number: int) -> str:
        return HELLO

    paths = [f"/r{index}/{{number:int}}/detail" for index in range(count)]
    handlers = [get(path, media_type=MediaType.TEXT)(detail) for path in paths]
    return Litestar(handlers, openapi_config=None, logging_config=None)
