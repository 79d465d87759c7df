"""A form's fields -> a handler's arguments.

Law: texts are converted by the rules of a query parameter, files are taken as they are, and one is never taken for the
other. What a handler declares says at compile whether files may come.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from hinge.binding.absence import absence
from hinge.binding.convert import converter
from hinge.binding.plan import MISSING, Argument, HandlerPlan, Source
from hinge.binding.records import ONCE, RecordReader, collection_reader, filling
from hinge.errors import ConfigurationError, FieldError, RequestInvalid
from hinge.forms.kinds import is_file, is_of_files, may_hold_files
from hinge.forms.parts import library
from hinge.forms.upload import FormData, UploadFile
from hinge.inspection.annotations import item_type, without_unset
from hinge.inspection.custom_types import Types
from hinge.validation.checks import MAX_ERRORS
from hinge.validation.errors import collect_errors

_A_FILE = "must be a text, not a file"
_A_TEXT = "must be a file, not a text"
Values = list[Any]
"""What a form has for one name: texts and files."""


def form_argument(argument: Argument, types: Types) -> Callable[[FormData], Any]:
    """Return what takes an argument out of a form; it raises ValueError or RequestInvalid.

    Raises:
        ConfigurationError: no text becomes the type, and it is no file.
    """
    if argument.type is FormData:
        return lambda form: form
    absent, name = absence(argument.default), argument.alias
    if argument.whole:
        read_record = FormRecord(argument.type, argument.source.value, types)
        is_optional = argument.default is not MISSING

        def read_whole(form: FormData) -> Any:
            fields: Any = form._groups()
            return absent() if is_optional and read_record.is_absent(fields) else read_record(fields)

        return read_whole
    read, fill = _reader(name, argument.type, argument.source.value, types), _filling(argument.type, types)

    def read_one(form: FormData) -> Any:
        values: Any = form._groups().get(name)
        if fill is not None and values is not None:
            values = fill(values)
        return absent() if values is None else read(values)

    return read_one


class FormRecord(RecordReader):
    """A function from the grouped fields of a form to a record, some of whose fields may be files."""

    __slots__ = ()

    def _reader(self, name: str, kind: Any) -> Callable[[Values], Any]:
        try:
            return _reader(name, kind, self._source, self._types)
        except (ConfigurationError, TypeError) as error:
            raise ConfigurationError(f"its field {name!r}: {error}") from None

    def _fill(self, kind: Any) -> Callable[[Values], Values | None] | None:
        return _filling(kind, self._types)


def _filling(kind: Any, types: Types) -> Callable[[Values], Values | None] | None:
    return None if is_of_files(kind) else filling(kind, types)


def _reader(name: str, kind: Any, source: str, types: Types) -> Callable[[Values], Any]:
    """Return what makes one argument or field of the values that came with its name."""
    if is_file(kind):
        return _one_file
    if is_file(item_type(kind)):
        return _several_files(name, kind, source)
    if item_type(kind) is not None:
        read_texts = collection_reader(kind, source, name, types)
        return lambda values: read_texts(_texts(values, name, source))
    convert = converter(without_unset(kind), types)

    def read(values: Values) -> Any:
        if len(values) > 1:
            raise ValueError(ONCE)
        if isinstance(values[0], UploadFile):
            raise ValueError(_A_FILE)  # noqa: TRY004 - a client's mistake, not the program's
        return convert(values[0])

    return read


def _one_file(values: Values) -> UploadFile:
    if len(values) > 1:
        raise ValueError(ONCE)
    if not isinstance(values[0], UploadFile):
        raise ValueError(_A_TEXT)  # noqa: TRY004 - a client's mistake, not the program's
    return values[0]


def _several_files(name: str, kind: Any, source: str) -> Callable[[Values], Any]:
    target = without_unset(kind)

    def read(values: Values) -> Any:
        _all_of(values, UploadFile, _A_TEXT, name, source)
        try:
            return msgspec.convert(values, target)
        except msgspec.ValidationError:
            raise RequestInvalid(collect_errors(target, values, source=source, prefix=name)) from None

    return read


def _texts(values: Values, name: str, source: str) -> list[str]:
    _all_of(values, str, _A_FILE, name, source)
    return values


def _all_of(values: Values, kind: type, message: str, name: str, source: str) -> None:
    errors = [
        FieldError(source, f"{name}.{index}", message)
        for index, value in enumerate(values)
        if not isinstance(value, kind)
    ]
    if errors:
        raise RequestInvalid(errors[:MAX_ERRORS])


# -- what a plan needs -------------------------------------------------------------------------------------------------


def takes_files(plan: HandlerPlan) -> bool:
    """Tell whether a handler may be handed files."""
    return any(may_hold_files(one.type) for one in plan.arguments if one.source is Source.FORM)


def check_form(plan: HandlerPlan) -> None:
    """Find out whether a handler's form can be read.

    Raises:
        ConfigurationError: it takes files and the parser is not installed, or promised not to wait for them.
    """
    if not takes_files(plan):
        return
    if plan.inline:
        raise ConfigurationError("it takes files, which wait for the disk, and inline=True never waits. Fix: drop it")
    library()


def reads_parts(plan: HandlerPlan) -> bool:
    """Tell whether multipart can be read for a handler: with files always, otherwise if the parser is installed."""
    if takes_files(plan):
        return True
    try:
        library()
    except ConfigurationError:
        return False
    return True


def is_optional(plan: HandlerPlan) -> bool:
    """Tell whether a request without any form will do."""
    return all(one.default is not MISSING for one in plan.arguments if one.source is Source.FORM)
