"""Litestar: msgspec bodies, its own ServerSentEvent, and middleware as a factory of ASGI callables."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from cases import CHUNKS, HELLO, TICKS, Item, Page, passed
from litestar import Litestar, MediaType, get, post
from litestar.params import Parameter
from litestar.response import ServerSentEvent, Stream

NAME = "Litestar"
LACKS: dict[str, dict[str, str]] = {}


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
    return ServerSentEvent(_ticks())


def _passing(app: Any) -> Any:
    async def middleware(scope: Any, receive: Any, send: Any) -> None:
        passed()
        await app(scope, receive, send)

    return middleware


def asgi(layers: int) -> Litestar:
    """Return the app behind so many middlewares."""
    handlers = [plain, json, read, create, session, other, inline, stream, events]
    return Litestar(handlers, middleware=[_passing] * layers, openapi_config=None, logging_config=None)


def many(interface: str, count: int) -> Litestar:
    """Return an app of so many routes."""

    async def detail(number: int) -> str:
        return HELLO

    paths = [f"/r{index}/{{number:int}}/detail" for index in range(count)]
    handlers = [get(path, media_type=MediaType.TEXT)(detail) for path in paths]
    return Litestar(handlers, openapi_config=None, logging_config=None)
