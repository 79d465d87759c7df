"""A record (Struct, dataclass, TypedDict, attrs class) from flat text fields, such as a whole query string.

Law: each field is converted by the rule of a single parameter (`convert.py`); a collection takes repeated keys; every
error is found, not just the first; what the record itself demands (required fields, `__post_init__`) is checked last.
"""

import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Union, get_args, get_origin

import msgspec

from hinge.convert import converter
from hinge.errors import ConfigurationError, FieldError, RequestInvalid
from hinge.validation import collect_errors

COLLECTIONS = (list, tuple, set, frozenset)
ONCE = "must be given once"


def members(kind: Any) -> list[Any]:
    """Return the members of a union, flattened and without their constraints; any other type is its own only member."""
    if get_origin(kind) is typing.Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in (Union, type(int | str)):
        return [member for part in get_args(kind) for member in members(part)]
    return [kind]


def item_type(kind: Any) -> Any | None:
    """Return the type of a collection's items (`str` where it names none), None if it is no collection."""
    for member in members(kind):
        if (get_origin(member) or member) in COLLECTIONS:
            arguments = [argument for argument in get_args(member) if argument is not Ellipsis]
            return arguments[0] if arguments else str
    return None


def grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the values of each key, in order."""
    fields: dict[str, list[str]] = {}
    for key, value in pairs:
        fields.setdefault(key, []).append(value)
    return fields


def collection_reader(kind: Any, source: str, name: str) -> Callable[[list[str]], Any]:
    """Return a function from the texts of a repeated key to the declared collection.

    It raises ValueError for a bad item and RequestInvalid for a violated constraint.
    """
    convert = converter(item_type(kind))

    def read(texts: list[str]) -> Any:
        items = [convert(text) for text in texts]
        try:
            return msgspec.convert(items, kind)
        except msgspec.ValidationError:
            raise RequestInvalid(collect_errors(kind, items, source=source, prefix=name)) from None

    return read


def record_reader(kind: Any, source: str) -> Callable[[Mapping[str, list[str]]], Any]:
    """Return a function from grouped text fields to a record.

    Raises:
        ConfigurationError: the type is a union of records, or a field's type cannot come from text.

    """
    records = [member for member in members(kind) if member is not type(None)]
    if len(records) != 1:
        raise ConfigurationError("flat fields cannot tell the members of a union apart")
    readers = dict(_field_readers(records[0], source))

    def read(fields: Mapping[str, list[str]]) -> Any:
        values: dict[str, Any] = {}
        errors: list[FieldError] = []
        for name, texts in fields.items():
            reader = readers.get(name)
            try:
                values[name] = texts[0] if reader is None else reader(texts)
            except RequestInvalid as invalid:
                errors += invalid.errors
            except ValueError as error:
                errors.append(FieldError(source, name, str(error)))
        bad = {error.where for error in errors}
        try:
            record = msgspec.convert(values, kind)
        except msgspec.ValidationError:
            found = collect_errors(kind, values, source=source, prefix="")
            errors += [error for error in found if error.where not in bad]
        if errors:
            raise RequestInvalid(errors)
        return record

    return read


def _field_readers(record: Any, source: str) -> Iterable[tuple[str, Callable[[list[str]], Any]]]:
    hints = typing.get_type_hints(record, include_extras=True)
    info = msgspec.inspect.type_info(record)
    for field in getattr(info, "fields", ()):
        kind = hints.get(field.name, str)
        if item_type(kind) is not None:
            yield field.encode_name, collection_reader(kind, source, field.encode_name)
        else:
            yield field.encode_name, _single(converter(kind))


def _single(convert: Callable[[str], Any]) -> Callable[[list[str]], Any]:
    def read(texts: list[str]) -> Any:
        if len(texts) > 1:
            raise ValueError(ONCE)
        return convert(texts[0])

    return read
