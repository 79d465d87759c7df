"""Apps inside an app: what lies below a prefix is answered by another App.

Law: a mounted app keeps what is its own: routes, names, middleware, error handlers, lifespans, limits, codecs,
document, and its 404 and 405. All apps are compiled into one table, so a request to a mounted one costs what any other
costs, and the more specific path wins, whoever declared it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import asdict, replace

from hinge.backend.contract import Feature
from hinge.binding.callback_mistakes import callback_mistakes
from hinge.binding.notes import Notes
from hinge.binding.params import Dependency
from hinge.compiling import automatic
from hinge.compiling.declared import Declared
from hinge.compiling.endpoints import Frame, Judged, anything, http_table, judge, misplaced, websocket_table
from hinge.compiling.frozen import Endpoint, Leaf, head_of
from hinge.config import Config
from hinge.dependencies.graph import Graphs
from hinge.dependencies.overrides import Override, Overriding, not_needed
from hinge.error_responses import ErrorHandlers, callback_of
from hinge.errors import ConfigurationError
from hinge.lifespan import Lifespan
from hinge.middleware.layer import Layer
from hinge.routing.route import Route
from hinge.routing.table import RouteTable
from hinge.routing.template import PathTemplate

if TYPE_CHECKING:
    from hinge.observability.observer import Observer

Planned = list[tuple[Route, Endpoint]]


class Part(msgspec.Struct, frozen=True, eq=False):
    """One of the apps that are compiled together: the outermost, or one that is mounted."""

    declared: Declared
    prefix: str
    location: str
    """Where it was mounted."""
    frame: Frame
    own: tuple[Route, ...]
    """Its routes as they were declared."""
    judged: list[Judged]
    """The same below the prefix."""
    foreign: list["ForeignPart"] = []
    """The applications of other frameworks that are mounted in it."""
    document_dependencies: tuple[Dependency, ...] = ()
    """What stands before its document: that of the apps around it, of the mounts, and its own."""

    @property
    def app(self) -> Any:
        """The app itself."""
        return self.declared.app

    @property
    def everything(self) -> list[Judged]:
        """Its routes, and one for each mounted application."""
        return [*self.judged, *(one.judged[-1] for one in self.foreign)]


class ForeignPart(msgspec.Struct, frozen=True, eq=False):
    """An application of another framework where it stands."""

    foreign: Any
    prefix: str
    judged: list[Judged]
    """Its routes: the prefix itself, if it is not the root, and what is below it."""
    websockets: list[Judged]
    """The same for WebSockets; those whose dependencies need an HTTP request are refused."""


class _Place(msgspec.Struct, frozen=True, eq=False):
    """Where an app stands: what the apps around it bring."""

    prefix: str = ""
    location: str = ""
    layers: tuple[Layer, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    document_dependencies: tuple[Dependency, ...] = ()
    overrides: dict[str, Any] = {}
    key: str | None = None
    sessions: Any = None
    observers: tuple[Any, ...] = ()


def parts_of(declared: Declared, replaced: Iterable[Override] = ()) -> list[Part]:
    """Return the app and all that are mounted in it, each before those inside of it; providers may be `replaced`."""
    keys: dict[int, str] = {}  # an app that is mounted twice has one state, and its lifespans run once
    made: dict[tuple[int, int], Graphs] = {}  # and its app-scoped dependencies are made once
    return list(_walk(declared, _Place(), keys, Graphs(Overriding(replaced)), made))


def _walk(
    declared: Declared, place: _Place, keys: dict[int, str], around: Graphs, made: dict[tuple[int, int], Graphs]
) -> Iterator[Part]:
    which = id(around), id(declared)
    graphs = made[which] = made.get(which) or around.within(declared.providers)
    part = _part(declared, place, graphs)
    yield part
    for mount in declared.mounts:
        prefix = place.prefix + mount.prefix
        inner = _Place(
            prefix,
            mount.location,
            part.frame.layers,
            part.frame.dependencies + mount.dependencies,
            part.document_dependencies + mount.dependencies,
            place.overrides | declared.overrides,
            keys.setdefault(id(mount.declared), prefix or "/"),
            part.frame.sessions,
            part.frame.observers,
        )
        yield from _walk(mount.declared, inner, keys, graphs, made)


def _part(declared: Declared, place: _Place, graphs: Graphs) -> Part:
    config = replace(declared.app.config, **place.overrides)
    for codec in declared.codecs or ():
        if codec.prepare is not None:
            codec.prepare()
    notes = Notes(declared.ignored_notes, declared.types)
    _check_callbacks(declared, notes)
    _check_places(declared.layers, place)
    errors = ErrorHandlers(declared.errors, debug=config.debug, propagates=config.propagate_exceptions, notes=notes)
    layers = place.layers + tuple(declared.layers)
    if config.trusted_proxies:
        layers = _behind_proxies(config, layers, place)
    frame = Frame(
        config,
        errors,
        layers,
        _builder(declared, place.prefix),
        declared.codecs,
        place.key,
        notes,
        place.dependencies + declared.dependencies,
        graphs,
        sessions=declared.sessions or place.sessions,
        observers=_observers(declared, place, config),
    )
    own = tuple(declared.catalog)
    judged = [judge(_below(place.prefix, one), frame) for one in own]
    foreign = [_foreign_part(one, place.prefix, frame) for one in declared.foreign]
    document = place.document_dependencies + declared.document_dependencies
    return Part(declared, place.prefix, place.location, frame, own, judged, foreign, document)


def _foreign_part(foreign: Any, around: str, frame: Frame) -> ForeignPart:
    reads = any(layer.needs_body for layer in frame.layers)
    routes = foreign.routes(around, whole_body=reads)
    sockets = [judge(route, frame) for route in foreign.websockets(around)]
    return ForeignPart(foreign, around + foreign.prefix, [judge(route, frame) for route in routes], sockets)


def _behind_proxies(config: Config, layers: tuple[Layer, ...], place: _Place) -> tuple[Layer, ...]:
    """Return the layers of an app with the setting `trusted_proxies`, which the outermost one puts around all others.

    Raises:
        ConfigurationError: it has such a layer of its own; or it is mounted in an app that believes nobody.
    """
    if place.location:
        if not (layers and layers[0].outermost):
            why = "the app has the setting trusted_proxies, and those around it believe nobody"
            raise ConfigurationError(f"mount(...) ({place.location}): {why}. Fix: set it for the outermost app")
        return layers
    from hinge.middleware.proxy_headers import trusting  # noqa: PLC0415 - only an app behind a proxy pays for it

    return trusting(config, layers), *layers


def _observers(declared: Declared, place: _Place, config: Config) -> "tuple[Observer, ...]":
    """Return the observers of the apps around an app and its own, with the access log if the settings say so."""
    found = [*place.observers, *declared.observers]
    if config.access_log and not place.location:
        from hinge.observability.access_log import AccessLog  # noqa: PLC0415 - only who asks pays for it

        found.append(AccessLog())
    if not found:
        return ()
    from hinge.observability.observer import told_once  # noqa: PLC0415 - only an app with one pays for it

    return told_once(found)


def _check_callbacks(declared: Declared, notes: Notes) -> None:
    """Refuse what an app's middleware, error handlers and lifespans cannot be given, with a line for each mistake."""
    found = [lifespan.written for lifespan in declared.lifespans]
    found += [written for layer in declared.layers for written in layer.written]
    found += map(callback_of, dict.fromkeys(declared.errors.values()))
    mistakes = [mistake for one in found if one is not None for mistake in callback_mistakes(one, notes)]
    if mistakes:
        raise ConfigurationError("\n".join(mistakes))


