"""jero, ASGI, from Python 3.13 on: it stands beside the others in the table of the newer Python. Bodies are msgspec's.

Its middleware are hooks that are compiled into the routes, and not layers.
"""

from time import perf_counter
from typing import Any

import msgspec
from cases import ALLOWED, Around, Item, middleware_of
from jero import BaseApp, Endpoint, Request

NAME = "jero"
CASES = ("realistic", "realistic, 404", "realistic, 422", "Request alone")  # CORS and a hook on one route do not start
LACKS: dict[str, dict[str, str]] = {}
STARTS = True


class Asked(msgspec.Struct):
    """What the hooks read."""

    x_request_id: str | None = None
    origin: str | None = None


class Id(msgspec.Struct):
    """One header of an answer."""

    x_request_id: str


class Timed(msgspec.Struct):
    """One header of an answer."""

    server_timing: str


class Allowed(msgspec.Struct):
    """One header of an answer."""

    access_control_allow_origin: str


class RequestId:
    """Answer with the request's id."""

    def response_headers(self, request: Request[Asked]) -> Id:
        """See an answer."""
        return Id(request.headers.x_request_id or "none")


class Timing:
    """Answer with the time that it took."""

    def response_headers(self, request: Request) -> Timed:
        """See an answer."""
        return Timed(f"app;dur={(perf_counter() - request.received_at) * 1e3:.1f}")


class Origin:
    """Let pages of some origins read the answer."""

    def response_headers(self, request: Request[Asked]) -> Allowed | None:
        """See an answer."""
        origin = request.headers.origin
        return Allowed(origin) if origin is not None and origin in ALLOWED else None


class Token(msgspec.Struct):
    """One header."""

    x_token: str


class RequestIdHeader(msgspec.Struct):
    """One header."""

    x_request_id: str


class Cookies(msgspec.Struct):
    """One cookie."""

    session: str


class Ordered(msgspec.Struct):
    """The answer to the realistic request."""

    name: str
    token: str
    session: str
    parts: int


class Session(msgspec.Struct):
    """One header and one cookie."""

    request_id: str
    session: str


class Orders(Endpoint, path="/orders"):
    """The realistic request."""

    async def post(self, json: Item, headers: Token, cookies: Cookies) -> Ordered:
        """Answer a POST."""
        return Ordered(json.name, headers.x_token, cookies.session, len(json.parts))


class Alone(Endpoint, path="/request"):
    """Answer with one header and one cookie."""

    async def get(self, headers: RequestIdHeader, cookies: Cookies) -> Session:
        """Answer a GET."""
        return Session(headers.x_request_id, cookies.session)


def asgi(around: Around) -> Any:
    """Return the app behind what is asked for."""
    hooks = middleware_of(around, None, [RequestId(), Timing(), Origin()], [])

    class App(BaseApp):
        async def wire(self) -> None:
            for hook in hooks:
                self._include_middleware(hook)
            for endpoint in (Orders(), Alone()):
                self._include_endpoint(endpoint)

    return App()
