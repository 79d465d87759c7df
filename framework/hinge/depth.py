"""How deep a body may nest, decided before anything decodes it.

Law: no body nested deeper than `MAX_DEPTH` reaches a decoder. The decoders recurse in C, and below CPython 3.14 they
overrun the stack of a small thread instead of raising; only refusing first is safe. Measured with msgspec 0.22 on
CPython 3.11 and 3.13 (x86-64): the first crash is at 148 levels on a 64 KiB stack, at 639 on 256 KiB.

Every check is linear in the body, and costs nothing to speak of for a body with at most `MAX_DEPTH` containers.
"""

import struct
from itertools import accumulate

from hinge.errors import HTTPError

MAX_DEPTH = 100
"""Levels of arrays and objects that a body may have; holds in a thread with a 64 KiB stack."""

_JSON_OTHERS = bytes(set(range(256)) - set(b'[]{}"'))
# Signed bytes: an opening bracket is +1, a closing one -1. Which kind it is does not matter, see `_json_exceeds`.
_JSON_STEPS = bytes(1 if byte in b"[{" else 0xFF if byte in b"]}" else 0 for byte in range(256))

_MSGPACK_CONTAINERS = bytes([*range(0x80, 0xA0), 0xDC, 0xDD, 0xDE, 0xDF])
_SHORT, _LONG = struct.Struct(">H").unpack_from, struct.Struct(">I").unpack_from


def check_json_depth(body: bytes, limit: int = MAX_DEPTH) -> None:
    """Refuse a JSON body nested deeper than `limit`; malformed bodies are left to the decoder.

    Raises:
        HTTPError: 400, the body nests too deeply.

    """
    if len(body) <= limit or body.count(b"[") + body.count(b"{") <= limit:
        return
    if _json_exceeds(body, limit):
        raise too_deep(limit)


def check_msgpack_depth(body: bytes, limit: int = MAX_DEPTH) -> None:
    """Refuse a MessagePack body nested deeper than `limit`; malformed bodies are left to the decoder.

    Raises:
        HTTPError: 400, the body nests too deeply.

    """
    if len(body) <= limit or len(body) - len(body.translate(None, _MSGPACK_CONTAINERS)) <= limit:
        return
    if _msgpack_exceeds(body, limit):
        raise too_deep(limit)


def too_deep(limit: int) -> HTTPError:
    """Return the answer to a body with more than `limit` levels."""
    return HTTPError(400, f"The body nests more than {limit} arrays and objects.")


def _json_exceeds(body: bytes, limit: int) -> bool:
    """Tell whether more than `limit` brackets are open at once, outside strings; exact up to the first syntax error.

    Mismatched brackets need no care: the decoder stops at the first one, and everything before it is counted right.
    """
    if b"\\" in body:
        # A backslash pair first, then an escaped quote: what is left of `"` opens and closes strings.
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Deleting `""` may merge two strings, but never moves a bracket into or out of one: between them was no bracket.
    marks = body.translate(None, _JSON_OTHERS).replace(b'""', b"")
    if b'"' in marks:
        marks = b"".join(marks.split(b'"')[::2])
    # Most long bodies are flat: without the innermost brackets (each `replace` takes one level at most) little is left.
    outer = marks.replace(b"[]", b"").replace(b"{}", b"")
    outer = outer.replace(b"[]", b"").replace(b"{}", b"")
    if outer.count(b"[") + outer.count(b"{") <= limit - 4:
        return False
    return max(accumulate(memoryview(marks.translate(_JSON_STEPS)).cast("b")), default=0) > limit


def _scalar_sizes() -> tuple[int, ...]:
    """Return how many bytes each leading byte's scalar takes, 0 where the length must be read or a container starts."""
    sizes = [0] * 256
    for byte in (*range(0x80), *range(0xE0, 0x100), 0xC0, 0xC2, 0xC3):
        sizes[byte] = 1
    for byte in range(0xA0, 0xC0):
        sizes[byte] = 1 + (byte & 0x1F)
    sizes[0xCA], sizes[0xCB] = 5, 9
    sizes[0xCC:0xD0] = sizes[0xD0:0xD4] = 2, 3, 5, 9
    sizes[0xD4:0xD9] = 3, 4, 6, 10, 18
    return tuple(sizes)


_SIZES = _scalar_sizes()
# Leading byte -> (bytes of the length field, bytes beside the field and the payload).
_LENGTHS = {0xC4: (1, 2), 0xC5: (2, 3), 0xC6: (4, 5), 0xC7: (1, 3), 0xC8: (2, 4), 0xC9: (4, 6)} | {
    0xD9: (1, 2),
    0xDA: (2, 3),
    0xDB: (4, 5),
}


def _length(body: bytes, at: int, width: int) -> int:
    """Return the big-endian length of `width` bytes at `at`."""
    if width == 1:
        return body[at]
    value: int = (_SHORT if width == 2 else _LONG)(body, at)[0]
    return value


def _container(body: bytes, at: int, lead: int) -> tuple[int, int] | None:
    """Return how many values the container at `at` holds (a member of a map is two) and its header's size."""
    if 0x80 <= lead <= 0x8F:
        return (lead & 0x0F) * 2, 1
    if 0x90 <= lead <= 0x9F:
        return lead & 0x0F, 1
    if lead in {0xDC, 0xDE}:
        return _length(body, at + 1, 2) * (2 if lead == 0xDE else 1), 3
    if lead in {0xDD, 0xDF}:
        return _length(body, at + 1, 4) * (2 if lead == 0xDF else 1), 5
    return None  # 0xc1 is no MessagePack


def _msgpack_exceeds(body: bytes, limit: int) -> bool:
    """Walk the values with a stack of what is still owed at each level: no recursion, one step a value."""
    sizes, end, at = _SIZES, len(body), 0
    pending: list[int] = []  # one entry an open container
    left = 1  # values owed at the innermost level
    try:
        while at < end:
            lead = body[at]
            left -= 1
            size = sizes[lead]
            if size:
                at += size
            elif lead in _LENGTHS:
                width, extra = _LENGTHS[lead]
                at += extra + _length(body, at + 1, width)
            else:
                opened = _container(body, at, lead)
                if opened is None:
                    return False
                if len(pending) >= limit:
                    return True
                pending.append(left)
                left = opened[0]
                at += opened[1]
            while not left:
                if not pending:
                    return False
                left = pending.pop()
    except (IndexError, struct.error):
        return False  # cut off within a length: the decoder says so
    return False
