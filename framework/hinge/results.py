"""What a handler returned -> a response.

Law: the kind of a result is decided by its type, once per type and never per request. The table grows with the types
that the program's handlers return, not with anything a client sends.

    Response -> as it is      str -> text/plain       bytes -> application/octet-stream
    None     -> 204           iterator -> streamed    anything else -> JSON
"""

from collections.abc import Callable
from typing import Any, get_args

from hinge.codecs import encode_json
from hinge.response import Response
from hinge.streaming import StreamingResponse

Encode = Callable[[Any], bytes]
Plain = tuple[Encode, str]
"""How a plain result becomes a body, and its media type."""

TEXT = "text/plain; charset=utf-8"
OCTETS = "application/octet-stream"
JSON = "application/json"


def _same(value: bytes) -> bytes:
    return value


def plain(kind: type) -> Plain | None:
    """Return how results of a type become a body, None if they need a `Response` of their own."""
    if kind is type(None) or issubclass(kind, Response) or is_stream(kind):
        return None
    if issubclass(kind, str):
        return str.encode, TEXT
    if kind is bytes:
        return _same, OCTETS
    if issubclass(kind, bytes | bytearray | memoryview):
        return bytes, OCTETS
    return encode_json, JSON


def is_stream(kind: type) -> bool:
    """Tell whether a type is a sync or async iterator, or an async iterable: what is sent piece by piece."""
    return hasattr(kind, "__next__") or hasattr(kind, "__anext__") or hasattr(kind, "__aiter__")


def stream_type(returns: Any) -> str:
    """Return the media type of what a handler streams, by its return annotation: `Iterator[str]` is text."""
    return TEXT if str in get_args(returns) else OCTETS


def respond(value: Any, status: int | None, stream_media_type: str) -> Response:
    """Return the response of a result; `status` is the route's, None if it declares none.

    Raises:
        TypeError: msgspec cannot encode the value.

    """
    if isinstance(value, Response):
        return value
    if value is None:
        return Response(status=204 if status is None else status)
    how = plain(type(value))
    if how is None:
        return StreamingResponse(value, status=status or 200, media_type=stream_media_type)
    encode, media_type = how
    return Response(encode(value), status=status or 200, media_type=media_type)
