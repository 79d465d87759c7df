"""A response whose body is produced while it is sent.

Law: the colour of the source is told once, when it is set (`sources.py`). It becomes exactly one iterator; the
backend takes it chunk by chunk and closes it whatever happens: end, error or client disconnect.
"""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias

from hinge.responses.response import OCTETS, Content, Lines, Pairs, Response, check_status, merge
from hinge.responses.sources import closing_once, is_at_rest, resolve_source

if TYPE_CHECKING:
    from hinge.responses.files import FileResponse

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
        self, content: Chunks, *, status: int = 200, headers: Pairs | None = None, media_type: str | None = None
    ) -> None:
        # The source first: a caller who sees another error than its own still owns an untouched source.
        self._begin_with(resolve_source(content), status, headers, media_type)

    def _begin_with(self, source: tuple[Any, bool], status: int, headers: Pairs | None, media_type: str | None) -> None:
        """Set everything, without what `Response` does for a complete body: each stream pays for it."""
        self._iterator, self.is_async = source
        self.eager_start = self._is_taken = False
        self._status = status if status == 200 and status.__class__ is int else check_status(status)
        self._body = None
        lines = self.default_headers or ()
        self._headers = tuple(lines) if headers is None and media_type is None else merge(lines, headers, media_type)

    @property
    def is_at_hand(self) -> bool:
        """Whether the body is there already, so that no chunk of it waits or fails."""
        return False

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

    def as_file(self) -> "FileResponse | None":
        """Return itself if it is a file: who asks need not load what sends files."""
        return None

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


def keep(request: Any, response: StreamingResponse) -> None:
    """Note a stream that middleware may still replace: its source is closed behind the answer, whatever that is."""
    source = closing_once(response.iterator, is_async=response.is_async)
    if source is not response.iterator:
        response.continue_with(source)
    _note(request, response)


def chosen(request: Any, response: StreamingResponse) -> Response:
    """Return what answers a request with a stream; if that is something else, the stream is closed behind it.

    Raises:
        HTTPError: see `StreamingResponse.for_request`.
    """
    answer = None
    try:
        answer = response.for_request(request)
        return answer
    finally:
        if answer is not response and not is_at_rest(response.iterator):
            _note(request, response)


def _note(request: Any, response: StreamingResponse) -> None:
    if hasattr(request, "_sources"):  # a WebSocket is answered with whole responses
        sources = request._sources = request._sources or []
        sources.append((response.iterator, response.is_async))


def unsent(request: Any, sent: Any) -> list[tuple[Any, bool]]:
    """Return the sources that were noted, except the iterator that is sent; they are noted no more."""
    sources, request._sources = request._sources or [], None
    return [source for source in sources if source[0] is not sent]


def sent_length(response: Response) -> int | None:
    """Return the Content-Length of a response, None if it goes without."""
    status = response._status
    if status in BODILESS:
        return None if status in UNSIZED else 0
    return response.content_length


def framed_lines(response: Response) -> list[tuple[str, str]]:
    """Return the header lines of a response as they go out, its Content-Length among them where it has one."""
    lines = [*response._lines]
    if response.__class__ is Response and response._status not in BODILESS:  # as most are
        lines.append(("content-length", str(len(response._body or b""))))
        return lines
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
