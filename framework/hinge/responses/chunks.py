"""The parts of a regular file, chunk by chunk.

Law: exactly the bytes that were promised, or an error. The file is opened at the first chunk, unless it was found open,
and closed whatever happens. Whoever must not wait can ask whether the next chunk comes without a disk.
"""

from collections.abc import Generator, Iterator, Sequence
from typing import Any

from hinge.responses.opened import Opened, PromisedFile

Part = tuple[int, int]
"""Where it begins and where it ends, in bytes of the file."""


class KnownSource(Iterator[bytes]):
    """A plain source of the framework's own, which tells where it stands."""

    __slots__ = ()
    runs_ahead = False
    """Whether chunks may be made before they are asked for, where threads make them."""

    def is_ready(self) -> bool:
        """Tell whether the next step waits for nothing, as far as is known."""
        return False

    @property
    def is_at_rest(self) -> bool:
        """Whether closing does nothing."""
        return False


class _Place:
    """What is read next."""

    __slots__ = ("opened", "part")

    def __init__(self, opened: Opened | None, part: Part) -> None:
        self.opened = opened
        self.part = part


class FileChunks(KnownSource):
    """The parts of a file in chunks of at most `size` bytes, each part behind its head, and the last head at the end.

    Raises at its steps what `PromisedFile.open` raises; EOFError, the file became shorter.
    """

    __slots__ = ("_chunks", "_place")
    closes_once = True

    def __init__(self, promised: PromisedFile, parts: Sequence[Part], heads: Sequence[bytes], size: int) -> None:
        self._place: _Place | None = None
        self._chunks: Any
        if promised.content is not None:
            self._chunks = _cut(promised.content, parts, heads, size)
        else:
            self._place = place = _Place(promised.opened, _first(*parts[0], size))
            self._chunks = _read(promised, place, parts, heads, size)

    def __next__(self) -> bytes:
        chunk: bytes = next(self._chunks)
        return chunk

    def close(self) -> None:
        """Close the file."""
        self._chunks.close()

    @property
    def is_at_rest(self) -> bool:
        """Whether closing does nothing: it has not begun, or has ended."""
        return not (self._chunks.gi_running or self._chunks.gi_suspended)

    def is_ready(self) -> bool:
        """Tell whether the next step waits neither for a disk nor for the opening of the file, as far as is known."""
        if self._place is None:
            return True
        opened, (start, stop) = self._place.opened, self._place.part
        return opened is not None and (start == stop or opened.is_in_memory(start, stop))


def _first(start: int, stop: int, size: int) -> Part:
    return start, min(start + size, stop)


def _cut(content: bytes, parts: Sequence[Part], heads: Sequence[bytes], size: int) -> Generator[bytes, None, None]:
    for head, (start, stop) in zip(heads, parts, strict=False):
        if head:
            yield head
        for at in range(start, stop, size):
            yield content[at : min(at + size, stop)]
    if heads[-1]:
        yield heads[-1]


# No method: a generator that holds what holds it would keep the file open until the garbage collector comes.
def _read(
    promised: PromisedFile, place: _Place, parts: Sequence[Part], heads: Sequence[bytes], size: int
) -> Generator[bytes, None, None]:
    place.opened = opened = promised.open()
    try:
        for head, (at, stop) in zip(heads, parts, strict=False):
            start = at
            place.part = _first(start, stop, size)
            if head:
                yield head
            while start < stop:
                chunk = opened.read(*place.part)
                if not chunk:
                    raise EOFError(f"{promised.path} became {stop - start} bytes shorter while it was sent")
                start += len(chunk)
                place.part = _first(start, stop, size)
                yield chunk
    finally:
        place.opened = None
        opened.close()
    if heads[-1]:
        yield heads[-1]
