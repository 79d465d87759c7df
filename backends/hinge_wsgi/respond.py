"""Response -> `start_response` and the iterable that a WSGI server sends.

Law: `start_response` is called before the callable returns (Granian knows no later), a complete body is a one-item
list (its fast path), and whatever must happen after the response hangs on `close()`, which every server calls.
"""

from collections.abc import Callable, Iterator
from contextvars import copy_context
from typing import Any

from hinge.diagnostics.failures import FAILURES, failure_of
from hinge.errors import REASONS
from hinge.request import Request
from hinge.responses.response import Response
from hinge.responses.streaming import BODILESS, UNSIZED, StreamingResponse, sent_length, unsent
from hinge_wsgi.after import run_after
from hinge_wsgi.runtime import Runtime
from hinge_wsgi.stream import Stream, begin, close_sources

StartResponse = Callable[..., Any]
Fail = Callable[[Request, Exception], Response]
Pairs = list[tuple[str, str]]

# The reason is never empty: wsgiref and some servers split at the space.
STATUS_LINES = {code: f"{code} {REASONS.get(code, 'Unknown')}" for code in range(200, 600)}
SHORT = 1024
LENGTH_LINES = [("content-length", str(length)) for length in range(SHORT)]
"""The lines of bodies below SHORT bytes, which most are."""
_HOP_BY_HOP = frozenset({"connection", "upgrade"})
"""PEP 3333 leaves these to the server; waitress refuses a response that has them."""


def complete(response: Response) -> tuple[int, Pairs, bytes]:
    """Return the status, the headers and the body of a response whose body is known."""
    status, headers, body = response._status, _headers(response), response._body or b""
    if status != 200:  # as most are
        if status in UNSIZED:
            return status, headers, b""
        if status in BODILESS:
            body = b""
    size = len(body)
    headers.append(LENGTH_LINES[size] if size < SHORT else ("content-length", str(size)))
    return status, headers, body


def send(
    runtime: Runtime, start_response: StartResponse, response: Response, request: Request, *, head_only: bool
) -> Any:
    """Start a complete response and return its body for the server to iterate and close."""
    status, headers, body = complete(response)
    start_response(STATUS_LINES[status], headers)
    parts = [] if head_only or not body else [body]
    return _Closing(runtime, parts, request) if request._after or request._sources else parts


def answer_with(
    runtime: Runtime,
    start_response: StartResponse,
    response: Response,
    request: Request,
    *,
    fail: Fail,
    head_only: bool,
    is_known: bool,
) -> Any:
    """Start a response of any kind. A stream that fails before its first chunk is answered with its failure."""
    if not isinstance(response, StreamingResponse):
        return send(runtime, start_response, response, request, head_only=head_only)
    try:
        return send_stream(runtime, start_response, response, request, head_only=head_only, is_known=is_known)
    except FAILURES as error:  # whatever a source raises
        response = fail(request, error)
    try:
        send_any: Any = send_stream if isinstance(response, StreamingResponse) else send
        return send_any(runtime, start_response, response, request, head_only=head_only)
    except FAILURES as error:  # an error handler answers with streams, too
        response = request._endpoint.errors.last_resort(request, failure_of(error))
    return send(runtime, start_response, response, request, head_only=head_only)


def _headers(response: Response) -> Pairs:
    headers: Any = response._headers
    if headers.__class__ is tuple:  # what the framework wrote itself
        return [*headers]
    first = headers._first
    if "connection" in first or "upgrade" in first:
        return [pair for pair in headers.multi_items() if pair[0] not in _HOP_BY_HOP]
    return headers.multi_items() if headers._more else [*first.items()]


def send_stream(
    runtime: Runtime,
    start_response: StartResponse,
    response: StreamingResponse,
    request: Request,
    *,
    head_only: bool,
    is_known: bool = True,
) -> Any:
    """Start a stream and return it for the server to iterate and close; `is_known`: the app has seen its request.

    Raises what the source raised before its first chunk, after closing it.
    """
    file = response.as_file()
    whole = None if file is None else file.at_once()
    if whole is not None:
        return send(runtime, start_response, whole, request, head_only=head_only)
    status, lines = response._status, response._headers
    headers = [*lines] if isinstance(lines, tuple) else _headers(response)  # constants have none of one hop
    bodiless = head_only or status in BODILESS
    length = sent_length(response) if status in BODILESS else response.content_length
    if length is not None:
        headers.append(("content-length", str(length)))
    if file is not None and not bodiless:
        from hinge_wsgi.file_wrapper import wrapped_file  # noqa: PLC0415 - with what sends files, which an app may not

        wrapped = wrapped_file(file, request)
        if wrapped is not None:
            return _start_wrapped(start_response, STATUS_LINES[status], headers, wrapped)
    context = copy_context()
    # Its first chunk is made here: a failure before that is still answered with its own status.
    chunks: Any = begin(runtime, response, request, context, is_bodiless=bodiless)
    try:
        start_response(STATUS_LINES[status], headers)
    except BaseException:
        chunks.close()
        raise
    return Stream(runtime, chunks, request, context) if is_known else chunks


def _start_wrapped(start_response: StartResponse, status_line: str, headers: Pairs, wrapped: Any) -> Any:
    try:
        start_response(status_line, headers)
    except BaseException:
        wrapped.close()
        raise
    return wrapped


class _Closing:
    """A complete body with something to do once the client has it."""

    def __init__(self, runtime: Runtime, parts: list[bytes], request: Request) -> None:
        self._parts = iter(parts)
        self._runtime = runtime
        self._request: Request | None = request
        self._context = copy_context()
        runtime.work.expect(request)

    def __iter__(self) -> Iterator[bytes]:
        return self._parts

    def close(self) -> None:
        request, self._request = self._request, None
        if request is None:
            return
        if request.http_version.startswith("1"):
            self._context.run(self._end, request)
        else:
            # Granian ends a stream of HTTP/2 only after close(): in this thread, the client would wait for it.
            self._runtime.in_background(self._context.run, self._end, request)

    def _end(self, request: Request) -> None:
        try:
            close_sources(self._runtime, request, unsent(request, None))
            run_after(self._runtime, request)
        finally:
            self._runtime.work.done(request)
