"""A source in a task of its own: one task, nothing ahead, one end, context variables both ways."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import anyio
import pytest

from hinge.loop.produce import Producer

word: ContextVar[str] = ContextVar("word", default="unset")


def run(test: Callable[[], Awaitable[Any]]) -> Any:
    async def bounded() -> Any:
        async with asyncio.timeout(10):
            await test()
            assert len(asyncio.all_tasks()) == 1, "a task is left"

    return asyncio.run(bounded())


async def count(log: list[Any]) -> AsyncIterator[str]:
    try:
        for number in range(3):
            log.append(number)
            await asyncio.sleep(0)
            yield str(number)
    finally:
        await asyncio.sleep(0)
        log.append("closed")


def test_chunks_come_when_they_are_asked_for() -> None:
    async def test() -> None:
        log: list[Any] = []
        producer = Producer(count(log))
        for number in range(3):
            assert await anext(producer) == str(number)
            await asyncio.sleep(0.001)
            assert log[-1] == number
        for _ in range(2):
            with pytest.raises(StopAsyncIteration):
                await anext(producer)
        await producer.aclose()
        assert log == [0, 1, 2, "closed"]

    run(test)


@pytest.mark.parametrize("taken", [0, 1, 3])
def test_a_close_ends_it_wherever_it_stands(taken: int) -> None:
    async def test() -> None:
        log: list[Any] = []
        producer = Producer(count(log))
        for _ in range(taken):
            await anext(producer)
        await producer.aclose()
        await producer.aclose()
        assert log == ([*range(taken), "closed"] if taken else [])
        with pytest.raises(StopAsyncIteration):
            await anext(producer)

    run(test)


def test_a_task_group_of_its_own_stands_beside_one_around_the_beginning() -> None:
    async def test() -> None:
        left: list[str] = []

        async def grouped() -> AsyncIterator[str]:
            try:
                async with anyio.create_task_group() as group:
                    group.start_soon(anyio.sleep_forever)
                    yield "a"
                    yield "b"
                    group.cancel_scope.cancel()
            finally:
                left.append("left")

        producer = Producer(grouped())
        async with anyio.create_task_group():
            with anyio.move_on_after(60):
                await producer.begin()
        assert [chunk async for chunk in producer] == ["a", "b"]
        early = Producer(grouped())
        await early.begin()
        await early.aclose()
        assert left == ["left", "left"]

    run(test)


def test_a_beginning_that_is_given_up_can_be_closed() -> None:
    async def test() -> None:
        log: list[str] = []

        async def silent() -> AsyncIterator[str]:
            try:
                await asyncio.Event().wait()
                yield "never"
            finally:
                await asyncio.sleep(0)
                log.append("closed")

        producer = Producer(silent())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await producer.begin()
        assert log == []
        await producer.aclose()
        assert log == ["closed"]

    run(test)


def test_a_chunk_whose_wait_was_given_up_is_not_lost() -> None:
    async def test() -> None:
        go = asyncio.Event()

        async def slow() -> AsyncIterator[str]:
            await go.wait()
            yield "a"
            yield "b"

        producer = Producer(slow())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await anext(producer)
        go.set()
        assert [chunk async for chunk in producer] == ["a", "b"]

    run(test)


def test_context_variables_travel_both_ways() -> None:
    async def test() -> None:
        async def source() -> AsyncIterator[str]:
            yield word.get()
            token = word.set("the source's")
            yield word.get()
            word.reset(token)
            yield word.get()
            word.set("the last")

        word.set("before")
        producer = Producer(source())
        await producer.begin()
        word.set("set meanwhile")
        assert [chunk async for chunk in producer] == ["before", "the source's", "set meanwhile"]
        assert word.get() == "the last"

    run(test)


def test_failures_come_once_the_source_is_closed() -> None:
    async def test() -> None:
        log: list[str] = []

        async def fail() -> AsyncIterator[str]:
            try:
                yield "a"
                raise KeyError("mine")
            finally:
                await asyncio.sleep(0)
                log.append("closed")

        producer = Producer(fail())
        assert await anext(producer) == "a"
        with pytest.raises(KeyError, match="mine"):
            await anext(producer)
        assert log == ["closed"]

    run(test)


def test_a_failing_close_is_raised_by_close() -> None:
    async def test() -> None:
        class Bad:
            def __aiter__(self) -> "Bad":
                return self

            async def __anext__(self) -> str:
                return "a"

            async def aclose(self) -> None:
                raise KeyError("close")

        for taken in (0, 1):
            producer = Producer(Bad())
            for _ in range(taken):
                await anext(producer)
            with pytest.raises(KeyError, match="close"):
                await producer.aclose()

    run(test)


def test_a_source_that_is_closed_before_its_task_has_begun_is_closed() -> None:
    async def test() -> None:
        closed: list[str] = []

        class Source:
            def __aiter__(self) -> "Source":
                return self

            async def __anext__(self) -> str:
                return "a"

            async def aclose(self) -> None:
                closed.append("closed")

        producer = Producer(Source())
        producer._ask()
        await producer.aclose()
        assert closed == ["closed"]

    run(test)


def test_a_cancellation_of_its_own_is_a_failure() -> None:
    async def test() -> None:
        async def stray() -> AsyncIterator[str]:
            task = asyncio.create_task(asyncio.sleep(60))
            task.cancel()
            await task
            yield "never"

        with pytest.raises(RuntimeError, match="was cancelled"):
            await anext(Producer(stray()))

    run(test)
