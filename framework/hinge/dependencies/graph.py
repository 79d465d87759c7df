"""Who needs whom: the providers of a route in the order in which they are called.

Law: the order is flat and fixed at compile, what is needed before who needs it; each provider is once in it, however
many need it, unless it is not to be cached. A circle, a scope that outlives what it needs and a parameter that means
two things are told with the way that leads there.
"""

import inspect
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from hinge.binding.credentials import Credential
from hinge.binding.documented import Documented
from hinge.binding.mistakes import is_injected
from hinge.binding.notes import Notes
from hinge.binding.params import Dependency, Scope, split
from hinge.binding.plan import Argument, HandlerPlan, Source
from hinge.dependencies.cells import Cell
from hinge.dependencies.overrides import Override, Overriding
from hinge.dependencies.provided import differs, given_type
from hinge.dependencies.provider import Provider, key_of, provider_of, said
from hinge.dependencies.unseen import check_unseen
from hinge.diagnostics.location import qualified_name
from hinge.errors import ConfigurationError
from hinge.inspection.annotations import class_of

_OF_BODY = (Source.BODY, Source.STREAM, Source.FORM)


class Node(msgspec.Struct, frozen=True, eq=False):
    """One call of a provider: for a request, or for the worker's life."""

    provider: Provider
    needs: Mapping[str, "Node"]
    """What fills those of its parameters that are dependencies, by their names."""
    is_guard: bool = False
    takes_body: bool = False
    """Whether it, or what it needs, takes the body."""
    cell: Cell | None = None
    """Where the value of an app-scoped one is; None: it is called for each request."""
    scheme: Credential | None = None
    """The security scheme that `Depends` names here, whatever a test has put in its place."""

    @property
    def credential(self) -> Credential | None:
        """What reads its value, so that nothing is called; None: its provider is called."""
        function = self.provider.function
        return function if isinstance(function, Credential) else None


class Needs(msgspec.Struct, frozen=True, eq=False):
    """What a route needs."""

    order: tuple[Node, ...]
    """Everything that is called, guards and what they need first."""
    guards: int
    """How many of them stand before the body."""
    of_handler: Mapping[str, Node]
    """What fills the handler's own parameters that are dependencies."""
    unseen: tuple[Node, ...] = ()
    """Those of `dependencies=`, at whose values nobody looks."""
    documented: tuple[Documented, ...] = ()
    """The `responses` that were named with them, in the order of the calls."""
    scopes: tuple[str, ...] = ()
    """What all of them want of whoever asks, each once."""

    @property
    def schemes(self) -> tuple[Credential, ...]:
        """The security schemes among them, each once."""
        return tuple({id(node.scheme): node.scheme for node in self.order if node.scheme is not None}.values())

    def sources_with(self, plan: HandlerPlan) -> set[Source]:
        """Return where all that providers take comes from, and what the handler takes."""
        every = (plan.arguments, *(node.provider.arguments for node in self.order))
        return {one.source for arguments in every for one in arguments}


