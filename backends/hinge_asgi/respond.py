"""Response -> ASGI messages.

Law: every message names every key (servers disagree on defaults), headers are tuples of bytes, and Content-Length is
ours. A client that has left is not a failure.
"""

from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from hinge.responses.response import Response
from hinge.responses.streaming import BODILESS, UNSIZED, sent_length
from hinge_asgi.exchange import ASGIExchange

if TYPE_CHECKING:
    from hinge.responses.files import FileResponse

SHORT = 1024
LENGTH_LINES = [(b"content-length", b"%d" % length) for length in range(SHORT)]
"""The lines of bodies below SHORT bytes, which most are."""

Pairs = list[tuple[bytes, bytes]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


def encode_headers(response: Response) -> Pairs:
    """Return a response's headers as ASGI wants them; all are ASCII by then."""
    headers: Any = response._headers
    if headers.__class__ is tuple:  # constants, as most of these are
        return [*_encoded_once(headers)]
    lines = headers.multi_items() if headers._more else headers._first.items()
    return [(name.encode(), value.encode()) for name, value in lines]


def _encoded(lines: Iterable[tuple[str, str]]) -> Pairs:
    return [(name.encode(), value.encode()) for name, value in lines]


_encoded_once = lru_cache(maxsize=64)(_encoded)


_CLOSE = (b"connection", b"close")


def closing(send: Send) -> Send:
    """Return a `send` that has the server close the connection after the response, whoever made that."""

    async def send_and_close(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start" and _CLOSE not in message["headers"]:
            message = message | {"headers": [*message["headers"], _CLOSE]}
        await send(message)

    return send_and_close


class Messages(msgspec.Struct, eq=False):  # a Struct, because many requests pay for its making
    """Where a response goes (hinge.backend.WholeSink)."""

    _send: Send
    _exchange: ASGIExchange

    def whole(self, response: Response, *, head_only: bool) -> Awaitable[None]:
        """Send a response whose body is known."""
        if self._exchange.closes_behind:
            self._send = closing(self._send)
        return send_complete(self._send, response, head_only=head_only)

    def start(self, response: Response) -> Awaitable[None]:
        """Send a stream's head."""
        if self._exchange.closes_behind:
            self._send = closing(self._send)
        headers = encode_headers(response)
        length = sent_length(response)
        if length is not None:
            headers.append((b"content-length", b"%d" % length))
        return self._send(_start(response._status, headers))

    def chunk(self, data: bytes) -> Awaitable[None]:
        """Send a part of it."""
        return self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def took(self, response: "FileResponse") -> bool:
        """Have the server send a whole file, if it can (the extension "path send" of ASGI).

        It does not tell when it is done, so what waits for the end of the response has it sent from here.
        """
        scope = self._exchange.scope
        # HTTP/2 would break off where a file has grown meanwhile: the server sends all of it, whatever its length said.
        if "http.response.pathsend" not in (scope.get("extensions") or ()) or scope["http_version"][0] != "1":
            return False
        if self._exchange.has_work_after:
            return False
        if response.span() != (0, response.size) or not response.size:
            return False
        with suppress(OSError):  # the client has left; some servers say so by failing to send
            await self.start(response)
            await self._send({"type": "http.response.pathsend", "path": response.absolute})
        return True

    def end(self) -> Awaitable[None]:
        """Send its end."""
        return self._send({"type": "http.response.body", "body": b"", "more_body": False})


def _start(status: int, headers: Pairs) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": headers, "trailers": False}


def complete(response: Response) -> tuple[int, Pairs, bytes]:
    """Return the status, the headers and the body of a response whose body is known."""
    status, headers, body = response._status, encode_headers(response), response._body or b""
    if status != 200:  # as most are
        if status in UNSIZED:
            return status, headers, b""
        if status in BODILESS:
            body = b""
    size = len(body)
    headers.append(LENGTH_LINES[size] if size < SHORT else (b"content-length", b"%d" % size))
    return status, headers, body


async def send_complete(send: Send, response: Response, *, head_only: bool) -> None:
    """Send a response whose body is known."""
    status, headers, body = complete(response)
    try:
        await send(_start(status, headers))
        await send({"type": "http.response.body", "body": b"" if head_only else body, "more_body": False})
    except OSError:
        return  # the client has left; some servers say so by failing to send
