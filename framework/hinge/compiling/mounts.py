"""Apps inside an app: what lies below a prefix is answered by another App.

Law: a mounted app keeps what is its own: routes, names, middleware, error handlers, lifespans, limits, codecs,
document, and its 404 and 405. All apps are compiled into one table, so a request to a mounted one costs what any other
costs, and the more specific path wins, whoever declared it.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import asdict, replace

from hinge.binding.notes import Notes
from hinge.codecs import Codec
from hinge.compiling import automatic
from hinge.compiling.endpoints import Frame, Judged, anything, http_table, judge, websocket_table
from hinge.compiling.frozen import Endpoint, Leaf
from hinge.config import Config
from hinge.diagnostics.location import caller
from hinge.error_responses import ErrorHandlers, callback_of
from hinge.errors import ConfigurationError
from hinge.lifespan import Lifespan
from hinge.middleware.layer import Layer
from hinge.routing.route import Route
from hinge.routing.router import Router, check_prefix
from hinge.routing.table import RouteTable
from hinge.routing.template import PathTemplate, shape

if TYPE_CHECKING:
    from hinge.app import App

Planned = list[tuple[Route, Endpoint]]


class Mount(msgspec.Struct, frozen=True, eq=False):
    """An app below a prefix of another one."""

    prefix: str
    app: Any
    name: str | None
    location: str

    def routes(self) -> list[Route]:
        """Return the app's routes as those of the app around it: below the prefix, named `mount:route`."""
        return [self._around(route) for route in self.app.routes]

    def named(self, name: str) -> Route:
        """Return the route of a name that the app knows, below the prefix."""
        return self._around(self.app._named(name))

    def _around(self, route: Route) -> Route:
        named = route if self.name is None else replace(route, name=f"{self.name}:{route.name}")
        return named.under(self.prefix, (), ())


def mount_of(prefix: Any, app: Any, name: Any, around: "App") -> Mount:
    """Return the mount of an app.

    Raises:
        ConfigurationError: the prefix, the app or the name is none, or the app cannot be inside the other.

    """
    from hinge.app import App  # noqa: PLC0415 - it imports this module

    where = caller()
    who = f"mount({prefix!r}, ...) ({where})"
    if not isinstance(app, App):
        fix = "app.include(router, prefix=...)" if isinstance(app, Router) else "give a hinge.App"
        raise ConfigurationError(f"{who}: {app!r} is no App. Fix: {fix}")
    if app is around or around in _inside(app):
        raise ConfigurationError(f"{who}: the app would be inside itself. Fix: mount another one")
    if any(app._wrappers.values()):
        raise ConfigurationError(
            f"{who}: the app has wsgi_middleware or asgi_middleware, which go around a whole callable. "
            "Fix: give them to the outermost app"
        )
    if name is not None and not (isinstance(name, str) and name and ":" not in name):
        raise ConfigurationError(f"{who}: name={name!r} is no name. Fix: a text without ':'")
    below = "" if prefix == "/" else check_prefix(prefix, "mount()")
    if "{" in below:
        raise ConfigurationError(
            f"{who}: every handler of the app would have to take the parameter. Fix: mount below a fixed path, "
            "or include routers, which have prefixes with parameters"
        )
    return Mount(below, app, name, where)


def _inside(app: "App") -> Iterator["App"]:
    for mount in app._mounts:
        yield mount.app
        yield from _inside(mount.app)


# -- what is compiled together -----------------------------------------------------------------------------------------


class Part(msgspec.Struct, frozen=True, eq=False):
    """One of the apps that are compiled together: the outermost, or one that is mounted."""

    app: Any
    prefix: str
    location: str
    """Where it was mounted."""
    frame: Frame
    own: tuple[Route, ...]
    """Its routes as they were declared."""
    judged: list[Judged]
    """The same below the prefix."""


class _Place(msgspec.Struct, frozen=True, eq=False):
    """Where an app stands: what the apps around it bring."""

    prefix: str = ""
    location: str = ""
    layers: tuple[Layer, ...] = ()
    overrides: dict[str, Any] = {}
    key: str | None = None


def parts_of(app: "App") -> list[Part]:
    """Return the app and all that are mounted in it, each before those inside of it."""
    keys: dict[int, str] = {}  # an app that is mounted twice has one state, and its lifespans run once
    return list(_walk(app, _Place(), keys))


def _walk(app: "App", place: _Place, keys: dict[int, str]) -> Iterator[Part]:
    part = _part(app, place)
    yield part
    for mount in app._mounts:
        prefix = place.prefix + mount.prefix
        inner = _Place(
            prefix,
            mount.location,
            part.frame.layers,
            place.overrides | app._overrides,
            keys.setdefault(id(mount.app), prefix or "/"),
        )
        yield from _walk(mount.app, inner, keys)


def _part(app: "App", place: _Place) -> Part:
    config = replace(app.config, **place.overrides)
    codecs: tuple[Codec, ...] | None = app._codecs
    for codec in codecs or ():
        if codec.prepare is not None:
            codec.prepare()
    notes = Notes(app._ignored_notes)
    _check_callbacks(app, notes)
    errors = ErrorHandlers(app._errors, debug=config.debug, notes=notes)
    layers = place.layers + tuple(app._layers)
    frame = Frame(config, errors, layers, _builder(app, place.prefix), codecs, place.key, notes)
    own = tuple(app._catalog)
    return Part(app, place.prefix, place.location, frame, own, [judge(_below(place.prefix, one), frame) for one in own])


