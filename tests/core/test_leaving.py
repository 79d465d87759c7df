"""Async generators are driven by hand behind their yield: the task is spared while it waits there, and no longer."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from hinge.dependencies.leaving import leave_now
from hinge.dependencies.steps import step_of
from hinge.errors import ConfigurationError
from hinge.inspection.signature import Colour

STEP = step_of(lambda values: None, Colour.ASYNC_GENERATOR, "provider")
Provider = Callable[[list[str]], AsyncGenerator[int, None]]


async def ends(log: list[str]) -> AsyncGenerator[int, None]:
    yield 1


async def waits(log: list[str]) -> AsyncGenerator[int, None]:
    yield 1
    for _ in range(2):
        await asyncio.sleep(0)
    log.append("waited")


async def fails(log: list[str]) -> AsyncGenerator[int, None]:
    yield 1
    raise KeyError("failed")


async def waits_and_fails(log: list[str]) -> AsyncGenerator[int, None]:
    yield 1
    await asyncio.sleep(0)
    raise KeyError("failed")


async def goes_on(log: list[str]) -> AsyncGenerator[int, None]:
    yield 1
    yield 2


async def waits_and_goes_on(log: list[str]) -> AsyncGenerator[int, None]:
    yield 1
    await asyncio.sleep(0)
    try:
        yield 2
    finally:
        log.append("closed")


async def cleans_up(log: list[str]) -> AsyncGenerator[int, None]:
    yield 1
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        await asyncio.sleep(0)
        log.append("cleaned up")
        raise


@pytest.mark.parametrize(
    ("provider", "failure", "expected"),
    [
        (ends, None, []),
        (waits, None, ["spared", "waited", "not spared"]),
        (fails, KeyError, []),
        (waits_and_fails, KeyError, ["spared", "not spared"]),
        (goes_on, ConfigurationError, ["spared", "not spared"]),
        (waits_and_goes_on, ConfigurationError, ["spared", "not spared", "spared", "closed", "not spared"]),
        (cleans_up, asyncio.CancelledError, ["spared", "cleaned up", "not spared"]),
    ],
)
def test_a_task_is_spared_while_it_waits(
    provider: Provider, failure: type[BaseException] | None, expected: list[str]
) -> None:
    log: list[str] = []

    @contextmanager
    def spare() -> Iterator[None]:
        log.append("spared")
        try:
            yield
        finally:
            log.append("not spared")

    async def leave() -> Any:
        generator = provider(log)
        await anext(generator)

        async def run() -> None:
            rest = leave_now(generator, STEP, spare)
            if rest is not None:
                await rest

        task = asyncio.create_task(run())
        await asyncio.sleep(0)
        if provider is cleans_up:
            task.cancel()
        (result,) = await asyncio.gather(task, return_exceptions=True)
        return type(result) if result is not None else None, generator.ag_frame

    assert asyncio.run(leave()) == (failure, None)
    assert log == expected
