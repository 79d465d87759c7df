"""What is done where a platform lacks a Feature: responses are collected, bodies awaited, ends held back.

Law: an app sees no other order of things than on a backend that has it all. Nothing of it is on the way of one that
does: what serves an endpoint is chosen at compile.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from hinge.backend.contract import Feature
from hinge.diagnostics.failures import FAILURES, failure_in_task
from hinge.http.body import BodyStream
from hinge.loop.body import body_stream
from hinge.loop.exchange import Exchange
from hinge.loop.runtime import Runtime
from hinge.loop.stream import Turn, Unsent, close_source, items_of
from hinge.loop.threaded_source import ThreadedSource
from hinge.loop.watch import Ended, Watch, stopping
from hinge.responses.events import EventSourceResponse
from hinge.responses.response import Response
from hinge.responses.streaming import BODILESS, StreamingResponse, unsent

# -- without STREAMING -------------------------------------------------------------------------------------------------


def sent_whole(
    runtime: Runtime, sink: Any, response: Response, exchange: Exchange, *, head_only: bool
) -> Awaitable[None]:
    """Return what sends a response of any kind by the sink's `whole` alone, to be awaited at once."""
    if not isinstance(response, StreamingResponse):
        whole: Awaitable[None] = sink.whole(response, head_only=head_only)
        return whole
    if exchange._sources is not None:  # what is sent is closed by that
        exchange._sources = unsent(exchange, response.iterator) or None
    return _send_collected(runtime, sink, response, exchange, head_only=head_only)


async def _send_collected(
    runtime: Runtime, sink: Any, response: StreamingResponse, exchange: Exchange, *, head_only: bool
) -> None:
    """Make all of a stream, close it, and send it whole.

    Raises:
        Unsent: it failed, is longer than `Runtime.max_response_size`, or is one of events; nothing was sent.
    """
    source = (response.iterator, response.is_async)
    if isinstance(response, EventSourceResponse):
        await close_source(runtime, exchange, source)
        raise Unsent(_endless(exchange))
    if head_only or response.status in BODILESS:
        await close_source(runtime, exchange, source)
        await sink.whole(response, head_only=True)
        return
    took = getattr(sink, "took", None)
    if took is not None and (file := response.as_file()) is not None and await took(file):
        await close_source(runtime, exchange, source)
        return
    watch = exchange.watched()
    body = await _collected(runtime, watch, response, exchange)
    if not watch.has_left:
        whole = Response.trusted(body, response.status, tuple(response.headers.multi_items()))
        await sink.whole(whole, head_only=False)


async def _collected(runtime: Runtime, watch: Watch, response: StreamingResponse, exchange: Exchange) -> bytes:
    source: Any = (
        response.iterator if response.is_async else ThreadedSource(runtime, watch, response.iterator, exchange)
    )
    items, encode, _ = items_of(source)
    body, turn, limit = bytearray(), Turn(), runtime.max_response_size  # of small chunks, a list is many times as large
    runtime.register(watch)
    try:
        with watch:
            async for item in items:
                watch.check()
                body += encode(item)
                if len(body) > limit:
                    raise RuntimeError(_too_long(exchange, limit))
                await turn.shared(watch)
            watch.check()
    except Ended:
        if not watch.has_left:
            raise Unsent(stopping()) from None
    except FAILURES as error:
        raise Unsent(failure_in_task(error)) from error
    finally:
        try:
            await close_source(runtime, exchange, (source, True))
        finally:
            runtime.unregister(watch)
    return bytes(body)


def _too_long(exchange: Exchange, limit: int) -> str:
    return (
        f"{exchange._endpoint.plan.describe()}: its stream is longer than {limit} bytes, and this backend lacks "
        f"{Feature.STREAMING.value}, so all of it is collected. Fix: answer with less, or use a backend that has it"
    )


def _endless(exchange: Exchange) -> Exception:
    return RuntimeError(
        f"{exchange._endpoint.plan.describe()}: it answered with an event stream, and this backend lacks "
        f"{Feature.STREAMING.value}. Fix: use a backend that has it; annotated -> EventSourceResponse, it is refused "
        "at compile"
    )


# -- without DUPLEX ----------------------------------------------------------------------------------------------------


def arrived(limit: int) -> Callable[[Any], Awaitable[BodyStream]]:
    """Return `(exchange) -> its body as a stream`, once all of it is there; it raises what `read_body` raises."""

    async def open_arrived(exchange: Any) -> BodyStream:
        pieces = [await exchange.read_body(limit)]

        async def next_piece() -> bytes:
            return pieces.pop() if pieces else b""

        return body_stream(next_piece, limit)

    return open_arrived


# -- without AFTER_RESPONSE --------------------------------------------------------------------------------------------


class HeldBack:
    """A sink that keeps what completes a response until `go`: a whole one, or the end of a stream."""

    def __init__(self, sink: Any) -> None:
        self._sink = sink
        self._last: Callable[[], Awaitable[None]] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sink, name)

    async def whole(self, response: Response, *, head_only: bool) -> None:
        """Keep a response."""
        self._last = lambda: self._sink.whole(response, head_only=head_only)

    async def end(self) -> None:
        """Keep the end of a stream."""
        self._last = self._sink.end

    async def go(self) -> None:
        """Send what is kept."""
        last, self._last = self._last, None  # which holds this object
        if last is not None:
            await last()
