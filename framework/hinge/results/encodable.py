"""Whether msgspec can encode what a return annotation names: of a class that it does not know, every value fails.

Law: a class of which no value can be sent is found at compile, however deep it stands. A field that may be left empty
does not count: such a record is sent without it.
"""

import datetime as dt
import decimal
import enum
import sys
import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple, get_args

import msgspec

from hinge.codecs import encode_json
from hinge.errors import ConfigurationError
from hinge.inspection.annotations import class_of
from hinge.inspection.custom_types import NO_TYPES, Types, custom_type
from hinge.inspection.declared import (
    arguments,
    fields,
    has_fields,
    held,
    is_many,
    is_object,
    is_protocol,
    leaves,
    named,
)
from hinge.inspection.remembered import remembered
from hinge.responses.events import Event
from hinge.responses.response import Response
from hinge.results.returns import is_stream

_TEXTS = (str, bytes, bytearray, memoryview)
"""Sent as they are, subclasses too, as a whole result or as a chunk; inside of others only themselves are known."""
_ALONE = (
    *(*_TEXTS, int, float, bool, type(None), decimal.Decimal, uuid.UUID, msgspec.Raw, msgspec.UnsetType),
    *(dt.datetime, dt.date, dt.time, dt.timedelta),
)
"""What is known without its subclasses."""
_EXTENDED = (list, tuple, set, frozenset, dict, enum.Enum)
"""What is known with them."""
_ABSENT = (type(None), msgspec.UnsetType)


def check_encodable(
    annotation: Any, who: str, *, own_codecs: bool = False, errors: bool = False, types: Types = NO_TYPES
) -> None:
    """Refuse a return annotation that names what cannot be sent.

    With `own_codecs` results are encoded by codecs that may know more than msgspec; what is streamed is not. With
    `errors` an HTTPError may be returned. `types` are the app's own.

    Raises:
        ConfigurationError: with the class and what to write; it begins with `who`.
    """
    try:
        mistake = _mistake(annotation, own_codecs, errors, types)
    except ConfigurationError as error:
        raise ConfigurationError(f"{who}: the return annotation: {error}") from error
    if mistake is not None:
        raise ConfigurationError(f"{who}: the return annotation{mistake}")


@remembered
def _mistake(annotation: Any, own_codecs: bool, errors: bool, types: Types) -> str | None:  # noqa: FBT001 - of the cache
    """Return what is wrong with a return annotation, and what to write."""
    for member in named(annotation):
        kind = class_of(member)
        if isinstance(kind, type) and issubclass(kind, BaseException) and not errors:
            return f": {kind.__name__} is an exception, which is no answer. Fix: raise it"
    if any(isinstance(kind := class_of(leaf), type) and issubclass(kind, Event) for leaf in leaves(annotation)):
        return (
            ": an Event would be sent as JSON. "
            "Fix: -> EventSourceResponse, and return EventSourceResponse(...) of what yields them"
        )
    found = unencodable(annotation, own_codecs=own_codecs, types=types)
    return None if found is None else f": {found.why}. Fix: {found.fix}, or return a Response"


class Unencodable(NamedTuple):
    """Why results can only fail, and what to write."""

    why: str
    fix: str


def _unknown(kind: type) -> Unencodable:
    name = kind.__qualname__.rpartition("<locals>.")[2]
    if hasattr(kind, "model_dump"):  # of pydantic, which may be some class's own method: it fits all the same
        fix = "its model_dump(), -> dict[str, Any]"
    elif kind.__module__.partition(".")[0] in ("starlette", "fastapi", "flask", "werkzeug", "django"):
        fix = "a response of Hinge's own, from hinge import JSONResponse, HTMLResponse, Response"
    elif kind.__module__.partition(".")[0] in sys.stdlib_module_names:
        fix = "a type that msgspec knows, such as a list, a dict or a str"
    else:
        fix = f"make it a msgspec.Struct or a dataclass, name it in {custom_type(kind)}"
    return Unencodable(f"msgspec does not know the class {name}", fix)


def unencodable(annotation: Any, *, own_codecs: bool = False, types: Types = NO_TYPES) -> Unencodable | None:
    """Return why results of a type can only fail, None if there are some that can be sent."""
    return _found(annotation, own_codecs, types)


@remembered
def _found(annotation: Any, own_codecs: bool, types: Types) -> Unencodable | None:  # noqa: FBT001 - of the cache
    waiting = list(_encoded(annotation, own_codecs=own_codecs))
    seen: list[Any] = []
    while waiting:
        member = waiting.pop()
        kind = class_of(member)
        if kind is Any or not isinstance(kind, type) or member in seen:
            continue
        seen.append(member)
        if has_fields(member):
            waiting += [one for field in fields(member) for one in _of_field(field.type, is_required=field.required)]
        elif not (types.knows(kind) or _is_known(kind)):
            return _unknown(kind)
        elif is_object(member) and (key := next(_no_keys(member), None)) is not None:
            return Unencodable(f"{key} is no key of an object", "a text or a number for a key")
        else:
            waiting += [one for part in held(member) for one in named(part)]
    return None


def _encoded(annotation: Any, *, own_codecs: bool) -> Iterator[Any]:
    """Yield what of a result goes through an encoder."""
    for member in named(annotation):
        kind = class_of(member)
        if not isinstance(kind, type) or issubclass(kind, (Response, BaseException, *_TEXTS)):
            continue
        if is_stream(kind):
            items = [one for part in get_args(member)[:1] for one in named(part)]
            yield from (one for one in items if not (isinstance(one, type) and issubclass(one, _TEXTS)))
        elif not own_codecs:
            yield member


def _of_field(annotation: Any, *, is_required: bool) -> list[Any]:
    found = named(annotation)
    return found if is_required or not any(one in _ABSENT for one in found) else []


def _is_known(kind: type) -> bool:
    if kind in _ALONE or is_protocol(kind):
        return True
    if issubclass(kind, enum.Enum):
        return not list(kind) or any(_encodes(one) for one in kind)
    if issubclass(kind, _EXTENDED):
        return True
    try:
        return any(issubclass(known, kind) for known in (*_ALONE, *_EXTENDED)) or _has_known_subclass(kind)
    except TypeError:  # an abstract class that has no instances at run time
        return False


def _has_known_subclass(kind: type) -> bool:
    waiting: list[type] = [] if kind is type else kind.__subclasses__()
    while waiting:
        one = waiting.pop()
        if issubclass(one, _EXTENDED):
            return True
        waiting += one.__subclasses__()
    return False


def _encodes(value: Any) -> bool:
    try:
        encode_json(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return False
    return True


def _no_keys(member: Any) -> Iterator[str]:
    """Yield the types of a mapping's keys that no JSON object has."""
    for key in (one for part in arguments(member)[:1] for one in named(part)):
        kind = class_of(key)
        if isinstance(kind, type) and (kind in (bool, type(None)) or has_fields(key) or is_many(key) or is_object(key)):
            yield kind.__name__
