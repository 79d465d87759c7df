"""A provider's value outside of requests: for commands, tasks of a queue, a shell.

Law: what is entered for the block is left behind it, app-scoped providers too: a block shares nothing with a worker or
with another block. What takes something of a request cannot be had here.
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
from hinge.dependencies.slots import filled
from hinge.dependencies.steps import Step, step_of
from hinge.diagnostics.location import caller
from hinge.errors import ConfigurationError
from hinge.inspection.signature import Colour


class Resolved:
    """`async with app.resolve(f) as value`, or `with` where nothing of it is async."""

    def __init__(
        self, app: Any, provider: Any, ignored_notes: tuple[type, ...], overrides: tuple[Override, ...] = ()
    ) -> None:
        self._where = caller()
        marker, kind = marked(provider, "app.resolve", self._where)
        self._steps = _steps(app, marker, kind, self._where, Notes(ignored_notes), Overriding(own=overrides))
        self._values: list[Any] = []
        self._exits: list[Entered] = []

    def __enter__(self) -> Any:
        for step in self._steps:
            if step.is_async:
                raise ConfigurationError(
                    f"app.resolve(...) ({self._where}): {step.who} is async. Fix: async with app.resolve(...)"
                )
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
        await mixed_guards(self._steps, _HERE)(self._values, self._exits)
        return self._values[-1]

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        tell(await leave_all(self._exits, error, _HERE), error)

    def _begin(self) -> Self:
        if self._values:
            raise RuntimeError("a block of app.resolve(...) is entered once. Fix: call it again")
        return self


async def _here(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


_HERE = Hops(_here, _here, nullcontext)
"""A command waits for nobody else: plain providers are called where it runs."""


def _steps(app: Any, marker: Dependency, kind: Any, where: str, notes: Notes, overriding: Overriding) -> list[Step]:
    graphs = Graphs(overriding)
    order = graphs.order_of(marker, kind, f"app.resolve(...) ({where})", notes)
    lives = [_life(app, node) for node in graphs.app_scoped()]
    places = {node: len(lives) + index for index, node in enumerate(order)}
    return [*lives, *(_step(node, places, where) for node in order)]


def _life(app: Any, node: Node) -> Step:
    """Return what fills the cell of an app-scoped provider, and clears it when it is left."""
    lifespan = lifespan_of(node)
    colour = Colour.ASYNC_GENERATOR if lifespan.is_async else Colour.SYNC_GENERATOR
    return step_of(lambda values: lifespan.start(app), colour, node.provider.describe())


def _step(node: Node, places: dict[Node, int], where: str) -> Step:
    provider = node.provider
    if node.cell is not None:
        get = node.cell.get
        return step_of(lambda values: get(), None, provider.describe())
    for one in provider.arguments:
        if one.source is not Source.DEPENDENCY:
            raise ConfigurationError(
                f"app.resolve(...) ({where}): {provider.describe()} takes the {one.source.value} {one.alias!r} of a "
                "request, and there is none. Fix: resolve what it needs, and call it"
            )
    own = {name: places[needed] for name, needed in node.needs.items()}
    return step_of(filled(provider.function, provider.arguments, own), provider.colour, provider.describe())
