"""What serves an endpoint, with the observers of its app around it.

Law: a response ends where its sink ends it; what runs behind it is no part of it.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from hinge.backend import (
    BODILESS,
    ClientDisconnect,
    Endpoint,
    Observation,
    Response,
    Runtime,
    StreamAborted,
    make_server,
    observation,
)
from hinge_rsgi import head as reader
from hinge_rsgi.exchange import RSGIExchange, Sink
from hinge_rsgi.head import Head


def observed(endpoint: Endpoint, runtime: Runtime) -> Callable[[Head, Any, tuple[str, ...]], Awaitable[None]]:
    """Return what serves an endpoint that is observed."""
    serve = make_server(endpoint, reader, runtime)

    async def observing(head: Head, proto: Any, values: tuple[str, ...]) -> None:
        exchange = RSGIExchange(reader, head, endpoint, values, runtime.state, proto=proto)
        seen = Observation(exchange)
        seen.begin()
        try:
            await serve(exchange, _Sink(exchange))
        except BaseException as error:
            seen.end(error.failure if isinstance(error, StreamAborted) else error)
            raise
        seen.end(ClientDisconnect())

    return observing


class _Sink(Sink):
    """Where a response goes that is observed."""

    __slots__ = ()

    async def whole(self, response: Response, *, head_only: bool) -> None:
        """Send a response whose body is known."""
        seen = observation.get()
        seen.status = response.status
        if not head_only and response.status not in BODILESS:
            seen.size = len(response.body or b"")
        await super().whole(response, head_only=head_only)
        seen.end()

    async def start(self, response: Response) -> None:
        """Send a stream's head."""
        observation.get().status = response.status
        await super().start(response)

    def chunk(self, data: bytes) -> Awaitable[None]:
        """Send a part of it."""
        observation.get().size += len(data)
        return super().chunk(data)

    async def end(self) -> None:
        """Send its end."""
        await super().end()
        observation.get().end()

    async def took(self, response: Any) -> bool:
        """Have Granian send a file or a part of it, if it may."""
        taken = await super().took(response)
        if taken:
            start, stop = response.span()
            seen = observation.get()
            seen.status, seen.size = response.status, stop - start
            seen.end()
        return taken
