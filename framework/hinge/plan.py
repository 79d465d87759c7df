"""A handler's signature as data: the intermediate representation that every backend executes.

Law: a plan is made once, at compile, from annotations alone; it is frozen; whatever cannot be planned is a
`ConfigurationError` that names the handler, its file and line, the parameter and the fix. At most one parameter is the
body, so the order of the others never matters and a backend knows before the call whether to read it.
"""

import dataclasses
import enum
import inspect
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

import msgspec

from hinge.body import BodyStream
from hinge.errors import ConfigurationError
from hinge.location import locate, qualified_name, unwrap
from hinge.params import BodyParam, CookieParam, HeaderParam, Param, PathParam, QueryParam
from hinge.record import item_type, members
from hinge.request import Connection, Request
from hinge.state import State
from hinge.websocket import WebSocket


class Colour(enum.Enum):
    """What calling the handler gives."""

    SYNC = "def"
    ASYNC = "async def"
    SYNC_GENERATOR = "def with yield"
    ASYNC_GENERATOR = "async def with yield"


class Source(enum.Enum):
    """Where an argument comes from. The values of the first four stand in error documents."""

    QUERY = "query"
    HEADER = "header"
    COOKIE = "cookie"
    BODY = "body"
    PATH = "path"
    REQUEST = "request"
    HEAD = "head"
    """A request of which only the head is in reach, so that its body is not read."""
    WEBSOCKET = "websocket"
    STREAM = "stream"
    STATE = "state"


class Missing(enum.Enum):
    """The absence of a default."""

    MISSING = "MISSING"


MISSING = Missing.MISSING


@dataclass(frozen=True, slots=True)
class Argument:
    """One parameter of a handler: its Python name, its name on the wire, its type and its default."""

    name: str
    source: Source
    alias: str
    type: Any
    default: Any = MISSING
    many: bool = False
    """Takes every value of a repeated key."""
    whole: bool = False
    """Takes the whole source (a record from the query string)."""
    keyword: bool = False
    marker: Param | None = None


@dataclass(frozen=True, slots=True)
class HandlerPlan:
    """Everything the core and a backend need to know of a handler."""

    handler: Callable[..., Any]
    name: str
    location: str
    colour: Colour
    inline: bool
    arguments: tuple[Argument, ...]
    returns: Any

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
    def streams_body(self) -> bool:
        """Whether the handler reads the body itself, through `BodyStream`."""
        return self._takes(Source.STREAM)

    @property
    def needs_request(self) -> bool:
        """Whether a `Request` object must exist for the call."""
        return self._takes(Source.REQUEST, Source.HEAD, Source.STATE)

    @property
    def reads_body(self) -> bool:
        """Whether the whole body must be read before the call: it is decoded, or `Request.body` is in reach."""
        return not self.streams_body and self._takes(Source.BODY, Source.REQUEST)

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
        return f"handler {self.name} ({self.location})"


_INJECTED: dict[Any, Source] = {
    Request: Source.REQUEST,
    Connection: Source.HEAD,
    WebSocket: Source.WEBSOCKET,
    BodyStream: Source.STREAM,
    State: Source.STATE,
}
_MARKED: dict[type[Param], Source] = {
    PathParam: Source.PATH,
    QueryParam: Source.QUERY,
    HeaderParam: Source.HEADER,
    CookieParam: Source.COOKIE,
    BodyParam: Source.BODY,
}


def plan_handler(
    handler: Callable[..., Any], path_names: Iterable[str], *, inline: bool = False, websocket: bool = False
) -> HandlerPlan:
    """Return the plan of a handler whose path template has the given parameter names.

    Raises:
        ConfigurationError: the signature cannot be planned.

    """
    names = frozenset(path_names)
    who = f"handler {qualified_name(handler)} ({locate(handler)})"
    signature, hints = _signature(handler, who)
    arguments = tuple(
        _argument(parameter, hints.get(name, parameter.annotation), names, who)
        for name, parameter in signature.parameters.items()
    )
    plan = HandlerPlan(
        handler=handler,
        name=qualified_name(handler),
        location=locate(handler),
        colour=colour_of(handler),
        inline=inline,
        arguments=arguments,
        returns=hints.get("return", Any),
    )
    _check(plan, names, websocket=websocket)
    return plan


def colour_of(handler: Callable[..., Any]) -> Colour:
    """Return what calling the handler gives, decided by its code and never by trying."""
    while (partial_of := getattr(handler, "func", None)) is not None:
        handler = partial_of
    if not inspect.isroutine(handler) and not inspect.isclass(handler):
        handler = type(handler).__call__
    if inspect.iscoroutinefunction(handler):
        return Colour.ASYNC
    if inspect.isasyncgenfunction(handler):
        return Colour.ASYNC_GENERATOR
    if inspect.isgeneratorfunction(handler):
        return Colour.SYNC_GENERATOR
    return Colour.SYNC


def _signature(handler: Callable[..., Any], who: str) -> tuple[inspect.Signature, dict[str, Any]]:
    try:
        signature = inspect.signature(handler)
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"{who}: it has no readable signature. Fix: wrap it in a function") from error
    try:
        hints = typing.get_type_hints(unwrap(handler), include_extras=True)
    except NameError as error:
        raise ConfigurationError(
            f"{who}: the annotation {error.name!r} cannot be resolved. "
            f"Fix: import or define it at the level of the handler's module"
        ) from error
    except TypeError as error:
        raise ConfigurationError(f"{who}: an annotation is not a type: {error}") from error
    return signature, hints