def _check_callbacks(app: "App", notes: Notes) -> None:
    """Refuse what an app's middleware, error handlers and lifespans cannot be given, with a line for each mistake."""
    found = [layer.written for layer in app._layers] + [lifespan.written for lifespan in app._lifespans]
    found += map(callback_of, dict.fromkeys(app._errors.values()))
    mistakes = [mistake for one in found if one is not None for mistake in one.mistakes(notes)]
    if mistakes:
        raise ConfigurationError("\n".join(mistakes))


def _below(prefix: str, route: Route) -> Route:
    return route.under(prefix, (), ())


def _builder(app: "App", prefix: str) -> Callable[..., str]:
    """Return the `url_for` of an app's requests: its own names, below where it is mounted."""
    if not prefix:
        return app.url_for

    @cache
    def template(name: str) -> PathTemplate:
        return _below(prefix, app._named(name)).template

    def url_for(name: str, /, **params: Any) -> str:
        return template(name).build(**params)

    return url_for


def differing(new: Config, old: Config) -> dict[str, Any]:
    """Return the settings in which two configurations differ, as the new one has them."""
    before = asdict(old)
    return {key: value for key, value in asdict(new).items() if value != before[key]}


def planned_of(part: Part) -> tuple[Planned, Planned]:
    """Return the routes of a part without mistakes, and those that show its document."""
    planned = [(one.route, one.endpoint) for one in part.judged if one.endpoint is not None]
    if part.app.openapi_path is None:
        return planned, []
    from hinge.openapi.pages import routes_for  # noqa: PLC0415 - only apps that show their document pay for it

    declared = [(route, endpoint.plan) for route, (_, endpoint) in zip(part.own, planned, strict=True)]
    shown = [judge(_below(part.prefix, route), part.frame) for route in routes_for(part.app, declared)]
    return planned, [(one.route, one.endpoint) for one in shown if one.endpoint is not None]


# -- the tables --------------------------------------------------------------------------------------------------------


class Tables:
    """The paths of all parts in one table for HTTP and one for WebSockets."""

    def __init__(self) -> None:
        self.http: RouteTable[Leaf[Endpoint]] = RouteTable()
        self.websockets: RouteTable[Endpoint] = RouteTable()
        self.not_found: Leaf[Endpoint]
        """What answers the paths that nobody has; the outermost app's, as the next two."""
        self.refused: Leaf[Endpoint]
        self.distrusted: Leaf[Endpoint]
        self._shown: list[tuple[PathTemplate, Leaf[Endpoint]]] = []

    def add(self, part: Part, declared: Planned, shown: Planned, *, has_websockets: bool) -> None:
        """Add one part; what shows its document waits for `finish`.

        Raises:
            ConfigurationError: another part has one of its paths.

        """
        table = http_table([*declared, *shown], part.frame)
        waiting = {shape(route.template) for route, _ in shown} - {shape(route.template) for route, _ in declared}
        exists = None if part.app._slashes == "strict" else lambda path: table.find(path) is not None
        not_found = anything(automatic.not_found(exists, part.frame.refusing), part.frame)
        if part.location:
            self._add_remainder(part, table, not_found)
        else:
            self.not_found = not_found
            self.refused = anything(automatic.refused, part.frame)
            self.distrusted = self.refused.map(lambda endpoint: replace(endpoint, closes=True))
        for template, leaf in table:
            if shape(template) in waiting:
                self._shown.append((template, leaf))
                continue
            present = self.http.get(template)
            if present is not None:
                raise _clash(part, template, present)
            self.http.add(template, leaf)
        for template, endpoint in websocket_table(declared if has_websockets else ()):
            self.websockets.add(template, endpoint)  # the HTTP table has a leaf for each: a clash was told

    def finish(self) -> None:
        """Add what shows the documents, outermost first, where nobody has declared anything."""
        for template, leaf in self._shown:
            if self.http.get(template) is None:
                self.http.add(template, leaf)

    def _add_remainder(self, part: Part, table: RouteTable[Leaf[Endpoint]], not_found: Leaf[Endpoint]) -> None:
        """Have a mounted app answer all that is below its prefix."""
        for text in filter(None, (part.prefix, part.prefix + "/{remainder:path}")):
            template = PathTemplate.parse(text)
            if table.get(template) is not None:
                continue  # its own route
            present = self.http.get(template)
            if present is None:
                self.http.add(template, not_found)
            elif text != part.prefix:  # that one path may be the outer app's
                raise _clash(part, template, present)


def _clash(part: Part, template: PathTemplate, leaf: Leaf[Endpoint]) -> ConfigurationError:
    routes = [endpoint.route for endpoint in leaf.methods.values() if endpoint.route is not None]
    other = routes[0].describe() if routes else "those of another mount"
    return ConfigurationError(
        f"mount({part.prefix or '/'!r}, ...) ({part.location}): {template.text} matches the same paths as {other}. "
        "Fix: change one of the two paths"
    )


def lifespans_of(parts: Sequence[Part]) -> tuple[Lifespan, ...]:
    """Return the lifespans of all parts, outermost first; each app's run once, wherever it is mounted."""
    found: list[Lifespan] = []
    seen: set[int] = set()
    for part in parts:
        if id(part.app) in seen:
            continue
        seen.add(id(part.app))
        key = part.frame.mounted
        found += [one if key is None else _of_mounted(one, part.app, key) for one in part.app._lifespans]
    return tuple(found)


def _of_mounted(lifespan: Lifespan, app: "App", key: str) -> Lifespan:
    return replace(lifespan, start=partial(_start, lifespan, app), mounted=key)


def _start(lifespan: Lifespan, app: "App", outermost: "App") -> Any:
    """Give a lifespan the app that it was registered with."""
    return lifespan.start(app)
