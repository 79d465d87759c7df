"""The task that holds the lifespans of a process, from their start to their stop.

Law: it starts them, waits, and stops them, each once, so task groups and cancel scopes may span their yields. A task
group that a lifespan has open there cancels this task when one of its own fails. That is logged at once, and the wait
goes on: the lifespans stop when the worker does, each of them, and the failure is raised then.
"""

import asyncio
from typing import Any

import anyio

from hinge.diagnostics.logger import logger
from hinge.lifespan import LifespanStack


class LifespanTask:
    """What the task runs, on the event loop of the coroutines; a backend says in `decided` and `ended` who is told."""

    def __init__(self, stack: LifespanStack) -> None:
        self._stack = stack
        self.told = asyncio.Event()
        """Set when they shall stop; on the loop."""
        self.state: dict[str, Any] = {}
        """What they yielded."""
        self.failure: Exception | None = None
        """What the start or the stop raised."""

    def decided(self) -> None:
        """Take note that they have started, or failed to."""

    async def end_open(self) -> None:
        """End what must not outlive them."""

    def ended(self) -> None:
        """Take note that they have stopped; nothing follows a start that failed."""

    def is_ending(self) -> bool:
        """Tell whether a cancellation is the end of the event loop."""
        others = asyncio.all_tasks() - {asyncio.current_task()}
        return all(task.cancelling() for task in others)

    async def run(self) -> None:
        """Start them, wait until told, stop them."""
        try:
            await self._stack.start()
        except Exception as error:  # noqa: BLE001 - whatever a lifespan raises
            self.failure = error
            self.decided()
            return
        self.state = dict(self._stack.state)
        self.decided()
        is_gone = False
        try:
            await self._until_told()
        except GeneratorExit:  # the event loop is gone, and there is nothing that could be awaited
            is_gone = True
            raise
        finally:
            if not is_gone:
                await self._stop()

    async def _stop(self) -> None:
        # No cancel scope around the stop: one that a lifespan has open across its yield could not be left inside.
        try:
            with anyio.CancelScope(shield=True):
                await self.end_open()
            await self._stack.stop()
        except Exception as error:  # noqa: BLE001 - whatever a lifespan raises
            self.failure = error
        self.ended()

    async def _until_told(self) -> None:
        try:
            await self.told.wait()
        except asyncio.CancelledError:
            if self.is_ending():
                raise
            logger.error("a task in a lifespan's task group has failed, and its group has ended; the worker goes on")
            with anyio.CancelScope(shield=True):  # anyio would cancel each further await as well
                await self.told.wait()
