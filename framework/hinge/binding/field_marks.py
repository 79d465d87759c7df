"""What a class says of a field beside its type: its default, `init=False`, the converter and the alias of attrs.

Law: msgspec reads names, types and defaults. What else may be meant to keep a client out, or a field in, is refused at
compile: another framework's mark for a default would be a value that clients choose.
"""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from hinge.binding.foreign import at_field, shown
from hinge.binding.mistakes import is_value
from hinge.errors import ConfigurationError


def refuse_mark(default: Any, annotation: Any, who: str, name: str) -> None:
    """Refuse a default that is no value of its field's type; `who` is the start of the message.

    Raises:
        ConfigurationError: with what to write instead.
    """
    if not is_value(default, annotation):
        raise ConfigurationError(
            f"{who} has {shown(default)} for its default, which is no value of its type. "
            f"Fix: {at_field(default, name, annotation)}"
        )


def defaults_of(record: Any) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a class that have a default, but for those that a function makes."""
    found: Iterable[tuple[str, Any]]
    if issubclass(record, msgspec.Struct):
        names, defaults = record.__struct_fields__, record.__struct_defaults__
        found = zip(names[len(names) - len(defaults) :], defaults, strict=True)
    elif dataclasses.is_dataclass(record):
        found = ((one.name, one.default) for one in dataclasses.fields(record))
    elif hasattr(record, "__attrs_attrs__"):
        found = ((one.name, one.default) for one in record.__attrs_attrs__)
    else:
        found = getattr(record, "_field_defaults", {}).items()
    return ((name, default) for name, default in found if not _is_none(default))


def refuse_foreign_class(record: Any, who: str) -> None:
    """Refuse a dataclass of pydantic, as msgspec does its models.

    Raises:
        ConfigurationError: it is one.
    """
    if hasattr(record, "__pydantic_fields__"):
        raise ConfigurationError(
            f"{who}: the class {record.__qualname__} is one of pydantic, and nobody would run what it says of its "
            f"fields. Fix: make it a msgspec.Struct, a dataclass of the standard library or a pydantic.BaseModel"
        )


def unread_at_input(record: Any) -> Iterator[tuple[str, str, str]]:
    """Yield each field of an input that says what msgspec passes over: its name, what it has, and the fix."""
    for one in _declared(record):
        if not one.init:
            yield one.name, "init=False, and a client would set it", "leave it out of the class of the input"
        if getattr(one, "converter", None) is not None:
            yield one.name, "a converter, which msgspec does not call", "convert in the handler"
        if getattr(one, "alias", None) not in (None, one.name.lstrip("_")):
            yield one.name, "an alias, which msgspec does not read", "a msgspec.Struct, with msgspec.field(name=...)"


def _declared(record: Any) -> tuple[Any, ...]:
    attributes: tuple[Any, ...] = getattr(record, "__attrs_attrs__", ())
    return attributes or (dataclasses.fields(record) if dataclasses.is_dataclass(record) else ())


def _is_none(default: Any) -> bool:
    """Tell whether a default is none, or a function's that makes one."""
    kind = type(default)
    is_factory = kind.__name__ == "Factory" and kind.__module__.partition(".")[0] in ("msgspec", "attr", "attrs")
    return default is msgspec.NODEFAULT or default is dataclasses.MISSING or is_factory or kind.__name__ == "_Nothing"
