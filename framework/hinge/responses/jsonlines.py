"""JSON Lines: a stream of values, each one JSON text on a line of its own (jsonlines.org).

Law: every chunk is one whole line, sent when its item exists. JSON from msgspec has no line end inside, and what
`msgspec.Raw` brings along is taken out.
"""

from collections.abc import AsyncIterable, Callable, Iterable
from typing import Any, ClassVar, Self

import msgspec

from hinge.codecs import encode_json
from hinge.responses.frames import framed
from hinge.responses.response import Lines, Pairs
from hinge.responses.streaming import StreamingResponse

JSON_LINES = "application/jsonl"


class JSONLinesResponse(StreamingResponse):
    """Answer with a stream of values, one line of JSON each, as a sync or async iterable produces them.

    A bare iterator is sent so where the handler's annotation names its items: `-> Iterator[Item]`. The source is closed
    when the stream ends, fails or the client leaves.

    Raises:
        TypeError: `content` is not such an iterable.
        ValueError: as for `Response`.
    """

    __slots__ = ()

    default_headers: ClassVar[Lines | None] = (("content-type", JSON_LINES),)

    def __init__(
        self,
        content: Iterable[Any] | AsyncIterable[Any],
        *,
        status: int = 200,
        headers: Pairs | None = None,
        media_type: str | None = None,
    ) -> None:
        self._begin_with(framed(content, encode_line), status, headers, media_type)

    @classmethod
    def of(cls, content: Iterable[Any] | AsyncIterable[Any], project: Callable[[Any], Any], *, status: int) -> Self:
        """Return the response of items of which only what `project` takes is sent."""
        response = cls.__new__(cls)
        response._begin_with(framed(content, lambda item: encode_line(project(item))), status, None, None)
        return response


def encode_line(item: Any) -> bytes:
    """Return one value as a line of JSON.

    Raises:
        TypeError: msgspec cannot encode it.
    """
    line = encode_json(item)
    if b"\n" in line or b"\r" in line:
        line = msgspec.json.format(line, indent=-1)
    return line + b"\n"
