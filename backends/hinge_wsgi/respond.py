"""Response -> `start_response` and the iterable that a WSGI server sends.

Law: `start_response` is called before the callable returns (Granian knows no later), a complete body is a one-item list (its
fast path), and whatever must happen after the response hangs on `close()`, which every server calls.
"""

import inspect
from collections.abc import Callable, Iterator
from contextvars import copy_context
from typing import Any

from hinge.errors import REASONS
from hinge.events import KEEP_ALIVE, EventSourceResponse
from hinge.problems import log_failure, logger
from hinge.request import Request
from hinge.response import Response
from hinge.streaming import StreamingResponse, encode_chunk
from hinge_wsgi.iterate import LoopIterator
from hinge_wsgi.runtime import Runtime

StartResponse = Callable[..., Any]
Pairs = list[tuple[str, str]]

# The reason is never empty: wsgiref and some servers split at the space.
STATUS_LINES = {code: f"{code} {REASONS.get(code, 'Unknown')}" for code in range(200, 600)}
_BODILESS = frozenset({204, 304})
_HOP_BY_HOP = frozenset({"connection", "upgrade"})
"""PEP 3333 leaves these to the server; waitress refuses a response that has them."""


def send(
    runtime: Runtime, start_response: StartResponse, response: Response, request: Request | None, *, head_only: bool
) -> Any:
    """Start a response and return its body for the server to iterate and close."""
    if isinstance(response, StreamingResponse):
        return _send_stream(runtime, start_response, response, request, head_only=head_only)
    status, body = response.status, response.body or b""
    headers = _headers(response)
    if status in _BODILESS:
        body = b""
    else:
        headers.append(("content-length", str(len(body))))
    start_response(STATUS_LINES[status], headers)
    parts = [] if head_only or not body else [body]
    if request is not None and request._after:
        return _Closing(parts, lambda: run_after(runtime, request))
    return parts


def _headers(response: Response) -> Pairs:
    raw: Pairs = response.headers.raw
    if any(name in _HOP_BY_HOP for name, _ in raw):
        return [pair for pair in raw if pair[0] not in _HOP_BY_HOP]
    return [*raw]


def _send_stream(
    runtime: Runtime,
    start_response: StartResponse,
    response: StreamingResponse,
    request: Request | None,
    *,
    head_only: bool,
) -> Any:
    stream = _Stream(runtime, response, request)
    headers = _headers(response)
    length = response.content_length
    if length is not None and response.status not in _BODILESS:
        headers.append(("content-length", str(length)))
    if head_only or response.status in _BODILESS:
        start_response(STATUS_LINES[response.status], headers)
        stream.skip()
        return stream
    if not response.eager_start:
        stream.prefetch()  # a failure before the first chunk is still answered with its own status
    start_response(STATUS_LINES[response.status], headers)
    return stream


def run_after(runtime: Runtime, request: Request) -> None:
    """Run what `request.after_response` registered; failures are logged."""
    tasks, request._after = request._after or [], None
    for function, args, kwargs in tasks:
        try:
            result = function(*args, **kwargs)
            if inspect.isawaitable(result):
                runtime.run(_awaited(result))
        except Exception:  # noqa: BLE001 - the response is out; the next task must run
            logger.exception("after_response(%r) failed", function)


async def _awaited(awaitable: Any) -> Any:
    return await awaitable


class _Closing:
    """A complete body with something to do once the client has it."""

    def __init__(self, parts: list[bytes], after: Callable[[], None]) -> None:
        self._parts = iter(parts)
        self._after: Callable[[], None] | None = after
        self._context = copy_context()

    def __iter__(self) -> Iterator[bytes]:
        return self._parts

    def close(self) -> None:
        after, self._after = self._after, None
        if after is not None:
            self._context.run(after)


class _Stream:
    """The body of a streaming response: pulled by the server chunk by chunk, each step in the request's context."""

    def __init__(self, runtime: Runtime, response: StreamingResponse, request: Request | None) -> None:
        self._runtime = runtime
        self._request = request
        self._context = copy_context()
        self._ping: float | None = getattr(response, "ping", None)
        self.is_event_stream = isinstance(response, EventSourceResponse)
        self._source: Any = response.iterator
        self._loop_source = LoopIterator(runtime.portal, self._source) if response.is_async else None
        self._first: list[bytes] = []
        self._closed = False
        self._finished = False
        runtime.streams.add(self)
        if runtime.draining and self.is_event_stream:
            self.finish()

    def __iter__(self) -> "_Stream":
        return self

    def __next__(self) -> bytes:
        if self._first:
            return self._first.pop()
        while not self._finished:
            chunk = self._context.run(self._pull)
            if chunk is None:
                break
            if chunk:  # an empty chunk would end a chunked body on some servers
                return chunk
        raise StopIteration

    def _pull(self) -> bytes | None:
        try:
            chunk = next(self._source) if self._loop_source is None else self._pull_loop(self._loop_source)
            return encode_chunk(chunk)
        except StopIteration:
            self._finished = True
            return None

    def _pull_loop(self, source: LoopIterator) -> Any:
        try:
            return source.next(self._ping)
        except TimeoutError:
            # A comment now and then, so that a client that left is noticed although nothing happens.
            return KEEP_ALIVE

    def prefetch(self) -> None:
        """Take the first chunk before the status is sent."""
        try:
            for chunk in self:
                self._first.append(chunk)
                return
        except BaseException:
            self._close_source()
            raise

    def skip(self) -> None:
        """Send nothing; the source is closed unread."""
        self._finished = True

    def finish(self) -> None:
        """End the stream early, from any thread."""
        self._finished = True
        if self._loop_source is not None:
            self._loop_source.finish()

    def close(self) -> None:
        """Close the source, whether it ended, failed or the client left; then run what waits for the response."""
        if self._closed:
            return
        try:
            self._context.run(self._close_source)
        except Exception as error:  # noqa: BLE001 - the response is out; there is nobody to raise to
            log_failure(self._request, error)
        if self._request is not None and self._request._after:
            self._context.run(run_after, self._runtime, self._request)

    def _close_source(self) -> None:
        self._closed = True
        self._runtime.streams.discard(self)
        if self._loop_source is not None:
            self._loop_source.close()
            return
        close = getattr(self._source, "close", None)
        if close is not None:
            close()
