"""Tasks that leave what they have entered: nobody of the framework's interrupts that.

Law: a commit that is under way is not cut in half, neither by the stop of a worker nor by a timeout.
"""

import asyncio
from typing import Any

LOOK_AGAIN_SECONDS = 0.05
"""When to try again to end what is spared now, or what somebody else is ending, too."""

spared_tasks: set[Any] = set()
"""Those that do so now; who leaves something on an event loop notes its task here."""


class spared:  # noqa: N801 - it is used as a function
    """Have this task not interrupted meanwhile: it cleans up already, or keeps what a request has done."""

    __slots__ = ("_task",)

    def __enter__(self) -> None:
        self._task = asyncio.current_task()
        spared_tasks.add(self._task)

    def __exit__(self, *_: object) -> None:
        spared_tasks.discard(self._task)


def is_spared(task: Any) -> bool:
    """Tell whether a task is not to be interrupted now."""
    return task in spared_tasks
