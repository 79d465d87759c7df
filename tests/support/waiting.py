"""Waiting for what something else does: nothing sleeps and hopes, everything fails after a bound."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds after which something that should have happened is taken for a failure."""


def until(probe: Callable[[], T], what: str, context: Callable[[], str] = str, patience: float = PATIENCE) -> T:
    """Return what a probe gives once it is true.

    Raises:
        TimeoutError: it did not become true in time; with the end of the context.

    """
    deadline = time.monotonic() + patience
    while not (found := probe()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited in vain for {what}\n{context()[-4000:]}")
        time.sleep(0.005)
    return found
