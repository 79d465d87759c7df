"""The request body's laws: how long it may be, when it is complete, and how a handler reads it piece by piece.

Law: no I/O here. A backend hands over two ways to get the next piece, one that blocks and one that is awaited; counting
and judging are done once, here, so that both backends refuse the same bodies with the same answer.
"""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator

from hinge.errors import ClientDisconnect, HTTPError
from hinge.http.tokens import OWS

BODILESS_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""The methods that have no body unless a header says so; the same on every server."""


def too_large(limit: int) -> HTTPError:
    """Return the 413 of a body above `limit` bytes (RFC 9110 section 15.5.14)."""
    return HTTPError(413, f"The request body is larger than the {limit} bytes allowed here.", limit=limit)


def unsupported(detail: str, accepted: Iterable[str]) -> HTTPError:
    """Return the 415 of a body of no media type that is read here (RFC 9110 section 15.5.16); `Accept` names those."""
    names = [*accepted]
    return HTTPError(415, f"{detail} Send {' or '.join(names)}.", headers={"accept": ", ".join(names)})


def check_coding(content_encoding: str | None, what: str) -> None:
    """Refuse a body, or `what` it is, that is compressed or the like.

    Raises:
        HTTPError: 415.
    """
    if content_encoding is not None and content_encoding.strip(OWS).lower() not in {"", "identity"}:
        detail = f"The {what} has a Content-Encoding that is not decoded."
        raise HTTPError(415, detail, headers={"accept-encoding": "identity"})


def incomplete(received: int, declared: int) -> HTTPError:
    """Return the 400 of a body that ended before its declared length (RFC 9112 section 8)."""
    return HTTPError(400, f"The request body ended after {received} of {declared} declared bytes.")


def cut_off(received: int, declared: int) -> ClientDisconnect:
    """Return the end of a body that its handler reads in pieces: whoever sends less than declared has left."""
    return ClientDisconnect(f"The request body ended after {received} of {declared} declared bytes.")


SHORT_DIGITS = 20
"""So many digits are above any limit, and int() is quadratic."""


def declared_length(value: str | None, limit: int) -> int | None:
    """Return the bytes that Content-Length declares, None if it is absent (RFC 9110 section 8.6).

    Raises:
        HTTPError: 400 for anything but ASCII digits, 413 above `limit`.
    """
    if value is None or value == "":
        return None
    if not (value.isascii() and value.isdigit()):
        raise HTTPError(400, "Content-Length is not a number.", headers={"connection": "close"})
    length = int(value) if len(value) < SHORT_DIGITS else limit + 1
    if length > limit:
        raise too_large(limit)
    return length


def check_framing(transfer_encoding: str | None, content_length: str | None) -> None:
    """Refuse a request that frames its body in two ways, or in one that servers may understand differently.

    RFC 9112 sections 6.1 and 6.3.

    Raises:
        HTTPError: 400 with `Connection: close`, both fields are present, or the encoding is not just `chunked`.
    """
    if transfer_encoding is None:
        return
    close = {"connection": "close"}
    if content_length:
        raise HTTPError(400, "A request has either Content-Length or Transfer-Encoding, not both.", headers=close)
    if transfer_encoding != "chunked" and transfer_encoding.strip(OWS).lower() != "chunked":
        raise HTTPError(400, "The one Transfer-Encoding that is understood is chunked.", headers=close)


def framed_length(
    length: str | None, encoding: str | None, limit: int, *, http_version: str, method: str
) -> int | None:
    """Return how long a body is: 0 for none, None if only its end will tell.

    `length` and `encoding` are the fields Content-Length and Transfer-Encoding, "repeated" for more than one line.

    Raises:
        HTTPError: 400 for a bad length or two framings, 413 above `limit` bytes.
    """
    if encoding is not None:
        check_framing(encoding, length)
    if length is not None:
        return declared_length(length, limit)
    if encoding is not None:
        return None
    if http_version[:1] == "1":
        return 0  # HTTP/1 frames a body by a length or by chunks (RFC 9112 section 6.3)
    return 0 if method in BODILESS_METHODS else None


UNLIMITED = sys.maxsize
"""The limit of a body that a mounted application limits by itself."""

THROWN_AWAY = 64 * 1024
"""Bytes of a body that are read and dropped where a request is answered before its body is taken: a client that is
still sending would not see the answer, and the next request on the connection may be lost (RFC 9112 section 9.6)."""
THROWN_AWAY_SECONDS = 1.0
"""How long that may take where it can be bounded."""


IS_THE_CLIENTS = "_is_the_clients"
"""What marks a failure of a body's: a stream that it ends has not failed by itself, and nothing is logged."""


class BodyStream:
    """Read the request body in pieces as they arrive: `for chunk in body` or `async for chunk in body`.

    Both spellings work on every backend, `async for` in coroutines and `for` elsewhere; the pieces are non-empty
    `bytes` of the server's sizes. It can be read once; iterating again goes on where the last time ended.

    Raises:
        HTTPError: while iterating, 413 above the route's `max_body_size`, 400 if the chunks of the body are malformed.
        ClientDisconnect: while iterating, the client left before the end.
        RuntimeError: `for` on the event loop, which it would stop.
    """

    __slots__ = ("_blocking", "_failure", "_limit", "_waiting", "received")

    def __init__(self, blocking: Callable[[], bytes], waiting: Callable[[], Awaitable[bytes]], limit: int) -> None:
        self._blocking = blocking
        self._waiting = waiting
        self._limit = limit
        self._failure: Exception | None = None
        self.received = 0

    def _count(self, chunk: bytes) -> bytes:
        self.received += len(chunk)
        if self.received > self._limit:
            raise too_large(self._limit)
        return chunk

    def _fail(self, error: Exception) -> None:
        self._failure = error
        setattr(error, IS_THE_CLIENTS, True)

    def _check(self) -> None:
        # Whoever reads on after a failure must not take what is left for the whole.
        if self._failure is not None:
            raise self._failure

    def __iter__(self) -> Iterator[bytes]:
        self._check()
        try:
            while chunk := self._blocking():
                yield self._count(chunk)
        except (HTTPError, ClientDisconnect) as error:
            self._fail(error)
            raise

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self._check()
        try:
            while chunk := await self._waiting():
                yield self._count(chunk)
        except (HTTPError, ClientDisconnect) as error:
            self._fail(error)
            raise


SHORT = 65536
"""Bytes of a body that is read before a mounted application is called: most of it is there by then."""


def is_short(method: str, length: str | None, coding: str | None) -> bool:
    """Tell whether a body is known to be short, or absent; `length` and `coding` are the fields that frame it."""
    if coding is not None:
        return False
    if length is None:
        return method in BODILESS_METHODS
    return length.isascii() and length.isdigit() and len(length) < SHORT_DIGITS and int(length) <= SHORT


class WholeBody(BodyStream):
    """A body that is there, as a stream."""

    __slots__ = ("_pieces", "whole")

    def __init__(self, whole: bytes) -> None:
        self.whole = whole
        self._pieces = [b"", whole]
        super().__init__(self._piece, self._awaited, len(whole))

    def _piece(self) -> bytes:
        return self._pieces.pop() if self._pieces else b""

    async def _awaited(self) -> bytes:
        return self._piece()
