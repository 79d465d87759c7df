"""A response that sends a file, or the parts of it that the request asks for.

Law: size, validators and content type are read once, when the response is made, and the body keeps that promise:
exactly `size` bytes of that very file, or an error that cuts the connection; never more, less, or another file's.
The file is opened by whoever sends it, at the first chunk, unless it was found open; it is closed whatever happens.
"""

import copy
import mimetypes
import os
import stat
import time
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal, Self
from urllib.parse import quote

from hinge.errors import HTTPError
from hinge.http.conditional import Verdict, evaluate, range_applies
from hinge.http.dates import format_date, parse_date
from hinge.http.ranges import RangeNotSatisfiable, multipart_heads, parse_ranges
from hinge.responses.chunks import FileChunks
from hinge.responses.opened import ABSENT, Opened, PromisedFile
from hinge.responses.response import OCTETS, Lines, Pairs, Response, content_type
from hinge.responses.streaming import StreamingResponse

CHUNK_SIZE = 256 * 1024
"""Bytes read at a time: each step of it takes a thread, and half as many bytes take nearly twice as long."""
SMALL = 256 * 1024
"""Bytes that are read about as quickly as the file was looked for: a step in a thread takes longer."""
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
_DESCRIBING = frozenset(
    {"content-type", "content-disposition", "content-language", "content-encoding", "accept-ranges"}
)
"""What a 304 leaves out: the client has it, with its copy (RFC 9110 section 15.4.5)."""


# Controls and line separators (splitting), path separators, bidirectional controls (they show "gpj.exe" as "exe.jpg"),
# and surrogates, which have no UTF-8 form.
_UNSAFE_RANGES = (
    *((0x00, 0x1F), (0x7F, 0x9F), (0x22, 0x22), (0x2F, 0x2F), (0x5C, 0x5C)),
    *((0x200E, 0x200F), (0x2028, 0x202E), (0x2066, 0x2069), (0xD800, 0xDFFF)),
)
_UNSAFE_IN_NAME = {code: "_" for first, last in _UNSAFE_RANGES for code in range(first, last + 1)}
_new = object.__new__
# RFC 8187 attr-char without the letters and digits that quote() never touches.
_ATTR_CHARS = "!#$&+-.^_`|~"


