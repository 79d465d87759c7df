"""Declared routes -> the frozen app that a backend compiles.

Law: nothing is registered after this. Every handler is planned, every path gets its automatic answers (HEAD with GET,
OPTIONS, 405), and every mistake is found, not just the first.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from msgspec.structs import replace

from hinge.backend.contract import Backend, Feature
from hinge.binding.callback_mistakes import callback_mistakes
from hinge.binding.documented import Documented
from hinge.binding.notes import Notes
from hinge.binding.params import Dependency
from hinge.binding.plan import HandlerPlan, Source, plan_handler
from hinge.binding.value_readers import check
from hinge.codecs import Codec, is_of_msgspec
from hinge.compiling import automatic
from hinge.compiling.frozen import Endpoint, Leaf, head_of
from hinge.config import Config
from hinge.dependencies.graph import Graphs, Needs
from hinge.dependencies.overrides import Overriding
from hinge.dependencies.provider import key_of
from hinge.diagnostics.location import placed
from hinge.error_responses import ErrorHandlers
from hinge.errors import ConfigurationError, HTTPError
from hinge.inspection.annotations import class_of, members
from hinge.inspection.signature import Colour, colour_of
from hinge.inspection.wrappers import refuse_outer
from hinge.middleware.layer import Layer, preflight_layer
from hinge.middleware.yield_guard import may_be_guarded
from hinge.responses.response import Response
from hinge.results.encodable import check_encodable
from hinge.results.result import Results
from hinge.routing import Route, RouteTable

if TYPE_CHECKING:
    from hinge.observability.observer import Observer
    from hinge.sessions.sessions import Sessions


class Frame(msgspec.Struct, frozen=True):
    """What all endpoints of an app share."""

    config: Config
    errors: ErrorHandlers
    layers: tuple[Layer, ...]
    url_for: Callable[..., str]
    codecs: tuple[Codec, ...] | None = None
    """What the app enables for bodies and results; None: bodies of the usual ones, and results as JSON."""
    mounted: str | None = None
    """Under which key the state of a mounted app is kept; None: it is the outermost."""
    notes: Notes = msgspec.field(default_factory=Notes)
    dependencies: tuple[Dependency, ...] = ()
    """What runs before every handler."""
    graphs: Graphs = msgspec.field(default_factory=Graphs)
    """The providers of all apps that are compiled together."""
    described: set[Documented] = msgspec.field(default_factory=set)
    """Those `responses` of several routes that were judged."""
    sessions: "Sessions | None" = None
    """The app's own, or those of the app around it."""
    observers: "tuple[Observer, ...]" = ()
    """Those of the apps around it, then its own."""

    def guards_of(self, route: Route) -> list[Dependency]:
        """Return what runs before a route's handler without giving it anything, outermost first.

        Raises:
            ConfigurationError: it goes without what is not there.
        """
        found = [*(self.dependencies if route.probe is None else ()), *route.dependencies]
        there = {key_of(one.provider) for one in found if one.provider is not None}
        for one in route.without:
            if key_of(one) not in there:
                raise ConfigurationError(
                    f"{route.describe()}: without= names {placed(one)}, which no dependencies= around it has. "
                    "Fix: drop it, or name the function that Depends names"
                )
        gone = {*map(key_of, route.without)}
        return [one for one in found if one.provider is None or key_of(one.provider) not in gone]

    def endpoint(self, route: Route, plan: HandlerPlan, guards: Sequence[Dependency] = ()) -> Endpoint:
        """Return the endpoint of a route.

        Raises:
            ConfigurationError: no codec encodes its results, or what the handler needs cannot be had.
        """
        if self.codecs is not None and not route.websocket:
            from hinge.compiling.negotiated import negotiated  # noqa: PLC0415 - only an app that names codecs pays for it

            plan = negotiated(plan, self.codecs, route.status)
        if route.probe is not None:
            plan = replace(plan, handler=route.probe(self.graphs, self.notes))
        layers = self.layers + route.layers
        if guards or plan.needs_dependencies:
            plan = self._composed(route, plan, guards, is_written_to=bool(layers))
        if plan.session is not None:
            layers = (*layers, self._session_layer(plan))
        errors = self.errors
        if plan.composed is not None and (schemes := plan.composed.needs.schemes):
            from hinge.security.refusals import Challenging  # noqa: PLC0415 - only routes with schemes pay for it

            errors = Challenging(errors, schemes)  # type: ignore[arg-type]  # there are no others
        limit = self.config.max_body_size if route.max_body_size is None else route.max_body_size
        return Endpoint(
            plan,
            route.template.names,
            self.config,
            errors,
            self.url_for,
            layers,
            route,
            route.status,
            max_body_size=limit,
            mounted=self.mounted,
            ignored=self.notes.ignored,
            types=self.notes.types,
            observers=self.observers,
        )

    def _composed(
        self, route: Route, plan: HandlerPlan, guards: Sequence[Dependency], *, is_written_to: bool
    ) -> HandlerPlan:
        from hinge.dependencies.answering import answering  # noqa: PLC0415
        from hinge.dependencies.compose import composed  # noqa: PLC0415 - only routes with dependencies pay for it
        from hinge.dependencies.plain import Finish, Finishing  # noqa: PLC0415

        names = route.template.names
        where = f"{', '.join(sorted(route.methods)) or 'WEBSOCKET'} {route.template.text} ({route.location})"
        needs = self.graphs.needs_of(plan, guards, names, self.notes, where)
        scopes = _scopes_of(route, plan, needs, self.graphs.overriding)
        names = names if route.interface is None else ()  # nobody has to take the rest of the path
        if route.websocket:
            return composed(plan, needs, names, Finish(), websocket=True, scopes=scopes)
        taken = needs.sources_with(plan)
        respond = Results(plan.returned, route.status, written_to=is_written_to or Source.SESSION in taken).respond
        if Source.ANSWER in taken:
            plan = answering(plan, respond)
        return composed(plan, needs, names, Finishing(plan.returned, respond), websocket=False, scopes=scopes)

    def _session_layer(self, plan: HandlerPlan) -> Layer:
        """Return what loads and keeps the session that a handler takes, or something that it needs.

        Raises:
            ConfigurationError: the app has no sessions, or what is taken is none.
        """
        from hinge.sessions.compiled import layer_for  # noqa: PLC0415 - only routes with a session pay for it

        return layer_for(self.sessions, plan)

    def automatic(self, handler: Callable[..., Any]) -> Endpoint:
        """Return the endpoint of an answer that the framework gives by itself."""
        plan = plan_handler(handler, (), inline=True)
        limit = self.config.max_body_size
        return Endpoint(
            plan,
            (),
            self.config,
            self.errors,
            self.url_for,
            self.layers,
            max_body_size=limit,
            mounted=self.mounted,
            observers=self.observers,
        )

    def refusing(self, make: Callable[[], HTTPError]) -> Callable[[], Response]:
        """Return what answers with an error, which is raised only if something of the app's may see errors.

        Hooks, and a middleware whose yield is in no `try`, get the error's response anyway, a copy that they may change
        (`Endpoint.results`). One response serves all requests.
        """
        seen = any(
            layer.hooks is None and (not layer.written or may_be_guarded(layer.written[0].function))
            for layer in self.layers
        )
        if seen or self.errors.tells(HTTPError):

            def refuse() -> Response:
                raise make()

            return refuse
        response = self.errors.problem(make())
        return lambda: response


