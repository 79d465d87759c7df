"""A bound on the time that a request may take until its response begins.

Law: what runs inside is cancelled once, by asyncio's own cancellation, and waited for: it may clean up, and await
something while it does. Dependencies that are being left are not interrupted: the result is there, and a commit under
way. A stream that has begun is beyond it, and so is a WebSocket.
"""

import asyncio
from math import isfinite
from typing import Any, cast

from hinge.dependencies.sparing import LOOK_AGAIN_SECONDS, is_spared
from hinge.diagnostics.kinds import Wanted, want
from hinge.diagnostics.misuse import fits
from hinge.errors import HTTPError
from hinge.middleware.layer import AsyncMiddleware
from hinge.request import Request
from hinge.websocket import WebSocket

SECONDS = Wanted(
    lambda value: isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) and value > 0,
    "number above 0",
    "a number of seconds",
)


class Timeout:
    """Answer with 504 if there is no response after so many seconds; add an instance to the app, a router or a route.

    The handler is cancelled, and its clean-up and that of its dependencies is waited for. A `def` handler on an event
    loop goes on in its thread, for nobody; where it has dependencies to leave, it is waited for, and they see the
    cancellation. Under WSGI, where it has the server's thread, it is refused when the app is compiled. What a
    middleware further out does is not counted.

    Raises:
        ConfigurationError: `seconds` is no number above 0.
    """

    cancels = True

    __slots__ = ("_seconds",)

    @fits
    def __init__(self, seconds: float) -> None:
        want("Timeout", SECONDS, seconds=seconds)
        self._seconds = seconds

    async def __call__(self, request: Request | WebSocket) -> AsyncMiddleware:
        """Let the rest of the app have the time.

        Raises:
            HTTPError: 504, it has taken longer.
        """
        if isinstance(request, WebSocket):
            yield
            return
        bound = Bound(self._seconds)
        try:
            yield
        except (asyncio.CancelledError, TimeoutError) as error:
            if not bound.stop():  # it is the handler's own, or somebody else ends the request
                raise
            raise HTTPError(504, "The request took too long.") from error
        finally:
            bound.stop()


class Bound:
    """Cancel the current task after some seconds, or once it is not spared any more; `stop` takes it back."""

    __slots__ = ("_before", "_is_over", "_is_taken_back", "_loop", "_task", "_timer")

    def __init__(self, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._before = self._task.cancelling()
        self._is_over = self._is_taken_back = False
        self._timer = self._loop.call_later(seconds, self.end)

    def end(self) -> None:
        """Cancel it, now or as soon as that may be."""
        if is_spared(self._task):
            self._timer = self._loop.call_later(LOOK_AGAIN_SECONDS, self.end)
        else:
            self._is_over = True
            self._task.cancel()

    def stop(self) -> bool:
        """Tell whether it has cancelled the task, and nobody else has; do no more from now on."""
        self._timer.cancel()
        if self._is_over and not self._is_taken_back:
            self._is_taken_back = True
            self._task.uncancel()
        return self._is_over and self._task.cancelling() <= self._before
