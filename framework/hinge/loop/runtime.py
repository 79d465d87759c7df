"""What a worker process holds: the running lifespans, the threads' limits, and what to end when it stops.

Law: everything open registers here and is ended by `drain` or at shutdown, WebSockets and event streams first. Other
requests, and the work after their responses, run to their end until streams are cut; then they are cancelled. Handlers,
stream steps, decoding, teardown and work after the response have a thread limiter each: a teardown that waited for the
same threads as handlers would deadlock, and handlers that read a BodyStream, at their clients' pace, would starve the
others. What belongs to one event loop is not taken over to the next.
"""

import asyncio
import atexit
import contextlib
import time
import weakref
from collections.abc import Callable
from contextvars import Context, copy_context
from functools import partial
from typing import Any, Protocol, TypeVar

from hinge.backend.grace import A_MOMENT, cut_after, lifespans_by, name_left
from hinge.compiling.frozen import Endpoint, FrozenApp
from hinge.context import carry_back
from hinge.diagnostics.logger import logger
from hinge.lifespan import LifespanStack
from hinge.loop.after import run_after
from hinge.loop.inflight import Flight, HeadOf, InFlight, described
from hinge.loop.lifespan import LifespanTask
from hinge.loop.threads import Disconnected, Lane
from hinge.loop.watch import cut

T = TypeVar("T")

MAX_RESPONSE_SIZE = 16 * 1024 * 1024
"""Bytes of a stream that are collected where it cannot be sent while it is made, if the backend says nothing else."""

SHUTDOWN_SECONDS = 5.0
"""How long shutdown waits for what was told to end, if nothing else bounds it."""


def handler_threads(endpoint: Endpoint) -> str:
    """Return the purpose of the threads in which an endpoint's plain handler runs."""
    return "uploads" if endpoint.plan.streams_body else "handlers"


def step_threads(endpoint: Endpoint) -> tuple[str, str]:
    """Return the purposes of the threads in which the first and the further steps of an endpoint's iterators run."""
    return _STEPS_OF_UPLOADS if endpoint.plan.streams_body else _STEPS


_STEPS = ("first steps", "streams")
_STEPS_OF_UPLOADS = ("first steps of uploads", "streams of uploads")
_MAY_GROW = (_STEPS[1], _STEPS_OF_UPLOADS[1])
"""What holds what others wait for, so that it must not wait for them."""


class OpenTask(Protocol):
    """A WebSocket or a stream that a drain can end."""

    ends_at_once: bool
    subject: Any
    """The request or WebSocket that it belongs to."""
    task: asyncio.Task[Any]
    owner: asyncio.Task[Any] | None
    """The request's own task, where `task` is another one."""

    def begin(self) -> None:
        """Watch for its client's leaving, if that is not done."""
        ...

    def finish(self) -> None:
        """End it; called on the event loop."""
        ...