def _argument(parameter: inspect.Parameter, annotation: Any, path_names: frozenset[str], who: str) -> Argument:
    name = parameter.name
    if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
        raise ConfigurationError(f"{who}: parameter *{name} has no source. Fix: name each parameter")
    keyword = parameter.kind is inspect.Parameter.KEYWORD_ONLY
    default = MISSING if parameter.default is inspect.Parameter.empty else parameter.default
    if annotation is inspect.Parameter.empty:
        annotation = str
    marker, kind = _split(annotation, name, who)
    plain = members(kind)[0]
    if marker is None and plain in _INJECTED:
        return Argument(name, _INJECTED[plain], name, plain, default, keyword=keyword)
    source = _source(name, marker, kind, path_names, who)
    alias = (marker.name if marker else None) or (name.replace("_", "-") if source is Source.HEADER else name)
    if source is Source.HEADER:
        alias = alias.lower()
    if default is MISSING and source is not Source.PATH and type(None) in members(kind):
        default = None
    whole = source is Source.QUERY and is_record(kind)
    many = source in (Source.QUERY, Source.HEADER) and not whole and item_type(kind) is not None
    return Argument(name, source, alias, kind, default, many=many, whole=whole, keyword=keyword, marker=marker)


def _source(name: str, marker: Param | None, kind: Any, path_names: frozenset[str], who: str) -> Source:
    if name in path_names or (isinstance(marker, PathParam) and marker.name in path_names):
        if marker is not None and not isinstance(marker, PathParam):
            raise ConfigurationError(
                f"{who}: parameter {name!r} is in the path template and marked {type(marker).__name__}. "
                f"Fix: rename one of the two"
            )
        return Source.PATH
    if marker is not None:
        if isinstance(marker, PathParam):
            raise ConfigurationError(
                f"{who}: path parameter {marker.name or name!r} is not in the template. Fix: add {{{name}}} to the path"
            )
        return _MARKED[type(marker)]
    return Source.BODY if is_record(kind) else Source.QUERY


def _split(annotation: Any, name: str, who: str) -> tuple[Param | None, Any]:
    """Take Hinge's marker out of an annotation and leave the type with its msgspec constraints."""
    if get_origin(annotation) is not Annotated:
        return None, annotation
    kind, *extras = get_args(annotation)
    for extra in extras:
        if isinstance(extra, type) and issubclass(extra, Param):
            raise ConfigurationError(f"{who}: parameter {name!r}: write {extra.__name__}(), an instance")
    markers = [extra for extra in extras if isinstance(extra, Param)]
    if len(markers) > 1:
        raise ConfigurationError(f"{who}: parameter {name!r} has two markers. Fix: keep one")
    rest = tuple(extra for extra in extras if not isinstance(extra, Param))
    return (markers[0] if markers else None), (Annotated[(kind, *rest)] if rest else kind)


def is_record(kind: Any) -> bool:
    """Tell whether a type is a Struct, dataclass, TypedDict or attrs class, or a union of these (and None)."""
    present = [member for member in members(kind) if member is not type(None)]
    return bool(present) and all(_is_record_class(get_origin(member) or member) for member in present)


def _is_record_class(kind: Any) -> bool:
    return isinstance(kind, type) and (
        issubclass(kind, msgspec.Struct)
        or dataclasses.is_dataclass(kind)
        or typing.is_typeddict(kind)
        or hasattr(kind, "__attrs_attrs__")
    )


def _check(plan: HandlerPlan, path_names: frozenset[str], *, websocket: bool) -> None:
    who = plan.describe()
    taken = {argument.alias for argument in plan.arguments if argument.source is Source.PATH}
    unused = sorted(path_names - taken)
    if unused:
        raise ConfigurationError(f"{who}: the path has {{{unused[0]}}} but no parameter takes it. Fix: add it")
    bodies = [argument.name for argument in plan.arguments if argument.source in (Source.BODY, Source.STREAM)]
    if len(bodies) > 1:
        raise ConfigurationError(
            f"{who}: parameters {' and '.join(map(repr, bodies))} both take the body. "
            f"Fix: make one Struct of them, or mark one with Query, Header or Cookie"
        )
    if plan.inline and plan.streams_body:
        raise ConfigurationError(f"{who}: inline=True never waits, and a BodyStream is waited for. Fix: drop inline")
    if websocket:
        _check_websocket(plan, bodies)
    elif plan._takes(Source.WEBSOCKET):
        raise ConfigurationError(f"{who}: it takes a WebSocket on an HTTP route. Fix: register it with @app.websocket")


def _check_websocket(plan: HandlerPlan, bodies: list[str]) -> None:
    who = plan.describe()
    if plan.colour is not Colour.ASYNC:
        raise ConfigurationError(f"{who}: a WebSocket handler waits for messages. Fix: write it as async def")
    if bodies:
        raise ConfigurationError(
            f"{who}: parameter {bodies[0]!r}: a WebSocket has no body. Fix: receive it as a message"
        )
    if not plan._takes(Source.WEBSOCKET):
        raise ConfigurationError(f"{who}: it takes no WebSocket. Fix: add a parameter annotated WebSocket")
    if plan._takes(Source.REQUEST):
        raise ConfigurationError(f"{who}: a WebSocket handler has no Request. Fix: use the WebSocket's own attributes")
