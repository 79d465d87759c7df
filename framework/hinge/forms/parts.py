"""A multipart body as it arrives -> its parts (RFC 7578): bytes in, events out.

Law: `multipart` finds the parts, and what it lets pass that two readers may understand differently is refused here:
a header that stands twice, a charset other than UTF-8, a transfer encoding, `filename*`, a part without a
name. The events are the same however the body is cut into pieces. Texts of errors are Hinge's own.
"""

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any, TypeAlias

import msgspec

from hinge.errors import ConfigurationError
from hinge.extras import install
from hinge.forms.limits import FormLimits, exceeded, malformed
from hinge.http.headers import Headers
from hinge.http.tokens import TOKEN

MISSING = f"it takes files, and the package `multipart` is not installed. Fix: {install('forms')}"


class Part(msgspec.Struct, frozen=True):
    """What a part's headers say. `filename` is None for a text."""

    name: str
    filename: str | None
    content_type: str
    headers: Headers


Event: TypeAlias = Part | bytes | None
"""A part begins, goes on, ends."""

# Each quote is closed, and no `filename*` stands outside of them; possessive, so that it is linear.
_has_one_filename = re.compile(r'(?:[^"f]++|"(?:[^"\\]++|\\.)*+"|f(?!ilename\*))*+').fullmatch
_quoted = re.compile(r'"(?:[^"\\]++|\\.)*+"?+')  # a match at each quote: linear
_is_token = re.compile(TOKEN.encode()).fullmatch
_UTF8 = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
_IDENTITY = frozenset({"7bit", "8bit", "binary"})


def library() -> Any:
    """Return the module that parses.

    Raises:
        ConfigurationError: it is not installed, or another package has taken its name.
    """
    try:
        multipart = import_module("multipart")  # an extra, and it loads what apps without forms do not need
    except ImportError:
        raise ConfigurationError(MISSING) from None
    if not hasattr(multipart, "PushMultipartParser"):
        raise ConfigurationError(
            f"the installed package that answers to `multipart` is another or too old. Fix: {install('forms')}"
        )
    return multipart


@cache
def _parser_of(module: Any) -> Any:
    """Return the module's parser, which would strip a name where RFC 9110 section 5.1 allows no space."""

    class Parser(module.PushMultipartParser):  # type: ignore[misc]
        def _on_segment_headerline(self, line: bytes) -> None:
            if line[0] not in b" \t" and not _is_token(line.partition(b":")[0]):
                raise module.ParserError("Invalid segment header name")
            super()._on_segment_headerline(line)

    return Parser


class PartParser:
    """One body.

    `feed` and `end` raise `hinge.HTTPError`: 400 for what is not multipart, 413 above a limit.
    """

    def __init__(self, boundary: str, limits: FormLimits) -> None:
        module = library()
        self._refused = (module.MultipartError, AssertionError)
        self._too_much = module.ParserLimitReached
        self._limits = limits
        self._opening = b"\r\n--" + boundary.encode()
        self._start: bytearray | None = bytearray(b"\r\n")  # the first boundary needs no line break before it
        self._parser = _parser_of(module)(
            boundary, max_header_size=limits.header, max_header_count=limits.headers, header_charset="latin-1"
        )
        self._parts = 0

    def feed(self, data: bytes) -> Iterator[Event]:
        """Yield what a piece of the body brings; it is to be iterated to its end."""
        if self._start is not None:
            begun = self._begun(self._start, data)
            if begun is None:
                return
            data, self._start = begun, None
        try:
            for event in self._parser.parse(data):
                yield event if event is None or isinstance(event, bytes) else self._part(event)
        except self._too_much:
            limits = self._limits
            raise exceeded(
                f"A part of the form has more than {limits.headers} headers, or one above {limits.header} bytes.",
                limits.header,
            ) from None
        except self._refused:
            raise malformed("The form is not well-formed multipart/form-data.") from None

    def end(self) -> None:
        """Check that the body is complete."""
        try:
            self._parser.close()
        except self._refused:
            raise malformed("The form ends before its closing boundary.") from None

    def _begun(self, start: bytearray, data: bytes) -> bytes | None:
        """Return the body from its first boundary on, None before that: a preamble is passed over (RFC 2046, 5.1.1)."""
        start += data
        at = start.find(self._opening[2:])
        if at >= 0:
            if start[at - 2 : at] != b"\r\n":
                raise malformed("The first boundary of the form does not begin a line.")
            return bytes(start[at:])
        del start[: 1 - len(self._opening)]
        return None

    def _part(self, segment: Any) -> Part:
        self._parts += 1
        if self._parts > self._limits.parts:
            raise exceeded(f"The form has more than {self._limits.parts} parts.", self._limits.parts)
        lines = [(name.lower(), _replaced(value)) for name, value in segment.headerlist]
        fields = dict(lines)
        if len(fields) != len(lines):
            raise malformed("A part of the form has a header twice.")
        for value in fields.values():
            if "\r" in value or "\n" in value:
                # Whether the parser sees them depends on where the body is cut into pieces.
                raise malformed("A header of a part of the form has a line break in its value.")
        if not _has_each_once(fields["content-disposition"]):
            raise malformed("A part of the form has a parameter of its Content-Disposition twice.")
        if not segment.name:
            raise malformed("A part of the form has no name.")
        if segment.filename is None:
            self._check_text(segment, fields)
        coding = fields.get("content-transfer-encoding")
        if coding is not None and coding.strip().lower() not in _IDENTITY:
            raise malformed("A part of the form has a Content-Transfer-Encoding (RFC 7578 section 4.7).")
        filename = None if segment.filename is None else _replaced(segment.filename)
        return Part(_replaced(segment.name), filename, fields.get("content-type", ""), Headers.trusted(lines))

    def _check_text(self, segment: Any, fields: dict[str, str]) -> None:
        disposition = fields["content-disposition"].lower()
        if "filename*" in disposition and not _has_one_filename(disposition):
            raise malformed("A part of the form has a filename* (RFC 7578 section 4.2).")
        if (segment.charset or "utf-8").lower() not in _UTF8:
            raise malformed(f"A text of the form names a charset other than utf-8: {segment.name!r}.")
        if (segment.content_type or "").startswith("multipart/"):
            raise malformed("A part of the form is multipart itself (RFC 7578 section 4.3).")


def _has_each_once(disposition: str) -> bool:
    """Tell whether no parameter stands twice (RFC 6266 section 4.1): readers differ in which of them counts."""
    names = [one.partition("=")[0].strip() for one in _quoted.sub("", disposition.lower()).split(";")[1:]]
    return len({*names}) == len(names)


def _replaced(latin: str) -> str:
    """Return a header's bytes as UTF-8, with U+FFFD for what is none: perhaps nobody reads the field."""
    return latin if latin.isascii() else latin.encode("latin-1").decode("utf-8", "replace")


def last_part(filename: str) -> str:
    """Return the last part of a path as any system writes it, without control characters; "" if nothing is left."""
    last = filename.replace("\\", "/").rpartition("/")[2]
    if not last.isprintable():
        last = "".join(character for character in last if character.isprintable())
    last = last.strip()
    return "" if last in {".", ".."} else last
