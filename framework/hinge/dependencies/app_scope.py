"""App-scoped providers: made once in a worker, in its lifespan, and ended with it.

Law: they are lifespans that yield nothing and fill a cell. What is needed starts before who needs it, and stops after.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from hinge.binding.plan import Source
from hinge.dependencies.cells import Cell
from hinge.dependencies.graph import Node
from hinge.dependencies.provider import Provider
from hinge.inspection.signature import Colour
from hinge.lifespan import Lifespan


def lifespan_of(node: Node, cell: Cell) -> Lifespan:
    """Return the lifespan of an app-scoped provider, which fills the cell."""
    provider = node.provider
    start = _STARTS[provider.colour]
    called = _called(node)
    return Lifespan(
        lambda app: start(provider, cell, called(app)),
        is_async=provider.is_async,
        name=provider.name,
        location=provider.location,
    )


def _called(node: Node) -> Callable[[Any], Any]:
    """Return what calls a provider, given the app."""
    provider = node.provider
    positional = [(one, _getter(node, one.name)) for one in provider.arguments if not one.keyword]
    keywords = [(one, _getter(node, one.name)) for one in provider.arguments if one.keyword]

    def called(app: Any) -> Any:
        return lambda: provider.function(
            *(get(app) for _, get in positional), **{k.name: get(app) for k, get in keywords}
        )

    return called


def _getter(node: Node, name: str) -> Callable[[Any], Any]:
    argument = next(one for one in node.provider.arguments if one.name == name)
    if argument.source is not Source.DEPENDENCY:
        return lambda app: app  # the graph lets nothing else through
    cell: Any = node.needs[name].cell
    return lambda app: cell.get()


def _plain(_: Provider, cell: Cell, call: Callable[[], Any]) -> Iterator[None]:
    cell.fill(call())
    yield
    cell.clear()


async def _async(_: Provider, cell: Cell, call: Callable[[], Any]) -> AsyncIterator[None]:
    cell.fill(await call())
    yield
    cell.clear()


def _generator(provider: Provider, cell: Cell, call: Callable[[], Any]) -> Iterator[None]:
    generator = call()
    try:
        cell.fill(next(generator))
    except StopIteration:
        raise provider.misuse("it ended without a yield. Fix: yield once") from None
    yield
    cell.clear()
    for _ in generator:
        generator.close()
        raise provider.misuse("it yielded a second time. Fix: yield once")


async def _async_generator(provider: Provider, cell: Cell, call: Callable[[], Any]) -> AsyncIterator[None]:
    generator = call()
    try:
        cell.fill(await anext(generator))
    except StopAsyncIteration:
        raise provider.misuse("it ended without a yield. Fix: yield once") from None
    yield
    cell.clear()
    async for _ in generator:
        await generator.aclose()
        raise provider.misuse("it yielded a second time. Fix: yield once")


_STARTS: dict[Colour, Callable[[Provider, Cell, Callable[[], Any]], Any]] = {
    Colour.SYNC: _plain,
    Colour.ASYNC: _async,
    Colour.SYNC_GENERATOR: _generator,
    Colour.ASYNC_GENERATOR: _async_generator,
}
