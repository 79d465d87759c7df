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

from collections.abc import Callable
from typing import Any

from hinge.inspection.wrappers import Unawaited
from hinge.responses.copies import initialised, own, own_headers
from hinge.responses.jsonlines import JSONLinesResponse
from hinge.responses.response import Lines, RedirectResponse, Response, ResponseHeaders
from hinge.responses.streaming import BODILESS, StreamingResponse
from hinge.results.projectors import refuse
from hinge.results.returns import UNANNOTATED, Encode, Returns

Make = Callable[[Any], Response]
_new = object.__new__

_COMPLETE = frozenset({Response.__init__, RedirectResponse.__init__})
"""What makes a response that has all three."""


class Results:
    """What becomes of the results of one endpoint; `status` is its route's, None if that declares none.

    With `written_to` each response is one request's own. `prepared` tells by the class of a plain result how it becomes
    a body, and `header` of its media type, so that a backend need not make a Response of it. It has the classes that
    `respond` was given; none without `header`, or where the status has no body.
    """

    __slots__ = ("_code", "_header", "_make", "_plain", "_returns", "_status", "_written_to", "prepared")

    def __init__(
        self,
        returns: Returns = UNANNOTATED,
        status: int | None = None,
        *,
        written_to: bool = False,
        header: Callable[[str], Any] | None = None,
    ) -> None:
        self._returns = returns
        self._status = status
        self._code = status or 200
        self._written_to = written_to
        self._header = None if status in BODILESS else header
        self._plain: dict[type, tuple[Encode, Any]] = {}
        self._make: dict[type, Make] = {}
        self.prepared: dict[type, tuple[Encode, Any]] = {}

    def respond(self, value: Any) -> Response:
        """Return the response of a result.

        Raises:
            TypeError: msgspec cannot encode it, it is a stream that was answered with before, or a tuple, and the
                annotation names none.
            Unawaited: it is an awaitable.
        """
        kind = type(value)
        how = self._plain.get(kind)
        if how is not None:
            encode, headers = how
            response = _new(Response)  # `Response.trusted` written out, and `ResponseHeaders.copy`
            response._status, response._body = self._code, encode(value)
            if headers.__class__ is ResponseHeaders:
                response._headers = written = _new(ResponseHeaders)
                written._first, written._more = headers._first.copy(), None
            else:
                response._headers = headers
            return response
        make = self._make.get(kind)
        if make is None:
            if hasattr(kind, "__await__"):
                raise Unawaited(value, self.respond)
            plain = self._returns.plain(kind)
            if plain is not None:
                encode, media_type = plain
                lines: Lines = (("content-type", media_type),)
                self._plain[kind] = encode, ResponseHeaders.trusted(lines) if self._written_to else lines
                if self._header is not None:
                    self.prepared[kind] = encode, self._header(media_type)
                return self.respond(value)
            make = self._make[kind] = self._maker(kind)
        return make(value)

    def _maker(self, kind: type) -> Make:
        """Return what makes a response of results of a class that are no plain ones."""
        if kind is tuple:
            return _refuse_tuple
        if issubclass(kind, StreamingResponse):
            return _own_unused if self._written_to else _unused
        if issubclass(kind, Response):
            return own if self._written_to else _same if kind.__init__ in _COMPLETE else initialised
        if issubclass(kind, BaseException):
            return _refuse_exception
        status, returns = self._status, self._returns
        if kind is type(None):
            return lambda value: Response(status=204 if status is None else status)
        return _streamer(self._code, returns) if returns.takes_stream(kind) else refuse


def _same(value: Any) -> Any:
    return value


def _streamer(code: int, returns: Returns) -> Make:
    items, media_type = returns.items, returns.stream_type
    if items is None:
        return lambda value: StreamingResponse(value, status=code, media_type=media_type)
    return lambda value: JSONLinesResponse.of(value, items, status=code)


def _unused(response: StreamingResponse) -> StreamingResponse:
    """Return a streaming response that nobody consumes yet."""
    if response._is_taken:
        response = response.again()
    response._is_taken = True
    return response


def _own_unused(response: StreamingResponse) -> Response:
    """Return a copy that nobody consumes yet."""
    if not response._is_taken:
        response._is_taken = True
        return own(response)
    response = response.again()
    response._headers = own_headers(response)
    return response


def _refuse_tuple(value: tuple[Any, ...]) -> Response:
    raise TypeError(
        "the handler returned a tuple, and its annotation names none. Fix: for another status, put status=201 on the "
        "route or return JSONResponse(value, status=201); for a JSON array, return a list or annotate -> tuple[...]"
    )


def _refuse_exception(value: Any) -> Response:
    raise TypeError(f"the handler returned a {type(value).__name__}. Fix: raise it") from value
