"""A provider's value outside of requests: for commands, tasks of a queue, a shell.

Law: what is entered for a block is left behind it. `app.resolve` enters app-scoped providers too, so its block shares
nothing; blocks of one `app.resolver` share those, as the requests of a worker do. What takes something of a request
cannot be had here.
"""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, Self

from hinge.binding.notes import Notes
from hinge.binding.params import Dependency
from hinge.binding.plan import Source
from hinge.dependencies.app_scope import lifespan_of
from hinge.dependencies.graph import Graphs, Node
from hinge.dependencies.hops import Hops
from hinge.dependencies.leaving import Entered, leave, tell
from hinge.dependencies.mixed import leave_all, mixed_guards
from hinge.dependencies.overrides import Override, Overriding
from hinge.dependencies.plain import run_steps
from hinge.dependencies.provided import marked
from hinge.dependencies.provider import key_of
from hinge.dependencies.slots import filled
from hinge.dependencies.steps import Step, step_of
from hinge.diagnostics.kinds import shown
from hinge.diagnostics.location import caller
from hinge.errors import ConfigurationError
from hinge.inspection.signature import Colour


class Resolved:
    """A block with a value: `async with block as value`, or `with` where nothing of it is async."""

    def __init__(self, steps: list[Step], who: str, hops: Hops | None = None) -> None:
        self._steps = steps
        self._who = who
        self._hops = hops or _HERE
        self._values: list[Any] = []
        self._exits: list[Entered] = []

    def __enter__(self) -> Any:
        for step in self._steps:
            if step.is_async:
                raise ConfigurationError(f"{self._who}: {step.who} is async. Fix: async with")
        self._begin()
        try:
            run_steps(self._steps, self._values, self._exits)
        except BaseException as error:
            tell(leave(self._exits, error), error)
            raise
        return self._values[-1]

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        tell(leave(self._exits, error), error)

    async def __aenter__(self) -> Any:
        self._begin()
        await mixed_guards(self._steps, self._hops)(self._values, self._exits)
        return self._values[-1]

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        tell(await leave_all(self._exits, error, self._hops), error)

    def _begin(self) -> Self:
        if self._values:
            raise RuntimeError(f"{self._who}: a block is entered once. Fix: make another")
        return self


class Resolver(Resolved):
    """A block in which app-scoped providers live, whose value makes blocks with the values of others."""

    def __init__(
        self, app: Any, providers: tuple[Any, ...], ignored_notes: tuple[type, ...], overrides: tuple[Override, ...]
    ) -> None:
        where = caller()
        who = f"app.resolver(...) ({where})"
        if not providers:
            raise ConfigurationError(f"{who}: it is given no provider. Fix: app.resolver(f, g), what is to be resolved")
        lives, orders = _planned(
            app, providers, ("app.resolver", where), Notes(ignored_notes), Overriding(own=overrides)
        )
        self._steps_of = {key: _steps(order, 0, who) for key, order in orders.items()}
        super().__init__([*lives, step_of(lambda values: self._resolve, None, who)], who)

    def _resolve(self, provider: Any) -> Resolved:
        """Return the block of one of the providers that the resolver was given; raises ConfigurationError of others."""
        where = caller()
        who = f"resolve(...) ({where})"
        steps = self._steps_of.get(_key(*marked(provider, "resolve", where)))
        if steps is None:
            raise ConfigurationError(f"{who}: {self._who} was not given {shown(provider)}. Fix: give it that, too")
        return Resolved(steps, who)


def resolved(
    app: Any, provider: Any, ignored_notes: tuple[type, ...], overrides: tuple[Override, ...] = ()
) -> Resolved:
    """Return the block of a provider in which the app-scoped ones live as well."""
    where = caller()
    lives, orders = _planned(app, (provider,), ("app.resolve", where), Notes(ignored_notes), Overriding(own=overrides))
    (order,) = orders.values()
    who = f"app.resolve(...) ({where})"
    return Resolved([*lives, *_steps(order, len(lives), who)], who)


def shared_blocks(provider: Any, graphs: Graphs, notes: Notes, who: str, hops: Hops) -> Callable[[], Resolved]:
    """Return what makes blocks of a provider in a worker, whose app-scoped values they share: `async with`.

    Plain code runs as `hops` say.

    Raises:
        ConfigurationError: it is no provider, or needs something of a request.
    """
    marker, kind = marked(provider, who, who)
    steps = _steps(graphs.order_of(marker, kind, who, notes), 0, who)
    return lambda: Resolved(steps, who, hops)


async def _here(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


_HERE = Hops(_here, _here, nullcontext)
"""A command waits for nobody else: plain providers are called where it runs."""


def _key(marker: Dependency, kind: Any) -> Any:
    return key_of(kind if marker.provider is None else marker.provider)


def _planned(
    app: Any, providers: tuple[Any, ...], call: tuple[str, str], notes: Notes, overriding: Overriding
) -> tuple[list[Step], dict[Any, list[Node]]]:
    """Return the lives of what is app-scoped, and each provider's order; `call` is the method's name and the place."""
    graphs = Graphs(overriding)
    orders: dict[Any, list[Node]] = {}
    for provider in providers:
        marker, kind = marked(provider, *call)
        orders[_key(marker, kind)] = graphs.order_of(marker, kind, f"{call[0]}(...) ({call[1]})", notes)
    return [_life(app, node) for node in graphs.app_scoped()], orders


def _life(app: Any, node: Node) -> Step:
    """Return what fills the cell of an app-scoped provider, and clears it when it is left."""
    lifespan = lifespan_of(node)
    colour = Colour.ASYNC_GENERATOR if lifespan.is_async else Colour.SYNC_GENERATOR
    return step_of(lambda values: lifespan.start(app), colour, node.provider.describe())


def _steps(order: list[Node], first: int, who: str) -> list[Step]:
    """Return the calls of an order whose values begin at a place."""
    places = {node: first + index for index, node in enumerate(order)}
    return [_step(node, places, who) for node in order]


def _step(node: Node, places: dict[Node, int], who: str) -> Step:
    provider = node.provider
    if node.cell is not None:
        get = node.cell.get
        return step_of(lambda values: get(), None, provider.describe())
    for one in provider.arguments:
        if one.source is not Source.DEPENDENCY:
            raise ConfigurationError(
                f"{who}: {provider.describe()} takes the {one.source.value} {one.alias!r} of a "
                "request, and there is none. Fix: resolve what it needs, and call it"
            )
    own = {name: places[needed] for name, needed in node.needs.items()}
    return step_of(filled(provider.function, provider.arguments, own), provider.colour, provider.describe())
