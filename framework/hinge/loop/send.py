"""A response -> what the backend's sink is told.

Law: a stream that fails before anything is sent is answered with its failure; later, the response is cut off. What has
no body is never asked for one, and a client that has left is not a failure.
"""

import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from hinge.loop.answer import Fail
from hinge.loop.exchange import Exchange
from hinge.loop.inside import send_inside
from hinge.loop.runtime import Runtime
from hinge.loop.sink import WholeSink
from hinge.loop.stream import Unsent, close_source, send_stream
from hinge.responses.events import EventSourceResponse
from hinge.responses.producer import Producer
from hinge.responses.response import Response
from hinge.responses.streaming import BODILESS, StreamingResponse, unsent

if TYPE_CHECKING:
    from hinge.responses.files import FileResponse

Send = Callable[..., Awaitable[None]]
"""`sent`, or what does the same on a backend that lacks STREAMING."""


def sent(
    runtime: Runtime, sink: WholeSink, response: Response, exchange: Exchange, *, head_only: bool
) -> Awaitable[None]:
    """Return what sends a response of any kind, to be awaited at once.

    Raises, then:
        Unsent: it is a stream that failed before anything was sent; `send_instead` answers that.
        StreamAborted: what was sent is not complete; the server shall cut the connection.
    """
    if not isinstance(response, StreamingResponse):
        return sink.whole(response, head_only=head_only)
    if exchange._sources is not None:  # what is sent is closed by that
        exchange._sources = unsent(exchange, response.iterator) or None
    if head_only or response._status in BODILESS:
        return _send_head(runtime, sink, response, exchange)
    if (file := response.as_file()) is not None:
        return _send_file(runtime, sink, file, exchange)
    source: Any = response._iterator
    if source.__class__ is Producer and source.has_begun and not isinstance(response, EventSourceResponse):
        return send_inside(runtime, sink, response, exchange, source)  # no keep-alive is sent beside its chunks
    return send_stream(runtime, sink, response, exchange)


async def send_instead(
    send: Send, runtime: Runtime, sink: WholeSink, error: Exception, exchange: Exchange, fail: Fail, *, head_only: bool
) -> None:
    """Send what answers the failure of an unsent stream; raises StreamAborted as `sent`."""
    response = await fail(exchange, error)
    try:
        await send(runtime, sink, response, exchange, head_only=head_only)
    except Unsent as again:  # an error handler answers with streams, too
        response = exchange._endpoint.errors.last_resort(exchange, again.error)
        await sink.whole(response, head_only=head_only)


async def _send_file(runtime: Runtime, sink: WholeSink, response: "FileResponse", exchange: Exchange) -> None:
    whole = response.at_once()
    if whole is not None:
        await sink.whole(whole, head_only=False)
        return
    took = getattr(sink, "took", None)
    if took is not None and await took(response):
        await close_source(runtime, exchange, (response.iterator, response.is_async))
        return
    await send_stream(runtime, sink, response, exchange)


async def _send_head(runtime: Runtime, sink: WholeSink, response: StreamingResponse, exchange: Exchange) -> None:
    await close_source(runtime, exchange, (response.iterator, response.is_async))
    with contextlib.suppress(OSError):  # the client has left; some servers say so by failing to send
        await sink.start(response)
        await sink.end()
