"""Whether msgspec can decode a type: its decoders take classes that they do not know and fail at every value.

Law: a class that no decoded value is an instance of is found before the first request, however deep it stands. Fields
that may be left out do not count: such a record is decoded without them.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

from msgspec import inspect

from hinge.inspection.remembered import remembered

_DECODED = (dict, list, str, int, float, bool, bytes, type(None), dt.datetime)
"""What the decoders make of values whose type they are not told."""


@remembered
def unknown_class(type: Any, known: Callable[[Any], bool] | None = None) -> Any | None:  # noqa: A002 - as in msgspec's functions
    """Return a class in a type's definition that nothing can be decoded to, None if there is none.

    `known` tells of a class that msgspec does not know whether the app does.
    """
    infos = nested_types(type)
    if any(isinstance(info, inspect.CustomType) for info in infos):
        for info in parts_of(infos[0], required=True):
            if isinstance(info, inspect.CustomType) and not ((known and known(info.cls)) or _is_decoded(info.cls)):
                return info.cls
    return None


def nested_types(type: Any) -> tuple[inspect.Type, ...]:  # noqa: A002 - as above
    """Return the description of a type and of all in it, each once; nothing where the decoder refuses it, and why."""
    try:
        return _described(type)
    except (TypeError, NameError, AttributeError):
        return ()


@remembered
def _described(type: Any) -> tuple[inspect.Type, ...]:  # noqa: A002 - as above
    return tuple(parts_of(inspect.type_info(type)))


def parts_of(info: inspect.Type, *, required: bool = False) -> Iterator[inspect.Type]:
    """Yield a description and all in it, each once; of fields all, or those that are `required`."""
    found, waiting = {id(info)}, [info]
    while waiting:
        info = waiting.pop()
        yield info
        for part in direct_parts(info, required=required):
            if id(part) not in found:
                found.add(id(part))
                waiting.append(part)


def _is_decoded(kind: Any) -> bool:
    try:
        return any(issubclass(decoded, kind) for decoded in _DECODED)
    except TypeError:  # a Protocol that has no instances at run time
        return False


def alternatives(info: Any) -> tuple[Any, ...]:
    """Return the members of a union, or the one type that there is; without constraints around them."""
    while isinstance(info, inspect.Metadata):
        info = info.type
    return info.types if isinstance(info, inspect.UnionType) else (info,)


def direct_parts(info: Any, *, required: bool = False) -> Iterator[inspect.Type]:
    """Yield what a description is made of: items, members, fields."""
    for name in ("type", "item_type", "key_type", "value_type"):
        part = getattr(info, name, None)
        if isinstance(part, inspect.Type):
            yield part
    for name in ("types", "item_types"):
        yield from getattr(info, name, ())
    for field in getattr(info, "fields", ()):
        if field.required or not required:
            yield field.type
