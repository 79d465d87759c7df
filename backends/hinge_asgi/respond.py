"""Response -> ASGI messages.

Law: every message names every key (servers disagree on defaults), headers are tuples of bytes, and Content-Length is
ours. A client that has left is not a failure.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from hinge.response import Response
from hinge.streaming import BODILESS, StreamingResponse
from hinge_asgi.request import Exchange
from hinge_asgi.runtime import Runtime
from hinge_asgi.stream import Send, Unsent, close_source, send_stream

SHORT = 1024
LENGTH_LINES = [(b"content-length", b"%d" % length) for length in range(SHORT)]
"""The lines of bodies below SHORT bytes, which most are."""

Pairs = list[tuple[bytes, bytes]]
Fail = Callable[[Any, Exception], Awaitable[Response]]


def encode_headers(response: Response) -> Pairs:
    """Return a response's headers as ASGI wants them; all are ASCII by then."""
    return [(name.encode(), value.encode()) for name, value in response.headers.raw]


async def answer_with(
    runtime: Runtime, send: Send, response: Response, exchange: Exchange, fail: Fail, *, head_only: bool
) -> None:
    """Send a response. A stream that fails before anything is sent is answered with its failure.

    Raises:
        StreamAborted: the response is not complete.

    """
    try:
        try:
            await _send(runtime, send, response, exchange, head_only=head_only)
        except Unsent as unsent:
            response = await fail(exchange, unsent.error)
            await _send(runtime, send, response, exchange, head_only=head_only)
    except Unsent as again:
        raise again.error from None


async def _send(runtime: Runtime, send: Send, response: Response, exchange: Exchange, *, head_only: bool) -> None:
    if not isinstance(response, StreamingResponse):
        await send_complete(send, response, head_only=head_only)
        return
    if exchange._source is not None and exchange._source[0] is response.iterator:
        exchange._source = None  # it is sent, and closed by that
    bodiless = response.status in BODILESS
    start = {"type": "http.response.start", "status": response.status, "trailers": False}
    headers = encode_headers(response)
    if response.content_length is not None and not bodiless:
        headers.append((b"content-length", b"%d" % response.content_length))
    start["headers"] = headers
    if not head_only and not bodiless:
        await send_stream(runtime, send, exchange.watched(), response, exchange, start)
        return
    await close_source(runtime, exchange, (response.iterator, response.is_async))
    await _send_both(send, start, b"")


async def send_complete(send: Send, response: Response, *, head_only: bool) -> None:
    """Send a response whose body is known."""
    status, body = response.status, response.body or b""
    headers = encode_headers(response)
    if status in BODILESS:
        body = b""
    else:
        size = len(body)
        headers.append(LENGTH_LINES[size] if size < SHORT else (b"content-length", b"%d" % size))
    start = {"type": "http.response.start", "status": status, "headers": headers, "trailers": False}
    await _send_both(send, start, b"" if head_only else body)


async def _send_both(send: Send, start: dict[str, Any], body: bytes) -> None:
    try:
        await send(start)
        await send({"type": "http.response.body", "body": body, "more_body": False})
    except OSError:
        return  # the client has left; some servers say so by failing to send
