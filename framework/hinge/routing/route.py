"""A route: what one decorator call declared.

Law: frozen data. Whatever can be judged without the handler's annotations is judged when it is made.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypedDict

import msgspec
from msgspec.structs import replace

from hinge.binding.documented import Documented, Responses
from hinge.binding.params import Dependency
from hinge.diagnostics.location import caller, locate, qualified_name
from hinge.diagnostics.misuse import instead
from hinge.errors import ConfigurationError
from hinge.http.tokens import is_token
from hinge.middleware.layer import Layer, MiddlewareFunction, layer_of
from hinge.routing.template import PathTemplate


class WebSocketOptions(TypedDict, total=False):
    """What `websocket` takes beside the path."""

    name: str | None
    """The name for `url_for`; by default that of the handler."""
    middleware: Iterable[MiddlewareFunction]
    """Middleware around this route alone, the first one outermost."""
    dependencies: Iterable[Any]
    """What runs before the handler without giving it anything: `[Depends(check)]`."""
    without: Iterable[Callable[..., Any]]
    """Providers among the `dependencies` of the app and the routers around it that this route goes without."""
    tags: Iterable[str]
    summary: str | None
    description: str | None
    deprecated: bool


class RouteOptions(WebSocketOptions, total=False):
    """What `get`, `post`, `route` and their like take beside the path."""

    status: int | None
    """The status of plain results, 200..599; by default 200, or 204 for None."""
    inline: bool
    """A promise that the handler never waits: it is then called on the event loop, or driven without one."""
    loop: Literal["process", "thread"]
    """Where a WSGI server runs a coroutine: on the process's one event loop, or on one that each thread keeps."""
    include_in_schema: bool
    responses: Responses | None
    """Further responses for the OpenAPI document by status: a text, a type, or an OpenAPI response object."""
    security: Iterable[Mapping[str, Any]] | None
    """Security requirements for the OpenAPI document in place of the app's; an empty list: none."""
    max_body_size: int | None
    """The largest request body in bytes; by default that of the configuration."""
    csrf: bool
    """Whether the middleware `CSRF` looks at its requests; False: pages of other sites may send them."""


_KNOWN = RouteOptions.__annotations__.keys()
_KNOWN_WEBSOCKET = WebSocketOptions.__annotations__.keys()


class Route(msgspec.Struct, frozen=True, eq=False):
    """One handler at one path template. A route is equal to itself alone.

    `methods` is empty for a WebSocket route, and for a mounted application, which answers all of them.
    """

    template: PathTemplate
    methods: frozenset[str]
    handler: Callable[..., Any]
    name: str
    location: str
    status: int | None = None
    inline: bool = False
    loop: Literal["process", "thread"] = "process"
    layers: tuple[Layer, ...] = ()
    tags: tuple[str, ...] = ()
    summary: str | None = None
    description: str | None = None
    deprecated: bool = False
    include_in_schema: bool = True
    responses: Responses | None = None
    security: Iterable[Mapping[str, Any]] | None = None
    max_body_size: int | None = None
    csrf: bool = True
    websocket: bool = False
    declared: "Route | None" = None
    """The route as its decorator made it, where this is one of the places that its router was included at."""
    dependencies: tuple[Dependency, ...] = ()
    without: tuple[Callable[..., Any], ...] = ()
    documented: tuple[Documented, ...] = ()
    """The `responses` of the app and the routers around it, outermost first."""
    interface: str | None = None
    """The protocol, "wsgi" or "asgi", of a mounted application of another framework, which answers all methods."""
    probe: Callable[[Any, Any], Callable[..., Any]] | None = None
    """What makes the handler of a probe, of the app's `Graphs` and `Notes`; dependencies of apps do not guard it."""
    says_schema: bool = False
    """Whether `include_in_schema` was said, at the route or by a router around it: a further one does not change it."""

    @property
    def path(self) -> str:
        """The path template, with the prefixes of the routers and mounts around: what to group requests by."""
        return self.template.text

    path_format = path
    """The same under the name that OpenTelemetry's ASGI middleware asks for."""

    def under(
        self,
        prefix: str,
        layers: tuple[Layer, ...],
        tags: tuple[str, ...],
        dependencies: tuple[Dependency, ...] = (),
        documented: tuple[Documented, ...] = (),
        *,
        include_in_schema: bool | None = None,
    ) -> "Route":
        """Return the route as part of a group: below its prefix, inside its layers, with all else that the group has.

        Raises:
            ConfigurationError: the whole is no path template.
        """
        template = _parse(prefix + self.template.text, self.describe()) if prefix else self.template
        is_said = self.says_schema or include_in_schema is None
        return replace(
            self,
            template=template,
            layers=layers + self.layers,
            tags=tags + self.tags,
            dependencies=dependencies + self.dependencies,
            documented=documented + self.documented,
            declared=self.declared or self,
            include_in_schema=self.include_in_schema if is_said else include_in_schema,
            says_schema=self.says_schema or include_in_schema is not None,
        )

    def inside(self, documented: tuple[Documented, ...]) -> "Route":
        """Return the route of an app with these `responses`."""
        return replace(self, documented=documented + self.documented) if documented else self

    def named(self, outer: str | None) -> "Route":
        """Return the route as `outer:name`, what `url_for` calls it from outside a group; itself without `outer`."""
        return self if outer is None else replace(self, name=f"{outer}:{self.name}")

    def describe(self) -> str:
        """Return `handler module.name (file:line)`, the start of every message about it."""
        return f"handler {qualified_name(self.handler)} ({self.location})"


