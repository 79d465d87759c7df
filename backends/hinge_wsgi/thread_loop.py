"""An event loop of each server thread's own, for coroutines that share nothing bound to a loop (`loop="thread"`).

Law: a request's coroutine runs to its end in the thread that serves the request, and the loop stands still between two
of them: what the coroutine has left running is cancelled, and awaited, before it is answered. A loop is made by a
thread's first such request and closed with the thread; a forked child makes its own.
"""

import asyncio
import os
import threading
from collections.abc import Coroutine
from contextvars import copy_context
from typing import Any
from weakref import WeakSet

from hinge.backend.exits import run_to_end
from hinge.context import carry_back
from hinge.diagnostics.failures import stray
from hinge_wsgi.waiting import HERE, STOP_SECONDS, current


class _Kept:
    """A loop that is closed when its thread drops it, and the tasks that its coroutines start."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.started: WeakSet[asyncio.Task[Any]] = WeakSet()
        note = self.started.add

        def start(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
            task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=loop, **options)
            note(task)
            return task

        self.loop.set_task_factory(start)  # asyncio.all_tasks() looks at those of all threads

    def __del__(self) -> None:
        self.loop.close()


_EXITS = (SystemExit,)
"""A KeyboardInterrupt may come from the terminal: the server's thread may be the main one."""

_mine = threading.local()
_inherited: list[Any] = []


def _forget() -> None:
    # Kept, not closed: the parent polls the same descriptors.
    global _mine  # noqa: PLW0603 - a child has none of the parent's
    _inherited.append(getattr(_mine, "kept", None))
    _mine = threading.local()


os.register_at_fork(after_in_child=_forget)


def run_here(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine on this thread's loop and return its result; changes of context variables come back."""
    kept: _Kept | None = getattr(_mine, "kept", None)
    if kept is None:
        kept = _mine.kept = _Kept()
    loop = kept.loop
    context = copy_context()
    context.run(current.set, HERE)
    task = asyncio.Task(coroutine, loop=loop, context=context)
    try:
        return run_to_end(loop.run_until_complete, task, _EXITS)
    except asyncio.CancelledError as error:
        raise stray(error) from error
    finally:
        if kept.started:
            run_to_end(loop.run_until_complete, loop.create_task(_end(kept)), _EXITS)
        carry_back(context, leave=current)


async def _end(kept: _Kept) -> None:
    tasks = [task for task in kept.started if not task.done() and task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=STOP_SECONDS)
    kept.started.clear()
