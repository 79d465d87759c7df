"""A response that sends a file.

Law: size, validators and content type are read once, when the response is made, and the body keeps that promise:
exactly `size` bytes of that very file, or an error that cuts the connection; never more, less, or another file's.
The file is opened by whoever sends it, at the first chunk, and closed whatever happens: HEAD and 304 open nothing.
"""

import copy
import errno
import mimetypes
import os
import stat
import time
from collections.abc import Generator
from pathlib import Path
from typing import ClassVar, Literal, Self
from urllib.parse import quote

from hinge.errors import HTTPError
from hinge.response import OCTETS, Lines, Pairs, content_type
from hinge.streaming import StreamingResponse

CHUNK_SIZE = 64 * 1024
_NAME_LIMIT = 200

# What browsers are strict about. The standard table differs between Python releases and is patched by /etc/mime.types
# and the Windows registry, which may call a script text/plain.
_WEB_TYPES = {
    ".avif": "image/avif",
    ".css": "text/css",
    ".htm": "text/html",
    ".html": "text/html",
    ".ico": "image/vnd.microsoft.icon",
    ".js": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xml": "text/xml",
}
# A compressed file is a file of that format: its inner type would need a Content-Encoding, and clients would unpack it.
_COMPRESSED_TYPES = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP})

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# Controls and line separators (splitting), path separators, bidirectional controls (they show "gpj.exe" as "exe.jpg"),
# and surrogates, which have no UTF-8 form.
_UNSAFE_RANGES = (
    *((0x00, 0x1F), (0x7F, 0x9F), (0x22, 0x22), (0x2F, 0x2F), (0x5C, 0x5C)),
    *((0x200E, 0x200F), (0x2028, 0x202E), (0x2066, 0x2069), (0xD800, 0xDFFF)),
)
_UNSAFE_IN_NAME = {code: "_" for first, last in _UNSAFE_RANGES for code in range(first, last + 1)}
# RFC 8187 attr-char without the letters and digits that quote() never touches.
_ATTR_CHARS = "!#$&+-.^_`|~"


class FileResponse(StreamingResponse):
    """Answer with the bytes of a regular file.

    Headers: the content type guessed by the name's ending unless `media_type` tells, `last-modified`, a strong `etag`
    of size and modification time, and with `filename` a `content-disposition` (RFC 6266), "attachment" unless
    `disposition` says "inline". `size` is in bytes.

    `path` is trusted: one that comes from a request must be resolved against a directory first.

    Raises:
        HTTPError: 404, there is no such file, or it is a directory or another thing that is no regular file.
        ValueError: as for `Response`.

    """

    __slots__ = ("_found", "_promised", "path", "size")

    default_headers: ClassVar[Lines | None] = ()

    path: Path
    size: int

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        status: int = 200,
        headers: Pairs | None = None,
        media_type: str | None = None,
        filename: str | None = None,
        disposition: Literal["attachment", "inline"] = "attachment",
    ) -> None:
        self.path = Path(path)
        self._found = found = _stat_file(self.path)
        self.size = found.st_size
        self._promised = self.open_chunks()
        super().__init__(self._promised, status=status, headers=headers, media_type=media_type)
        defaults = [("last-modified", http_date(found.st_mtime)), ("etag", _etag(found))]
        if media_type is None:
            defaults.insert(0, ("content-type", content_type(guess_media_type(self.path.name))))
        if filename is not None:
            defaults.append(("content-disposition", content_disposition(filename, disposition)))
        raw = self.headers.raw
        given = {name for name, _ in raw}
        raw.extend(pair for pair in defaults if pair[0] not in given)

    @property
    def content_length(self) -> int | None:
        """The file's size in bytes, or None once `iterator` was replaced."""
        return self.size if self._iterator is self._promised else None

    def again(self) -> Self:
        """Return a response with the same file and headers, for another request.

        Raises:
            TypeError: its `iterator` was replaced.

        """
        if self._iterator is not self._promised:
            return super().again()
        other = copy.copy(self)
        other._promised = other.iterator = other.open_chunks()
        return other

    def open_chunks(self, size: int = CHUNK_SIZE) -> Generator[bytes, None, None]:
        """Return a new iterator over the file in chunks of at most `size` bytes; it closes the file in every case.

        It yields exactly `self.size` bytes: what was appended meanwhile is left out.

        Raises:
            ValueError: `size` is not positive.
            HTTPError: 404 at the first chunk, the file was removed meanwhile.
            OSError: at the first chunk, the file cannot be read, or another one took its place.
            EOFError: the file became shorter.

        """
        if size < 1:
            raise ValueError(f"a chunk has at least one byte, not {size}")
        return _read_chunks(self.path, self._found, size)


