"""Plan + HeadReader -> one closure that gathers the arguments, calls the handler and returns what it returns.

Law: it never awaits and never looks at a type at run time. Each argument is *taken* by a closure of its own, but for
those of the query, whose string is split once for all of them. The fast path stops at the first bad value; only then
does `explain` go over all arguments again, to list every error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hinge.binding.absence import REQUIRED, absence, is_shareable
from hinge.binding.head_records import head_record
from hinge.binding.plan import MISSING, Argument, HandlerPlan, Source
from hinge.binding.records import ONCE, RecordReader, grouped
from hinge.binding.value_readers import readers_of
from hinge.errors import FieldError, HTTPError, RequestInvalid
from hinge.http.cookies import cookie_finder
from hinge.http.headers import members_of
from hinge.http.query import parse_query
from hinge.responses.response import ResponseHeaders
from hinge.validation.checks import MAX_ERRORS

Bound = Callable[[Any, tuple[str, ...], Any, Any], Any]
"""`(head, path values, body, request) -> result or coroutine`."""
Take = Callable[[Any, tuple[str, ...], Any, Any], Any]
"""Return the value of one argument: `(head, path values, body, request)`."""
Fill = Callable[[list[Any], Any], None]
"""Put the query's values into the list of all arguments: `(arguments, head)`."""


def bind(plan: HandlerPlan, path_names: tuple[str, ...], reader: Any, *, max_query_fields: int) -> Bound:
    """Return the closure of a plan for heads that `reader` reads.

    Raises:
        ConfigurationError: a parameter's type cannot come from its source.
    """
    handler = plan.handler
    if not plan.arguments:
        return lambda head, values, body, request: handler()
    sources = _Sources(plan, path_names, reader, max_query_fields)
    query, takes = sources.query(), sources.takes()
    if query is None and not any(argument.keyword for argument in plan.arguments):
        if len(takes) == 1:
            return _one(handler, takes[0][1], sources.explain)
        if len(takes) == 2:
            return _two(handler, takes[0][1], takes[1][1], sources.explain)
        if len(takes) == 3:
            return _three(handler, takes[0][1], takes[1][1], takes[2][1], sources.explain)
        if len(takes) == 4:
            return _four(handler, [take for _, take in takes], sources.explain)
    return _several(plan, takes, query, sources.explain)


Explain = Callable[[Exception, Any, tuple[str, ...], Any, Any], Exception]


def _one(handler: Any, take: Take, explain: Explain) -> Bound:
    def call(head: Any, values: tuple[str, ...], body: Any, request: Any) -> Any:
        try:
            argument = take(head, values, body, request)
        except (ValueError, HTTPError) as error:
            raise explain(error, head, values, body, request) from None
        return handler(argument)

    return call


def _two(handler: Any, take_first: Take, take_second: Take, explain: Explain) -> Bound:
    def call(head: Any, values: tuple[str, ...], body: Any, request: Any) -> Any:
        try:
            first = take_first(head, values, body, request)
            second = take_second(head, values, body, request)
        except (ValueError, HTTPError) as error:
            raise explain(error, head, values, body, request) from None
        return handler(first, second)

    return call


def _three(handler: Any, take_first: Take, take_second: Take, take_third: Take, explain: Explain) -> Bound:
    def call(head: Any, values: tuple[str, ...], body: Any, request: Any) -> Any:
        try:
            first = take_first(head, values, body, request)
            second = take_second(head, values, body, request)
            third = take_third(head, values, body, request)
        except (ValueError, HTTPError) as error:
            raise explain(error, head, values, body, request) from None
        return handler(first, second, third)

    return call


def _four(handler: Any, takes: Sequence[Take], explain: Explain) -> Bound:
    take_first, take_second, take_third, take_fourth = takes

    def call(head: Any, values: tuple[str, ...], body: Any, request: Any) -> Any:
        try:
            first = take_first(head, values, body, request)
            second = take_second(head, values, body, request)
            third = take_third(head, values, body, request)
            fourth = take_fourth(head, values, body, request)
        except (ValueError, HTTPError) as error:
            raise explain(error, head, values, body, request) from None
        return handler(first, second, third, fourth)

    return call


def _several(plan: HandlerPlan, takes: list[tuple[int, Take]], query: Fill | None, explain: Explain) -> Bound:
    handler = plan.handler
    defaults = [argument.default for argument in plan.arguments]
    keywords = tuple(argument.name for argument in plan.arguments if argument.keyword)
    positional = len(defaults) - len(keywords)

    def call(head: Any, values: tuple[str, ...], body: Any, request: Any) -> Any:
        arguments = defaults.copy()
        try:
            if query is not None:
                query(arguments, head)
            for place, take in takes:
                arguments[place] = take(head, values, body, request)
        except (ValueError, HTTPError) as error:
            raise explain(error, head, values, body, request) from None
        if keywords:
            return handler(*arguments[:positional], **dict(zip(keywords, arguments[positional:], strict=True)))
        return handler(*arguments)

    return call


