"""What a Granian worker process does for a Hinge app: load it, start it, end what would keep it from stopping, stop it.

Law: an application is started once before its first request and stopped once after its last; a worker that cannot
start ends the whole service, with one message; a stop is bounded.

Granian tells a worker to stop with a signal, whose handler it installs after the target is loaded. It then accepts
nothing more and waits for the requests in flight without a limit, so streams and WebSockets must be ended from that
handler: it is wrapped.
"""

import contextlib
import gc
import multiprocessing
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any

from hinge.backend import draining
from hinge.backend.contract import Application
from hinge.backend.exits import run_to_end
from hinge.backend.grace import cut_after, hang_up_after, lifespans_by
from hinge.cli.access import enable_log, neutralise_log, open_access_log
from hinge.cli.connections import hang_up
from hinge.cli.errors import told
from hinge.cli.hooks import log_hooks
from hinge.cli.preflight import Launch
from hinge.cli.root_path import below
from hinge.cli.signals import STOP_SIGNALS, OfTheApp, forget, held, on_stop

_WAIT_FOR_THE_PARENT = 5.0
"""Seconds in which the parent, told of a failed start, ends the worker; it ends by itself if the parent is gone."""

_YOUNG = 2000
"""New objects after which the collector goes over them, as in CPython 3.13; 30 open requests have 700."""

_CLOSING_SECONDS = 0.2
"""Seconds in which WebSockets may send their close frames: Granian cuts them as soon as it knows of the stop."""


class Worker:
    """The spawn target and the target loader of a Granian server, sent to each worker process by copy."""

    def __init__(self, launch: Launch, spawner: str, report: Connection | None) -> None:
        """`spawner` names Granian's own spawn target; `report`, unless None, takes the traceback of a failed start."""
        self._launch = launch
        self._spawner = spawner
        self._report = report
        self._application: Application | None = None
        self._stop_requested = False
        self._stopping = False
        self._is_stopped = False

    @property
    def _exact(self) -> bool:
        """Whether we start and stop the application; elsewhere Granian does, through the protocol."""
        return self._launch.is_wsgi

    _of_the_app: OfTheApp
    _end: threading.Lock
    """Held while the application is stopped; of the worker process, since no lock can be sent to it."""

    def spawn(self, worker_id: int, *args: Any) -> None:
        """Serve until the stop; Granian's spawn target."""
        self._end, self._of_the_app = threading.Lock(), OfTheApp()
        forget()  # the parent's handlers, with which a stop would go unheard while the app is loaded
        neutralise_log()
        log_hooks()
        gc.set_threshold(max(_YOUNG, gc.get_threshold()[0]))  # now: the app may set its own while it is loaded
        _wrap_signal_setup(self._install)
        try:
            _granian_spawner(self._spawner)(worker_id, *args)
        except SystemExit as leaving:  # how Granian ends a worker whose lifespan.startup failed
            if leaving.code:
                self._fail("")
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it is, this worker serves nothing
            if error is not self._failure_at("stop"):
                is_logged = error is self._failure_at("start")
                self._fail("" if is_logged else told(error))
                raise SystemExit(1) from None
        finally:
            self._stop_exactly()
        if self._failure_at("stop") is not None:
            if self._report is not None and not self._exact:
                self._report.send(("stop", ""))
            raise SystemExit(1)

    def _stop_exactly(self) -> None:
        """Stop the application, if that is ours to do: when Granian has ended, or when it still waits for a thread."""
        with self._end:
            if not self._exact or self._application is None or self._is_stopped:
                return
            self._is_stopped = True
            self._application.stop()
            if self._failure_at("stop") is not None and self._report is not None:
                self._report.send(("stop", ""))

    def _failure_at(self, when: str) -> BaseException | None:
        """Return what a lifespan raised, which the log has told, from a backend that keeps it."""
        runtime = getattr(self._application, "runtime", None)
        failure: BaseException | None = getattr(runtime, "failure" if when == "start" else "stop_failure", None)
        return failure

    def load(self) -> Callable[..., Any]:
        """Return the started application; Granian's target loader."""
        config = self._launch.config
        found = self._launch.load()
        self._of_the_app.take()
        enable_log()  # the app's own configuration of logging may have disabled Granian's loggers
        open_access_log(config)
        application = self._launch.compiled(found)
        if self._exact:
            for number in STOP_SIGNALS:
                signal.signal(number, self._remember)
            self._application = application
            application.start()
        self._application = application
        _spare_the_collector()
        return below(config.root_path, application) if self._launch.is_wsgi and config.root_path else application

    def _remember(self, number: int, frame: FrameType | None) -> None:
        """Note a stop that comes while the lifespans start: it is obeyed as soon as they have."""
        self._of_the_app.call(number, frame)
        self._stop_requested = True

    def _install(self, setup: Callable[..., Any], *loop: Any) -> Any:
        """Call Granian's signal setup, then put the drain before what its handlers do."""
        config = self._launch.config

        def stop(*ignored: Any, delay: float = 0 if config.reload else config.drain_delay) -> None:
            if self._stopping:
                return  # Granian's event takes one notice; a second one, before it listens, would block for ever
            self._stopping = True
            draining.begin()
            if delay:
                _later(delay, self._drain, event, *loop)
            else:
                self._drain(event, *loop)

        def hear(number: int, frame: FrameType | None) -> None:
            self._of_the_app.call(number, frame)
            stop()

        with held():
            event = setup(*loop)
            if loop:
                _hear_beside_the_loop(loop[0], hear)
            else:
                on_stop(stop, self._of_the_app.call)
        for one in loop:
            _outlive_exits(one, partial(self._of_the_app.take, hear))  # what lifespans have set
        at_once = partial(stop, delay=0)  # whoever starts it anew wants the port
        threading.Thread(target=_outlive_nobody, args=(at_once,), name="hinge-parent", daemon=True).start()
        if self._stop_requested:
            at_once()  # nobody has been told yet that it is ready
        return event

    def _drain(self, event: Any, *loop: Any) -> None:
        """End what would keep the worker from stopping, and have Granian stop by its event."""
        config = self._launch.config
        grace = config.graceful_timeout
        if self._application is not None:
            self._application.drain(cut_after(grace))
        _later(hang_up_after(grace), hang_up, config.port, config.uds)
        _later(lifespans_by(grace), self._stop_exactly)
        if loop:
            loop[0].call_soon_threadsafe(loop[0].call_later, _CLOSING_SECONDS, event.set)
        else:
            event.set()

    def _fail(self, message: str) -> None:
        """Tell the parent why nothing can be served and wait to be ended by it, or say it here.

        `message` is a traceback, or empty where the log has told the reason.
        """
        forget()
        if self._report is None:
            print(f"{message}Error: {self._launch.target} did not start", file=sys.stderr, flush=True)
            return
        try:
            self._report.send(("start", message))
        except OSError:
            return
        time.sleep(_WAIT_FOR_THE_PARENT)


