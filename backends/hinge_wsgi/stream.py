"""The body of a streaming response, pulled by the server chunk by chunk.

Law: the server's thread takes each step, in the request's context; a source of the other colour lives on the loop
thread. The source is closed once, whatever happens, and so is the one that a middleware replaced. What fails once the
status is out is logged and cuts the connection; what ends the worker ends event streams and cuts the others.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from contextvars import copy_context
from itertools import repeat
from typing import Any

from hinge.diagnostics.failures import FAILURES, failure_of, is_close
from hinge.error_responses import aborted, log_cut, log_failure
from hinge.request import Request
from hinge.responses.events import EventSourceResponse
from hinge.responses.frames import unframed
from hinge.responses.plain_source import PlainSource
from hinge.responses.sources import close_failure, encode_chunk
from hinge.responses.streaming import StreamAborted, StreamingResponse, unsent
from hinge_wsgi.after import run_after
from hinge_wsgi.portal import Cut
from hinge_wsgi.producer import PortalProducer, Silence
from hinge_wsgi.runtime import Runtime

_NO_CHUNKS: Iterator[bytes] = iter(())


class Stream(Iterable[bytes]):
    """What the server iterates and closes."""

    __slots__ = (
        "_chunks",
        "_closed",
        "_context",
        "_cut",
        "_over",
        "_replaced",
        "_request",
        "_runtime",
        "_source",
        "is_event_stream",
    )

    def __init__(self, runtime: Runtime, response: StreamingResponse, request: Request) -> None:
        self._runtime = runtime
        self._request = request
        self._context = copy_context()
        self.is_event_stream = isinstance(response, EventSourceResponse)
        source: Any = response.iterator
        self._replaced: Sequence[Source] = () if request._sources is None else unsent(request, source)
        if response.is_async and source.__class__ is not PortalProducer:
            behind: list[Any] = []
            if self._replaced:  # what it was made of is closed behind it in the same task
                behind = [other for other, is_async in reversed(self._replaced) if is_async]
                self._replaced = [other for other in self._replaced if not other[1]]
            source = PortalProducer(runtime.portal, source, *behind)
        self._source = source
        self._over = self._cut = self._closed = False
        # No frame of ours outside of the context, and one inside: each chunk pays for them.
        run: Any = self._context.run
        self._chunks: Iterator[bytes] = map(run, repeat(next), repeat(self._encoded(response)))
        runtime.register(self)
        if request._after:
            runtime.work.expect(request)

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    def _encoded(self, response: StreamingResponse) -> Iterator[bytes]:
        """Yield what is sent; while the head is held, an empty chunk before the first one, which exists by then."""
        items: Any = self._source
        as_it_is: type[bytes] | None = bytes
        encode: Callable[[Any], bytes] = encode_chunk
        if items.__class__ is PortalProducer:
            items = _awaited(items, response)
        elif items.__class__ is PlainSource:
            items = items.alone()
        elif (unencoded := unframed(items)) is not None:
            (items, encode), as_it_is = unencoded, None
        is_held = not response.eager_start
        try:
            for item in () if self._over else items:
                data = item if item.__class__ is as_it_is else encode(item)
                if data:  # an empty one would end a chunked body on some servers
                    if is_held:
                        is_held = False
                        yield b""
                    yield data
                if self._over:
                    break
        except FAILURES as error:  # whatever the source raises
            if is_held or is_close(error):
                raise
            raise aborted(self._request, failure_of(error)) from None
        finally:
            self._over = True
        if self._cut and not self.is_event_stream:
            if is_held:
                raise Cut
            log_cut(self._request)
            raise StreamAborted(Cut())

    def prefetch(self) -> None:
        """Take the first chunk before the status is sent.

        Raises what the source raised, after closing it.
        """
        try:
            next(self._chunks, None)
        except BaseException:
            self.drop()
            raise

    def skip(self) -> None:
        """Send nothing; the source is closed unread."""
        self._chunks = _NO_CHUNKS

    def finish(self) -> None:
        """End the stream early, from any thread."""
        self._cut = self._cut or not self._over
        self._over = True
        if isinstance(self._source, PortalProducer):
            self._source.finish()

    def drop(self) -> None:
        """Close the source; the request goes on with another response."""
        self._release()
        self._runtime.work.done(self._request)

    def _release(self) -> None:
        if not self._closed:
            self._closed = True
            self._chunks = _NO_CHUNKS  # which hold this object
            try:
                self._context.run(self._close_sources)
            finally:
                self._runtime.unregister(self)  # what stops the worker waits until the source is closed

    def close(self) -> None:
        """Close the source, whether it ended, failed or the client left; then run what waits for the response."""
        request = self._request
        if request._after:
            self._runtime.work.expect(request)
        self._release()
        if request._after:
            # Granian ends a chunked body only after close(): in this thread, the client would wait for it.
            self._runtime.in_background(self._context.run, self._end, request)
        else:
            self._runtime.work.done(request)

    def _end(self, request: Request) -> None:
        try:
            run_after(self._runtime, request)
        finally:
            self._runtime.work.done(request)

    def _close_sources(self) -> None:
        if self._replaced:
            close_sources(self._runtime, self._request, (*self._replaced, (self._source, False)))
        else:
            _close_source(self._runtime, self._request, self._source, is_async=False)


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


def close_sources(runtime: Runtime, request: Request, sources: Iterable[Source]) -> None:
    """Close sources, the last one first; a failure is logged: the response is out, and there is nobody to raise to."""
    with ExitStack() as stack:  # each of them, whatever happens
        for source in sources:
            stack.callback(_close_source, runtime, request, *source)


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
