"""FastAPI: `Depends`, Starlette's sessions and CORS, the request id of asgi-correlation-id."""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

from asgi_correlation_id import CorrelationIdMiddleware
from cases import ALLOWED, CONNECTION, KEY, SETTINGS, STACK, Around, Connection, Settings, passed
from fastapi import Depends, FastAPI, Header, Request
from fastapi.middleware.cors import CORSMiddleware
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware

from peers.fastapi_ import Item

Answer = dict[str, Any]


async def _settings() -> Settings:
    return SETTINGS


async def _connection(settings: Annotated[Settings, Depends(_settings)]) -> AsyncIterator[Connection]:
    try:
        yield CONNECTION
    finally:
        passed()


async def _user(x_token: Annotated[str, Header()], connection: Annotated[Connection, Depends(_connection)]) -> str:
    return connection.name_of(x_token)


async def _visitor(request: Request, connection: Annotated[Connection, Depends(_connection)]) -> str:
    return connection.name_of(request.session["token"])


def _plain_settings() -> Settings:
    return SETTINGS


def _plain_connection(settings: Annotated[Settings, Depends(_plain_settings)]) -> Iterator[Connection]:
    try:
        yield CONNECTION
    finally:
        passed()


def _plain_user(
    x_token: Annotated[str, Header()], connection: Annotated[Connection, Depends(_plain_connection)]
) -> str:
    return connection.name_of(x_token)


def _middleware(around: Around) -> list[Middleware]:
    if around != STACK:
        return []
    return [
        Middleware(CORSMiddleware, allow_origins=list(ALLOWED), allow_credentials=True),
        Middleware(CorrelationIdMiddleware, header_name="X-Request-ID"),
        Middleware(SessionMiddleware, secret_key=KEY, https_only=True),
    ]


def asgi(around: Around) -> FastAPI:
    """Return the app behind what is asked for."""
    app = FastAPI(openapi_url=None, middleware=_middleware(around))

    @app.get("/bare")
    async def bare(x_token: Annotated[str, Header()]) -> Answer:
        return {"user": CONNECTION.name_of(x_token), "currency": SETTINGS.currency}

    @app.get("/three")
    async def three(user: Annotated[str, Depends(_user)], settings: Annotated[Settings, Depends(_settings)]) -> Answer:
        return {"user": user, "currency": settings.currency}

    @app.get("/other/bare")
    def other(x_token: Annotated[str, Header()]) -> Answer:
        return {"user": CONNECTION.name_of(x_token), "currency": SETTINGS.currency}

    @app.get("/other/three")
    def other_three(
        user: Annotated[str, Depends(_plain_user)], settings: Annotated[Settings, Depends(_plain_settings)]
    ) -> Answer:
        return {"user": user, "currency": settings.currency}

    @app.post("/login")
    async def login(request: Request) -> Answer:
        request.session.update(token="secret-token", orders=1)
        return {}

    @app.post("/check")
    async def check(
        item: Item,
        request: Request,
        user: Annotated[str, Depends(_visitor)],
        settings: Annotated[Settings, Depends(_settings)],
    ) -> Answer:
        orders = request.session["orders"]
        return {"user": user, "currency": settings.currency, "name": item.name, "orders": orders}

    @app.post("/cart")
    async def cart(
        item: Item,
        request: Request,
        user: Annotated[str, Depends(_visitor)],
        settings: Annotated[Settings, Depends(_settings)],
    ) -> Answer:
        request.session["orders"] += 1
        orders = request.session["orders"]
        return {"user": user, "currency": settings.currency, "name": item.name, "orders": orders}

    return app
