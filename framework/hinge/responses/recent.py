"""What was found a moment ago, so that it is not looked for again.

Law: nothing is older than FRESH seconds, counted from before it was looked for. What is kept is bounded in number and
in bytes, the oldest goes first. Any thread may ask and keep.
"""

from collections.abc import Hashable
from threading import Lock
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")

FRESH = 1.0
"""Seconds after which what was found is looked for again."""
MOST = 1024
"""How many are kept."""
MOST_BYTES = 16 * 1024 * 1024
"""What they weigh together at most."""


class Recent(Generic[T]):
    """Keep what was found, by what was asked for."""

    __slots__ = ("_found", "_lock", "_weight")

    def __init__(self) -> None:
        self._found: dict[Hashable, tuple[float, T, int]] = {}  # the oldest first
        self._weight = 0
        self._lock = Lock()

    def get(self, key: Hashable) -> T | None:
        """Return what was found a moment ago, None if it has to be looked for."""
        kept = self._found.get(key)
        return None if kept is None or kept[0] <= monotonic() - FRESH else kept[1]

    def keep(self, key: Hashable, found: T, since: float, *, weight: int = 0) -> None:
        """Keep what was found; `since` is the monotonic time before it was looked for, `weight` its bytes."""
        with self._lock:
            self._drop(key)
            self._found[key] = since, found, weight
            self._weight += weight
            while len(self._found) > MOST or self._weight > MOST_BYTES:
                self._drop(next(iter(self._found)))

    def _drop(self, key: Hashable) -> None:
        dropped = self._found.pop(key, None)
        if dropped is not None:
            self._weight -= dropped[2]
