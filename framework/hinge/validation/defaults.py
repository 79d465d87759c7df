"""Whether a default is what its annotation says: a handler gets it as it is, and the OpenAPI document shows it.

Law: told at compile, in the words that a client would get. None and UNSET stand for nothing sent, whatever the type.
"""

import enum
import reprlib
from collections.abc import Iterator
from typing import Any

import msgspec

from hinge.errors import ConfigurationError
from hinge.inspection.annotations import without_unset
from hinge.validation import messages

_ARRAYS = (list, tuple, set, frozenset)
_NOTHING = (None, msgspec.UNSET, msgspec.NODEFAULT)
_PLAIN = frozenset(messages.PLAIN_TYPES.values()) - {type(None)}


def check_default(name: str, default: Any, annotation: Any, who: str) -> None:
    """Refuse plain data for a default that its type or a constraint does not take; an int may stand for a float.

    Of what an array holds only the kinds count, so that `()` may stand for an empty list.

    Raises:
        ConfigurationError: it begins with `who`.
    """
    if any(default is nothing for nothing in _NOTHING) or (type(default) is annotation and annotation in _PLAIN):
        return
    kinds = set(_kinds(default))
    if not all(kind in _PLAIN or kind in (list, dict) or issubclass(kind, enum.Enum) for kind in kinds):
        return  # an object of the app's: its class has been looked at (hinge.binding.mistakes)
    kind = without_unset(annotation)
    fix, why = f"a value that it takes, or {name}: ... | None = None for none", "expected another type"
    try:
        made = msgspec.convert(default, kind)
    except msgspec.ValidationError as error:
        why = messages.locate(error)[1]
        made = _from_text(default, kind)
    except (TypeError, ValueError, RecursionError):
        return  # what msgspec does not know is the business of who decodes it
    else:
        known = tuple(_kinds(made))
        if all(issubclass(one, known) or (one is int and float in known) for one in kinds):
            return
    if isinstance(made, enum.Enum):
        fix = f"{name}: ... = {type(made).__qualname__.rpartition('.')[2]}.{made.name}"
    elif type(made) in _PLAIN and not isinstance(made, bytes | bytearray | memoryview):
        fix = f"{name}: ... = {made!r}"
    raise ConfigurationError(f"{who} has {reprlib.repr(default)} for its default: {why}. Fix: {fix}")


def _kinds(value: Any) -> Iterator[type]:
    """Yield the classes of what stands in a value, at any depth; all arrays are one."""
    if isinstance(value, _ARRAYS):
        yield list
        for one in value:
            yield from _kinds(one)
    elif isinstance(value, dict):
        yield dict
        for one in (*value, *value.values()):
            yield from _kinds(one)
    else:
        yield type(value)


def _from_text(default: Any, kind: Any) -> Any:
    """Return what a text that a client may send becomes, None if nothing."""
    try:
        return msgspec.convert(default, kind, strict=False) if isinstance(default, str) else None
    except (msgspec.ValidationError, TypeError):
        return None
