"""The body of a streaming response, pulled by the server chunk by chunk.

Law: the server's thread takes each step, in the request's context; a source of the other colour lives on the loop
thread. The source is closed once, whatever happens, and so is the one that a middleware replaced. What fails once the
status is out is logged and cuts the connection; what ends the worker ends event streams and cuts the others.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import Context
from functools import partial
from types import GeneratorType
from typing import Any, cast

import msgspec

from hinge.diagnostics.failures import FAILURES, failure_of, is_close
from hinge.error_responses import aborted, log_cut, log_failure
from hinge.request import Request
from hinge.responses.events import EventSourceResponse, encode_event
from hinge.responses.frames import unframed
from hinge.responses.jsonlines import encode_line
from hinge.responses.plain_source import PlainSource
from hinge.responses.sources import close_failure, encode_chunk
from hinge.responses.streaming import StreamAborted, StreamingResponse, unsent
from hinge_wsgi.after import run_after
from hinge_wsgi.environ import keep_head
from hinge_wsgi.producer import PortalProducer, Silence
from hinge_wsgi.runtime import Runtime
from hinge_wsgi.waiting import Cut


def begin(
    runtime: Runtime, response: StreamingResponse, request: Request, context: Context, *, is_bodiless: bool
) -> Iterator[bytes]:
    """Return the body of a stream in a context, for the server to iterate and close.

    It is a generator that has begun, so that whoever closes it runs its `finally`, and holds its first chunk already,
    unless that is not to be waited for. Raises what the source raised before its first chunk, after closing it.
    """
    chunks = _chunks(runtime, response, request, context, is_bodiless=is_bodiless)
    next(chunks, None)
    return chunks


class Stream(Iterable[bytes]):
    """The body of a stream of whose request the app knows: there may be something to do behind it."""

    __slots__ = ("_chunks", "_context", "_request", "_runtime")

    def __init__(self, runtime: Runtime, chunks: Iterator[bytes], request: Request, context: Context) -> None:
        self._runtime = runtime
        self._chunks: Any = chunks
        self._request = request
        self._context = context
        if request._after:
            runtime.work.expect(request)

    def __iter__(self) -> Iterator[bytes]:
        chunks: Iterator[bytes] = self._chunks
        return chunks

    def close(self) -> None:
        """Close the source, whether it ended, failed or the client left; then run what waits for the response."""
        request = self._request
        if request._after:
            self._runtime.work.expect(request)
        self._chunks.close()
        if request._after:
            # Granian ends a chunked body only after close(): in this thread, the client would wait for it.
            keep_head(request)
            self._runtime.in_background(self._context.run, self._end, request)
        else:
            self._runtime.work.done(request)

    def _end(self, request: Request) -> None:
        try:
            run_after(self._runtime, request)
        finally:
            self._runtime.work.done(request)


class _Open(msgspec.Struct, eq=False):  # whose constructor is C: each stream pays for it
    """What a stop ends of a stream."""

    _request: Request
    source: Any
    is_event_stream: bool
    is_over: bool = False
    is_cut: bool = False

    def finish(self) -> None:
        """End the stream early, from any thread."""
        self.is_cut = self.is_cut or not self.is_over
        self.is_over = True
        if isinstance(self.source, PortalProducer):
            self.source.finish()


# One frame from the server to the source: each chunk pays for it.
def _chunks(  # noqa: C901, PLR0912
    runtime: Runtime, response: StreamingResponse, request: Request, context: Context, *, is_bodiless: bool
) -> Iterator[bytes]:
    """Yield an empty chunk once the head may be sent, and then what is sent."""
    source: Any = response._iterator
    replaced: Sequence[Source] = ()
    if response.is_async or request._sources is not None:
        source, replaced = _source_of(runtime, response, request)
    stream = _Open(request, source, isinstance(response, EventSourceResponse))
    is_held = not (response.eager_start or is_bodiless)
    runtime.streams.add(stream)
    try:
        if runtime.draining:
            runtime.register(stream)
        if not is_held:
            yield b""
        run = context.run
        is_bare = source.__class__ is GeneratorType  # as most are
        items, encode, as_it_is = (source, encode_chunk, bytes) if is_bare else _items(source, response, context)
        while not (is_bodiless or stream.is_over):
            try:
                item = run(next, items)
            except StopIteration:
                break
            data = item if item.__class__ is as_it_is else encode(item)
            if data:  # an empty one would end a chunked body on some servers
                if is_held:
                    is_held = False
                    yield b""
                yield data
    except FAILURES as error:  # whatever the source raises
        if is_held or is_close(error):
            raise
        raise aborted(request, failure_of(error))  # noqa: B904 - which says itself what led to it
    finally:
        stream.is_over = True
        try:
            # A generator that has ended has closed itself.
            if replaced or source.__class__ is not GeneratorType or source.gi_frame is not None:
                context.run(close_sources, runtime, request, (*replaced, (source, False)))
        finally:
            runtime.streams.discard(stream)  # what stops the worker waits until the source is closed
    if stream.is_cut and not stream.is_event_stream:
        if is_held:
            raise Cut
        log_cut(request)
        raise StreamAborted(Cut())


def _source_of(runtime: Runtime, response: StreamingResponse, request: Request) -> "tuple[Any, list[Source]]":
    """Return what the thread iterates, and the sources that middleware replaced, which are closed behind it."""
    source: Any = response.iterator
    replaced = [] if request._sources is None else unsent(request, source)
    if response.is_async and source.__class__ is not PortalProducer:
        # What it was made of is closed behind it in the same task.
        behind = [other for other, is_async in reversed(replaced) if is_async]
        replaced = [other for other in replaced if not other[1]]
        source = PortalProducer(runtime.portal, source, *behind)
    return source, replaced


_OF_NOBODY = (encode_event, encode_line)
"""What encodes items without running any code of the app's."""


