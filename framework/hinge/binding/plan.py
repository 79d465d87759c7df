"""A handler's signature as data: the intermediate representation that every backend executes.

Law: a plan is made once, at compile, from annotations alone; it is frozen; whatever cannot be planned is a
`ConfigurationError` that names the handler, its file and line, the parameter and the fix. At most one parameter is the
body, so the order of the others never matters and a backend knows before the call whether to read it.
"""

import enum
import inspect
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from hinge.binding.mistakes import refuse_slips
from hinge.binding.notes import Notes
from hinge.binding.params import (
    BodyParam,
    CookieParam,
    Dependency,
    FormParam,
    HeaderParam,
    Param,
    PathParam,
    QueryParam,
    split,
)
from hinge.diagnostics.location import locate, qualified_name
from hinge.errors import ConfigurationError
from hinge.forms.kinds import is_of_files
from hinge.http.tokens import is_token
from hinge.inspection.annotations import absent, class_of, is_record, item_type, present
from hinge.inspection.custom_types import NO_TYPES, Types
from hinge.inspection.models import is_model
from hinge.inspection.signature import Colour, colour_of, read_signature
from hinge.inspection.wrappers import awaited_type, may_wait, refuse_wrappers
from hinge.results.returns import Returns, check_returns
from hinge.validation.defaults import check_default

if TYPE_CHECKING:
    from hinge.codecs import Codec
    from hinge.dependencies.compose import Composed

__all__ = ["MISSING", "Argument", "Colour", "HandlerPlan", "Missing", "Source", "colour_of", "plan_handler"]


class Source(enum.Enum):
    """Where an argument comes from. The values of the first five stand in error documents."""

    QUERY = "query"
    HEADER = "header"
    COOKIE = "cookie"
    BODY = "body"
    FORM = "form"
    PATH = "path"
    REQUEST = "request"
    HEAD = "head"
    """A request of which only the head is in reach, so that its body is not read."""
    WEBSOCKET = "websocket"
    STREAM = "stream"
    STATE = "state"
    DEPENDENCY = "dependency"
    """What a provider gives; in the plan that is served, its arguments stand in place of it."""
    ANSWER = "answer"
    """Headers that go onto the answer, whoever sets them."""
    SESSION = "session"
    """The visitor's session, which a layer around the handler loads and keeps."""
    CREDENTIAL = "credential"
    """What a security scheme reads of the head."""
    SCOPES = "scopes"
    """What the route wants of whoever asks; fixed at compile."""
    HELD = "held"
    """What the guards of a route have given before its body was read."""


class Missing(enum.Enum):
    """The absence of a default."""

    MISSING = "MISSING"


MISSING = Missing.MISSING


class Argument(msgspec.Struct, frozen=True):
    """One parameter of a handler: its Python name, its name on the wire, its type and its default."""

    name: str
    source: Source
    alias: str
    type: Any
    default: Any = MISSING
    many: bool = False
    """Takes every value of a repeated key."""
    whole: bool = False
    """Takes the whole source (a record from the query string, a form, the headers or the cookies)."""
    keyword: bool = False
    marker: Param | None = None
    fixed: Any = None
    """What the compile knows of it: the `Credential` that reads it, or the value itself."""


