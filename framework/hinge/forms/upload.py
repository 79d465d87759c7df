"""An uploaded file: what the client said of it, and its bytes.

Law: the bytes stand in memory until there are too many, then in a temporary file without a name, which is gone when it
is closed or the process ends. Nobody writes to it but `flush`, and whatever blocks is handed to the backend's edge.
"""

import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import IO, TypeAlias

from hinge.http.headers import Headers
from hinge.http.multidict import MultiDict

Read: TypeAlias = Callable[[], bytes]
Blocking: TypeAlias = Callable[[Read], bytes]
"""Do a read here; raises RuntimeError on an event loop, which it would stop."""
Waiting: TypeAlias = Callable[[Read], Awaitable[bytes]]
"""Have a read done where it stops nobody."""

CHUNK = 65536

AHEAD = 1024 * 1024
"""Bytes that a coroutine's read brings from the disk at once."""


class Spool:
    """The bytes of one file, while they come and afterwards. `size` counts all of them, `held` those in memory."""

    __slots__ = ("_buffer", "_file", "_is_closed", "_lock", "size")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._file: IO[bytes] | None = None
        self._lock = threading.Lock()
        self._is_closed = False
        self.size = 0

    @property
    def held(self) -> int:
        """How many bytes are in memory."""
        return len(self._buffer)

    @property
    def is_on_disk(self) -> bool:
        """Whether a part of it was written."""
        return self._file is not None

    @property
    def is_closed(self) -> bool:
        """Whether it was given back."""
        return self._is_closed

    def add(self, data: bytes) -> None:
        """Append what has come."""
        self._buffer += data
        self.size += len(data)

    def flush(self) -> None:
        """Write what is in memory to the temporary file; it blocks.

        Raises:
            OSError: the file cannot be made, or there is no room for it.
        """
        with self._lock:
            if not self._is_closed:
                if self._file is None:
                    self._file = _temporary_file()
                self._file.write(self._buffer)
                self._file.flush()
                self._buffer = bytearray()
        if self._is_closed:  # meanwhile
            self.close()

    def read(self, position: int, size: int) -> bytes:
        """Return up to `size` bytes; it blocks if they are on the disk.

        Raises:
            ValueError: the file is closed.
        """
        with self._lock:
            if self._is_closed:
                raise ValueError("the uploaded file is closed: it is there until its request has been answered")
            if self._file is None:
                return bytes(memoryview(self._buffer)[position : position + size])
            self._file.seek(position)
            return self._file.read(size)

    def close(self) -> None:
        """Give back memory and disk. If a thread is at work on it, that one does it."""
        self._is_closed = True
        if self._lock.acquire(blocking=False):
            try:
                file, self._file, self._buffer = self._file, None, bytearray()
                if file is not None:
                    file.close()
            finally:
                self._lock.release()

    def __del__(self) -> None:
        # Whoever lost a request on the way, as a server that is killed does, leaves nothing behind and no warning.
        if self._file is not None:
            self._file.close()


def _temporary_file() -> IO[bytes]:
    import tempfile  # noqa: PLC0415 - a process whose files stay in memory does without

    return tempfile.TemporaryFile(prefix="hinge-")


class UploadFile:
    """A file of a form: what the client says of it, and its bytes, which can be read in both colours.

    `name` is the field's. `filename` is the last part of the path that was sent, without control characters; it is
    the client's word, no safe name for a file of yours. `content_type` is the client's word, too, and may be empty;
    `headers` are all of the part's. `size` is in bytes.

    `read`, and `for` over `chunks`, are for plain functions, `await aread` and `async for` for coroutines; the position
    is the same for both. The file can be read until the response is out and the work after it done.
    """

    __slots__ = (
        "_ahead", "_ahead_at", "_blocking", "_position", "_spool", "_waiting",
        "content_type", "filename", "headers", "name",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        filename: str,
        content_type: str,
        headers: Headers,
        spool: Spool,
        blocking: Blocking,
        waiting: Waiting,
    ) -> None:
        self.name = name
        self.filename = filename
        self.content_type = content_type
        self.headers = headers
        self._spool = spool
        self._blocking = blocking
        self._waiting = waiting
        self._position = self._ahead_at = 0
        self._ahead = b""

    @property
    def size(self) -> int:
        """The length in bytes."""
        return self._spool.size

    def _next(self, size: int) -> Read:
        position, left = self._position, max(0, self.size - self._position)
        size = left if size < 0 else min(size, left)

        def read() -> bytes:
            data = self._spool.read(position, size)
            self._position = position + len(data)
            return data

        return read

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, `size` at most (-1: all), none at the end.

        Raises:
            RuntimeError: it is called on the event loop, which it would stop. A coroutine awaits `aread`.
            ValueError: the request has been answered.
        """
        return self._blocking(self._next(size))

    async def aread(self, size: int = -1) -> bytes:
        """Return what `read` returns, without stopping the event loop."""
        spool, position = self._spool, self._position
        left = max(0, self.size - position)
        wanted = left if size < 0 else min(size, left)
        if not spool.is_on_disk or wanted > AHEAD:
            read = self._next(size)
            return await self._waiting(read) if spool.is_on_disk else read()
        begin = position - self._ahead_at
        if begin < 0 or begin + wanted > len(self._ahead) or spool.is_closed:
            # Each is a wait for a thread: it brings what the next ones will want, too.
            self._ahead = await self._waiting(lambda: spool.read(position, AHEAD))
            self._ahead_at, begin = position, 0
        self._position = position + wanted
        return self._ahead[begin : begin + wanted]

    def chunks(self, size: int = CHUNK) -> "Chunks":
        """Return the rest in pieces of `size` bytes, for `for` and for `async for`."""
        return Chunks(self, size)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Set the position that is read next and return it: from the start, from here (1) or from the end (2).

        Raises:
            ValueError: it would be before the start, or `whence` is none of the three.
        """
        if whence not in (0, 1, 2):
            raise ValueError(f"whence is 0, 1 or 2, not {whence!r}")
        position = offset + (0, self._position, self.size)[whence]
        if position < 0:
            raise ValueError(f"there is no position {position}")
        self._position = position
        return position

    def tell(self) -> int:
        """Return the position that is read next."""
        return self._position

    def __repr__(self) -> str:
        return f"UploadFile(name={self.name!r}, filename={self.filename!r}, size={self.size})"


class Chunks:
    """The rest of a file in pieces."""

    __slots__ = ("_file", "_size")

    def __init__(self, file: UploadFile, size: int) -> None:
        if size < 1:
            raise ValueError(f"pieces have at least one byte, not {size!r}")
        self._file = file
        self._size = size

    def __iter__(self) -> Iterator[bytes]:
        while piece := self._file.read(self._size):
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await self._file.aread(self._size):
            yield piece


class FormData(MultiDict[str | UploadFile]):
    """Map names to the texts and files of a form; `get_all` and `multi_items` show repeated names."""

    __slots__ = ()
