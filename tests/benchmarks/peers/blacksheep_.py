"""BlackSheep. Bodies are pydantic's, which it binds, and msgspec's, faster, in the realistic request; it has no 405."""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import msgspec
import pydantic
from blacksheep import Application, Content, FromCookie, FromHeader, FromJSON, Request, Response, StreamedContent
from blacksheep.server.responses import created, text
from blacksheep.server.routing import Router
from blacksheep.server.sse import ServerSentEvent, ServerSentEventsResponse
from cases import ALLOWED, CHUNKS, HELLO, READY, TICKS, Around, middleware_of, passed
from cases import Item as Order

NAME = "BlackSheep"
LACKS = {
    "asgi": {
        "realistic, 404": "an unknown path passes no middleware",
        "405": "a known path with another method is a 404",
        "other colour": "a def handler always runs on the event loop",
        "other colour in three middlewares": "a def handler always runs on the event loop",
        "other colour, no dependencies": "a def handler always runs on the event loop",
        "other colour, three dependencies": "a def handler always runs on the event loop",
        "100 values as events": "events are objects",
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


async def _request_id(request: Request, handler: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await handler(request)
    response.add_header(b"x-request-id", request.get_first_header(b"x-request-id") or b"none")
    return response


async def _timing(request: Request, handler: Callable[[Request], Awaitable[Response]]) -> Response:
    started = perf_counter()
    response = await handler(request)
    response.add_header(b"server-timing", f"app;dur={(perf_counter() - started) * 1e3:.1f}".encode())
    return response


async def _origin(request: Request, handler: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await handler(request)
    asking = request.get_first_header(b"origin")
    if asking and asking.decode() in ALLOWED:
        response.add_header(b"access-control-allow-origin", asking)
    return response


_order = msgspec.json.Decoder(Order)


def asgi(around: Around) -> Any:
    """Return the app behind what is asked for."""
    app = Application(router=Router(), show_error_details=False)
    if around == READY:
        app.use_cors(allow_origins=ALLOWED, allow_methods="*")
    app.middlewares.extend(middleware_of(around, _passing, [_request_id, _timing, _origin], [_request_id]))
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

    @router.get("/request")
    async def alone(request: Request) -> dict[str, Any]:
        request_id = request.get_first_header(b"x-request-id")
        return {"request_id": request_id and request_id.decode(), "session": request.get_cookie("session")}

    @router.post("/orders")
    async def order(request: Request) -> Response:
        try:
            item = _order.decode(await request.read())
        except msgspec.ValidationError as error:
            return Response(422, content=Content(b"text/plain", str(error).encode()))
        token, cookie = request.get_first_header(b"x-token"), request.get_cookie("session")
        answer = {"name": item.name, "token": token and token.decode(), "session": cookie, "parts": len(item.parts)}
        return Response(200, content=Content(b"application/json", msgspec.json.encode(answer)))

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
