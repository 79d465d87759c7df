"""What a return annotation declares: which records stand in it at any depth, and which fields these have.

Law: everything that can be sent is seen: the items of whatever holds some, what a type variable may stand for, what a
class extends. It is read once, at compile; what cannot be read is an error there.
"""

import dataclasses
import datetime as dt
import decimal
import enum
import inspect
import typing
import uuid
from collections.abc import AsyncGenerator, AsyncIterable, Container, Generator, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, get_args, get_origin

import msgspec

from hinge.diagnostics.location import qualified_name
from hinge.errors import ConfigurationError
from hinge.inspection.annotations import class_of, extended, field_types, is_record, is_record_class, members
from hinge.inspection.models import is_model
from hinge.inspection.remembered import remembered

_SCALARS = (str, bytes, bytearray, memoryview, int, float, decimal.Decimal, uuid.UUID, dt.date, dt.time, dt.timedelta)
SINGLE = (*_SCALARS, enum.Enum, type(None), msgspec.Raw, msgspec.UnsetType)
"""What has no fields."""

EMPTY = (type(None), msgspec.UnsetType)
"""What says nothing."""

_MANY = (Iterable, AsyncIterable, Container)


class Field(NamedTuple):
    """A field of a record: its name in Python and on the wire, whether there must be one, its type."""

    name: str
    encode_name: str
    required: bool
    type: Any


def named(annotation: Any) -> list[Any]:
    """Return the members of a union, flattened, with what may stand for a type variable in its place.

    Raises:
        ConfigurationError: one is a name that nobody resolved.
    """
    found: list[Any] = []
    for member in members(annotation):
        if isinstance(member, str | typing.ForwardRef):
            raise ConfigurationError(
                f"{member!r} is the name of nothing that could be looked up there. Fix: name a type"
            )
        if isinstance(member, typing.TypeVar):
            found += [one for part in stand_ins(member) for one in named(part)]
        else:
            found.append(member)
    return found


def stand_ins(variable: typing.TypeVar) -> tuple[Any, ...]:
    """Return what may stand for a type variable: its constraints, or its default, or its bound, or anything."""
    if variable.__constraints__:
        return variable.__constraints__
    if getattr(variable, "has_default", bool)():  # from CPython 3.13 on
        return (variable.__default__,)  # type: ignore[attr-defined]
    return (Any if variable.__bound__ is None else variable.__bound__,)


def has_fields(annotation: Any) -> bool:
    """Tell whether a type is a record, or a Protocol that annotates attributes."""
    kind = class_of(annotation)
    return is_record(annotation) or (is_protocol(kind) and bool(_attributes(kind)))


def is_plain(annotation: Any) -> bool:
    """Tell whether a type is a class that declares no fields, and a record may extend."""
    kind = class_of(annotation)
    return isinstance(kind, type) and not (
        issubclass(kind, SINGLE) or has_fields(annotation) or is_many(annotation) or is_object(annotation)
    )


def is_single(kind: type) -> bool:
    """Tell whether values of a class hold nothing: for msgspec a dataclass that extends `int` is no number."""
    return issubclass(kind, SINGLE) and (issubclass(kind, enum.Enum) or not is_record_class(kind))


def is_scalar(annotation: Any) -> bool:
    """Tell whether a type is one of values that hold nothing: text, a number, a date, an enum, a literal."""
    kind = class_of(annotation)
    if isinstance(kind, type):
        return is_single(kind) and kind not in EMPTY
    return kind not in (typing.Never, typing.NoReturn)


def is_protocol(kind: Any) -> bool:
    """Tell whether a class is a Protocol itself."""
    return "_is_protocol" in getattr(kind, "__dict__", ()) and kind._is_protocol


def is_named_tuple(annotation: Any) -> bool:
    """Tell whether a type is a NamedTuple."""
    kind = class_of(annotation)
    return isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields")


def is_object(annotation: Any) -> bool:
    """Tell whether a type is a mapping with any keys."""
    kind = class_of(annotation)
    return isinstance(kind, type) and issubclass(kind, Mapping) and not is_record(kind)