def _items(
    source: Any, response: StreamingResponse, context: Context
) -> tuple[Iterator[Any], Callable[[Any], bytes], type[bytes] | None]:
    """Return what is iterated, what encodes its items, and the class of those that go out as they are."""
    if source.__class__ is PortalProducer:
        return _awaited(source, response), encode_chunk, bytes
    if source.__class__ is PlainSource:
        return context.run(source.alone), encode_chunk, bytes
    unencoded = unframed(source)
    if unencoded is None:
        return source, encode_chunk, bytes
    items, encode = unencoded
    if encode not in _OF_NOBODY:
        encode = partial(cast("Callable[..., bytes]", context.run), encode)
    return items, encode, None


def _awaited(source: PortalProducer, response: StreamingResponse) -> Iterator[Any]:
    """Yield the chunks of a source on the loop, and a comment now and then, so that a client's leaving is noticed."""
    ping: float | None = None
    make: Callable[[], bytes] = bytes
    if isinstance(response, EventSourceResponse):
        ping, make = response.ping, response.keep_alive
    while True:
        try:
            yield source.next(ping)
        except StopIteration:
            return
        except Silence:
            yield make()


Source = tuple[Any, bool]
"""An iterator and whether it is async."""


def close_sources(runtime: Runtime, request: Request, sources: Sequence[Source]) -> None:
    """Close sources, the last one first; a failure is logged: the response is out, and there is nobody to raise to."""
    if not sources:
        return
    *others, (iterator, is_async) = sources
    try:
        _close_source(runtime, request, iterator, is_async)
    finally:  # each of them, whatever happens
        close_sources(runtime, request, others)


def _close_source(runtime: Runtime, request: Request, iterator: Any, is_async: bool) -> None:  # noqa: FBT001
    if is_async and not isinstance(iterator, PortalProducer):
        iterator = PortalProducer(runtime.portal, iterator)
    try:
        close = getattr(iterator, "close", None)
        if close is not None:
            close()
    except BaseException as error:  # noqa: BLE001 - whatever it raises
        failure = close_failure(error)
        if failure is not None:
            log_failure(request, failure)
