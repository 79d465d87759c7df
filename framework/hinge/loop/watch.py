"""Ending what a request's task does, because its client has left or its worker stops.

Law: an end is asyncio's own cancellation, sent once, to one await, and taken back there. What is ended may therefore
clean up with awaits of its own, and leaves task groups and timeouts across its yields in the task that entered them.
(anyio's cancel scopes allow neither: they cancel every await inside, and must not be left around an open one.)
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, TypeVar
from weakref import WeakSet

from hinge.diagnostics.failures import failure_in_task
from hinge.errors import HTTPError

T = TypeVar("T")

LOOK_AGAIN_SECONDS = 0.05
"""When to try again to end what somebody else is ending, too."""


class Ended(Exception):  # noqa: N818 - an event, not a failure; it never passes through the user's code
    """The client has left, or the worker stops."""


class ClientLeft(asyncio.CancelledError):
    """The cancellation, as middleware knows it, of a request whose client has left: nobody has cancelled its task."""


_cut: WeakSet[asyncio.Task[Any]] = WeakSet()


def stopping() -> HTTPError:
    """Return what answers a request that a stopping worker ended."""
    return HTTPError(503, "The server is stopping.")


def cut(task: asyncio.Task[Any]) -> None:
    """Cancel a request's task, because its worker stops; once, so that it may clean up in peace."""
    if task not in _cut:
        _cut.add(task)
        task.cancel()


def take_back_cut() -> bool:
    """Tell whether this task's CancelledError is a cut and nothing else; if so, it is not cancelled any more."""
    task = asyncio.current_task()
    if task is None or task not in _cut or task.cancelling() != 1:
        return False
    _cut.discard(task)
    task.uncancel()
    return True


def is_cancelled() -> bool:
    """Tell whether somebody wants this task to end."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def failure_of(error: BaseException) -> Exception:
    """Return what is to be answered, in a request's task: a failure, or that its worker stops.

    Raises the error itself if it is neither (hinge.diagnostics.failures).
    """
    if isinstance(error, asyncio.CancelledError) and take_back_cut():
        return stopping()
    return failure_in_task(error)


class Watch:
    """Wait for the client's leaving beside the task that makes it, and end what that task does `with` it.

    Entering raises Ended if it is over. What is inside is interrupted by an end, and leaves as Ended; a CancelledError
    of something that it waited for leaves as a RuntimeError.
    """

    __slots__ = (
        "_before",
        "_beginning",
        "_beside",
        "_is_sent",
        "_others",
        "_watcher",
        "ends_at_once",
        "has_left",
        "is_cut",
        "is_open",
        "is_over",
        "subject",
        "task",
    )

    def __init__(
        self,
        disconnected: Callable[[], Coroutine[Any, Any, None]],
        *,
        ends_at_once: bool = False,
        is_late: bool = False,
        subject: Any = None,
    ) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a response is sent by a task")
        self.task: asyncio.Task[Any] = task
        self.subject = subject
        """The request or WebSocket that it belongs to, for the log."""
        self._before = self._others = 0
        self._is_sent = False
        self.is_open = False
        """Whether an end interrupts what the task awaits; it is unset around what must not be interrupted."""
        self.ends_at_once = ends_at_once
        """Whether a stopping worker ends this before other things."""
        self.has_left = self.is_cut = False
        self.is_over = False
        """Whether there is nothing to go on for: either of them."""
        self._watcher: asyncio.Task[None] | None = None
        self._beside: Callable[[], None] | None = None
        self._beginning: asyncio.Handle | None = None
        if is_late:  # not before the request's task waits for something, and one that is always ready never does
            self._beginning = task.get_loop().call_soon(self._begin, disconnected)
        else:
            self._begin(disconnected)

    def _begin(self, disconnected: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._beginning = None
        self._watcher = self.task.get_loop().create_task(disconnected())
        self._watcher.add_done_callback(self._told)
        if self._beside is not None:
            self._beside()

    def begin_beside(self, begin: Callable[[], None]) -> None:
        """Call `begin` as soon as the task waits for something, and not at all if it never does."""
        if self._beginning is None:
            begin()
        else:
            self._beside = begin

    def _told(self, watcher: asyncio.Task[None]) -> None:
        if not watcher.cancelled():
            watcher.exception()  # whatever it is: a connection that cannot be read is none
            self.leave()

    def leave(self) -> None:
        """End it: the client has left."""
        self.has_left = self.is_over = True
        self._interrupt()

    def finish(self) -> None:
        """End it: the worker stops."""
        self.is_cut = self.is_over = True
        self._interrupt()

    def _interrupt(self) -> None:
        if not self.is_open or self._is_sent:
            return
        if self.task.cancelling() > self._before:
            # Somebody else ends it: all of it (the server), and it may clean up in peace, or a part (a timeout).
            self.task.get_loop().call_later(LOOK_AGAIN_SECONDS, self._interrupt)
            return
        self._is_sent = True
        self._others = self.task.cancelling()
        self.task.cancel()

    def check(self) -> None:
        """Raise Ended if it is over."""
        if self.is_over:
            raise Ended

    def __enter__(self) -> None:
        if self.is_over:
            raise Ended
        self._before = self.task.cancelling()
        self.is_open = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.is_open = False
        try:
            if not isinstance(error, asyncio.CancelledError):
                return
            if not self._is_sent:
                raise failure_of(error) from error
            if self.task.cancelling() <= self._others + 1:
                raise Ended from None
        finally:
            if self._is_sent:
                self._is_sent = False
                self.task.uncancel()

    async def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do what an end interrupts.

        Raises:
            Ended: it was interrupted, or over before.
            RuntimeError: it waited for something that was cancelled.
        """
        with self:
            return await work()

    async def stop(self) -> None:
        """Watch no more; what has not begun by now never does."""
        if self._beginning is not None:
            self._beginning.cancel()
        watcher = self._watcher
        if watcher is not None and not watcher.done():
            watcher.cancel()
            await asyncio.sleep(0)  # which is all that most need
            if not watcher.done():
                await asyncio.wait((watcher,))
