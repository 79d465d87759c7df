"""The body of a streaming response, pulled by the server chunk by chunk.

Law: the server's thread takes each step, in the request's context; a source of the other colour lives on the loop
thread. The source is closed once, whatever happens, and so is the one that a middleware replaced. What fails once the
status is out is logged and cuts the connection; what ends the worker ends event streams and cuts the others.
"""

from collections.abc import Callable, Iterator
from contextvars import copy_context
from functools import partial
from typing import Any, cast

from hinge.errors import FAILURES
from hinge.events import EventSourceResponse
from hinge.problems import aborted, log_cut, log_failure
from hinge.request import Request
from hinge.streaming import StreamAborted, StreamingResponse, close_failure, encode_chunk
from hinge_wsgi.after import run_after
from hinge_wsgi.iterate import LoopIterator
from hinge_wsgi.portal import Cut
from hinge_wsgi.runtime import Runtime

_END: Any = object()

_next: Any = next  # pyright finds no overload of it for a partial


class Stream(Iterator[bytes]):
    """What the server iterates and closes."""

    def __init__(self, runtime: Runtime, response: StreamingResponse, request: Request | None) -> None:
        self._runtime = runtime
        self._request = request
        self._context = copy_context()
        self.is_event_stream = isinstance(response, EventSourceResponse)
        self._ping: float | None = None
        if isinstance(response, EventSourceResponse):
            self._ping, self._keep_alive = response.ping, response.keep_alive
        source: Any = response.iterator
        self._source = source
        self._replaced = replaced_source(request, source)
        self._loop_source: LoopIterator | None = None
        if isinstance(source, LoopIterator):
            self._loop_source = source
        elif response.is_async:
            behind, self._replaced = _colours(self._replaced)
            self._loop_source = LoopIterator(runtime.portal, source, behind)
        # No frame of ours between the server and a plain source.
        if self._loop_source is not None:
            self._step: Callable[[], Any] = self._step_on_loop
        else:
            self._step = partial(_next, source, _END)
        self._run = self._context.run
        self._first: bytes | None = None
        self._over = False
        self._cut = False
        self._closed = False
        runtime.register(self)
        if request is not None and request._after:
            runtime.work.expect(request)

    def __next__(self) -> bytes:
        chunk, self._first = self._first, None
        if chunk is None:
            try:
                chunk = self._next()
            except FAILURES as error:  # whatever the source raises
                self._over = True
                raise aborted(self._request, error) from None
        if chunk is not None:
            return chunk
        if self._cut and not self.is_event_stream:
            log_cut(self._request)
            raise StreamAborted(Cut())
        raise StopIteration

    def _next(self) -> bytes | None:
        """Return the next chunk, None after the last. An empty one would end a chunked body on some servers."""
        while not self._over:
            chunk: Any = self._run(self._step)
            if chunk is _END:
                break
            data = chunk if chunk.__class__ is bytes else encode_chunk(chunk)
            if data:
                return data
        self._over = True
        return None

    def _step_on_loop(self) -> Any:
        try:
            return cast("LoopIterator", self._loop_source).next(self._ping)
        except StopIteration:
            return _END
        except TimeoutError:
            # A comment now and then, so that a client that left is noticed although nothing happens.
            return self._keep_alive()

    def prefetch(self) -> None:
        """Take the first chunk before the status is sent.

        Raises what the source raised, after closing it.
        """
        try:
            self._first = self._next()
        except BaseException:
            self.drop()
            raise
        if self._first is None and self._cut and not self.is_event_stream:
            self.drop()
            raise Cut

    def skip(self) -> None:
        """Send nothing; the source is closed unread."""
        self._over = True

    def finish(self) -> None:
        """End the stream early, from any thread."""
        self._cut = self._cut or not self._over
        self._over = True
        if self._loop_source is not None:
            self._loop_source.finish()

    def drop(self) -> None:
        """Close the source; the request goes on with another response."""
        self._release()
        self._runtime.work.done(self._request)

    def _release(self) -> None:
        if not self._closed:
            self._closed = True
            self._runtime.unregister(self)
            self._context.run(self._close_sources)

    def close(self) -> None:
        """Close the source, whether it ended, failed or the client left; then run what waits for the response."""
        request = self._request
        if request is not None and request._after:
            self._runtime.work.expect(request)
        self._release()
        if request is not None and request._after:
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
        source = (self._source, False) if self._loop_source is None else (self._loop_source, False)
        close_source(self._runtime, self._request, source)
        close_source(self._runtime, self._request, self._replaced)


Source = tuple[Any, bool]
"""An iterator and whether it is async."""


def replaced_source(request: Request | None, used: Any) -> Source | None:
    """Return the source that the handler answered with and that is not the one sent."""
    if request is None or request._source is None:
        return None
    source, request._source = request._source, None
    return None if source[0] is used else source


def _colours(replaced: Source | None) -> tuple[Any, Source | None]:
    """Return an async replaced source alone, which the task of the one in front of it has to close."""
    if replaced is not None and replaced[1]:
        return replaced[0], None
    return None, replaced


def close_source(runtime: Runtime, request: Request | None, source: Source | None) -> None:
    """Close a source; a failure is logged: the response is out, and there is nobody to raise to."""
    if source is None:
        return
    iterator, is_async = source
    if is_async and not isinstance(iterator, LoopIterator):
        iterator = LoopIterator(runtime.portal, iterator)
    try:
        close = getattr(iterator, "close", None)
        if close is not None:
            close()
    except BaseException as error:  # noqa: BLE001 - whatever it raises
        failure = close_failure(error)
        if failure is not None:
            log_failure(request, failure)
