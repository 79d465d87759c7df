"""The items of a stream, each encoded as one chunk.

Law: a source is closed by whoever ends first, the source or its consumer; what its close raises at its end, when all
items are out, is raised when the consumer closes. These are classes and not generators: a
generator that was never started does not run its `finally`, and the source stays open.
"""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine, Iterable, Iterator
from typing import Any

from hinge.diagnostics.failures import FAILURES, failure_in_task
from hinge.responses.sources import resolve_source

Encode = Callable[[Any], bytes]


def framed(content: Iterable[Any] | AsyncIterable[Any], encode: Encode) -> "tuple[Frames | AsyncFrames, bool]":
    """Return the iterator over the encoded items, and whether it is async, as the source is.

    Raises:
        TypeError: `content` is no such iterable.
    """
    source, is_async = resolve_source(content)
    return AsyncFrames(source, encode) if is_async else Frames(source, encode), is_async


def unframed(frames: Any) -> tuple[Any, Encode] | None:
    """Return the items that an iterator of `framed` encodes, and what encodes them; None for any other iterator.

    A backend that takes the items itself saves a call, or a coroutine, for each. It still closes the iterator, not the
    items.
    """
    kind = type(frames)
    if (kind is Frames or kind is AsyncFrames) and frames._source is not None:
        return frames._source, frames._encode
    return None


class Frames(Iterator[bytes]):
    """Encode the items of a sync source, and close it."""

    closes_once = True

    __slots__ = ("_encode", "_failure", "_source")

    def __init__(self, source: Iterator[Any], encode: Encode) -> None:
        self._source: Iterator[Any] | None = source
        self._encode = encode
        self._failure: Exception | None = None

    def __next__(self) -> bytes:
        if self._source is None:
            raise StopIteration
        try:
            return self._encode(next(self._source))
        except StopIteration:
            try:
                self.close()
            except FAILURES as error:
                self._failure = error
            raise
        except FAILURES:
            self.close()
            raise

    def close(self) -> None:
        """Close the source."""
        source, self._source = self._source, None
        close = getattr(source, "close", None)
        if close is not None:
            close()
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure


class AsyncFrames(AsyncIterator[bytes]):
    """Encode the items of an async source, and close it."""

    closes_once = True

    __slots__ = ("_encode", "_failure", "_source")

    def __init__(self, source: AsyncIterator[Any], encode: Encode) -> None:
        self._source: AsyncIterator[Any] | None = source
        self._encode = encode
        self._failure: Exception | None = None

    def __anext__(self) -> Coroutine[Any, Any, bytes]:
        return self._step(None)

    def athrow(self, error: BaseException) -> Coroutine[Any, Any, bytes]:
        """Raise something where the source is suspended, if it can be, and return what it makes of that, encoded."""
        return self._step(error)

    async def _step(self, error: BaseException | None) -> bytes:
        source: Any = self._source
        if source is None:
            raise StopAsyncIteration
        try:
            if error is None:
                return self._encode(await source.__anext__())
            if not hasattr(source, "athrow"):
                raise error
            return self._encode(await source.athrow(error))
        except StopAsyncIteration:
            try:
                await self.aclose()
            except FAILURES as failure:
                self._failure = failure
            raise
        except FAILURES as failure:
            # A cancellation is left to the backend's aclose(): closing inside a cancelled scope would be cut short.
            failure_in_task(failure)
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """Close the source."""
        source, self._source = self._source, None
        aclose = getattr(source, "aclose", None)
        if aclose is not None:
            await aclose()
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