class HandlerPlan(msgspec.Struct, frozen=True, dict=True):  # dict: what is asked for with each request is told once
    """Everything the core and a backend need to know of a handler."""

    handler: Callable[..., Any]
    name: str
    location: str
    colour: Colour
    inline: bool
    own_loop: bool
    """Whether the handler, a coroutine, shares nothing bound to a loop, so that any may run it."""
    arguments: tuple[Argument, ...]
    returns: Any
    """The return annotation, with the results of awaitables in their place."""
    returned: Returns
    """What that decides."""
    maybe_async: bool = False
    """Whether the handler is a plain function that may return an awaitable, whose result is then the handler's."""
    codecs: "tuple[Codec, ...] | None" = None
    """Those that the app names; None: the usual ones."""
    types: Types = NO_TYPES
    """The app's own."""
    offers: "tuple[Codec, ...]" = ()
    """What results are encoded as, by the request's Accept; empty: JSON, without a look at it."""
    what: str = "handler"
    """What it is the plan of, for messages."""
    composed: "Composed | None" = None
    """The dependencies that are called with the handler; None: it has none."""

    @property
    def reads(self) -> "tuple[Codec, ...]":
        """What the body is read as, by its Content-Type."""
        from hinge.codecs import CODECS, with_types  # noqa: PLC0415 - only routes with bodies pay for what reads them

        codecs = CODECS if self.codecs is None else self.codecs
        return codecs if self.body is None else with_types(codecs, self.types, self.body.type)

    @property
    def session(self) -> Argument | None:
        """The first argument that is the visitor's session, of the handler or of what it depends on."""
        return next((one for one in self.arguments if one.source is Source.SESSION), None)

    @property
    def needs_dependencies(self) -> bool:
        """Whether something is still to be composed with it."""
        return self._takes(Source.DEPENDENCY, Source.ANSWER, Source.SCOPES)

    def _takes(self, *sources: Source) -> bool:
        return any(argument.source in sources for argument in self.arguments)

    @property
    def body(self) -> Argument | None:
        """The one argument that takes the body, decoded, raw or as a stream."""
        for argument in self.arguments:
            if argument.source in (Source.BODY, Source.STREAM):
                return argument
        return None

    @property
    def decodes_body(self) -> bool:
        """Whether an argument is made of the body, and is not the body itself."""
        body = self.body
        return body is not None and body.source is Source.BODY and present(body.type) != [bytes]

    @cached_property
    def streams_body(self) -> bool:
        """Whether the handler reads the body itself, through `BodyStream`."""
        return self._takes(Source.STREAM)

    @cached_property
    def needs_request(self) -> bool:
        """Whether a `Request` object must exist for the call."""
        return self._takes(Source.REQUEST, Source.HEAD, Source.STATE)

    @cached_property
    def reads_body(self) -> bool:
        """Whether the whole body must be read before the call: it is decoded, or `Request.body` is in reach."""
        return not self.streams_body and not self.reads_form and self._takes(Source.BODY, Source.REQUEST)

    @cached_property
    def reads_form(self) -> bool:
        """Whether the body is a form, which is parsed as it arrives; the handler gets what is in it."""
        return self._takes(Source.FORM)

    @property
    def is_async(self) -> bool:
        """Whether calling the handler gives a coroutine."""
        return self.colour is Colour.ASYNC

    @property
    def is_generator(self) -> bool:
        """Whether calling the handler gives an iterator at once, its code not yet run."""
        return self.colour in (Colour.SYNC_GENERATOR, Colour.ASYNC_GENERATOR)

    def describe(self) -> str:
        """Return `handler module.name (file:line)`, the start of every message about it."""
        return f"{self.what} {self.name} ({self.location})"


_INJECTED: dict[str, Source] = {
    "hinge.request.Request": Source.REQUEST,
    "hinge.request.HTTPConnection": Source.HEAD,
    "hinge.websocket.WebSocket": Source.WEBSOCKET,
    "hinge.http.body.BodyStream": Source.STREAM,
    "hinge.forms.upload.FormData": Source.FORM,
    "hinge.state.State": Source.STATE,
    "hinge.responses.response.ResponseHeaders": Source.ANSWER,
    "hinge.sessions.session.Session": Source.SESSION,
    "hinge.security.scopes.SecurityScopes": Source.SCOPES,
}
"""By the name of the class: who annotates with one has loaded its module, and nobody else needs it."""
_MARKED: dict[type[Param], Source] = {
    PathParam: Source.PATH,
    QueryParam: Source.QUERY,
    HeaderParam: Source.HEADER,
    CookieParam: Source.COOKIE,
    BodyParam: Source.BODY,
    FormParam: Source.FORM,
}