def guess_media_type(name: str) -> str:
    """Return the media type that a file name's ending stands for, `application/octet-stream` if none is known.

    Types added with `mimetypes.add_type` are known; those that browsers are strict about are the same everywhere.
    """
    known = _WEB_TYPES.get(os.path.splitext(name)[1].lower())  # noqa: PTH122 - a name, maybe of no path at all
    if known is not None:
        return known
    # The slash keeps a name with a colon from being read as a URL with a scheme.
    guessed, compression = mimetypes.guess_type(f"/{name}")
    if compression is not None:
        return _COMPRESSED_TYPES.get(compression, OCTETS)
    return guessed or OCTETS


def content_disposition(filename: str, disposition: Literal["attachment", "inline"] = "attachment") -> str:
    """Return a `Content-Disposition` value for any file name (RFC 6266, RFC 8187).

    Characters that could end the quoting, name a directory or disguise the ending become `_`; names are cut to their
    last 200 characters, so that the ending stays. Old clients read an ASCII approximation, others the exact name.

    Raises:
        ValueError: the disposition is neither "attachment" nor "inline".

    """
    if disposition not in ("attachment", "inline"):
        raise ValueError(f'a disposition is "attachment" or "inline", not {disposition!r}')
    name = filename[-_NAME_LIMIT:].translate(_UNSAFE_IN_NAME)
    if not name.strip(". "):
        name = "download"
    # RFC 6266 appendix D: some clients decode percent sequences even in the plain form.
    plain = name.encode("ascii", "replace").decode("ascii").replace("?", "_").replace("%", "_")
    value = f'{disposition}; filename="{plain}"'
    return value if plain == name else f"{value}; filename*=UTF-8''{quote(name, safe=_ATTR_CHARS)}"


def http_date(timestamp: float) -> str:
    """Return seconds since the epoch as an IMF-fixdate (RFC 9110 section 5.6.7), independent of the locale.

    Times before the epoch and in the future become the epoch and now: no validator may be later than its message.
    """
    moment = time.gmtime(min(max(timestamp, 0), time.time()))
    return (
        f"{_DAYS[moment.tm_wday]}, {moment.tm_mday:02} {_MONTHS[moment.tm_mon - 1]} {moment.tm_year}"
        f" {moment.tm_hour:02}:{moment.tm_min:02}:{moment.tm_sec:02} GMT"
    )


def _stat_file(path: Path) -> os.stat_result:
    try:
        found = path.stat()
    except OSError as error:
        if error.errno in _ABSENT:
            raise HTTPError(404) from error
        raise
    except ValueError as error:  # a NUL in the path
        raise HTTPError(404) from error
    if not stat.S_ISREG(found.st_mode):  # opening a pipe or a device could wait for ever
        raise HTTPError(404)
    return found


def _etag(found: os.stat_result) -> str:
    return f'"{found.st_mtime_ns:x}-{found.st_size:x}"'


def _read_chunks(path: Path, promised: os.stat_result, size: int) -> Generator[bytes, None, None]:
    left = promised.st_size
    try:
        file = path.open("rb", buffering=0)
    except FileNotFoundError as error:
        raise HTTPError(404) from error
    with file:
        if not os.path.samestat(os.fstat(file.fileno()), promised):
            raise OSError(f"{path} was replaced by another file after its headers were made")
        while left:
            chunk = file.read(min(size, left))
            if not chunk:
                raise EOFError(f"{path} became {left} bytes shorter while it was sent")
            left -= len(chunk)
            yield chunk
