"""The App: registration, and compile.

Law: an app collects what it is told (`Declared`) until it is first compiled; then it is frozen. It knows backends by
name only, and of protocols no more than the names of their native middleware. What declares does not wait for what
compiles: that is loaded by the first compile.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeVar

from hinge.binding.documented import Responses, as_documented
from hinge.compiling.declared import Declared, Wrapper, mount_of, mounted_below, wrappers_of
from hinge.config import Config, resolve_config
from hinge.diagnostics.kinds import COUNT, FLAG, TEXT, shown, want, wrong
from hinge.diagnostics.location import caller, locate, qualified_name
from hinge.diagnostics.misuse import fits
from hinge.entry import ServerEntry
from hinge.errors import ConfigurationError
from hinge.inspection.custom_types import NO_TYPES, Types
from hinge.middleware.layer import Layer, MiddlewareFunction
from hinge.routing.route import Route, as_dependencies, as_described, as_layers
from hinge.routing.router import Registrar, Router, included

if TYPE_CHECKING:
    from hinge.backend.contract import Application, Backend
    from hinge.codecs import Codec
    from hinge.compiling.frozen import FrozenApp
    from hinge.compiling.mounts import Part
    from hinge.dependencies.overrides import Override, Overrides
    from hinge.dependencies.resolve import Resolved, Resolver
    from hinge.inspection.custom_types import CustomType
    from hinge.observability.observer import Observer
    from hinge.sessions.sessions import Sessions

Function = TypeVar("Function", bound=Callable[[Any, Any], Any])
LifespanFunction = TypeVar("LifespanFunction", bound=Callable[..., Iterator[Any] | AsyncIterator[Any]])


class ErrorDecorator(Protocol):
    """Register an error handler and return it as it is."""

    def __call__(self, handler: Function, /) -> Function:
        """Register."""
        ...


class App(ServerEntry, Registrar):
    """A web application, written once and compiled by a backend.

    `slashes="redirect"` answers `/items/` for a registered `/items` (and the reverse) with 308, "strict" with 404.
    `codecs` (of `hinge.codecs`) are the formats that bodies are read in by their Content-Type and results are answered
    in by the request's Accept, the preferred one first; without it bodies are JSON or MessagePack, and results JSON.
    `config` is the base that pyproject.toml, environment and command line override. `wsgi_middleware` and
    `asgi_middleware` wrap the compiled callable, the first one outermost. `ignore_notes` are classes: what is of them
    in an `Annotated` is meant for others; any other note that Hinge does not know is an error. `types` say what classes
    that msgspec does not know are on the wire. The OpenAPI document is
    at `openapi_path` and the page that shows it at `docs_path`, unless a route of the app is; None: nowhere.
    `dependencies` (`[Depends(check)]`) run before every handler, but for those two, which have `openapi_dependencies`.
    `overrides` has other functions called in place of providers, here and in apps that are mounted here:
    `{settings: lambda: given}`, which brings what a factory was given to those that `Depends(settings)`.
    `responses` are of all its routes in the document, which may say others for the same status.
    `sessions` is where handlers' `session: Session` comes from; a mounted app without has those around it.
    `security_schemes` and `security` go into the document as OpenAPI has them.

    Raises:
        ConfigurationError: an argument is wrong.
    """

    _settings: ClassVar[tuple[str, ...]] = Config.__struct_fields__

    @fits
    def __init__(
        self,
        title: str = "Hinge",
        *,
        version: str = "0.1.0",
        description: str = "",
        config: Config | None = None,
        slashes: Literal["redirect", "strict"] = "redirect",
        middleware: Iterable[MiddlewareFunction] = (),
        dependencies: Iterable[Any] = (),
        overrides: "Overrides | None" = None,
        responses: Responses | None = None,
        sessions: "Sessions | None" = None,
        codecs: "Iterable[Codec] | None" = None,
        wsgi_middleware: Iterable[Wrapper] = (),
        asgi_middleware: Iterable[Wrapper] = (),
        ignore_notes: Iterable[type] = (),
        types: "Iterable[CustomType]" = (),
        openapi_path: str | None = "/openapi.json",
        docs_path: str | None = "/docs",
        openapi_dependencies: Iterable[Any] = (),
        security_schemes: Mapping[str, Any] | None = None,
        security: Iterable[Mapping[str, Any]] = (),
    ) -> None:
        _check_words(slashes, config, title=title, version=version, description=description)
        self.title, self.version, self.description = title, version, description
        self.openapi_path, self.docs_path = _path("openapi_path", openapi_path), _path("docs_path", docs_path)
        self.security_schemes = _described_schemes(security_schemes)
        self.security = as_described(security, f"App(security={shown(security)}) ({caller()})")
        self._documented = as_documented(responses, f"App(...) ({caller()})")
        self._config = config
        self._declared = Declared(
            app=self,
            slashes=slashes,
            codecs=None if codecs is None else _codecs(codecs),
            ignored_notes=_classes(ignore_notes),
            types=Types(types) if types != () else NO_TYPES,
            sessions=None if sessions is None else _sessions(sessions),
            layers=as_layers(middleware, f"App(middleware=...) ({caller()})"),
            dependencies=as_dependencies(dependencies, f"App(dependencies=...) ({caller()})"),
            providers=() if overrides is None else _overrides(overrides),
            document_dependencies=as_dependencies(openapi_dependencies, f"App(openapi_dependencies=...) ({caller()})"),
            wrappers={
                "wsgi": wrappers_of(wsgi_middleware, "wsgi_middleware"),
                "asgi": wrappers_of(asgi_middleware, "asgi_middleware"),
            },
        )
        self._compiled: dict[tuple[str, bool], Application] = {}
        self._open_to_servers()

    # -- declare -------------------------------------------------------------------------------------------------------

    @property
    def routes(self) -> tuple[Route, ...]:
        """All routes in the order of registration, then those of mounted apps below their prefixes."""
        return self._declared.routes()

    @property
    def observers(self) -> "tuple[Observer, ...]":
        """Who is told of requests: those of this app, then those of mounted apps."""
        return (*self._declared.observers, *(one for app in self._declared.inside() for one in app.observers))

    def _add(self, route: Route) -> None:
        self._declared.check_open(f"{route.describe()}: {route.template.text}")
        self._declared.catalog.add(route.inside(self._documented))

    def _add_layer(self, layer: Layer) -> None:
        self._declared.check_open(f"middleware {layer.name} ({layer.location})")
        self._declared.layers.append(layer)

    @fits
    def include(self, router: Router, prefix: str = "", *, name: str | None = None) -> None:
        """Take over a router's routes below `prefix`; a route that it gets later is an error.

        It may be included again, here and in other apps. With a `name`, its routes are called `name:route`.

        Raises:
            ConfigurationError: a route clashes with a present one, or has the name of one that came from the same
                router; or the prefix or the name is none.
        """
        self._declared.check_open(f"include() ({caller()})")
        if name is not None:
            self._declared.check_unmounted(name, f"include() ({caller()})")
        for route in included(router, "", prefix, name, self._declared.catalog):
            self._add(route)

    @fits
    def mount(
        self,
        path: str,
        app: Any,
        *,
        name: str | None = None,
        interface: Literal["wsgi", "asgi"] | None = None,
        dependencies: Iterable[Any] = (),
        max_body_size: int | None = None,
    ) -> None:
        """Have another app, or any WSGI or ASGI application, answer everything below `path`, and `path` itself.

        An `App` keeps its middleware, inside this app's, and its error handlers, limits, 404, lifespans and document;
        its lifespans run after this app's have started. With a `name`, `url_for("name:route")` leads to its routes. It
        may get routes until this app is compiled. Where paths of both match, the more specific one answers.

        An application of another framework is served on every backend. `interface` says which protocol it has where
        that cannot be told. It has the limits of its own; `max_body_size` sets one in bytes before it. With a `name`,
        `url_for(name, path="a/b")` is an address below it. Requests whose method no route of this app has go to it.

        `dependencies` (`[Depends(check)]`) run before all of its answers, behind those of this app.

        Raises:
            ConfigurationError: it is no app, holds this one, or has native middleware; it cannot be told of which
                protocol it is; or `path` is no prefix.
        """
        declared, where = self._declared, caller()
        who = f"mount({path!r}, ...) ({where})"
        found = as_dependencies(dependencies, who)
        if isinstance(app, App):
            if interface is not None or max_body_size is not None:
                given = "interface" if interface is not None else "max_body_size"
                fix = "leave it out" if interface is not None else "App(config=Config(max_body_size=...)), of that app"
                raise ConfigurationError(f"{who}: {given}= is for applications of other frameworks. Fix: {fix}")
            mount = mount_of(path, app._declared, name, found, declared)
            declared.check_open(f"mount({path!r}, ...) ({where})")
            declared.mounts.append(mount)
            return
        if isinstance(app, Router):
            raise ConfigurationError(f"{who}: {app!r} is no App. Fix: app.include(router, prefix=...)")
        want("App.mount", COUNT, optional=True, max_body_size=max_body_size)
        from hinge.mounted.foreign import foreign_of  # noqa: PLC0415 - only an app that mounts such pays for it

        below = mounted_below(path, name, who, declared)
        foreign = foreign_of(below, app, interface, name, found, max_body_size, where, declared.foreign)
        declared.check_open(f"mount({path!r}, ...) ({where})")
        declared.foreign.append(foreign)

    @fits
    def error(self, kind: type[Exception] | int) -> ErrorDecorator:
        """Have the decorated `(request, error)` function answer for an exception class and its subclasses.

        A status, 400 to 599, stands for each `HTTPError` that has it. That of 500 also answers for failures which
        nobody else answers for: they are logged, and it is handed an `HTTPError` with the failure as `__cause__`.

        Raises:
            ConfigurationError: `kind` is no exception class and no such status, or has a handler already.
        """
        from hinge.error_responses import check_error_handler, check_error_kind  # noqa: PLC0415 - a compile's

        check_error_kind(kind)

        def register(handler: Function) -> Function:
            place = check_error_handler(handler)
            self._declared.check_open(place)
            other = self._declared.errors.setdefault(kind, handler)
            if other is not handler:
                named = kind.__name__ if isinstance(kind, type) else int(kind)
                raise ConfigurationError(
                    f"{place}: {named} has a handler already: {qualified_name(other)} ({locate(other)}). "
                    f"Fix: keep one of the two"
                )
            return handler

        return register

    @fits
    def observe(self, observer: "Observer") -> None:
        """Have an observer (`hinge.observability`) told of each request and WebSocket, whatever answers it.

        It is around all middleware but native one, and around apps that are mounted here. What it serves itself, such
        as the page of its metrics, becomes a route of this app.

        Raises:
            ConfigurationError: it is no observer, or there already.
        """
        from hinge.observability.observer import check_new, observer_of  # noqa: PLC0415 - only an app with one pays

        self._declared.check_open(f"observe() ({caller()})")
        check_new(observer_of(observer), self._declared.observers)
        self._declared.observers.append(observer)
        if isinstance(router := getattr(observer, "router", None), Router):
            self.include(router)

    @fits
    def lifespan(self, function: LifespanFunction) -> LifespanFunction:
        """Run the decorated generator around each worker's life; what it yields is merged into `request.state`.

        Raises:
            ConfigurationError: it is not a generator function of the app or of nothing.
        """
        from hinge.lifespan import lifespan_of  # noqa: PLC0415 - only an app with one pays for it

        lifespan = lifespan_of(function)
        self._declared.check_open(f"lifespan {lifespan.name} ({lifespan.location})")
        self._declared.lifespans.append(lifespan)
        return function

    def url_for(self, name: str, /, **params: Any) -> str:
        """Return the path of a named route, its parameters filled in and percent-encoded.

        Raises:
            ConfigurationError: no route or several have that name, or the parameters do not fit.
        """
        return self._declared.named(name).template.build(**params)

    @fits
    def resolve(self, provider: Any) -> "Resolved":
        """Return a block with the value of a provider, outside of requests: `async with app.resolve(f) as value`.

        `with app.resolve(f)` does as well where nothing that is needed is async. `provider` is what `Depends` names, or
        an `Annotated` with one. What is entered is left behind the block, app-scoped providers too, which are the
        block's own; they may be used while no worker runs.

        Raises:
            ConfigurationError: it is no provider, or needs something of a request.
        """
        from hinge.dependencies.resolve import resolved  # noqa: PLC0415 - for commands, which serve nothing

        return resolved(self, provider, self._declared.ignored_notes, self._declared.providers)

    @fits
    def resolver(self, *providers: Any) -> "Resolver":
        """Return a block for many jobs: what is app-scoped lives in it, as in a worker, and is shared by all of them.

        Its value makes the block of one of these providers: `async with app.resolver(session) as resolve`, then for
        each job `async with resolve(session) as db`. Both may be `with` where nothing that is needed is async.

        Raises:
            ConfigurationError: one is no provider, or needs something of a request; or there is none.
        """
        from hinge.dependencies.resolve import Resolver  # noqa: PLC0415 - as above

        return Resolver(self, providers, self._declared.ignored_notes, self._declared.providers)

    # -- compile -------------------------------------------------------------------------------------------------------

    @cached_property
    def config(self) -> Config:
        """The effective configuration, resolved on first use."""
        return resolve_config(self._config)

    def configure(self, config: Config) -> None:
        """Set the effective configuration, as the command line does before it compiles.

        Raises:
            ConfigurationError: the app is compiled already, or it is no Config.
        """
        if not isinstance(config, Config):
            raise ConfigurationError(
                f"App.configure({shown(config)}) ({caller()}): it is none. Fix: configure(Config(...))"
            )
        from hinge.compiling.mounts import differing  # noqa: PLC0415 - a compile's

        self._declared.check_open(f"configure() ({caller()})")
        self._declared.overrides = differing(config, self.config)  # they hold for mounted apps too
        vars(self)["config"] = config

    @fits
    def compile(self, backend: str | None = None, *, skip_unsupported: bool = False) -> "Application":
        """Return the callable of the named backend (default: the configured one), made once, and freeze the app.

        With `skip_unsupported` a route that the backend cannot serve answers 426 there (a WebSocket) or 501 (an event
        stream) instead of failing the compile.

        Raises:
            ConfigurationError: with a line for every mistake and every need that the backend does not meet.
        """
        from hinge.backend.installed import compiled  # noqa: PLC0415 - with all that compiles, for those who do
        from hinge.inspection.uncollected import uncollected  # noqa: PLC0415

        want("App.compile", TEXT, optional=True, backend=backend)
        want("App.compile", FLAG, skip_unsupported=skip_unsupported)
        name = backend or self.config.backend
        key = (name, skip_unsupported or self.config.skip_unsupported)
        with self._lock:
            if key not in self._compiled:
                target = _backend(name, f"App.compile({backend!r}) ({caller()}): " if backend else "")
                with uncollected():
                    self._compiled[key] = compiled(target, self.freeze(name, skip_unsupported=key[1]))
            return self._compiled[key]

    def _be_wrapped(self) -> None:
        """Take note of a wrapper around the app, which finds the route that matched; what was compiled has not told."""
        with self._lock:
            if not self._declared.is_wrapped:
                self._declared.is_wrapped = True
                self._compiled.clear()
                self._forget_served()

    def unmet(self, backend: str, *, skip_unsupported: bool = False) -> list[str]:
        """Return a line for everything that keeps the backend from compiling the app; empty when nothing does.

        Raises:
            ConfigurationError: there is no such backend, or an option of it is wrong.
        """
        from hinge.backend.installed import load_backend, options_of  # noqa: PLC0415 - a compile's
        from hinge.compiling.freeze import mistakes_of  # noqa: PLC0415

        target = load_backend(backend)
        options_of(target)
        return mistakes_of(self.parts(), target, skip_unsupported=skip_unsupported)

    def parts(self, overrides: "Iterable[Override]" = ()) -> "list[Part]":
        """Return this app and those mounted in it, with their routes' endpoints and what is wrong with them."""
        from hinge.compiling.mounts import parts_of  # noqa: PLC0415 - a compile's

        return parts_of(self._declared, overrides)

    def freeze(
        self, backend: "str | Backend", *, skip_unsupported: bool = False, overrides: "Sequence[Override]" = ()
    ) -> "FrozenApp":
        """Return the frozen app for a backend, installed or at hand; what `compile` hands over.

        `overrides` are what stands for providers in this one; the document is the app's own all the same.

        Raises:
            ConfigurationError: as `compile`, or an override stands for what no route needs.
        """
        from hinge.backend.installed import load_backend  # noqa: PLC0415 - a compile's
        from hinge.compiling.freeze import frozen_app  # noqa: PLC0415

        target = load_backend(backend) if isinstance(backend, str) else backend
        documented = self.parts() if overrides else None
        return frozen_app(self.parts(overrides), target, skip_unsupported=skip_unsupported, documented=documented)