class FileResponse(StreamingResponse):
    """Answer with the bytes of a regular file.

    Headers: the content type guessed by the name's ending unless `media_type` tells, `last-modified`, a strong `etag`
    of size and modification time, `accept-ranges`, and with `filename` a `content-disposition` (RFC 6266), "attachment"
    unless `disposition` says "inline". `size` is the file's, in bytes.

    A GET with `If-None-Match` or `If-Modified-Since` is answered 304 if the client's copy holds, one with `Range` gets
    the parts (206, or 416 if there are none), if `If-Range` allows it; `If-Match` and `If-Unmodified-Since` may come to
    a 412 (RFC 9110 sections 13 and 14). A `status` other than 200 is sent as it is.

    `path` is trusted: one that comes from a request must be resolved against a directory first.

    Raises:
        HTTPError: 404, there is no such file, or it is a directory or another thing that is no regular file.
        ValueError: as for `Response`.
    """

    __slots__ = ("_length", "_may_move", "_promised", "_span", "file", "size", "whole")

    default_headers: ClassVar[Lines | None] = ()

    size: int
    file: PromisedFile
    whole: "FileResponse | None"
    """The 200 that this 206 stands for, None of any other."""

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
        file = os.fspath(path)
        self._may_move = False
        self._set_up(PromisedFile(file, _stat_file(file)), status, headers, media_type)
        if filename is not None:
            self.headers.setdefault("content-disposition", content_disposition(filename, disposition))

    def as_file(self) -> "FileResponse":
        """Return itself."""
        return self

    @classmethod
    def opened(cls, file: str, opened: Opened, headers: Pairs | None, *, may_move: bool) -> Self:
        """Return the response of a regular file that is open; a small one is read here.

        With `may_move` no server opens it by its path.

        Raises:
            OSError: it cannot be read.
        """
        response = cls.__new__(cls)
        response._may_move = may_move
        content = opened.read_all() if opened.found.st_size <= SMALL else None
        promised = PromisedFile(file, opened.found, opened if content is None else None, content)
        response._set_up(promised, 200, headers, None)
        return response

    def _set_up(self, promised: PromisedFile, status: int, headers: Pairs | None, media_type: str | None) -> None:
        self.file = promised
        found = promised.found
        self.whole = None
        self.size = self._length = found.st_size
        self._span: tuple[int, int] | None = (0, self.size)
        self._promised: Any = self.open_chunks()
        StreamingResponse.__init__(self, self._promised, status=status, headers=headers, media_type=media_type)
        given = {name for name, _ in self._lines}
        lines = [("last-modified", last_modified(found.st_mtime)), ("etag", _etag(found)), ("accept-ranges", "bytes")]
        if "content-type" not in given:
            kind = content_type(guess_media_type(os.path.basename(promised.path)))  # noqa: PTH119 - as below
            lines.insert(0, ("content-type", kind))
        self._headers = (*self._lines, *[line for line in lines if line[0] not in given])

    @property
    def path(self) -> Path:
        """Where the file is."""
        return Path(self.file.path)

    @property
    def absolute(self) -> str:
        """Where the file is, told without the current directory."""
        return os.path.abspath(self.file.path)  # noqa: PTH100 - links are followed by whoever opens it

    @property
    def content_length(self) -> int | None:
        """The bytes to send, of the whole file or of its parts; None once `iterator` was replaced."""
        return self._length if self._iterator is self._promised else None

    def continue_with(self, begun: Any) -> None:
        """Put an iterator over the very same bytes in place of the file's."""
        is_promised = self._iterator is self._promised
        self.iterator = begun
        if is_promised:
            self._promised = self._iterator

    def for_request(self, request: Any) -> Response:
        """Return what answers this request: the file, its parts, or a 304.

        Raises:
            HTTPError: 412, a precondition failed; 416, the file has none of the bytes asked for.
        """
        method = request.method
        if self._status != 200 or self._iterator is not self._promised or method not in ("GET", "HEAD"):
            return self
        lines = dict(self._lines)
        etag, modified = lines.get("etag"), _moment(lines.get("last-modified", ""))

        def header(name: str) -> str | None:
            found: str | None = request._reader.header(name)(request._head)
            return found

        verdict = evaluate(header, etag, modified)
        if verdict is Verdict.FAILED:
            raise HTTPError(412, "The file is not in the state that the request expects.")
        if verdict is Verdict.NOT_MODIFIED:
            return NotModified(self)
        wanted = header("range") if method == "GET" else None
        if wanted is not None and range_applies(header("if-range"), etag, modified):
            return self._narrowed(wanted)
        return self

    def _narrowed(self, wanted: str) -> Response:
        """Return the parts that a `Range` header asks for, the whole if it is not one to obey."""
        size = self.size
        try:
            parts = parse_ranges(wanted, size)
        except RangeNotSatisfiable:
            raise HTTPError(416, f"The file has {size} bytes.", headers={"content-range": f"bytes */{size}"}) from None
        if not parts:
            return self
        narrowed = copy.copy(self)  # the handler may answer with the same object again
        narrowed._headers = headers = self.headers.copy()
        if len(parts) == 1:
            (start, stop) = parts[0]
            headers["content-range"] = f"bytes {start}-{stop - 1}/{size}"
            heads = [b"", b""]
        else:
            boundary = os.urandom(12).hex()  # not to be known by who wrote the file
            heads = list(multipart_heads(parts, size, headers.get("content-type"), boundary))
            headers["content-type"] = f"multipart/byteranges; boundary={boundary}"
        narrowed._status = 206
        narrowed.whole = self
        narrowed._span = parts[0] if len(parts) == 1 else None
        narrowed._length = sum(map(len, heads)) + sum(stop - start for start, stop in parts)
        narrowed._promised = narrowed._iterator = FileChunks(self.file, parts, heads, CHUNK_SIZE)
        return narrowed

    def span(self) -> tuple[int, int] | None:
        """Return the bytes of the file at `path` that are the body, None if they are not just that.

        A server that opens files itself may be given them: the path still names the file that was promised, and is one
        that only the app's own code is trusted to keep. A file of a static folder is none, since who may write there
        could have a link lead out of it before the server comes.
        """
        if self._may_move or (span := self.part()) is None:
            return None
        try:
            found = os.stat(self.file.path)  # noqa: PTH116 - strings all the way: a Path costs as much as the look-up
        except OSError:
            return None
        return span if os.path.samestat(found, self.file.found) and found.st_size >= span[1] else None

    def part(self) -> tuple[int, int] | None:
        """Return the bytes of the file that are the body, for who reads its descriptor; None if there is more to it."""
        return self._span if self._iterator is self._promised else None

    @property
    def is_at_hand(self) -> bool:
        """Whether the file was read when it was opened, and is still the body."""
        return self.file.content is not None and self._iterator is self._promised

    def at_once(self) -> Response | None:
        """Return the same with its body in one piece, None if that is not at hand."""
        content, span = self.file.content, self.part()
        if content is None or span is None:
            return None
        start, stop = span
        return Response.trusted(content[start:stop], self._status, tuple(self._lines))

    def again(self) -> Self:
        """Return a response with the same file and headers, for another request.

        Raises:
            TypeError: its `iterator` was replaced.
        """
        if self._iterator is not self._promised:
            return super().again()
        other = _copied(self) if self.__class__ is FileResponse else copy.copy(self)
        other._promised = other._iterator = other.open_chunks()
        return other

    def open_chunks(self, size: int = CHUNK_SIZE) -> FileChunks:
        """Return a new iterator over the file in chunks of at most `size` bytes; it closes the file in every case.

        It yields exactly `self.size` bytes: what was appended meanwhile is left out.

        Raises:
            ValueError: `size` is not positive.
            HTTPError: 404 at the first chunk, the file was removed meanwhile, or what took its place is no file.
            OSError: at the first chunk, the file cannot be read, or another one took its place.
            EOFError: the file became shorter.
        """
        if size < 1:
            raise ValueError(f"a chunk has at least one byte, not {size}")
        return FileChunks(self.file, [(0, self.size)], [b"", b""], size)


