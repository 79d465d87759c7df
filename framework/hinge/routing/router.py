"""The decorators that declare routes, and the group of routes.

Law: every registration ends in `_add(route)` or `_add_layer(layer)`. A `Router` only collects; an include puts its
routes below a prefix, as often as somebody does, in as many apps. From the first one on the router is closed, because a
route added later would silently be missing there.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, Unpack, overload

from hinge.binding.documented import Responses, as_documented
from hinge.diagnostics.kinds import FLAG, TEXT, want
from hinge.diagnostics.location import caller, qualified_name
from hinge.diagnostics.misuse import fits, no_attribute, refuse_attribute
from hinge.errors import ConfigurationError
from hinge.middleware.layer import Layer, MiddlewareFunction, layer_of
from hinge.routing.route import (
    Route,
    RouteOptions,
    WebSocketOptions,
    as_dependencies,
    as_layers,
    as_tags,
    make_route,
)
from hinge.routing.template import PathTemplate

if TYPE_CHECKING:
    from hinge.static import CacheControl

Handler = TypeVar("Handler", bound=Callable[..., Any])
AnyMiddleware = TypeVar("AnyMiddleware", bound=MiddlewareFunction)


class Decorator(Protocol):
    """Register a handler and return it as it is."""

    def __call__(self, handler: Handler, /) -> Handler:
        """Register."""
        ...


class MiddlewareDecorator(Protocol):
    """Register a middleware and return it as it is."""

    def __call__(self, middleware: AnyMiddleware, /) -> AnyMiddleware:
        """Register."""
        ...


class Registrar(ABC):
    """What `App` and `Router` share: a decorator for each HTTP method, one for WebSockets and one for middleware."""

    prefix = ""
    """What each path is below; with a prefix, the path `""` is the prefix itself."""

    @abstractmethod
    def _add(self, route: Route) -> None:
        """Take a route, or refuse it."""

    @abstractmethod
    def _add_layer(self, layer: Layer) -> None:
        """Take a middleware, or refuse it."""

    if not TYPE_CHECKING:  # which would then take any name for one

        def __getattr__(self, name: str) -> Any:
            if hasattr(type(self), name):  # a property failed: once more, for its own error
                return object.__getattribute__(self, name)
            raise no_attribute(self, name)

        def __setattr__(self, name: str, value: Any) -> None:
            if not name.startswith("_") and type(self).__module__.startswith("hinge.") and _is_made(self):
                refuse_attribute(self, name)
            object.__setattr__(self, name, value)

    def _below(self, path: Any) -> str:
        if not isinstance(path, str):
            if callable(path):  # a decorator without its parentheses
                who = f"handler {qualified_name(path)} ({caller()})"
                raise ConfigurationError(f"{who}: its route has no path. Fix: @app.get('/path'), with the path")
            raise ConfigurationError(f"a route ({caller()}): {path!r} is no path. Fix: @app.get('/path'), with a text")
        return self.prefix + path if path.startswith("/") or not path else path

    def _declare(
        self, path: str, methods: Iterable[str], options: Mapping[str, Any], *, websocket: bool = False
    ) -> Decorator:
        whole = self._below(path)
        wanted = methods if isinstance(methods, str) or not isinstance(methods, Iterable) else [*methods]

        def register(handler: Handler) -> Handler:
            self._add(make_route(whole, wanted, handler, options, websocket=websocket))
            return handler

        return register

    @fits
    def route(self, path: str, *, methods: Iterable[str], **options: Unpack[RouteOptions]) -> Decorator:
        """Register the decorated handler for several methods.

        Raises:
            ConfigurationError: the declaration is wrong or ambiguous.
        """
        return self._declare(path, methods, options)

    @fits
    def get(self, path: str, **options: Unpack[RouteOptions]) -> Decorator:
        """Register the decorated handler for GET, and with it HEAD. Options are those of `route`."""
        return self._declare(path, ("GET",), options)

    @fits
    def post(self, path: str, **options: Unpack[RouteOptions]) -> Decorator:
        """Register the decorated handler for POST. Options are those of `route`."""
        return self._declare(path, ("POST",), options)

    @fits
    def put(self, path: str, **options: Unpack[RouteOptions]) -> Decorator:
        """Register the decorated handler for PUT. Options are those of `route`."""
        return self._declare(path, ("PUT",), options)

    @fits
    def patch(self, path: str, **options: Unpack[RouteOptions]) -> Decorator:
        """Register the decorated handler for PATCH. Options are those of `route`."""
        return self._declare(path, ("PATCH",), options)

    @fits
    def delete(self, path: str, **options: Unpack[RouteOptions]) -> Decorator:
        """Register the decorated handler for DELETE. Options are those of `route`."""
        return self._declare(path, ("DELETE",), options)

    @fits
    def head(self, path: str, **options: Unpack[RouteOptions]) -> Decorator:
        """Register the decorated handler for HEAD alone, in place of the one that comes with GET."""
        return self._declare(path, ("HEAD",), options)

    @fits
    def options(self, path: str, **options: Unpack[RouteOptions]) -> Decorator:
        """Register the decorated handler for OPTIONS, in place of the automatic one."""
        return self._declare(path, ("OPTIONS",), options)

    @fits
    def websocket(self, path: str, **options: Unpack[WebSocketOptions]) -> Decorator:
        """Register the decorated `async def` handler for WebSocket connections.

        Raises:
            ConfigurationError: the declaration is wrong or ambiguous.
        """
        return self._declare(path, (), options, websocket=True)

    @fits
    def static(
        self,
        path: str,
        directory: str | os.PathLike[str],
        *,
        name: str = "static",
        index: str | None = "index.html",
        fallback: str | None = None,
        cache_control: "CacheControl" = None,
        precompressed: bool = True,
        dot_files: bool = False,
        follow_symlinks: bool = False,
        inline: bool = True,
        middleware: Iterable[MiddlewareFunction] = (),
        dependencies: Iterable[Any] = (),
        without: Iterable[Callable[..., Any]] = (),
    ) -> None:
        """Answer GET and HEAD below `path` with the files of a directory; `url_for(name, path="a/b.css")` names one.

        A folder is answered with its `index`, never with a listing. `fallback` is the file for addresses that a page
        makes up by itself: those that name no file and whose last segment has no dot. `cache_control` is the header's
        value, or values by pattern (`{"assets/*": "max-age=31536000, immutable"}`), the first that matches. With
        `precompressed`, `a.css.br`, `.zst` or `.gz` are sent for `a.css` to clients that accept them. `dot_files` are
        404 unless asked for, and so are symbolic links that lead out of the directory without `follow_symlinks`.

        Files are looked up on the event loop, as web servers do; `inline=False` uses threads, for network file systems.

        Raises:
            ConfigurationError: there is no such directory, or an option is none.
        """
        from hinge.static import StaticFiles  # noqa: PLC0415 - only apps that have some pay for it

        where = caller()
        want(f"{type(self).__name__}.static", TEXT, path=path)
        want(f"{type(self).__name__}.static", FLAG, precompressed=precompressed, dot_files=dot_files, inline=inline)
        want(f"{type(self).__name__}.static", FLAG, follow_symlinks=follow_symlinks)
        try:
            files = StaticFiles(
                directory,
                index=index,
                fallback=fallback,
                cache_control=cache_control,
                precompressed=precompressed,
                dot_files=dot_files,
                follow_symlinks=follow_symlinks,
            )
        except ConfigurationError as error:
            raise ConfigurationError(f"static files of {path!r} ({where}): {error}") from None
        options = {
            "name": name,
            "inline": inline,
            "middleware": middleware,
            "dependencies": dependencies,
            "without": without,
            "include_in_schema": False,
        }
        whole = self._below(path).rstrip("/") + "/{path:path}"
        self._add(make_route(whole, ("GET",), files, options, location=where))

    @overload
    def middleware(self, function: AnyMiddleware, /, *, needs_body: bool = False) -> AnyMiddleware: ...
    @overload
    def middleware(self, function: None = None, /, *, needs_body: bool = False) -> MiddlewareDecorator: ...
    @fits
    def middleware(self, function: Any = None, /, *, needs_body: bool = False) -> Any:
        """Put a middleware around every answer of the app, or every route of the group; the first one is the outermost.

        A decorator, or a call with an instance. `needs_body` has the body read before it. The routes already registered
        are included.

        Raises:
            ConfigurationError: it is not a generator function, an object whose call is one, or one with hooks.
        """
        want(f"{type(self).__name__}.middleware", FLAG, needs_body=needs_body)
        if function is None:
            return lambda later: self.middleware(later, needs_body=needs_body)
        self._add_layer(layer_of(function, needs_body=needs_body))
        return function


class Router(Registrar):
    """A group of routes to be included in an App or another Router.

    They have a prefix, tags, middleware, dependencies (`[Depends(check)]`) and `responses` of the document in common.
    `include_in_schema` is that of the routes that do not say it themselves; of several routers the nearest one counts.
    """

    @fits
    def __init__(
        self,
        prefix: str = "",
        *,
        tags: Iterable[str] = (),
        middleware: Iterable[MiddlewareFunction] = (),
        dependencies: Iterable[Any] = (),
        responses: Responses | None = None,
        include_in_schema: bool | None = None,
    ) -> None:
        if include_in_schema is not None:
            want("Router", FLAG, include_in_schema=include_in_schema)
        self._in_schema = include_in_schema
        self.prefix = check_prefix(prefix, "Router(prefix=...)")
        self.tags = as_tags(tags, f"Router(tags=...) ({caller()})")
        self._layers = as_layers(middleware, f"Router(middleware=...) ({caller()})")
        self._dependencies = as_dependencies(dependencies, f"Router(dependencies=...) ({caller()})")
        self._documented = as_documented(responses, f"Router(...) ({caller()})")
        self._routes: list[Route] = []
        self._included: str | None = None

    def _add(self, route: Route) -> None:
        self._check_open(f"{route.describe()}: {route.template.text}")
        self._routes.append(route)

    def _add_layer(self, layer: Layer) -> None:
        self._check_open(f"middleware {layer.name} ({layer.location})")
        self._layers.append(layer)

    @fits
    def include(self, router: "Router", prefix: str = "", *, name: str | None = None) -> None:
        """Take over the routes of another router below `prefix`, called `name:route` with a `name`.

        Raises:
            ConfigurationError: as `App.include`.
        """
        self._check_open(f"include() ({caller()})")
        for route in included(router, self.prefix, prefix, name, self._routes):
            self._add(route)

    def below(self, prefix: str) -> list[Route]:
        """Return the routes below a further prefix, and refuse every later registration."""
        layers: tuple[Layer, ...] = tuple(self._layers)
        routes = [
            route.under(
                prefix,
                layers,
                self.tags,
                self._dependencies,
                self._documented,
                include_in_schema=self._in_schema,
            )
            for route in self._routes
        ]
        self._included = self._included or caller()
        return routes

    def _check_open(self, what: str) -> None:
        if self._included is not None:
            raise ConfigurationError(
                f"{what} comes too late: its router was included at {self._included}. Fix: include the router last"
            )


def _is_made(registrar: Registrar) -> bool:
    return not vars(registrar).keys().isdisjoint(("_declared", "_routes"))


def included(router: Router, outer: str, prefix: str, name: str | None, present: Iterable[Route]) -> list[Route]:
    """Return the routes of a router that is included below `outer` and `prefix`; it is closed by it.

    Raises:
        ConfigurationError: it is no router, the prefix or the name is none, or a route of it is among those that are
            `present` already, under the same name at another path.
    """
    where = f"include() ({caller()})"
    if not isinstance(router, Router):
        raise ConfigurationError(f"{where}: {router!r} is no Router. Fix: pass a hinge.Router")
    if name is not None:
        check_name(name, where)
    known = {(id(route.declared), route.name): route for route in present}
    routes = [route.named(name) for route in router.below(outer + check_prefix(prefix, "include(prefix=...)"))]
    for route in routes:
        other = known.get((id(route.declared), route.name))
        if other is not None and other.template.text != route.template.text:
            raise ConfigurationError(
                f"{where}: {route.name!r} is the name of {other.template.text} already, and would be that of "
                f"{route.template.text} too. Fix: include(..., name='other'), for url_for('other:{route.name}')"
            )
    return routes


def check_name(name: Any, where: str) -> None:
    """Refuse what is no name of a group of routes.

    Raises:
        ConfigurationError: it begins with `where`.
    """
    if not (isinstance(name, str) and name and ":" not in name):
        raise ConfigurationError(f"{where}: name={name!r} is no name. Fix: a text without ':'")


def check_prefix(prefix: str, where: str) -> str:
    """Return a prefix that is empty, or begins with a slash and does not end with one.

    Raises:
        ConfigurationError: it is neither.
    """
    if prefix == "":
        return prefix
    if not isinstance(prefix, str) or not prefix.startswith("/") or prefix.endswith("/"):
        raise ConfigurationError(
            f"{where} ({caller()}): {prefix!r} is no prefix. Fix: begin it with '/' and do not end it with one"
        )
    try:
        template = PathTemplate.parse(prefix)
    except ConfigurationError as error:
        raise ConfigurationError(f"{where} ({caller()}): {error}") from None
    if template.segments[-1].rest:
        raise ConfigurationError(
            f"{where} ({caller()}): {prefix!r} takes the whole remainder of the path, so nothing can follow. "
            f"Fix: drop ':path'"
        )
    return prefix
