"""What an app was told, and the apps inside of it, as everything that compiles it reads it.

Law: it collects until the app is first compiled; then it is closed. An app that is mounted stays one of its own: it may
collect until the outermost one is compiled.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from hinge.binding.params import Dependency
from hinge.diagnostics.location import caller, qualified_name
from hinge.errors import ConfigurationError
from hinge.inspection.custom_types import NO_TYPES, Types
from hinge.middleware.layer import Layer
from hinge.routing.catalog import Catalog
from hinge.routing.route import Route
from hinge.routing.router import check_name, check_prefix

if TYPE_CHECKING:
    from hinge.codecs import Codec
    from hinge.dependencies.overrides import Override
    from hinge.error_responses import ErrorHandler
    from hinge.lifespan import Lifespan
    from hinge.mounted.foreign import Foreign
    from hinge.observability.observer import Observer
    from hinge.sessions.sessions import Sessions

Wrapper = Callable[[Any], Any] | tuple[Callable[..., Any], dict[str, Any]]
"""Native middleware: `app -> app`, or `(factory, keywords)` for `factory(app, **keywords)`."""


class Declared(msgspec.Struct, eq=False, kw_only=True):
    """What one app was told."""

    app: Any
    """The `App`: its own word on config, title and paths, and what its lifespans are given."""
    slashes: str
    codecs: "tuple[Codec, ...] | None"
    ignored_notes: tuple[type, ...]
    types: Types = NO_TYPES
    layers: list[Layer]
    dependencies: tuple[Dependency, ...]
    """What runs before every handler."""
    providers: "tuple[Override, ...]" = ()
    """What is called in place of other providers."""
    document_dependencies: tuple[Dependency, ...]
    """What runs before the app shows its document."""
    wrappers: dict[str, tuple[Callable[[Any], Any], ...]]
    """Native middleware of each protocol that it was given for, outermost first."""
    is_wrapped: bool = False
    """Whether somebody's wrapper is known to be around the app itself."""
    catalog: Catalog = msgspec.field(default_factory=Catalog)
    errors: "dict[type[Exception] | int, ErrorHandler]" = {}
    lifespans: "list[Lifespan]" = []
    mounts: "list[Mount]" = []
    observers: "list[Observer]" = []
    foreign: "list[Foreign]" = []
    """The applications of other frameworks that are mounted in it."""
    sessions: "Sessions | None" = None
    overrides: dict[str, Any] = {}
    """The settings that somebody has set since, which hold for mounted apps too."""
    compiled_at: str | None = None
    """Where the app was first compiled, once it was."""

    def check_open(self, what: str) -> None:
        """Refuse what is declared too late.

        Raises:
            ConfigurationError: the app was compiled before.
        """
        if self.compiled_at is not None:
            raise ConfigurationError(
                f"{what} comes too late: the app was compiled at {self.compiled_at}. Fix: register before that"
            )

    def routes(self) -> tuple[Route, ...]:
        """Return all routes in the order of registration, then those of mounted apps below their prefixes."""
        inner = (route for mount in self.mounts for route in mount.routes())
        return (*self.catalog, *inner, *(one.route() for one in self.foreign))

    def named(self, name: str) -> Route:
        """Return the route of a name, or of a mounted app's `mount:route`.

        Raises:
            ConfigurationError: no route or several have that name.
        """
        if not isinstance(name, str):
            raise ConfigurationError(f"url_for({name!r}) ({caller()}): it is no name. Fix: the name of a route")
        outer, _, inner = name.partition(":")
        for mount in self.mounts if inner else ():
            if mount.name == outer:
                return mount.named(inner)
        for foreign in self.foreign:
            if foreign.name == name and not self.catalog.has(name):
                return foreign.route()
        return self.catalog.named(name)

    def check_unmounted(self, name: str, where: str) -> None:
        """Refuse the name of a group of routes that is a mount's: `name:route` would be that one's.

        Raises:
            ConfigurationError: it begins with `where`.
        """
        for mount in self.mounts:
            if mount.name == name:
                raise ConfigurationError(
                    f"{where}: {name!r} is the name of the mount at {mount.location}. Fix: another name"
                )

    def inside(self) -> "Iterator[Declared]":
        """Yield the apps that are mounted in this one, and in those."""
        for mount in self.mounts:
            yield mount.declared
            yield from mount.declared.inside()