class Graphs:
    """The providers of all apps that are compiled together; an app with overrides of its own has its own."""

    def __init__(self, overriding: Overriding | None = None) -> None:
        self.overriding = overriding or Overriding()
        self._scopes: dict[Hashable, tuple[Scope, str]] = {}
        self._sources: dict[tuple[Hashable, str], tuple[bool, str]] = {}
        self._cells: dict[Hashable, Node] = {}
        self._kept: list[Any] = []  # what is told apart by its id must not be replaced by another object

    def needs_of(
        self, plan: HandlerPlan, guards: Iterable[Dependency], path_names: Iterable[str], notes: Notes, route: str
    ) -> Needs:
        """Return what a handler and the guards before it need; `route` names it in messages.

        Raises:
            ConfigurationError: a provider is none, or cannot be called on this route.
        """
        walk = _Walk(self, frozenset(path_names), notes, plan.describe(), route)
        first = [walk.node(guard, Any, None, ()) for guard in guards]
        for node in first:
            check_unseen(node.provider)
        own = walk.needs(plan.arguments, ())
        return _ordered(walk, first, own)

    def order_of(self, marker: Dependency, kind: Any, who: str, notes: Notes) -> list[Node]:
        """Return what a dependency of some type needs outside of requests, itself last; raises as `needs_of`."""
        walk = _Walk(self, frozenset(), notes, who, who)
        walk.node(marker, kind, None, ())
        return walk.found

    def app_scoped(self) -> list[Node]:
        """Return the app-scoped providers that were met, what is needed before who needs it."""
        return list(self._cells.values())

    def node_for(self, marker: Dependency, who: str, annotation: Any, notes: Notes) -> Node:
        """Return the node of an app-scoped dependency of a parameter `who` of something that is no handler.

        Raises:
            ConfigurationError: it is of a request, or none.
        """
        kind = Any if annotation is inspect.Parameter.empty else split(annotation)[1]
        node = _Walk(self, frozenset(), notes, who, who).node(marker, kind, who, ())
        if node.cell is None:
            raise ConfigurationError(
                f"{who} is {node.provider.describe()}, which is called for each request. "
                "Fix: Depends(..., scope='app') there"
            )
        return node

    def within(self, own: tuple[Override, ...]) -> "Graphs":
        """Return the providers of an app inside: the same, unless it has overrides of its own."""
        return Graphs(self.overriding.within(own)) if own else self

    # -- what a walk asks and tells ------------------------------------------------------------------------------------

    def replaced(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return what stands for a provider."""
        self._kept.append(function)
        override = self.overriding.of(key_of(function))
        return function if override is None else override.function

    def check_scope(self, function: Callable[..., Any], marker: Dependency) -> None:
        """Refuse a provider that has another scope elsewhere."""
        scope, place = self._scopes.setdefault(key_of(function), (marker.scope, marker.location))
        if scope != marker.scope:
            raise ConfigurationError(
                f"{said(function)}: its scope is {scope!r} at {place} and {marker.scope!r} at {marker.location}. "
                f"Fix: one Depends for both, as in X = Annotated[..., Depends(...)]"
            )

    def check_source(self, provider: Provider, route: str) -> None:
        """Refuse an unmarked parameter that is a part of the path on one route, and not on another."""
        for one in provider.arguments:
            if one.marker is None and one.source in (Source.PATH, Source.QUERY, Source.BODY):
                is_path = one.source is Source.PATH
                before, where = self._sources.setdefault((key_of(provider.named), one.name), (is_path, route))
                if before != is_path:
                    on_path, other = (route, where) if is_path else (where, route)
                    raise ConfigurationError(
                        f"{provider.describe()}: parameter {one.name!r} is in the path of {on_path}, and not in that "
                        f"of {other}. Fix: mark it, Path[...] or Query[...]"
                    )

    def shared(self, function: Callable[..., Any], make: Callable[[], Node]) -> Node:
        """Return the one node of an app-scoped provider."""
        key = key_of(function)
        if key not in self._cells:
            node = make()
            self._cells[key] = node
        return self._cells[key]


class _Walk:
    """One walk from a handler to all that it needs."""

    def __init__(self, graphs: Graphs, path_names: frozenset[str], notes: Notes, who: str, route: str) -> None:
        self.found: list[Node] = []
        self.documented: list[Documented] = []
        self._graphs = graphs
        self._path_names = path_names
        self._notes = notes
        self._who = who
        self._route = route
        self._nodes: dict[Hashable, Node] = {}
        self.guards: list[Node] = []
        """Those that are named as guards."""
        self.scopes: dict[str, None] = {}

    def needs(self, arguments: Iterable[Argument], way: tuple[Provider, ...]) -> dict[str, Node]:
        """Return what fills the dependencies among some arguments."""
        return {
            one.name: self.node(one.marker, one.type, self._parameter(one, way), way)
            for one in arguments
            if isinstance(one.marker, Dependency)
        }

    def _parameter(self, one: Argument, way: tuple[Provider, ...]) -> str:
        return f"{way[-1].describe() if way else self._who}: parameter {one.name!r}"

    def node(self, marker: Dependency, kind: Any, who: str | None, way: tuple[Provider, ...]) -> Node:
        """Return the node of a dependency that the parameter `who` of the last one of the `way` needs."""
        function = marker.provider or _class_of(kind, who or self._who)
        self._graphs.check_scope(function, marker)
        self._check_circle(function, way)
        _check_scheme(function, marker)
        if way and way[-1].scope == "app" and marker.scope != "app":
            raise ConfigurationError(
                f"{way[-1].describe()}: it is made once for all requests, and takes {said(function)}, which is called "
                f"for each of them{self._led(way[:-1])}. Fix: scope='app' there too, or take it in the handler"
            )
        if marker.scope == "app":
            node = self._graphs.shared(function, lambda: self._made(function, marker, frozenset(), way))
        else:
            key = key_of(function) if marker.cached else ("use", len(self.found), id(marker))
            if key not in self._nodes:
                node = self._made(function, marker, self._path_names, way)
                self._nodes[key] = node
            node = self._nodes[key]
        self.scopes |= dict.fromkeys(marker.scopes)
        if marker.is_guard:
            self.guards.append(node)
        is_inner = bool(way) and way[-1].scope == "app"  # of what the request does not call
        if node not in self.found and not is_inner:
            self.found.append(node)
        self.documented += marker.documented
        if who is not None and self._graphs.replaced(function) is function:
            given = given_type(node.provider)
            if marker.provider is not None and differs(given, kind):
                raise ConfigurationError(
                    f"{who} is annotated {_text(kind)}, and {node.provider.describe()} gives {_text(given)}. "
                    f"Fix: annotate both the same"
                )
        return node

    def _made(
        self, function: Callable[..., Any], marker: Dependency, path_names: frozenset[str], way: tuple[Provider, ...]
    ) -> Node:
        called = self._graphs.replaced(function)
        try:
            provider = provider_of(called, function, marker.scope, path_names, self._notes)
            if isinstance(called, Credential):
                provider = replace(provider, returns=called.gives, location=called.location)
        except ConfigurationError as error:
            raise ConfigurationError(f"{error}{self._led(way)}") from None
        if marker.scope == "request":
            self._graphs.check_source(provider, self._route)
        else:
            self._check_app_scoped(provider, way)
        needs = self.needs(provider.arguments, (*way, provider))
        return Node(
            provider,
            needs,
            is_guard=isinstance(function, Credential) or any(one.is_guard for one in needs.values()),
            takes_body=any(one.source in _OF_BODY for one in provider.arguments)
            or any(one.takes_body for one in needs.values()),
            cell=Cell(provider.describe()) if marker.scope == "app" else None,
            scheme=function if isinstance(function, Credential) else None,
        )

    def _check_circle(self, function: Callable[..., Any], way: tuple[Provider, ...]) -> None:
        keys = [key_of(one.named) for one in way]
        if key_of(function) in keys:
            circle = [*way[keys.index(key_of(function)) :], way[keys.index(key_of(function))]]
            text = " -> ".join(f"{one.name} ({one.location})" for one in circle)
            raise ConfigurationError(f"{said(function)}: it needs itself: {text}. Fix: break the circle")

    def _check_app_scoped(self, provider: Provider, way: tuple[Provider, ...]) -> None:
        for one in provider.arguments:
            if one.source is Source.DEPENDENCY or is_app(one.type):
                continue
            what = "a body" if one.source is Source.BODY else f"the {one.source.value}"
            kind = "what is injected" if is_injected(one.type) else what
            raise ConfigurationError(
                f"{provider.describe()}: parameter {one.name!r}: it is made once for all requests, and {kind} is one "
                f"request's{self._led(way)}. Fix: Depends(...) of scope 'app', or functools.partial for a fixed value"
            )

    def _led(self, way: tuple[Provider, ...]) -> str:
        """Return who needs what a message is about."""
        needed = [one.describe() for one in reversed(way)] + [self._who]
        return f" (needed by {', by '.join(needed)})"


def _check_scheme(function: Callable[..., Any], marker: Dependency) -> None:
    """Refuse a security scheme that is named by its class, or is to be read once a worker."""
    if isinstance(function, type) and issubclass(function, Credential):
        raise ConfigurationError(
            f"Depends({function.__name__}) ({marker.location}): it is the class of a security scheme. "
            f"Fix: Depends({function.__name__}(...)), which makes one"
        )
    if isinstance(function, Credential) and marker.scope == "app":
        raise ConfigurationError(
            f"{said(function)}: it reads each request, and its scope is 'app' at {marker.location}. Fix: drop scope"
        )


def is_app(kind: Any) -> bool:
    """Tell whether a type is that of the app, which app-scoped providers may take."""
    return isinstance(kind, type) and f"{kind.__module__}.{kind.__qualname__}" == "hinge.app.App"


def _class_of(kind: Any, who: str) -> Callable[..., Any]:
    found = class_of(kind)
    if not isinstance(found, type) or kind is Any:
        raise ConfigurationError(
            f"{who}: Depends() takes what the annotation names, and {_text(kind)} is no class. Fix: Depends(f)"
        )
    return found


def _text(kind: Any) -> str:
    return qualified_name(kind).rpartition(".")[2] if isinstance(kind, type) else str(kind).replace("typing.", "")


def _ordered(walk: _Walk, guards: list[Node], of_handler: dict[str, Node]) -> Needs:
    """Return all nodes, those before the body first: guards and what they need.

    What needs a guard is one, unless it takes the body and so cannot be.
    """
    found = walk.found
    before: set[Node] = set()
    waiting = [*guards, *walk.guards, *(node for node in found if node.is_guard and not node.takes_body)]
    while waiting:
        node = waiting.pop()
        if node not in before:
            before.add(node)
            waiting += node.needs.values()
    first = [node for node in found if node in before]  # without what an app-scoped one needs
    order = (*first, *(node for node in found if node not in before))
    return Needs(order, len(first), of_handler, tuple(guards), tuple(walk.documented), tuple(walk.scopes))
