"""Whether what a type collects can be hashed: the items of its sets, the keys of its maps.

Law: a type whose sets can never hold an item, or whose maps no key, is a mistake of the program and found by its
definition, however deep it stands. What only a value decides (`set[Any]`, sent an array) is the client's.
"""

from typing import Any, NamedTuple, get_origin

import msgspec
from msgspec import inspect

from hinge.inspection.decodable import alternatives, nested_types
from hinge.inspection.remembered import remembered


class Never(NamedTuple):
    """What cannot be hashed, and the line to write."""

    why: str
    fix: str


_PLAIN: dict[type[inspect.Type], tuple[str, str]] = {
    inspect.ListType: ("a list", "tuple[..., ...]"),
    inspect.SetType: ("a set", "frozenset[...]"),
    inspect.DictType: ("a dict", "a list of it, or a Struct with frozen=True"),
    inspect.TypedDictType: ("a TypedDict", "a list of it, or a Struct with frozen=True"),
    inspect.ByteArrayType: ("a bytearray", "bytes"),
    inspect.ExtType: ("a msgpack.Ext", "a list of it"),
    inspect.RawType: ("a msgspec.Raw", "a list of it"),
}
_WHOLES = (
    inspect.TupleType,
    inspect.VarTupleType,
    inspect.FrozenSetType,
    inspect.NamedTupleType,
    inspect.StructType,
    inspect.DataclassType,
)


@remembered
def never_hashed(type: Any) -> Never | None:  # noqa: A002 - as in msgspec's functions
    """Return what a type's sets and maps demand and nothing can be; None where there is no such thing."""
    for info in nested_types(type):
        if isinstance(info, (inspect.SetType, inspect.FrozenSetType)):
            found = _culprit(info.item_type, [])
            if found is not None:
                return Never(f"the items of a set are hashed, and {found.why} cannot be", found.fix)
        elif isinstance(info, inspect.DictType):
            key = _not_scalar(info.key_type)
            if key is not None:
                return Never(f"the keys of a map are scalars on the wire, and {key} is none", "a list of pairs")
    return None


def _not_scalar(info: inspect.Type) -> str | None:
    for member in alternatives(info):
        if isinstance(member, _WHOLES) or type(member) in _PLAIN:
            return _named(member)
    return None


def _named(info: Any) -> str:
    if type(info) in _PLAIN:
        return _PLAIN[type(info)][0]
    return getattr(getattr(info, "cls", None), "__qualname__", "a tuple or a frozenset")


def _culprit(info: inspect.Type, seen: list[Any]) -> Never | None:
    """Return the innermost type that keeps a value from being hashed."""
    for member in alternatives(info):
        if type(member) in _PLAIN:
            return Never(*_PLAIN[type(member)])
        cls = getattr(member, "cls", None)
        kind = get_origin(cls) or cls
        if kind is not None and (fix := _unfrozen(kind)) is not None:
            return Never(f"a {kind.__qualname__}", fix)
        if not isinstance(member, _WHOLES) or member in seen or (kind is not None and _is_its_own(kind)):
            continue
        seen.append(member)
        for part in _hashed_parts(member):
            found = _culprit(part, seen)
            if found is not None:
                return found
    return None


def _unfrozen(kind: Any) -> str | None:
    """Return how a class comes to be hashed that is not."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        config: Any = kind.__struct_config__
        if kind.__hash__ is msgspec.Struct.__hash__ and config.eq and not config.frozen:
            return f"class {kind.__qualname__}(msgspec.Struct, frozen=True)"
    if getattr(kind, "__hash__", None) is not None:
        return None
    if hasattr(kind, "__dataclass_fields__"):
        return f"@dataclass(frozen=True) above {kind.__qualname__}"
    if hasattr(kind, "__attrs_attrs__"):
        return f"@attrs.frozen above {kind.__qualname__}"
    return f"a __hash__ beside the __eq__ of {kind.__qualname__}"


def _is_its_own(kind: Any) -> bool:
    """Tell whether a class is not hashed by its fields: by identity, or as somebody wrote."""
    if kind.__hash__ is object.__hash__ or not getattr(getattr(kind, "__struct_config__", None), "eq", True):
        return True
    code = getattr(kind.__hash__, "__code__", None)
    return code is not None and not code.co_filename.startswith(("<string>", "<attrs generated"))


def _hashed_parts(info: Any) -> tuple[inspect.Type, ...]:
    if isinstance(info, inspect.TupleType):
        return info.item_types
    if isinstance(info, (inspect.VarTupleType, inspect.FrozenSetType)):
        return (info.item_type,)
    return tuple(field.type for field in info.fields if _counts(info.cls, field.name))


def _counts(cls: Any, name: str) -> bool:
    """Tell whether a field is a part of its dataclass's hash."""
    field = getattr(cls, "__dataclass_fields__", {}).get(name)
    return field is None or (field.compare if field.hash is None else field.hash)
