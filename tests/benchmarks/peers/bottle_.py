"""Bottle. Middleware is a plugin."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from bottle import Bottle, request, response
from cases import CHUNKS, HELLO, TICKS, Item, passed

NAME = "Bottle"
LACKS = {
    "wsgi": {
        "other colour": "handlers are plain functions",
        "other colour, inline": "handlers are plain functions",
    }
}

_item = msgspec.json.Decoder(Item)


def _passing(callback: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(*arguments: Any, **keywords: Any) -> Any:
        passed()
        return callback(*arguments, **keywords)

    return wrapper


def wsgi(layers: int) -> Bottle:
    """Return the app behind so many plugins."""
    app = Bottle()

    @app.get("/plain")
    def plain() -> str:
        response.content_type = "text/plain; charset=utf-8"
        return HELLO

    @app.get("/json")
    def json() -> dict[str, Any]:
        return {"message": HELLO}

    @app.get("/items/<item_id:int>")
    def read(item_id: int) -> dict[str, Any]:
        limit = request.query.get("limit", default=10, type=int)
        return {"item_id": item_id, "limit": limit, "verbose": request.query.get("verbose", "false") == "true"}

    @app.post("/items")
    def create() -> dict[str, Any]:
        response.status = 201
        answer: dict[str, Any] = msgspec.to_builtins(_item.decode(request.body.read()))
        return answer

    @app.get("/session")
    def session() -> dict[str, Any]:
        return {"request_id": request.get_header("X-Request-Id"), "session": request.get_cookie("session")}

    @app.get("/stream")
    def stream() -> Iterator[bytes]:
        response.content_type = "application/octet-stream"
        yield from CHUNKS

    @app.get("/events")
    def events() -> Iterator[str]:
        response.content_type = "text/event-stream"
        response.set_header("Cache-Control", "no-store")
        for tick in TICKS:
            yield f'data: {{"tick":{tick}}}\n\n'

    for _ in range(layers):
        app.install(_passing)
    return app


def many(interface: str, count: int) -> Bottle:
    """Return an app of so many routes."""
    app = Bottle()

    def detail(number: int) -> str:
        response.content_type = "text/plain; charset=utf-8"
        return HELLO

    for index in range(count):
        app.get(f"/r{index}/<number:int>/detail")(detail)
    return app
