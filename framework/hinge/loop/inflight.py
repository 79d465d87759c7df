"""The requests under way, found when a worker stops.

Law: no request pays for being found. Each is a task of the event loop that awaits the application, directly or through
whatever wraps it, so a walk along what the loop's tasks await meets them all; what they do stands in the same frames.
"""

import asyncio
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import Any, NamedTuple, TypeAlias

HeadOf: TypeAlias = Callable[[FrameType], Any]
"""Return the head of the request whose application a frame is, None for any other frame."""


class Flight(NamedTuple):
    """One request under way."""

    task: asyncio.Task[Any]
    head: Any
    codes: frozenset[CodeType]
    """What it is in."""


def in_flight(head_of: HeadOf) -> list[Flight]:
    """Return the requests that are tasks of this loop."""
    found = []
    for task in asyncio.all_tasks():
        frames = list(_frames(task))
        head = next((head for frame in frames if (head := head_of(frame)) is not None), None)
        if head is not None:
            found.append(Flight(task, head, frozenset(frame.f_code for frame in frames)))
    return found


def _frames(task: asyncio.Task[Any]) -> Iterator[FrameType]:
    """Yield the frames of the coroutines that a suspended task is in, outermost first."""
    awaited: Any = task.get_coro()
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
        if frame is None:
            return
        yield frame
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)
