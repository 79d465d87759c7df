"""Where two answers differ, as lines for a person: status, headers, and the first bytes of the bodies that differ.

Law: what is the same is not shown, apart from a little before the first difference; whatever the bodies are, both are
shown in the same way and one below the other.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

_BEFORE, _SHOWN = 30, 90
"""Characters that are shown before the first difference, and in all."""
_ROW = 16
"""Bytes in a row of what is no text."""

Names = tuple[str, str]


def lines_apart(what: str, names: Names, lines: Iterable[tuple[str, str]]) -> list[str]:
    """Return lines that show, below `what`, pairs of texts one below the other."""
    width = max(map(len, names))
    shown = [f"{name:{width}}  {text}" for pair in lines for name, text in zip(names, pair, strict=True) if text]
    return [f"  {what if not number else '':8} {line}" for number, line in enumerate(shown)]


def headers_apart(names: Names, theirs: list[tuple[str, str]], ours: list[tuple[str, str]]) -> list[str]:
    """Return lines with the headers that one side has and the other has not; all of them if it is only their order."""
    alone = [(f"{name}: {value}", "") for name, value in theirs if (name, value) not in ours]
    alone += [("", f"{name}: {value}") for name, value in ours if (name, value) not in theirs]
    return lines_apart("headers", names, alone or [(str(theirs), str(ours))])


def bodies_apart(names: Names, theirs: bytes, ours: bytes) -> list[str]:
    """Return lines with the first bytes in which two bodies differ: as text, with their place in JSON, or as hex."""
    first = _first_difference(theirs, ours)
    where = f"  body     from byte {first} on ({len(theirs)} bytes in {names[0]}, {len(ours)} in {names[1]})"
    texts = [text for text in (_text(theirs), _text(ours)) if text is not None]
    if len(texts) < 2:
        begin = max(0, first // _ROW * _ROW)
        return [where, *_shown(names, (_hex(theirs, begin), _hex(ours, begin)), 10 + 3 * (first - begin))]
    pointer = _pointer(theirs, ours)
    if pointer is not None:
        where += f", in JSON at {pointer or 'the root'}"
    # The same characters come before it: what is cut in the middle of one is not shown.
    place = len(theirs[:first].decode(errors="ignore"))
    begin = max(0, place - _BEFORE)
    before = ("..." if begin else "") + _escaped(texts[0][begin:place])
    rows = [before + _escaped(text[place : begin + _SHOWN]) + "..." * (len(text) > begin + _SHOWN) for text in texts]
    return [where, *_shown(names, (rows[0], rows[1]), len(before))]


def _shown(names: Names, rows: Names, column: int) -> list[str]:
    width = max(map(len, names))
    lines = [f"{' ' * 11}{name:{width}}  {row}" for name, row in zip(names, rows, strict=True)]
    return [*lines, f"{' ' * (13 + width + column)}^"]


def _first_difference(one: bytes, other: bytes) -> int:
    for index, (mine, theirs) in enumerate(zip(one, other, strict=False)):
        if mine != theirs:
            return index
    return min(len(one), len(other))


def _text(body: bytes) -> str | None:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return None if any(character < " " and character not in "\r\n\t\x1b" for character in text) else text


def _escaped(text: str) -> str:
    return text.translate({10: "\\n", 13: "\\r", 9: "\\t", 27: "\\e"})


def _hex(body: bytes, begin: int) -> str:
    row = body[begin : begin + _ROW]
    ascii_ = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
    return f"{begin:08x}  {row.hex(' '):{3 * _ROW - 1}}  {ascii_}"


def _pointer(theirs: bytes, ours: bytes) -> str | None:
    """Return the JSON pointer (RFC 6901) of the first value that differs, None if a body is not JSON, or none does."""
    try:
        return _value_apart(msgspec.json.decode(theirs), msgspec.json.decode(ours))
    except (msgspec.DecodeError, RecursionError):
        return None


def _value_apart(one: Any, other: Any) -> str | None:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in [*one, *(key for key in other if key not in one)]:
            within = "" if key not in one or key not in other else _value_apart(one[key], other[key])
            if within is not None:
                return f"/{key.replace('~', '~0').replace('/', '~1')}{within}"
        return None
    if isinstance(one, list) and isinstance(other, list):
        for index in range(max(len(one), len(other))):
            within = "" if index >= min(len(one), len(other)) else _value_apart(one[index], other[index])
            if within is not None:
                return f"/{index}{within}"
        return None
    return None if type(one) is type(other) and one == other else ""
