"""What a worker process holds: the event-loop thread, the running lifespans, and what to end when it stops.

Law: nothing exists before the first use in a process, so nothing is inherited through a fork. The lifespans start
before the first request, in one task on the loop thread, and stop once: by `stop`, or at the process's end, after which
nothing starts again. They stop after the requests under way and the work that responses have left behind, for which a
stop waits within its bound: servers wait for a request only while its client does.
"""

import atexit
import os
import threading
import time
import weakref
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol

from hinge.backend.grace import A_MOMENT, cut_after, lifespans_by, name_left
from hinge.compiling.frozen import Endpoint, FrozenApp
from hinge.diagnostics.logger import logger
from hinge.inspection.signature import Colour
from hinge.loop.inflight import InFlight, ThreadFlight, described
from hinge_wsgi import environ as reader
from hinge_wsgi.after import PendingWork
from hinge_wsgi.producer import PortalProducer
from hinge_wsgi.waiting import STOP_SECONDS

if TYPE_CHECKING:
    from hinge_wsgi.lifespans import Lifespans
    from hinge_wsgi.portal import Portal

LOOK_AGAIN_SECONDS = 0.01
"""When to look again whether the requests under way have ended."""


class OpenStream(Protocol):
    """A streaming response that a drain can end."""

    is_event_stream: bool

    def finish(self) -> None:
        """End the stream; safe from any thread."""
        ...