def _scopes_of(route: Route, plan: HandlerPlan, needs: Needs, overriding: Overriding) -> Any:
    """Return what `SecurityScopes` stands for on a route; None: it has no scopes and nobody asks.

    What a test has put in place of a provider need not judge them; what an app has, must.

    Raises:
        ConfigurationError: its scopes are nobody's to judge, or its schemes do not have them.
    """
    providers = [node.provider.arguments for node in needs.order]
    is_taken = any(one.source is Source.SCOPES for arguments in (plan.arguments, *providers) for one in arguments)
    if not (is_taken or needs.scopes):
        return None
    is_taken = is_taken or any(overriding.is_clients(node.provider.function) for node in needs.order)
    from hinge.security.scopes import scopes_of  # noqa: PLC0415 - only routes with scopes pay for it

    return scopes_of(route.describe(), needs.scopes, needs.schemes, is_taken=is_taken)


class Judged(NamedTuple):
    """A declared route: its endpoint, None if it cannot be planned, and a line for everything that is wrong with it."""

    route: Route
    endpoint: Endpoint | None
    mistakes: list[str]


def judge(route: Route, frame: Frame) -> Judged:
    """Plan a route's handler, and find whether its parameters can come from their sources inside its middleware."""
    try:
        refuse_outer(route.handler, route.describe())
        guards = frame.guards_of(route)
        plan = plan_handler(
            route.handler,
            route.template.names if route.interface is None else (),  # which reads its path by itself
            inline=route.inline,
            own_loop=route.loop == "thread",
            websocket=route.websocket,
            notes=frame.notes,
            has_dependencies=bool(guards),
        )
        endpoint = frame.endpoint(route, plan, guards)
    except ConfigurationError as error:
        return Judged(route, None, [str(error)])
    mistakes = [
        mistake
        for layer in route.layers
        for written in layer.written
        for mistake in callback_mistakes(written, frame.notes)
    ]
    mistakes += (misplaced(layer, route.describe()) for layer in route.layers if layer.outermost)
    eager = next((layer for layer in endpoint.layers if layer.needs_body), None)
    body = endpoint.plan.body
    if endpoint.plan.streams_body and body is not None and eager is not None:
        mistakes.append(
            f"{plan.describe()}: parameter {body.name!r} reads the body as it arrives, but middleware "
            f"{eager.name} ({eager.location}) needs the whole of it before. Fix: drop one of the two"
        )
    try:
        check(endpoint.plan)
        if not route.websocket:
            # As for bodies: a request may ask for any of the codecs, so each of msgspec's has to know the result.
            offers = endpoint.plan.offers
            own_codecs = bool(offers) and not any(is_of_msgspec(codec.encode) for codec in offers)
            check_encodable(plan.returns, plan.describe(), own_codecs=own_codecs, types=plan.types)
    except ConfigurationError as error:
        mistakes.append(str(error))
    return Judged(route, endpoint, [*mistakes, *_undescribed(route, endpoint.plan, frame)])


