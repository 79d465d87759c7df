"""The decorators that declare routes, and the group of routes.

Law: every registration ends in `_add(route)`. A `Router` only collects; `App.include` puts its routes below a prefix, and
from then on the router is closed, because a route added later would silently be missing.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from hinge.errors import ConfigurationError
from hinge.location import caller
from hinge.middleware.layer import Layer, layer_of
from hinge.routing.route import Route, make_route
from hinge.routing.template import PathTemplate

Handler = TypeVar("Handler", bound=Callable[..., Any])
Decorator = Callable[[Handler], Handler]


class Registrar:
    """What `App` and `Router` share: a decorator for each HTTP method, and one for WebSockets."""

    prefix = ""
    """What each path is below; with a prefix, the path `""` is the prefix itself."""

    @abstractmethod
    def _add(self, route: Route) -> None:
        """Take a route, or refuse it."""

    def _below(self, path: str) -> str:
        return self.prefix + path if path.startswith("/") or not path else path

    def route(
        self,
        path: str,
        *,
        methods: Iterable[str],
        name: str | None = None,
        status: int | None = None,
        inline: bool = False,
        middleware: Iterable[Callable[..., Any]] = (),
        tags: Iterable[str] = (),
        summary: str | None = None,
        description: str | None = None,
        deprecated: bool = False,
        include_in_schema: bool = True,
        responses: Mapping[int, Any] | None = None,
        max_body_size: int | None = None,
    ) -> Decorator[Handler]:
        """Register the decorated handler for several methods.

        `status` is that of plain results (200, or 204 for None, by default). `inline` promises that the handler never
        waits: it is then called on the event loop, or driven without one. `max_body_size` is in bytes.

        Raises:
            ConfigurationError: the declaration is wrong or ambiguous.

        """
        wanted = frozenset([methods] if isinstance(methods, str) else methods)

        def register(handler: Handler) -> Handler:
            if not wanted:
                raise ConfigurationError(f"route {path!r} ({caller()}): it has no methods")
            self._add(
                make_route(
                    self._below(path),
                    wanted,
                    handler,
                    name=name,
                    status=status,
                    inline=inline,
                    layers=tuple(layer_of(one) for one in middleware),
                    tags=tuple(tags),
                    summary=summary,
                    description=description,
                    deprecated=deprecated,
                    include_in_schema=include_in_schema,
                    responses=responses,
                    max_body_size=max_body_size,
                )
            )
            return handler

        return register

    def get(self, path: str, **options: Any) -> Decorator[Handler]:
        """Register the decorated handler for GET, and with it HEAD. Options are those of `route`."""
        return self.route(path, methods=("GET",), **options)

    def post(self, path: str, **options: Any) -> Decorator[Handler]:
        """Register the decorated handler for POST. Options are those of `route`."""
        return self.route(path, methods=("POST",), **options)

    def put(self, path: str, **options: Any) -> Decorator[Handler]:
        """Register the decorated handler for PUT. Options are those of `route`."""
        return self.route(path, methods=("PUT",), **options)

    def patch(self, path: str, **options: Any) -> Decorator[Handler]:
        """Register the decorated handler for PATCH. Options are those of `route`."""
        return self.route(path, methods=("PATCH",), **options)

    def delete(self, path: str, **options: Any) -> Decorator[Handler]:
        """Register the decorated handler for DELETE. Options are those of `route`."""
        return self.route(path, methods=("DELETE",), **options)

    def head(self, path: str, **options: Any) -> Decorator[Handler]:
        """Register the decorated handler for HEAD alone, in place of the one that comes with GET."""
        return self.route(path, methods=("HEAD",), **options)

    def options(self, path: str, **options: Any) -> Decorator[Handler]:
        """Register the decorated handler for OPTIONS, in place of the automatic one."""
        return self.route(path, methods=("OPTIONS",), **options)

    def websocket(
        self,
        path: str,
        *,
        name: str | None = None,
        middleware: Iterable[Callable[..., Any]] = (),
        tags: Iterable[str] = (),
        summary: str | None = None,
        description: str | None = None,
        deprecated: bool = False,
    ) -> Decorator[Handler]:
        """Register the decorated `async def` handler for WebSocket connections.

        Raises:
            ConfigurationError: the declaration is wrong or ambiguous.

        """

        def register(handler: Handler) -> Handler:
            self._add(
                make_route(
                    self._below(path),
                    frozenset(),
                    handler,
                    name=name,
                    layers=tuple(layer_of(one) for one in middleware),
                    tags=tuple(tags),
                    summary=summary,
                    description=description,
                    deprecated=deprecated,
                    websocket=True,
                )
            )
            return handler

        return register


class Router(Registrar):
    """A group of routes with a common prefix, tags and middleware, to be included in an App or another Router."""

    def __init__(
        self, prefix: str = "", *, tags: Iterable[str] = (), middleware: Iterable[Callable[..., Any]] = ()
    ) -> None:
        self.prefix = check_prefix(prefix, "Router(prefix=...)")
        self.tags = tuple(tags)
        self._layers = [layer_of(one) for one in middleware]
        self._routes: list[Route] = []
        self._included: str | None = None

    def _add(self, route: Route) -> None:
        self._check_open(f"{route.describe()}: {route.template.text}")
        self._routes.append(route)

    def middleware(self, function: Handler | None = None, *, needs_body: bool = False) -> Any:
        """Put a middleware around every route of this group, those already registered included."""
        if function is None:
            return lambda later: self.middleware(later, needs_body=needs_body)
        layer = layer_of(function, needs_body=needs_body)
        self._check_open(f"middleware {layer.name} ({layer.location})")
        self._layers.append(layer)
        return function

    def include(self, router: "Router", prefix: str = "") -> None:
        """Take over the routes of another router below `prefix`."""
        for route in router.close(self.prefix + check_prefix(prefix, "include(prefix=...)")):
            self._add(route)

    def close(self, prefix: str) -> list[Route]:
        """Return the routes below a further prefix, and refuse every later registration.

        Raises:
            ConfigurationError: it was included before.

        """
        self._check_open(f"the Router with prefix {self.prefix!r}")
        self._included = caller()
        layers: tuple[Layer, ...] = tuple(self._layers)
        return [route.under(prefix, layers, self.tags) for route in self._routes]

    def _check_open(self, what: str) -> None:
        if self._included is not None:
            raise ConfigurationError(
                f"{what} comes too late: its router was included at {self._included}. "
                "Fix: include the router last, once"
            )


def check_prefix(prefix: str, where: str) -> str:
    """Return a prefix that is empty, or begins with a slash and does not end with one.

    Raises:
        ConfigurationError: it is neither.

    """
    if prefix == "":
        return prefix
    if not prefix.startswith("/") or prefix.endswith("/"):
        raise ConfigurationError(f"{where} ({caller()}): {prefix!r} must begin with '/' and not end with it")
    PathTemplate.parse(prefix)
    return prefix
