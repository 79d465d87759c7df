"""Ending what a task does: once, where it may be ended, and taken back."""

import asyncio

import anyio
import pytest
from tests.support.asgi import run

from hinge.loop.watch import Ended, Watch, failure_of, is_cancelled


class Client:
    """A client that leaves when it is told to."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()

    async def left(self) -> None:
        await self.gone.wait()


async def for_ever() -> None:
    await asyncio.Event().wait()


def test_what_ends_by_itself_is_undisturbed() -> None:
    async def test() -> None:
        watch = Watch(Client().left)

        async def work() -> str:
            await asyncio.sleep(0)
            return "done"

        assert await watch.run(work) == "done"
        await watch.stop()
        assert not watch.is_over
        assert len(asyncio.all_tasks()) == 1

    run(test)


@pytest.mark.parametrize("how", ["leave", "finish"])
def test_an_end_is_one_cancellation_that_is_taken_back(how: str) -> None:
    async def test() -> None:
        client = Client()
        watch = Watch(client.left)
        cleaned: list[str] = []

        async def work() -> None:
            try:
                await for_ever()
            except asyncio.CancelledError:
                for _ in range(3):
                    await asyncio.sleep(0)  # undisturbed
                cleaned.append("cleaned")
                raise

        loop = asyncio.get_running_loop()
        loop.call_soon(client.gone.set if how == "leave" else watch.finish)
        loop.call_soon(watch.finish)
        with pytest.raises(Ended):
            await watch.run(work)
        assert cleaned == ["cleaned"]
        assert (watch.has_left, watch.is_cut) == (how == "leave", True)
        assert not is_cancelled()
        await asyncio.sleep(0)
        await watch.stop()

    run(test)


def test_what_is_over_does_not_begin() -> None:
    async def test() -> None:
        watch = Watch(Client().left)
        watch.finish()
        begun: list[int] = []

        async def work() -> None:
            begun.append(1)

        with pytest.raises(Ended):
            await watch.run(work)
        assert begun == []
        await watch.stop()

    run(test)


def test_somebody_else_s_cancellation_goes_on() -> None:
    async def test() -> None:
        watch = Watch(Client().left)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await watch.run(for_ever)
        with anyio.move_on_after(0.01) as scope:
            await watch.run(for_ever)
        assert scope.cancelled_caught
        assert not watch.is_over
        await watch.stop()

    run(test)


def test_both_cancellations_at_once_leave_the_other_one() -> None:
    async def test() -> None:
        task = asyncio.current_task()
        assert task is not None
        watch = Watch(Client().left)
        loop = asyncio.get_running_loop()
        loop.call_soon(watch.finish)
        loop.call_soon(task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await watch.run(for_ever)
        assert task.cancelling() == 1
        task.uncancel()
        await watch.stop()

    run(test)


def test_scopes_and_groups_inside_are_left_in_order() -> None:
    async def test() -> None:
        watch = Watch(Client().left)
        left: list[str] = []

        async def work() -> None:
            async with anyio.create_task_group() as group:
                group.start_soon(anyio.sleep_forever)
                async with asyncio.TaskGroup() as other:
                    other.create_task(for_ever())
                    try:
                        with anyio.move_on_after(60):
                            await for_ever()
                    finally:
                        left.append("inner")
            left.append("never")

        asyncio.get_running_loop().call_soon(watch.finish)
        with pytest.raises(Ended):
            await watch.run(work)
        assert left == ["inner"]
        assert not is_cancelled()
        await watch.stop()
        assert len(asyncio.all_tasks()) == 1

    run(test)


def test_a_cancellation_that_nobody_asked_for_is_a_failure() -> None:
    async def test() -> None:
        watch = Watch(Client().left)

        async def stray() -> None:
            task = asyncio.create_task(for_ever())
            task.cancel()
            await task

        with pytest.raises(RuntimeError, match="was cancelled"):
            await watch.run(stray)
        await watch.stop()

    run(test)


def test_what_is_no_failure_is_not_made_one() -> None:
    async def test() -> None:
        error = ValueError()
        assert failure_of(error) is error
        assert isinstance(failure_of(asyncio.CancelledError()), RuntimeError)
        leaving = SystemExit()
        assert failure_of(leaving) is leaving
        with pytest.raises(KeyboardInterrupt):
            failure_of(KeyboardInterrupt())

    run(test)


def test_a_connection_that_cannot_be_read_is_left() -> None:
    async def test() -> None:
        async def broken() -> None:
            raise OSError

        watch = Watch(broken)
        with pytest.raises(Ended):
            await watch.run(for_ever)
        assert watch.has_left
        await watch.stop()

    run(test)


def test_a_failure_of_what_is_ended_is_raised() -> None:
    async def test() -> None:
        watch = Watch(Client().left)

        async def fails() -> None:
            try:
                await for_ever()
            finally:
                raise KeyError("while cleaning")

        asyncio.get_running_loop().call_soon(watch.finish)
        with pytest.raises(KeyError):
            await watch.run(fails)
        assert watch.is_over
        assert not is_cancelled()
        await watch.stop()

    run(test)
