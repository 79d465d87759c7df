"""An async source in a task of its own, pulled chunk by chunk by another task or from a thread.

Law: the task runs the whole iteration, its close included, and waits between chunks until the next one is asked for:
nothing is produced ahead, and a task group or a timeout may span the yields. Whoever pulls learns how it ended; who can
do its work with the chunks in that task (`within`) spares the way to another one. The event loop is the backend's, and
none is imported here.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextvars import ContextVar
from queue import SimpleQueue
from typing import Any, cast

from hinge.context import StreamContext
from hinge.diagnostics.failures import is_cancellation, stray
from hinge.responses.sources import close_failure, encode_chunk

NOTHING: Any = object()
"""What `Producer._first` is while no chunk has been made before it was asked for."""


class Producer(AsyncIterator[Any]):
    """One iteration on an asyncio event loop, from the first chunk asked for to the closed source.

    `behind` are the sources that middleware has wrapped in `source`; they are closed after it, in the same task. The
    context variable `leave` is not carried between the request and the task.
    """

    closes_once = True

    def __init__(
        self, loop: Any, source: AsyncIterator[Any], *behind: AsyncIterator[Any], leave: ContextVar[Any] | None = None
    ) -> None:
        self._loop = loop
        self._sources: tuple[AsyncIterator[Any], ...] = (source, *behind)
        self._context: StreamContext | None = StreamContext(leave=leave)
        self._news: SimpleQueue[tuple[str, Any]] = SimpleQueue()
        self._reader: Any = None  # the future of a coroutine that waits for news
        self._demand: Any = None  # the future of the task while nobody asks
        self._is_wanted = False
        self._task: Any = None
        self._first: Any = NOTHING
        self._work: Callable[[list[Any]], Awaitable[None]] | None = None
        self._is_asked = self._is_closing = self._is_cancelled = self._is_running = self._is_told = self._is_over = (
            False
        )
        self._failure: BaseException | None = None
        self._close_failure: BaseException | None = None

    # -- who pulls, on the loop ----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Have the first chunk made, for which nobody waits yet."""
        self._is_asked = True
        self._ask()

    async def abegin(self) -> None:
        """Make the first chunk that is not empty; the next step returns it.

        Raises what the source raises, and TypeError for a chunk that is none.
        """
        try:
            while not encode_chunk(chunk := await anext(self)):
                pass
            self._first = chunk
        except StopAsyncIteration:
            return
        finally:
            self._show()

    async def __anext__(self) -> Any:
        if self._first is not NOTHING:
            return self._take_first()
        if self._is_over:
            raise StopAsyncIteration if self._failure is None else self._taken_failure()
        if not self._is_asked:
            self.start()
        kind, value = await self._read()
        self._is_asked = False
        if kind == "chunk":
            return value
        self._end()
        if self._failure is not None:
            raise self._taken_failure()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """End the iteration and wait until the source is closed; raises what its `aclose` raised."""
        if not self._is_over:
            self._is_closing = True
            self._cancel_once()
            await self._until_over()
        self._raise_close_failure()

    @property
    def has_begun(self) -> bool:
        """Whether the first chunk is made, and none was asked for since."""
        return self._first is not NOTHING and not self._is_over

    async def within(self, work: Callable[[list[Any]], Awaitable[None]]) -> bool:
        """Have the task do all that is left; return whether it could: it may end before, and then tells how it ended.

        `work` gets the chunks that are made, and takes the others from `source`. A cancellation is handed on to the
        task. Raises what `work` raises.
        """
        first, self._work = self._take_first(), work
        self._first = first
        self._ask()
        cancelled: BaseException | None = None
        while not self._is_over:
            try:
                await self._until_over()
            except BaseException as error:
                if not is_cancellation(error):
                    raise
                cancelled, self._is_closing = error, True
                self._task.cancel()
        is_undone = self._work is not None
        self._work = None
        if is_undone and cancelled is not None:
            raise cancelled
        if is_undone:
            return False
        if self._failure is not None:
            raise self._taken_failure()
        return True

    async def _read(self) -> tuple[str, Any]:
        while self._news.empty():
            self._reader = self._loop.create_future()
            await self._reader
        return self._news.get_nowait()

    async def _until_over(self) -> None:
        while (await self._read())[0] != "end":
            pass
        self._end()

    def _take_first(self) -> Any:
        first, self._first = self._first, NOTHING
        if self._context is not None:
            self._context.go_on()
        return first

    def _show(self) -> None:
        if self._context is not None:
            self._context.show()

    def _end(self) -> None:
        self._is_over = True
        context, self._context = self._context, None  # which may hold this object
        if context is not None:
            context.end()

    def _taken_failure(self) -> BaseException:
        """Return what the source raised, and hold it no more: its traceback holds this object."""
        failure, self._failure = self._failure, None
        return cast("BaseException", failure)

    def _raise_close_failure(self) -> None:
        failure, self._close_failure = self._close_failure, None
        if failure is not None:
            raise failure

    # -- on the loop ---------------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        if self._task is None:
            self._start(self._produce())
        self._is_wanted = True
        if self._demand is not None and not self._demand.done():
            self._demand.set_result(None)

    def _cancel_once(self) -> None:
        if self._is_cancelled:
            return  # a source that is cleaning up is left in peace
        self._is_cancelled = True
        if self._task is None:
            self._start(self._close_sources())  # it has not begun, and must still be closed
        elif self._is_running:
            self._task.cancel()  # before its first step it sees by itself that it has to finish

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        context = None if self._context is None else self._context.context
        self._task = self._loop.create_task(coroutine, context=context)
        # A task that was cancelled before its first step never reaches a `finally` of its own.
        self._task.add_done_callback(self._ended)

    def _ended(self, task: Any = None) -> None:
        if not self._is_told:
            self._is_told = True
            self._post("end")

    def _post(self, kind: str, value: Any = None) -> None:
        self._news.put((kind, value))
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def _produce(self) -> None:
        self._is_running = True
        source = self._sources[0]
        try:
            while not self._is_closing:
                chunk = NOTHING
                while not self._is_wanted:
                    self._demand = self._loop.create_future()
                    try:
                        await self._demand
                    except BaseException as error:
                        if chunk is not NOTHING:
                            raise
                        chunk = await self.thrown(error)
                self._is_wanted = False
                if self._work is not None:
                    await self._do([self._first] if chunk is NOTHING else [self._first, chunk])
                    return
                self._post("chunk", await anext(source) if chunk is NOTHING else chunk)
        except StopAsyncIteration:
            return
        except BaseException as error:  # noqa: BLE001 - raised where the next chunk is asked for, once all is closed
            self._failed(error)
        finally:
            if self._is_closing:  # a CancelledError of the source's from here on is its own
                self._task.uncancel()
            await self._close_sources()
            self._ended()  # which is a turn of the loop before it is done

    async def _do(self, made: list[Any]) -> None:
        work, self._work, self._first = self._work, None, NOTHING
        try:
            if work is not None:
                await work(made)
        except BaseException as error:  # noqa: BLE001 - raised by `within`
            self._failure = error

    # -- in the task ---------------------------------------------------------------------------------------------------

    @property
    def source(self) -> AsyncIterator[Any]:
        """What makes the chunks."""
        return self._sources[0]

    @property
    def is_closing(self) -> bool:
        """Whether the iteration was told to end."""
        return self._is_closing

    async def close_within(self) -> None:
        """Close the source; raises what its `aclose` raised."""
        await self._close_sources()
        self._raise_close_failure()

    async def thrown(self, error: BaseException) -> Any:
        """Return the chunk that the source makes of a cancellation while it is suspended at a yield.

        Such a one comes from a timeout or a task group that spans the yield. Raises anything else, and what the source
        raises.
        """
        source: Any = self._sources[0]
        its_own = is_cancellation(error) and not self._is_closing
        if not its_own or not hasattr(source, "athrow"):
            raise error
        return await source.athrow(error)

    def _failed(self, error: BaseException) -> None:
        if not self._is_closing:
            self._failure = self._cancellation(error) if is_cancellation(error) else error
        elif not is_cancellation(error):
            self._close_failure = error

    def _cancellation(self, error: BaseException) -> Exception:
        """Return the failure that a cancellation is which nobody has asked for here."""
        return stray(error)

    async def _close_sources(self) -> None:
        sources, self._sources = self._sources, ()
        for source in sources:
            aclose = getattr(source, "aclose", None)
            if aclose is None:
                continue
            try:
                await aclose()
            except BaseException as error:  # noqa: BLE001 - raised by the one who closes
                self._close_failure = close_failure(error)
