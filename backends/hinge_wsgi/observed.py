"""What serves an endpoint, with the observers of its app around it.

Law: the server gets what it would get anyway: a complete body stays the list that it is fast with, and a file that it
sends itself stays one. The end of any other body is its last chunk, its failure, or its `close`.
"""

from collections.abc import Callable, Iterator
from contextvars import Context, copy_context
from time import perf_counter
from typing import Any

from hinge.compiling.frozen import Endpoint, FrozenApp
from hinge.errors import ClientDisconnect
from hinge.observability.observer import ASKED, Observation, Unrouted
from hinge.request import Request
from hinge.responses.streaming import BODILESS, StreamAborted
from hinge_wsgi import environ as reader
from hinge_wsgi.environ import Environ
from hinge_wsgi.respond import Pairs, StartResponse
from hinge_wsgi.runtime import Runtime


def observed(
    serve: Callable[[Environ, StartResponse, tuple[str, ...]], Any], endpoint: Endpoint, runtime: Runtime
) -> Callable[[Environ, StartResponse, tuple[str, ...]], Any]:
    """Return `serve` with the endpoint's observers around it."""

    def observing(environ: Environ, start_response: StartResponse, values: tuple[str, ...]) -> Any:
        seen = Observation(Request(reader, environ, endpoint, values, runtime.state))
        sent: Pairs = []

        def start(status: str, headers: Pairs, *exc_info: Any) -> Any:
            nonlocal sent
            seen.status, sent = _code(status), headers
            return start_response(status, headers, *exc_info)

        if ASKED in environ:
            environ[ASKED].append(True)
        seen.begin()
        try:
            body = serve(environ, start, values)
        except BaseException as error:
            seen.end(error)
            raise
        if body.__class__ is list:
            for part in body:
                seen.size += len(part)
            seen.end()
            return body
        return _followed(body, seen, sent, environ, is_bodiless=endpoint.head_only)

    return observing


def observed_around(application: Any, frozen: FrozenApp, runtime: Runtime) -> Any:
    """Return an app inside its native middleware, with the observers around what that answers by itself."""
    endpoint = frozen.not_found.otherwise

    def observing(environ: dict[str, Any], start_response: StartResponse) -> Any:
        if ASKED in environ:  # somebody further out observes
            return application(environ, start_response)
        asked: list[bool] = []
        environ[ASKED] = asked
        seen = Unrouted(Request(reader, environ, endpoint, (), runtime.state), asked=asked, _started=perf_counter())
        sent: Pairs = []

        def start(status: str, headers: Pairs, *exc_info: Any) -> Any:
            nonlocal sent
            seen.status, sent = _code(status), headers
            return start_response(status, headers, *exc_info)

        try:
            body = application(environ, start)
        except BaseException as error:
            copy_context().run(seen.end, error)
            raise
        if asked:
            return body
        if body.__class__ is list:
            seen.size = sum(map(len, body))
            copy_context().run(seen.end)
            return body
        return _followed(body, seen, sent, environ, is_bodiless=environ["REQUEST_METHOD"] == "HEAD")

    return observing


def _followed(body: Any, seen: Observation, sent: Pairs, environ: Environ, *, is_bodiless: bool) -> Any:
    """Return a body that tells of its end, or, of a file that the server sends, which tells nobody, what is there."""
    length = _length(sent)
    if not _sends_itself(body, environ):
        return _Body(body, seen, 0 if is_bodiless or seen.status in BODILESS else length)
    seen.size = length or 0
    copy_context().run(seen.end)
    return body


class _Body:
    """A body that the server iterates, up to its end."""

    __slots__ = ("_body", "_context", "_length", "_next", "_seen")

    def __init__(self, body: Any, seen: Observation, length: int | None) -> None:
        self._body = body
        self._seen = seen
        self._length = length
        self._next: Callable[[], bytes] | None = None
        self._context: Context = copy_context()  # in which the observers are told

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            following = self._next
            if following is None:
                following = self._next = iter(self._body).__next__
            data = following()
        except StopIteration:
            self._context.run(self._seen.end)
            raise
        except BaseException as error:
            self._context.run(self._seen.end, error.failure if isinstance(error, StreamAborted) else error)
            raise
        self._seen.size += len(data)
        return data

    def close(self) -> None:
        """Close the body; what runs behind the response is no part of it."""
        if not self._seen.is_over:  # the server had enough of it, or no client
            is_whole = self._length is not None and self._seen.size >= self._length
            self._context.run(self._seen.end, None if is_whole else ClientDisconnect())
        close = getattr(self._body, "close", None)
        if close is not None:
            close()


def _length(headers: Pairs) -> int | None:
    told = next((value for name, value in headers if name.lower() == "content-length"), "")
    return int(told) if told.isdecimal() else None


def _code(status: str) -> int | None:
    """Return the code of a status line; None for one that is none, which a mounted application may send."""
    return int(status[:3]) if status[:3].isdecimal() else None


def _sends_itself(body: Any, environ: Environ) -> bool:
    """Tell whether it is a file that the server sends, which tells nobody when."""
    wrapper = environ.get("wsgi.file_wrapper")
    return isinstance(wrapper, type) and isinstance(body, wrapper)
