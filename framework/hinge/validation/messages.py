"""What Hinge says about a value that does not fit its type.

Law: the texts are Hinge's own and stable; msgspec's change between releases. They name what was expected and the kind
of what was sent, never the value itself: a client's data does not come back in an error.
"""

import datetime as dt
import decimal
import math
import operator
import re
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from msgspec import inspect, msgpack

from hinge.inspection.models import ModelInvalid
from hinge.inspection.raised import told

_MAX_CHOICES = 20

_KINDS: dict[type, str] = {
    type(None): "null",
    bool: "a boolean",
    int: "an integer",
    float: "a floating-point number",
    str: "a string",
    bytes: "binary data",
    **dict.fromkeys((list, tuple, set, frozenset), "an array"),
    dict: "an object",
    dt.datetime: "a timestamp",
    msgpack.Ext: "an extension value",
}

_BYTES = (inspect.BytesType, inspect.ByteArrayType, inspect.MemoryViewType)

# Read by users of the API, so in the words of the wire and not of Python.
_EXPECTED: dict[type[inspect.Type], str] = {
    inspect.NoneType: "null",
    inspect.BoolType: "a boolean",
    inspect.IntType: "an integer",
    inspect.FloatType: "a number",
    inspect.StrType: "a string",
    **dict.fromkeys(_BYTES, "base64 data"),
    inspect.DateTimeType: "an RFC 3339 date and time",
    inspect.TimeType: "an RFC 3339 time",
    inspect.DateType: "an RFC 3339 date",
    inspect.TimeDeltaType: "an ISO 8601 duration",
    inspect.UUIDType: "a UUID",
    inspect.DecimalType: "a decimal number",
    inspect.ExtType: "an extension value",
    **dict.fromkeys((inspect.ListType, inspect.SetType, inspect.FrozenSetType, inspect.VarTupleType), "an array"),
    **dict.fromkeys((inspect.TupleType, inspect.NamedTupleType), "an array"),
    **dict.fromkeys((inspect.DictType, inspect.TypedDictType, inspect.DataclassType), "an object"),
}

# Types that the wire carries as a string (or a number): the kind that arrived is right, its form is not.
_FORMATS: dict[type[inspect.Type], type] = {
    inspect.DateTimeType: dt.datetime,
    inspect.TimeType: dt.time,
    inspect.DateType: dt.date,
    inspect.TimeDeltaType: dt.timedelta,
    inspect.UUIDType: uuid.UUID,
    inspect.DecimalType: decimal.Decimal,
}


def got(value: Any) -> str:
    """Name the kind of `value`: `an integer`, `null`."""
    return _KINDS.get(type(value), "a value of another kind")


def expected(info: inspect.Type) -> str:
    """Name what `info` takes: `a number`, `one of 'a', 'b'`."""
    if isinstance(info, inspect.EnumType):
        return choices(member.value for member in info.cls)
    if isinstance(info, inspect.LiteralType):
        return choices(info.values)
    if isinstance(info, inspect.StructType):
        return "an array" if info.array_like else "an object"
    return _EXPECTED.get(type(info), "another value")


def choices(values: Iterable[Any]) -> str:
    """List allowed values as JSON would write them, roughly: `one of 'a', 1, null`."""
    texts = [
        "null" if value is None else str(value).lower() if value is True or value is False else repr(value)
        for value in values
    ]
    if len(texts) == 1:
        return texts[0]
    shown = texts[:_MAX_CHOICES] + (["..."] if len(texts) > _MAX_CHOICES else [])
    return f"one of {', '.join(shown)}"


def mismatch(wanted: Sequence[str], value: Any) -> str:
    """Say that `value` is of the wrong kind."""
    return f"expected {_either(wanted)}, got {got(value)}"


def _either(names: Sequence[str]) -> str:
    unique = list(dict.fromkeys(names))
    return unique[0] if len(unique) == 1 else f"{', '.join(unique[:-1])} or {unique[-1]}"