def make_route(
    path: str,
    methods: Iterable[str],
    handler: Callable[..., Any],
    options: Mapping[str, Any],
    *,
    websocket: bool = False,
    location: str = "",
) -> Route:
    """Return the route of a decorator call; `location` is where it was declared, by default that of the handler.

    Raises:
        ConfigurationError: the path, a method, an option or the handler is not one.
    """
    location = location or locate(handler)
    if location.startswith("unknown"):
        location = caller()
    who = f"handler {qualified_name(handler)} ({location})"
    if not callable(handler):
        raise ConfigurationError(f"{who} of {path!r}: {handler!r} cannot be called. Fix: decorate a function")
    template = _parse(path, who)
    _check_options(options, _KNOWN_WEBSOCKET if websocket else _KNOWN, who)
    given = dict(options)
    name = given.pop("name", None) or qualified_name(handler).rpartition(".")[2]
    given["says_schema"] = "include_in_schema" in given
    layers = tuple(as_layers(given.pop("middleware", ()), who))
    tags = as_tags(given.pop("tags", ()), who)
    given["dependencies"] = as_dependencies(given.pop("dependencies", ()), who)
    given["without"] = _as_functions(given.pop("without", ()), who)
    if given.get("security") is not None:
        given["security"] = as_described(given["security"], f"{who}: security={given['security']!r}")
    wanted = frozenset() if websocket else _methods(methods, who)
    return Route(template, wanted, handler, name, location, layers=layers, tags=tags, websocket=websocket, **given)


def as_layers(middleware: Iterable[MiddlewareFunction] | Any, who: str) -> list[Layer]:
    """Return the layers of several middleware.

    Raises:
        ConfigurationError: it is a single one, or one of them is none.
    """
    if not isinstance(middleware, Iterable):
        given = qualified_name(middleware) if callable(middleware) else repr(middleware)
        raise ConfigurationError(f"{who}: middleware={given} is a single one. Fix: make a list of it")
    return [layer_of(one) for one in middleware]


def as_dependencies(given: Iterable[Any] | Any, who: str) -> tuple[Dependency, ...]:
    """Return dependencies that are named in a list.

    Raises:
        ConfigurationError: it is no list, or one of them is none.
    """
    fix = "dependencies=[Depends(f)]"
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise ConfigurationError(f"{who}: dependencies={given!r} is no list. Fix: {fix}")
    found = tuple(given)
    for one in found:
        if not isinstance(one, Dependency):
            provider = getattr(one, "dependency", None)  # where other frameworks have it
            what = qualified_name(type(one)) if provider is not None else repr(one)
            what = qualified_name(one) if callable(one) else what
            line = fix if provider is None else "dependencies=[hinge.Depends(f)], from hinge import Depends"
            raise ConfigurationError(f"{who}: dependencies= holds {what}, which is no dependency. Fix: {line}")
        if one.provider is None:
            raise ConfigurationError(f"{who}: dependencies= holds a Depends() that names nothing. Fix: {fix}")
    return found


