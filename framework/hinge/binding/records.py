"""A record (Struct, dataclass, TypedDict, attrs class) from flat text fields, such as a whole query string.

Law: each field is converted by the rule of a single parameter (`convert.py`); a collection takes repeated keys; every
error is found, not just the first; what the record itself demands (required fields, `__post_init__`) is checked last.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from hinge.binding.convert import Converter, converter, takes_empty
from hinge.codecs.collected import COLLIDING, are_apart, most_collected
from hinge.errors import ConfigurationError, FieldError, RequestInvalid
from hinge.inspection.annotations import field_types, item_type, present, without_unset
from hinge.inspection.custom_types import NO_TYPES, Types
from hinge.validation.checks import MAX_ERRORS
from hinge.validation.errors import collect_errors
from hinge.validation.finishing import finishing

ONCE = "must be given once"
_OF_INPUTS = ("query", "form")
"""Sources that an HTML form fills."""
_FACTORIES = (list, dict, set, bytearray)
"""What makes a default and does nothing else."""


def grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the values of each key, in order."""
    fields: dict[str, list[str]] = {}
    for key, value in pairs:
        fields.setdefault(key, []).append(value)
    return fields


def filling(kind: Any, types: Types = NO_TYPES) -> Callable[[list[Any]], list[Any] | None] | None:
    """Return what takes empty inputs out of a key's texts, where it returns None if that leaves nothing.

    HTML forms send an input that nobody filled in as an empty text. None where an empty text may be meant.
    """
    items = item_type(kind)
    if isinstance(items, tuple) or takes_empty(without_unset(kind if items is None else items), types):
        return None
    if items is None:
        return lambda texts: None if texts == [""] else texts
    return lambda texts: [text for text in texts if text != ""] or None


def record_fields(kind: Any) -> list[tuple[str, Any, bool, Any]]:
    """Return name on the wire, type, whether it is required, and the default (or NODEFAULT) of each field."""
    types, info = field_types(kind), msgspec.inspect.type_info(kind)
    return [
        (field.encode_name, types.get(field.name, str), field.required, field_default(field))
        for field in getattr(info, "fields", ())
    ]


def field_default(field: msgspec.inspect.Field) -> Any:
    """Return what a field is without a value, `NODEFAULT` if there is none, or only code of the app's would tell."""
    return field.default_factory() if field.default_factory in _FACTORIES else field.default


def collection_reader(kind: Any, source: str, name: str, types: Types = NO_TYPES) -> Callable[[list[str]], Any]:
    """Return a function from the texts of a repeated key to the declared collection.

    It raises RequestInvalid with every bad item (as `name.index`) or violated constraint.

    Raises:
        ConfigurationError: no text becomes an item.
    """
    items = item_type(kind)
    row: list[Converter] = [converter(one, types) for one in items] if isinstance(items, tuple) else []
    convert = str if row else converter(items, types)
    target = without_unset(kind)
    most = most_collected(target)

    def read(texts: list[str]) -> Any:
        values: list[Any] = []
        errors: list[FieldError] = []
        for index, text in enumerate(texts):
            try:
                values.append(row[index](text) if index < len(row) else convert(text))
            except ValueError as error:
                errors.append(FieldError(source, f"{name}.{index}", str(error)))
        if errors:
            raise RequestInvalid(errors[:MAX_ERRORS])
        if most is not None and (len(values) > most or not are_apart(values)):
            raise ValueError(COLLIDING)
        try:
            return msgspec.convert(values, target)  # what it does not know is made already
        except msgspec.ValidationError:
            raise RequestInvalid(collect_errors(target, values, source=source, prefix=name, types=types)) from None

    return read


