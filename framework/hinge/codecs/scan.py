"""MessagePack, looked through value by value before anything decodes it.

Law: no recursion, one step a value, no value is made. What is refused is what a decoder must not see, or what no JSON
answer could say: nesting beyond `MAX_DEPTH`, keys other than texts and numbers, more numbers for keys than may collide,
floats that are not finite. Malformed bodies are left to the decoder.
"""

import re
import struct
from collections.abc import Callable
from functools import cache

from hinge.codecs.collected import NO_KEY, not_finite, refused, too_many
from hinge.codecs.depth import MAX_DEPTH, too_deep

Match = Callable[[bytes, int], re.Match[bytes] | None]

_CONTAINERS = bytes([*range(0x80, 0xA0), 0xDC, 0xDD, 0xDE, 0xDF])
_SHORT, _LONG = struct.Struct(">H").unpack_from, struct.Struct(">I").unpack_from


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
_TEXTS = frozenset([*range(0xA0, 0xC0), 0xD9, 0xDA, 0xDB, 0xC4, 0xC5, 0xC6])
_NUMBERS = frozenset([*range(0x80), *range(0xE0, 0x100), *range(0xCA, 0xD4)])
# A timestamp's type is the byte behind its header.
_TIMESTAMPS = {0xD6: 1, 0xD7: 1, 0xC7: 2}

_SHORT_TEXT = b"(?:" + b"|".join(b"%s.{%d}" % (re.escape(bytes([0xA0 + size])), size) for size in range(32)) + b")"
_INTEGER = rb"[\x00-\x7f\xe0-\xff\xc0\xc2\xc3]|[\xcc\xd0].|[\xcd\xd1]..|[\xce\xd2].{4}|[\xcf\xd3].{8}"
_STEP = 16
"""Values that are stepped over at once where nothing but scalars stands."""


@cache  # made by the first body that is walked: to compile these takes longer than to compile an app
def _several(finite: bool) -> tuple[Match, Match]:  # noqa: FBT001 - of the cache
    """Return what matches that many scalars, and as many members with short texts for names."""
    scalar = b"(?:" + _INTEGER + (b"" if finite else rb"|\xca.{4}|\xcb.{8}") + b"|" + _SHORT_TEXT + b")"
    items = re.compile(b"(?:%s){%d}" % (scalar, _STEP), re.DOTALL).match
    return items, re.compile(b"(?:%s%s){%d}" % (_SHORT_TEXT, scalar, _STEP // 2), re.DOTALL).match


# May be found in a text as well: what it finds has to be looked at.
_endless = re.compile(rb"\xcb[\x7f\xff][\xf0-\xff]|\xca[\x7f\xff][\x80-\xff]")
_is_endless = _endless.match


def check_msgpack_depth(body: bytes, limit: int = MAX_DEPTH) -> None:
    """Refuse a MessagePack body nested deeper than `limit`; malformed bodies are left to the decoder.

    Raises:
        HTTPError: 400, the body nests too deeply.
    """
    if len(body) <= limit or len(body) - len(body.translate(None, _CONTAINERS)) <= limit:
        return
    _walk(body, limit, None, finite=False)


def check_msgpack(body: bytes, *, bounded: bool, floats: bool, most: int | None) -> None:
    """Refuse a body that must not be decoded as a type, of which the compile knows what is not to be looked for.

    `bounded`: the type bounds the depth; `floats`: it takes some; `most`: how many keys may be numbers, None if the
    type leaves no keys open.

    Raises:
        HTTPError: 400, it nests too deeply.
        RequestInvalid: 422, a key or a number is none that is taken.
    """
    finite = floats and _endless.search(body) is not None
    if most is not None or finite:
        _walk(body, MAX_DEPTH, most, finite=finite)
    elif not bounded:
        check_msgpack_depth(body)


def msgpack_members(body: bytes) -> int:
    """Count the members of all maps of a well-formed MessagePack body, equal keys each for itself."""
    return _walk(body, MAX_DEPTH, None, finite=False)


def _walk(body: bytes, limit: int, most: int | None, *, finite: bool) -> int:  # noqa: C901, PLR0912 - the path of each value
    """Walk the values with a stack of what is still owed at each level; return how many members the maps have."""
    sizes, at = _SIZES, 0
    items, pairs = _several(finite)
    pending: list[tuple[int, int]] = []  # one entry an open container
    left = 1  # values owed at the innermost level
    numbers = -1  # of its keys, those that are numbers; -1: it is no map whose keys are looked at
    members, room = 0, 0 if most is None else most * most
    try:
        while left or pending:
            if not left:
                left, numbers = pending.pop()
                continue
            is_key = numbers >= 0 and not left & 1
            if left >= _STEP and (numbers < 0 or is_key) and (found := (pairs if is_key else items)(body, at)):
                at, left = found.end(), left - _STEP
                continue
            lead = body[at]
            if is_key and lead not in _TEXTS:
                _check_key(body, at, lead)
                room -= 2 * numbers + 1  # so what is taken in all is the sum of the squares
                numbers += 1
                if room < 0:
                    raise too_many(most or 0)
            left -= 1
            size = sizes[lead]
            if size:
                if finite and _is_endless(body, at):
                    raise not_finite()
                at += size
            elif lead in _LENGTHS:
                width, extra = _LENGTHS[lead]
                at += extra + _length(body, at + 1, width)
            else:
                opened = _container(body, at, lead)
                if opened is None:
                    break
                if len(pending) >= limit:
                    raise too_deep(limit)
                count, size, is_map = opened
                at += size
                members += count // 2 if is_map else 0
                if count:
                    pending.append((left, numbers))
                    left, numbers = count, 0 if most is not None and is_map else -1
    except (IndexError, struct.error):
        pass  # cut off within a length: the decoder says so
    return members


def _check_key(body: bytes, at: int, lead: int) -> None:
    """Refuse a key that is neither a text nor a number."""
    if lead in _NUMBERS or lead == 0xC1 or (lead in _TIMESTAMPS and body[at + _TIMESTAMPS[lead]] == 0xFF):
        return
    raise refused(NO_KEY)


def _length(body: bytes, at: int, width: int) -> int:
    """Return the big-endian length of `width` bytes at `at`."""
    if width == 1:
        return body[at]
    value: int = (_SHORT if width == 2 else _LONG)(body, at)[0]
    return value


def _container(body: bytes, at: int, lead: int) -> tuple[int, int, bool] | None:
    """Return how many values the container at `at` holds (a member is two), its header's size, whether it is a map."""
    if 0x80 <= lead <= 0x8F:
        return (lead & 0x0F) * 2, 1, True
    if 0x90 <= lead <= 0x9F:
        return lead & 0x0F, 1, False
    if lead in {0xDC, 0xDE}:
        return _length(body, at + 1, 2) * (2 if lead == 0xDE else 1), 3, lead == 0xDE
    if lead in {0xDD, 0xDF}:
        return _length(body, at + 1, 4) * (2 if lead == 0xDF else 1), 5, lead == 0xDF
    return None  # 0xc1 is no MessagePack