def _check_words(slashes: Any, config: Any, **texts: Any) -> None:
    if slashes not in ("redirect", "strict"):
        raise ConfigurationError(f"App(slashes={shown(slashes)}) ({caller()}) is none. Fix: 'redirect' or 'strict'")
    if config is not None and not isinstance(config, Config):
        raise ConfigurationError(f"App(config=...) ({caller()}): {shown(config)} is none. Fix: config=Config(...)")
    for option, text in texts.items():
        if not isinstance(text, str):
            fix = "config=Config(...)" if isinstance(text, Config) else f"{option}={shown(str(text))}"
            raise ConfigurationError(f"App({option}={shown(text)}) ({caller()}) is no text. Fix: {fix}")


def _path(option: str, path: Any) -> str | None:
    if path is not None and not (isinstance(path, str) and path.startswith("/") and not path.endswith("/")):
        raise ConfigurationError(f"App({option}={shown(path)}) ({caller()}) is no path. Fix: '/name', or None")
    return path


def _described_schemes(given: Any) -> dict[str, Any]:
    (schemes,) = as_described([given or {}], f"App(security_schemes={shown(given)}) ({caller()})")
    if not all(isinstance(one, dict) for one in schemes.values()):
        why, fix = "each of them is a mapping", "{'key': {'type': 'apiKey', 'in': 'header', 'name': 'x-key'}}"
        raise wrong("App", "security_schemes", given, why, fix)
    return schemes