class Runtime:
    """One compiled application's life in one process."""

    def __init__(self, frozen: FrozenApp, *, max_response_size: int = MAX_RESPONSE_SIZE) -> None:
        self._frozen = frozen
        self.features = frozen.features
        self.max_response_size = max_response_size
        """How many bytes of a response are collected without STREAMING."""
        config = frozen.config
        self._limits = {
            "handlers": config.sync_threads,
            "uploads": config.sync_threads,
            **dict.fromkeys((*_STEPS, *_STEPS_OF_UPLOADS), config.stream_threads),
            "teardown": config.sync_threads,
            "files": config.sync_threads,
            "bodies": config.sync_threads,
            "after": config.sync_threads,
        }
        self._lanes: dict[str, Lane] = {}
        self._lanes_of: asyncio.AbstractEventLoop | None = None
        self.has_lifespan = bool(frozen.lifespans)
        self.ready = not self.has_lifespan
        self.state: dict[str, Any] = {}
        self.open: set[OpenTask] = set()
        self._young: list[tuple[OpenTask, Context]] | None = None
        """What will be watched at the loop's next turn but one, if it is still open then."""
        self._nothing_open: asyncio.Event | None = None
        self._draining_until: float | None = None
        self._lifespans_by: float | None = None
        self._cutter: asyncio.TimerHandle | None = None
        self._is_stopping = False
        self.failure: Exception | None = None
        """What a lifespan's start raised: the protocol carries its text only."""
        self.stop_failure: Exception | None = None
        """What a stop raised."""
        self.is_told = False
        """Whether the server runs the lifespan protocol, and so tells when the worker stops."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lifespans: _Lifespans | None = None
        self._in_flight = InFlight()

    def find_requests(self, reader: Any, function: Callable[..., Any], head_of: HeadOf) -> None:
        """Take from the backend how the requests under way are found, and read.

        Each is in a call of such a function, in which `runtime` is this object; `head_of` gets its local variables, and
        returns what `reader` reads, or None.
        """
        self._in_flight.mark(function, head_of, reader)

    # -- threads -------------------------------------------------------------------------------------------------------

    async def in_thread(
        self, purpose: str, work: Callable[..., T], *args: Any, disconnected: Disconnected | None = None
    ) -> T:
        """Run blocking work in a worker thread; context variables travel there and back.

        `disconnected`, if given, gets the last of `args` and returns once the client has left.

        Raises:
            ClientDisconnect: the client has left before the work began.
        """
        context = copy_context()
        loop = asyncio.get_running_loop()
        lane = self._lanes[purpose] if self._lanes_of is loop else self._lane(purpose, loop)
        future = lane.run(loop, context, work, args, disconnected)
        try:
            return await future
        finally:
            carry_back(context)
            if lane.watched:
                await lane.stop_watching(future)
            del future  # a failure that it holds has this frame in its traceback

    def lane(self, purpose: str) -> Lane:
        """Return the worker threads for a purpose, for work that brings its own context."""
        return self._lane(purpose, asyncio.get_running_loop())

    def _lane(self, purpose: str, loop: asyncio.AbstractEventLoop) -> Lane:
        if self._lanes_of is not loop:  # what is stuck in a thread for another one does not count here
            self._lanes = {
                purpose: Lane(threads, may_grow=purpose in _MAY_GROW) for purpose, threads in self._limits.items()
            }
            self._lanes_of = loop
        return self._lanes[purpose]

    # -- lifespan ------------------------------------------------------------------------------------------------------

    def decided(self, lifespans: LifespanTask) -> None:
        """Take over what the lifespans yielded; log and keep why nothing is served if one has failed."""
        self.failure = lifespans.failure
        if self.failure is not None:
            refused = "" if self.is_told else "; every request is refused"
            logger.critical(f"a lifespan failed to start{refused}", exc_info=self.failure)
            return
        self.state = lifespans.state
        self.ready = True
        self.stop_failure = None
        self._loop = asyncio.get_running_loop()

    def ended(self, lifespans: LifespanTask) -> None:
        """Note that the lifespans have stopped; another event loop may start them again."""
        self.stop_failure = lifespans.failure
        if self.stop_failure is not None:
            logger.error("a lifespan failed while it was stopped", exc_info=self.stop_failure)
        self._forget()
        self.ready = not self.has_lifespan
        self._lifespans = None

    def _forget(self) -> None:
        """Drop what belongs to the loop that has ended."""
        if self._cutter is not None:
            self._cutter.cancel()
            self._cutter = None
        self._loop = self._lanes_of = self._nothing_open = self._draining_until = self._lifespans_by = None
        self._is_stopping = False

    async def start(self) -> None:
        """Start the lifespans, held by one task, for a server that tells when a worker starts and stops.

        Raises whatever a lifespan raised.
        """
        held, self.is_told = self._lifespans, True
        # A request may have come first, and have started them (FastPySGI). Those that have failed may be tried again.
        if held is not None and (self.failure is not None or held._loop is not asyncio.get_running_loop()):
            self._lifespans = None
        await self._held().start()

    async def stop(self) -> None:
        """End what is open and stop what `start` started; raises whatever a lifespan raised."""
        if self._lifespans is not None:
            await self._lifespans.stop()
            if self.stop_failure is not None:
                raise self.stop_failure

    async def start_lazily(self) -> bool:
        """Start the lifespans under a server without the lifespan protocol; False if that fails, now or before."""
        if self._is_stopping:
            return False
        try:
            await self._held().start()
        except Exception:  # noqa: BLE001 - whatever a lifespan raises
            return False
        return True

    def _held(self) -> "_Lifespans":
        if self._lifespans is None:
            self._lifespans = _Lifespans(self, self._frozen.lifespan())
        return self._lifespans

    # -- what is open --------------------------------------------------------------------------------------------------

    def register(self, task: OpenTask) -> None:
        """Note something open; a worker that is stopping ends it when it ends its like."""
        self.open.add(task)
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._young = loop, None
        young = self._young
        if young is None:
            young = self._young = []
            # One callback for all that begin in this turn. What never waits for anything has ended by the next one, and
            # what waits for a task that does not by the second.
            loop.call_soon(self._begin_soon, young)
        young.append((task, copy_context()))
        if self._lifespans is None and not self.is_told:
            self._held()  # which ends what is open, even if it has nothing to stop
        if self._draining_until is not None:
            left = self._draining_until - time.monotonic()
            if task.ends_at_once or left <= 0:
                task.finish()
            else:
                self._cut_in(left)  # where `drain` knew no loop

    def _begin_soon(self, young: list[tuple[OpenTask, Context]]) -> None:
        if self._young is young:
            self._young = None
        if any(task in self.open for task, _ in young):
            asyncio.get_running_loop().call_soon(self._begin, young)

    def _begin(self, young: list[tuple[OpenTask, Context]]) -> None:
        for task, context in young:
            if task in self.open:
                context.run(task.begin)

    def unregister(self, task: OpenTask) -> None:
        """Note that something has ended."""
        self.open.discard(task)
        if not self.open and self._nothing_open is not None:
            self._nothing_open.set()

    def still_open(self) -> list[OpenTask]:
        """Return what is under way and could be ended."""
        return [*self.open]

    def drain(self, seconds: float) -> None:
        """End WebSockets and event streams now, everything else after `seconds`; safe in a signal handler."""
        self._draining_until = time.monotonic() + seconds
        self._lifespans_by = time.monotonic() + max(seconds, lifespans_by(self._frozen.config.graceful_timeout))
        loop = self._loop
        if loop is None or loop.is_closed():
            return
        loop.call_soon_threadsafe(self._finish, True)
        loop.call_soon_threadsafe(self._cut_in, seconds)

    def _finish(self, only_those_that_end_at_once: bool) -> None:  # noqa: FBT001 - call_soon takes positionals
        for task in tuple(self.open):
            if task.ends_at_once or not only_those_that_end_at_once:
                task.finish()

    def _cut_in(self, seconds: float) -> None:
        # Once: what the first cut has ended is answering by then, and would lose its answer by a second one.
        loop = asyncio.get_running_loop()
        if self._cutter is None or self._cutter.when() > loop.time() + seconds:
            if self._cutter is not None:
                self._cutter.cancel()
            self._cutter = loop.call_later(seconds, self._cut)

    def _cut(self) -> None:
        self._cutter = None
        self._finish(False)
        self._cut_requests()

    def _requests(self) -> list[Flight]:
        """Return the requests under way, with what follows their responses, that are not open as streams."""
        streams = {task.owner or task.task for task in self.open}
        return [flight for flight in self._in_flight.tasks(self) if flight.task not in streams]

    def _cut_requests(self) -> None:
        flights = [flight for flight in self._requests() if not flight.task.cancelling()]
        handlers = [self._tell(flight) for flight in flights if run_after.__code__ not in flight.codes]
        if handlers:
            logger.warning("the worker stops before all requests have ended: %s", "; ".join(handlers))
        for flight in flights:
            cut(flight.task)

    def _tell(self, flight: Flight) -> str:
        """Return a request and its handler for the log."""
        in_thread = Runtime.in_thread.__code__ in flight.codes
        how = "is left running in its thread" if in_thread else "is cancelled"
        return f"{described(self._frozen, flight.reader, flight.head)} {how}"

    async def end_open(self) -> None:
        """End everything open and wait for it; requests, and the work after their responses, have their time before."""
        now = time.monotonic()
        until = self._draining_until
        if until is None:  # the server did not say that a stop was coming
            grace = self._frozen.config.graceful_timeout
            until, self._lifespans_by = now + cut_after(grace), now + lifespans_by(grace)
        else:  # what has begun just before gets a moment, too
            until = max(until, now + self._patience() / 2)
        self._draining_until = now
        self.ready = not self.has_lifespan
        self._is_stopping = True
        self._finish(False)
        patience = self._patience()
        if self.open:
            self._nothing_open = asyncio.Event()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._nothing_open.wait()
        name_left([task.subject for task in self.open])
        await self._end_requests(until)

    def _patience(self) -> float:
        """Return for how many seconds to wait for what was told to end, so that the lifespans can still stop."""
        if self._lifespans_by is None:
            return SHUTDOWN_SECONDS
        return min(SHUTDOWN_SECONDS, max(A_MOMENT, (self._lifespans_by - time.monotonic()) / 2))

    async def _end_requests(self, until: float) -> None:
        """Let requests, and the work after their responses, run until then, and cancel them."""
        await self._requests_end(until, cancelled=False)
        self._cut_requests()
        await self._requests_end(time.monotonic() + self._patience(), cancelled=True)
        for flight in self._requests():
            logger.warning("a request did not end: %s", self._tell(flight))

    async def _requests_end(self, until: float, *, cancelled: bool) -> None:
        while (left := until - time.monotonic()) > 0:
            tasks = [flight.task for flight in self._requests() if cancelled or not flight.task.cancelling()]
            if not tasks:
                return
            await asyncio.wait(tasks, timeout=left)


_CLOSED = (
    "the event loop was closed before the lifespans had stopped, so nothing stops them. Fix: asyncio.run, or whatever "
    "else ends a loop's tasks before it closes the loop"
)


def _asyncio_loop() -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError(
            "Hinge runs on asyncio, and what calls the app runs another event loop (trio's). Fix: the server's asyncio "
            "worker, TestClient(app, backend='asyncio'), anyio_backend = 'asyncio'"
        ) from None


class _Lifespans(LifespanTask):
    """The lifespans as a runtime holds them; whose server's loop ends without a word, they stop with the process."""

    def __init__(self, runtime: Runtime, stack: LifespanStack) -> None:
        super().__init__(stack)
        self._runtime = runtime
        self._decided = asyncio.Event()
        self._loop = _asyncio_loop()
        self._task = self._loop.create_task(self.run())
        self._at_exit: Callable[[], None] = self._stop_at_exit
        if not runtime.has_lifespan:
            # It only ends what is open, and so is nothing that keeps an app which everybody else has dropped.
            self._task._log_destroy_pending = False  # type: ignore[attr-defined]  # a loop that is closed takes it along
            self._at_exit = partial(_stop_at_exit, weakref.ref(self))
        atexit.register(self._at_exit)

    async def start(self) -> None:
        """Wait for the start; raises what a lifespan raised, now or before."""
        await self._decided.wait()
        if self._runtime.failure is not None:
            raise self._runtime.failure.with_traceback(None)  # it would grow with each raise

    async def stop(self) -> None:
        """Stop them."""
        self.told.set()
        await asyncio.wait((self._task,))

    def decided(self) -> None:
        """Serve requests, or refuse them."""
        self._runtime.decided(self)
        self._decided.set()

    async def end_open(self) -> None:
        """End everything open."""
        await self._runtime.end_open()

    def ended(self) -> None:
        """Forget them."""
        self._runtime.ended(self)
        atexit.unregister(self._at_exit)

    def _stop_at_exit(self) -> None:
        # The server's loop has stopped by now; if it is still usable, the same task ends what it began.
        if self._task.done() or self._loop.is_running():
            return
        if self._loop.is_closed():
            if self._runtime.has_lifespan:
                logger.warning(_CLOSED)
                self._task._log_destroy_pending = False  # type: ignore[attr-defined]  # which says the same
            return
        self.told.set()
        self._loop.run_until_complete(self._task)


def _stop_at_exit(reference: "weakref.ref[_Lifespans]") -> None:
    lifespans = reference()
    if lifespans is not None:
        lifespans._stop_at_exit()
