"""A form while it arrives: texts in memory, files in spools, each bounded.

Law: what is in memory does not grow with the body. `feed` never blocks; it says when the files hold too much, and then
`flush`, which does block, has to be called before the next piece. Whatever happens, `close` gives everything back.
"""

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from hinge.errors import HTTPError
from hinge.forms.limits import FormLimits, exceeded
from hinge.forms.media import MULTIPART, URLENCODED, boundary_of
from hinge.forms.parts import Part, PartParser, last_part
from hinge.forms.upload import Blocking, FormData, Spool, UploadFile, Waiting
from hinge.http.body import check_coding
from hinge.http.query import parse_query

_FORM = "form"
"""Where a request keeps the reader of its form (`Request._memo`)."""

OpenForm: TypeAlias = Callable[[Any], "FormReader"]
"""`(request) -> the reader of its form`; raises HTTPError 415 or 400."""

SMALL = 64 * 1024
"""Bytes that a body declares, up to which it is read whole: pieces would cost more than they spare."""

BLOCK = 1024 * 1024
"""Bytes of the file that is under way, below which it is not worth to write them."""


class FormReader(Protocol):
    """One form. All but `flush` and `close` raise HTTPError: 400 for what is not a form, 413 above a limit."""

    def feed(self, piece: bytes) -> bool:
        """Take the next piece of the body; whether `flush` is to be called now."""
        ...

    def flush(self) -> None:
        """Write to temporary files what is too much for the memory; it blocks. Raises OSError."""
        ...

    def end(self) -> FormData:
        """Return the form: there are no more pieces, and everything is flushed."""
        ...

    @property
    def has_files(self) -> bool:
        """Whether there is a file for `close` to take away, in memory or on the disk: nobody shall read it later."""
        ...

    @property
    def is_on_disk(self) -> bool:
        """Whether `close` may have to wait for the disk."""
        ...

    def close(self) -> None:
        """Give back the memory and the temporary files; from any thread."""
        ...


class UrlencodedReader:
    """Texts alone: they are read whole, up to their limit."""

    has_files = is_on_disk = False

    def __init__(self, limits: FormLimits, *, may_be_absent: bool = False) -> None:
        self._limits = limits
        self._raw = bytearray()
        self._may_be_absent = may_be_absent

    def feed(self, piece: bytes) -> bool:
        """Keep a piece."""
        if self._may_be_absent:
            boundary_of(None, (URLENCODED, MULTIPART))
        self._raw += piece
        if len(self._raw) > self._limits.text:
            raise _too_much_text(self._limits)
        return False

    def flush(self) -> None:
        """Do nothing."""

    def end(self) -> FormData:
        """Return the form."""
        raw, limit = self._raw.decode("latin-1"), self._limits.parts
        if raw.count("&") >= limit and sum(1 for field in raw.split("&") if field) > limit:
            raise exceeded(f"The form has more than {limit} fields.", limit)
        pairs = parse_query(raw, len(raw), "form")
        return FormData((name, value) for name, value in pairs)

    def close(self) -> None:
        """Do nothing."""