def _check_places(layers: Iterable[Layer], place: _Place) -> None:
    """Refuse a middleware that has to be the outermost and is not."""
    for index, layer in enumerate(layers):
        if layer.outermost and (index or place.location):
            where = f"mount(...) ({place.location})" if place.location else "the app"
            raise ConfigurationError(misplaced(layer, where))


def _below(prefix: str, route: Route) -> Route:
    return route.under(prefix, (), ())


def _builder(declared: Declared, prefix: str) -> Callable[..., str]:
    """Return the `url_for` of an app's requests: its own names, below where it is mounted."""
    if not prefix:
        builder: Callable[..., str] = declared.app.url_for
        return builder

    @cache
    def template(name: str) -> PathTemplate:
        return _below(prefix, declared.named(name)).template

    def url_for(name: str, /, **params: Any) -> str:
        return template(name).build(**params)

    return url_for


def differing(new: Config, old: Config) -> dict[str, Any]:
    """Return the settings in which two configurations differ, as the new one has them."""
    before = asdict(old)
    return {key: value for key, value in asdict(new).items() if value != before[key]}


def planned_of(part: Part, documented: Part) -> tuple[Planned, Planned]:
    """Return the routes of a part without mistakes, and those that show its document, which is of another one.

    Raises:
        ConfigurationError: with a line for every mistake in the document's routes.
    """
    planned = [(one.route, one.endpoint) for one in part.judged if one.endpoint is not None]
    if part.app.openapi_path is None:
        return planned, []
    from hinge.openapi.pages import routes_for  # noqa: PLC0415 - only apps that show their document pay for it

    if mistakes := [mistake for one in documented.judged for mistake in one.mistakes]:
        raise ConfigurationError("\n".join(mistakes))
    plans = [one.endpoint.plan for one in documented.judged if one.endpoint is not None]
    declared = list(zip(documented.own, plans, strict=True))
    frame = replace(part.frame, dependencies=part.document_dependencies)
    shown = [judge(_below(part.prefix, route), frame) for route in routes_for(part.app, declared)]
    if mistakes := [mistake for one in shown for mistake in one.mistakes]:
        raise ConfigurationError("\n".join(mistakes))
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

    def add(self, part: Part, declared: Planned, shown: Planned, *, features: frozenset[Feature]) -> None:
        """Add one part; what shows its document waits for `finish`.

        Raises:
            ConfigurationError: another part has one of its paths.
        """
        table = http_table([*declared, *shown], part.frame, features)
        if part.foreign:
            table = _with_foreign(table, part.foreign)
        waiting = {route.template.shape for route, _ in shown} - {route.template.shape for route, _ in declared}
        exists = None if part.declared.slashes == "strict" else lambda path: table.find(path) is not None
        not_found = anything(automatic.not_found(exists, part.frame.refusing), part.frame)
        if part.location:
            self._add_remainder(part, table, not_found)
        else:
            self.not_found = not_found
            self.refused = anything(automatic.refused, part.frame)
            self.distrusted = self.refused.map(lambda endpoint: replace(endpoint, closes=True))
        for template, leaf in table:
            if template.shape in waiting:
                self._shown.append((template, leaf))
                continue
            present = self.http.get(template)
            if present is not None:
                raise _clash(part, template, present)
            self.http.add(template, leaf)
        for template, endpoint in websocket_table(declared if Feature.WEBSOCKET in features else ()):
            self.websockets.add(template, endpoint)  # the HTTP table has a leaf for each: a clash was told
        for foreign in part.foreign if Feature.WEBSOCKET in features else ():
            for route, found, mistakes in foreign.websockets:
                if found is not None and not mistakes and self.websockets.get(route.template) is None:
                    self.websockets.add(route.template, found)

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


