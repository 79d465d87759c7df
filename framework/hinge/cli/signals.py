"""Signals that stop a process, heard by a thread.

Law: what a stop does never runs in a signal handler of a main thread that waits for a lock. Such a handler needs the
interpreter, which a main thread about to block does not enter again: the stop would be lost. And one that sets the
event on which the main thread just begins to wait would wait for itself. The wakeup descriptor knows neither.
"""

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def on_stop(action: Callable[[], object]) -> None:
    """Call `action` in a thread at every signal that stops; to be called by the main thread."""
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    for number in STOP_SIGNALS:
        signal.signal(number, _ignore)
    threading.Thread(target=_listen, args=(receiver, sender, action), name="hinge-stop", daemon=True).start()


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