def _undescribed(route: Route, plan: HandlerPlan, frame: Frame) -> list[str]:
    """Return a line for each `responses=` that no document can say, those of several routes once."""
    shared = route.documented if plan.composed is None else (*route.documented, *plan.composed.needs.documented)
    if route.responses is None and not shared:
        return []
    from hinge.openapi.responses import check_documented  # noqa: PLC0415 - only such routes pay for it

    mistakes = []
    own = None if route.responses is None else Documented(route.responses, route.describe())
    for one in [one for one in shared if one not in frame.described] + ([] if own is None else [own]):
        frame.described.add(one)
        try:
            check_documented(one, plan.types)
        except ConfigurationError as error:
            mistakes.append(str(error))
    return mistakes


def unmet_needs(judged: Iterable[Judged], backend: Backend) -> list[str]:
    """Return a line for each need of a route that the backend does not meet: handler, place, path, feature, fix."""
    found = []
    for route, endpoint, _ in judged:
        need = unmet_need(route, endpoint, backend.features)
        if need is not None:
            other, status = _INSTEAD[need]
            found.append(
                f"{route.describe()}: {route.template.text} needs {need.value}, which backend {backend.name!r} does "
                f"not have. Fix: use a backend that {other}, or skip_unsupported to answer {status} there"
            )
    return found


def misplaced(layer: Layer, who: str) -> str:
    """Return the line about a layer that something is around, which would see what the proxy has hidden."""
    return (
        f"{who}: middleware {layer.name} changes what all others see of a request. Fix: "
        f"App(middleware=[{layer.name.rpartition('.')[2]}(...), ...]), first, and on the outermost app"
    )


def uncancelled(judged: Iterable[Judged], backend: Backend) -> list[str]:
    """Return a line for each handler that has the server's thread, inside a layer that would have to end it."""
    if backend.interface != "wsgi":
        return []
    found = []
    for route, endpoint, _ in judged:
        layer = next((layer for layer in endpoint.layers if layer.cancels), None) if endpoint is not None else None
        colour = colour_of(route.handler)  # whatever that of its dependencies is
        if layer is None or route.inline:
            continue
        if colour not in (Colour.ASYNC, Colour.ASYNC_GENERATOR):
            found.append(
                f"{route.describe()}: middleware {layer.name} ({layer.location}) cannot end a `def` handler on backend "
                f"{backend.name!r}: it has the server's thread. Fix: `async def`, or inline=True if it never waits"
            )
    return found


