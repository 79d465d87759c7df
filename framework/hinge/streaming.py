"""A response whose body is produced while it is sent.

Law: the colour of the source is read off its type, once, when it is set; nothing is tried and caught. The source
becomes exactly one iterator; the backend takes it chunk by chunk and closes it whatever happens: end, error or client
disconnect.
"""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from contextvars import copy_context
from types import AsyncGeneratorType, GeneratorType
from typing import Any, ClassVar, Self, TypeAlias, cast

from hinge.context import carry_back
from hinge.errors import FAILURES
from hinge.response import OCTETS, Content, Lines, Pairs, Response

Chunks: TypeAlias = Iterable[Content] | AsyncIterable[Content]
ChunkIterator: TypeAlias = Iterator[Content] | AsyncIterator[Content]


BODILESS = frozenset({204, 205, 304})
"""The statuses whose responses have no body (RFC 9110 sections 6.4.1 and 15.3.6)."""

UNSIZED = frozenset({204, 304})
"""Those of them that have no Content-Length either: they end with their head."""


class StreamingResponse(Response):
    """Answer with the chunks (str or bytes) of a sync or async iterable.

    `iterator` is what the backend consumes and closes, `is_async` its colour. Assigning `iterator` replaces the source:
    a middleware wraps the old one that way, and then owns closing it. The default content type is
    `application/octet-stream`.

    Raises:
        TypeError: the content is a str, bytes, a mapping, or not iterable at all.
        ValueError: as for `Response`.

    """

    __slots__ = ("_is_taken", "_iterator", "eager_start", "is_async")

    default_headers: ClassVar[Lines | None] = (("content-type", OCTETS),)

    _iterator: ChunkIterator
    is_async: bool
    """True if `iterator` is consumed with `async for`."""
    eager_start: bool
    """True if the headers should reach the client before the first chunk exists."""

    def __init__(
        self,
        content: Chunks,
        *,
        status: int = 200,
        headers: Pairs | None = None,
        media_type: str | None = None,
    ) -> None:
        # The source first: a caller who sees another error than its own still owns an untouched source.
        self._iterator, self.is_async = resolve_source(content)
        self.eager_start = self._is_taken = False
        super().__init__(None, status=status, headers=headers, media_type=media_type)

    def again(self) -> Self:
        """Return a response like this one, whose source is consumed, for another request.

        Raises:
            TypeError: it cannot be told how to make the source anew.

        """
        raise TypeError(
            f"the handler answered with a {type(self).__name__} that was sent before, and its source is consumed. "
            "Fix: make one for each request"
        )

    def render(self, content: Any) -> None:
        """Return None: there is no complete body."""

    def for_request(self, request: Any) -> Response:
        """Return what answers this request: itself, or what a subclass makes of the request's headers.

        Raises:
            HTTPError: it cannot be answered with this response.

        """
        return self

    @property
    def iterator(self) -> ChunkIterator:
        """The one iterator over the body, `AsyncIterator` if `is_async`."""
        return self._iterator

    @iterator.setter
    def iterator(self, content: Chunks) -> None:
        self._iterator, self.is_async = resolve_source(content)

    def continue_with(self, begun: ChunkIterator) -> None:
        """Put an iterator over the very same chunks in place of the source, as a backend does to make the first one."""
        self.iterator = begun

    @property
    def body(self) -> bytes | None:
        """None: the body is streamed. It cannot be assigned; answer with a `Response` instead."""
        return None

    @body.setter
    def body(self, content: Content | None) -> None:
        raise AttributeError(
            f"a {type(self).__name__} has no body to assign: set its iterator, or answer with a Response"
        )


def sent_length(response: Response) -> int | None:
    """Return the Content-Length of a response, None if it goes without."""
    if response.status in BODILESS:
        return None if response.status in UNSIZED else 0
    return response.content_length


def framed_lines(response: Response) -> list[tuple[str, str]]:
    """Return the header lines of a response as they go out, its Content-Length among them where it has one."""
    lines: list[tuple[str, str]] = response.headers.raw.copy()
    length = sent_length(response)
    if length is None and not isinstance(response, StreamingResponse) and response.status not in UNSIZED:
        length = 0
    if length is not None:
        lines.append(("content-length", str(length)))
    return lines


