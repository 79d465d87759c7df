"""What the framework answers by itself: 404, 405, OPTIONS, 426, 501 and the redirect to a path's other spelling.

Law: these are handlers like a user's, planned and bound the same way, so middleware, errors and backends treat them
alike. They never wait, and none needs the body: an upload to an unknown path is answered before it is read.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from hinge.errors import HTTPError
from hinge.request import HTTPConnection, redirect_to
from hinge.responses.response import Response

Refusing: TypeAlias = Callable[[Callable[[], HTTPError]], Callable[[], Response]]
"""From what makes an error to what answers with it."""


def not_found(exists: Callable[[str], bool] | None, refusing: Refusing) -> Callable[[HTTPConnection], Response]:
    """Return the handler for unknown paths; `exists` tells whether another spelling is known, None: do not redirect."""
    refuse = refusing(lambda: HTTPError(404))

    def answer(request: HTTPConnection) -> Response:
        path = request.path
        if exists is not None:
            other = path[:-1] if path.endswith("/") else path + "/"
            if len(path) > 1 and exists(other):
                return redirect_to(request, other)
        if path == "*" and request._reader.method(request._head) == "OPTIONS":
            return Response(status=204)  # about the server as a whole (RFC 9110 section 9.3.7)
        return refuse()

    return answer


def refused(request: HTTPConnection) -> Response:
    """Answer with the error that stands where path values would (see `hinge.compiling.frozen.FrozenApp.refused`)."""
    error: Any = request._values[0]
    raise error


def method_not_allowed(methods: Iterable[str], refusing: Refusing) -> Callable[[], Response]:
    """Return the 405 that names the methods of a path (RFC 9110 section 15.5.6)."""
    allow = allowed(methods)
    return refusing(lambda: HTTPError(405, f"This resource answers {allow}.", headers={"allow": allow}))


def options(methods: Iterable[str]) -> Callable[[], Response]:
    """Return the 204 that names the methods of a path (RFC 9110 section 9.3.7)."""
    allow = allowed(methods)
    return lambda: Response(status=204, headers={"allow": allow})


def upgrade_required() -> Response:
    """Answer an HTTP request to a WebSocket's path (RFC 9110 section 15.5.22)."""
    raise HTTPError(426, "This resource speaks WebSocket only.", headers={"upgrade": "websocket"})


def not_streamed() -> Response:
    """Answer for an event stream where none can be sent (RFC 9110 section 15.6.2)."""
    raise HTTPError(501, "This server cannot send event streams.")


def websocket_not_found() -> Any:
    """Answer a WebSocket handshake to an unknown path."""
    raise HTTPError(404)


def allowed(methods: Iterable[str]) -> str:
    """Return the value of an Allow header."""
    return ", ".join(sorted(methods))