class _Sources:
    """Make what takes the arguments of one plan, and the slow path that explains a failure of any of them."""

    def __init__(self, plan: HandlerPlan, path_names: tuple[str, ...], reader: Any, max_query_fields: int) -> None:
        self.plan = plan
        self.path_names = path_names
        self.reader = reader
        self.max_query_fields = max_query_fields
        self.of_path: list[Take] = []
        self.of_credentials: list[Take] = []
        self.refusing: list[tuple[Argument, bool, Take | None]] = []
        """The arguments beside the path's that a client can fill badly: whether it is the body, and what takes it."""
        readers = readers_of(plan)
        self.converters, self.fills, self.decoder = readers.converters, readers.fills, readers.decoder

    def takes(self) -> list[tuple[int, Take]]:
        """Return what takes each argument, but for those of the query, with its place."""
        arguments = self.plan.arguments
        taken = {one.name: self._take(one) for one in arguments if one.source is not Source.QUERY}
        self.of_path = [taken[one.name] for one in arguments if one.source is Source.PATH]
        self.of_credentials = [taken[one.name] for one in arguments if one.source is Source.CREDENTIAL]
        self.refusing = [
            (one, one.source is Source.BODY, taken.get(one.name)) for one in arguments if one.source in _REFUSING
        ]
        return [(place, taken[one.name]) for place, one in enumerate(arguments) if one.name in taken]

    def _take(self, argument: Argument) -> Take:
        makers: dict[Source, Callable[[Argument], Take]] = {
            Source.PATH: self._from_path,
            Source.HEADER: self._from_header,
            Source.COOKIE: self._from_cookie,
            Source.FORM: self._from_form,
            Source.BODY: self._from_body,
            Source.SESSION: self._session,
            Source.CREDENTIAL: self._from_credential,
            Source.SCOPES: _fixed,
        }
        if argument.source in makers:
            return makers[argument.source](argument)
        return _OBJECTS.get(argument.source, lambda head, values, body, request: request)

    # -- the query, split once for all of its arguments ----------------------------------------------------------------

    def query(self) -> Fill | None:
        """Return what fills in the arguments of the query; None: there are none."""
        arguments = [(place, one) for place, one in enumerate(self.plan.arguments) if one.source is Source.QUERY]
        if not arguments:
            return None
        if not all(not (one.many or one.whole) and is_shareable(one.default) for _, one in arguments):
            return self._whole_query(arguments)
        slots = {
            argument.alias: (place, 1 << index, self.converters[argument.name], self.fills[argument.name] is None)
            for index, (place, argument) in enumerate(arguments)
        }
        if len(slots) < len(arguments):
            return self._whole_query(arguments)
        raw_of, limit = self.reader.query_string, self.max_query_fields
        required = sum(slots[argument.alias][1] for _, argument in arguments if argument.default is MISSING)

        def fill(found: list[Any], head: Any) -> None:
            given = 0  # a bit for each argument; what is not given has its default
            for key, text in parse_query(raw_of(head), limit):
                slot = slots.get(key)
                if slot is not None:
                    place, bit, convert, takes_empty = slot
                    if given & bit:
                        raise ValueError(ONCE)
                    given |= bit
                    if text or takes_empty:
                        found[place] = convert(text)
                    elif bit & required:
                        raise ValueError(REQUIRED)
            if given & required != required:
                raise ValueError(REQUIRED)

        return fill

    def _whole_query(self, arguments: list[tuple[int, Argument]]) -> Fill:
        def fill(found: list[Any], head: Any) -> None:
            fields = grouped(parse_query(self.reader.query_string(head), self.max_query_fields))
            for place, argument in arguments:
                found[place] = self._query_value(argument, fields)

        return fill

    # -- the other sources ---------------------------------------------------------------------------------------------

    def _from_path(self, argument: Argument) -> Take:
        index, convert = self.path_names.index(argument.alias), self.converters[argument.name]
        if convert is str:
            return lambda head, values, body, request: values[index]
        return lambda head, values, body, request: convert(values[index])

    def _from_header(self, argument: Argument) -> Take:
        if argument.whole:
            return self._from_record(argument)
        get, absent = self.reader.header(argument.alias), absence(argument.default)
        convert = self._listed(argument) if argument.many else self.converters[argument.name]

        def take(head: Any, values: tuple[str, ...], body: Any, request: Any) -> Any:
            value = get(head)
            return absent() if value is None else value if convert is str else convert(value)

        return take

    def _from_cookie(self, argument: Argument) -> Take:
        if argument.whole:
            return self._from_record(argument)
        get, find, absent = self.reader.header("cookie"), cookie_finder(argument.alias), absence(argument.default)
        convert = self.converters[argument.name]

        def take(head: Any, values: tuple[str, ...], body: Any, request: Any) -> Any:
            value = find(get(head))
            return absent() if value is None else value if convert is str else convert(value)

        return take

    def _from_credential(self, argument: Argument) -> Take:
        take: Take = argument.fixed.reading(self.reader, self.max_query_fields)
        return take

    def _from_record(self, argument: Argument) -> Take:
        take = head_record(argument, self.converters[argument.name], self.reader)
        return lambda head, values, body, request: take(head)

    def _from_form(self, argument: Argument) -> Take:
        take = self.converters[argument.name]
        return lambda head, values, body, request: take(body)

    def _session(self, argument: Argument) -> Take:
        kind = argument.type
        return lambda head, values, body, request: request._memo["session"].view(kind)

    def _from_body(self, argument: Argument) -> Take:
        decode = self.decoder
        if decode is None:
            return _undecoded(argument)
        content_type = self.reader.header("content-type")
        content_encoding = self.reader.header("content-encoding")
        is_optional, absent = argument.default is not MISSING, absence(argument.default)

        def take(head: Any, values: tuple[str, ...], body: Any, request: Any) -> Any:
            if is_optional and not body:
                return absent()
            return decode(body, content_type(head), content_encoding(head))

        return take

    # -- one argument --------------------------------------------------------------------------------------------------

    def _listed(self, argument: Argument) -> Callable[[str], Any]:
        read = self.converters[argument.name]
        name = argument.alias
        return lambda value: read(members_of(name, value))

    def _query_value(self, argument: Argument, fields: Mapping[str, list[str]]) -> Any:
        """Return one argument from the grouped query fields, or raise ValueError or RequestInvalid."""
        convert = self.converters[argument.name]
        if isinstance(convert, RecordReader):
            is_absent = argument.default is not MISSING and convert.is_absent(fields)
            return absence(argument.default)() if is_absent else convert(fields)
        texts, fill = fields.get(argument.alias), self.fills[argument.name]
        if fill is not None and texts is not None:
            texts = fill(texts)
        if texts is None:
            return absence(argument.default)()
        if argument.many:
            return convert(texts)
        if len(texts) > 1:
            raise ValueError(ONCE)
        return convert(texts[0])

    # -- the slow path -------------------------------------------------------------------------------------------------

    def explain(self, first: Exception, head: Any, values: tuple[str, ...], body: Any, request: Any) -> Exception:
        """Return the answer to a request whose arguments do not convert: 404, 401, 400, or a 422 with all errors."""
        # A path that does not convert names no resource, so what else is wrong with the request does not matter.
        try:
            for take in self.of_path:
                take(head, values, body, request)
        except ValueError:
            return HTTPError(404)
        try:
            for take in self.of_credentials:  # nor does it matter to whom nobody answers anything
                take(head, values, body, request)
        except HTTPError as error:
            return error
        if isinstance(first, HTTPError) and not isinstance(first, RequestInvalid):
            return first
        told = first.errors if isinstance(first, RequestInvalid) else ()
        of_body = told if told and told[0].source == _BODY else ()
        try:
            errors = self._all_errors(of_body, head, values, body)
        except HTTPError as error:
            return error
        if not errors or (type(first) is RequestInvalid and of_body and len(errors) == len(of_body) <= MAX_ERRORS):
            return first  # which tells them all
        return RequestInvalid(errors[:MAX_ERRORS])

    def _all_errors(
        self, of_body: tuple[FieldError, ...], head: Any, values: tuple[str, ...], body: Any
    ) -> list[FieldError]:
        """Return what is wrong with the arguments, in their order; `of_body` is what is known of the body already.

        Of a name that several dependencies take, the same is said once.
        """
        errors: list[FieldError] = []
        fields: dict[str, list[str]] | None = None  # the query, split once for all of its arguments
        for argument, is_body, take in self.refusing:
            try:
                if take is None:
                    if fields is None:
                        fields = grouped(parse_query(self.reader.query_string(head), self.max_query_fields))
                    self._query_value(argument, fields)
                elif is_body and of_body:
                    errors += of_body  # to decode it again would find the same
                else:
                    take(head, values, body, None)
            except RequestInvalid as invalid:
                errors += invalid.errors
            except ValueError as error:
                errors.append(FieldError(argument.source.value, argument.alias, str(error)))
        return [*dict.fromkeys(errors)]


