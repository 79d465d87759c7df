"""Plan + HeadReader -> one closure that gathers the arguments, calls the handler and returns what it returns.

Law: it never awaits and never looks at a type at run time. Arguments come in *stages*, one a source, so that a query
string is split once however many parameters it fills; a plan without a stage does not pay for it. The fast path stops
at the first bad value; only then does `explain` go over all arguments again, to list every error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hinge.absence import REQUIRED, absence, is_shareable
from hinge.annotations import present, without_unset
from hinge.codecs import CODECS, body_decoder
from hinge.convert import converter
from hinge.cookies import cookie_finder
from hinge.decodable import unknown_class
from hinge.errors import ConfigurationError, FieldError, HTTPError, RequestInvalid
from hinge.forms.arguments import check_form, form_argument
from hinge.forms.upload import UploadFile
from hinge.head_records import head_record, record_reader
from hinge.headers import Headers
from hinge.plan import MISSING, Argument, HandlerPlan, Source
from hinge.query import parse_query
from hinge.record import ONCE, RecordReader, collection_reader, grouped
from hinge.shapes import MAX_ERRORS
from hinge.validation import collect_errors

Bound = Callable[[Any, tuple[str, ...], Any, Any], Any]
"""`(head, path values, body, request) -> result or coroutine`."""
Stage = Callable[[list[Any], Any, tuple[str, ...], Any, Any], None]
"""Put the values of one source into the list of arguments: `(arguments, head, path values, body, request)`."""


def bind(plan: HandlerPlan, path_names: tuple[str, ...], reader: Any, *, max_query_fields: int) -> Bound:
    """Return the closure of a plan for heads that `reader` reads.

    Raises:
        ConfigurationError: a parameter's type cannot come from its source.

    """
    handler = plan.handler
    if not plan.arguments:
        return lambda head, values, body, request: handler()
    stages = _Stages(plan, path_names, reader, max_query_fields)
    put, explain = stages.build(), stages.explain
    defaults = [argument.default for argument in plan.arguments]
    keywords = tuple(argument.name for argument in plan.arguments if argument.keyword)
    positional = len(defaults) - len(keywords)

    def call(head: Any, values: tuple[str, ...], body: Any, request: Any) -> Any:
        arguments = defaults.copy()
        try:
            for stage in put:
                stage(arguments, head, values, body, request)
        except (ValueError, HTTPError) as error:
            raise explain(error, head, values, body, request) from None
        if keywords:
            return handler(*arguments[:positional], **dict(zip(keywords, arguments[positional:], strict=True)))
        return handler(*arguments)

    return call


def check(plan: HandlerPlan, path_names: tuple[str, ...]) -> None:
    """Find out whether a plan can be bound, without binding it.

    Raises:
        ConfigurationError: a parameter's type cannot come from its source.

    """
    if plan.arguments:
        _Stages(plan, path_names, None, 0)


class _Stages:
    """Make the stages of one plan, and the slow path that explains a failure of any of them."""

    def __init__(self, plan: HandlerPlan, path_names: tuple[str, ...], reader: Any, max_query_fields: int) -> None:
        self.plan = plan
        self.path_names = path_names
        self.reader = reader
        self.max_query_fields = max_query_fields
        self.places = {argument.name: place for place, argument in enumerate(plan.arguments)}
        self.converters: dict[str, Any] = {
            argument.name: self._converter(argument)
            for argument in plan.arguments
            if argument.source in (Source.PATH, Source.QUERY, Source.HEADER, Source.COOKIE, Source.FORM)
        }
        self.decoder = self._decoder()
        try:
            check_form(plan)
        except ConfigurationError as error:
            raise ConfigurationError(f"{plan.describe()}: {error}") from None

    def build(self) -> tuple[Stage, ...]:
        """Return the stages."""
        makers: dict[Source, Callable[[list[Argument]], Stage]] = {
            Source.PATH: self._path_stage,
            Source.QUERY: self._query_stage,
            Source.HEADER: self._header_stage,
            Source.COOKIE: self._cookie_stage,
            Source.FORM: self._form_stage,
        }
        groups: dict[tuple[Source, bool], list[Argument]] = {}
        for argument in self.plan.arguments:
            is_head_record = argument.whole and argument.source in (Source.HEADER, Source.COOKIE)
            groups.setdefault((argument.source, is_head_record), []).append(argument)
        return tuple(
            makers[source](arguments) if source in makers else self._object_stage(source, arguments)
            for (source, _), arguments in groups.items()
        )

    # -- stages ------------------------------------------------------------------------------------------------------

    def _path_stage(self, arguments: list[Argument]) -> Stage:
        slots = [(self._place(one), self.path_names.index(one.alias), self.converters[one.name]) for one in arguments]

        def stage(found: list[Any], head: Any, values: tuple[str, ...], body: Any, request: Any) -> None:
            for place, index, convert in slots:
                found[place] = values[index] if convert is str else convert(values[index])

        return stage

    def _query_stage(self, arguments: list[Argument]) -> Stage:
        slots = {
            argument.alias: (self._place(argument), 1 << index, self.converters[argument.name])
            for index, argument in enumerate(arguments)
        }
        if len(slots) < len(arguments) or not all(map(_is_plain, arguments)):
            return self._whole_query_stage(arguments)
        raw_of, limit = self.reader.query_string, self.max_query_fields
        required = sum(1 << index for index, argument in enumerate(arguments) if argument.default is MISSING)

        def stage(found: list[Any], head: Any, values: tuple[str, ...], body: Any, request: Any) -> None:
            given = 0  # a bit for each argument; what is not given has its default
            for key, text in parse_query(raw_of(head), limit):
                slot = slots.get(key)
                if slot is not None:
                    place, bit, convert = slot
                    if given & bit:
                        raise ValueError(ONCE)
                    given |= bit
                    found[place] = convert(text)
            if given & required != required:
                raise ValueError(REQUIRED)

        return stage

    def _whole_query_stage(self, arguments: list[Argument]) -> Stage:
        def stage(found: list[Any], head: Any, values: tuple[str, ...], body: Any, request: Any) -> None:
            fields = grouped(parse_query(self.reader.query_string(head), self.max_query_fields))
            for argument in arguments:
                found[self._place(argument)] = self._query_value(argument, fields)

        return stage

    def _head_record_stage(self, arguments: list[Argument]) -> Stage:
        slots = [(self._place(one), head_record(one, self.converters[one.name], self.reader)) for one in arguments]

        def stage(found: list[Any], head: Any, values: tuple[str, ...], body: Any, request: Any) -> None:
            for place, take in slots:
                found[place] = take(head)

        return stage

    def _header_stage(self, arguments: list[Argument]) -> Stage:
        if arguments[0].whole:
            return self._head_record_stage(arguments)
        slots = [
            (
                self._place(argument),
                self.reader.header(argument.alias),
                self._listed(argument) if argument.many else self.converters[argument.name],
                absence(argument.default),
            )
            for argument in arguments
        ]

        def stage(found: list[Any], head: Any, values: tuple[str, ...], body: Any, request: Any) -> None:
            for place, get, convert, absent in slots:
                value = get(head)
                found[place] = absent() if value is None else value if convert is str else convert(value)

        return stage

    def _cookie_stage(self, arguments: list[Argument]) -> Stage:
        if arguments[0].whole:
            return self._head_record_stage(arguments)
        get = self.reader.header("cookie")
        slots = [
            (
                self._place(argument),
                cookie_finder(argument.alias),
                self.converters[argument.name],
                absence(argument.default),
            )
            for argument in arguments
        ]

        def stage(found: list[Any], head: Any, values: tuple[str, ...], body: Any, request: Any) -> None:
            header = get(head)
            for place, find, convert, absent in slots:
                value = find(header)
                found[place] = absent() if value is None else value if convert is str else convert(value)

        return stage

    def _object_stage(self, source: Source, arguments: list[Argument]) -> Stage:
        if source is Source.BODY:
            return self._body_stage(arguments[0])
        places = [self._place(argument) for argument in arguments]

        def stage(found: list[Any], head: Any, values: tuple[str, ...], body: Any, request: Any) -> None:
            for place in places:
                found[place] = body if source is Source.STREAM else request.state if source is Source.STATE else request

        return stage

    def _body_stage(self, argument: Argument) -> Stage:
        decode, place = self.decoder, self._place(argument)
        if decode is None:
            return _raw_stage(argument, place)
        content_type = self.reader.header("content-type")
        content_encoding = self.reader.header("content-encoding")
        is_optional, absent = argument.default is not MISSING, absence(argument.default)

        def stage(found: list[Any], head: Any, values: tuple[str, ...], body: Any, request: Any) -> None:
            if is_optional and not body:
                found[place] = absent()
            else:
                found[place] = decode(body, content_type(head), content_encoding(head))

        return stage

    def _form_stage(self, arguments: list[Argument]) -> Stage:
        slots = [(self._place(argument), self.converters[argument.name]) for argument in arguments]

        def stage(found: list[Any], head: Any, values: tuple[str, ...], body: Any, request: Any) -> None:
            for place, take in slots:
                found[place] = take(body)

        return stage

    # -- one argument --------------------------------------------------------------------------------------------------

    def _place(self, argument: Argument) -> int:
        return self.places[argument.name]

    def _converter(self, argument: Argument) -> Callable[[Any], Any]:
        """Return what makes the value: from its text, from all texts of a repeated key, from the grouped fields."""
        try:
            if argument.source is Source.FORM:
                return form_argument(argument)
            if argument.whole:
                return record_reader(argument)
            if argument.many:
                return collection_reader(argument.type, argument.source.value, argument.alias)
            return converter(without_unset(argument.type))
        except (ConfigurationError, TypeError) as error:
            raise self._refuse(argument, str(error)) from None

    def _listed(self, argument: Argument) -> Callable[[str], Any]:
        read = self.converters[argument.name]
        name = argument.alias
        return lambda value: read(Headers([(name, value)]).get_all(name))

    def _decoder(self) -> Callable[..., Any] | None:
        body = self.plan.body
        if body is None or body.source is Source.STREAM or present(body.type) == [bytes]:
            return None
        try:
            decoder = body_decoder(body.type, codecs=self.plan.reads)
        except (ConfigurationError, TypeError, NameError, AttributeError) as error:
            raise self._refuse(body, f"msgspec cannot decode it: {error}") from None
        unknown = unknown_class(body.type)
        # A codec of the app's own may know it.
        if unknown is not None and not set(CODECS).isdisjoint(self.plan.reads):
            raise self._refuse(
                body,
                f"msgspec cannot decode it: it does not know the class {getattr(unknown, '__qualname__', unknown)}",
                "mark it with Form[...]"
                if unknown is UploadFile
                else "make it a msgspec.Struct or a dataclass, or take bytes or a BodyStream",
            )
        return decoder

    def _refuse(self, argument: Argument, why: str, fix: str | None = None) -> ConfigurationError:
        return ConfigurationError(
            f"{self.plan.describe()}: {argument.source.value} parameter {argument.name!r}: {why}. "
            f"Fix: {fix or _fix(argument)}"
        )

    def _query_value(self, argument: Argument, fields: Mapping[str, list[str]]) -> Any:
        """Return one argument from the grouped query fields, or raise ValueError or RequestInvalid."""
        convert = self.converters[argument.name]
        if isinstance(convert, RecordReader):
            is_absent = argument.default is not MISSING and convert.is_absent(fields)
            return absence(argument.default)() if is_absent else convert(fields)
        texts = fields.get(argument.alias)
        if texts is None:
            return absence(argument.default)()
        if argument.many:
            return convert(texts)
        if len(texts) > 1:
            raise ValueError(ONCE)
        return convert(texts[0])

    # -- the slow path -------------------------------------------------------------------------------------------------

    def explain(self, first: Exception, head: Any, values: tuple[str, ...], body: Any, request: Any) -> Exception:
        """Return the answer to a request whose arguments do not convert: a 404, a 400 or a 422 with all errors."""
        # A path that does not convert names no resource, so what else is wrong with the request does not matter.
        try:
            self._path_stage([argument for argument in self.plan.arguments if argument.source is Source.PATH])(
                [None] * len(self.places), head, values, body, request
            )
        except ValueError:
            return HTTPError(404)
        if isinstance(first, HTTPError) and not isinstance(first, RequestInvalid):
            return first
        errors: list[FieldError] = []
        for argument in self.plan.arguments:
            try:
                if argument.source is Source.BODY and _is_of_body(first):
                    raise first  # to decode it again would find the same
                self._one(argument, head, values, body)
            except RequestInvalid as invalid:
                errors += invalid.errors
            except HTTPError as error:
                return error
            except ValueError as error:
                errors.append(FieldError(argument.source.value, argument.alias, str(error)))
        return RequestInvalid(errors[:MAX_ERRORS]) if errors else first

    def _one(self, argument: Argument, head: Any, values: tuple[str, ...], body: Any) -> None:
        if argument.source is Source.QUERY:
            fields = grouped(parse_query(self.reader.query_string(head), self.max_query_fields))
            self._query_value(argument, fields)
        elif argument.source is Source.FORM:
            self.converters[argument.name](body)
        elif argument.source in (Source.HEADER, Source.COOKIE, Source.BODY):
            stage = {Source.HEADER: self._header_stage, Source.COOKIE: self._cookie_stage}.get(argument.source)
            put = self._body_stage(argument) if stage is None else stage([argument])
            put([None] * len(self.places), head, values, body, None)


def _fix(argument: Argument) -> str:
    if argument.source is Source.BODY:
        return "take types that msgspec knows, bytes for the undecoded body, or a BodyStream"
    if argument.source is Source.QUERY and argument.marker is None:
        if unknown_class(argument.type) is not None:
            return "take a type that a text becomes, or make it a msgspec.Struct or a dataclass if it is the body"
        return "take a type that a text becomes, or mark it with Body[...] if it is the body"
    return "take a type that a text becomes, such as str, int or an Enum"


def _is_of_body(error: Exception) -> bool:
    return isinstance(error, RequestInvalid) and error.errors[0].source == Source.BODY.value


def _raw_stage(argument: Argument, place: int) -> Stage:
    """Return what takes the body undecoded, whatever its media type."""
    kind = argument.type
    is_checked = kind is not bytes
    is_optional, absent = argument.default is not MISSING, absence(argument.default)

    def stage(found: list[Any], head: Any, values: tuple[str, ...], body: Any, request: Any) -> None:
        if is_optional and not body:
            found[place] = absent()
            return
        errors = collect_errors(kind, body) if is_checked else []
        if errors:
            raise RequestInvalid(errors)
        found[place] = body

    return stage


def _is_plain(argument: Argument) -> bool:
    """Tell whether an argument takes one text, and a default that all requests may share."""
    return not argument.many and not argument.whole and is_shareable(argument.default)
