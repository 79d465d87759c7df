"""What keeps the connection of a silent event stream alive.

Law: nothing is sent while something else is. A silence is timed by one timer of the event loop, which a busy stream
moves on once in that time, and only a silent one needs a task.
"""

import asyncio
from collections.abc import Callable

from hinge.loop.sink import WholeSink
from hinge.loop.watch import Watch


class KeepAlive:
    """Sends a comment after each silence, so that no proxy takes the stream for dead.

    Whoever sends says so in `is_sending`, counts in `sent`, and waits before that while there is a `comment`.
    """

    __slots__ = ("_make", "_seconds", "_sent", "_sink", "_timer", "_watch", "comment", "is_sending", "sent")

    def __init__(self, sink: WholeSink, seconds: float, make: Callable[[], bytes], watch: Watch) -> None:
        self._sink = sink
        self._seconds = seconds
        self._make = make
        self._watch = watch
        self._sent = self.sent = 0
        self._timer: asyncio.TimerHandle | None = None
        self.is_sending = False
        self.comment: asyncio.Task[None] | None = None
        """What sends a comment: it begins while nothing is being sent."""

    def begin(self) -> None:
        """Wait for a silence."""
        self._sent = self.sent
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._look)

    def _look(self) -> None:
        if self.sent == self._sent and not self.is_sending:
            self.comment = asyncio.get_running_loop().create_task(self._speak())
        else:
            self.begin()

    async def _speak(self) -> None:
        try:
            if data := self._make():
                await self._sink.chunk(data)
        except Exception:  # noqa: BLE001 - whatever the server has against it, nobody is there any more
            self._watch.leave()
        else:
            self.begin()
        self.comment = None

    async def quiet(self) -> None:
        """Return when no comment is on its way."""
        while self.comment is not None and not self.comment.done():
            await asyncio.wait((self.comment,))

    async def stop(self) -> None:
        """Say no more."""
        try:
            if self.comment is not None:
                self.comment.cancel()
                await self.quiet()
        finally:
            if self._timer is not None:
                self._timer.cancel()
