"""An async source in a task of its own, pulled chunk by chunk by the request's.

Law: the task runs the whole iteration, its close included, and waits between chunks until the next one is asked for. So
a task group or a timeout across the source's yields neither opens inside one of a middleware's nor outlives it.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from hinge.context import StreamContext
from hinge.diagnostics.failures import stray
from hinge.responses.streaming import close_failure, encode_chunk

_NOTHING: Any = object()


class Producer(AsyncIterator[Any]):
    """One iteration, from the first chunk asked for to the closed source."""

    closes_once = True

    def __init__(self, source: AsyncIterator[Any]) -> None:
        self._source = source
        self._context = StreamContext()
        self._demand = asyncio.Event()
        self._made: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._first: Any = _NOTHING
        self._is_asked = False
        self._is_closing = False
        self._is_running = False
        self._is_over = False
        self._close_failure: BaseException | None = None

    async def begin(self) -> None:
        """Make the first chunk that is not empty.

        Raises what the source raises, and TypeError for a chunk that is none.
        """
        try:
            while not encode_chunk(chunk := await anext(self)):
                pass
            self._first = chunk
        except StopAsyncIteration:
            return
        finally:
            self._context.show()

    async def __anext__(self) -> Any:
        if self._first is not _NOTHING:
            first, self._first = self._first, _NOTHING
            self._context.go_on()
            return first
        if self._is_over:
            raise StopAsyncIteration
        if not self._is_asked:
            self._is_asked = True
            self._ask()
        kind, value = await self._made.get()
        self._is_asked = False
        if kind == "chunk":
            return value
        await self._until_done()
        if kind == "end":
            raise StopAsyncIteration
        try:
            raise value
        finally:
            del value  # its traceback holds this frame

    def _ask(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._produce(), context=self._context.context)
            # A task that was cancelled before its first step never reaches a `finally` of its own.
            self._task.add_done_callback(lambda task: self._made.put_nowait(("end", None)))
        self._demand.set()

    async def aclose(self) -> None:
        """End the iteration and wait until the source is closed; raises what its `aclose` raised."""
        if not self._is_over:
            self._is_closing = True
            if self._task is None:
                self._task = asyncio.create_task(self._close_source(), context=self._context.context)
            elif self._is_running:
                self._task.cancel()  # before its first step it sees by itself that it has to finish
            await self._until_done()
        failure, self._close_failure = self._close_failure, None
        if failure is not None:
            raise failure

    async def _until_done(self) -> None:
        if self._task is not None:
            await asyncio.wait((self._task,))
        self._is_over = True
        self._context.end()

    # -- in the task ---------------------------------------------------------------------------------------------------

    async def _produce(self) -> None:
        self._is_running = True
        try:
            while not self._is_closing:
                await self._demand.wait()
                self._demand.clear()
                chunk = await anext(self._source, _NOTHING)
                if chunk is _NOTHING:
                    return
                self._made.put_nowait(("chunk", chunk))
        except BaseException as error:  # noqa: BLE001 - raised where the next chunk is asked for
            self._failed(error)
        finally:
            if self._is_closing:  # a CancelledError of the source's from here on is its own
                asyncio.current_task().uncancel()  # type: ignore[union-attr]
            await self._close_source()

    def _failed(self, error: BaseException) -> None:
        if not self._is_closing:
            failure = stray(error) if isinstance(error, asyncio.CancelledError) else error
            self._made.put_nowait(("error", failure))
        elif not isinstance(error, asyncio.CancelledError):
            self._close_failure = error

    async def _close_source(self) -> None:
        aclose = getattr(self._source, "aclose", None)
        if aclose is None:
            return
        try:
            await aclose()
        except BaseException as error:  # noqa: BLE001 - raised by aclose()
            self._close_failure = close_failure(error)
