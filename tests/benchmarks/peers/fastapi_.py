"""FastAPI. What lets all through is `@app.middleware("http")`, the three are Starlette's; bodies are pydantic's."""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from typing import Annotated, Any

import pydantic
from cases import ALLOWED, CHUNKS, HELLO, TICKS, Around, middleware_of, passed
from fastapi import Cookie, FastAPI, Header, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import PlainTextResponse, StreamingResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware

from peers.starlette_ import THREE

NAME = "FastAPI"
LACKS = {"asgi": {"other colour, inline": "a def handler always runs in a worker thread"}}


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


class Page(pydantic.BaseModel):
    """What the typed route answers with."""

    item_id: int
    limit: int
    verbose: bool


async def _chunks() -> AsyncIterator[bytes]:
    for chunk in CHUNKS:
        yield chunk


async def _passing(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    passed()
    return await call_next(request)


def asgi(around: Around) -> FastAPI:
    """Return the app behind what is asked for."""
    middlewares = [Middleware(made) for made in THREE]
    ready = [Middleware(CORSMiddleware, allow_origins=list(ALLOWED)), middlewares[0]]
    passing = Middleware(BaseHTTPMiddleware, dispatch=_passing)  # as app.middleware("http") adds it
    app = FastAPI(openapi_url=None, middleware=middleware_of(around, passing, middlewares, ready))

    @app.get("/plain", response_class=PlainTextResponse)
    async def plain() -> str:
        return HELLO

    @app.get("/json")
    async def json() -> dict[str, str]:
        return {"message": HELLO}

    @app.get("/items/{item_id}")
    async def read(item_id: int, limit: int = 10, verbose: bool = False) -> Page:
        return Page(item_id=item_id, limit=limit, verbose=verbose)

    @app.post("/items", status_code=201)
    async def create(item: Item) -> Item:
        return item

    @app.get("/session")
    async def session(x_request_id: Annotated[str, Header()], session: Annotated[str, Cookie()]) -> dict[str, str]:
        return {"request_id": x_request_id, "session": session}

    @app.get("/request")
    async def alone(request: Request) -> dict[str, str]:
        return {"request_id": request.headers["x-request-id"], "session": request.cookies["session"]}

    @app.post("/orders")
    async def order(
        item: Item, x_token: Annotated[str, Header()], session: Annotated[str, Cookie()]
    ) -> dict[str, object]:
        return {"name": item.name, "token": x_token, "session": session, "parts": len(item.parts)}

    @app.get("/other", response_class=PlainTextResponse)
    def other() -> str:
        return HELLO

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(_chunks(), media_type="application/octet-stream")

    @app.get("/events", response_class=EventSourceResponse)
    async def events() -> AsyncIterable[ServerSentEvent]:
        for tick in TICKS:
            yield ServerSentEvent(data={"tick": tick})

    @app.get("/values", response_class=EventSourceResponse)
    async def values() -> AsyncIterable[dict[str, Any]]:
        for tick in TICKS:
            yield {"tick": tick}

    return app


def many(interface: str, count: int) -> FastAPI:
    """Return an app of so many routes."""
    app = FastAPI(openapi_url=None)

    async def detail(number: int) -> str:
        return HELLO

    for index in range(count):
        app.get(f"/r{index}/{{number}}/detail", response_class=PlainTextResponse)(detail)
    return app