def _spare_the_collector() -> None:
    """Have no collection go over what is loaded: it stays, and a full collection would hold up every request."""
    gc.collect()  # what is garbage by now would stay as well
    gc.freeze()


def _granian_spawner(name: str) -> Callable[..., None]:
    from granian.server import Server

    spawner: Callable[..., None] = getattr(Server, name)
    return spawner


def _wrap_signal_setup(install: Callable[..., Any]) -> None:
    """Have Granian's spawn targets install the stop's handlers through `install(setup, *loop)`."""
    from granian import _signals

    for name in ("set_loop_signals", "set_sync_signals"):
        setattr(_signals, name, partial(install, getattr(_signals, name)))


def _outlive_exits(loop: Any, after: Callable[[], None]) -> None:
    """Have Granian run its loop on when a task calls `sys.exit()`, and `after` called each time that it has run."""
    import asyncio

    run = loop.run_until_complete

    def run_until_complete(awaited: Any) -> Any:
        try:
            return run_to_end(run, asyncio.ensure_future(awaited, loop=loop))
        finally:
            after()

    loop.run_until_complete = run_until_complete


def _hear_beside_the_loop(loop: Any, stop: Callable[..., None]) -> None:
    """Call `stop` at a signal whether or not the loop runs, which Granian leaves for a moment when it begins to serve.

    The loop alone would lose a stop just then. Its own handler stays, empty, so that a signal wakes it.
    """
    for number in STOP_SIGNALS:
        with contextlib.suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, _nothing)
        signal.signal(number, stop)


def _later(seconds: float, work: Callable[..., None], *args: Any) -> None:
    waiting = threading.Timer(seconds, work, args)
    waiting.daemon = True
    waiting.start()


def _outlive_nobody(stop: Callable[[], object]) -> None:
    """Stop when the parent is gone, which was killed then: its workers would hold the port, and nobody stops them."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        stop()


def _nothing() -> None:
    """Do nothing."""
