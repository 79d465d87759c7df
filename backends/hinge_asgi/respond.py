"""Response -> ASGI messages.

Law: every message names every key (servers disagree on defaults), headers are tuples of bytes, and Content-Length is
ours. A stream races the client: whoever ends first, the source is closed in the task that made it.
"""

import inspect
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from typing import Any

import anyio
from anyio.lowlevel import checkpoint

from hinge.context import carry_back
from hinge.errors import HTTPError
from hinge.events import KEEP_ALIVE, EventSourceResponse
from hinge.problems import log_failure, logger
from hinge.request import Request
from hinge.response import Response
from hinge.streaming import StreamingResponse, encode_chunk
from hinge_asgi.runtime import Runtime

Send = Callable[[dict[str, Any]], Awaitable[None]]
Pairs = list[tuple[bytes, bytes]]

CHUNKS_IN_A_ROW = 8
"""After so many chunks everybody else gets a turn: neither a source that is always ready nor a server's `send` need
ever wait (Granian's does not once the client has left), and then nothing else would run, not even what notices that."""

_BODILESS = frozenset({204, 304})
_END: Any = object()


class StreamAborted(Exception):  # noqa: N818 - told to the server, so that it cuts the connection
    """A stream failed after its status was sent; the failure itself is in the log."""


def encode_headers(response: Response) -> Pairs:
    """Return a response's headers as ASGI wants them; all are ASCII by then."""
    return [(name.encode(), value.encode()) for name, value in response.headers.raw]


async def send_response(
    runtime: Runtime,
    send: Send,
    disconnected: Callable[[], Awaitable[None]],
    response: Response,
    request: Request | None,
    *,
    head_only: bool,
) -> None:
    """Send a response, and then do what waits for it. `disconnected` returns when the client has left.

    Raises whatever a stream raised before its first chunk, nothing sent yet.
    """
    if isinstance(response, StreamingResponse):
        await _send_stream(runtime, send, disconnected, response, request, head_only=head_only)
    else:
        await _send_complete(send, response, head_only=head_only)
    if request is not None and request._after:
        await run_after(runtime, request)


async def _send_complete(send: Send, response: Response, *, head_only: bool) -> None:
    status, body = response.status, response.body or b""
    headers = encode_headers(response)
    if status in _BODILESS:
        body = b""
    else:
        headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers, "trailers": False})
    await send({"type": "http.response.body", "body": b"" if head_only else body, "more_body": False})


async def _send_stream(
    runtime: Runtime,
    send: Send,
    disconnected: Callable[[], Awaitable[None]],
    response: StreamingResponse,
    request: Request | None,
    *,
    head_only: bool,
) -> None:
    stream = _Stream(runtime, response)
    start = {"type": "http.response.start", "status": response.status, "headers": encode_headers(response)}
    length = response.content_length
    if length is not None and response.status not in _BODILESS:
        start["headers"].append((b"content-length", b"%d" % length))
    if head_only or response.status in _BODILESS:
        await stream.close(request)
        await send(start)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return
    runtime.register(stream)
    failure: Exception | None = None
    try:
        async with anyio.create_task_group() as group:
            stream.scope = group.cancel_scope
            group.start_soon(_cancel_when, disconnected, group.cancel_scope)
            if stream.ping is not None:
                group.start_soon(_keep_alive, stream, send, stream.ping)
            try:
                await _pump(stream, response, send, start)
            except Exception as error:  # noqa: BLE001 - kept out of the task group, which would wrap it
                failure = error
            group.cancel_scope.cancel()
    finally:
        runtime.open.discard(stream)
        with anyio.CancelScope(shield=True):
            await stream.close(request)
    if failure is not None:
        _raise(failure, request, stream)
    if stream.finished_early and stream.has_started:
        if length is not None or stream.sending:
            raise StreamAborted("the worker stops, and this response is not complete")
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _raise(failure: Exception, request: Request | None, stream: "_Stream") -> None:
    if isinstance(failure, OSError) and stream.sending:
        return  # the client left; some servers say so by failing to send
    if not stream.has_started:
        raise failure
    if not isinstance(failure, HTTPError):
        log_failure(request, failure)
    raise StreamAborted(f"the stream of {request.path if request else 'a response'!r} failed") from None


