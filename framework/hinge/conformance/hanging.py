"""A backend that hangs or answers nothing: each of its checks ends, and soon the run does.

Law: a check waits for an answer, for a connection and for its end for the seconds of `--hinge-timeout` each, and for
all that it does for a few times as long. A backend that hangs before any check has passed is given up at once, another
one after a few such checks, and one of which only failures are known after some more; each time with one line.
"""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

import pytest

SECONDS = 10.0
"""How long a check waits for an answer if nobody says otherwise: what is in process takes milliseconds."""
WAITS = 3
"""How many such waits a check may take in all."""
MAX_HANGS = 3
"""After so many checks that hang, those that follow would hang, too."""
MAX_FAILURES = 20
"""After so many failures and nothing else, those that follow would say the same."""
_FAILED: pytest.StashKey[bool] = pytest.StashKey()
_HUNG: pytest.StashKey[bool] = pytest.StashKey()


@dataclass(slots=True)
class Tally:
    """What became of the checks of one backend."""

    passed: int = 0
    failed: int = 0
    hung: int = 0


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
    before = signal.signal(signal.SIGALRM, _interrupt)
    try:
        with at_most(seconds, "the check did not end"):
            yield
    finally:
        signal.signal(signal.SIGALRM, before)


_complaints: list[str] = []
"""What is waited for, the innermost last; in the main thread only."""


@contextmanager
def at_most(seconds: float, complaint: str) -> Iterator[None]:
    """Raise TimeoutError with the complaint in a part of a bounded check after `seconds`, and again if that hangs, too.

    Elsewhere, and in another thread, nothing is bounded.
    """
    if not _is_bounded():
        yield
        return
    began = time.monotonic()
    left, interval = signal.getitimer(signal.ITIMER_REAL)
    _complaints.append(f"{complaint} within {seconds:g} s")
    if not left or seconds < left:
        signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
    try:
        yield
    finally:
        rest = max(left - (time.monotonic() - began), 0.01) if left else 0
        signal.setitimer(signal.ITIMER_REAL, rest, interval)
        _complaints.pop()


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise TimeoutError(_complaints[-1] if _complaints else "the check did not end")


def _is_bounded() -> bool:
    in_main = threading.current_thread() is threading.main_thread()
    return in_main and hasattr(signal, "SIGALRM") and signal.getsignal(signal.SIGALRM) is _interrupt


def _can_interrupt() -> bool:
    """Tell whether there is a timer that nobody else uses."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        return False
    return signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def give_up(item: pytest.Item, report: Any, tallies: dict[str, Tally]) -> None:
    """Note a report, and end the run if its backend has failed or hung once too often; `tallies` are by backend."""
    call = getattr(item, "callspec", None)
    backend = str(call.params.get("backend")) if call is not None else ""
    tally = tallies.setdefault(backend, Tally())
    if report.failed:
        hangs = report.duration >= timeout_of(item.config)
        tally.failed += not item.stash.get(_FAILED, False)
        tally.hung += hangs and not item.stash.get(_HUNG, False)
        item.stash[_FAILED] = True
        item.stash[_HUNG] = hangs or item.stash.get(_HUNG, False)
        item.session.shouldfail = _verdict(backend, tally, timeout_of(item.config)) or item.session.shouldfail
    elif report.passed and report.when == "teardown" and not item.stash.get(_FAILED, False):
        tally.passed += 1


def _verdict(backend: str, tally: Tally, seconds: float) -> str:
    if tally.hung >= (MAX_HANGS if tally.passed else 1):
        checks = "1 check" if tally.hung == 1 else f"{tally.hung} checks"
        none = "" if tally.passed else ", and none has passed"
        return f"backend {backend!r} hangs: {checks} waited for {seconds:g} s or longer{none}; the rest is not run"
    if tally.failed >= MAX_FAILURES and not tally.passed:
        return f"backend {backend!r} passes nothing: {tally.failed} checks failed; the rest is not run. Begin with -x"
    return ""
