"""The task of a composed handler that stays behind its result: a stream goes on with what the task has entered.

Law: what is async of a request is entered and left in one task, so that a cancel scope or a task group may span a
provider's yield, whichever task sends the stream. The task ends with the scope; nobody waits for it otherwise.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from weakref import WeakKeyDictionary

from hinge.dependencies.hops import Leave
from hinge.dependencies.sparing import is_spared
from hinge_wsgi.waiting import Waiting, current

_parked: "WeakKeyDictionary[asyncio.Task[Any], _Stay]" = WeakKeyDictionary()
_running: set[asyncio.Task[Any]] = set()


def park(run: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Return a composed handler that runs in a task of its own, which may `stay`."""

    async def parked(*given: Any) -> Any:
        found = _Stay()
        # In the very context of the request: what a provider sets there, the handler's middleware sees.
        context: Any = getattr(current.get(), "context", None)
        task = asyncio.get_running_loop().create_task(found.serve(run, given), context=context)
        _parked[task] = found
        _running.add(task)
        task.add_done_callback(_running.discard)
        return await found.result(task)

    return parked


def stay(leave: Leave) -> Leave:
    """Have the running task do this before it ends; what is returned has it done, and waits for it."""
    task = asyncio.current_task()
    found = None if task is None else _parked.get(task)
    if found is None:
        raise RuntimeError("a stream keeps its dependencies open, and their task was not told so")
    found.leave = leave
    return found.left


class _Stay:
    """One such task."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.leave: Leave | None = None
        self._ready: asyncio.Future[None] = loop.create_future()
        self._told: asyncio.Future[tuple[BaseException | None, Waiting | None]] = loop.create_future()
        self._over: asyncio.Future[BaseException | None] = loop.create_future()
        self._result: Any = None
        self._error: BaseException | None = None

    async def serve(self, run: Callable[..., Awaitable[Any]], given: tuple[Any, ...]) -> None:
        """Run the handler, tell what it returned, and stay if it is to."""
        try:
            self._result = await run(*given)
        except BaseException as error:  # noqa: BLE001 - it is the one's who waits for the result
            self._error = error
        self._ready.set_result(None)
        if self.leave is not None and self._error is None:
            try:
                told, waiting = await self._told
            except asyncio.CancelledError as error:  # the loop ends
                told, waiting = error, None
            if waiting is not None:
                current.set(waiting)  # the server's thread waits for the stream now
            self._over.set_result(await self._failure(told))

    async def _failure(self, told: BaseException | None) -> BaseException | None:
        try:
            return None if self.leave is None else await self.leave(told)
        except BaseException as error:  # noqa: BLE001 - it is the one's who waits for the end
            return error

    async def result(self, task: "asyncio.Task[Any]") -> Any:
        """Return what the handler has returned, or raise what it has raised; a cancellation is the task's."""
        try:
            await asyncio.shield(self._ready)
        except asyncio.CancelledError:
            is_left = is_spared(task)  # it cleans up already, and has a result or a failure of its own
            if not is_left:
                task.cancel()
            await asyncio.wait((task,))
            if not is_left:
                raise
        if self._error is None:
            return self._result
        try:
            raise self._error
        finally:
            self._error = None  # its traceback holds this object

    async def left(self, error: BaseException | None) -> BaseException | None:
        """Have the task leave what it has entered, and return the failure that goes on."""
        if not self._told.done():
            self._told.set_result((error, current.get(None)))
        return await asyncio.shield(self._over)
