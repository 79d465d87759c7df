"""What a mounted application answers, as a response of Hinge.

Law: framing and the connection are the server's, whoever names them; a declared length is kept, and kept to. All other
header lines go on as they are. A value that HTTP cannot carry is refused; one beyond ASCII is percent-encoded.
"""

import sys
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from hinge.errors import HTTPError
from hinge.http.headers import check_name
from hinge.http.percent import quote
from hinge.responses.response import FRAMING, Lines, Response, ResponseHeaders, check_status
from hinge.responses.streaming import ChunkIterator, StreamingResponse

_VISIBLE = "".join(map(chr, range(32, 127)))


def as_status(error: BaseException) -> BaseException:
    """Return what a part of Starlette that stands by itself raises to answer with a status, as the HTTPError it means.

    `StaticFiles` raises a 404 for the application around it to answer; here that is this app.
    """
    kind: Any = getattr(sys.modules.get("starlette.exceptions"), "HTTPException", None)
    raised: Any = error
    if kind is None or not isinstance(raised, kind) or not 400 <= raised.status_code <= 599:
        return error
    told = HTTPError(raised.status_code, raised.detail, headers=raised.headers)
    told.__cause__ = error
    return told


class CutShort(RuntimeError):  # noqa: N818 - an event, as `StreamAborted` is
    """Report that a mounted application sent less or more than its Content-Length, or ended before its answer did."""


class Streamed(StreamingResponse):
    """An answer that is made while it is sent; its length is that which the application declared."""

    __slots__ = ("_length", "_sized")

    def __init__(
        self, source: ChunkIterator, status: int, lines: Lines, length: int | None, *, is_async: bool, eager: bool
    ) -> None:
        self._iterator, self.is_async = source, is_async
        self.eager_start, self._is_taken = eager, False
        self._status, self._body = status, None
        self._headers = ResponseHeaders.trusted(lines)
        self._length, self._sized = length, source

    @property
    def content_length(self) -> int | None:
        """What the application declared, unless a middleware makes something else of the body."""
        return self._length if self._iterator is self._sized else None

    def continue_with(self, begun: ChunkIterator) -> None:
        """Put an iterator over the very same chunks in place of the source."""
        is_sized = self._iterator is self._sized
        super().continue_with(begun)
        if is_sized:
            self._sized = self._iterator


def whole(body: bytes, status: int, lines: Lines, length: int | None, method: str) -> Response:
    """Return a complete answer.

    Raises:
        CutShort: it is shorter or longer than declared.
    """
    if length is not None and length != len(body):
        if method != "HEAD" and status not in (204, 304):
            raise CutShort(f"a mounted application sent {len(body)} bytes and declared {length}")
        return Streamed(iter(()), status, lines, length, is_async=False, eager=False)
    return Response.trusted(body, status, lines)


class Counted:
    """How much of a body is still to come, where its length was declared."""

    __slots__ = ("_declared", "_left")

    def __init__(self, declared: int | None) -> None:
        self._declared = declared
        self._left = declared or 0

    def take(self, chunk: bytes) -> bytes:
        """Return a chunk.

        Raises:
            CutShort: it is more than was declared.
        """
        if self._declared is not None:
            self._left -= len(chunk)
            if self._left < 0:
                raise CutShort(f"a mounted application sent more than the {self._declared} bytes that it declared")
        return chunk

    def end(self) -> None:
        """Check that all has come; raises CutShort."""
        if self._declared is not None and self._left:
            raise CutShort(f"a mounted application declared {self._declared} bytes, and {self._left} are missing")


def head_of(status: Any, headers: Iterable[tuple[str, str]]) -> tuple[int, Lines, int | None]:
    """Return the status, the header lines that go out and the declared length.

    Raises:
        ValueError: the status is none of an answer, or a header's name or value is invalid.
    """
    lines, length = [], None
    for name, value in headers:
        key = _key(name)
        if key in FRAMING:
            if key == "content-length":
                length = int(value) if value.isascii() and value.isdigit() and len(value) < 20 else None
            continue
        if not (value.isascii() and value.isprintable()):
            value = _sendable(key, value)  # noqa: PLW2901 - as it goes out
        lines.append((key, value))
    return check_status(status), tuple(lines), length


_key = lru_cache(maxsize=256)(check_name)


def _sendable(name: str, value: str) -> str:
    value = value.replace("\t", " ")
    if any(character < " " or character == "\x7f" for character in value):
        raise ValueError(f"the header {name!r} of a mounted application has a line break or a control in its value")
    return quote(value, _VISIBLE, "latin-1")