class StreamAborted(Exception):  # noqa: N818 - told to the server, so that it cuts the connection
    """Say that a body ends before its end, once its status is out; `failure` is why, and is in the log already."""

    def __init__(self, failure: Exception) -> None:
        super().__init__(f"the response was cut off: {type(failure).__name__}")
        self.failure = failure


def resolve_source(content: Any) -> tuple[Any, bool]:
    """Return the iterator over a streamed body and whether it is async.

    Raises:
        TypeError: `content` is no stream: str, bytes and mappings would go out as characters, integers and keys.

    """
    kind = type(content)
    if kind is GeneratorType or kind is AsyncGeneratorType:  # as most are: a look at a class costs as much as a chunk
        return content, kind is AsyncGeneratorType
    if hasattr(kind, "__anext__"):
        return content if hasattr(kind, "__aiter__") else _Looped(content), True
    if hasattr(kind, "__aiter__"):
        return content.__aiter__(), True
    if hasattr(kind, "__next__"):
        return content if hasattr(kind, "__iter__") else _Looped(content), False
    if isinstance(content, (str, bytes, bytearray, memoryview, Mapping)):
        raise TypeError(f"a streamed body is an iterable of chunks, not {kind.__name__}: use Response or JSONResponse")
    if hasattr(kind, "__iter__"):
        return iter(content), False
    hint = (
        ": call the generator function"
        if callable(content)
        else ": await it first"
        if hasattr(kind, "__await__")
        else ""
    )
    raise TypeError(f"a streamed body is a sync or async iterable of chunks, not {kind.__name__}{hint}")


class _Looped:
    """An iterator that lacks `__iter__` or `__aiter__`, and so cannot be looped over as it is."""

    __slots__ = ("_source",)

    def __init__(self, source: Any) -> None:
        self._source = source

    def __iter__(self) -> Self:
        return self

    __aiter__ = __iter__

    def __next__(self) -> Any:
        return next(self._source)

    def __anext__(self) -> Any:
        return self._source.__anext__()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)  # its close or aclose, if it has one


_NOTHING: Any = object()


class Begun(Iterator[Content]):
    """A plain source whose first chunk exists; the others are made as they are asked for, in the same context."""

    __slots__ = ("_context", "_first", "_source")

    def __init__(self, source: Iterator[Content]) -> None:
        self._source = source
        self._context = copy_context()
        self._first: Any = _NOTHING

    def begin(self) -> None:
        """Make the first chunk that is not empty.

        Raises what the source raises, and TypeError for a chunk that is none.
        """
        try:
            while self._first is _NOTHING:
                chunk = self._context.run(next, self._source, _NOTHING)
                if chunk is _NOTHING:
                    return
                if encode_chunk(chunk):
                    self._first = chunk
        finally:
            carry_back(self._context)

    def __next__(self) -> Content:
        first, self._first = self._first, _NOTHING
        if first is _NOTHING:
            return self._context.run(next, self._source)
        self._context.run(carry_back, copy_context())  # what the middleware has set meanwhile
        return cast("Content", first)

    def close(self) -> None:
        """Close the source."""
        close = getattr(self._source, "close", None)
        if close is not None:
            self._context.run(close)
        carry_back(self._context)


def close_failure(error: BaseException) -> BaseException | None:
    """Return what went wrong in a source's close; None if only a task group of its own reports that it was closed.

    Raises the error itself if it is none of the source's: a cancellation, an interrupt.
    """
    if isinstance(error, BaseExceptionGroup):
        rest: BaseException | None = error.split(GeneratorExit)[1]
        return rest
    if isinstance(error, FAILURES):
        return error
    raise error


def encode_chunk(chunk: Content) -> bytes:
    """Return the bytes of one chunk; str is encoded as UTF-8.

    Raises:
        TypeError: the chunk is neither str nor bytes-like.

    """
    kind = chunk.__class__
    if kind is bytes:
        return cast("bytes", chunk)
    if isinstance(chunk, str):
        return chunk.encode()
    if isinstance(chunk, (bytes, bytearray, memoryview)):
        return bytes(chunk)  # a copy: a producer may reuse its buffer before the server has sent it
    raise TypeError(f"a streamed chunk is str or bytes, not {kind.__name__}")
