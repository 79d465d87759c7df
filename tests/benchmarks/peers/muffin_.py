"""muffin, ASGI: it stands beside the others in the table of the newer Python. It validates no bodies: msgspec does."""

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

import msgspec
from cases import ALLOWED, Around, Item, middleware_of
from muffin import Application, Request, Response, ResponseError

NAME = "muffin"
CASES = ("realistic", "Request alone")  # its middleware does not see errors
LACKS: dict[str, dict[str, str]] = {}

_item = msgspec.json.Decoder(Item)
Next = Callable[..., Awaitable[Response]]


async def request_id(app: Next, request: Request, receive: Any, send: Any) -> Response:
    """Answer with the request's id."""
    response = await app(request, receive, send)
    response.headers["x-request-id"] = request.headers.get("x-request-id") or "none"
    return response


async def timing(app: Next, request: Request, receive: Any, send: Any) -> Response:
    """Answer with the time that it took."""
    started = perf_counter()
    response = await app(request, receive, send)
    response.headers["server-timing"] = f"app;dur={(perf_counter() - started) * 1e3:.1f}"
    return response


async def origin(app: Next, request: Request, receive: Any, send: Any) -> Response:
    """Let pages of some origins read the answer."""
    response = await app(request, receive, send)
    asking = request.headers.get("origin")
    if asking in ALLOWED:
        response.headers["access-control-allow-origin"] = asking
    return response


def asgi(around: Around) -> Any:
    """Return the app behind what is asked for."""
    app = Application("benchmark")
    for middleware in middleware_of(around, None, [request_id, timing, origin], []):
        app.middleware(middleware)

    @app.route("/orders", methods=["POST"])
    async def order(request: Request) -> Response:
        try:
            item = _item.decode(await request.body())
        except msgspec.ValidationError as error:
            raise ResponseError(str(error), 422) from error
        token, cookie = request.headers["x-token"], request.cookies["session"]
        answer = {"name": item.name, "token": token, "session": cookie, "parts": len(item.parts)}
        return Response(msgspec.json.encode(answer), content_type="application/json")

    @app.route("/request")
    async def alone(request: Request) -> dict[str, str]:
        return {"request_id": request.headers["x-request-id"], "session": request.cookies["session"]}

    return app
