"""The worker threads in which plain functions run for an event loop.

Law: a call costs one hand-over each way. A thread that has ended a job takes the next one that waits for its lane by
itself, and rests on a lock of its own otherwise. Threads are the process's; how many of them may work for what is a
lane's, and a job that has begun holds its place in the lane until it ends, even if nobody waits for it any more. One
whose client leaves before that is never begun; only where there is a line does anybody look.
"""

import asyncio
import atexit
import contextlib
import os
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextvars import Context
from itertools import islice
from threading import Lock, Thread
from typing import Any, TypeAlias, TypeVar

from hinge.diagnostics.failures import UNAWAITABLE, stray
from hinge.diagnostics.logger import logger
from hinge.errors import ClientDisconnect

T = TypeVar("T")
Disconnected: TypeAlias = Callable[[Any], Awaitable[Any]]
"""`(the last argument of a job) -> nothing`, once the client for whom it is done has left."""
Job = tuple[
    asyncio.AbstractEventLoop,
    asyncio.Future[Any],
    Context,
    Callable[..., Any],
    tuple[Any, ...],
    "Lane",
    Disconnected | None,
]

IDLE_SECONDS = 10.0
"""How long a thread without work is kept."""

STALL_SECONDS = 0.1
"""For how long nothing has to end in a lane that is full before it grows, if it may; and how long a job waits before it
is looked whether its client is still there."""

EXIT_SECONDS = 5.0
"""How long the end of the process waits for what still runs in threads after the worker's stop has given it up."""

_mutex = Lock()  # held for the lanes' counts and the list of the resting; never while anything runs
_resting: list["_Worker"] = []
_alive: set["_Worker"] = set()
_taken: "Callable[[], _Worker | None]" = _resting.pop
"""Takes who rests and is to work next; None: a new thread."""


_turns = 0


@contextlib.contextmanager
def taking_turns() -> Iterator[None]:
    """Have jobs in a row done by different threads meanwhile, so that a test sees what is bound to one of them."""
    global _taken, _turns  # noqa: PLW0603 - threads are the process's
    _turns += 1
    _taken = _oldest
    try:
        yield
    finally:
        _turns -= 1
        if not _turns:
            _taken = _resting.pop


def _oldest() -> "_Worker | None":
    return _resting.pop(0) if len(_resting) > 1 else None