class Mount(msgspec.Struct, frozen=True, eq=False):
    """An app below a prefix of another one."""

    prefix: str
    declared: Declared
    name: str | None
    location: str
    dependencies: tuple[Dependency, ...] = ()
    """What runs before its handlers."""

    def routes(self) -> list[Route]:
        """Return the app's routes as those of the app around it: below the prefix, named `mount:route`."""
        return [self._around(route) for route in self.declared.routes()]

    def named(self, name: str) -> Route:
        """Return the route of a name that the app knows, below the prefix."""
        return self._around(self.declared.named(name))

    def _around(self, route: Route) -> Route:
        return route.named(self.name).under(self.prefix, (), ())


def mount_of(
    prefix: Any, declared: Declared, name: Any, dependencies: tuple[Dependency, ...], around: Declared
) -> Mount:
    """Return the mount of an app, which was `declared`.

    Raises:
        ConfigurationError: the prefix or the name is none, or the app cannot be inside the other.
    """
    where = caller()
    who = f"mount({prefix!r}, ...) ({where})"
    if declared is around or around in declared.inside():
        raise ConfigurationError(f"{who}: the app would be inside itself. Fix: mount another one")
    if any(declared.wrappers.values()):
        raise ConfigurationError(
            f"{who}: the app has wsgi_middleware or asgi_middleware, which go around a whole callable. "
            "Fix: give them to the outermost app"
        )
    below = mounted_below(prefix, name, who, around)
    return Mount(below, declared, name, where, dependencies)


def mounted_below(prefix: Any, name: Any, who: str, around: Declared) -> str:
    """Return the prefix of a mount, empty for the root.

    Raises:
        ConfigurationError: it is none, or the name is none or somebody else's.
    """
    if name is not None:
        check_name(name, who)
        group = next((route for route in around.catalog if route.name.startswith(f"{name}:")), None)
        if group is not None:
            raise ConfigurationError(
                f"{who}: {name!r} is the name of included routes, such as {group.describe()}. "
                "Fix: another name for one of the two"
            )
    below = "" if prefix == "/" else check_prefix(prefix, "mount()")
    if "{" in below:
        raise ConfigurationError(
            f"{who}: every handler of the app would have to take the parameter. Fix: mount below a fixed path, "
            "or include routers, which have prefixes with parameters"
        )
    return below


def wrappers_of(given: Any, where: str) -> tuple[Callable[[Any], Any], ...]:
    """Return the wrappers that an app is given as `where`, each as `app -> app`; nothing of them is called yet.

    Raises:
        ConfigurationError: it is no list of them.
    """
    if isinstance(given, str | Mapping) or not isinstance(given, Iterable):
        raise ConfigurationError(f"App({where}={given!r}) ({caller()}): it is no list. Fix: {where}=[...]")
    return tuple(_wrapper(one, where) for one in given)


def _wrapper(wrapper: Wrapper, where: str) -> Callable[[Any], Any]:
    if isinstance(wrapper, tuple) and len(wrapper) == 2 and callable(wrapper[0]) and isinstance(wrapper[1], Mapping):
        factory, keywords = wrapper
        _check_call(factory, keywords, where)
        return lambda application: factory(application, **keywords)
    if not callable(wrapper):
        raise ConfigurationError(
            f"App({where}=...) ({caller()}): {wrapper!r} is none. Fix: give `app -> app` or (factory, keywords)"
        )
    _check_call(wrapper, {}, where)
    return wrapper


def _check_call(factory: Callable[..., Any], keywords: Mapping[str, Any], where: str) -> None:
    """Refuse keywords that a factory does not take, or lacks; one that does not tell is not asked."""
    try:
        signature = inspect.signature(factory)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(None, **keywords)
    except TypeError as error:
        name, takes = qualified_name(factory), ", ".join(list(signature.parameters)[1:])
        raise ConfigurationError(
            f"App({where}=...) ({caller()}): {name} cannot be called so: {error}. "
            f"Fix: ({name.rpartition('.')[2]}, {{...}}), with what it takes: {takes}"
        ) from None
