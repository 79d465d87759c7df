"""Exceptions -> responses: problem documents (RFC 9457), the app's own handlers, and the log.

Law: the most derived registered class wins; an `HTTPError` nobody registered is its own problem document; anything else is
a 500 that says nothing about its cause unless `debug`, and is logged once with its traceback.
"""

import inspect
import logging
import traceback
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from hinge.codecs import encode_json
from hinge.errors import ClientDisconnect, ConfigurationError, HTTPError
from hinge.location import locate, qualified_name
from hinge.plan import Colour, colour_of
from hinge.response import Response
from hinge.results import OCTETS, responder
from hinge.streaming import StreamAborted

logger = logging.getLogger("hinge")

ErrorHandler = Callable[[Any, Any], Any]
"""`(request, error) -> result`, sync or async; the result is what a handler may return."""

PROBLEM = "application/problem+json"
_CONNECTION = frozenset({("connection", "close"), ("upgrade", "websocket")})
"""The only connection headers that an answer may need: the next request cannot be trusted; another protocol is required."""


class ErrorHandlers:
    """The registered handlers of one app, by exception class."""

    def __init__(self, handlers: Mapping[type[Exception], ErrorHandler], *, debug: bool) -> None:
        self._handlers = dict(handlers)
        self._debug = debug
        self._respond = responder(None, OCTETS)

    def respond(self, request: Any, error: Exception) -> Response | Awaitable[Response]:
        """Return the response of an error; it is to be awaited if the error's handler is async."""
        handler = self._find(type(error))
        if handler is None:
            return self._default(request, error)
        if colour_of(handler) is Colour.ASYNC:
            return self._awaited(handler, request, error)
        try:
            return self._respond(handler(request, error))
        except Exception as second:  # noqa: BLE001 - a failing error handler must still be answered
            return self._default(request, second)

    async def _awaited(self, handler: ErrorHandler, request: Any, error: Exception) -> Response:
        try:
            return self._respond(await handler(request, error))
        except Exception as second:  # noqa: BLE001 - a failing error handler must still be answered
            return self._default(request, second)

    def _find(self, kind: type[BaseException]) -> ErrorHandler | None:
        for base in kind.__mro__:
            if base in self._handlers:
                return self._handlers[base]
        return None

    def _default(self, request: Any, error: Exception) -> Response:
        if isinstance(error, HTTPError):
            return self.problem(error)
        if isinstance(error, ClientDisconnect):
            # Nobody is there to read it, and a client that leaves is no failure of the app.
            return self.problem(HTTPError(400, "The client left before its request was complete."))
        log_failure(request, error)
        return self.problem(self._failure(error))

    def _failure(self, error: Exception) -> HTTPError:
        if not self._debug:
            return HTTPError(500)
        lines = traceback.format_exception(error)
        return HTTPError(500, f"{type(error).__name__}: {error}", traceback="".join(lines).splitlines())

    def problem(self, error: HTTPError) -> Response:
        """Return the problem document of an HTTPError, with the error's headers."""
        try:
            body = encode_json(error.problem())
        except Exception:
            logger.exception("HTTPError(%d): an extension is not JSON", error.status)
            body = encode_json(HTTPError(error.status, error.detail).problem())
        response = Response(body, status=error.status, media_type=PROBLEM)
        for name, value in error.headers.items():
            if (name, value) in _CONNECTION:
                response.headers.raw.append((name, value))
            else:
                response.headers.append(name, value)
        return response


def aborted(request: Any, error: Exception) -> StreamAborted:
    """Return what cuts the connection of a stream that failed; the failure is logged unless it is the client's."""
    if not isinstance(error, HTTPError | ClientDisconnect):
        log_failure(request, error)
    return StreamAborted(error)


def log_failure(request: Any, error: BaseException) -> None:
    """Log a failure with its traceback, naming the request and the handler."""
    route = getattr(request, "route", None)
    who = f"handler {qualified_name(route.handler)} ({route.location})" if route is not None else "the framework"
    try:
        # repr(): control characters of a path must not forge log lines.
        where = f"{request.method} {request.path!r}" if hasattr(request, "method") else repr(request.path)
    except HTTPError:
        where = "a malformed target"
    logger.error("%s: %s failed", where, who, exc_info=error)


def check_error_handler(kind: Any, handler: Callable[..., Any]) -> None:
    """Check what `@app.error(kind)` decorates.

    Raises:
        ConfigurationError: the class is no exception class, or the handler does not take (request, error).

    """
    who = f"error handler {qualified_name(handler)} ({locate(handler)})"
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        raise ConfigurationError(f"{who}: @app.error takes an exception class, not {kind!r}")
    if colour_of(handler) not in (Colour.SYNC, Colour.ASYNC):
        raise ConfigurationError(f"{who}: it is a generator. Fix: return the response")
    try:
        inspect.signature(handler).bind(None, None)
    except TypeError:
        raise ConfigurationError(f"{who}: it must take two parameters, (request, error)") from None
