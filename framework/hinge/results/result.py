"""What a handler returned -> a response.

Law: the kind of a result is decided by its type, once per type and never per request. The table grows with the types
that the program's handlers return, not with anything a client sends.

    Response -> as it is (*)  str -> text/plain       bytes -> application/octet-stream
    None     -> 204           iterator -> streamed    anything else -> JSON

(*) as a copy where somebody may write to it: a handler may answer every request with one and the same object.

The annotation says the rest: `Iterator[Item]` is a stream of JSON lines, fields beyond the annotated class stay behind.
A tuple is JSON only where the annotation says so: in other frameworks `return value, 201` sets the status.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from hinge.codecs import encode_json
from hinge.diagnostics.location import qualified_name
from hinge.inspection.wrappers import Unawaited
from hinge.responses.jsonlines import JSONLinesResponse
from hinge.responses.response import (
    HTMLResponse,
    JSONResponse,
    RedirectResponse,
    Response,
    ResponseHeaders,
    TextResponse,
)
from hinge.responses.streaming import StreamingResponse
from hinge.results.leaving import refuse
from hinge.results.returns import OCTETS, TEXT, UNANNOTATED, Returns, is_stream

Encode = Callable[[Any], bytes]
Plain = tuple[Encode, str]
"""How a plain result becomes a body, and its media type."""

JSON = "application/json"


def _same(value: Any) -> Any:
    return value


def plain(kind: type, returns: Returns = UNANNOTATED) -> Plain | None:
    """Return how results of a type become a body, None if they need `respond`."""
    if kind is tuple and not returns.tuples:
        return None
    if kind is type(None) or issubclass(kind, Response | BaseException) or is_stream(kind) or _is_awaitable(kind):
        return None
    project = returns.project_of(kind)
    if issubclass(kind, str | bytes | bytearray | memoryview):
        # Of a text there is no part: it may leave or not.
        return project or _octets(kind), TEXT if issubclass(kind, str) else OCTETS
    return (encode_json if project is None else project.through(encode_json)), JSON


def _octets(kind: type) -> Encode:
    if issubclass(kind, str):
        return str.encode
    return _same if kind is bytes else bytes


def is_encoded(kind: type, returns: Returns) -> bool:
    """Tell whether results of a type are encoded, and not sent as text, as bytes or as the response they are."""
    how = plain(kind, returns)
    return how is not None and how[1] == JSON


def _is_awaitable(kind: type) -> bool:
    return hasattr(kind, "__await__")


_WITHOUT_MORE = frozenset({Response, TextResponse, HTMLResponse, JSONResponse, RedirectResponse})
"""The classes whose instances consist of status, headers and body."""
_COMPLETE = frozenset({Response.__init__, RedirectResponse.__init__})
"""What makes a response that has all three."""


def own(response: Response) -> Response:
    """Return a copy whose status, headers and body can be set without a trace in `response`."""
    kind = response.__class__
    if kind in _WITHOUT_MORE:
        copied = kind.__new__(kind)
        copied._status = response._status
        copied._body = response._body
    else:
        copied = copy.copy(_initialised(response))
    headers = response._headers
    copied._headers = headers if isinstance(headers, tuple) else ResponseHeaders.trusted(headers.raw.copy())
    return copied


def responder(
    status: int | None, returns: Returns = UNANNOTATED, *, written_to: bool = False
) -> Callable[[Any], Response]:
    """Return the function that makes a response of any result; `status` is the route's, None if it declares none.

    With `written_to` each response is one request's own. The function raises TypeError if msgspec cannot encode the
    value, if a `StreamingResponse` is answered with again, and for a tuple unless the annotation names one; it raises
    `Unawaited` for an awaitable.
    """
    makers: dict[type, Callable[[Any], Response]] = {}

    def respond(value: Any) -> Response:
        kind = type(value)
        make = makers.get(kind)
        if make is None:
            if _is_awaitable(kind):
                raise Unawaited(value, respond)
            make = makers[kind] = _maker(kind, status, returns, written_to=written_to)
        return make(value)

    return respond


def _maker(kind: type, status: int | None, returns: Returns, *, written_to: bool) -> Callable[[Any], Response]:
    if kind is tuple and not returns.tuples:
        return _refuse_tuple
    if issubclass(kind, StreamingResponse):
        return (lambda value: own(_unused(value))) if written_to else _unused
    if issubclass(kind, Response):
        return own if written_to else _same if kind.__init__ in _COMPLETE else _initialised
    if issubclass(kind, BaseException):
        return _refuse_exception
    if kind is type(None):
        return lambda value: Response(status=204 if status is None else status)
    code = status or 200
    how = plain(kind, returns)
    if how is None:
        if not returns.takes_stream(kind):
            return refuse
        return _streamer(code, returns)
    encode, media_type = how
    lines = (("content-type", media_type),)
    return lambda value: Response.trusted(encode(value), code, lines)


def _streamer(code: int, returns: Returns) -> Callable[[Any], Response]:
    items, media_type = returns.items, returns.stream_type
    if items is None:
        return lambda value: StreamingResponse(value, status=code, media_type=media_type)
    return lambda value: JSONLinesResponse.of(value, items, status=code)


def _initialised(response: Response) -> Response:
    """Return a response of a subclass that has all that a response consists of."""
    if not all(hasattr(response, part) for part in Response.__slots__):
        name = qualified_name(type(response))
        raise TypeError(f"{name}: its __init__ did not call super().__init__(). Fix: call it with content and status")
    return response


def _unused(response: StreamingResponse) -> StreamingResponse:
    """Return a streaming response that nobody consumes yet."""
    if response._is_taken:
        response = response.again()
    response._is_taken = True
    return response


def _refuse_tuple(value: tuple[Any, ...]) -> Response:
    raise TypeError(
        "the handler returned a tuple, and its annotation names none. Fix: for another status, put status=201 on the "
        "route or return JSONResponse(value, status=201); for a JSON array, return a list or annotate -> tuple[...]"
    )


def _refuse_exception(value: Any) -> Response:
    raise TypeError(f"the handler returned a {type(value).__name__}. Fix: raise it") from value
