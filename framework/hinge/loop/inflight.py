"""The requests under way, found when a worker stops.

Law: no request pays for being found. Each is in a frame of its application: in the stack of a thread of the server, or
among the frames of what a task of the event loop awaits, directly or through whatever wraps the application. This is
the one place that reads local variables. A dict of the requests under way would cost each of them 70 ns on WSGI and
more than 300 on ASGI, where the task has to be asked for: of one to three microseconds in all.
"""

import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, NamedTuple

from hinge.compiling.frozen import FrozenApp
from hinge.error_responses import describe
from hinge.errors import HTTPError
from hinge.inspection.uncollected import uncollected
from hinge.request import Request

if TYPE_CHECKING:
    import asyncio

HeadOf = Callable[[Mapping[str, Any]], Any]
"""Return the head of a request from the local variables of what serves it, None if it is none."""


class Flight(NamedTuple):
    """One request under way."""

    head: Any
    reader: Any
    """What reads its head."""
    codes: frozenset[CodeType]
    """What it is in."""
    task: "asyncio.Task[Any]"


class ThreadFlight(NamedTuple):
    """One request under way in a thread of the server."""

    head: Any
    code: CodeType
    """What its thread is in."""
    waits_for: Any
    """Whose method that is."""


class InFlight:
    """The requests of one runtime."""

    def __init__(self) -> None:
        self._marked: dict[CodeType, tuple[HeadOf, Any]] = {}

    def mark(self, function: Any, head_of: HeadOf, reader: Any) -> None:
        """Have the frames of a function found, whose heads `reader` reads; its variable `runtime` is the runtime."""
        self._marked[function.__code__] = head_of, reader

    def tasks(self, runtime: Any) -> list[Flight]:
        """Return the requests that are tasks of this loop."""
        import asyncio  # noqa: PLC0415 - there is a loop, and for threads there need not be

        found = []
        for task in asyncio.all_tasks():
            frames = list(_frames(task))
            head, reader = self._head(runtime, frames)
            if head is not None:
                found.append(Flight(head, reader, frozenset(frame.f_code for frame in frames), task))
        return found

    def threads(self, runtime: Any) -> list[ThreadFlight]:
        """Return the requests that are in other threads."""
        # To look at a frame makes an object of it. Were that to collect garbage, a finalizer could let the other thread
        # go on and leave the frame, and CPython 3.11 would crash.
        with uncollected():
            return list(self._in_threads(runtime))

    def _in_threads(self, runtime: Any) -> Iterator[ThreadFlight]:
        for thread, innermost in sys._current_frames().items():
            head, _ = (None, None) if thread == threading.get_ident() else self._head(runtime, _stack(innermost))
            if head is not None:
                yield ThreadFlight(head, innermost.f_code, innermost.f_locals.get("self"))

    def _head(self, runtime: Any, frames: Iterable[FrameType]) -> tuple[Any, Any]:
        for frame in frames:
            head_of, reader = self._marked.get(frame.f_code, (None, None))
            if head_of is not None and (names := frame.f_locals).get("runtime") is runtime:
                return head_of(names), reader
        return None, None


def described(frozen: FrozenApp, reader: Any, head: Any) -> str:
    """Return a request and its handler for the log."""
    try:
        found = frozen.table.find(reader.path(head))
    except HTTPError:
        found = None
    leaf, values = found or (frozen.not_found, ())
    endpoint = leaf.methods.get(reader.method(head), leaf.otherwise)
    return describe(Request(reader, head, endpoint, values, {}))


def _stack(frame: FrameType | None) -> Iterator[FrameType]:
    """Yield the frames of a thread, innermost first."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def _frames(task: "asyncio.Task[Any]") -> Iterator[FrameType]:
    """Yield the frames of the coroutines that a suspended task is in, outermost first."""
    awaited: Any = task.get_coro()
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
        if frame is None:
            return
        yield frame
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)
