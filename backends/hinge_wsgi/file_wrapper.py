"""A file that the server sends itself: `wsgi.file_wrapper` (PEP 3333).

Law: the client gets the bytes that were promised, or a connection that breaks off. A file goes only to servers that
send from where it stands and no further than Content-Length says, and only where that is faster; and only if nothing
waits for the end of the response: they close the file in whichever thread they please.
"""

import io
import os
from typing import Any

from hinge.errors import HTTPError
from hinge.request import Request
from hinge.responses.files import FileResponse
from hinge_wsgi.environ import Environ

WORTHWHILE = 256 * 1024
"""Bytes below which handing over costs what it saves."""
_BLOCK_SIZE = 64 * 1024


def wrapped_file(response: FileResponse, request: Request) -> Any | None:
    """Return what the server sends in place of the response's iterator, None if that is to be iterated."""
    wrapper = _wrapper(request._head)
    if wrapper is None or request._after:
        return None
    iterator: Any = response.iterator
    if request._sources is not None and any(source is not iterator for source, _ in request._sources):
        return None  # a middleware has replaced a source, which is closed after the response
    span = response.part()
    if span is None or span[1] - span[0] < WORTHWHILE:
        return None
    try:
        file = PartOfFile(response, *span)
    except (OSError, HTTPError):
        return None  # whoever iterates is told why
    request._sources = None
    iterator.close()  # its first chunk may have been read for a middleware
    return wrapper(file, _BLOCK_SIZE)


def _wrapper(environ: Environ) -> Any | None:
    """Return the wrapper of a server that is known to keep to the law."""
    wrapper = environ.get("wsgi.file_wrapper")
    match getattr(wrapper, "__module__", None):
        case "waitress.buffers":
            return wrapper
        # Its sendfile doubles what a UNIX socket carries; over TCP on one machine the client pays more than it saves.
        case "gunicorn.http.wsgi" if not environ.get("REMOTE_ADDR"):
            return wrapper
    return None


class PartOfFile(io.FileIO):
    """An open file that stands at the start of a part and ends with it.

    Raises:
        OSError: it cannot be opened, is not the one that was promised, or has become shorter.
        HTTPError: it is gone.
    """

    def __init__(self, response: FileResponse, start: int, stop: int) -> None:
        super().__init__(response.file.descriptor())
        self._path, self._promised = response.file.path, response.file.found
        self._stop = self._reached = stop
        if os.fstat(self.fileno()).st_size < stop:
            super().close()
            raise OSError(f"{self._path} became shorter after its headers were made")
        self.seek(start)

    def read(self, size: int | None = -1) -> bytes:
        """Return the next bytes of the part, at most `size`, empty at its end.

        Raises:
            EOFError: the file became shorter.
        """
        at = self.tell()
        left = max(0, self._stop - at)
        wanted = left if size is None or size < 0 else min(size, left)
        data = super().read(wanted) or b""
        self._reached = at + len(data)
        if wanted and not data:
            raise self._cut_short()
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move, and return the place; `socket.sendfile` moves to where it came."""
        self._reached = super().seek(offset, whence)
        return self._reached

    def close(self) -> None:
        """Close the file.

        Raises:
            EOFError: it became shorter while it was sent; gunicorn does not see that, and would keep the connection.
        """
        if self.closed:
            return
        found = os.fstat(self.fileno())
        super().close()
        # A client that leaves leaves the file as it is.
        has_changed = found.st_size < self._stop or found.st_mtime_ns != self._promised.st_mtime_ns
        if self._reached < self._stop and has_changed:
            raise self._cut_short()

    def _cut_short(self) -> EOFError:
        left = self._stop - self._reached
        return EOFError(f"{self._path!r} became shorter while it was sent: {left} bytes are missing")
