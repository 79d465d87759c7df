"""The WebSocket as a handler sees it, and the states it goes through (RFC 6455).

Law: no I/O here. A backend supplies a `WebSocketTransport`; what is allowed when, sizes, codes and JSON are judged
here.

    CONNECTING --accept--> OPEN --close / disconnect--> CLOSED
    CONNECTING --deny, close--> CLOSED
"""

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NoReturn, Protocol, Self, TypeVar, overload

import msgspec
from msgspec.structs import replace

from hinge.binding.notes import Notes
from hinge.codecs.careful import careful
from hinge.codecs.codec import JSON, encode_json
from hinge.codecs.depth import check_json_depth
from hinge.codecs.reading import AT_ONCE
from hinge.diagnostics.location import caller
from hinge.errors import ConfigurationError, HTTPError, WebSocketDisconnect
from hinge.http.headers import MutableHeaders
from hinge.inspection.custom_types import NO_TYPES, Types, custom_type
from hinge.inspection.decodable import unknown_class
from hinge.inspection.hashable import never_hashed
from hinge.request import HTTPConnection
from hinge.responses.response import Response
from hinge.validation.errors import is_unhashable

T = TypeVar("T")

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


TOO_BIG = (1009, "message too big")
"""The close code and the reason for a message above the limit."""


def exceeds(message: str | bytes, limit: int) -> bool:
    """Tell whether a message has more bytes than the limit, text as UTF-8."""
    # A character is at most four bytes of UTF-8, so most text need not be encoded to be judged.
    size = len(message)
    if size > limit:
        return True
    return isinstance(message, str) and size * 4 > limit and len(message.encode()) > limit


@lru_cache(maxsize=1024)
def _decoder(kind: Any, ignored: tuple[type, ...], types: Types = NO_TYPES) -> Callable[[bytes], Any]:
    kind = Notes(ignored).obeyed(kind, f"receive_json ({caller()}): the type", "message")
    never = never_hashed(kind)
    if never is not None:
        raise ConfigurationError(f"receive_json ({caller()}): {never.why}. Fix: {never.fix}")
    unknown = unknown_class(kind, types.knows)
    if unknown is not None:
        raise ConfigurationError(
            f"receive_json ({caller()}): msgspec does not know the class "
            f"{getattr(unknown, '__qualname__', unknown)}. Fix: make it a msgspec.Struct or a dataclass, or "
            f"{custom_type(unknown)}"
        )
    decode = careful(replace(JSON, types=types), kind, msgspec.json.Decoder(kind, dec_hook=types.decode).decode)

    def check_and_decode(data: bytes) -> Any:
        check_json_depth(data)
        return decode(data)

    return check_and_decode


class WebSocketTransport(Protocol):
    """What a backend does for a WebSocket; it raises `WebSocketDisconnect` when the peer is gone."""

    subprotocols: tuple[str, ...]

    async def accept(self, subprotocol: str | None, headers: list[tuple[str, str]]) -> None:
        """Complete the handshake."""
        ...

    async def send(self, message: str | bytes) -> None:
        """Send one message; a `str` as text, `bytes` as binary."""
        ...

    async def receive(self) -> str | bytes:
        """Return the next message."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Close an open WebSocket."""
        ...

    async def deny(self, response: Response) -> None:
        """Answer the handshake with an HTTP response."""
        ...

    async def apart(self, work: Callable[[bytes], Any], data: bytes) -> Any:
        """Do blocking work where it stops nobody else, in a worker thread."""
        ...


class WebSocketState(enum.Enum):
    """Where a WebSocket stands."""

    CONNECTING = "connecting"
    OPEN = "open"
    CLOSED = "closed"


