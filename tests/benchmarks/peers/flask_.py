"""Flask."""

from collections.abc import Iterator
from time import perf_counter
from typing import Any

import msgspec
from cases import ALLOWED, CHUNKS, HELLO, TICKS, Around, Item, framed, passed
from flask import Flask, Response, abort, g, request
from flask.typing import ResponseReturnValue

NAME = "Flask"
LACKS = {
    "wsgi": {
        "other colour, inline": "a coroutine always runs on an event loop",
        "ready-made middleware": "it has no CORS of its own",
        "100 server-sent events": "it has no events of its own",
    }
}

_item = msgspec.json.Decoder(Item)


def _chunks() -> Iterator[bytes]:
    yield from CHUNKS


def _ticks() -> Iterator[bytes]:
    for tick in TICKS:
        yield framed(tick)


def _passing() -> None:
    passed()


def _start() -> None:
    g.started = perf_counter()


def _tell(response: Response) -> Response:
    response.headers["x-request-id"] = request.headers.get("x-request-id") or "none"
    response.headers["server-timing"] = f"app;dur={(perf_counter() - g.started) * 1e3:.1f}"
    origin = request.headers.get("origin")
    if origin in ALLOWED:
        response.headers["access-control-allow-origin"] = origin
    return response


def wsgi(around: Around) -> Flask:
    """Return the app behind functions that are called before each request, or before and after it."""
    app = Flask(__name__, static_folder=None)
    if isinstance(around, int):
        for _ in range(around):
            app.before_request(_passing)
    else:
        app.before_request(_start)
        app.after_request(_tell)

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

    @app.post("/orders")
    def order() -> ResponseReturnValue:
        try:
            item = _item.decode(request.get_data())
        except msgspec.ValidationError:
            abort(422)
        token, cookie = request.headers["x-token"], request.cookies["session"]
        answer = {"name": item.name, "token": token, "session": cookie, "parts": len(item.parts)}
        return Response(msgspec.json.encode(answer), mimetype="application/json")

    @app.get("/request")
    @app.get("/session")
    def session() -> ResponseReturnValue:
        return {"request_id": request.headers["X-Request-Id"], "session": request.cookies["session"]}

    @app.get("/other")
    async def other() -> ResponseReturnValue:
        return HELLO, {"Content-Type": "text/plain; charset=utf-8"}

    @app.get("/stream")
    def stream() -> ResponseReturnValue:
        return Response(_chunks(), mimetype="application/octet-stream")

    @app.get("/values")
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
