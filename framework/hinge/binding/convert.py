"""One text of a path, a query string, a header or a cookie -> the value that a handler declares.

Law: ASCII only, one form per type, no surprises of the language (`int("1_0")`, `float("nan")`, `UUID("{...}")`): what
is not plainly a value of the type is none. The time is linear in the text, and numbers are bounded. The messages are
those of `messages.py`, so a bad value reads alike in a body and elsewhere, and never comes back to the client.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import operator
import re
import sys
import types
import typing
import uuid
from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from hinge.errors import ConfigurationError
from hinge.inspection.custom_types import NO_TYPES, Types
from hinge.inspection.raised import told
from hinge.validation import messages
from hinge.validation.numbers import MAX_DIGITS

Converter = Callable[[str], Any]

_TEXT = frozenset({str, Any, object})
_BOOLS = {"true": True, "false": False, "1": True, "0": False, "on": True, "off": False, "yes": True, "no": False}
_is_decimal = re.compile(r"-?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?").fullmatch
_msgspec_convert = msgspec.convert


def converter(kind: Any, own: Types = NO_TYPES) -> Converter:
    """Return a function that converts one text to `kind`.

    `kind` is str, int, float, bool, Decimal, UUID, date, datetime, time, timedelta (RFC 3339, ISO 8601), an Enum, a
    Literal, one of the app's `own`, a union of those (str is tried last, and None is never the result), or `Annotated`
    with one of them and `msgspec.Meta` constraints. The function raises ValueError with a message for the client.

    Raises:
        ConfigurationError: no text becomes a `kind`, or its constraints do not fit it.
    """
    kind, metas = _unwrap(kind)
    if get_origin(kind) in (Union, types.UnionType):
        return _union(kind, metas, own)
    if not metas and isinstance(kind, type) and (plain := _NUMBERS.get(kind)) is not None:
        return plain  # what most parameters are; asking msgspec about a type takes 40 us
    if kind in _TEXT and not metas:
        return str
    if kind is Any or kind is object:
        kind = str
    if isinstance(kind, type) and (kind in _NUMBERS or kind in _DELEGATED):
        return _of_plain(kind, tuple(map(_said, metas)))
    if own.reads_texts(kind):
        return _custom(kind, own)
    return _made(kind, metas)


def _custom(kind: Any, own: Types) -> Converter:
    def parse(text: str) -> Any:
        try:
            return own.decode(kind, text)
        except (ValueError, TypeError) as error:
            raise ValueError(told(error)) from error

    return parse


def _made(kind: Any, metas: list[msgspec.Meta]) -> Converter:
    target = Annotated[(kind, *metas)] if metas else kind
    try:
        info = msgspec.inspect.type_info(target)
    except TypeError as error:
        raise ConfigurationError(f"{_name(kind)}: {error}") from None
    while isinstance(info, msgspec.inspect.Metadata):
        info = info.type
    return _constrained(info, _parser(kind, target, info))


Said = tuple[tuple[str, type, Any], ...]
"""The constraints of one `Meta`. Their types as well: 1 and 1.0 are equal, and read differently in messages."""


def _said(meta: msgspec.Meta) -> Said:
    return tuple((name, type(bound), bound) for name in _CONSTRAINTS if (bound := getattr(meta, name)) is not None)


@lru_cache(maxsize=1024)  # of classes of the language alone: an app's may have to go
def _of_plain(kind: type, said: tuple[Said, ...]) -> Converter:
    return _made(kind, [msgspec.Meta(**{name: bound for name, _, bound in one}) for one in said])


def takes_empty(kind: Any, own: Types = NO_TYPES) -> bool:
    """Tell whether an empty text may be meant for a `kind`: it is a text, or has a value for it."""
    if isinstance(kind, type) and kind in _NUMBERS:
        return kind is str
    bare, _ = _unwrap(kind)
    members = get_args(bare) if get_origin(bare) in (Union, types.UnionType) else (bare,)
    if any(_unwrap(member)[0] in _TEXT for member in members):
        return True
    try:
        converter(kind, own)("")
    except ValueError:
        return False
    return True


def _unwrap(kind: Any) -> tuple[Any, list[msgspec.Meta]]:
    """Return a type without its aliases and annotations, and the constraints that stood in them, innermost first."""
    metas: list[msgspec.Meta] = []
    while not isinstance(kind, type):
        if get_origin(kind) is Annotated:
            kind, *annotations = get_args(kind)
            metas = [note for note in annotations if isinstance(note, msgspec.Meta)] + metas
        elif isinstance(kind, typing.NewType):
            kind = kind.__supertype__
        elif type(kind).__name__ == "TypeAliasType":  # `type X = ...`, from CPython 3.12 on
            kind = kind.__value__
        else:
            break
    return kind, metas


def _parser(kind: Any, target: Any, info: msgspec.inspect.Type) -> Converter:
    """Return the function for the type itself; what it demands beyond that is checked later, but for time zones."""
    parser = _NUMBERS.get(kind)
    if parser is not None:
        return parser
    if isinstance(info, msgspec.inspect.EnumType):
        return _enum(info.cls)
    if get_origin(kind) is Literal:
        return _literal(get_args(kind))
    if kind in _DELEGATED:
        return _delegated(kind, target, info)
    raise ConfigurationError(f"{_name(kind)} cannot be made from a text")


# -- numbers and booleans ----------------------------------------------------------------------------------------------


def _integer(text: str) -> int:
    if len(text) < 19 and text.isdecimal() and text.isascii():  # most are, and no interpreter refuses to convert them
        return int(text)
    # isdecimal() alone takes the digits of every script, and so does int().
    digits = text if text.isdecimal() else text.removeprefix("-")
    if digits.isascii() and digits.isdecimal() and len(digits) <= MAX_DIGITS:
        try:
            return int(text)
        except ValueError:  # the interpreter was told to convert fewer digits
            pass
    raise ValueError("expected an integer")


def _number(text: str) -> float:
    if len(text) <= MAX_DIGITS and _is_decimal(text):
        value = float(text)
        if -sys.float_info.max <= value <= sys.float_info.max:
            return value
    raise ValueError("expected a number")


def _decimal(text: str) -> decimal.Decimal:
    if len(text) <= MAX_DIGITS and _is_decimal(text):
        try:
            value = decimal.Decimal(text)
        except decimal.InvalidOperation:  # the exponent has no room in any context
            pass
        else:
            # int(Decimal("1e999999999")) would take all memory.
            if -MAX_DIGITS <= value.adjusted() <= MAX_DIGITS:
                return value
    raise ValueError("expected a decimal number")


def _boolean(text: str) -> bool:
    value = _BOOLS.get(text)
    if value is None:
        value = _BOOLS.get(text.lower())
        if value is None:
            raise ValueError("expected a boolean")
    return value


_NUMBERS: dict[Any, Converter] = {
    str: str,
    int: _integer,
    float: _number,
    bool: _boolean,
    decimal.Decimal: _decimal,
}

# -- what msgspec reads strictly enough --------------------------------------------------------------------------------

# Browsers leave out seconds that are none (HTML, "valid time string"), and so does ISO 8601.
_CLOCKED = frozenset({dt.datetime, dt.time})
_to_the_minute = re.compile(
    r"((?:[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ])?[0-9]{2}:[0-9]{2})([Zz]|[+-][0-9]{2}:[0-9]{2}|)"
).fullmatch
_DELEGATED = frozenset({uuid.UUID, dt.date, dt.datetime, dt.time, dt.timedelta})


def _delegated(kind: Any, target: Any, info: msgspec.inspect.Type) -> Converter:
    def parse_plain(text: str) -> Any:
        try:
            return _msgspec_convert(text, kind)
        except msgspec.ValidationError:
            return None

    def parse(text: str) -> Any:
        try:
            return _msgspec_convert(text, target)
        except msgspec.ValidationError:
            if kind in _CLOCKED and (minute := _to_the_minute(text)):
                return parse(f"{minute[1]}:00{minute[2]}")
            raise ValueError(messages.leaf_fault(info, text, parse_plain)) from None

    return parse


# -- choices -----------------------------------------------------------------------------------------------------------


def _enum(cls: type[enum.Enum]) -> Converter:
    of_text = any(isinstance(member.value, str) for member in cls)
    fault = f"expected {messages.choices(member.value for member in cls)}"
    table = {member.value: member for member in cls}

    def parse(text: str) -> Any:
        try:
            value = text if of_text else _integer(text)
            found = table.get(value)
            # msgspec is slower, but knows `_missing_`.
            return _msgspec_convert(value, cls) if found is None else found
        except (ValueError, msgspec.ValidationError):
            raise ValueError(fault) from None

    return parse


def _literal(values: tuple[Any, ...]) -> Converter:
    texts = {value for value in values if isinstance(value, str)}
    # Tables by type, or Literal[1] would take "true", which is equal to 1.
    readers: list[tuple[Converter, set[Any]]] = [
        (read, {value for value in values if type(value) is of}) for of, read in ((int, _integer), (bool, _boolean))
    ]
    readers = [(read, allowed) for read, allowed in readers if allowed]
    if not texts and not readers:
        raise ConfigurationError(f"{Literal[values]} cannot be made from a text")
    fault = f"expected {messages.choices(value for value in values if value is not None)}"

    def parse(text: str) -> Any:
        if text in texts:
            return text
        for read, allowed in readers:
            try:
                value = read(text)
            except ValueError:
                continue
            if value in allowed:
                return value
        raise ValueError(fault)

    return parse


def _union(kind: Any, metas: list[msgspec.Meta], own: Types) -> Converter:
    members = [member for member in get_args(kind) if member is not type(None)]
    # Every text is a str: tried earlier, it would leave nothing to the others. The sort is stable.
    members.sort(key=lambda member: _unwrap(member)[0] in _TEXT)
    parsers = [converter(Annotated[(member, *metas)] if metas else member, own) for member in members]
    if len(parsers) == 1:
        return parsers[0]

    def parse(text: str) -> Any:
        faults: dict[str, None] = {}
        for parser in parsers:
            try:
                return parser(text)
            except ValueError as error:
                faults[str(error)] = None
        raise ValueError(_either(list(faults)))

    return parse


def _either(faults: list[str]) -> str:
    """Join the faults of a union's members: `expected an integer or a boolean`."""
    first, *others = faults
    return " or ".join([first, *(fault.removeprefix("expected ") for fault in others)])