class MultipartReader:
    """Texts and files."""

    def __init__(self, boundary: str, limits: FormLimits, blocking: Blocking, waiting: Waiting) -> None:
        self._parts = PartParser(boundary, limits)
        self._limits = limits
        self._blocking = blocking
        self._waiting = waiting
        self._pairs: list[tuple[str, str | UploadFile]] = []
        self._spools: list[Spool] = []
        self._part: Part | None = None
        self._text = bytearray()
        self._spool: Spool | None = None
        self._text_left = limits.text
        self._held = 0
        self._due: list[Spool] = []

    def feed(self, piece: bytes) -> bool:
        """Take the next piece of the body."""
        for event in self._parts.feed(piece):
            if isinstance(event, bytes):
                self._go_on(event)
            elif event is None:
                self._finish()
            else:
                self._begin(event)
        spool = self._spool
        if self._held > self._limits.memory and spool is not None and spool.held >= BLOCK and spool not in self._due:
            self._due.append(spool)
        return bool(self._due)

    def _begin(self, part: Part) -> None:
        self._part = part
        self._take_text(len(part.name.encode()))
        if part.filename is None:
            return
        self._spool = Spool()
        self._spools.append(self._spool)
        if len(self._spools) > self._limits.files:
            raise exceeded(f"The form has more than {self._limits.files} files.", self._limits.files)

    def _go_on(self, data: bytes) -> None:
        spool = self._spool
        if spool is None:
            self._take_text(len(data))
            self._text += data
            return
        spool.add(data)
        self._held += len(data)
        limit = self._limits.file
        if limit is not None and spool.size > limit:
            raise exceeded(f"A file of the form is larger than the {limit} bytes allowed here.", limit)

    def _take_text(self, size: int) -> None:
        self._text_left -= size
        if self._text_left < 0:
            raise _too_much_text(self._limits)

    def _finish(self) -> None:
        part, spool = self._part, self._spool
        self._part = self._spool = None
        if part is None:
            return
        if spool is None:
            self._pairs.append((part.name, self._text.decode("utf-8", "replace")))
            self._text = bytearray()
            return
        if (spool.is_on_disk or self._held > self._limits.memory) and spool.held and spool not in self._due:
            self._due.append(spool)
        if part.filename == "" and spool.size == 0:
            self._spools.remove(spool)  # a file input where nothing was chosen
            return
        self._pairs.append((part.name, self._upload(part, spool)))

    def _upload(self, part: Part, spool: Spool) -> UploadFile:
        filename = last_part(part.filename or "")
        return UploadFile(part.name, filename, part.content_type, part.headers, spool, self._blocking, self._waiting)

    def flush(self) -> None:
        """Write to temporary files what is too much for the memory."""
        due, self._due = self._due, []
        for spool in due:
            self._held -= spool.held
            spool.flush()

    def end(self) -> FormData:
        """Return the form."""
        self._parts.end()
        return FormData(self._pairs)

    @property
    def has_files(self) -> bool:
        """Whether there is a file to take away."""
        return bool(self._spools)

    @property
    def is_on_disk(self) -> bool:
        """Whether there is a temporary file."""
        return any(spool.is_on_disk for spool in self._spools)

    def close(self) -> None:
        """Give back the memory and the temporary files."""
        spools, self._spools = self._spools, []
        for spool in spools:
            spool.close()


def _too_much_text(limits: FormLimits) -> HTTPError:
    return exceeded(f"The texts of the form are larger than the {limits.text} bytes allowed here.", limits.text)


def form_opener(
    limits: FormLimits,
    header: Callable[[str], Callable[[Any], str | None]],
    blocking: Blocking,
    waiting: Waiting,
    *,
    is_optional: bool,
    parts: bool,
) -> OpenForm:
    """Return what makes the reader of a request's form.

    `header` makes accessors (`HeadReader.header`); `parts` says whether multipart can be read; a form that
    `is_optional` may have no Content-Type where it has no bytes.
    """
    accepted = (URLENCODED, MULTIPART) if parts else (URLENCODED,)
    content_type, content_encoding = header("content-type"), header("content-encoding")

    def reader_of(head: Any) -> FormReader:
        check_coding(content_encoding(head), "form")
        kind = content_type(head)
        if kind is None and is_optional:
            return UrlencodedReader(limits, may_be_absent=True)
        boundary = boundary_of(kind, accepted)
        if boundary is None:
            return UrlencodedReader(limits)
        return MultipartReader(boundary, limits, blocking, waiting)

    def open_form(request: Any) -> FormReader:
        form = request._memo[_FORM] = reader_of(request._head)
        return form

    return open_form


def is_small(declared_length: str | None) -> bool:
    """Tell by its Content-Length whether a form is read whole."""
    return (
        declared_length is not None
        and declared_length.isdigit()
        and len(declared_length) < 6
        and (int(declared_length) <= SMALL)
    )


def take_form(request: Any) -> FormReader | None:
    """Return the form of a request, if its files are to be closed after the response and the work behind that."""
    form: FormReader | None = request._memo.pop(_FORM, None)
    return form if form is not None and form.has_files else None


def release_form(request: Any) -> None:
    """Have what is left of a request's form removed once the response is out, and the work after it done."""
    form = take_form(request)
    if form is not None:
        request.after_response(form.close)
