"""Byte ranges (RFC 9110 section 14): which parts of a representation a request asks for.

Law: the work is linear in the header, and what is sent is never more than the whole. Ranges that overlap or touch are
one; a header that asks for too many is not obeyed, which the RFC allows for every range.
"""

import re
from collections.abc import Iterator

from hinge.http.tokens import OWS

MOST_RANGES = 32
"""Parts of one response; a video player asks for one, a PDF reader for some."""

_is_range_set = re.compile(r"bytes[ \t]*=(?P<specs>[-0-9, \t]+)", re.IGNORECASE | re.ASCII).fullmatch
_is_spec = re.compile(r"(?P<first>[0-9]{1,19})-(?P<last>[0-9]{1,19})?|-(?P<suffix>[0-9]{1,19})", re.ASCII).fullmatch


class RangeNotSatisfiable(Exception):  # noqa: N818 - the name of the status
    """No range of the request lies within the representation (RFC 9110 section 15.5.17)."""


def parse_ranges(value: str, size: int) -> list[tuple[int, int]]:
    """Return the parts that a `Range` header asks for as `(start, stop)`, in the order it asks for them.

    The list is empty where the header is to be ignored: another unit, malformed, or too many parts. `size` is the whole
    in bytes.

    Raises:
        RangeNotSatisfiable: the header is well-formed, and no part of it exists.
    """
    found = _is_range_set(value)
    if found is None:
        return []
    parts: list[tuple[int, int]] = []
    specs = [spec.strip(OWS) for spec in found["specs"].split(",", 4 * MOST_RANGES)]
    if len(specs) > 4 * MOST_RANGES:
        return []
    for spec in specs:
        if not spec:
            continue
        part = _part(spec, size)
        if part is None:
            return []
        if part[0] < part[1]:
            parts.append(part)
    if not any(specs):
        return []
    if not parts:
        raise RangeNotSatisfiable
    merged = _merged(parts)
    return merged if len(merged) <= MOST_RANGES else []


def _part(spec: str, size: int) -> tuple[int, int] | None:
    """Return the part of one range, empty if it does not exist; None if the range is malformed."""
    found = _is_spec(spec)
    if found is None:
        return None
    if found["suffix"] is not None:
        return max(0, size - int(found["suffix"])), size
    first = int(found["first"])
    if found["last"] is None:
        return first, size
    last = int(found["last"])
    return None if last < first else (first, min(last + 1, size))


def _merged(parts: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the same bytes in parts that neither overlap nor touch, each at the place of its first mention."""
    order: list[list[int]] = []  # start, stop, place
    for start, stop, place in sorted((start, stop, place) for place, (start, stop) in enumerate(parts)):
        if order and start <= order[-1][1]:
            order[-1][1] = max(order[-1][1], stop)
            order[-1][2] = min(order[-1][2], place)
        else:
            order.append([start, stop, place])
    return [(start, stop) for start, stop, _ in sorted(order, key=lambda part: part[2])]


def multipart_heads(parts: list[tuple[int, int]], size: int, media_type: str | None, boundary: str) -> Iterator[bytes]:
    """Return what stands before each part of a multipart/byteranges body, and what ends it (RFC 9110 section 14.6)."""
    typed = "" if media_type is None else f"content-type: {media_type}\r\n"
    for number, (start, stop) in enumerate(parts):
        lead = "" if number == 0 else "\r\n"
        head = f"{lead}--{boundary}\r\n{typed}content-range: bytes {start}-{stop - 1}/{size}\r\n\r\n"
        yield head.encode("latin-1")
    yield f"\r\n--{boundary}--\r\n".encode("latin-1")