_OBJECTS: dict[Source, Take] = {
    Source.STREAM: lambda head, values, body, request: body,
    Source.STATE: lambda head, values, body, request: request.state,
    Source.ANSWER: lambda head, values, body, request: ResponseHeaders(),
    Source.HELD: lambda head, values, body, request: request._held,
}
"""What is taken as it is; all others are the request in one of its forms."""

_BODY = Source.BODY.value
_REFUSING = (Source.QUERY, Source.HEADER, Source.COOKIE, Source.BODY, Source.FORM)
"""Sources beside the path that a client can fill badly; of the query, all arguments are taken at once."""


def _fixed(argument: Argument) -> Take:
    value = argument.fixed
    return lambda head, values, body, request: value


def _undecoded(argument: Argument) -> Take:
    """Return what takes the body as it came, whatever its media type."""
    from hinge.validation.errors import collect_errors  # noqa: PLC0415 - only routes with bodies pay for it

    kind = argument.type
    is_checked = kind is not bytes
    is_optional, absent = argument.default is not MISSING, absence(argument.default)

    def take(head: Any, values: tuple[str, ...], body: Any, request: Any) -> Any:
        if is_optional and not body:
            return absent()
        errors = collect_errors(kind, body) if is_checked else []
        if errors:
            raise RequestInvalid(errors)
        return body

    return take
