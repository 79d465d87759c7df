"""BlackSheep: services by type, its sessions and CORS. It closes no service: what is borrowed is a context manager."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import msgspec
from blacksheep import Application, Content, FromHeader, Request, Response
from blacksheep.server.routing import Router
from cases import ALLOWED, CONNECTION, KEY, SETTINGS, STACK, Around, Connection, Item, Settings, passed

STARTS = True
"""Its services are there once its lifespan has started."""

Answer = dict[str, Any]
_item = msgspec.json.Decoder(Item)


class Token(FromHeader[str]):
    """One header."""

    name = "x-token"


@contextmanager
def _borrowed() -> Iterator[Connection]:
    try:
        yield CONNECTION
    finally:
        passed()


async def _request_id(request: Request, handler: Callable[[Request], Awaitable[Response]]) -> Response:
    found = request.get_first_header(b"x-request-id") or uuid4().hex.encode()
    response = await handler(request)
    response.add_header(b"x-request-id", found)
    return response


def _json(answer: Answer) -> Response:
    return Response(200, content=Content(b"application/json", msgspec.json.encode(answer)))


def _ordered(request: Request, body: bytes | None, settings: Settings) -> Response:
    try:
        item = _item.decode(body or b"")
    except msgspec.ValidationError as error:
        return Response(422, content=Content(b"text/plain", str(error).encode()))
    session = request.session
    with _borrowed() as connection:
        user = connection.name_of(session["token"])
        answer = {"user": user, "currency": settings.currency, "name": item.name, "orders": session["orders"]}
        return _json(answer)


def asgi(around: Around) -> Any:
    """Return the app behind what is asked for."""
    app = Application(router=Router(), show_error_details=False)
    app.services.add_instance(SETTINGS, Settings)
    if around == STACK:
        app.use_cors(allow_origins=ALLOWED, allow_methods="*", allow_credentials=True)
        app.use_sessions(KEY, session_max_age=14 * 24 * 60 * 60)
        app.middlewares.append(_request_id)
    router = app.router

    @router.get("/bare")
    async def bare(token: Token) -> Answer:
        return {"user": CONNECTION.name_of(token.value), "currency": SETTINGS.currency}

    @router.get("/three")
    async def three(token: Token, settings: Settings) -> Answer:
        with _borrowed() as connection:
            return {"user": connection.name_of(token.value), "currency": settings.currency}

    @router.post("/login")
    async def login(request: Request) -> Response:
        request.session.update({"token": "secret-token", "orders": 1})
        return _json({})

    @router.post("/check")
    async def check(request: Request, settings: Settings) -> Response:
        return _ordered(request, await request.read(), settings)

    @router.post("/cart")
    async def cart(request: Request, settings: Settings) -> Response:
        request.session["orders"] += 1
        return _ordered(request, await request.read(), settings)

    return app
