"""A type -> what msgspec tells of it; part by part where it does not read the whole.

Law: msgspec sends more than it reads, such as one of two Structs without tags. What it does not know may be anything.
"""

import enum
from typing import Annotated, Any, get_args, get_origin

import msgspec
from msgspec import inspect

from hinge.errors import ConfigurationError
from hinge.inspection.annotations import UNIONS, class_of, is_record, unalias
from hinge.inspection.declared import arguments, fields, is_many, is_named_tuple, is_object

_UNREAD = (TypeError, NameError, AttributeError, RecursionError)


def type_info(kind: Any) -> Any:
    """Return what msgspec tells of a type."""
    return _told(kind, {})


def _told(kind: Any, seen: dict[Any, Any]) -> Any:
    try:
        return inspect.type_info(kind)
    except _UNREAD:
        pass
    try:
        return _by_parts(unalias(kind), seen)
    except (*_UNREAD, ConfigurationError):
        return inspect.AnyType()


def _by_parts(kind: Any, seen: dict[Any, Any]) -> Any:
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _told(parts[0], seen)
    if origin in UNIONS:
        return inspect.UnionType(tuple(_told(one, seen) for one in parts if one is not msgspec.UnsetType))
    if is_record(kind) or is_named_tuple(kind):
        return seen[kind] if kind in seen else _record(kind, seen)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return inspect.EnumType(kind)
    held = [_told(one, seen) for one in arguments(kind) if one is not Ellipsis] or [inspect.AnyType()]
    if is_object(kind):
        return inspect.DictType(held[0], held[-1])
    if class_of(kind) is tuple and Ellipsis not in parts:
        return inspect.TupleType(tuple(held))
    return inspect.ListType(held[0]) if is_many(kind) else inspect.AnyType()


def _record(kind: Any, seen: dict[Any, Any]) -> Any:
    cls = class_of(kind)
    info: Any = inspect.NamedTupleType(kind, ()) if is_named_tuple(kind) else inspect.DataclassType(kind, ())
    if issubclass(cls, msgspec.Struct):
        config = cls.__struct_config__
        of_struct = config.tag_field, config.tag, config.array_like, config.forbid_unknown_fields
        info = inspect.StructType(kind, (), *of_struct)
    seen[kind] = info  # a field may be of the same type
    info.fields = tuple(
        inspect.Field(one.name, one.encode_name, _told(one.type, seen), required=one.required) for one in fields(kind)
    )
    return info
