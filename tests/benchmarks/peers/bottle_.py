"""Bottle. What lets all through is a plugin, the three are hooks, which errors pass as well."""

from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

import msgspec
from bottle import Bottle, abort, request, response
from cases import ALLOWED, CHUNKS, HELLO, TICKS, Around, Item, framed, passed

NAME = "Bottle"
LACKS = {
    "wsgi": {
        "other colour": "handlers are plain functions",
        "other colour in three middlewares": "handlers are plain functions",
        "other colour, inline": "handlers are plain functions",
        "ready-made middleware": "it has no CORS of its own",
        "100 server-sent events": "it has no events of its own",
    }
}

_item = msgspec.json.Decoder(Item)


def _passing(callback: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(*arguments: Any, **keywords: Any) -> Any:
        passed()
        return callback(*arguments, **keywords)

    return wrapper


def _start() -> None:
    request.environ["started"] = perf_counter()


def _tell() -> None:
    response.headers["x-request-id"] = request.headers.get("x-request-id") or "none"
    response.headers["server-timing"] = f"app;dur={(perf_counter() - request.environ['started']) * 1e3:.1f}"
    origin = request.headers.get("origin")
    if origin in ALLOWED:
        response.headers["access-control-allow-origin"] = origin


def wsgi(around: Around) -> Bottle:
    """Return the app behind so many plugins, or behind hooks."""
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

    @app.post("/orders")
    def order() -> bytes:
        try:
            item = _item.decode(request.body.read())
        except msgspec.ValidationError as error:
            abort(422, str(error))
        response.content_type = "application/json"
        token, cookie = request.headers["x-token"], request.get_cookie("session")
        return msgspec.json.encode({"name": item.name, "token": token, "session": cookie, "parts": len(item.parts)})

    @app.get("/request")
    @app.get("/session")
    def session() -> dict[str, Any]:
        return {"request_id": request.get_header("X-Request-Id"), "session": request.get_cookie("session")}

    @app.get("/stream")
    def stream() -> Iterator[bytes]:
        response.content_type = "application/octet-stream"
        yield from CHUNKS

    @app.get("/values")
    @app.get("/events")
    def events() -> Iterator[bytes]:
        response.content_type = "text/event-stream"
        response.set_header("Cache-Control", "no-store")
        for tick in TICKS:
            yield framed(tick)

    if isinstance(around, int):
        for _ in range(around):
            app.install(_passing)
    else:
        app.add_hook("before_request", _start)
        app.add_hook("after_request", _tell)
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
