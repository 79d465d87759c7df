"""App-scoped providers: made once in a worker, in its lifespan, and ended with it.

Law: they are lifespans that yield nothing and fill a cell. What is needed starts before who needs it, and stops after.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import partial
from typing import Any

from msgspec.structs import replace

from hinge.binding.plan import Source
from hinge.dependencies.cells import Cell
from hinge.dependencies.graph import Node
from hinge.dependencies.provider import Provider
from hinge.inspection.signature import Colour
from hinge.lifespan import Lifespan

Start = Callable[[Provider, Cell, Callable[[], Any]], Any]
"""From a provider, its cell and a call of it to the generator of a lifespan."""


def lifespan_of(node: Node) -> Lifespan:
    """Return the lifespan of an app-scoped provider, which fills its cell."""
    provider, cell = node.provider, _cell(node)
    start, called = _STARTS[provider.colour], _called(node)
    return Lifespan(
        lambda app: start(provider, cell, called(app)),
        is_async=provider.is_async,
        name=provider.name,
        location=provider.location,
    )


def given(lifespan: Lifespan, nodes: Mapping[str, Node]) -> Lifespan:
    """Return a lifespan that gets the values of app-scoped providers, by the names of its parameters."""
    start: Callable[..., Any] = lifespan.start
    cells = {name: _cell(node) for name, node in nodes.items()}
    return replace(lifespan, start=lambda app: start(app, **{name: cell.get() for name, cell in cells.items()}))


def _called(node: Node) -> Callable[[Any], Callable[[], Any]]:
    """Return what makes of the app a call of the provider; what it needs has to be there by then."""
    provider = node.provider
    positional = [_getter(node, one.name) for one in provider.arguments if not one.keyword]
    keywords = {one.name: _getter(node, one.name) for one in provider.arguments if one.keyword}

    def called(app: Any) -> Callable[[], Any]:
        by_name = {name: get(app) for name, get in keywords.items()}
        return partial(provider.function, *(get(app) for get in positional), **by_name)

    return called


def _getter(node: Node, name: str) -> Callable[[Any], Any]:
    argument = next(one for one in node.provider.arguments if one.name == name)
    if argument.source is not Source.DEPENDENCY:
        return lambda app: app  # the graph lets nothing else through
    cell = _cell(node.needs[name])
    return lambda app: cell.get()


def _cell(node: Node) -> Cell:
    if node.cell is None:
        raise ValueError(f"{node.provider.describe()} is of a request")
    return node.cell


# -- of each colour ----------------------------------------------------------------------------------------------------


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
    try:
        yield
    except BaseException as error:  # of a block of `app.resolve`: a worker's are not told
        cell.clear()
        generator.throw(error)
        raise
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
    try:
        yield
    except BaseException as error:  # as above
        cell.clear()
        await generator.athrow(error)
        raise
    cell.clear()
    async for _ in generator:
        await generator.aclose()
        raise provider.misuse("it yielded a second time. Fix: yield once")


_STARTS: dict[Colour, Start] = {
    Colour.SYNC: _plain,
    Colour.ASYNC: _async,
    Colour.SYNC_GENERATOR: _generator,
    Colour.ASYNC_GENERATOR: _async_generator,
}
