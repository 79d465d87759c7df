"""What msgspec leaves undone of a value that it decoded to a declared type.

Law: decided at compile, and only what needs it is visited; a type without Decimals and dataclasses costs nothing. A
Decimal is finite and of a size that nobody has to fear: `int` of `1e999999999` takes all memory. A dataclass with a
`__dict__` has its defaults there, in the order of its fields: msgspec leaves them to the class, and then encodes
the `__dict__` alone.
"""

import decimal
from collections.abc import Callable, Sequence
from types import MemberDescriptorType
from typing import Any, get_origin

import msgspec
from msgspec import inspect

from hinge.inspection.decodable import nested_types, parts_of
from hinge.validation.numbers import is_moderate

Finish = Callable[[Any], None]
_Steps = dict[type, Finish]
"""What visits a value, by its class."""


def finishing(type: Any) -> Finish | None:  # noqa: A002 - as in msgspec's functions
    """Return what is to be called with each value that was decoded to a type, None if nothing is.

    It raises msgspec.ValidationError for a Decimal that is not taken.
    """
    infos = nested_types(type)
    if not any(map(_needs, infos)):
        return None
    steps = _Builder().of(infos[0])

    def finish(value: Any) -> None:
        step = steps.get(value.__class__)
        if step is not None:
            step(value)

    return finish


def _check_decimal(value: decimal.Decimal) -> None:
    if not is_moderate(value):
        # The text of a cause is what the client is told.
        raise msgspec.ValidationError("Expected a finite decimal number") from ValueError("expected a decimal number")


def _needs(info: Any) -> bool:
    return isinstance(info, inspect.DecimalType) or (isinstance(info, inspect.DataclassType) and bool(_defaults(info)))


def _defaults(info: inspect.DataclassType) -> dict[str, Any]:
    """Return the defaults that stay with the class, by the fields' names in Python."""
    cls = get_origin(info.cls) or info.cls
    if hasattr(cls, "__attrs_attrs__"):
        return {}
    return {
        field.name: field.default
        for field in info.fields
        if field.default is not msgspec.NODEFAULT
        and not isinstance(getattr(cls, field.name, None), MemberDescriptorType)
    }


class _Builder:
    """Turns msgspec's description of a type into steps; a recursive type's description refers to itself."""

    def __init__(self) -> None:
        self._made: dict[int, _Steps] = {}

    def of(self, info: Any) -> _Steps:
        made = self._made.get(id(info))
        if made is None:
            made = self._made[id(info)] = {}
            if any(map(_needs, parts_of(info))):
                made.update(self._fill(info))
        return made

    def _fill(self, info: Any) -> _Steps:
        while isinstance(info, inspect.Metadata):
            info = info.type
        if isinstance(info, inspect.DecimalType):
            return {decimal.Decimal: _check_decimal}
        if isinstance(info, inspect.UnionType):
            return {kind: step for member in info.types for kind, step in self.of(member).items()}
        if isinstance(info, inspect.DictType):
            return {dict: _of_pairs(self.of(info.key_type), self.of(info.value_type))}
        if isinstance(info, inspect.TupleType):
            return {tuple: _of_row([self.of(item) for item in info.item_types])}
        kind = _COLLECTIONS.get(type(info))
        if kind is not None:
            return {kind: _of_items(self.of(info.item_type))}
        fields = [
            (field.name, _unless_default(field, steps)) for field in info.fields if (steps := self.of(field.type))
        ]
        if isinstance(info, inspect.TypedDictType):
            return {dict: _of_members(fields)}
        cls = get_origin(info.cls) or info.cls
        defaults = _defaults(info) if isinstance(info, inspect.DataclassType) else {}
        return {cls: _of_record(fields, defaults, [field.name for field in info.fields])}


def _unless_default(field: inspect.Field, steps: _Steps) -> _Steps:
    """Return the steps of a field; the program may well write an infinite default."""
    default = field.default
    if not isinstance(default, decimal.Decimal) or is_moderate(default):
        return steps
    return {**steps, decimal.Decimal: lambda value: None if value is default else _check_decimal(value)}


_COLLECTIONS: dict[type[inspect.Type], type] = {
    inspect.ListType: list,
    inspect.SetType: set,
    inspect.FrozenSetType: frozenset,
    inspect.VarTupleType: tuple,
}


def _of_items(steps: _Steps) -> Finish:
    get = steps.get

    def finish(values: Any) -> None:
        for value in values:
            step = get(value.__class__)
            if step is not None:
                step(value)

    return finish


def _of_pairs(keys: _Steps, values: _Steps) -> Finish:
    of_keys, of_values = _of_items(keys), _of_items(values)

    def finish(pairs: Any) -> None:
        if keys:
            of_keys(pairs)
        if values:
            of_values(pairs.values())

    return finish


def _of_row(row: Sequence[_Steps]) -> Finish:
    def finish(values: Any) -> None:
        for steps, value in zip(row, values, strict=False):
            step = steps.get(value.__class__)
            if step is not None:
                step(value)

    return finish


def _of_members(fields: list[tuple[str, _Steps]]) -> Finish:
    def finish(pairs: Any) -> None:
        for name, steps in fields:
            value = pairs.get(name)
            step = steps.get(value.__class__)
            if step is not None:
                step(value)

    return finish


def _of_record(fields: list[tuple[str, _Steps]], defaults: dict[str, Any], names: list[str]) -> Finish:
    missing = defaults.keys()

    def finish(record: Any) -> None:
        if missing and not missing <= record.__dict__.keys():
            _complete(record.__dict__, defaults, names)
        for name, steps in fields:
            value = getattr(record, name)
            step = steps.get(value.__class__)
            if step is not None:
                step(value)

    return finish


def _complete(attributes: dict[str, Any], defaults: dict[str, Any], names: list[str]) -> None:
    given = {**defaults, **attributes}
    attributes.clear()
    attributes.update((name, given[name]) for name in names if name in given)
    attributes.update(given)  # what `__post_init__` set beside the fields
