"""What serves an endpoint, with the observers of its app around it.

Law: a response ends where its sink ends it; what runs behind it is no part of it. One that never ends is of a client
that has left.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from hinge.errors import ClientDisconnect
from hinge.loop.sink import WholeSink
from hinge.observability.observer import Observation
from hinge.responses.response import Response
from hinge.responses.streaming import BODILESS, StreamAborted


def observed(serve: Callable[[Any, WholeSink], Awaitable[None]]) -> Callable[[Any, WholeSink], Awaitable[None]]:
    """Return `serve` with the observers of the exchange's endpoint around it."""

    async def observing(exchange: Any, sink: WholeSink) -> None:
        seen = Observation(exchange)
        kind = _TakingSink if hasattr(sink, "took") else _Sink
        seen.begin()
        try:
            await serve(exchange, kind(sink, seen))
        except BaseException as error:
            seen.end(error.failure if isinstance(error, StreamAborted) else error)
            raise
        seen.end(ClientDisconnect())

    return observing


class _Sink:
    """Where a response goes that is observed."""

    def __init__(self, sink: Any, seen: Observation) -> None:
        self._sink = sink
        self._seen = seen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sink, name)

    async def whole(self, response: Response, *, head_only: bool) -> None:
        """Send a response whose body is known."""
        self._seen.status = response.status
        if not head_only and response.status not in BODILESS:
            self._seen.size = len(response.body or b"")
        await self._sink.whole(response, head_only=head_only)
        self._seen.end()

    def start(self, response: Response) -> Awaitable[None]:
        """Send a stream's head."""
        self._seen.status = response.status
        started: Awaitable[None] = self._sink.start(response)
        return started

    def chunk(self, data: bytes) -> Awaitable[None]:
        """Send a part of it."""
        self._seen.size += len(data)
        sent: Awaitable[None] = self._sink.chunk(data)
        return sent

    async def end(self) -> None:
        """Send its end."""
        await self._sink.end()
        self._seen.end()


class _TakingSink(_Sink):
    """The same where the server may send a file itself."""

    async def took(self, response: Any) -> bool:
        """Have the server send a file, if it may."""
        taken: bool = await self._sink.took(response)
        if taken:
            self._seen.status, self._seen.size = response.status, response.content_length or 0
            self._seen.end()
        return taken