def plan_handler(
    handler: Callable[..., Any],
    path_names: Iterable[str],
    *,
    inline: bool = False,
    own_loop: bool = False,
    websocket: bool = False,
    notes: Notes | None = None,
    has_dependencies: bool = False,
) -> HandlerPlan:
    """Return the plan of a handler whose path template has the given parameter names; `notes` are the app's.

    What it takes of dependencies (`Source.DEPENDENCY`, or `has_dependencies`) is filled in by
    `hinge.dependencies.compose`: they may take the rest of the path.

    Raises:
        ConfigurationError: the signature cannot be planned.
    """
    names, notes = frozenset(path_names), notes or Notes()
    name, location = qualified_name(handler), locate(handler)
    who = f"handler {name} ({location})"
    parameters, hints = read_signature(handler, who)
    arguments = arguments_of(parameters, hints, names, who, notes)
    refuse_wrappers(handler, who)
    colour, written = colour_of(handler), notes.obeyed(hints.get("return", Any), f"{who}: the return annotation")
    returns = awaited_type(written)
    plan = HandlerPlan(
        handler=handler,
        name=name,
        location=location,
        colour=colour,
        inline=inline,
        own_loop=own_loop,
        arguments=arguments,
        returns=returns,
        returned=check_returns(returns, who),
        maybe_async=colour is Colour.SYNC and (returns is not written or may_wait(handler)),
        types=notes.types,
    )
    if not (has_dependencies or plan.needs_dependencies):
        check_path(plan, names)
    check_plan(plan, websocket=websocket)
    return plan


def arguments_of(
    parameters: Iterable[inspect.Parameter], hints: dict[str, Any], path_names: frozenset[str], who: str, notes: Notes
) -> tuple[Argument, ...]:
    """Return the arguments that fill parameters whose resolved annotations are `hints`.

    Raises:
        ConfigurationError: one cannot be filled.
    """
    return tuple(
        _argument(parameter, hints.get(parameter.name, parameter.annotation), path_names, who, notes)
        for parameter in parameters
    )


def _argument(
    parameter: inspect.Parameter, annotation: Any, path_names: frozenset[str], who: str, notes: Notes
) -> Argument:
    name = parameter.name
    who = f"{who}: parameter {name!r}"
    keyword = parameter.kind is inspect.Parameter.KEYWORD_ONLY
    default = MISSING if parameter.default is inspect.Parameter.empty else parameter.default
    if isinstance(default, Dependency):
        return _provided(parameter, annotation, default, who, notes)
    known = notes.read.get(id(annotation))
    if known is None and (markers := split(annotation)[0]) and any(isinstance(one, Dependency) for one in markers):
        return _provided(parameter, annotation, None, who, notes)
    refuse_slips(parameter, annotation, who, in_path=name in path_names, is_known=known is not None)
    if known is None:
        known = notes.read[id(annotation)] = _read(annotation, who, name, notes)
    marker, kind, injected = known.marker, known.kind, known.injected
    if injected is not None:
        if name in path_names:
            raise ConfigurationError(
                f"{who} is in the path, and its type {injected.__name__} is injected. Fix: rename one of the two"
            )
        return Argument(name, _INJECTED[_full_name(class_of(injected))], name, injected, default, keyword=keyword)
    if default is not MISSING:
        check_default(name, default, kind, who)
    source = _source(name, known, path_names, who)
    alias = _alias(name, marker, source, who)
    if default is MISSING and source is not Source.PATH:
        default = known.absent
    whole = source in _FIELDS and known.is_record
    many = source in (Source.QUERY, Source.HEADER, Source.FORM) and not whole and known.has_items
    return Argument(name, source, alias, kind, default, many=many, whole=whole, keyword=keyword, marker=marker)


