"""The app with dependencies on Hinge, in the colour that the backend calls directly, and the other one."""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

from cases import ALLOWED, CONNECTION, KEY, SETTINGS, STACK, Around, Connection, Item, Settings, passed

from hinge import App, Depends, Header, Session, Sessions
from hinge.middleware import CORS, RequestID

Answer = dict[str, Any]


def settings() -> Settings:
    """Provide what is the same for all."""
    return SETTINGS


def connection(settings: Annotated[Settings, Depends(settings)]) -> Iterator[Connection]:
    """Provide a connection, and give it back."""
    try:
        yield CONNECTION
    finally:
        passed()


def user(x_token: Header[str], connection: Annotated[Connection, Depends(connection)]) -> str:
    """Provide who asks, by a header."""
    return connection.name_of(x_token)


def visitor(session: Session, connection: Annotated[Connection, Depends(connection)]) -> str:
    """Provide who asks, by the session."""
    return connection.name_of(session["token"])


async def async_settings() -> Settings:
    """Provide what is the same for all."""
    return SETTINGS


async def async_connection(settings: Annotated[Settings, Depends(async_settings)]) -> AsyncIterator[Connection]:
    """Provide a connection, and give it back."""
    try:
        yield CONNECTION
    finally:
        passed()


async def async_user(x_token: Header[str], connection: Annotated[Connection, Depends(async_connection)]) -> str:
    """Provide who asks, by a header."""
    return connection.name_of(x_token)


async def async_visitor(session: Session, connection: Annotated[Connection, Depends(async_connection)]) -> str:
    """Provide who asks, by the session."""
    return connection.name_of(session["token"])


def _app(around: Around) -> App:
    if around == STACK:
        return App(middleware=[CORS(ALLOWED, credentials=True), RequestID()], sessions=Sessions(keys=[KEY]))
    return App(sessions=Sessions(keys=[KEY]))


def _log_in(session: Session) -> Answer:
    session["token"], session["orders"] = "secret-token", 1
    return {}


def wsgi_app(around: Around) -> App:
    """Return the app with plain handlers."""
    app = _app(around)
    app.post("/login")(_log_in)

    @app.get("/bare")
    def bare(x_token: Header[str]) -> Answer:
        return {"user": CONNECTION.name_of(x_token), "currency": SETTINGS.currency}

    @app.get("/three")
    def three(user: Annotated[str, Depends(user)], settings: Annotated[Settings, Depends(settings)]) -> Answer:
        return {"user": user, "currency": settings.currency}

    @app.post("/check")
    def check(
        item: Item,
        session: Session,
        user: Annotated[str, Depends(visitor)],
        settings: Annotated[Settings, Depends(settings)],
    ) -> Answer:
        return {"user": user, "currency": settings.currency, "name": item.name, "orders": session["orders"]}

    @app.post("/cart")
    def cart(
        item: Item,
        session: Session,
        user: Annotated[str, Depends(visitor)],
        settings: Annotated[Settings, Depends(settings)],
    ) -> Answer:
        session["orders"] += 1
        return {"user": user, "currency": settings.currency, "name": item.name, "orders": session["orders"]}

    @app.get("/other/bare")
    async def other(x_token: Header[str]) -> Answer:
        return {"user": CONNECTION.name_of(x_token), "currency": SETTINGS.currency}

    @app.get("/other/three")
    async def other_three(
        user: Annotated[str, Depends(async_user)], settings: Annotated[Settings, Depends(async_settings)]
    ) -> Answer:
        return {"user": user, "currency": settings.currency}

    return app


def asgi_app(around: Around) -> App:
    """Return the app with coroutines."""
    app = _app(around)
    app.post("/login")(_log_in)

    @app.get("/bare")
    async def bare(x_token: Header[str]) -> Answer:
        return {"user": CONNECTION.name_of(x_token), "currency": SETTINGS.currency}

    @app.get("/three")
    async def three(
        user: Annotated[str, Depends(async_user)], settings: Annotated[Settings, Depends(async_settings)]
    ) -> Answer:
        return {"user": user, "currency": settings.currency}

    @app.post("/check")
    async def check(
        item: Item,
        session: Session,
        user: Annotated[str, Depends(async_visitor)],
        settings: Annotated[Settings, Depends(async_settings)],
    ) -> Answer:
        return {"user": user, "currency": settings.currency, "name": item.name, "orders": session["orders"]}

    @app.post("/cart")
    async def cart(
        item: Item,
        session: Session,
        user: Annotated[str, Depends(async_visitor)],
        settings: Annotated[Settings, Depends(async_settings)],
    ) -> Answer:
        session["orders"] += 1
        return {"user": user, "currency": settings.currency, "name": item.name, "orders": session["orders"]}

    @app.get("/other/bare")
    def other(x_token: Header[str]) -> Answer:
        return {"user": CONNECTION.name_of(x_token), "currency": SETTINGS.currency}

    @app.get("/other/three")
    def other_three(user: Annotated[str, Depends(user)], settings: Annotated[Settings, Depends(settings)]) -> Answer:
        return {"user": user, "currency": settings.currency}

    return app
