"""What a worker process holds: the running lifespans, the threads' limits, and what to end when it stops.

Law: everything open registers here and is ended by `drain` or at shutdown, WebSockets and event streams first. Handlers, stream
steps and teardown have a thread limiter each: a teardown that waited for the same threads as handlers would deadlock.
"""

import asyncio
import atexit
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, Protocol, TypeVar

import anyio
import anyio.to_thread

from hinge.blueprint import Blueprint
from hinge.context import carry_back
from hinge.problems import logger

T = TypeVar("T")

SHUTDOWN_SECONDS = 5.0
"""How long shutdown waits for WebSocket handlers and streams that were told to end."""


class OpenTask(Protocol):
    """A WebSocket or a stream that a drain can end."""

    ends_at_once: bool

    def finish(self) -> None:
        """End it; called on the event loop."""
        ...


class Runtime:
    """One compiled application's life in one process."""

    def __init__(self, blueprint: Blueprint) -> None:
        self._blueprint = blueprint
        config = blueprint.config
        self._limits = {
            "handlers": (config.sync_threads, "sync_threads"),
            "streams": (config.stream_threads, "stream_threads"),
            "teardown": (config.sync_threads, "sync_threads"),
        }
        self._limiters: dict[str, anyio.CapacityLimiter] = {}
        self.has_lifespan = bool(blueprint.lifespans)
        self.ready = not self.has_lifespan
        self.state: dict[str, Any] = {}
        self.open: set[OpenTask] = set()
        self.draining = False
        self.failure: Exception | None = None
        """What a lifespan raised: the protocol carries its text only."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lazy: _LazyLifespan | None = None

    # -- threads -------------------------------------------------------------------------------------------------------

    async def in_thread(self, purpose: str, work: Callable[..., T], *args: Any) -> T:
        """Run blocking work in a worker thread; context variables travel there and back."""
        limiter = self._limiters.get(purpose)
        if limiter is None:
            limiter = self._limiters[purpose] = anyio.CapacityLimiter(self._limits[purpose][0])
        context = copy_context()
        try:
            return await anyio.to_thread.run_sync(context.run, work, *args, limiter=limiter)
        finally:
            carry_back(context)

    # -- lifespan ------------------------------------------------------------------------------------------------------

    def started(self, state: dict[str, Any]) -> None:
        """Take over what the lifespans yielded."""
        self.state = dict(state)
        self.ready = True

    async def start_lazily(self) -> bool:
        """Start the lifespans under a server without the lifespan protocol; False if that fails, now or before."""
        if self._lazy is None:
            self._lazy = _LazyLifespan(self, self._blueprint)
        return await self._lazy.started()

    # -- what is open --------------------------------------------------------------------------------------------------

    def register(self, task: OpenTask) -> None:
        """Note something open; a worker that is stopping ends it at once."""
        self.open.add(task)
        if self._loop is None:
            self._loop = _running_loop()
        if self.draining and task.ends_at_once:
            task.finish()

    def drain(self, seconds: float) -> None:
        """End WebSockets and event streams now and other streams after `seconds`; safe in a signal handler."""
        self.draining = True
        loop = self._loop
        if loop is None or loop.is_closed():
            return
        loop.call_soon_threadsafe(self._finish, True)
        loop.call_soon_threadsafe(loop.call_later, seconds, self._finish, False)

    def _finish(self, only_those_that_end_at_once: bool) -> None:  # noqa: FBT001 - call_soon takes positionals
        for task in tuple(self.open):
            if task.ends_at_once or not only_those_that_end_at_once:
                task.finish()

    async def end_open(self) -> None:
        """End everything open and wait for it, for at most SHUTDOWN_SECONDS."""
        self.draining = True
        self._finish(False)
        with anyio.move_on_after(SHUTDOWN_SECONDS):
            while self.open:
                await anyio.sleep(0.01)
        if self.open:
            logger.warning("%d WebSocket handlers or streams did not end within %gs", len(self.open), SHUTDOWN_SECONDS)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:  # another event loop than asyncio
        return None


class _LazyLifespan:
    """The lifespans of a process whose server has no lifespan protocol, held by one task."""

    def __init__(self, runtime: Runtime, blueprint: Blueprint) -> None:
        self._runtime = runtime
        self._stack = blueprint.lifespan()
        self._decided = anyio.Event()
        self._stop = anyio.Event()
        self._failed = False
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._hold())
        atexit.register(self._at_exit)

    async def started(self) -> bool:
        await self._decided.wait()
        return not self._failed

    async def _hold(self) -> None:
        try:
            await self._stack.start()
        except Exception as error:  # noqa: BLE001 - whatever a lifespan raises
            self._failed = True
            logger.critical("a lifespan failed to start; every request is refused", exc_info=error)
            return
        finally:
            self._decided.set()
        self._runtime.started(self._stack.state)
        try:
            await self._stop.wait()
        finally:
            # No cancel scope here: one that a lifespan has open across its yield could not be left inside of it.
            try:
                await self._stack.stop()
            except Exception as error:  # noqa: BLE001 - whatever a lifespan raises
                logger.error("a lifespan failed while it was stopped", exc_info=error)

    def _at_exit(self) -> None:
        # The server's loop has stopped by now; if it is still usable, the same task ends what it began.
        if self._task.done() or self._loop.is_closed() or self._loop.is_running():
            return
        self._stop.set()
        self._loop.run_until_complete(self._task)