# -- constraints -------------------------------------------------------------------------------------------------------

_BOUNDS: dict[str, Callable[[Any, Any], bool]] = {
    "ge": operator.ge,
    "gt": operator.gt,
    "le": operator.le,
    "lt": operator.lt,
    "multiple_of": lambda value, factor: value % factor == 0,
    "min_length": lambda value, length: len(value) >= length,
    "max_length": lambda value, length: len(value) <= length,
    "pattern": lambda value, pattern: re.search(pattern, value) is not None,
}


_CONSTRAINTS = (*_BOUNDS, "tz")
"""What of a `Meta` is about values."""


def _constrained(info: msgspec.inspect.Type, parse: Converter) -> Converter:
    # msgspec would check them too, at four times the price: it reads the constraints anew with each `convert`.
    checks = [(holds, bound) for name, holds in _BOUNDS.items() if (bound := getattr(info, name, None)) is not None]
    if not checks:
        return parse

    def parse_and_check(text: str) -> Any:
        value = parse(text)
        for holds, bound in checks:
            if not holds(value, bound):
                raise ValueError(messages.leaf_fault(info, value, lambda _: None))
        return value

    return parse_and_check


def _name(kind: Any) -> str:
    return kind.__qualname__ if isinstance(kind, type) else str(kind)
