"""Litestar: `Provide`, its sessions in an encrypted cookie, its CORS; the request id of asgi-correlation-id."""

from collections.abc import AsyncIterator, Iterator
from hashlib import sha256
from typing import Annotated, Any

from asgi_correlation_id import CorrelationIdMiddleware
from cases import ALLOWED, CONNECTION, KEY, SETTINGS, STACK, Around, Connection, Item, Settings, passed
from litestar import Litestar, Request, get, post
from litestar.config.cors import CORSConfig
from litestar.di import Provide
from litestar.middleware import DefineMiddleware
from litestar.middleware.session.client_side import CookieBackendConfig
from litestar.params import Parameter

Answer = dict[str, Any]
Token = Annotated[str, Parameter(header="x-token")]


async def _settings() -> Settings:
    return SETTINGS


async def _connection(settings: Settings) -> AsyncIterator[Connection]:
    try:
        yield CONNECTION
    finally:
        passed()


async def _user(token: Token, connection: Connection) -> str:
    return connection.name_of(token)


async def _visitor(request: Request[Any, Any, Any], connection: Connection) -> str:
    return connection.name_of(request.session["token"])


def _plain_settings() -> Settings:
    return SETTINGS


def _plain_connection(settings: Settings) -> Iterator[Connection]:
    try:
        yield CONNECTION
    finally:
        passed()


def _plain_user(token: Token, connection: Connection) -> str:
    return connection.name_of(token)


_ASYNC = {"settings": Provide(_settings), "connection": Provide(_connection)}
_PLAIN = {
    "settings": Provide(_plain_settings, sync_to_thread=True),
    "connection": Provide(_plain_connection),
    "user": Provide(_plain_user, sync_to_thread=True),
}


@get("/bare")
async def bare(token: Token) -> Answer:
    """Answer without dependencies."""
    return {"user": CONNECTION.name_of(token), "currency": SETTINGS.currency}


@get("/three", dependencies={**_ASYNC, "user": Provide(_user)})
async def three(user: str, settings: Settings) -> Answer:
    """Answer with three."""
    return {"user": user, "currency": settings.currency}


@get("/other/bare", sync_to_thread=True)
def other(token: Token) -> Answer:
    """Answer without dependencies, from a worker thread."""
    return {"user": CONNECTION.name_of(token), "currency": SETTINGS.currency}


@get("/other/three", dependencies=_PLAIN, sync_to_thread=True)
def other_three(user: str, settings: Settings) -> Answer:
    """Answer with three, from a worker thread."""
    return {"user": user, "currency": settings.currency}


@post("/login", status_code=200)
async def login(request: Request[Any, Any, Any]) -> Answer:
    """Begin a session."""
    request.set_session({"token": "secret-token", "orders": 1})
    return {}


@post("/check", status_code=200, dependencies={**_ASYNC, "user": Provide(_visitor)})
async def check(data: Item, request: Request[Any, Any, Any], user: str, settings: Settings) -> Answer:
    """Answer with what the session holds."""
    orders = request.session["orders"]
    return {"user": user, "currency": settings.currency, "name": data.name, "orders": orders}


@post("/cart", status_code=200, dependencies={**_ASYNC, "user": Provide(_visitor)})
async def cart(data: Item, request: Request[Any, Any, Any], user: str, settings: Settings) -> Answer:
    """Change the session."""
    request.session["orders"] += 1
    orders = request.session["orders"]
    return {"user": user, "currency": settings.currency, "name": data.name, "orders": orders}


def asgi(around: Around) -> Litestar:
    """Return the app behind what is asked for."""
    middleware: list[Any] = []
    if around == STACK:
        sessions = CookieBackendConfig(secret=sha256(KEY.encode()).digest(), secure=True)
        middleware = [DefineMiddleware(CorrelationIdMiddleware, header_name="X-Request-ID"), sessions.middleware]
    return Litestar(
        [bare, three, other, other_three, login, check, cart],
        middleware=middleware,
        cors_config=CORSConfig(allow_origins=list(ALLOWED), allow_credentials=True) if around == STACK else None,
        openapi_config=None,
        logging_config=None,
    )
