"""An async iterator on the loop thread, pulled chunk by chunk from a server's thread.

Law: one task runs the whole iteration, its close included, and waits between chunks until the next one is asked for:
nothing is produced ahead, and a task group or a timeout may span the yields. Whoever pulls learns how it ended.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextvars import Context, copy_context
from queue import Empty, SimpleQueue
from typing import Any

from hinge.context import carry_back
from hinge_wsgi.portal import Portal, current


class LoopIterator:
    """One iteration, from the first chunk asked for to the closed source.

    `behind` is the source that a middleware has wrapped in `source`; it is closed after it, in the same task.
    """

    def __init__(self, portal: Portal, source: AsyncIterator[Any], behind: AsyncIterator[Any] | None = None) -> None:
        self._portal = portal
        self._source = source
        self._behind = behind
        self._mailbox: SimpleQueue[tuple[str, Any]] = SimpleQueue()
        self._context: Context | None = copy_context()
        self._demand: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None
        self._asked = False
        self._finishing = False
        self._cancelled = False
        self._ended = False
        self._close_failure: Exception | None = None

    # -- in the server's thread ----------------------------------------------------------------------------------------

    def next(self, timeout: float | None = None) -> Any:
        """Return the next chunk.

        Raises:
            StopIteration: there is none.
            TimeoutError: none came within `timeout` seconds; the next call goes on waiting for it.

        Also raises what the source raised, once it is closed.
        """
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
        failure, self._close_failure = self._close_failure, None
        if failure is not None:
            raise failure

    def _take(self, timeout: float | None) -> tuple[str, Any]:
        while True:
            try:
                kind, value = self._mailbox.get(timeout=timeout)
            except Empty:
                raise TimeoutError from None
            if kind != "work":
                return kind, value
            value()

    def _wait_for_end(self) -> None:
        while self._take(None)[0] != "end":
            pass
        self._end()

    def _end(self) -> None:
        self._ended = True
        self._portal.waiting.discard(self)
        context, self._context = self._context, None  # which holds this object
        if context is not None:
            carry_back(context, leave=current)

    # -- from any thread -----------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """End the iteration; the one that pulls sees the end. A second call insists."""
        self._finishing = True
        with contextlib.suppress(RuntimeError):  # the loop has ended, and closed what was open
            self._portal.loop.call_soon_threadsafe(self._cancel)

    def abandon(self) -> None:
        """End the iteration without the loop: it is gone."""
        self._mailbox.put(("end", None))

    # -- on the loop ---------------------------------------------------------------------------------------------------

    def ask(self, work: Callable[[], None]) -> None:
        """Have the thread that waits for a chunk, or comes for the next one, run `work`."""
        if self._task is None or self._task.done():
            raise RuntimeError("the stream is over, and its thread does nothing for it any more")
        self._mailbox.put(("work", work))

    def _begin(self) -> None:
        if self._task is None:
            self._demand = asyncio.Event()
            self._start(self._produce(self._demand))
        if self._demand is not None:
            self._demand.set()

    def _cancel_once(self) -> None:
        if not self._cancelled:  # a source that is cleaning up is left in peace
            self._cancel()

    def _cancel(self) -> None:
        self._cancelled = True
        if self._task is None:
            self._start(self._close_source())  # it has not begun, and must still be closed
        else:
            self._task.cancel()

    def _start(self, coroutine: Any) -> None:
        context = Context() if self._context is None else self._context  # an empty one is false
        context.run(current.set, self)
        self._task = self._portal.loop.create_task(coroutine, context=context)
        # A task that was cancelled before its first step never reaches a `finally` of its own.
        self._task.add_done_callback(lambda task: self._mailbox.put(("end", None)))

    async def _produce(self, demand: asyncio.Event) -> None:
        try:
            while not self._finishing:
                await demand.wait()
                demand.clear()
                try:
                    chunk = await anext(self._source)
                except StopAsyncIteration:
                    return
                self._mailbox.put(("chunk", chunk))
        except BaseException as error:  # noqa: BLE001 - raised in the thread that pulls
            self._failed(error)
        finally:
            await self._close_source()

    def _failed(self, error: BaseException) -> None:
        if not self._finishing:
            if isinstance(error, asyncio.CancelledError):
                why = "the event-loop thread was stopped" if self._portal.stopping else "it waited for was cancelled"
                error = RuntimeError(f"a stream ended early: {why}")
            self._mailbox.put(("error", error))
        elif isinstance(error, Exception):
            self._close_failure = error

    async def _close_source(self) -> None:
        for source in (self._source, self._behind):
            aclose = getattr(source, "aclose", None)
            if aclose is None:
                continue
            try:
                await aclose()
            except Exception as error:  # noqa: BLE001 - raised by close()
                self._close_failure = error
