"""Reading a request body from `receive`.

Law: read once, in one place, only if the plan wants it, and only if there can be one: each `receive` costs 50-100 us on
Granian, and reading on after the body looks like a disconnect to somebody. A client that leaves mid-upload is
`ClientDisconnect`.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.from_thread

from hinge.body import BodyStream, check_framing, declared_length, incomplete, too_large
from hinge.errors import ClientDisconnect
from hinge_asgi.scope import Scope

Receive = Callable[[], Awaitable[dict[str, Any]]]

_BODILESS_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "DELETE"})


def framing(scope: Scope, limit: int) -> int | None:
    """Return how long the body is: 0 for none, None if only its end will tell.

    Raises:
        HTTPError: 400 for a bad length or two framings, 413 above `limit` bytes.

    """
    length = encoding = None
    for name, value in scope["headers"]:
        if name == b"content-length":
            length = value.decode("latin-1") if length is None else "repeated"
        elif name == b"transfer-encoding":
            encoding = value.decode("latin-1") if encoding is None else "repeated"
    check_framing(encoding, length)
    if length is not None:
        return declared_length(length, limit)
    if encoding is not None:
        return None
    if scope.get("http_version", "1.1")[:1] == "1":
        return 0  # HTTP/1 frames a body by a length or by chunks (RFC 9112 section 6.3)
    return 0 if scope["method"] in _BODILESS_METHODS else None


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """Return the whole body.

    Raises:
        HTTPError: 413 above `limit` bytes, 400 if it ends before its declared length.
        ClientDisconnect: the client left.

    """
    length = framing(scope, limit)
    if length == 0:
        return b""
    message = await receive()
    piece: bytes = message.get("body", b"")
    if message["type"] == "http.request" and len(piece) == length:
        return piece
    body = bytearray()
    while True:
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > limit:
            raise too_large(limit)
        if len(body) == length or not message.get("more_body", False):
            break
        message = await receive()
    if length is not None and len(body) < length:
        raise incomplete(len(body), length)
    return bytes(body)


class Incoming:
    """A body that its handler reads as a stream, while the response may already be on its way.

    Only one place may call `receive`: until the body has ended that is the stream, afterwards the watch for the
    disconnect.

    Raises:
        HTTPError: as `framing`.

    """

    def __init__(self, scope: Scope, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._length = framing(scope, limit)
        self._received = 0
        self._ended = anyio.Event()
        if self._length == 0:
            self._ended.set()
        self.stream = BodyStream(lambda: anyio.from_thread.run(self._next), self._next, limit)

    async def _next(self) -> bytes:
        while not self._ended.is_set():
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            piece: bytes = message.get("body", b"")
            self._received += len(piece)
            if self._received == self._length or not message.get("more_body", False):
                self._ended.set()
                if self._length is not None and self._received < self._length:
                    raise incomplete(self._received, self._length)
            if piece:
                return piece
        return b""

    async def disconnected(self) -> None:
        """Return when the client has left, once the body was read."""
        await self._ended.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