async def _cancel_when(disconnected: Callable[[], Awaitable[None]], scope: anyio.CancelScope) -> None:
    await disconnected()
    scope.cancel()


async def _keep_alive(stream: "_Stream", send: Send, seconds: float) -> None:
    """Send a comment after each silence, so that no proxy takes the stream for dead."""
    while True:
        sent = stream.sent
        await anyio.sleep(seconds)
        if stream.has_started and stream.sent == sent:
            await stream.send(send, {"type": "http.response.body", "body": KEEP_ALIVE, "more_body": True})


async def _pump(stream: "_Stream", response: StreamingResponse, send: Send, start: dict[str, Any]) -> None:
    if response.eager_start:
        await stream.send(send, start)
    while (chunk := await stream.next()) is not _END:
        if not stream.has_started:
            await stream.send(send, start)
        await stream.send(send, {"type": "http.response.body", "body": chunk, "more_body": True})
        if stream.sent % CHUNKS_IN_A_ROW == 0:
            await checkpoint()
    if not stream.has_started:
        await stream.send(send, start)
    await stream.send(send, {"type": "http.response.body", "body": b"", "more_body": False})


class _Stream:
    """The source of a streaming response, either colour, and how it is ended."""

    def __init__(self, runtime: Runtime, response: StreamingResponse) -> None:
        self._runtime = runtime
        self._source: Any = response.iterator
        self._is_async = response.is_async
        self._context = copy_context()
        self._lock = anyio.Lock()
        self.ping: float | None = getattr(response, "ping", None)
        self.ends_at_once = isinstance(response, EventSourceResponse)
        self.finished_early = False
        self.has_started = False
        self.sending = False
        self.sent = 0
        self.scope: anyio.CancelScope | None = None

    async def send(self, send: Send, message: dict[str, Any]) -> None:
        """Send one message; the keep-alive and the source take turns."""
        if self.ping is None:
            await self._send(send, message)
        else:
            async with self._lock:
                await self._send(send, message)

    async def _send(self, send: Send, message: dict[str, Any]) -> None:
        self.sending = True
        await send(message)
        self.sending = False
        self.has_started = True
        self.sent += 1

    async def next(self) -> Any:
        """Return the next chunk as bytes, `_END` after the last."""
        while True:
            if self._is_async:
                try:
                    chunk = await anext(self._source)
                except StopAsyncIteration:
                    return _END
            else:
                chunk = await self._runtime.in_thread("streams", self._context.run, next, self._source, _END)
                if chunk is _END:
                    return _END
            encoded = encode_chunk(chunk)
            if encoded:
                return encoded

    def finish(self) -> None:
        """End the stream early: the worker stops."""
        self.finished_early = True
        if self.scope is not None:
            self.scope.cancel()

    async def close(self, request: Request | None) -> None:
        """Close the source, whether it ended, failed or the client left."""
        try:
            if self._is_async:
                close = getattr(self._source, "aclose", None)
                if close is not None:
                    await close()
                return
            close = getattr(self._source, "close", None)
            if close is not None:
                await self._runtime.in_thread("teardown", self._context.run, close)
            carry_back(self._context)
        except Exception as error:  # noqa: BLE001 - the response is out; there is nobody to raise to
            log_failure(request, error)


async def run_after(runtime: Runtime, request: Request) -> None:
    """Run what `request.after_response` registered; failures are logged."""
    tasks, request._after = request._after or [], None
    for function, args, kwargs in tasks:
        try:
            if inspect.iscoroutinefunction(function):
                await function(*args, **kwargs)
            else:
                result = await runtime.in_thread("teardown", lambda: function(*args, **kwargs))  # noqa: B023
                if inspect.isawaitable(result):
                    await result
        except Exception:  # noqa: BLE001 - the response is out; the next task must run
            logger.exception("after_response(%r) failed", function)