class RecordReader:
    """A function from grouped text fields to a record.

    `names` are the fields that the record knows, `collections` those of them that take repeated keys.

    Raises:
        ConfigurationError: the type is a union of records, or a field's type cannot come from text.
    """

    __slots__ = ("_filling", "_finish", "_forbids", "_kind", "_readers", "_source", "_types", "collections", "names")

    def __init__(self, kind: Any, source: str, types: Types = NO_TYPES) -> None:
        self._types = types
        records = present(kind)
        if len(records) != 1:
            raise ConfigurationError("flat fields cannot tell the members of a union apart")
        try:
            kinds, info = field_types(records[0]), msgspec.inspect.type_info(records[0])
        except (TypeError, NameError, AttributeError) as error:
            raise ConfigurationError(f"msgspec cannot read it: {error}") from error
        self._kind = kind
        self._finish = finishing(kind)
        self._source = source
        self._forbids = bool(getattr(info, "forbid_unknown_fields", False))
        self._readers = {
            field.encode_name: self._reader(field.encode_name, kinds.get(field.name, str))
            for field in getattr(info, "fields", ())
        }
        self.names = self._readers.keys()
        self._filling = {
            field.encode_name: fill
            for field in (getattr(info, "fields", ()) if source in _OF_INPUTS else ())
            if (fill := self._fill(kinds.get(field.name, str))) is not None
        }
        fields = getattr(info, "fields", ())
        self.collections = {field.encode_name for field in fields if item_type(kinds.get(field.name, str)) is not None}

    def _reader(self, name: str, kind: Any) -> Callable[[list[str]], Any]:
        try:
            if item_type(kind) is not None:
                return collection_reader(kind, self._source, name, self._types)
            return _single(converter(without_unset(kind), self._types))
        except ConfigurationError as error:
            raise ConfigurationError(f"its field {name!r}: {error}") from None

    def _fill(self, kind: Any) -> Callable[[list[Any]], list[Any] | None] | None:
        return filling(kind, self._types)

    def is_absent(self, fields: Mapping[str, list[str]]) -> bool:
        """Tell whether none of the fields is the record's business."""
        return not fields if self._forbids else fields.keys().isdisjoint(self.names)

    def __call__(self, fields: Mapping[str, list[str]]) -> Any:
        """Return the record.

        Raises:
            RequestInvalid: with every error.
        """
        if self._filling:
            fields = self._filled(fields)
        values, errors = self._convert(fields)
        try:
            record = msgspec.convert(values, self._kind)
        except msgspec.ValidationError:
            bad = [name for name in fields if name in self._readers and name not in values]
            found = collect_errors(self._kind, values, source=self._source, prefix="", types=self._types)
            # Bad fields are missing now, and the whole was judged without them.
            errors += [error for error in found if not bad or error.where not in ("", *bad)]
        else:
            if not errors:
                if self._finish is not None:
                    self._finish(record)
                return record
        raise RequestInvalid(errors[:MAX_ERRORS])

    def _filled(self, fields: Mapping[str, list[str]]) -> dict[str, list[str]]:
        """Return the fields without empty inputs."""
        found = {}
        for name, texts in fields.items():
            fill = self._filling.get(name)
            left = texts if fill is None else fill(texts)
            if left is not None:
                found[name] = left
        return found

    def _convert(self, fields: Mapping[str, list[str]]) -> tuple[dict[str, Any], list[FieldError]]:
        """Return what could be converted, and an error for the rest."""
        values: dict[str, Any] = {}
        errors: list[FieldError] = []
        for name, texts in fields.items():
            reader = self._readers.get(name)
            if reader is None:
                if self._forbids:
                    values[name] = texts[0]
                continue
            try:
                values[name] = reader(texts)
            except RequestInvalid as invalid:
                errors += invalid.errors
            except ValueError as error:
                errors.append(FieldError(self._source, name, str(error)))
        return values, errors


def _single(convert: Callable[[str], Any]) -> Callable[[list[str]], Any]:
    def read(texts: list[str]) -> Any:
        if len(texts) > 1:
            raise ValueError(ONCE)
        return convert(texts[0])

    return read
