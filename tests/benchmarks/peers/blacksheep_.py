"""BlackSheep. Bodies are pydantic's, which it binds; it has no 405."""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pydantic
from blacksheep import Application, FromCookie, FromHeader, FromJSON, Request, Response, StreamedContent
from blacksheep.server.responses import created, text
from blacksheep.server.routing import Router
from blacksheep.server.sse import ServerSentEvent, ServerSentEventsResponse
from cases import CHUNKS, HELLO, TICKS, passed

NAME = "BlackSheep"
LACKS = {
    "asgi": {
        "405": "a known path with another method is a 404",
        "other colour": "a def handler always runs on the event loop",
    }
}


class Part(pydantic.BaseModel):
    """One of what a thing is made of."""

    sku: str
    amount: int


class Item(pydantic.BaseModel):
    """The validated body."""

    name: str
    price: float
    stock: int
    published: bool
    parts: list[Part]


@dataclass
class Page:
    """What the typed route answers with."""

    item_id: int
    limit: int
    verbose: bool


class RequestId(FromHeader[str]):
    """One header."""

    name = "x-request-id"


class SessionId(FromCookie[str]):
    """One cookie."""

    name = "session"


async def _chunks() -> AsyncIterator[bytes]:
    for chunk in CHUNKS:
        yield chunk


async def _ticks() -> AsyncIterable[ServerSentEvent]:
    for tick in TICKS:
        yield ServerSentEvent({"tick": tick})


async def _passing(request: Request, handler: Callable[[Request], Awaitable[Response]]) -> Response:
    passed()
    return await handler(request)


def asgi(layers: int) -> Any:
    """Return the app behind so many middlewares."""
    app = Application(router=Router(), show_error_details=False)
    app.middlewares.extend([_passing] * layers)
    router = app.router

    @router.get("/plain")
    async def plain() -> Response:
        return text(HELLO)

    @router.get("/json")
    async def json() -> dict[str, str]:
        return {"message": HELLO}

    @router.get("/items/{int:item_id}")
    async def read(item_id: int, limit: int = 10, verbose: bool = False) -> Page:
        return Page(item_id, limit, verbose)

    @router.post("/items")
    async def create(data: FromJSON[Item]) -> Response:
        return created(data.value)

    @router.get("/session")
    async def session(request_id: RequestId, session_id: SessionId) -> dict[str, str]:
        return {"request_id": request_id.value, "session": session_id.value}

    @router.get("/inline")
    def inline() -> Response:
        return text(HELLO)

    @router.get("/stream")
    async def stream() -> Response:
        return Response(200, content=StreamedContent(b"application/octet-stream", _chunks))

    @router.get("/events")
    async def events() -> ServerSentEventsResponse:
        return ServerSentEventsResponse(_ticks)

    return app


def many(interface: str, count: int) -> Any:
    """Return an app of so many routes."""
    app = Application(router=Router(), show_error_details=False)

    async def detail(number: int) -> Response:
        return text(HELLO)

    for index in range(count):
        app.router.add_get(f"/r{index}/{{int:number}}/detail", detail)
    return app
