"""A bound on the time that a request may take until its response begins.

Law: what runs inside is cancelled once, by asyncio's own cancellation, and waited for: it may clean up, and await
something while it does. A stream that has begun is beyond it, and so is a WebSocket.
"""

import asyncio
from math import isfinite

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

    The handler is cancelled, and its clean-up is waited for. A `def` handler on an event loop goes on in its thread,
    for nobody; under WSGI, where it has the server's thread, it is refused when the app is compiled. What a middleware
    further out does is not counted.

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
        bound = asyncio.timeout(self._seconds)
        try:
            async with bound:
                yield
        except TimeoutError as error:
            if not bound.expired():  # it is the handler's own
                raise
            raise HTTPError(504, "The request took too long.") from error
