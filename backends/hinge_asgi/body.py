"""Reading a request body from `receive`.

Law: read once, in one place, only if the plan wants it, and only if there can be one: each `receive` costs 50-100 us on
Granian, and reading on after the body looks like a disconnect to somebody. A client that leaves mid-upload is
`ClientDisconnect`.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from hinge.errors import ClientDisconnect, HTTPError
from hinge.http.body import SHORT_DIGITS, cut_off, framed_length, incomplete, too_large
from hinge.loop.body import body_stream
from hinge_asgi.scope import Lines, Scope, lines_of

Receive = Callable[[], Awaitable[dict[str, Any]]]

_BY_MESSAGES = "2"
"""The HTTP version whose bodies are framed like those of ASGI (RFC 9113 section 8.1)."""
READ_AHEAD = 65536
"""Bytes of a body that are read before its handler asks for them, while a response is on its way."""


def framing(scope: Scope, lines: Lines, limit: int) -> int | None:
    """Return how long the body is: 0 for none, None if only its end will tell.

    ASGI frames a body by its messages: a gateway may announce none, and middleware that rewrites a body may drop its
    length, whatever the HTTP version. A look at the messages costs a `receive`, so the method decides, which alone is
    the same everywhere: GET, HEAD, OPTIONS and TRACE have no body unless a header says so.

    Raises:
        HTTPError: 400 for a bad length or two framings, 413 above `limit` bytes.
    """
    declared, coding = lines.get(b"content-length"), lines.get(b"transfer-encoding")
    if declared is not None and coding is None and declared.isdigit() and len(declared) < SHORT_DIGITS:
        size = int(declared)  # as nearly all are; what follows judges the others
        if size <= limit:
            return size
    length = None if declared is None else declared.decode("latin-1")
    encoding = None if coding is None else coding.decode("latin-1")
    return framed_length(length, encoding, limit, http_version=_BY_MESSAGES, method=scope["method"])


def ends_at_its_length(scope: Scope) -> bool:
    """Tell whether a body is over when its declared length has arrived.

    From HTTP/2 on it is when its stream ends (RFC 9113 section 8.1), which may be told later: hypercorn drops the whole
    connection if that comes after the answer.
    """
    return scope.get("http_version") not in ("2", "3")


def doubt(scope: Scope) -> HTTPError | None:
    """Return why a request with a Transfer-Encoding may hide a second one in its body, whether anybody reads that.

    It is the 400 of `hinge.http.body.check_framing`; None: it does not.
    """
    try:
        framing(scope, lines_of(scope), 2**63)
    except HTTPError as error:
        return error
    return None


async def read_body(scope: Scope, lines: Lines, receive: Receive, limit: int) -> bytes:
    """Return the whole body of a request with these header lines.

    Raises:
        HTTPError: 413 above `limit` bytes, 400 if it ends before its declared length.
        ClientDisconnect: the client left.
    """
    length = framing(scope, lines, limit)
    if length == 0:
        return b""
    message = await receive()
    return whole(message, length) or await read_rest(scope, receive, message, length, limit)


def whole(message: dict[str, Any], length: int | None) -> bytes | None:
    """Return the body that one message has all of, as short ones come; None: there may be more."""
    if message["type"] == "http.request" and not message.get("more_body", False):
        piece: bytes = message.get("body", b"")
        if len(piece) == length:
            return piece
    return None


async def read_rest(scope: Scope, receive: Receive, message: dict[str, Any], length: int | None, limit: int) -> bytes:
    """Return a body from its first message on; raises as `read_body`."""
    last = length if ends_at_its_length(scope) else None
    body = bytearray()
    while True:
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > limit:
            raise too_large(limit)
        if len(body) == last or not message.get("more_body", False):
            break
        message = await receive()
    if length is not None and len(body) < length:
        raise incomplete(len(body), length)
    return bytes(body)


class Incoming:
    """A body that its handler reads as a stream, while the response may already be on its way.

    Only one place at a time may call `receive`. The watch for the disconnect reads ahead, READ_AHEAD bytes at most, and
    leaves what it has read to the stream, so that a leaving is noticed although the handler reads slowly or no more.

    Raises:
        HTTPError: as `framing`.
    """

    def __init__(self, scope: Scope, lines: Lines, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._length = framing(scope, lines, limit)
        self._last = self._length if ends_at_its_length(scope) else None
        self._received = 0
        self._is_over = self._length == 0
        self._turn = asyncio.Lock()
        self._ahead: deque[dict[str, Any]] = deque()
        self._ahead_size = 0
        self._room = asyncio.Event()
        self.stream = body_stream(self._next, limit)

    async def _next(self) -> bytes:
        while not self._is_over:
            message = await self._message()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            piece: bytes = message.get("body", b"")
            self._received += len(piece)
            if self._received == self._last or not message.get("more_body", False):
                self._is_over = True
                self._room.set()
                if self._length is not None and self._received < self._length:
                    raise cut_off(self._received, self._length)
            if piece:
                return piece
        return b""

    async def _message(self) -> dict[str, Any]:
        if not self._ahead:
            async with self._turn:  # the watch, if it has the turn, gives it back with a message
                if not self._ahead:
                    return await self._receive()
        if self._ahead[0]["type"] == "http.disconnect":
            return self._ahead[0]
        message = self._ahead.popleft()
        self._ahead_size -= len(message.get("body", b""))
        self._room.set()
        return message

    async def disconnected(self) -> None:
        """Return when the client has left."""
        while True:
            async with self._turn:
                message = await self._receive()
                if message["type"] == "http.disconnect":
                    self._ahead.append(message)
                    return
                if not self._is_over:
                    self._ahead.append(message)
                    self._ahead_size += len(message.get("body", b""))
            while self._ahead_size >= READ_AHEAD and not self._is_over:
                self._room.clear()
                await self._room.wait()
