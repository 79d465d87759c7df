"""What a worker process holds: the event-loop thread, the running lifespans, and what to end when it stops.

Law: nothing exists before the first use in a process, so nothing is inherited through a fork. The lifespans start before the
first request, in one task on the loop thread, and stop once: by `stop`, or at the process's end.
"""

import atexit
import os
import threading
import weakref
from collections.abc import Coroutine
from typing import Any, Protocol

import anyio

from hinge.blueprint import Blueprint
from hinge.problems import logger
from hinge_wsgi.portal import Portal


class OpenStream(Protocol):
    """A streaming response that a drain can end."""

    is_event_stream: bool

    def finish(self) -> None:
        """End the stream; safe from any thread."""
        ...


class Runtime:
    """One compiled application's life in one process."""

    def __init__(self, blueprint: Blueprint) -> None:
        self._blueprint = blueprint
        self.has_lifespan = bool(blueprint.lifespans)
        self._reset()
        # A forked child has neither the parent's threads nor its locks' owners.
        reference = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: (found := reference()) and found._reset())

    def _reset(self) -> None:
        self._lock = threading.RLock()
        self._portal: Portal | None = None
        self._lifespan: _RunningLifespan | None = None
        self._failure: BaseException | None = None
        self.stop_failure: BaseException | None = None
        self.ready = not self.has_lifespan
        self.state: dict[str, Any] = {}
        self.streams: set[OpenStream] = set()
        self.draining = False

    @property
    def portal(self) -> Portal:
        """The loop thread, started on first use."""
        portal = self._portal
        if portal is None:
            with self._lock:
                portal = self._portal = self._portal or Portal()
                self._at_exit()
        return portal

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine on the loop thread and return its result."""
        return self.portal.run(coroutine)

    def start(self) -> None:
        """Start the lifespans, once per process; a start that failed keeps failing.

        Raises whatever a lifespan raised.
        """
        with self._lock:
            if self._failure is not None:
                raise self._failure
            if self.ready:
                return
            lifespan = _RunningLifespan(self._blueprint)
            try:
                self.portal.submit(lifespan.run())
                lifespan.started.wait()
                if lifespan.failure is not None:
                    raise lifespan.failure
            except BaseException as error:
                self._failure = error
                raise
            self._lifespan = lifespan
            self.state = lifespan.state
            self.ready = True

    def drain(self, seconds: float) -> None:
        """End event streams now and other streams after `seconds`."""
        self.draining = True
        for stream in tuple(self.streams):
            if stream.is_event_stream:
                stream.finish()
        timer = threading.Timer(seconds, self._cut)
        timer.daemon = True
        timer.start()

    def _cut(self) -> None:
        for stream in tuple(self.streams):
            stream.finish()

    def stop(self) -> None:
        """Stop the lifespans and the loop thread; a second call does nothing."""
        with self._lock:
            # A process is served once; in tests, a stopped application is started again.
            self._failure = self.stop_failure = None
            self.draining = False
            lifespan, self._lifespan = self._lifespan, None
            portal, self._portal = self._portal, None
            if self.has_lifespan:
                self.ready = False
            if portal is None or not portal.alive:
                return
            if lifespan is not None:
                portal.loop.call_soon_threadsafe(lifespan.stop.set)
                lifespan.stopped.wait()
            portal.stop()
            if lifespan is not None and lifespan.failure is not None:
                self.stop_failure = lifespan.failure
                logger.error("a lifespan failed while it was stopped", exc_info=lifespan.failure)

    def _at_exit(self) -> None:
        from multiprocessing import util  # noqa: PLC0415 - only a process that serves pays for it

        # Granian's workers run no atexit on CPython 3.11 and 3.12, gunicorn's and mod_wsgi's no multiprocessing finalizers.
        reference = weakref.ref(self)
        atexit.register(_stop, reference)
        util.Finalize(None, _stop, args=(reference,), exitpriority=10)


def _stop(reference: "weakref.ref[Runtime]") -> None:
    runtime = reference()
    if runtime is not None:
        runtime.stop()


class _RunningLifespan:
    """The one task that starts the lifespans, waits, and stops them: task groups may span the yield."""

    def __init__(self, blueprint: Blueprint) -> None:
        self._stack = blueprint.lifespan()
        self.started = threading.Event()
        self.stopped = threading.Event()
        self.failure: BaseException | None = None
        self.state: dict[str, Any] = {}
        self.stop: anyio.Event

    async def run(self) -> None:
        self.stop = anyio.Event()
        try:
            await self._stack.start()
            self.state = dict(self._stack.state)
            self.started.set()
            await self.stop.wait()
            await self._stack.stop()
        except BaseException as error:  # noqa: BLE001 - raised in the thread that waits
            self.failure = error
        finally:
            self.started.set()
            self.stopped.set()


