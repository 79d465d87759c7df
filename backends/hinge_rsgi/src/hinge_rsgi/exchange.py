"""A request on its RSGI connection: the body, the leaving, the response.

Law: a complete response is one call. Granian sends a file, unless somebody waits for the end, which it does not tell.
"""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any

from granian import rsgi

from hinge.backend import (
    BODILESS,
    ClientDisconnect,
    Exchange,
    FileResponse,
    Response,
    Runtime,
    framed_lines,
    incomplete,
)
from hinge_rsgi import head
from hinge_rsgi.backpressure import Pace

ProtocolClosed: type[Exception] = rsgi.ProtocolClosed  # type: ignore[attr-defined]  # pyright: ignore[reportPrivateImportUsage]
_CLOSE = ("connection", "close")


class RSGIExchange(Exchange, kw_only=True):
    """A request together with its protocol object."""

    proto: Any
    _pieces: Any = None
    pace: Any = None
    """Set while there is a transport."""
    transport: Any = None
    """What a stream is handed to; Granian ends the body when nobody holds it."""

    async def disconnected(self) -> None:
        """Return when the client has left."""
        await self.proto.client_disconnect()

    def leaving(self) -> Any:
        """Return the same as Granian has it: a future, which needs no task of its own."""
        waiting = self.proto.client_disconnect()
        return waiting if asyncio.isfuture(waiting) or asyncio.iscoroutine(waiting) else self.disconnected()

    def body_length(self, limit: int) -> int | None:
        """Return how long the body says it is."""
        return head.framing(self.head, limit)

    async def next_piece(self) -> bytes:
        """Return the next piece of the body, an empty one at its end."""
        if self._pieces is None:
            self._pieces = self.proto.__aiter__()  # it may be asked for once
        piece, empty = b"", 0
        with suppress(StopAsyncIteration):
            while not piece:
                piece = await self._pieces.__anext__()
                empty += not piece
        # A body ends with an empty piece, and another one before it where it broke off or where there are trailers.
        if empty > 1 and self.head[0].http_version in ("1", "1.1") and "trailer" not in self.head[1]:
            raise ClientDisconnect
        return piece

    def read_body(self, limit: int) -> Awaitable[bytes]:
        """Return the whole body."""
        length = head.framing(self._head, limit)
        return super().read_body(limit) if length is None else read_whole(self.proto, length)

    def begin_stream(self, transport: Any) -> None:
        """Note what a stream is handed to."""
        self.transport, self.pace = transport, Pace(self.head[0].client)

    def end_stream(self) -> None:
        """Let go of that, if it is still there."""
        if self.transport is not None:
            self.transport = None
            self.pace.close()

    spares_end = True

    @property
    def is_unfinished(self) -> bool:
        """Whether there is anything for `end` to do."""
        return self.transport is not None or super().is_unfinished

    async def end(self, runtime: Runtime) -> None:
        """Give back what it holds, then do what waits for the response."""
        self.end_stream()
        await super().end(runtime)


async def read_whole(proto: Any, length: int) -> bytes:
    """Return a body of so many bytes; raises as `Exchange.read_body`."""
    try:
        body: bytes = await proto() if length else b""
    except ProtocolClosed:
        raise ClientDisconnect from None
    if len(body) < length:
        raise incomplete(len(body), length)
    return body


async def _paced(sent: Awaitable[None], pace: Pace) -> None:
    await sent
    await pace.room()


class Sink:
    """Where a response goes (hinge.backend.WholeSink)."""

    __slots__ = ("_exchange", "_proto")
    gone = (OSError, ProtocolClosed)

    def __init__(self, exchange: RSGIExchange) -> None:
        self._exchange = exchange
        self._proto = exchange.proto

    def _lines(self, response: Response) -> list[tuple[str, str]]:
        lines = framed_lines(response)
        return [*lines, _CLOSE] if self._exchange.closes and _CLOSE not in lines else lines

    async def whole(self, response: Response, *, head_only: bool) -> None:
        """Send a response whose body is known."""
        status = response.status
        body = b"" if head_only or status in BODILESS else response.body or b""
        self._proto.response_bytes(status, self._lines(response), body)

    async def start(self, response: Response) -> None:
        """Send a stream's head."""
        self._exchange.begin_stream(self._proto.response_stream(response.status, self._lines(response)))

    def chunk(self, data: bytes) -> Awaitable[None]:
        """Send a part of it."""
        exchange = self._exchange
        pace, sent = exchange.pace, exchange.transport.send_bytes(data)
        pace.handed += len(data)
        return sent if pace.handed <= pace.limit else _paced(sent, pace)

    async def end(self) -> None:
        """Send its end."""
        self._exchange.end_stream()

    async def took(self, response: Response) -> bool:
        """Have Granian send a file or a part of it, if it may."""
        if not isinstance(response, FileResponse) or self._exchange.has_work_after:
            return False
        start, stop = response.span() or (0, 0)
        if stop > start:
            self._proto.response_file_range(response.status, self._lines(response), str(response.path), start, stop)
        return stop > start
