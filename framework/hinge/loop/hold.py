"""Waiting for the worker's stop in the task that holds the lifespans.

Law: a task group that a lifespan has open across its yield cancels this task when one of its own fails. That is told at
once, and the wait goes on: the lifespans stop when the worker does, each of them, and the failure is told then.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from hinge.diagnostics.log import logger

T = TypeVar("T")


async def until_told(wait: Callable[[], Awaitable[T]]) -> T:
    """Return what `wait` returns, although a lifespan's task group ends meanwhile.

    Raises CancelledError if the event loop is ending.
    """
    try:
        return await wait()
    except asyncio.CancelledError:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if all(task.cancelling() for task in others):
            raise
        logger.error("a task in a lifespan's task group has failed, and its group has ended; the worker goes on")
        told: list[T] = []
        with anyio.CancelScope(shield=True):  # anyio would cancel each further await as well
            told.append(await wait())
        return told[0]