def count_fault(info: Any, size: int, noun: str) -> str | None:
    """Say that a string, an array or an object has too few or too many of `noun`."""
    if info.min_length is not None and size < info.min_length:
        return f"must have at least {_counted(info.min_length, noun)}"
    if info.max_length is not None and size > info.max_length:
        return f"must have at most {_counted(info.max_length, noun)}"
    return None


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


_BOUNDS: tuple[tuple[str, Callable[[Any, Any], bool], str], ...] = (
    ("ge", operator.ge, "at least"),
    ("gt", operator.gt, "greater than"),
    ("le", operator.le, "at most"),
    ("lt", operator.lt, "less than"),
)


def _number_fault(info: Any, value: float) -> str:
    for name, holds, words in _BOUNDS:
        bound = getattr(info, name)
        if bound is not None and not holds(value, bound):
            return f"must be {words} {bound}"
    if info.multiple_of is not None and math.isfinite(value):
        return f"must be a multiple of {info.multiple_of}"
    return "is out of range"


def _string_fault(info: Any, value: str) -> str:
    fault = count_fault(info, len(value), "character")
    if fault is None and info.pattern is not None and re.search(info.pattern, value) is None:
        fault = f"must match the pattern {info.pattern}"
    return fault or "is invalid"


def _zone_fault(info: Any, value: Any, parse: Callable[[Any], Any]) -> str | None:
    """Say that a well-formed time has a zone it must not have, or lacks one."""
    if info.tz is None or parse(value) is None:
        return None
    return "must have a time zone" if info.tz else "must not have a time zone"


def leaf_fault(info: inspect.Type, value: Any, parse: Callable[[Any], Any]) -> str:
    """Say why msgspec refused `value` for a type without parts.

    `parse` converts a value to the same type without its constraints, or returns None.
    """
    kind = type(value)
    number = kind is int or kind is float
    if isinstance(info, (inspect.EnumType, inspect.LiteralType)):
        return f"expected {expected(info)}"
    if (isinstance(info, inspect.IntType) and kind is int) or (isinstance(info, inspect.FloatType) and number):
        return _number_fault(info, value)
    if isinstance(info, inspect.StrType) and kind is str:
        return _string_fault(info, value)
    if isinstance(info, _BYTES):
        data = parse(value)
        if data is not None:
            return count_fault(info, len(data), "byte") or "is invalid"
        return f"expected {expected(info)}" if kind is str else mismatch([expected(info)], value)
    if isinstance(info, (inspect.DateTimeType, inspect.TimeType)) and (fault := _zone_fault(info, value, parse)):
        return fault
    if type(info) in _FORMATS and (kind is str or (number and isinstance(info, inspect.DecimalType))):
        return f"expected {expected(info)}"
    if isinstance(info, inspect.CustomType):
        return "is invalid"
    return mismatch([expected(info)], value)


def leaf_kinds(info: inspect.Type) -> frozenset[type]:
    """Return the kinds of decoded value that a type without parts may be read from."""
    if isinstance(info, inspect.EnumType):
        return frozenset(type(member.value) for member in info.cls)
    if isinstance(info, inspect.LiteralType):
        return frozenset(type(value) for value in info.values)
    if isinstance(info, inspect.CustomType):
        return frozenset({info.cls})  # such as a form's files, which are there already
    return _LEAF_KINDS.get(type(info), frozenset())


_LEAF_KINDS: dict[type[inspect.Type], frozenset[type]] = {
    inspect.NoneType: frozenset({type(None)}),
    inspect.BoolType: frozenset({bool}),
    inspect.IntType: frozenset({int}),
    inspect.FloatType: frozenset({int, float}),
    inspect.StrType: frozenset({str}),
    **dict.fromkeys(_BYTES, frozenset({str, bytes})),
    inspect.ExtType: frozenset({msgpack.Ext}),
    inspect.DecimalType: frozenset({str, int, float, decimal.Decimal}),
    inspect.UUIDType: frozenset({str, bytes, uuid.UUID}),
    **{
        info: frozenset({str, python})
        for info, python in _FORMATS.items()
        if python not in {decimal.Decimal, uuid.UUID}
    },
}

