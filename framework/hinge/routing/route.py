"""A route: what one decorator call declared.

Law: frozen data. Whatever can be judged without the handler's annotations is judged when it is made.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hinge.errors import ConfigurationError
from hinge.location import locate, qualified_name
from hinge.middleware.layer import Layer
from hinge.routing.template import PathTemplate

_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


@dataclass(frozen=True, slots=True)
class Route:
    """One handler at one path template. `methods` is empty for a WebSocket route."""

    template: PathTemplate
    methods: frozenset[str]
    handler: Callable[..., Any]
    name: str
    location: str
    status: int | None = None
    inline: bool = False
    layers: tuple[Layer, ...] = ()
    tags: tuple[str, ...] = ()
    summary: str | None = None
    description: str | None = None
    deprecated: bool = False
    include_in_schema: bool = True
    responses: Mapping[int, Any] | None = None
    max_body_size: int | None = None
    websocket: bool = False

    def under(self, prefix: str, layers: tuple[Layer, ...], tags: tuple[str, ...]) -> "Route":
        """Return the route as part of a group: below its prefix, inside its layers, with its tags too."""
        template = PathTemplate.parse(prefix + self.template.text) if prefix else self.template
        return replace(self, template=template, layers=layers + self.layers, tags=tags + self.tags)

    def describe(self) -> str:
        """Return `handler module.name (file:line)`, the start of every message about it."""
        return f"handler {qualified_name(self.handler)} ({self.location})"


def make_route(
    path: str,
    methods: frozenset[str],
    handler: Callable[..., Any],
    *,
    name: str | None,
    **options: Any,
) -> Route:
    """Return the route of a decorator call.

    Raises:
        ConfigurationError: the path, a method, the status, the size limit or the handler is not one.

    """
    who = f"handler {qualified_name(handler)} ({locate(handler)})"
    if not callable(handler):
        raise ConfigurationError(f"route {path!r}: the handler is {handler!r}. Fix: decorate a function")
    try:
        template = PathTemplate.parse(path)
    except ConfigurationError as error:
        raise ConfigurationError(f"{who}: {error}") from None
    for method in methods:
        if not method or not _TOKEN.issuperset(method):
            raise ConfigurationError(f"{who}: {method!r} is not an HTTP method")
    status, limit = options.get("status"), options.get("max_body_size")
    if status is not None and (isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599):
        raise ConfigurationError(f"{who}: status={status!r} is not in 200..599")
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 0):
        raise ConfigurationError(f"{who}: max_body_size={limit!r} is not a number of bytes")
    return Route(
        template, methods, handler, name or qualified_name(handler).rpartition(".")[2], locate(handler), **options
    )
