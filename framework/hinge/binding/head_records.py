"""A record from a request's headers or from its cookies: each field is one of them.

Law: only the fields are looked up. What else a client sends is none of the record's business, whatever it forbids.
"""

from collections.abc import Callable
from typing import Any

from hinge.binding.absence import absence
from hinge.binding.plan import MISSING, Argument, Source
from hinge.binding.records import RecordReader
from hinge.errors import ConfigurationError, FieldError, RequestInvalid
from hinge.http.cookies import parse_cookies
from hinge.http.headers import members_of
from hinge.http.tokens import is_token
from hinge.inspection.custom_types import Types


def header_name(field: str) -> str:
    """Return the header that a field is read from."""
    return field.replace("_", "-").lower()


def record_reader(argument: Argument, types: Types) -> RecordReader:
    """Return the reader of a record of headers, cookies or query fields.

    Raises:
        ConfigurationError: it cannot come from texts, or a field's name is no header's.
    """
    record = RecordReader(argument.type, argument.source.value, types)
    for name in record.names if argument.source is Source.HEADER else ():
        if not is_token(header_name(name)):
            raise ConfigurationError(f"its field {name!r} is no header name")
    return record


def head_record(argument: Argument, record: RecordReader, reader: Any) -> Callable[[Any], Any]:
    """Return `(head) -> record`; it raises RequestInvalid with every error, named as on the wire."""
    fields_of = (_headers if argument.source is Source.HEADER else _cookies)(record, reader)
    is_optional, absent = argument.default is not MISSING, absence(argument.default)
    is_header = argument.source is Source.HEADER

    def take(head: Any) -> Any:
        fields = fields_of(head)
        if is_optional and not fields:
            return absent()
        try:
            return record(fields)
        except RequestInvalid as invalid:
            raise RequestInvalid(map(_named, invalid.errors) if is_header else invalid.errors) from None

    return take


def _named(error: FieldError) -> FieldError:
    field, dot, rest = error.where.partition(".")
    return FieldError(error.source, header_name(field) + dot + rest, error.message)


def _headers(record: RecordReader, reader: Any) -> Callable[[Any], dict[str, list[str]]]:
    slots = [
        (name, header_name(name), reader.header(header_name(name)), name in record.collections) for name in record.names
    ]

    def fields_of(head: Any) -> dict[str, list[str]]:
        found = {}
        for name, header, get, is_list in slots:
            value = get(head)
            if value is not None:
                found[name] = members_of(header, value) if is_list else [value]
        return found

    return fields_of


def _cookies(record: RecordReader, reader: Any) -> Callable[[Any], dict[str, list[str]]]:
    get, names = reader.header("cookie"), record.names
    return lambda head: {name: [value] for name, value in parse_cookies(get(head)).items() if name in names}
