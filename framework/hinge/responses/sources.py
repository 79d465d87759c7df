"""What a streamed body is made of: iterators of either colour, and their chunks.

Law: the colour of a source is read off its type, once; nothing is tried and caught. What it is made of is closed with
it, once: the iterator, and the iterable that it came from (PEP 3333).
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from types import AsyncGeneratorType, GeneratorType
from typing import Any, Self, cast

from hinge.diagnostics.failures import failure_of
from hinge.responses.chunks import KnownSource
from hinge.responses.response import Content


def resolve_source(content: Any) -> tuple[Any, bool]:
    """Return the iterator over a streamed body and whether it is async.

    Raises:
        TypeError: `content` is no stream: str, bytes and mappings would go out as characters, integers and keys.
    """
    kind = type(content)
    if kind is GeneratorType or kind is AsyncGeneratorType:  # as most are: a look at a class costs as much as a chunk
        return content, kind is AsyncGeneratorType
    if hasattr(kind, "__anext__"):
        iterator = content if hasattr(kind, "__aiter__") else _Looped(content)
        return (iterator if hasattr(content, "aclose") else _closing(iterator, is_async=True)), True
    if hasattr(kind, "__aiter__"):
        return _closing(content.__aiter__(), content, is_async=True), True
    if hasattr(kind, "__next__"):
        return content if hasattr(kind, "__iter__") else _Looped(content), False
    if isinstance(content, (str, bytes, bytearray, memoryview, Mapping)):
        raise TypeError(f"a streamed body is an iterable of chunks, not {kind.__name__}: use Response or JSONResponse")
    if hasattr(kind, "__iter__"):
        iterator, close = iter(content), getattr(content, "close", None)
        return (iterator if close is None else _closing(iterator, content, is_async=False)), False
    hint = (
        ": call the generator function"
        if callable(content)
        else ": await it first"
        if hasattr(kind, "__await__")
        else ""
    )
    raise TypeError(f"a streamed body is a sync or async iterable of chunks, not {kind.__name__}{hint}")


def is_at_rest(source: Any) -> bool:
    """Tell whether closing a plain source runs none of its code: a generator that has not begun, or has ended."""
    if isinstance(source, GeneratorType):
        return not source.gi_running and not source.gi_suspended
    if isinstance(source, KnownSource):
        return source.is_at_rest
    return not hasattr(source, "__anext__") and getattr(source, "close", None) is None


def closing_once(source: Any, *, is_async: bool) -> Any:
    """Return an iterator over the same chunks that may be closed more than once, as a generator may."""
    kind = type(source)
    if kind is GeneratorType or kind is AsyncGeneratorType or getattr(kind, "closes_once", False):
        return source
    return _closing(source, is_async=is_async)


def _closing(iterator: Any, *owners: Any, is_async: bool) -> Any:
    """Return an iterator that closes the first one and its owners, itself if nothing is to be closed."""
    names = ("aclose", "close") if is_async else ("close",)
    found = [[close for name in names if (close := getattr(one, name, None))] for one in (iterator, *owners)]
    closes = [close for close, *_ in filter(None, found)]
    if not closes:
        return iterator
    return AsyncClosing(iterator, closes) if is_async else Closing(iterator, closes)


class Closing(Iterator[Any]):
    """An iterator that closes all that it is made of, once, whatever fails meanwhile."""

    __slots__ = ("_closes", "_iterator")
    closes_once = True

    def __init__(self, iterator: Iterator[Any], closes: Sequence[Callable[[], Any]]) -> None:
        self._iterator = iterator
        self._closes = closes

    def __next__(self) -> Any:
        return next(self._iterator)

    def close(self) -> None:
        """Close everything."""
        closes, self._closes = self._closes, ()
        with ExitStack() as stack:
            for close in reversed(closes):
                stack.callback(close)


class AsyncClosing(AsyncIterator[Any]):
    """The same for an async iterator; what it is made of may be closed by a plain function as well."""

    __slots__ = ("_closes", "_iterator")
    closes_once = True

    def __init__(self, iterator: AsyncIterator[Any], closes: Sequence[Callable[[], Any]]) -> None:
        self._iterator = iterator
        self._closes = closes

    def __anext__(self) -> Any:
        return self._iterator.__anext__()

    async def aclose(self) -> None:
        """Close everything."""
        closes, self._closes = self._closes, ()
        async with AsyncExitStack() as stack:
            for close in reversed(closes):
                stack.push_async_callback(_awaiting, close)


async def _awaiting(close: Callable[[], Any]) -> None:
    result = close()
    if hasattr(type(result), "__await__"):
        await result


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
    """Return what went wrong in a source's close; None if only it, or a task group of its own, tells of the closing.

    Raises the error itself if it is none of the source's: a cancellation, an interrupt.
    """
    if isinstance(error, GeneratorExit):
        return None
    error = failure_of(error)
    if isinstance(error, BaseExceptionGroup):
        rest: BaseException | None = error.split(GeneratorExit)[1]
        return rest
    return error


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
    raise TypeError(f"a streamed chunk is str or bytes, not {kind.__name__}. Fix: {_instead(kind)}")


def _instead(kind: type) -> str:
    if kind.__name__ == "Event" and kind.__module__.startswith("hinge."):
        return "return EventSourceResponse(...) around what yields them"
    return f"for lines of JSON annotate it, -> Iterator[{kind.__name__}] or AsyncIterator[{kind.__name__}]"
