"""The query string as pairs (WHATWG URL, application/x-www-form-urlencoded parsing).

Law: `&` alone separates: a `;` that one party takes for a separator and another does not poisons caches. Nothing that
stands in one field costs another: a `%` that escapes nothing stays, and bytes that are not UTF-8 become U+FFFD, as in
browsers. The number of fields is bounded before any is decoded.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from hinge.errors import HTTPError
from hinge.http.multidict import MultiDict
from hinge.http.percent import quote, unquoting


class QueryParams(MultiDict[str]):
    """Hold the decoded fields of a query string."""

    __slots__ = ()


def parse_query(raw: str, max_fields: int, what: str = "query string") -> list[tuple[str, str]]:
    """Return the decoded `(name, value)` pairs of an undecoded query string, one character a byte.

    A form is written in the same way; `what` names it in errors.

    A field without `=` has an empty value, an empty field is no field, `+` is a space.

    Raises:
        HTTPError: 400, there are more than `max_fields` fields.
    """
    if not raw:
        return []
    fields = raw.split("&")
    if "" in fields:
        fields = [field for field in fields if field]
    if len(fields) > max_fields:
        raise HTTPError(400, f"The {what} has more than {max_fields} fields.")
    pairs = []
    if "%" not in raw and raw.isascii():
        if "+" in raw:
            fields = [field.replace("+", " ") for field in fields]
        for field in fields:
            name, _, value = field.partition("=")
            pairs.append((name, value))
        return pairs
    for field in fields:
        name, _, value = field.partition("=")
        pairs.append((_decode(name), _decode(value)))
    return pairs


def _decode(text: str) -> str:
    text = text.replace("+", " ")
    if "%" not in text and text.isascii():
        return text
    return unquoting()(text.encode("latin-1", "replace")).decode("utf-8", "replace")


def write_query(fields: Iterable[tuple[str, str]], changes: Mapping[str, Any]) -> str:
    """Return a query string of these fields, in which each name of `changes` stands for its value and at its place.

    None leaves a name out, a list stands for several fields; new names come last.

    Raises:
        TypeError: a value is bytes, a record or of a class that has no spelling.
    """
    pairs: list[tuple[str, str]] = []
    left = dict(changes)
    for name, value in fields:
        if name in left:
            pairs += _spelt(name, left.pop(name))
        elif name not in changes:
            pairs.append((name, value))
    for name, value in left.items():
        pairs += _spelt(name, value)
    return "&".join(f"{quote(name, '')}={quote(value, _SAFE)}" for name, value in pairs)


_SAFE = "/:,@"
"""What a value may hold as it is (RFC 3986 section 3.4), of what nobody reads as anything else."""


def _spelt(name: str, value: Any) -> list[tuple[str, str]]:
    """Return the fields of a name, spelt as a parameter of the value's type reads them."""
    if isinstance(value, list | tuple | set | frozenset):
        return [pair for one in value for pair in _spelt(name, one)]
    if isinstance(value, bytes | bytearray | memoryview):
        raise TypeError(f"the query field {name!r} cannot be {value!r}, which is no text. Fix: decode it")
    plain = msgspec.to_builtins(value)
    if isinstance(plain, dict | list):  # of records
        raise TypeError(f"the query field {name!r} cannot be {value!r}. Fix: a field for each of its members")
    if plain is None:
        return []
    return [(name, str(plain).lower() if isinstance(plain, bool) else str(plain))]
