"""What is fuzzed: each target takes any bytes, and raises only if something is wrong with the code under test."""

import re
from collections.abc import Callable

from tests.fuzz.bodies import BODIES, BODY_SEEDS, must

from hinge import Config, HTTPError
from hinge.forms.limits import FormLimits
from hinge.forms.media import MULTIPART, URLENCODED, boundary_of
from hinge.forms.reader import MultipartReader, UrlencodedReader
from hinge.http.accept import choose_coding, choose_media_type
from hinge.http.cookies import cookie_finder, parse_cookies
from hinge.http.ranges import MOST_RANGES, RangeNotSatisfiable, parse_ranges

BOUNDARY = "bound"
_LIMITS = FormLimits.of(Config(max_form_parts=8, max_form_text=200, max_file_size=300, max_file_memory=50))
_OFFERED = ("application/json", "text/html", "text/plain;version=1", "application/msgpack")
_CODINGS = ("br", "zstd", "gzip")

_lone_break = re.compile(rb"\r(?!\n)|(?<!\r)\n")

Fields = list[tuple[str, object]]


def _no_wait(read: Callable[[], object]) -> object:
    return read()


def _form(make: Callable[[], MultipartReader | UrlencodedReader], pieces: list[bytes]) -> Fields | int:
    """Return a form's fields, or the status it is refused with."""
    reader = make()
    try:
        for piece in pieces:
            if reader.feed(piece):
                reader.flush()
        items = reader.end().multi_items()
        return [
            (name, value if isinstance(value, str) else (value.filename, value.content_type, value.read()))
            for name, value in items
        ]
    except HTTPError as error:
        must(error.status in (400, 413), error)
        must(error.detail and error.detail.isprintable(), error)
        return error.status
    finally:
        reader.close()


def _pieces(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def multipart(data: bytes) -> None:
    """A body is a form or refused, and the same in pieces of any size, which the first byte says."""
    size, body = (data[0] % 40 + 1 if data else 1), data[1:]

    def make() -> MultipartReader:
        return MultipartReader(BOUNDARY, _LIMITS, _no_wait, _no_wait)

    whole, split = _form(make, [body] if body else []), _form(make, _pieces(body, size))
    if isinstance(whole, list) and isinstance(split, list):
        must(whole == split, (whole, split))
    elif isinstance(whole, list) or isinstance(split, list):
        # The parser finds a lone CR or LF before a header's name in one piece of a body only, and passes over it.
        must(_lone_break.search(body), (whole, split))


def urlencoded(data: bytes) -> None:
    """As multipart."""
    size, body = (data[0] % 40 + 1 if data else 1), data[1:]

    def make() -> UrlencodedReader:
        return UrlencodedReader(_LIMITS)

    whole, split = _form(make, [body] if body else []), _form(make, _pieces(body, size))
    if isinstance(whole, list) or isinstance(split, list):
        must(whole == split, (whole, split))


def content_type(data: bytes) -> None:
    """The Content-Type of a form has a boundary of RFC 2046's characters, or is refused."""
    try:
        boundary = boundary_of(data.decode("latin-1"), (MULTIPART, URLENCODED))
    except HTTPError as error:
        must(error.status in (400, 415), error)
        return
    must(boundary is None or (0 < len(boundary) <= 70 and boundary.isascii() and boundary.isprintable()), boundary)


def ranges(data: bytes) -> None:
    """Parts lie within the whole and do not overlap, however many were asked for."""
    size, value = (data[0] * 37 if data else 0), data[1:].decode("latin-1")
    for header in (value, f"bytes={value}"):
        try:
            parts = parse_ranges(header, size)
        except RangeNotSatisfiable:
            continue
        must(len(parts) <= MOST_RANGES, parts)
        last = 0
        for start, stop in sorted(parts):
            must(last <= start < stop <= size, parts)
            last = stop


def cookies(data: bytes) -> None:
    """The cookie that is looked for alone is the one that is found among all."""
    header = data.decode("latin-1")
    found = parse_cookies(header)
    for name in ("a", "session", "__Host-id"):
        must(cookie_finder(name)(header) == found.get(name), (name, found))


def accept(data: bytes) -> None:
    """What is chosen was offered, and a plain wish for one type is met."""
    header = data.decode("latin-1")
    must(choose_media_type(header, _OFFERED) in (None, *_OFFERED), header)
    must(choose_coding(header, _CODINGS) in (None, *_CODINGS), header)
    must(choose_media_type(f"text/html;q=1,{header}", ("text/html",)) in (None, "text/html"), header)


TARGETS: dict[str, Callable[[bytes], None]] = {
    one.__name__: one for one in (multipart, urlencoded, content_type, ranges, cookies, accept)
} | BODIES

SEEDS: dict[str, list[bytes]] = {
    "multipart": [
        b'\x05--bound\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--bound--\r\n',
        b'\x05--bound\r\nContent-Disposition: form-data; name="a\\""; x="filename*=\r\n\r\nx\r\n--bound--\r\n',
        b'\x09--bound\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\n\r\nx\r\n--boun\r\n--bound--',
    ],
    "urlencoded": [b"\x03a=1&b=%C3%A4+x&a=2"],
    "content_type": [b'multipart/form-data; boundary="b o"', b"application/x-www-form-urlencoded; charset=utf-8"],
    "ranges": [b"\xff0-9,20-,-5", b"\x10bytes=0-0, 5-3"],
    "cookies": [b'session=1; a="x"; a=2', b"__Host-id=abc;;=;a"],
    "accept": [b"text/html;level=1;q=0.5, */*;q=0.1", b"gzip;q=0, br, identity"],
} | BODY_SEEDS
