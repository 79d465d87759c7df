"""A task whose first step is made at once.

Law: it is the step of that task and of no other: what asks for the current task, as cancel scopes do, finds the one
that goes on. From Python 3.12 on asyncio has such tasks itself.
"""

import asyncio
import sys
import types
from collections.abc import Coroutine, Generator
from contextvars import Context
from typing import Any


def started(coroutine: Coroutine[Any, Any, None], context: Context) -> "asyncio.Task[None]":
    """Return the task of a coroutine in a context, as far as it comes without waiting; called on the event loop."""
    loop = asyncio.get_running_loop()
    if sys.version_info >= (3, 12):
        return asyncio.Task(coroutine, loop=loop, context=context, eager_start=True)
    first = _First(coroutine)
    task = loop.create_task(first.go_on(), context=context)
    around: Any = asyncio.current_task()
    asyncio._leave_task(loop, around)
    asyncio._enter_task(loop, task)
    try:
        context.run(first.begin)
    finally:
        asyncio._leave_task(loop, task)
        asyncio._enter_task(loop, around)
    if not first.is_over:
        task.add_done_callback(first.close)
    return task


class _First:
    """The first step of a coroutine, and the others."""

    def __init__(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._coroutine = coroutine
        self._waiting: Any = None
        self.is_over = False
        self._error: BaseException | None = None

    def begin(self) -> None:
        """Make the first step."""
        try:
            self._waiting = self._coroutine.send(None)
        except StopIteration:
            self.is_over = True
        except BaseException as error:  # noqa: BLE001 - the task raises it
            self.is_over, self._error = True, error

    async def go_on(self) -> None:
        """Make the others, in the task."""
        if self._error is not None:
            raise self._error
        if not self.is_over:
            await _steps(self._coroutine, self._waiting)

    def close(self, task: Any) -> None:
        """Close the coroutine: a task that is cancelled before its second step never comes to it."""
        self._coroutine.close()


@types.coroutine
def _steps(coroutine: Coroutine[Any, Any, None], waiting: Any) -> Generator[Any, Any, None]:
    step: Any
    while True:
        try:
            sent = yield waiting
        except BaseException as error:  # noqa: BLE001 - thrown into the coroutine
            step, value = coroutine.throw, error
        else:
            step, value = coroutine.send, sent
        try:
            waiting = step(value)
        except StopIteration:
            return
