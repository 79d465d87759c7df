"""An async iterator on the loop thread, pulled chunk by chunk from a server's thread or by another coroutine.

Law: one task runs the whole iteration, its close included, and waits between chunks until the next one is asked for:
nothing is produced ahead, and a task group or a timeout may span the yields. Whoever pulls learns how it ended.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextvars import Context
from queue import Empty, SimpleQueue
from typing import Any

from hinge.context import StreamContext
from hinge.diagnostics.failures import stray
from hinge.responses.streaming import close_failure, encode_chunk
from hinge_wsgi.portal import Portal, Waiting, current, stopped

_NOTHING: Any = object()


class Silence(TimeoutError):  # noqa: N818 - an event; a bare TimeoutError is the source's own
    """No chunk came in time."""


class LoopIterator(AsyncIterator[Any]):
    """One iteration, from the first chunk asked for to the closed source.

    `behind` are the sources that middleware has wrapped in `source`; they are closed after it, in the same task.
    """

    is_event_stream = False
    closes_once = True

    def __init__(self, portal: Portal, source: AsyncIterator[Any], *behind: AsyncIterator[Any]) -> None:
        self._portal = portal
        self._source = source
        self._behind = behind
        self._mailbox: SimpleQueue[tuple[str, Any]] = SimpleQueue()
        self._context: StreamContext | None = StreamContext(leave=current)
        self._demand: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None
        self._first: Any = _NOTHING
        self._asked = False
        self._finishing = False
        self._cancelled = False
        self._running = False
        self._ended = False
        self._close_failure: BaseException | None = None
        # While a coroutine pulls: what wakes it, and who waits for it in turn.
        self._reader: asyncio.Future[tuple[str, Any]] | None = None
        self._behind_reader: Waiting | None = None

    @property
    def is_cut(self) -> bool:
        """Whether it was told to finish."""
        return self._finishing

    # -- in the server's thread ----------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Make the first chunk that is not empty; `next` returns it.

        Raises what the source raises, and TypeError for a chunk that is none.
        """
        try:
            while not encode_chunk(chunk := self.next()):
                pass
            self._first = chunk
        except StopIteration:
            return
        finally:
            self._show()

    def next(self, timeout: float | None = None) -> Any:
        """Return the next chunk.

        Raises:
            StopIteration: there is none.
            Silence: none came within `timeout` seconds; the next call goes on waiting for it.

        Also raises what the source raised, once it is closed.
        """
        if self._first is not _NOTHING:
            return self._take_first()
        if self._ended:
            raise StopIteration
        if not self._asked:
            self._portal.hand_over(self._begin, self)
            self._asked = True
        kind, value = self._take(timeout)
        self._asked = False
        if kind == "chunk":
            return value
        if kind == "end":
            self._end()
            raise StopIteration
        self._wait_for_end()
        try:
            raise value
        finally:
            del value  # its traceback holds this frame

    def close(self) -> None:
        """End the iteration and wait until the source is closed.

        Raises what the source's `aclose` raised.
        """
        if not self._ended:
            self._finishing = True
            try:
                self._portal.hand_over(self._cancel_once, self)
            except RuntimeError:  # the loop has ended, and closed what was open
                self._end()
            else:
                self._wait_for_end()
        self._raise_close_failure()

    def _take(self, timeout: float | None) -> tuple[str, Any]:
        while True:
            try:
                kind, value = self._mailbox.get(timeout=timeout)
            except Empty:
                raise Silence from None
            if kind != "work":
                return kind, value
            value()

    def _wait_for_end(self) -> None:
        while self._take(None)[0] != "end":
            pass
        self._end()

    def _take_first(self) -> Any:
        first, self._first = self._first, _NOTHING
        if self._context is not None:
            self._context.go_on()
        return first

    def _raise_close_failure(self) -> None:
        failure, self._close_failure = self._close_failure, None
        if failure is not None:
            raise failure

    def _show(self) -> None:
        if self._context is not None:
            self._context.show()

    def _end(self) -> None:
        self._ended = True
        self._portal.waiting.discard(self)
        context, self._context = self._context, None  # which holds this object
        if context is not None:
            context.end()

    # -- from any thread -----------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """End the iteration; the one that pulls sees the end."""
        self._finishing = True
        with contextlib.suppress(RuntimeError):  # the loop has ended, and closed what was open
            self._portal.loop.call_soon_threadsafe(self._cancel_once)

    def abandon(self) -> None:
        """End the iteration without the loop: it is gone."""
        self._portal.waiting.discard(self)
        self._mailbox.put(("end", None))

    # -- on the loop ---------------------------------------------------------------------------------------------------

    async def abegin(self) -> None:
        """Make the first chunk that is not empty, as `begin` does."""
        try:
            while not encode_chunk(chunk := await anext(self)):
                pass
            self._first = chunk
        except StopAsyncIteration:
            return
        finally:
            self._show()

    async def __anext__(self) -> Any:
        if self._first is not _NOTHING:
            return self._take_first()
        if self._ended:
            raise StopAsyncIteration
        self._begin()
        kind, value = await self._read()
        if kind == "chunk":
            return value
        await self._until_done()
        if kind == "end":
            raise StopAsyncIteration
        try:
            raise value
        finally:
            del value

    async def aclose(self) -> None:
        """End the iteration and wait until the source is closed; raises what its `aclose` raised."""
        if not self._ended:
            self._finishing = True
            self._cancel_once()
            await self._until_done()
        self._raise_close_failure()

    async def _read(self) -> tuple[str, Any]:
        self._behind_reader = current.get(None)
        try:
            while True:
                try:
                    kind, value = self._mailbox.get_nowait()
                except Empty:
                    self._reader = asyncio.get_running_loop().create_future()
                    return await self._reader
                if kind != "work":
                    return kind, value
                self.ask(value)
        finally:
            self._reader = self._behind_reader = None

    async def _until_done(self) -> None:
        self._behind_reader = current.get(None)
        try:
            if self._task is not None:
                await asyncio.wait((self._task,))
        finally:
            self._behind_reader = None
        self._end()

    def ask(self, work: Callable[[], None]) -> None:
        """Have the thread that waits for a chunk, or comes for the next one, run `work`."""
        if self._task is None or self._task.done():
            raise RuntimeError("the stream is over, and its thread does nothing for it any more")
        if self._behind_reader is not None:
            self._behind_reader.ask(work)
        else:
            self._mailbox.put(("work", work))

    is_streaming = True

    def raise_cut(self) -> None:
        """Do nothing: a stream that is cut is told with `finish`."""

    def _post(self, kind: str, value: Any = None) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result((kind, value))
        else:
            self._mailbox.put((kind, value))

    def _begin(self) -> None:
        if self._task is None:
            self._demand = asyncio.Event()
            self._start(self._produce(self._demand))
        if self._demand is not None:
            self._demand.set()

    def _cancel_once(self) -> None:
        if self._cancelled:
            return  # a source that is cleaning up is left in peace
        self._cancelled = True
        if self._task is None:
            self._start(self._close_source())  # it has not begun, and must still be closed
        elif self._running:
            self._task.cancel()  # before its first step it sees by itself that it has to finish

    def _start(self, coroutine: Any) -> None:
        if self._portal.stopping:
            coroutine.close()
            self._post("end")
            return
        context = Context() if self._context is None else self._context.context
        context.run(current.set, self)
        self._task = self._portal.loop.create_task(coroutine, context=context)
        # A task that was cancelled before its first step never reaches a `finally` of its own.
        self._task.add_done_callback(lambda task: self._post("end"))

    async def _produce(self, demand: asyncio.Event) -> None:
        self._running = True
        try:
            while not self._finishing:
                await demand.wait()
                demand.clear()
                try:
                    chunk = await anext(self._source)
                except StopAsyncIteration:
                    return
                self._post("chunk", chunk)
        except BaseException as error:  # noqa: BLE001 - raised in the thread that pulls
            self._failed(error)
        finally:
            if self._finishing:  # a CancelledError of the source's from here on is its own
                asyncio.current_task().uncancel()  # type: ignore[union-attr]
            await self._close_source()

    def _failed(self, error: BaseException) -> None:
        if not self._finishing:
            if isinstance(error, asyncio.CancelledError):
                error = stopped("a stream") if self._portal.stopping else stray(error)
            self._post("error", error)
        elif not isinstance(error, asyncio.CancelledError):
            self._close_failure = error

    async def _close_source(self) -> None:
        for source in (self._source, *self._behind):
            aclose = getattr(source, "aclose", None)
            if aclose is None:
                continue
            try:
                await aclose()
            except BaseException as error:  # noqa: BLE001 - raised by close()
                self._close_failure = close_failure(error)
