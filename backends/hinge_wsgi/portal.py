"""The process's one event-loop thread, and the bridge between it and the server's threads.

Law: a request's coroutine runs as one task from beginning to end, so cancel scopes and task groups may span its awaits.
While it runs, the request's own thread waits in a mailbox and does what the coroutine asks of it (`on_request_thread`):
blocking work stays where it belongs and never stops the loop. Context variables travel both ways. Whoever waits is
answered: the loop ends nothing silently, and nothing that one coroutine raises ends the loop.

The loop is asyncio's own, handed over with `call_soon_threadsafe` and a C-implemented queue: anyio's BlockingPortal
costs 82 us a call where this costs 67.
"""

import asyncio
import contextlib
import sys
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextvars import Context, copy_context
from queue import SimpleQueue
from typing import Any, TypeVar

from hinge.backend.exits import run_to_end
from hinge.context import carry_back
from hinge.dependencies.sparing import is_spared
from hinge.diagnostics.failures import stray
from hinge_wsgi.waiting import STOP_SECONDS, Cut, Waiting, current, stopped

T = TypeVar("T")


class PortalCall:
    """One coroutine of one request, and the mailbox in which the request's thread waits."""

    __slots__ = (
        "_is_cut",
        "_mailbox",
        "_over",
        "_portal",
        "_task",
        "context",
        "coroutine",
        "error",
        "is_streaming",
        "result",
    )

    def __init__(self, portal: "Portal", coroutine: Coroutine[Any, Any, Any]) -> None:
        self._portal = portal
        self._mailbox: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._over = False
        self._is_cut = False
        self.is_streaming = False
        """Whether it waits for a stream, which is ended by itself."""
        self._task: asyncio.Task[Any] | None = None
        self.coroutine: Coroutine[Any, Any, Any] | None = coroutine
        self.context: Context | None = copy_context()
        self.result: Any = None
        self.error: BaseException | None = None

    def ask(self, work: Callable[[], None]) -> None:
        """Have the request's thread run `work`."""
        if self._over:
            raise RuntimeError("the request is over, and its thread does nothing for it any more")
        self._mailbox.put(work)

    def begin(self) -> None:
        """Start the coroutine's task; on the loop."""
        coroutine, self.coroutine = self.coroutine, None
        if coroutine is None or self.context is None:
            return
        if self._portal.stopping:
            coroutine.close()
            self.abandon()
            return
        self.context.run(current.set, self)
        self._task = self._portal.loop.create_task(coroutine, context=self.context)
        self._task.add_done_callback(self._finish)

    def cut(self) -> None:
        """Cancel the coroutine, because the worker stops; once, so that it may clean up in peace."""
        if self._is_cut or self.is_streaming or self._task is None:
            return
        if not is_spared(self._task):
            self._is_cut = True
            self._task.cancel()

    def raise_cut(self) -> None:
        """Raise Cut if that is why the coroutine is cancelled; it is not any more then."""
        if self._is_cut and self._task is not None and self._task.cancelling() == 1:
            self._task.uncancel()
            raise Cut

    def _finish(self, task: asyncio.Task[Any]) -> None:
        self._portal.waiting.discard(self)
        try:
            self.error = task.exception()
            if self.error is None:  # an exception may be false
                self.result = task.result()
        except asyncio.CancelledError as error:
            self.error = Cut() if self._is_cut else stopped("the request") if self._portal.stopping else stray(error)
        finally:  # whatever happens, a thread waits
            self._end()

    def abandon(self) -> None:
        """End without the loop: it is gone."""
        self._portal.waiting.discard(self)
        if self.coroutine is not None:
            self.coroutine.close()
        self.error = stopped("the request") if self.error is None else self.error
        self._end()

    def _end(self) -> None:
        self._over = True
        self._task = None  # which holds the context, and that holds this object
        self._mailbox.put(None)

    def wait(self) -> Any:
        """Do what is asked for until the coroutine has ended, and return its result; in the request's thread."""
        while (work := self._mailbox.get()) is not None:
            work()
        if self.error is None:
            return self.result
        try:
            raise self.error
        finally:
            self.error = None  # its traceback holds this object