def _with_foreign(table: RouteTable[Leaf[Endpoint]], foreign: Sequence[ForeignPart]) -> RouteTable[Leaf[Endpoint]]:
    """Return the table of an app with what other applications answer: below their prefixes, all that no route does.

    Raises:
        ConfigurationError: two of them, or one and a route, take the same paths.
    """
    found: RouteTable[Leaf[Endpoint]] = RouteTable()
    inner = sorted(foreign, key=lambda one: len(one.prefix), reverse=True)
    for template, leaf in table:
        around = next((one for one in inner if f"{template.text}/".startswith(f"{one.prefix}/")), None)
        other = None if around is None else around.judged[-1].endpoint
        found.add(template, leaf if other is None else _otherwise(leaf, replace(other, path_names=template.names)))
    for one in foreign:
        for route, endpoint, _ in one.judged:
            if endpoint is None:
                continue  # its mistakes were told
            present = found.get(route.template)
            if present is None:
                found.add(route.template, Leaf({"HEAD": head_of(endpoint)}, endpoint))
            elif route.template.text != one.prefix:
                raise _clash(one, route.template, present)
    return found


def _otherwise(leaf: Leaf[Endpoint], other: Endpoint) -> Leaf[Endpoint]:
    """Return the leaf whose other methods go to somebody else; HEAD, too, where no route has it."""
    head = leaf.methods.get("HEAD")
    methods = dict(leaf.methods)
    if head is None or head.route is None:
        methods["HEAD"] = head_of(other)
    return Leaf(methods, other)