def _provided(
    parameter: inspect.Parameter, annotation: Any, default: Dependency | None, who: str, notes: Notes
) -> Argument:
    """Return the argument of a parameter that is marked with `Depends`, in its annotation or as its default."""
    name = parameter.name
    markers, kind = split(Any if annotation is parameter.empty else annotation)
    marker, *others = markers if default is None else [*markers, default]
    if others:
        raise ConfigurationError(f"{who} has two markers. Fix: keep one of {_marked(marker)} and {_marked(others[0])}")
    if default is None and parameter.default is not parameter.empty:
        raise ConfigurationError(
            f"{who} has a default, and its value always comes from its dependency. Fix: leave the default out"
        )
    notes.of_callback(kind, who, name, "handler")
    keyword = parameter.kind is parameter.KEYWORD_ONLY
    return Argument(name, Source.DEPENDENCY, name, kind, keyword=keyword, marker=marker)


def _marked(marker: Param) -> str:
    return "Depends(...)" if isinstance(marker, Dependency) else _class_name(marker)


class _Read(NamedTuple):
    """What an annotation says by itself, whichever parameter has it: many have the same one."""

    annotation: Any
    """By whose id it is found, which is nobody else's as long as it is kept here."""
    marker: Param | None
    kind: Any
    injected: Any | None
    is_record: bool
    is_model: bool
    has_files: bool
    has_items: bool
    absent: Any


def _read(annotation: Any, who: str, name: str, notes: Notes) -> _Read:
    marker, kind = _marker(str if annotation is inspect.Parameter.empty else annotation, who)
    kind = notes.obeyed(kind, who, name)
    return _Read(
        annotation,
        marker,
        kind,
        injected=None if marker else _injected(kind),
        is_record=is_record(kind),
        is_model=bool(found := present(kind)) and all(map(is_model, found)),
        has_files=is_of_files(kind),
        has_items=item_type(kind) is not None,
        absent=absent(kind, MISSING),
    )


_FIELDS = (Source.QUERY, Source.FORM, Source.HEADER, Source.COOKIE)


def _injected(kind: Any) -> Any | None:
    """Return the class among `_INJECTED` that an annotation (or one member of a union) names."""
    found = present(kind)
    return next((one for one in found if isinstance(of := class_of(one), type) and _full_name(of) in _INJECTED), None)


def _full_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _marker(annotation: Any, who: str) -> tuple[Param | None, Any]:
    """Take Hinge's marker out of an annotation and leave the type with its other notes."""
    markers, kind = split(annotation)
    if len(markers) > 1:
        raise ConfigurationError(f"{who} has two markers. Fix: keep one of {' and '.join(map(_marked, markers))}")
    return (markers[0] if markers else None), kind


def _class_name(marker: Any) -> str:
    return (marker if isinstance(marker, type) else type(marker)).__name__


def _source(name: str, known: _Read, path_names: frozenset[str], who: str) -> Source:
    marker = known.marker
    if isinstance(marker, PathParam):
        wanted = name if marker.name is None else marker.name
        if wanted not in path_names:
            raise ConfigurationError(f"{who} is the path parameter {wanted!r}. Fix: add {{{wanted}}} to the path")
        return Source.PATH
    if name in path_names:
        if marker is not None:
            raise ConfigurationError(
                f"{who} is in the path template and marked {_class_name(marker)}. Fix: rename one of the two"
            )
        return Source.PATH
    if marker is not None:
        for kind_of_marker, source in _MARKED.items():
            if isinstance(marker, kind_of_marker):
                return source
        raise ConfigurationError(f"{who} is marked {_class_name(marker)}, which has no source. Fix: QueryParam(), ...")
    if known.has_files:
        return Source.FORM
    return Source.BODY if known.is_record or known.is_model else Source.QUERY