_PARTS = (*Response.__slots__, *StreamingResponse.__slots__, *FileResponse.__slots__)


def _copied(response: Any) -> Any:
    """Return what copy.copy does, in a fifth of its time: middleware gets a copy for each request."""
    other = _new(FileResponse)
    for name in _PARTS:
        setattr(other, name, getattr(response, name))
    return other


class NotModified(Response):
    """A 304 that knows which 200 it stands for: middleware has to change its headers as it would change those."""

    __slots__ = ("whole",)

    def __init__(self, whole: FileResponse) -> None:
        self._status, self._body = 304, b""
        self._headers = tuple([line for line in whole._lines if line[0] not in _DESCRIBING])
        self.whole = whole


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


def last_modified(timestamp: float) -> str:
    """Return the value of Last-Modified for seconds since the epoch (RFC 9110 section 8.8.2).

    Times before the epoch and in the future become the epoch and now: no validator may be later than its message.
    """
    return _date(int(min(max(timestamp, 0), time.time())))


@lru_cache(maxsize=1024)
def _date(seconds: int) -> str:
    return format_date(datetime.fromtimestamp(seconds, UTC))


_moment = lru_cache(maxsize=1024)(parse_date)  # of what was written here


def _stat_file(path: str) -> os.stat_result:
    try:
        found = os.stat(path)  # noqa: PTH116 - as above
    except OSError as error:
        if error.errno in ABSENT:
            raise HTTPError(404) from error
        raise
    except ValueError as error:  # a NUL in the path
        raise HTTPError(404) from error
    if not stat.S_ISREG(found.st_mode):  # opening a pipe or a device could wait for ever
        raise HTTPError(404)
    return found


def _etag(found: os.stat_result) -> str:
    return f'"{found.st_mtime_ns:x}-{found.st_size:x}"'