def is_many(annotation: Any) -> bool:
    """Tell whether a type holds items: an array of any kind, an iterator, a NamedTuple."""
    kind = class_of(annotation)
    is_class = isinstance(kind, type) and not issubclass(kind, SINGLE)
    holds = is_class and issubclass(kind, _MANY)
    return holds and not (is_object(kind) or is_record(kind) or is_protocol(kind) or is_model(kind))


def arguments(annotation: Any) -> tuple[Any, ...]:
    """Return the types of what a collection holds; a class of collections has those of the one that it extends."""
    found = tuple(_unpacked(get_args(annotation)))
    if found and not hasattr(class_of(annotation), "__orig_bases__"):
        return found[:1] if issubclass(class_of(annotation), Generator | AsyncGenerator) else found
    for base in extended(annotation):
        if (is_many(base) or is_object(base)) and (inherited := arguments(base)):
            return inherited
    return found


def _unpacked(parts: Iterable[Any]) -> Iterator[Any]:
    for part in parts:
        if get_origin(part) is typing.Unpack:
            yield from get_args(get_args(part)[0]) or (Any, ...)
        elif getattr(part, "__unpacked__", False):
            yield from get_args(part)
        else:
            yield part


def held(annotation: Any) -> list[Any]:
    """Return the types of what a type holds that has no fields of its own, such as items; none of any other."""
    if is_named_tuple(annotation):
        return [field.type for field in fields(annotation)]
    return list(arguments(annotation)) if is_many(annotation) or is_object(annotation) else []


def leaves(annotation: Any) -> Iterator[Any]:
    """Yield what stands in a type and holds nothing: records, classes without fields, and scalars."""
    seen: list[Any] = []
    waiting = named(annotation)
    while waiting:
        member = waiting.pop()
        if parts := held(member):
            if member not in seen:  # an alias may name itself
                seen.append(member)
                waiting += [one for part in parts for one in named(part)]
        else:
            yield member


@remembered
def fields(annotation: Any) -> tuple[Field, ...]:
    """Return the fields of a record, a Protocol or a NamedTuple, as msgspec encodes them.

    Raises:
        ConfigurationError: their annotations cannot be resolved.
    """
    kind = class_of(annotation)
    try:
        types = field_types(annotation)
    except (NameError, AttributeError, SyntaxError, TypeError) as error:
        raise ConfigurationError(
            f"the fields of {qualified_name(kind)} cannot be resolved: {error}. "
            f"Fix: define or import what they name at the level of its module, not under TYPE_CHECKING"
        ) from error
    return tuple(Field(*declared, types.get(declared[0], Any)) for declared in _declared(kind))


def _declared(kind: Any) -> Iterator[tuple[str, str, bool]]:
    if issubclass(kind, msgspec.Struct):
        has_default = [default is not msgspec.NODEFAULT for default in kind.__struct_defaults__]
        required = len(kind.__struct_fields__) - len(has_default)
        for index, name in enumerate(kind.__struct_fields__):
            needed = index < required or not has_default[index - required]
            yield name, kind.__struct_encode_fields__[index], needed
    elif typing.is_typeddict(kind):
        # __required_keys__ takes a qualifier in an annotation that is a text for none.
        for name, hint in typing.get_type_hints(kind, include_extras=True).items():
            qualifier = get_origin(hint)
            optional = qualifier is typing.NotRequired
            yield name, name, not optional and (qualifier is typing.Required or name in kind.__required_keys__)
    elif dataclasses.is_dataclass(kind):
        for one in dataclasses.fields(kind):
            yield one.name, one.name, one.default is one.default_factory is dataclasses.MISSING
    elif hasattr(kind, "__attrs_attrs__"):
        for one in kind.__attrs_attrs__:
            if not one.name.startswith("_"):  # msgspec sends none of these
                yield one.name, one.name, type(one.default).__name__ == "_Nothing"
    else:
        for name in getattr(kind, "_fields", ()) or _attributes(kind):
            yield name, name, True


def _attributes(kind: Any) -> list[str]:
    found = [name for base in kind.__mro__ for name in inspect.get_annotations(base)]
    return list(dict.fromkeys(found))
