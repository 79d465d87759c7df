"""Reading an annotation: aliases, unions, collections and records.

Law: what is written in two ways means the same: a type and its alias, `Union[A, B]` and `A | B`, a generic record and
one that extends it.
"""

import collections.abc
import dataclasses
import inspect
import operator
import types
import typing
from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Generic, Union, get_args, get_origin

import msgspec

COLLECTIONS = (
    list,
    tuple,
    set,
    frozenset,
    collections.abc.Collection,
    collections.abc.Sequence,
    collections.abc.MutableSequence,
    collections.abc.Set,
    collections.abc.MutableSet,
)
"""The collections that msgspec makes of several items."""

UNIONS = (Union, types.UnionType)
"""What `get_origin` says of a union, written the one way or the other."""

_ABSENT = (type(None), msgspec.UnsetType)


def unalias(kind: Any) -> Any:
    """Return what a `type` statement or a `NewType` stands for; any other type is itself."""
    while not isinstance(kind, type):  # a class stands for itself
        if isinstance(kind, typing.NewType):
            kind = kind.__supertype__
        elif type(kind).__name__ == "TypeAliasType":  # `type X = ...`, from CPython 3.12 on
            kind = kind.__value__
        elif type(get_origin(kind)).__name__ == "TypeAliasType":
            kind = get_origin(kind).__value__[get_args(kind)]
        else:
            break
    return kind


def members(kind: Any) -> list[Any]:
    """Return the members of a union, flattened and without constraints; any other type is its own only member."""
    if isinstance(kind, type):
        return [kind]
    kind = unalias(kind)
    if get_origin(kind) is Annotated:
        return members(get_args(kind)[0])
    if get_origin(kind) in UNIONS:
        return [member for part in get_args(kind) for member in members(part)]
    return [kind]


def present(kind: Any) -> list[Any]:
    """Return the members of a union that a value can have: neither None nor `msgspec.UNSET`."""
    return [member for member in members(kind) if member not in _ABSENT]


def absent(kind: Any, otherwise: Any) -> Any:
    """Return the value that a type has for "nothing was sent": None, `msgspec.UNSET`, or else `otherwise`."""
    found = members(kind)
    if type(None) in found:
        return None
    return msgspec.UNSET if msgspec.UnsetType in found else otherwise


def without_unset(kind: Any) -> Any:
    """Return a type without `msgspec.UnsetType`, which no text becomes."""
    if isinstance(kind, type):
        return kind
    plain = unalias(kind)
    if isinstance(plain, type) or get_origin(plain) not in UNIONS:
        return kind
    kept = [part for part in get_args(plain) if part is not msgspec.UnsetType]
    return union(kept) if 0 < len(kept) < len(get_args(plain)) else kind


def union(parts: Iterable[Any]) -> Any:
    """Return the union of some types."""
    return Union[tuple(parts)]  # noqa: UP007 - `|` cannot join a sequence of types


def item_type(kind: Any) -> Any | None:
    """Return the type of a collection's items (`str` where it names none), None if it is no collection.

    The items of a `tuple[int, str]` have no one type: it is a tuple of their types.
    """
    for member in members(kind):
        origin = class_of(member)
        if origin in COLLECTIONS:
            arguments = get_args(member)
            if origin is tuple and arguments and arguments[-1] is not Ellipsis:
                return arguments
            return arguments[0] if arguments else str
    return None


def is_record(kind: Any) -> bool:
    """Tell whether a type is a Struct, dataclass, TypedDict or attrs class, or a union of these (and None)."""
    found = present(kind)
    return bool(found) and all(is_record_class(class_of(member)) for member in found)


def class_of(kind: Any) -> Any:
    """Return the class that a generic type is made of; any other type is its own."""
    return kind if isinstance(kind, type) else get_origin(kind) or kind


