"""What `request.after_response` registered.

Law: it runs when the client has the whole response or has left, in the request's context and in the order of
registration, and a failure is logged and stops nothing. A stop waits for it, and names what it leaves undone: an answer
with work behind it is noted before it is sent, and forgotten when its work is done. Requests without such work pay
nothing.
"""

import inspect
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hinge.backend.grace import log_undone, named
from hinge.diagnostics.failures import FAILURES, failure_of
from hinge.diagnostics.logger import logger
from hinge.request import Request
from hinge_wsgi.waiting import Cut

if TYPE_CHECKING:
    from hinge_wsgi.runtime import Runtime


class PendingWork:
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


def run_after(runtime: "Runtime", request: Request) -> None:
    """Run everything registered, and what that registers in turn."""
    while request._after:
        tasks, request._after = request._after, None
        for number, (function, args, kwargs) in enumerate(tasks):
            runtime.work.begin(request, function)
            try:
                result = function(*args, **kwargs)
                if inspect.isawaitable(result):
                    runtime.run(_awaited(result))
            except Cut:
                log_undone(request, function, "was cancelled", tasks[number + 1 :])
                return
            except FAILURES as error:  # the next one must run
                logger.error("%s failed", named(request, function), exc_info=failure_of(error))


async def _awaited(awaitable: Any) -> Any:
    return await awaitable
