"""Signals that stop a process, heard by a thread.

Law: what a stop does never runs in a signal handler of a main thread that waits for a lock. Such a handler needs the
interpreter, which a main thread about to block does not enter again: the stop would be lost. And one that sets the
event on which the main thread just begins to wait would wait for itself. The wakeup descriptor knows neither. What the
app has set for these signals is called as well, in the main thread, and neither keeps nor ends the worker.
"""

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from hinge.diagnostics.logger import logger

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

Handler = Callable[[int, FrameType | None], object]


class OfTheApp:
    """The handlers that an app has set for the signals that stop."""

    def __init__(self) -> None:
        self._handlers: dict[int, Handler] = {}

    def take(self, ours: Handler | signal.Handlers = signal.SIG_DFL) -> None:
        """Take over what the app has set by now, and set `ours` in its place."""
        for number in STOP_SIGNALS:
            found = signal.getsignal(number)
            # A loop's own does nothing: the loop hears of signals beside it, and calls what it was given.
            if callable(found) and found is not ours and not _is_a_loop_s(found):
                self._handlers[number] = found
            signal.signal(number, ours)

    def call(self, number: int, frame: FrameType | None) -> None:
        """Call the app's handler of a signal; an exit is no more than the stop that comes anyway."""
        handler = self._handlers.get(number)
        if handler is None:
            return
        try:
            handler(number, frame)
        except SystemExit:
            pass
        except BaseException:  # noqa: BLE001 - whatever it raises
            logger.exception("the app's own handler of %s failed", signal.Signals(number).name)


def _is_a_loop_s(handler: Any) -> bool:
    return (getattr(handler, "__module__", None) or "").partition(".")[0] in ("asyncio", "uvloop")


def on_stop(action: Callable[[], object], handler: Handler | None = None) -> None:
    """Call `action` in a thread at every signal that stops; to be called by the main thread, which calls `handler`."""
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    for number in STOP_SIGNALS:
        signal.signal(number, handler or _ignore)
    threading.Thread(target=_listen, args=(receiver, sender, action), name="hinge-stop", daemon=True).start()


def unheard() -> None:
    """Have the signals that stop do what they do in a Python that nobody has told anything; by the main thread."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def leave_to_others() -> None:
    """Have this thread hear no stop signals, nor the processes it starts until they `forget`: those signals wait."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Have stop signals wait while their handlers are changed: between two handlers they would go to the wrong one."""
    leave_to_others()
    try:
        yield
    finally:
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


def forget() -> None:
    """Let stop signals end this process, with those that came since its parent started it."""
    signal.set_wakeup_fd(-1)
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


def _listen(receiver: socket.socket, sender: socket.socket, action: Callable[[], object]) -> None:
    with receiver, sender:  # the sender lives as long as it is written to
        while numbers := receiver.recv(64):
            if not set(STOP_SIGNALS).isdisjoint(numbers):
                action()


def _ignore(number: int, frame: FrameType | None) -> None:
    """Stand in for a handler: without one, the signal would end the process."""
