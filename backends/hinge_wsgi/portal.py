"""The process's one event-loop thread, and the bridge between it and the server's threads.

Law: a request's coroutine runs as one task from beginning to end, so cancel scopes and task groups may span its awaits. While
it runs, the request's own thread waits in a mailbox and does what the coroutine asks of it (`on_request_thread`): blocking
work stays where it belongs and never stops the loop. Context variables travel both ways.

The loop is asyncio's own, handed over with `call_soon_threadsafe` and a C-implemented queue: anyio's BlockingPortal costs 82 us
a call where this costs 67.
"""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from concurrent.futures import Future
from contextvars import Context, ContextVar, copy_context
from queue import Empty, SimpleQueue
from typing import Any, Protocol, TypeVar

from hinge.context import carry_back

T = TypeVar("T")


class _Mailbox(Protocol):
    """Where the request's thread waits, be it for a handler's result or for a stream's next chunk."""

    def ask(self, work: Callable[[], None]) -> None:
        """Have the waiting thread run `work`."""
        ...


_current: ContextVar[_Mailbox] = ContextVar("hinge_wsgi.mailbox")


class _Exchange:
    """One coroutine of one request, and the mailbox in which the request's thread waits."""

    __slots__ = ("context", "error", "mailbox", "result")

    def __init__(self) -> None:
        self.mailbox: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self.context: Context = copy_context()
        self.result: Any = None
        self.error: BaseException | None = None

    def ask(self, work: Callable[[], None]) -> None:
        self.mailbox.put(work)

    def begin(self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.context.run(_current.set, self)
        task = loop.create_task(coroutine, context=self.context)
        task.add_done_callback(self._finish)

    def _finish(self, task: asyncio.Task[Any]) -> None:
        if task.cancelled():
            self.error = RuntimeError("the event-loop thread was stopped while the request ran")
        else:
            self.error = task.exception()
            self.result = None if self.error else task.result()
        self.mailbox.put(None)

    def wait(self) -> Any:
        while (work := self.mailbox.get()) is not None:
            work()
        if self.error is not None:
            raise self.error
        return self.result


class Portal:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="hinge-loop", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            _cancel_all(self.loop)
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()

    @property
    def alive(self) -> bool:
        """Whether the loop's thread runs (it does not in a forked child)."""
        return self._thread.is_alive()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop and return its result; changes of context variables come back to this thread."""
        exchange = _Exchange()
        self.loop.call_soon_threadsafe(exchange.begin, self.loop, coroutine)
        try:
            result: T = exchange.wait()
            return result
        finally:
            carry_back(exchange.context, leave=_current)

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> "Future[T]":
        """Start a coroutine on the loop and do not wait for it."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    def stop(self) -> None:
        """End the loop and its thread; tasks still running are cancelled and awaited."""
        if self.alive and threading.current_thread() is not self._thread:
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join(timeout=10)


def _cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))


async def on_request_thread(work: Callable[[], T]) -> T:
    """Have the request's own thread do blocking work, in this coroutine's context, and return its result."""
    mailbox = _current.get()
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()
    context = copy_context()

    def run() -> None:
        try:
            result = context.run(work)
        except BaseException as error:  # noqa: BLE001 - it is raised where it is awaited
            loop.call_soon_threadsafe(_settle, done, None, error)
        else:
            loop.call_soon_threadsafe(_settle, done, result, None)

    mailbox.ask(run)
    try:
        return await done
    finally:
        carry_back(context, leave=_current)


def _settle(done: "asyncio.Future[Any]", result: Any, error: BaseException | None) -> None:
    if done.done():
        return
    if error is not None:
        done.set_exception(error)
    else:
        done.set_result(result)


class LoopIterator:
    """An async iterator, pulled chunk by chunk from a server's thread.

    One task runs the whole iteration and waits between chunks until the next one is asked for: nothing is produced ahead.
    """

    def __init__(self, portal: Portal, source: AsyncIterator[Any]) -> None:
        self._portal = portal
        self._source = source
        self._mailbox: SimpleQueue[tuple[str, Any]] = SimpleQueue()
        self._context = copy_context()
        self._context.run(_current.set, self)
        self._demand: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None
        self._asked = False
        self._ended = False

    def ask(self, work: Callable[[], None]) -> None:
        """Have the thread that waits for a chunk run `work`."""
        self._mailbox.put(("work", work))

    def _begin(self) -> None:
        if self._task is None:
            self._demand = asyncio.Event()
            self._task = self._portal.loop.create_task(self._produce(self._demand), context=self._context)
            # A task that was cancelled before its first step never reaches its own `finally`.
            self._task.add_done_callback(lambda task: self._mailbox.put(("end", None)))
        if self._demand is not None:
            self._demand.set()

    async def _produce(self, demand: asyncio.Event) -> None:
        source = self._source
        try:
            while True:
                await demand.wait()
                demand.clear()
                try:
                    chunk = await anext(source)
                except StopAsyncIteration:
                    return
                self._mailbox.put(("chunk", chunk))
        except Exception as error:  # noqa: BLE001 - raised in the thread that pulls
            self._mailbox.put(("error", error))
        finally:
            close = getattr(source, "aclose", None)
            if close is not None:
                await close()

    def next(self, timeout: float | None = None) -> Any:
        """Return the next chunk.

        Raises:
            StopIteration: there is none.
            TimeoutError: none came within `timeout` seconds; the next call goes on waiting for it.

        """
        if self._ended:
            raise StopIteration
        if not self._asked:
            self._asked = True
            self._portal.loop.call_soon_threadsafe(self._begin)
        kind, value = self._take(timeout)
        self._asked = False
        if kind == "chunk":
            return value
        self._ended = True
        if kind == "error":
            raise value
        raise StopIteration

    def _take(self, timeout: float | None) -> tuple[str, Any]:
        while True:
            try:
                kind, value = self._mailbox.get(timeout=timeout)
            except Empty:
                raise TimeoutError from None
            if kind != "work":
                return kind, value
            value()

    def finish(self) -> None:
        """End the iteration from any thread; the one that pulls sees the end."""
        with contextlib.suppress(RuntimeError):  # the loop is closed, and closed what was open
            self._portal.loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        if self._task is None:
            # Never started: it must still be closed, and a generator's own code has not run.
            self._task = self._portal.loop.create_task(self._close_unstarted(), context=self._context)
            self._task.add_done_callback(lambda task: self._mailbox.put(("end", None)))
        else:
            self._task.cancel()

    async def _close_unstarted(self) -> None:
        close: Callable[[], Awaitable[None]] | None = getattr(self._source, "aclose", None)
        if close is not None:
            await close()

    def close(self) -> None:
        """End the iteration and wait until the source is closed."""
        if self._ended:
            return
        self._ended = True
        if not self._portal.alive:
            return
        self.finish()
        while self._take(None)[0] != "end":
            pass
