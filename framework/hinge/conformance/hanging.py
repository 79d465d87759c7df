"""A backend that hangs: each of its checks ends, and soon the run does.

Law: a check waits for an answer for the seconds of `--hinge-timeout`, and for all that it does for a few times as long.
After a few checks that waited so long, the backend is given up with one line.
"""

import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

SECONDS = 10.0
"""How long a check waits for an answer if nobody says otherwise: what is in process takes milliseconds."""
WAITS = 3
"""How many such waits a check may take in all."""
MAX_HANGS = 3
"""After so many checks that hang, those that follow would hang, too."""


def timeout_of(config: pytest.Config) -> float:
    """Return the seconds of `--hinge-timeout`."""
    return float(config.getoption("conformance_timeout", None) or SECONDS)


@contextmanager
def bounded(item: pytest.Item) -> Iterator[None]:
    """Raise TimeoutError in a check of the kit that takes too long, where the system can (not on Windows)."""
    if item.get_closest_marker("clause") is None or not _can_interrupt():
        yield
        return
    seconds = WAITS * timeout_of(item.config)

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"the check did not end within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _can_interrupt() -> bool:
    """Tell whether there is a timer that nobody else uses."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        return False
    return signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def give_up_hanging(item: pytest.Item, report: Any, hangs: Counter[str]) -> None:
    """End the run if a failed check was one too many that hung; `hangs` counts them by backend."""
    seconds = timeout_of(item.config)
    if report.duration < seconds:
        return
    name = getattr(item, "callspec", None)
    backend = str(name.params.get("backend")) if name is not None else ""
    hangs[backend] += 1
    if hangs[backend] == MAX_HANGS:
        item.session.shouldfail = (
            f"backend {backend!r} hangs: {MAX_HANGS} checks waited for {seconds:g} s or longer; the rest is not run"
        )