def _as_functions(given: Iterable[Any] | Any, who: str) -> tuple[Callable[..., Any], ...]:
    fix = "without=[f], with the function that Depends names"
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise ConfigurationError(f"{who}: without={given!r} is no list. Fix: {fix}")
    found = tuple(given)
    for one in found:
        if not callable(one):
            raise ConfigurationError(f"{who}: without= holds {one!r}, which is no function. Fix: {fix}")
    return found


def as_tags(tags: Iterable[str], who: str) -> tuple[str, ...]:
    """Return tags as a tuple.

    Raises:
        ConfigurationError: they are one text, whose letters would each be a tag, or none.
    """
    if isinstance(tags, str):
        raise ConfigurationError(f"{who}: tags={tags!r} is one text. Fix: tags=[{tags!r}]")
    found = tuple(tags) if isinstance(tags, Iterable) else (tags,)
    if not all(isinstance(tag, str) for tag in found):
        raise ConfigurationError(f"{who}: tags={tags!r} holds what is no text. Fix: tags=['name']")
    return found


def as_described(given: Any, who: str) -> list[dict[str, Any]]:
    """Return dicts that go into the OpenAPI document as they are, in plain data.

    Raises:
        ConfigurationError: they are none, or hold what JSON cannot say.
    """
    try:
        return msgspec.convert(msgspec.to_builtins([dict(one) for one in given], str_keys=True), list[dict[str, Any]])
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{who}: {error}. Fix: give dicts, as OpenAPI has them there") from None


def _parse(path: str, who: str) -> PathTemplate:
    try:
        return PathTemplate.parse(path)
    except ConfigurationError as error:
        raise ConfigurationError(f"{who}: {error}") from None


def _methods(methods: Any, who: str) -> frozenset[str]:
    if not isinstance(methods, Iterable):
        raise ConfigurationError(f"{who}: methods={methods!r} is no list. Fix: methods=['GET']")
    wanted = frozenset([methods] if isinstance(methods, str) else methods)
    if not wanted:
        raise ConfigurationError(f"{who}: it has no methods. Fix: methods=['GET']")
    for method in wanted:
        if not isinstance(method, str) or not is_token(method):
            raise ConfigurationError(
                f"{who}: {method!r} is not an HTTP method. Fix: name each one, as in ['GET', 'PUT']"
            )
        if method != method.upper():
            # Methods are case-sensitive (RFC 9110 section 9.1), and no client sends these.
            raise ConfigurationError(f"{who}: the method {method!r} is written {method.upper()!r}. Fix: so write it")
    return frozenset(map(str.upper, wanted))


def _check_options(options: Mapping[str, Any], known: Iterable[str], who: str) -> None:
    for option in options:
        if option not in known:
            if option == "methods":
                raise ConfigurationError(f"{who}: methods= is for app.route. Fix: @app.route(path, methods=[...])")
            raise ConfigurationError(
                f"{who}: there is no option {option!r}. Fix: {instead('a route', option, sorted(known))}"
            )
    status, limit, name = options.get("status"), options.get("max_body_size"), options.get("name")
    if status is not None and (isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599):
        raise ConfigurationError(f"{who}: status={status!r} is no status of a response. Fix: use one in 200..599")
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 0):
        raise ConfigurationError(f"{who}: max_body_size={limit!r} is no size. Fix: give a number of bytes")
    for option in ("inline", "csrf"):
        if not isinstance(options.get(option, False), bool):
            raise ConfigurationError(f"{who}: {option}={options[option]!r} is neither. Fix: True or False")
    loop = options.get("loop", "process")
    if loop not in ("process", "thread"):
        raise ConfigurationError(f"{who}: loop={loop!r} is neither. Fix: 'process' or 'thread'")
    if name is not None and not isinstance(name, str):
        raise ConfigurationError(f"{who}: name={name!r} is no name. Fix: give a text")
    _check_texts(options, who)


def _check_texts(options: Mapping[str, Any], who: str) -> None:
    """Refuse what the OpenAPI document could not say."""
    for option in ("summary", "description"):
        if not isinstance(options.get(option), str | None):
            raise ConfigurationError(f"{who}: {option}={options[option]!r} is no text. Fix: give one")
    for option in ("deprecated", "include_in_schema"):
        if not isinstance(options.get(option, False), bool):
            raise ConfigurationError(f"{who}: {option}={options[option]!r} is neither. Fix: True or False")
