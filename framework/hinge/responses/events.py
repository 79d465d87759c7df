"""Server-sent events (WHATWG HTML, section 9.2).

Law: a value can end up only in the field it was given for. Data is split into one `data:` line per line; names and ids
that contain a line end or NUL are refused when the event is made. Framing is linear in the size of the event, and every
chunk is whole events, so a backend may send `keep_alive()` between any two.
"""

import math
from collections.abc import AsyncIterable, Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any, ClassVar

import msgspec

from hinge.codecs import encode_json
from hinge.responses.frames import framed
from hinge.responses.response import Lines, Pairs
from hinge.responses.streaming import StreamingResponse

KEEP_ALIVE = b": keep-alive\n\n"
"""A comment, which clients skip: it keeps proxies from closing a silent connection, and finds clients that left."""

_LF, _CR = b"\n\r"  # a byte is found in a third of the time of bytes


_NO_BYTES = frozenset({str, dict, list, msgspec.UnsetType})
"""What data mostly is: known without a look at its bases, because each event pays for that."""


class Event(msgspec.Struct, frozen=True):
    """Describe one event: `data` is a str, or any value for msgspec to encode as JSON.

    `event` is the name that the browser dispatches (default "message"), `id` what a reconnecting client sends back in
    `Last-Event-ID`, `retry` its delay before that in milliseconds; `comment` is ignored by clients. A named event
    without data gets empty data, since a browser would not dispatch it otherwise.

    Raises:
        ValueError: `event` or `id` contains a line end or NUL, `id` is not what a header brings back (printable ASCII
            without spaces around it), or `retry` is negative.
        TypeError: `event`, `id` or `comment` is not a str, `retry` is not an int, or `data` is bytes.
    """

    data: Any = msgspec.UNSET
    event: str | None = None
    id: str | None = None
    retry: int | None = None
    comment: str | None = None

    def __post_init__(self) -> None:
        if self.data.__class__ not in _NO_BYTES and isinstance(self.data, (bytes, bytearray, memoryview)):
            raise TypeError(
                f"an event's data is text or a value for JSON, not {type(self.data).__name__}: decode it first"
            )
        if self.event is not None or self.id is not None or self.comment is not None or self.retry is not None:
            self._check()

    def _check(self) -> None:
        if self.event is not None:
            _check_line("event", self.event)
        if self.id is not None:
            _check_line("id", self.id)
            if not (self.id.isascii() and self.id.isprintable()) or self.id.strip() != self.id:
                raise ValueError(
                    f"an event's id is printable ASCII without spaces around it, as Last-Event-ID brings back nothing "
                    f"else, not {self.id!r}"
                )
        if self.comment is not None and not isinstance(self.comment, str):
            raise TypeError(f"an event's comment is a str, not {type(self.comment).__name__}")
        if self.retry is not None:
            if not isinstance(self.retry, int) or isinstance(self.retry, bool):
                raise TypeError(f"an event's retry is an int in milliseconds, not {type(self.retry).__name__}")
            if self.retry < 0:
                raise ValueError(f"an event's retry is in milliseconds and not negative: {self.retry}")


class EventSourceResponse(StreamingResponse):
    """Answer with a stream of events for the browser's `EventSource`.

    `content` is a sync or async iterable of `Event`s, strings or values that become the JSON data of an event. The
    source is closed when the stream ends, fails or the client leaves. `ping` is the silence in seconds after which a
    backend that can time it sends `keep_alive()`; None: never.

    Raises:
        TypeError: `content` is not such an iterable.
        ValueError: `ping` is not a positive number; or as for `Response`.
    """

    __slots__ = ("keep_alive", "ping")

    # Bare, without a charset: the format is always UTF-8, and servers that flush it at once compare the whole value.
    default_headers: ClassVar[Lines | None] = (
        ("content-type", "text/event-stream"),
        ("cache-control", "no-store"),
        ("x-accel-buffering", "no"),  # nginx collects the events otherwise
    )

    def __init__(
        self,
        content: Iterable[Any] | AsyncIterable[Any],
        *,
        status: int = 200,
        headers: Pairs | None = None,
        media_type: str | None = None,
        ping: float | None = 15.0,
    ) -> None:
        if ping is not None and not 0 < ping < math.inf:
            raise ValueError(f"ping is a positive number of seconds, not {ping!r}")
        self._begin_with(framed(content, encode_event), status, headers, media_type)
        self.eager_start = True
        self.ping = ping
        self.keep_alive: Callable[[], bytes] = _comment
        """What a backend sends after a silence, called when it is its turn to be sent; empty: nothing for now."""


def _comment() -> bytes:
    return KEEP_ALIVE


def encode_event(item: Any) -> bytes:
    """Return the lines of one event: an `Event`, or the data of one without further fields.

    Raises:
        TypeError: the data is bytes, or msgspec cannot encode it.
    """
    # Most items are an `Event` or its mere data, of one line: framed without a further call, because each pays for it.
    kind = item.__class__
    if kind is dict or kind is list:
        event, value = None, encode_json(item)
    else:
        event = item if kind is Event else None if kind in _NO_BYTES else _event_of(item)
        data = item if event is None else event.data
        if data is msgspec.UNSET:
            return (
                b"\n" if event is None else b"".join((*_fields(event), b"\n" if event.event is None else b"data:\n\n"))
            )
        value = data.encode() if isinstance(data, str) else encode_json(data)
    last = b"data: %b\n\n" % value if _LF not in value and _CR not in value else _field(b"data: ", value) + b"\n"
    if event is None or (event.event is None and event.id is None and event.comment is None and event.retry is None):
        return last
    return b"".join((*_fields(event), last))


def _event_of(item: Any) -> Event | None:
    """Return the event that an item is, None if it is data, which need not be made one."""
    if not _is_looked_at(item.__class__):
        return None
    return item if isinstance(item, Event) else Event(item)


@lru_cache(maxsize=256)
def _is_looked_at(kind: type) -> bool:
    """Tell whether what is of a class may be an event, or bytes, which `Event` refuses: a look at bases is slow."""
    return issubclass(kind, (Event, bytes, bytearray, memoryview))


def _fields(event: Event) -> Iterator[bytes]:
    """Yield the lines of an event before those of its data."""
    if event.comment is not None:
        yield _field(b": ", event.comment.encode())
    if event.event is not None:
        yield b"event: %b\n" % event.event.encode()
    if event.id is not None:
        yield b"id: %b\n" % event.id.encode()
    if event.retry is not None:
        yield b"retry: %d\n" % event.retry


def _field(name: bytes, value: bytes) -> bytes:
    # On bytes, because no byte of a longer UTF-8 sequence is CR or LF; JSON may contain some through msgspec.Raw.
    if b"\r" in value:
        value = value.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if b"\n" in value:
        value = value.replace(b"\n", b"\n" + name)
    # The client drops one space after the colon: always writing it keeps a space that the value begins with.
    return name + value + b"\n"


def _check_line(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise TypeError(f"an event's {name} is a str, not {type(value).__name__}")
    if "\n" in value or "\r" in value or "\0" in value:
        raise ValueError(f"an event's {name} is one line without NUL, not {value!r}")