def _overrides(given: Any) -> "tuple[Override, ...]":
    from hinge.dependencies.overrides import overrides_of  # noqa: PLC0415 - for apps that have some

    return overrides_of(given, f"App(overrides=...) ({caller()})")


def _backend(name: str, where: str) -> "Backend":
    """Return a backend; the error of one that there is not begins with where it was named, if anybody did."""
    from hinge.backend.installed import load_backend  # noqa: PLC0415 - a compile's

    try:
        return load_backend(name)
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}{error}") from error.__cause__


def _codecs(given: "Iterable[Codec]") -> "tuple[Codec, ...]":
    from hinge.codecs import check_codecs  # noqa: PLC0415 - only an app that names some pays for them

    return check_codecs(given)


def _sessions(given: Any) -> "Sessions":
    from hinge.sessions.sessions import Sessions  # noqa: PLC0415 - only an app with sessions pays for them

    if not isinstance(given, Sessions):
        raise wrong("App", "sessions", given, "it is none", "sessions=Sessions(keys=[...])")
    return given


def _classes(given: Any) -> tuple[type, ...]:
    found = tuple(given) if isinstance(given, Iterable) else (given,)
    if isinstance(given, type) or not all(isinstance(one, type) for one in found):
        raise ConfigurationError(
            f"App(ignore_notes={given!r}) ({caller()}): it is no list of classes. Fix: ignore_notes=[SomeClass]"
        )
    return found
