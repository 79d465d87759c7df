"""What one limit has let through, in this process's memory.

Law: in no stretch of time of the limit's length do more pass than it says, wherever the stretch begins. A request costs
the same however many there were. A time takes 8 bytes, and a client has at most as many as the limit says; they are
given back, as requests come, once it has been quiet for such a stretch. The one of `limits` keeps something of each
client for ever, and looks at all of them up to a hundred times a second.
"""

from array import array
from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from time import monotonic

_LOOKED_AT = 2
"""How many clients a request forgets at most: more than the one that it may add, so that room taken is given back."""


class MovingWindow:
    """At most `amount` requests of one client in any `seconds`."""

    def __init__(self, amount: int, seconds: float) -> None:
        self._amount = amount
        self._seconds = seconds
        self._passed: OrderedDict[Hashable, _Times] = OrderedDict()  # whose last is the longest ago comes first
        self._lock = Lock()

    def wait(self, whose: Hashable) -> float:
        """Count a request and return 0.0; or do not count it, and return the seconds until one more may pass."""
        with self._lock:
            now = monotonic()
            self._forget(now - self._seconds)
            times = self._passed.get(whose)
            if times is None:
                times = self._passed[whose] = _Times()
            left = times.add(now, self._amount, now - self._seconds)
            if not left:
                self._passed.move_to_end(whose)
            return left

    def _forget(self, until: float) -> None:
        for _ in range(_LOOKED_AT):
            if not self._passed:
                return
            whose, times = next(iter(self._passed.items()))
            if times.last > until:
                return
            del self._passed[whose]


class _Times:
    """When requests passed: a ring, once it is as long as the limit's amount."""

    __slots__ = ("_oldest", "_ring", "last")

    def __init__(self) -> None:
        self._ring: array[float] = array("d")
        self._oldest = 0
        self.last = 0.0

    def add(self, now: float, amount: int, until: float) -> float:
        """Return 0.0; or, if it is one too many since `until`, the seconds that are missing."""
        if len(self._ring) < amount:
            self._ring.append(now)
        else:
            left = self._ring[self._oldest] - until
            if left > 0:
                return left
            self._ring[self._oldest] = now
            self._oldest = (self._oldest + 1) % amount
        self.last = now
        return 0.0
