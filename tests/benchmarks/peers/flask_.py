"""Flask."""

from collections.abc import Iterator
from typing import Any

import msgspec
from cases import CHUNKS, HELLO, TICKS, Item, passed
from flask import Flask, Response, request
from flask.typing import ResponseReturnValue

NAME = "Flask"
LACKS = {"wsgi": {"other colour, inline": "a coroutine always runs on an event loop"}}

_item = msgspec.json.Decoder(Item)


def _chunks() -> Iterator[bytes]:
    yield from CHUNKS


def _ticks() -> Iterator[str]:
    for tick in TICKS:
        yield f'data: {{"tick":{tick}}}\n\n'


def _passing() -> None:
    passed()


def wsgi(layers: int) -> Flask:
    """Return the app behind so many functions that are called before each request."""
    app = Flask(__name__, static_folder=None)
    for _ in range(layers):
        app.before_request(_passing)

    @app.get("/plain")
    def plain() -> ResponseReturnValue:
        return HELLO, {"Content-Type": "text/plain; charset=utf-8"}

    @app.get("/json")
    def json() -> ResponseReturnValue:
        return {"message": HELLO}

    @app.get("/items/<int:item_id>")
    def read(item_id: int) -> ResponseReturnValue:
        limit = request.args.get("limit", default=10, type=int)
        verbose = request.args.get("verbose", default="false") == "true"
        return {"item_id": item_id, "limit": limit, "verbose": verbose}

    @app.post("/items")
    def create() -> ResponseReturnValue:
        answer: dict[str, Any] = msgspec.to_builtins(_item.decode(request.get_data()))
        return answer, 201

    @app.get("/session")
    def session() -> ResponseReturnValue:
        return {"request_id": request.headers["X-Request-Id"], "session": request.cookies["session"]}

    @app.get("/other")
    async def other() -> ResponseReturnValue:
        return HELLO, {"Content-Type": "text/plain; charset=utf-8"}

    @app.get("/stream")
    def stream() -> ResponseReturnValue:
        return Response(_chunks(), mimetype="application/octet-stream")

    @app.get("/events")
    def events() -> ResponseReturnValue:
        return Response(_ticks(), mimetype="text/event-stream", headers={"Cache-Control": "no-store"})

    return app


def many(interface: str, count: int) -> Flask:
    """Return an app of so many routes."""
    app = Flask(__name__, static_folder=None)

    def detail(number: int) -> ResponseReturnValue:
        return HELLO, {"Content-Type": "text/plain; charset=utf-8"}

    for index in range(count):
        app.add_url_rule(f"/r{index}/<int:number>/detail", f"r{index}", detail)
    return app