PLAIN_TYPES: dict[type[inspect.Type], Any] = {
    inspect.NoneType: type(None),
    inspect.BoolType: bool,
    inspect.IntType: int,
    inspect.FloatType: float,
    inspect.StrType: str,
    inspect.BytesType: bytes,
    inspect.ByteArrayType: bytearray,
    inspect.MemoryViewType: memoryview,
    inspect.ExtType: msgpack.Ext,
    **_FORMATS,
}
"""The Python type of each type description without parts, constraints aside."""

_PLACE = re.compile(r" - at `(?:key` in `)?\$(?P<path>[^`]*)`\Z")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")
_MISSING = re.compile(r"Object (missing required|contains unknown) field `([^`]+)`")
_WRONG_KIND = re.compile(r"Expected `([a-z| ]+)`, got `([a-z]+)`\Z")
_BEYOND = re.compile(r"Expected `(\w+)` (of length )?(>=|>|<=|<) (-?[0-9.e+-]+)\Z")
_WORDS = {">=": "at least", ">": "greater than", "<=": "at most", "<": "less than"}
_COUNTED = {"str": "character", "bytes": "byte", "array": "item", "object": "member"}
_NAMES = {
    "null": "null",
    "bool": "a boolean",
    "int": "an integer",
    "float": "a number",
    "str": "a string",
    "bytes": "binary data",
    "array": "an array",
    "object": "an object",
}


def place(error: msgspec.ValidationError) -> list[str | int]:
    """Return where msgspec found its one fault, as `locate` does."""
    text = str(error)
    found = _PLACE.search(text)
    steps = [] if found is None else _steps_of(found[1])
    if text[:1] == "O" and (missing := _MISSING.match(text)):
        steps.append(missing[2])
    return steps


def _steps_of(path: str) -> list[str | int]:
    name = path[1:]
    if path[:1] == "." and "." not in name and "[" not in name:
        return [name]  # of a field at the top, as most are
    steps: list[str | int] = []
    at = 0
    while step := _STEP.match(path, at):
        steps.append(step[1] if step[1] is not None else int(step[2]))
        at = step.end()
    return steps


def locate(error: msgspec.ValidationError) -> tuple[list[str | int], str]:
    """Return where msgspec found its one fault, as steps from the whole, and what to say about it.

    The steps end early at a value of a dict, whose key msgspec does not tell. The one text of a `ValueError` that user
    code raised is passed on; a `TypeError` is a slip of that code, and its text is not the client's business.
    """
    text = str(error)
    found = _PLACE.search(text)
    steps = [] if found is None else _steps_of(found["path"])
    if found is not None:
        text = text[: found.start()]
        if "`key` in" in found[0]:
            return steps, "has an invalid name"
    cause = error.__cause__
    if isinstance(cause, ModelInvalid):
        within, message = cause.faults[0]
        return [*steps, *within], message
    if isinstance(cause, (ValueError, TypeError)):
        return steps, told(cause)
    if missing := _MISSING.match(text):
        return [*steps, missing[2]], "is required" if missing[1].startswith("missing") else "is not a known field"
    return steps, _translated(text)


def _translated(text: str) -> str:
    """Say in Hinge's words what msgspec said, as far as that is certain."""
    found = _WRONG_KIND.match(text)
    if found and found[2] in _NAMES:
        wanted = [_NAMES.get(name, "a string") for name in found[1].split(" | ")]
        return f"expected {_either(wanted)}, got {_NAMES[found[2]]}"
    found = _BEYOND.match(text)
    if found and found[2]:
        return f"must have {_WORDS[found[3]]} {_counted(int(found[4]), _COUNTED.get(found[1], 'item'))}"
    if found:
        return f"must be {_WORDS[found[3]]} {found[4]}"
    return "is out of range" if text.endswith("out of range") else "is invalid"
