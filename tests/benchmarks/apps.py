"""The app on Hinge, its handlers in one colour and those of the other colour in the other."""

from collections.abc import AsyncIterator
from time import perf_counter
from typing import Any

from cases import ALLOWED, CHUNKS, HELLO, TICKS, Around, Item, Page, middleware_of, passed

import hinge.middleware
from hinge import App, Cookie, Event, EventSourceResponse, Header, Middleware, Request, StreamingResponse
from hinge.middleware import CORS


def passing(request: Request) -> Middleware:
    """Let everything through."""
    passed()
    yield


def request_id(request: Request) -> Middleware:
    """Answer with the request's id."""
    response = yield
    response.headers["x-request-id"] = request.headers.get("x-request-id") or "none"


def timing(request: Request) -> Middleware:
    """Answer with the time that it took."""
    started = perf_counter()
    response = yield
    response.headers["server-timing"] = f"app;dur={(perf_counter() - started) * 1e3:.1f}"


def origin(request: Request) -> Middleware:
    """Let pages of some origins read the answer."""
    response = yield
    asking = request.headers.get("origin")
    if asking in ALLOWED:
        response.headers["access-control-allow-origin"] = asking


def _middleware(around: Around) -> list[Any]:
    ready_made = getattr(hinge.middleware, "RequestID", None)
    ready = [CORS(ALLOWED), request_id if ready_made is None else ready_made()]
    return middleware_of(around, passing, [request_id, timing, origin], ready)


def wsgi_app(around: Around = 0) -> App:
    """Return the app with plain handlers, behind what is asked for."""
    app = App(middleware=_middleware(around))

    @app.get("/plain")
    def plain() -> str:
        return HELLO

    @app.get("/json")
    def json() -> dict[str, str]:
        return {"message": HELLO}

    @app.get("/items/{item_id}")
    def read(item_id: int, limit: int = 10, verbose: bool = False) -> Page:
        return Page(item_id, limit, verbose)

    @app.post("/items", status=201)
    def create(item: Item) -> Item:
        return item

    @app.get("/session")
    def session(x_request_id: Header[str], session: Cookie[str]) -> dict[str, str]:
        return {"request_id": x_request_id, "session": session}

    @app.get("/request")
    def alone(request: Request) -> dict[str, str]:
        return {"request_id": request.headers["x-request-id"], "session": request.cookies["session"]}

    @app.post("/orders")
    def order(request: Request, item: Item, x_token: Header[str], session: Cookie[str]) -> dict[str, object]:
        return {"name": item.name, "token": x_token, "session": session, "parts": len(item.parts)}

    @app.get("/other")
    async def other() -> str:
        return HELLO

    @app.get("/inline", inline=True)
    async def inline() -> str:
        return HELLO

    @app.get("/thread", loop="thread")
    async def thread() -> str:
        return HELLO

    @app.get("/stream")
    def stream() -> StreamingResponse:
        return StreamingResponse((chunk for chunk in CHUNKS), media_type="application/octet-stream")

    @app.get("/events")
    def events() -> EventSourceResponse:
        return EventSourceResponse(Event(data={"tick": tick}) for tick in TICKS)

    @app.get("/values")
    def values() -> EventSourceResponse:
        return EventSourceResponse({"tick": tick} for tick in TICKS)

    return app


async def _chunks() -> AsyncIterator[bytes]:
    for chunk in CHUNKS:
        yield chunk


async def _ticks() -> AsyncIterator[Event]:
    for tick in TICKS:
        yield Event(data={"tick": tick})


async def _values() -> AsyncIterator[dict[str, int]]:
    for tick in TICKS:
        yield {"tick": tick}


def asgi_app(around: Around = 0) -> App:
    """Return the app with coroutines, behind what is asked for."""
    app = App(middleware=_middleware(around))

    @app.get("/plain")
    async def plain() -> str:
        return HELLO

    @app.get("/json")
    async def json() -> dict[str, str]:
        return {"message": HELLO}

    @app.get("/items/{item_id}")
    async def read(item_id: int, limit: int = 10, verbose: bool = False) -> Page:
        return Page(item_id, limit, verbose)

    @app.post("/items", status=201)
    async def create(item: Item) -> Item:
        return item

    @app.get("/session")
    async def session(x_request_id: Header[str], session: Cookie[str]) -> dict[str, str]:
        return {"request_id": x_request_id, "session": session}

    @app.get("/request")
    async def alone(request: Request) -> dict[str, str]:
        return {"request_id": request.headers["x-request-id"], "session": request.cookies["session"]}

    @app.post("/orders")
    async def order(request: Request, item: Item, x_token: Header[str], session: Cookie[str]) -> dict[str, object]:
        return {"name": item.name, "token": x_token, "session": session, "parts": len(item.parts)}

    @app.get("/other")
    def other() -> str:
        return HELLO

    @app.get("/inline", inline=True)
    def inline() -> str:
        return HELLO

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(_chunks(), media_type="application/octet-stream")

    @app.get("/events")
    async def events() -> EventSourceResponse:
        return EventSourceResponse(_ticks())

    @app.get("/values")
    async def values() -> EventSourceResponse:
        return EventSourceResponse(_values())

    return app


def many(interface: str, count: int) -> App:
    """Return an app of so many routes, its handlers in the colour that the backend calls directly."""
    app = App()

    def plain(number: int) -> str:
        return HELLO

    async def coroutine(number: int) -> str:
        return HELLO

    handler = plain if interface == "wsgi" else coroutine
    for index in range(count):
        app.get(f"/r{index}/{{number}}/detail", name=f"r{index}")(handler)
    return app