class WebSocket(HTTPConnection, kw_only=True):
    """A WebSocket connection. Iterating yields messages until the peer leaves."""

    transport: WebSocketTransport
    close_code: int | None = None
    close_reason: str = ""
    state_of_connection: WebSocketState = WebSocketState.CONNECTING

    @property
    def _limit(self) -> int:
        return self._endpoint.config.max_message_size

    @property
    def subprotocols(self) -> tuple[str, ...]:
        """The subprotocols that the client offers, in its order of preference."""
        return self.transport.subprotocols

    async def accept(
        self, subprotocol: str | None = None, headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None
    ) -> None:
        """Complete the handshake; `headers` are sent where the server can (Granian and daphne cannot).

        Raises:
            ValueError: the subprotocol was not offered, or a header is malformed.
            WebSocketDisconnect: the peer is gone.
            RuntimeError: it was accepted or closed before.
        """
        self._require(WebSocketState.CONNECTING, "accept")
        if subprotocol is not None and subprotocol not in self.subprotocols:
            offered = ", ".join(self.subprotocols) or "none"
            raise ValueError(f"the client did not offer the subprotocol {subprotocol!r}; it offers: {offered}")
        try:
            await self.transport.accept(subprotocol, MutableHeaders(headers or ()).multi_items())
        except WebSocketDisconnect as gone:
            self._gone(gone.code, gone.reason)
            raise
        self.state_of_connection = WebSocketState.OPEN

    async def send(self, message: str | bytes) -> None:
        """Send one message: `str` as text, `bytes` as binary.

        Raises:
            WebSocketDisconnect: the peer is gone, or this side has closed.
            RuntimeError: it is not accepted yet.
            UnicodeEncodeError: the text has no UTF-8 form (RFC 6455 section 5.6): it holds a lone surrogate.
        """
        self._require_open("send")
        if not isinstance(message, str | bytes):
            raise TypeError(f"send takes str or bytes, not {type(message).__name__}; send_json takes the rest")
        check_text(message)
        try:
            await self.transport.send(message)
        except WebSocketDisconnect as gone:
            self._gone(gone.code, gone.reason)
            raise

    async def send_json(self, value: Any) -> None:
        """Send a value as JSON text, encoded by msgspec."""
        await self.send(encode_json(value).decode())

    async def receive(self) -> str | bytes:
        """Return the next message, `str` for text and `bytes` for binary.

        A message above `max_message_size` closes the connection with 1009.

        Raises:
            WebSocketDisconnect: the peer is gone, or either side has closed.
            RuntimeError: it is not accepted yet.
        """
        self._require_open("receive")
        try:
            message = await self.transport.receive()
        except WebSocketDisconnect as gone:
            self._gone(gone.code, gone.reason)
            raise
        return message if not exceeds(message, self._limit) else await self._refuse_message()

    async def _refuse_message(self) -> NoReturn:
        await self.close(*TOO_BIG)
        raise WebSocketDisconnect(*TOO_BIG)

    @overload
    async def receive_json(self) -> Any: ...
    @overload
    async def receive_json(self, kind: type[T]) -> T: ...
    @overload
    async def receive_json(self, kind: Any) -> Any: ...
    async def receive_json(self, kind: Any = Any) -> Any:
        """Return the next message decoded from JSON, validated as `kind` if it is given.

        Raises:
            WebSocketDisconnect: the peer is gone, or the message is not valid JSON of that kind (closed with 1007).
            ConfigurationError: msgspec cannot decode `kind`, a set or a map in it is of what cannot be hashed, or a
                note or a default in it is one that Hinge does not know.
        """
        try:
            decode = _decoder(kind, self._endpoint.ignored, self._endpoint.types)
        except TypeError:
            # Metadata that cannot be hashed, or msgspec's word on the kind.
            decode = _decoder.__wrapped__(kind, self._endpoint.ignored, self._endpoint.types)
        message = await self.receive()
        data = message.encode() if isinstance(message, str) else message
        try:
            return decode(data) if len(data) <= AT_ONCE else await self.transport.apart(decode, data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, HTTPError, TypeError) as error:
            if isinstance(error, TypeError) and not is_unhashable(error):
                raise
            await self.close(1007, "invalid JSON")
            raise WebSocketDisconnect(1007, "invalid JSON") from error

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close with a code (RFC 6455 section 7.4) and a reason of at most 123 bytes; a second close does nothing.

        Before `accept`, the handshake is refused with 403.

        Raises:
            ValueError: the code must not be sent, or the reason is too long.
        """
        _check_close(code, reason)
        if self.state_of_connection is WebSocketState.CONNECTING:
            await self._refuse(Response(status=403))
            return
        if self.state_of_connection is WebSocketState.OPEN:
            self._gone(code, reason)
            await self.transport.close(code, reason)

    async def deny(self, answer: HTTPError | Response) -> None:
        """Refuse the handshake with an HTTP response; servers that cannot send one answer 403.

        Raises:
            RuntimeError: it was accepted or closed before.
            TypeError: the answer is neither an HTTPError nor a complete Response.
        """
        self._require(WebSocketState.CONNECTING, "deny")
        response = self._endpoint.errors.problem(answer) if isinstance(answer, HTTPError) else answer
        if not isinstance(response, Response) or response.body is None:
            raise TypeError(f"deny takes an HTTPError or a Response with its whole body, not {type(answer).__name__}")
        await self._refuse(response)

    async def _refuse(self, response: Response) -> None:
        self.state_of_connection = WebSocketState.CLOSED
        await self.transport.deny(response)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str | bytes:
        # `receive`, without a frame around it: each idle WebSocket holds what waits for its message.
        try:
            self._require_open("receive")
            message = await self.transport.receive()
            return message if not exceeds(message, self._limit) else await self._refuse_message()
        except WebSocketDisconnect as gone:
            if self.state_of_connection is not WebSocketState.CLOSED:
                self._gone(gone.code, gone.reason)
            raise StopAsyncIteration from None

    def _gone(self, code: int, reason: str) -> None:
        self.state_of_connection = WebSocketState.CLOSED
        self.close_code, self.close_reason = code, reason

    def _require_open(self, what: str) -> None:
        if self.state_of_connection is WebSocketState.CLOSED and self.close_code is not None:
            raise WebSocketDisconnect(self.close_code, self.close_reason)
        self._require(WebSocketState.OPEN, what)

    def _require(self, state: WebSocketState, what: str) -> None:
        if self.state_of_connection is not state:
            hint = " Fix: await ws.accept() first" if self.state_of_connection is WebSocketState.CONNECTING else ""
            raise RuntimeError(f"{what}() on a WebSocket that is {self.state_of_connection.value}.{hint}")


def check_text(message: str | bytes) -> None:
    """Raise UnicodeEncodeError for a text without a UTF-8 form; servers send another in its place, or end."""
    if isinstance(message, str) and not message.isascii():
        message.encode()


def _check_close(code: int, reason: str) -> None:
    # 1004-1006 and 1015 are reserved for reports and must never be sent (RFC 6455 section 7.4.1).
    allowed = code in {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014} or 3000 <= code <= 4999
    if not allowed:
        raise ValueError(f"{code} is not a close code that may be sent; use 1000..1014 or 3000..4999")
    if len(reason.encode()) > 123:
        raise ValueError("a close reason has at most 123 bytes of UTF-8")


def origin_allowed(origin: str | None, host: str | None, allowed: Sequence[str], *, secure: bool = False) -> bool:
    """Tell whether a handshake with these `Origin` and `Host` headers may go on (RFC 6455 section 10.2).

    Browsers apply no other protection to WebSockets; a client that sends no `Origin` is no browser.
    `allowed` lists origins as `scheme://host[:port]`, or `*` for all; the page's own site is always allowed. `secure`
    says that the server calls the connection encrypted: then a page that was not is another site (RFC 6454 section 5).
    The reverse says nothing, because a proxy in front may have ended the encryption.
    """
    if origin is None or "*" in allowed:
        return True
    origin = origin.lower()
    if origin in {entry.lower().rstrip("/") for entry in allowed}:
        return True
    scheme, separator, authority = origin.partition("://")
    if not separator or not host or scheme not in _DEFAULT_PORTS:
        return False
    if secure and scheme == "http":
        return False
    # Browsers leave the scheme's own port out of Origin; a proxy may have added it to Host.
    default = _DEFAULT_PORTS[scheme]
    return authority.removesuffix(default) == host.lower().removesuffix(default)