_INSTEAD = {Feature.WEBSOCKET: ("has them (asgi)", 426), Feature.STREAMING: ("has it (wsgi, asgi)", 501)}
"""Which backends have it, and what is answered by one that has not."""


def unmet_need(route: Route, endpoint: Endpoint | None, features: frozenset[Feature]) -> Feature | None:
    """Return the Feature that a route cannot do without and that is not there, None if nothing is missing."""
    if route.websocket:
        return None if Feature.WEBSOCKET in features else Feature.WEBSOCKET
    if Feature.STREAMING not in features and endpoint is not None and _declares_events(route, endpoint.plan):
        return Feature.STREAMING
    return None


def _declares_events(route: Route, plan: HandlerPlan) -> bool:
    """Tell whether an event stream is among what a route declares as its answers."""
    from hinge.responses.events import EventSourceResponse  # noqa: PLC0415 - only backends without STREAMING ask

    responses = route.responses if isinstance(route.responses, Mapping) else {}  # anything else was told
    kinds = [class_of(member) for one in (plan.returns, *responses.values()) for member in members(one)]
    return any(isinstance(kind, type) and issubclass(kind, EventSourceResponse) for kind in kinds)


def http_table(
    served: Iterable[tuple[Route, Endpoint]], frame: Frame, features: frozenset[Feature]
) -> RouteTable[Leaf[Endpoint]]:
    """Return the table of all paths that answer HTTP.

    A WebSocket's path answers GET with 426, and an event stream that cannot be served is answered with 501.
    """
    declared: RouteTable[dict[str, Endpoint]] = RouteTable()
    upgrades = []
    for route, endpoint in served:
        if route.websocket:
            upgrades.append(route.template)
            continue
        methods = declared.get(route.template)
        if methods is None:
            methods = {}
            declared.add(route.template, methods)
        unmet = unmet_need(route, endpoint, features) is not None
        methods.update(dict.fromkeys(route.methods, frame.automatic(automatic.not_streamed) if unmet else endpoint))
    for template in upgrades:
        methods = declared.get(template)
        if methods is None:
            methods = {}
            declared.add(template, methods)
        methods.setdefault("GET", frame.automatic(automatic.upgrade_required))

    @cache
    def own_answers(names: frozenset[str]) -> Automatic:
        return Automatic.of(names, frame)

    return declared.map(lambda methods: complete(methods, own_answers))


class Automatic(NamedTuple):
    """The framework's own answers at a path; all paths with the same methods share them."""

    options: Endpoint
    otherwise: Endpoint
    otherwise_head: Endpoint

    @classmethod
    def of(cls, names: frozenset[str], frame: Frame) -> "Automatic":
        """Return the answers of a path that has these methods."""
        otherwise = frame.automatic(automatic.method_not_allowed(names, frame.refusing))
        return cls(frame.automatic(automatic.options(names)), otherwise, head_of(otherwise))


def complete(methods: dict[str, Endpoint], own_answers: Callable[[frozenset[str]], Automatic]) -> Leaf[Endpoint]:
    """Return the leaf of a path: its declared methods and the automatic ones."""
    full = dict(methods)
    if "GET" in full and "HEAD" not in full:
        full["HEAD"] = head_of(full["GET"])
    elif "HEAD" in full:
        full["HEAD"] = head_of(full["HEAD"])
    own = own_answers(frozenset({*full, "OPTIONS"}))
    full.setdefault("OPTIONS", own.options)
    full.setdefault("HEAD", own.otherwise_head)
    if (layer := preflight_layer(full)) is not None:
        options, shared = full["OPTIONS"], len(own.options.layers)
        layers = (*options.layers[:shared], layer, *options.layers[shared:])
        full["OPTIONS"] = replace(options, layers=layers)
    return Leaf(full, own.otherwise)


def anything(handler: Callable[..., Any], frame: Frame) -> Leaf[Endpoint]:
    """Return the leaf that gives one automatic answer to every method, without its body to HEAD."""
    endpoint = frame.automatic(handler)
    return Leaf({"HEAD": head_of(endpoint)}, endpoint)


def websocket_table(served: Iterable[tuple[Route, Endpoint]]) -> RouteTable[Endpoint]:
    """Return the table of all WebSocket paths."""
    table: RouteTable[Endpoint] = RouteTable()
    for route, endpoint in served:
        if route.websocket:
            table.add(route.template, endpoint)
    return table
