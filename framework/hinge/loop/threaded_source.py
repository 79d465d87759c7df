"""A plain source on an event loop: each step in a worker thread, but those of a file that wait for nothing.

Law: a stream that has begun never waits behind the first steps of others, which may wait for what it holds. Nobody
waits in a thread for a step: it is closed by the thread that is in it, and what is to be closed is closed even if
whoever asked for it is cancelled.
"""

import asyncio
import contextlib
from collections import deque
from contextvars import Context
from typing import Any

from hinge.diagnostics.failures import UNAWAITABLE, stray
from hinge.loop.runtime import Runtime, step_threads
from hinge.loop.watch import Ended, Watch
from hinge.request import Request
from hinge.responses.chunks import KnownSource
from hinge.responses.plain_source import END, PlainSource
from hinge.responses.sources import encode_chunk

AHEAD = 65536
"""Bytes that a source which runs ahead makes before those before them are sent."""


class ThreadedSource:
    """The chunks of a plain source, made in worker threads and asked for one by one."""

    __slots__ = ("_lane", "_later", "_loop", "_runtime", "_source", "_watch")

    def __init__(self, runtime: Runtime, watch: Watch, source: Any, request: Request) -> None:
        self._runtime = runtime
        self._watch = watch
        self._source: PlainSource = source if isinstance(source, PlainSource) else PlainSource(source)
        self._loop = asyncio.get_running_loop()
        first, self._later = step_threads(request._endpoint)
        self._lane = runtime.lane(self._later if self._source.is_begun else first)

    async def begin(self) -> None:
        """Make the first chunk that is not empty; raises as `PlainSource.prepare`."""
        try:
            if self._source.is_ready():
                self._source.prepare()
                self._lane = self._runtime.lane(self._later)
            else:
                await self._lane.run(self._loop, Context(), self._unless_over, (self._source.prepare,))
        finally:
            self._source.context.show()

    def __aiter__(self) -> "ThreadedSource":
        return self

    async def __anext__(self) -> Any:
        source, watch = self._source, self._watch
        if source.has_first:
            return source.first()
        watch.is_open = False  # a thread cannot be interrupted
        try:
            if source.is_ready():
                item = source.step()
                self._lane = self._runtime.lane(self._later)
            elif source.is_begun:
                item = await self._lane.run(self._loop, Context(), source.step, ())
            else:
                item = await self._lane.run(self._loop, Context(), self._unless_over, (source.step,))
                self._lane = self._runtime.lane(self._later)
        finally:
            watch.is_open = True
        if watch.is_over:
            raise Ended
        if item is END:
            raise StopAsyncIteration
        return item

    def _unless_over(self, step: Any) -> Any:
        """Make a first step, unless its client has left while it waited for a thread."""
        return END if self._watch.is_over else step()

    async def aclose(self) -> None:
        """Close the source; raises what its `close` raises."""
        await close_plain(self._runtime, self._source)


class AheadSource(ThreadedSource):
    """The same where a thread goes on making chunks, AHEAD bytes of them, while those before are sent.

    What is made is taken in one. The thread is given back when so much waits, until that was taken.
    """

    __slots__ = ("_failure", "_is_over", "_is_running", "_is_wanted", "_made", "_wanted")

    def __init__(self, runtime: Runtime, watch: Watch, source: Any, request: Request) -> None:
        super().__init__(runtime, watch, source, request)
        self._lane = runtime.lane(self._later)
        self._made: deque[bytes] = deque()
        self._wanted: asyncio.Future[None] | None = None
        self._is_wanted = self._is_running = self._is_over = False
        self._failure: BaseException | None = None

    async def __anext__(self) -> Any:
        source = self._source
        if source.has_first:
            return source.first()
        if source.is_ready() and not self._is_running:
            return source.step()
        while not self._made:
            if self._failure is not None:
                failure, self._failure = self._failure, None
                raise failure
            if self._is_over:
                raise StopAsyncIteration
            if self._watch.is_over:  # the thread has stopped for that
                raise Ended
            await self._more()
        if self._watch.is_over:
            raise Ended
        return b"".join([self._made.popleft() for _ in range(len(self._made))])

    async def _more(self) -> None:
        self._wanted = self._loop.create_future()
        self._is_wanted = True
        if not self._is_running:
            self._is_running = True
            self._lane.run(self._loop, Context(), self._make, ()).add_done_callback(self._paused)
        if self._made:  # meanwhile
            return
        self._watch.is_open = False  # a thread cannot be interrupted
        try:
            await self._wanted
        finally:
            self._watch.is_open = True

    def _make(self) -> bool:
        """Make chunks in a thread; tell whether that was the last one."""
        size, step = 0, self._source.step
        while size < AHEAD and not self._watch.is_over:
            item = step()
            if item is END:
                return True
            if chunk := encode_chunk(item):
                size += len(chunk)
                self._made.append(chunk)
                if self._is_wanted:
                    self._is_wanted = False
                    self._loop.call_soon_threadsafe(self._tell)
        return False

    def _paused(self, making: "asyncio.Future[bool]") -> None:
        self._is_running = False
        if making.cancelled():
            self._is_over = True
        elif (failure := making.exception()) is not None:
            self._failure = failure
        else:
            self._is_over = making.result()
        self._tell()

    def _tell(self) -> None:
        if self._wanted is not None and not self._wanted.done():
            self._wanted.set_result(None)


def threaded(runtime: Runtime, watch: Watch, source: Any, request: Request) -> ThreadedSource:
    """Return a plain source as an async one."""
    kind = AheadSource if isinstance(source, PlainSource | KnownSource) and source.runs_ahead else ThreadedSource
    return kind(runtime, watch, source, request)


async def close_plain(runtime: Runtime, source: Any) -> None:
    """Close a plain source in a thread, behind the step that it is in; raises what its `close` raises."""
    begun = source if isinstance(source, PlainSource) else PlainSource(source)
    if begun.is_at_rest:
        begun.close()
        return
    loop = asyncio.get_running_loop()
    closed: asyncio.Future[None] = loop.create_future()

    def tell(failure: BaseException | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits
            loop.call_soon_threadsafe(_settle, closed, failure)

    close = begun.ending(tell)
    if close is not None:
        runtime.lane("teardown").run(loop, Context(), close, ())  # not awaited: it would be dropped with whoever waits
    try:
        await closed
    finally:
        begun.context.end()


def _settle(closed: "asyncio.Future[None]", failure: BaseException | None) -> None:
    if closed.done():
        return
    if failure is None:
        closed.set_result(None)
    else:
        closed.set_exception(stray(failure) if isinstance(failure, UNAWAITABLE) else failure)