class Portal:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        _refuse_late_patches()
        self.loop = asyncio.new_event_loop()
        self.waiting: set[Waiting] = set()
        self.stopping = False
        self._seconds = STOP_SECONDS
        # anyio keeps its worker threads for as long as the task runs that the loop was started with.
        self._root = self.loop.create_task(self._serve_until_stopped())
        self._thread = threading.Thread(target=self._serve, name="hinge-loop", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            run_to_end(self.loop.run_until_complete, self._root)
        finally:
            self.loop.close()
            for one in tuple(self.waiting):  # handed over too late to be begun
                one.abandon()

    async def _serve_until_stopped(self) -> None:
        self._stop = asyncio.Event()
        await self._stop.wait()
        self.stopping = True  # from here on nothing begins
        await _cancel_all(self._seconds)
        loop = asyncio.get_running_loop()
        await loop.shutdown_asyncgens()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._seconds):
                await loop.shutdown_default_executor()

    _stop: asyncio.Event

    @property
    def alive(self) -> bool:
        """Whether the loop's thread runs (it does not in a forked child)."""
        return self._thread.is_alive()

    def hand_over(self, callback: Callable[[], None], who: Waiting) -> None:
        """Call `callback` on the loop; `who` is told if the loop ends instead.

        Raises:
            RuntimeError: the loop has ended.
        """
        self.waiting.add(who)
        try:
            self.loop.call_soon_threadsafe(callback)
        except RuntimeError:
            self.waiting.discard(who)
            raise

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop and return its result; changes of context variables come back to this thread."""
        exchange = PortalCall(self, coroutine)
        try:
            self.hand_over(exchange.begin, exchange)
        except RuntimeError:
            coroutine.close()
            raise
        try:
            result: T = exchange.wait()
            return result
        finally:
            context, exchange.context = exchange.context, None  # which holds the exchange
            if context is not None:
                carry_back(context, leave=current)

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> "Future[T]":
        """Start a coroutine on the loop and do not wait for it."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    def cut(self) -> None:
        """Cancel what requests run on the loop, because the worker stops; from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended, and said so
            self.loop.call_soon_threadsafe(self._cut_all)

    def _cut_all(self) -> None:
        for one in tuple(self.waiting):
            if isinstance(one, PortalCall):
                one.cut()

    def request_stop(self) -> None:
        """Have the loop end, and do not wait for it."""
        with contextlib.suppress(RuntimeError):  # it is closed already
            self.loop.call_soon_threadsafe(self._begin_stop)

    def _begin_stop(self) -> None:
        self._stop.set()

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """End the loop and its thread; tasks still running are cancelled and awaited, for so many seconds at most."""
        self._seconds = seconds
        if self.alive and threading.current_thread() is not self._thread:
            self.request_stop()
            self._thread.join(timeout=3 * seconds)


def _refuse_late_patches() -> None:
    """Raise RuntimeError where gevent has made greenlets of threads, but not of the queue that they wait in.

    Whoever waits would stop the loop that is waited for.
    """
    monkey: Any = sys.modules.get("gevent.monkey")
    if monkey is not None and SimpleQueue.__module__ == "_queue" and monkey.is_module_patched("threading"):
        raise RuntimeError(
            "gevent has patched threads after Hinge was imported (gunicorn does with --preload): who waits for a "
            "coroutine would wait for ever. Fix: from gevent import monkey; monkey.patch_all() as the first lines of "
            "gunicorn.conf.py, or no --preload"
        )


async def _cancel_all(seconds: float) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while (tasks := asyncio.all_tasks() - {asyncio.current_task()}) and loop.time() < end:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=end - loop.time())
