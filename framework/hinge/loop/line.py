"""The way of one response to the server, part by part, and what keeps it alive where an event stream is silent.

Law: nothing is sent while something else is. A silence is timed by one timer of the event loop, which a busy stream
moves on once in that time, and only a silent one needs a task.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from hinge.response import Response


class Sink(Protocol):
    """Where one response goes. What each method returns is done when the server is ready for more.

    Raises OSError if the client has left and the server says so by refusing.
    """

    def start(self, response: Response) -> Awaitable[None]:
        """Send the status and the headers of a response whose body follows in chunks, or not at all."""
        ...

    def chunk(self, data: bytes) -> Awaitable[None]:
        """Send a part of the body, which is never empty."""
        ...

    def end(self) -> Awaitable[None]:
        """End the body."""
        ...


class Gone(Exception):  # noqa: N818 - an event of the protocol
    """The server took no more, because the client has left."""


class Line:
    """What goes through a sink, and how far it has got."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._turn: asyncio.Lock | None = None  # held by a comment, which does not begin while anything is being sent
        self.is_sending = False
        self.sent = 0
        self.refusal: Exception | None = None
        """What the server raised that does not mean that the client has left."""

    async def start(self, response: Response) -> None:
        """Send the head; raises Gone, or what the server raises."""
        await self._send(self._sink.start, response)

    async def end(self) -> None:
        """End the body; raises as `start`."""
        await self._send(self._sink.end)

    async def chunk(self, data: bytes) -> None:
        """Send a part of the body, which is not empty; raises as `start`."""
        if self._turn is not None:
            await self._send(self._sink.chunk, data)
            return
        # What `_send_now` does, without the call: each chunk pays for it.
        self.is_sending = True
        try:
            await self._sink.chunk(data)
        except OSError:
            raise Gone from None
        except Exception as error:
            self.refusal = error
            raise
        self.is_sending = False
        self.sent += 1

    async def comment(self, make: Callable[[], bytes]) -> None:
        """Send what `make` returns, if anything, unless something is being sent; raises as `start`."""
        if self.is_sending:
            return
        if self._turn is None:
            self._turn = asyncio.Lock()
        async with self._turn:
            if data := make():  # made in turn: a coding of the content depends on the order
                await self._send_now(self._sink.chunk, data)

    async def _send(self, step: Callable[..., Awaitable[None]], *what: Any) -> None:
        if self._turn is None:
            await self._send_now(step, *what)
        else:
            async with self._turn:
                await self._send_now(step, *what)

    async def _send_now(self, step: Callable[..., Awaitable[None]], *what: Any) -> None:
        self.is_sending = True
        try:
            await step(*what)
        except OSError:
            raise Gone from None
        except Exception as error:
            self.refusal = error
            raise
        self.is_sending = False
        self.sent += 1


class KeepAlive:
    """Sends a comment after each silence, so that no proxy takes the stream for dead."""

    def __init__(self, line: Line, seconds: float, make: Callable[[], bytes], leave: Callable[[], None]) -> None:
        self._line = line
        self._seconds = seconds
        self._make = make
        self._leave = leave
        self._loop = asyncio.get_running_loop()
        self._speaking: asyncio.Task[None] | None = None
        self._wait()

    def _wait(self) -> None:
        self._sent = self._line.sent
        self._timer = self._loop.call_later(self._seconds, self._look)

    def _look(self) -> None:
        if self._sent and self._line.sent == self._sent and not self._line.is_sending:
            self._speaking = self._loop.create_task(self._speak())
        else:
            self._wait()

    async def _speak(self) -> None:
        try:
            await self._line.comment(self._make)
        except Exception:  # noqa: BLE001 - whatever the server has against it, nobody is there any more
            self._leave()
        else:
            self._wait()

    async def stop(self) -> None:
        """Say no more."""
        try:
            if self._speaking is not None and not self._speaking.done():
                self._speaking.cancel()
                await asyncio.wait((self._speaking,))
        finally:
            self._timer.cancel()