class Lane:
    """So many threads for one purpose; who comes when all are taken waits in the order of coming.

    One that `may_grow` gets more threads where all are stuck: none has ended its job for STALL_SECONDS, and what waits
    may be what they wait for. It keeps them until one of its own is free again.
    """

    __slots__ = (
        "_came",
        "_came_before",
        "_ended",
        "_extra",
        "_free",
        "_is_watched",
        "_left",
        "_left_before",
        "_may_grow",
        "_seen",
        "_threads",
        "_waiting",
        "watched",
    )

    def __init__(self, threads: int, *, may_grow: bool = False) -> None:
        self._free = self._threads = threads
        self._waiting: deque[Job] = deque()
        self._may_grow = may_grow
        self._is_watched = False
        self._extra = self._ended = self._seen = 0
        self._came = self._came_before = self._left = self._left_before = 0
        self.watched: dict[asyncio.Future[Any], _Watcher] = {}
        """Jobs that have stood in line for long: what waits for the leaving of their clients."""

    def run(
        self,
        loop: asyncio.AbstractEventLoop,
        context: Context,
        work: Callable[..., T],
        args: tuple[Any, ...],
        disconnected: Disconnected | None = None,
    ) -> asyncio.Future[T]:
        """Run `work` in a thread, in a context that nobody else has entered, and return its future result.

        Cancelled while it waits for a thread, it is never run; cancelled later, it goes on. With `disconnected`, it is
        never run either if that returns while it waits, and its result is a ClientDisconnect; `stop_watching` is to be
        awaited then, whatever the result is.
        """
        future: asyncio.Future[T] = loop.create_future()
        job = (loop, future, context, work, args, self, disconnected)
        with _mutex:
            if not self._free:
                self._waiting.append(job)
                self._came += 1
                if (self._may_grow or disconnected is not None) and not self._is_watched:
                    self._watch(loop)
                return future
            self._free -= 1
            worker = _taken() if _resting else None
        if worker is not None:
            worker.take(job)
            return future
        try:
            _Worker(job).start()
        except RuntimeError:  # the system has no thread left
            with _mutex:
                self._free += 1
            raise
        return future

    def ended(self, worker: "_Worker") -> Job | None:
        """Take note that a thread has ended a job of this lane, and return its next one; None lets it rest."""
        with _mutex:
            self._ended += 1
            while self._waiting:
                job = self._waiting.popleft()
                if self._is_wanted(job):
                    return job
            self._free += 1
            if self._free > self._extra > 0:
                self._free -= self._extra
                self._extra = 0
            _resting.append(worker)
            return None

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_watched, self._seen = True, self._ended
        loop.call_later(STALL_SECONDS, self._look, loop)

    def _is_wanted(self, job: Job) -> bool:
        """Tell whether a job that leaves the line is to be done."""
        if job[1].done():  # cancelled, or its client has left
            return False
        if self.watched and (watcher := self.watched.get(job[1])) is not None:
            watcher.is_late = True
        return True

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin some of what waits if nothing has ended since, twice as many each time; see who has left."""
        with _mutex:
            self._is_watched = False
            waited = self._came_before - (self._came - len(self._waiting))  # since the last look
            self._came_before = self._came
            for job in islice(self._waiting, max(0, waited)):
                if job[6] is not None and job[1] not in self.watched and not job[1].done():
                    self.watched[job[1]] = _Watcher(self, job, job[6])
            if self._left and (self._left == self._left_before or not self._waiting):
                logger.warning(_LEFT, self._left, self._threads)
                self._left = 0
            self._left_before = self._left
            more = max(1, self._extra) if self._may_grow and self._ended == self._seen else 0
            begun: list[tuple[Job, _Worker | None]] = []
            while self._waiting and len(begun) < more:
                job = self._waiting.popleft()
                if self._is_wanted(job):
                    begun.append((job, _resting.pop() if _resting else None))
            self._extra += len(begun)
            if self._waiting or self._left:
                self._watch(loop)
        for number, (job, worker) in enumerate(begun):
            try:
                _Worker(job).start() if worker is None else worker.take(job)
            except RuntimeError:  # the system has no thread left
                with _mutex:
                    self._extra -= len(begun) - number
                    self._waiting.extendleft(waiting for waiting, _ in reversed(begun[number:]))
                return

    def leave(self, job: Job) -> None:
        """Take a job out of the line: its client has left."""
        with _mutex:
            if job[1].done() or self.watched[job[1]].is_late:
                return
            self._left += 1
        job[1].set_exception(ClientDisconnect(_GONE))

    async def stop_watching(self, future: asyncio.Future[Any]) -> None:
        """Watch no more for the leaving of the client for whom a job was done."""
        watcher = self.watched.pop(future, None)
        if watcher is not None:
            await watcher.stop()


_GONE = "The client left while its request waited for a thread."
_LEFT = "%d requests were not handled: their clients left while they waited for one of %d threads"


class _Watcher:
    """Wait for the leaving of a client whose job stands in line."""

    __slots__ = ("_task", "is_late")

    def __init__(self, lane: Lane, job: Job, disconnected: Disconnected) -> None:
        self.is_late = False
        """Whether the job has begun."""
        self._task = job[0].create_task(self._wait(disconnected(job[4][-1])), context=Context())
        self._task.add_done_callback(lambda task: self._told(task, lane, job))

    async def _wait(self, leaving: Awaitable[Any]) -> None:
        await leaving

    def _told(self, task: "asyncio.Task[None]", lane: Lane, job: Job) -> None:
        if not task.cancelled():
            task.exception()  # whatever it is: a connection that cannot be read is none
            lane.leave(job)

    async def stop(self) -> None:
        """Let go of the connection."""
        if not self._task.done():
            self._task.cancel()
            await asyncio.wait((self._task,))


class _Worker(Thread):
    """A thread. It is a daemon: one that is stuck must not keep the process from ending."""

    def __init__(self, job: Job) -> None:
        super().__init__(name="hinge-worker", daemon=True)
        self._given: Job | None = job
        self._call = Lock()  # held while it rests, or works

    def take(self, job: Job) -> None:
        """Do a job; called once it is not among the resting any more."""
        self._given = job
        self._call.release()

    def run(self) -> None:
        """Work until there has been nothing to do for a while."""
        with _mutex:
            _alive.add(self)
        self._call.acquire()
        job, self._given = self._given, None
        while job is not None:
            job = self._do(job)
            if job is None:  # and nothing of it is held meanwhile
                job = self._rest()
        with _mutex:
            _alive.discard(self)

    def _do(self, job: Job) -> Job | None:
        """Do one job, and return the next one of its lane."""
        loop, future, context, work, args, lane, _ = job
        settle: Callable[[asyncio.Future[Any], Any], None] = _succeed
        try:
            outcome: Any = context.run(work, *args)
        except UNAWAITABLE as error:
            settle, outcome = _fail, stray(error)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is the caller's
            settle, outcome = _fail, error
        following = lane.ended(self)  # before the caller knows: its next call finds this thread
        # The loop may have been closed meanwhile: then nobody waits.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, future, outcome)
        # An error's traceback holds this frame: what holds the error would wait with it for the garbage collector.
        del outcome, future, job
        return following

    def _rest(self) -> Job | None:
        """Wait for a job; None after a while."""
        while not self._call.acquire(timeout=IDLE_SECONDS):
            with _mutex:
                if self in _resting:  # otherwise it is being called at this very moment
                    _resting.remove(self)
                    return None
        job, self._given = self._given, None
        return job


def _succeed(future: "asyncio.Future[Any]", outcome: Any) -> None:
    if not future.done():
        future.set_result(outcome)


def _fail(future: "asyncio.Future[Any]", outcome: BaseException) -> None:
    if not future.done():
        future.set_exception(outcome)


@atexit.register
def _await_the_working() -> None:
    """Let what still runs end, for a while; the interpreter would end it in the middle of a line."""
    until = time.monotonic() + EXIT_SECONDS
    while len(_alive) > len(_resting) and time.monotonic() < until:
        time.sleep(0.01)


def _after_fork() -> None:
    """Forget threads that are the parent's."""
    global _mutex  # noqa: PLW0603 - a thread of the parent may have held it
    _mutex = Lock()
    _resting.clear()
    _alive.clear()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork)