class Runtime:
    """One compiled application's life in one process."""

    def __init__(self, frozen: FrozenApp) -> None:
        self._frozen = frozen
        self.has_lifespan = bool(frozen.lifespans)
        self.in_flight = InFlight()
        """How the requests under way are found."""
        if self.has_lifespan or any(map(_needs_loop, frozen.endpoints())):
            import hinge_wsgi.lifespans  # noqa: F401, PLC0415 - with asyncio and the portal, before the first request
        self._reset()
        _runtimes.add(self)

    def _reset(self) -> None:
        self._lock = threading.RLock()
        self._portal: Portal | None = None
        self._waiting = {PortalProducer._take.__code__}
        """What a thread is in that waits for the loop."""
        self._lifespan: Lifespans | None = None
        self.failure: BaseException | None = None
        self._cutter: threading.Timer | None = None
        self._exiting = False
        self.stop_failure: BaseException | None = None
        self.ready = not self.has_lifespan
        self.state: dict[str, Any] = {}
        self.streams: set[OpenStream] = set()
        self._is_cut = False
        self._cut_at: float | None = None
        self._gone_by: float | None = None
        self._lifespans_by: float | None = None
        self.work = PendingWork()
        self._background: set[threading.Thread] = set()
        self._room = threading.BoundedSemaphore(self._frozen.config.threads)
        self.draining = False

    def __del__(self) -> None:
        # An application that nobody can call any more takes its thread with it.
        portal: Portal | None = getattr(self, "_portal", None)
        if portal is not None:
            portal.request_stop()

    @property
    def portal(self) -> "Portal":
        """The loop thread, started on first use."""
        portal = self._portal
        if portal is None:
            from hinge_wsgi.portal import Portal, PortalCall  # noqa: PLC0415 - most processes have it by then, or never

            with self._lock:
                portal = self._portal = self._portal or Portal()
                self._waiting.add(PortalCall.wait.__code__)
                self._stop_at_exit()
        return portal

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine on the loop thread and return its result."""
        return self.portal.run(coroutine)

    def in_background(self, work: Callable[..., Any], *args: Any) -> None:
        """Run work in a thread of its own, for which `stop` waits; there are no more of these than `threads`."""
        room = self._room

        def run() -> None:
            try:
                work(*args)
            finally:
                self._background.discard(thread)
                room.release()

        room.acquire()
        # A daemon: what a stop has given up must not keep the process.
        thread = threading.Thread(target=run, name="hinge-after", daemon=True)
        try:
            with self._lock:
                self._stop_at_exit()
                self._background.add(thread)
                thread.start()
        except RuntimeError:  # the system has no more threads
            run()

    def finish_background(self) -> None:
        """Wait until what runs in the background has ended."""
        with self._lock:
            threads = tuple(self._background)
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join()

    def _finish_requests(self) -> None:
        """Wait for requests and the work after them until their time is over, cancel what can be, name what is left."""
        now = time.monotonic()
        if self._lifespans_by is None:  # the server did not say that a stop was coming
            self._lifespans_by = now + lifespans_by(self._frozen.config.graceful_timeout)
        patience = min(STOP_SECONDS, max(A_MOMENT, (self._lifespans_by - now) / 4))
        until = now + cut_after(self._frozen.config.graceful_timeout)
        if not self._have_ended(until if self._cut_at is None else max(self._cut_at, now + patience)):
            self._cut_loop()
            if not self._have_ended(time.monotonic() + patience):
                self._name_left()

    def _have_ended(self, until: float) -> bool:
        # Before the lifespans have started, requests wait for the start, which the stop ends.
        while (self.ready and self.in_flight.threads(self)) or (self._cut_at is not None and self.streams):
            if time.monotonic() > until:
                return False
            time.sleep(LOOK_AGAIN_SECONDS)
        return self.work.wait(until)

    def _name_left(self) -> None:
        told = [self._tell(flight) for flight in self.in_flight.threads(self) if flight.code in self._waiting]
        for one in filter(None, told):
            logger.warning("a request did not end: %s", one)
        name_left([request for stream in self.streams if (request := getattr(stream, "_request", None))])
        self.work.give_up()

    def start(self) -> None:
        """Start the lifespans, once per process; a start that failed keeps failing.

        Raises whatever a lifespan raised.
        """
        self._start("a lifespan failed to start")

    def start_lazily(self) -> bool:
        """Start the lifespans before a request; False if that fails, now or before."""
        try:
            self._start("a lifespan failed to start; every request is refused")
        except Exception:  # noqa: BLE001 - whatever a lifespan raises
            return False
        return True

    def _start(self, complaint: str) -> None:
        with self._lock:
            if self.failure is not None:
                raise self.failure.with_traceback(None)  # it would grow with each raise
            if self.ready:
                return
            if self._exiting:
                raise RuntimeError("the process is ending, and the lifespans have stopped")
            lifespan = self._lifespan
            if lifespan is None:
                from hinge_wsgi.lifespans import Lifespans  # noqa: PLC0415 - as above

                try:
                    portal = self.portal
                except Exception as error:  # there is no thread for it now, or none that would be one
                    logger.critical(complaint, exc_info=error)
                    raise
                lifespan = self._lifespan = Lifespans(portal, self._frozen.lifespan())
                portal.submit(lifespan.run())
        lifespan.started.wait()  # without the lock: a stop must not wait for a start that hangs
        with self._lock:
            if lifespan.failure is not None:
                if self._lifespan is lifespan:
                    self.failure, self._lifespan = lifespan.failure, None
                    logger.critical(complaint, exc_info=lifespan.failure)
                raise lifespan.failure
            if self._lifespan is lifespan:
                self.state = lifespan.state
                self.ready = True

    def register(self, stream: OpenStream) -> None:
        """Note something open; a worker that is stopping ends it when it ends its like."""
        self.streams.add(stream)
        if self.draining and (stream.is_event_stream or self._is_cut):
            stream.finish()

    def unregister(self, stream: OpenStream) -> None:
        """Note that something has ended."""
        self.streams.discard(stream)

    def still_open(self) -> list[OpenStream]:
        """Return the streams that are under way."""
        return [*self.streams]

    def drain(self, seconds: float) -> None:
        """End event streams now; other streams, and what requests run on the loop, after `seconds`."""
        self.draining = True
        self._cut_at = time.monotonic() + seconds
        grace = self._frozen.config.graceful_timeout
        self._lifespans_by = time.monotonic() + max(seconds, lifespans_by(grace))
        self._gone_by = time.monotonic() + max(seconds, grace)
        for stream in tuple(self.streams):
            if stream.is_event_stream:
                stream.finish()
        if self._cutter is None:
            self._cutter = threading.Timer(seconds, self._cut)
            self._cutter.daemon = True
            self._cutter.start()

    def _cut(self) -> None:
        self._is_cut = True
        for stream in tuple(self.streams):
            stream.finish()
        flights = [told for flight in self.in_flight.threads(self) if (told := self._tell(flight))]
        if flights:
            logger.warning("the worker stops before all requests have ended: %s", "; ".join(flights))
        self._cut_loop()

    def _cut_loop(self) -> None:
        portal = self._portal
        if portal is not None and portal.alive:
            portal.cut()

    def _tell(self, flight: ThreadFlight) -> str:
        """Return a request and its handler for the log, nothing if it is a stream's: that is told by itself."""
        is_waiting = flight.code in self._waiting
        if is_waiting and flight.waits_for.is_streaming:
            return ""
        how = "is cancelled" if is_waiting else "is left running in its thread"
        return f"{described(self._frozen, reader, flight.head)} {how}"

    def stop(self) -> None:
        """Stop the lifespans and the loop thread; a second call does nothing."""
        self._finish_requests()
        with self._lock:
            # A process is served once; in tests, a stopped application is started again.
            self.failure = self.stop_failure = None
            self.draining = self._is_cut = False
            rest = STOP_SECONDS  # for what still runs on the loop when the lifespans have stopped
            gone_by, self._gone_by = self._gone_by, None
            self._cut_at = self._lifespans_by = None
            if self._cutter is not None:
                self._cutter.cancel()
                self._cutter = None
            lifespan, self._lifespan = self._lifespan, None
            portal, self._portal = self._portal, None
            if self.has_lifespan:
                self.ready = False
            if portal is None or not portal.alive:
                return
            has_started = lifespan is not None and lifespan.started.is_set()
            if lifespan is not None and has_started:
                portal.loop.call_soon_threadsafe(lifespan.told.set)
                lifespan.stopped.wait()
            if gone_by is not None:
                rest = min(rest, max(0.0, gone_by - time.monotonic()) / 2)
            portal.stop(rest)  # which cancels a start that still waits
            if has_started and lifespan is not None and lifespan.failure is not None:
                self.stop_failure = lifespan.failure
                logger.error("a lifespan failed while it was stopped", exc_info=lifespan.failure)

    def _stop_at_exit(self) -> None:
        if self in _begun:
            return
        if not _begun.registered:
            _begun.registered = True
            from multiprocessing import util  # noqa: PLC0415 - only a process that serves pays for it

            # Granian's workers run no atexit on CPython 3.11 and 3.12, gunicorn's and mod_wsgi's no multiprocessing
            # finalizers.
            atexit.register(_exit)
            util.Finalize(None, _exit, exitpriority=10)
        _begun.add(self)


def _needs_loop(endpoint: Endpoint) -> bool:
    """Tell whether an endpoint is known to run coroutines on the loop thread."""
    plan = endpoint.plan
    is_async = plan.is_async and not (plan.inline or plan.own_loop)
    return is_async or plan.colour is Colour.ASYNC_GENERATOR or endpoint.has_async_layers


# -- the process, for all apps: what is registered for a single one would outlive it -----------------------------------


class _Begun(weakref.WeakSet[Runtime]):
    """The runtimes that have something to stop."""

    registered = False
    """Whether this process stops them at its end."""


_runtimes: weakref.WeakSet[Runtime] = weakref.WeakSet()
_begun = _Begun()
_inherited: list[Any] = []


def _reset() -> None:
    """Begin anew: a forked child has neither the parent's threads nor its locks' owners."""
    _begun.clear()
    _begun.registered = False
    for runtime in tuple(_runtimes):
        # Kept, not used: collecting a loop that seems to run would complain about its tasks.
        _inherited.append((runtime._portal, runtime._lifespan))
        runtime._reset()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_reset)


def _exit() -> None:
    with ExitStack() as everything:  # whatever one of them raises
        for runtime in tuple(_begun):
            runtime._exiting = True
            everything.callback(runtime.stop)
