"""Ending what a request's task does, because its client has left or its worker stops.

Law: an end is asyncio's own cancellation, sent once, to one await, and taken back there. What is ended may therefore
clean up with awaits of its own, and leaves task groups and timeouts across its yields in the task that entered them.
(anyio's cancel scopes allow neither: they cancel every await inside, and must not be left around an open one.)
"""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, TypeVar, cast
from weakref import WeakSet

import msgspec

from hinge.dependencies.sparing import LOOK_AGAIN_SECONDS, is_spared
from hinge.diagnostics.failures import failure_in_task
from hinge.errors import HTTPError

T = TypeVar("T")


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
    if task not in _cut and not is_spared(task):
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


class Watch(msgspec.Struct, eq=False):  # whose constructor is C: each stream pays for it
    """Wait for the client's leaving beside the task that makes it, and end what that task does `with` it.

    `disconnected` returns what is done once the client has left, a coroutine or a future. `begin` asks for that; the
    runtime calls it, too, at the turn of its loop after `Runtime.register`.

    Entering raises Ended if it is over. What is inside is interrupted by an end, and leaves as Ended; a CancelledError
    of something that it waited for leaves as a RuntimeError.
    """

    disconnected: Callable[[], Any] | None
    """None: the subject is asked (`leaving`)."""
    subject: Any = None
    """The request or WebSocket that it belongs to."""
    ends_at_once: bool = False
    """Whether a stopping worker ends this before other things."""
    task: asyncio.Task[Any] = msgspec.field(
        default_factory=cast("Callable[[], asyncio.Task[Any]]", asyncio.current_task)
    )
    """What is interrupted."""
    owner: asyncio.Task[Any] | None = None
    """The request's own task, where that is another one."""
    is_open: bool = False
    """Whether an end interrupts what the task awaits; it is unset around what must not be interrupted."""
    has_left: bool = False
    is_cut: bool = False
    is_over: bool = False
    """Whether there is nothing to go on for: either of them."""
    _before: int = 0
    _others: int = 0
    _is_sent: bool = False
    _is_given_up: bool = False
    _watcher: asyncio.Future[Any] | None = None
    _beside: Any = None

    def begin(self) -> None:
        """Begin to watch, if that is not done; not after `give_up`, when the runtime's turn may still come."""
        if self._watcher is None and not self.is_over and not self._is_given_up:
            self._ask()
            beside, self._beside = self._beside, None
            if beside is not None:
                beside.begin()

    def _ask(self) -> None:
        try:
            waiting = self.leaving()
        except Exception:  # noqa: BLE001 - as in `_told`
            self.leave()
            return
        # A future needs no task of its own, which is half of what an idle stream would hold.
        self._watcher = watcher = waiting if asyncio.isfuture(waiting) else self.task.get_loop().create_task(waiting)
        watcher.add_done_callback(self._told)

    def leaving(self) -> Any:
        """Return what is done once the client has left, or will be asked for again."""
        return self.subject.leaving() if self.disconnected is None else self.disconnected()

    def is_leaving(self, told: Any) -> bool:
        """Tell whether that is what `disconnected` has come to; it is asked again if not."""
        return True

    def begin_beside(self, other: Any) -> None:
        """Begin something else when the watch begins, and not at all if it never does."""
        if self._watcher is None:
            self._beside = other
        else:
            other.begin()

    def _told(self, watcher: asyncio.Future[Any]) -> None:
        if watcher.cancelled() or self._watcher is None:
            return
        # Whatever it raised: a connection that cannot be read is none.
        if watcher.exception() is not None or self.is_leaving(watcher.result()):
            self.leave()
        else:
            self._ask()

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
        self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.shut(error)

    def open(self) -> None:
        """Do what entering does, for who is not to hold the method that leaves."""
        if self.is_over:
            raise Ended
        self._before = self.task.cancelling()
        self.is_open = True

    def shut(self, error: BaseException | None) -> None:
        """Do what leaving does; raises what becomes of the error."""
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

    @property
    def has_task(self) -> bool:
        """Whether there is anything for `stop` to wait for."""
        return isinstance(self._watcher, asyncio.Task)

    def give_up(self) -> None:
        """Watch no more, without waiting for it."""
        self._is_given_up = True
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.cancel()

    async def stop(self) -> None:
        """Watch no more; what has not begun by now never does."""
        watcher, has_task = self._watcher, self.has_task
        self.give_up()
        if has_task and watcher is not None and not watcher.done():
            await asyncio.sleep(0)  # which is all that most need
            if not watcher.done():
                await asyncio.wait((watcher,))