def _alias(name: str, marker: Param | None, source: Source, who: str) -> str:
    """Return the name on the wire."""
    given: Any = marker.name if marker else None
    if given is not None and not isinstance(given, str):
        raise ConfigurationError(
            f"{who}: {_class_name(marker)}({given!r}) takes a name first, and {given!r} is none. "
            f"Fix: {_class_name(marker)}(), with a default behind the annotation: {name}: ... = {given!r}"
        )
    if given is None:
        alias = name.replace("_", "-").lower() if source is Source.HEADER else name
    else:
        alias = given.lower() if source is Source.HEADER else given
    if source is Source.HEADER:
        if "_" in alias:
            raise ConfigurationError(
                f"{who} is the header {alias!r}, and names with '_' never reach an app: WSGI cannot tell them from "
                f"those with '-'. Fix: HeaderParam(name={alias.replace('_', '-')!r})"
            )
        if not is_token(alias):
            raise ConfigurationError(
                f"{who}: {alias!r} is no header name. Fix: HeaderParam(name=...), an RFC 9110 token"
            )
    if source is Source.COOKIE and not is_token(alias):
        raise ConfigurationError(f"{who}: {alias!r} is no cookie name. Fix: CookieParam(name=...), an RFC 9110 token")
    if not alias:
        raise ConfigurationError(f"{who} has an empty name. Fix: leave name= out, or name it")
    return alias


def check_path(plan: HandlerPlan, path_names: Iterable[str]) -> None:
    """Find out whether everything in the path is taken, by the handler or by what it needs.

    Raises:
        ConfigurationError: a path parameter is not.
    """
    taken = {argument.alias for argument in plan.arguments if argument.source is Source.PATH}
    unused = sorted(set(path_names) - taken)
    if unused:
        raise ConfigurationError(
            f"{plan.describe()}: the path has {{{unused[0]}}} but no parameter takes it. "
            f"Fix: add a parameter {unused[0]!r}"
        )


def check_plan(plan: HandlerPlan, *, websocket: bool) -> None:
    """Find out whether the arguments fit together, and the handler what it is registered as.

    Raises:
        ConfigurationError: they do not.
    """
    who = plan.describe()
    bodies = [argument.name for argument in plan.arguments if argument.source in (Source.BODY, Source.STREAM)]
    bodies += [argument.name for argument in plan.arguments if argument.source is Source.FORM][:1]  # all of one
    if len(bodies) > 1:
        raise ConfigurationError(
            f"{who}: parameters {' and '.join(map(repr, bodies))} both take the body. "
            f"Fix: make one Struct of them, or mark one with Query, Header or Cookie"
        )
    if plan.inline and plan.streams_body:
        raise ConfigurationError(
            f"{who}: parameter {bodies[0]!r} waits for the body, and inline=True never waits. Fix: drop inline=True"
        )
    if plan.own_loop and (plan.colour is not Colour.ASYNC or plan.inline):
        what = "it never waits (inline=True)" if plan.inline else f"it is a {plan.colour.value}"
        raise ConfigurationError(f"{who}: loop='thread' is for coroutines that wait, and {what}. Fix: drop loop")
    sockets = [argument.name for argument in plan.arguments if argument.source is Source.WEBSOCKET]
    if websocket:
        _check_websocket(plan, bodies, sockets)
    elif sockets:
        raise ConfigurationError(
            f"{who}: parameter {sockets[0]!r} is a WebSocket, and the route is HTTP. "
            f"Fix: register it with @app.websocket"
        )


def _check_websocket(plan: HandlerPlan, bodies: list[str], sockets: list[str]) -> None:
    who = plan.describe()
    if plan.colour is not Colour.ASYNC:
        raise ConfigurationError(
            f"{who}: a WebSocket handler waits for messages. Fix: write it as async def, its decorators too"
        )
    if bodies:
        raise ConfigurationError(
            f"{who}: parameter {bodies[0]!r}: a WebSocket has no body. Fix: receive it as a message"
        )
    if not sockets:
        raise ConfigurationError(f"{who}: it takes no WebSocket. Fix: add a parameter annotated WebSocket")
    headers = [argument.name for argument in plan.arguments if argument.source is Source.ANSWER]
    if headers:
        raise ConfigurationError(
            f"{who}: parameter {headers[0]!r}: a WebSocket's handler says its headers itself. "
            f"Fix: ws.accept(headers=...)"
        )
    requests = [argument.name for argument in plan.arguments if argument.source is Source.REQUEST]
    if requests:
        raise ConfigurationError(
            f"{who}: parameter {requests[0]!r}: a WebSocket handler has no Request. Fix: use the WebSocket's attributes"
        )
