"""What waits for responses, so that a stop can wait in turn.

Law: an answer with work behind it is noted before it is sent, and forgotten when its work is done. Requests without
such work pay nothing.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

from hinge.backend.grace import named
from hinge.diagnostics.log import logger
from hinge.request import Request


class Work:
    """The work after responses of one process."""

    def __init__(self) -> None:
        self._running: dict[Request, Callable[..., Any] | None] = {}
        self._ended = threading.Condition()

    def expect(self, request: Request) -> None:
        """Note that work waits for a response."""
        self._running.setdefault(request, None)

    def begin(self, request: Request, function: Callable[..., Any]) -> None:
        """Note what of it runs now."""
        self._running[request] = function

    def done(self, request: Request | None) -> None:
        """Note that nothing waits for the response any more."""
        if request in self._running:
            with self._ended:
                self._running.pop(request, None)
                self._ended.notify_all()

    def wait(self, until: float) -> bool:
        """Wait until all is done, or until that time (of `time.monotonic`); return whether it is."""
        with self._ended:
            return self._ended.wait_for(lambda: not self._running, max(0.0, until - time.monotonic()))

    def give_up(self) -> None:
        """Name what is left in the log, and forget it."""
        for request, function in tuple(self._running.items()):
            if function is not None:
                logger.warning("%s is left running in its thread", named(request, function))
            for other, _, _ in request._after or ():
                logger.warning("%s was not begun", named(request, other))
        self._running.clear()