def is_record_class(kind: Any) -> bool:
    """Tell whether a class is a Struct, dataclass, TypedDict or attrs class."""
    return isinstance(kind, type) and (
        issubclass(kind, msgspec.Struct)
        or dataclasses.is_dataclass(kind)
        or typing.is_typeddict(kind)
        or hasattr(kind, "__attrs_attrs__")
    )


def classes_within(annotation: Any) -> Iterator[type]:
    """Yield the classes that a type names, those of its arguments too, but for protocols."""
    for member in members(annotation):
        kind = class_of(member)
        if isinstance(kind, type) and not getattr(kind, "_is_protocol", False):
            yield kind
        for part in get_args(member):
            yield from classes_within(part)


def field_types(record: Any) -> dict[str, Any]:
    """Return the annotation of each field of a record, the parameters of a generic one filled in.

    Raises whatever resolving the annotations raises.
    """
    hints = typing.get_type_hints(class_of(record), include_extras=True)
    given = _parameters(record)
    everywhere = ChainMap({typing.Self: record}, *given.values())
    return {
        name: filled(_unqualified(hint), ChainMap(given.get(_owner(record, name), {}), everywhere))
        for name, hint in hints.items()
    }


def _owner(record: Any, name: str) -> Any:
    """Return the class that declares a field."""
    kinds = getattr(class_of(record), "__mro__", ())
    return next((kind for kind in kinds if name in inspect.get_annotations(kind)), None)


def _parameters(record: Any) -> dict[Any, dict[Any, Any]]:
    """Return what stands for the type parameters of a class and of each generic class that it extends."""
    origin = class_of(record)
    given = {origin: dict(zip(getattr(origin, "__parameters__", ()), get_args(record), strict=False))}
    waiting: list[Any] = list(getattr(origin, "__mro__", ()))
    for kind in waiting:  # a TypedDict's bases are not in its __mro__, so the list grows
        for base in kind.__dict__.get("__orig_bases__", ()):
            extends: Any = class_of(base)
            if isinstance(extends, type) and extends is not Generic and extends not in given:
                own = given.get(kind, {})
                arguments = [filled(one, own) for one in get_args(base)]
                given[extends] = dict(zip(getattr(extends, "__parameters__", ()), arguments, strict=False))
                if extends not in waiting:
                    waiting.append(extends)
    return given


def extended(kind: Any) -> list[Any]:
    """Return the generic types that a class is written to extend, its own parameters filled in: `list[Item]`."""
    origin = class_of(kind)
    bases = [base for base in getattr(origin, "__orig_bases__", ()) if class_of(base) is not Generic]
    # A class of `list[T]` alone takes arguments, but does not tell its parameters.
    written = dict.fromkeys(parameter for base in bases for parameter in getattr(base, "__parameters__", ()))
    given = dict(zip(getattr(origin, "__parameters__", written), get_args(kind), strict=False))
    return [filled(base, given) for base in bases]


_QUALIFIERS = (typing.Required, typing.NotRequired, typing.ClassVar, typing.Final, getattr(typing, "ReadOnly", None))


def _unqualified(hint: Any) -> Any:
    """Return the type that a field's annotation names, without `Required` and its kind."""
    while get_origin(hint) in _QUALIFIERS and get_args(hint):
        hint = get_args(hint)[0]
    return hint


def filled(hint: Any, given: Mapping[Any, Any]) -> Any:
    """Return a type with others in the place of its type parameters and of `Self`, at any depth."""
    if isinstance(hint, type):
        return hint
    if isinstance(hint, typing.TypeVar) or hint is typing.Self:
        return given.get(hint, hint)
    parts = get_args(hint)
    if get_origin(hint) is Annotated:
        return Annotated[(filled(parts[0], given), *parts[1:])]
    changed = tuple(filled(part, given) for part in parts)
    if all(map(operator.is_, changed, parts)):
        return hint
    return union(changed) if get_origin(hint) in UNIONS else get_origin(hint)[changed]
