"""What a streamed body is made of: iterators of either colour, and their chunks.

Law: the colour of a source is read off its type, once; nothing is tried and caught.
"""

from collections.abc import Mapping
from types import AsyncGeneratorType, GeneratorType
from typing import Any, Self, cast

from hinge.errors import FAILURES
from hinge.response import Content


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