def _clash(part: Part | ForeignPart, template: PathTemplate, leaf: Leaf[Endpoint]) -> ConfigurationError:
    routes = [endpoint.route for endpoint in leaf.methods.values() if endpoint.route is not None]
    other = routes[0].describe() if routes and routes[0].interface is None else "those of another mount"
    place = part.foreign.location if isinstance(part, ForeignPart) else part.location
    return ConfigurationError(
        f"mount({part.prefix or '/'!r}, ...) ({place}): {template.text} matches the same paths as {other}. "
        "Fix: change one of the two paths"
    )


def all_lifespans(parts: Sequence[Part]) -> tuple[Lifespan, ...]:
    """Return the app-scoped dependencies of all parts as lifespans, and behind them the parts' own lifespans.

    Raises:
        ConfigurationError: a lifespan needs what it cannot have.
    """
    own = _lifespans_of(parts)  # which may need more of the others
    nodes = [node for graphs in dict.fromkeys(part.frame.graphs for part in parts) for node in graphs.app_scoped()]
    if nodes:
        from hinge.dependencies.app_scope import lifespan_of  # noqa: PLC0415 - only an app with some pays for it

        own = (*map(lifespan_of, nodes), *own)
    kept = {
        id(found): found for part in parts if (found := part.frame.sessions) is not None and found.store is not None
    }
    if kept:
        from hinge.sessions.compiled import closing  # noqa: PLC0415 - as above

        own = (*(one for found in kept.values() for one in closing(found)), *own)
    return own


def unknown_overrides(parts: Sequence[Part]) -> list[str]:
    """Return a line for each override of what neither a route nor a lifespan needs.

    Raises:
        ConfigurationError: a lifespan needs what it cannot have.
    """
    if any(part.frame.graphs.overriding.unused() for part in parts):
        _lifespans_of(parts)  # what these need counts too
    return not_needed(one for part in parts for one in part.frame.graphs.overriding.unused())


def _lifespans_of(parts: Sequence[Part]) -> tuple[Lifespan, ...]:
    """Return the lifespans of all parts, outermost first; each app's run once, wherever it is mounted."""
    found: list[Lifespan] = []
    seen: set[int] = set()
    for part in parts:
        if id(part.declared) in seen:
            continue
        seen.add(id(part.declared))
        key = part.frame.mounted
        ready = [_given(one, part) for one in part.declared.lifespans]
        found += [one if key is None else _of_mounted(one, part.app, key) for one in ready]
        for one in part.declared.foreign:
            lifespan = None if id(one.app) in seen else one.lifespan(key)
            seen.add(id(one.app))
            found += [] if lifespan is None else [lifespan]
    return tuple(found)


def _given(lifespan: Lifespan, part: Part) -> Lifespan:
    """Return a lifespan that is given what it needs."""
    if not lifespan.needs:
        return lifespan
    from hinge.dependencies.app_scope import given  # noqa: PLC0415 - as above

    who, graphs = f"lifespan {lifespan.name} ({lifespan.location})", part.frame.graphs
    nodes = {
        need.name: graphs.node_for(need.marker, f"{who}: parameter {need.name!r}", need.annotation, part.frame.notes)
        for need in lifespan.needs
    }
    return given(lifespan, nodes)


def _of_mounted(lifespan: Lifespan, app: Any, key: str) -> Lifespan:
    return replace(lifespan, start=partial(_start, lifespan, app), mounted=key)


def _start(lifespan: Lifespan, app: Any, outermost: Any) -> Any:
    """Give a lifespan the app that it was registered with."""
    return lifespan.start(app)
