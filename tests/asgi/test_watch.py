"""Ending what a task does: once, where it may be ended, and taken back."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from tests.support.asgi import run, scope

from hinge import App, StreamingResponse
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
        watch.begin()

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
        watch.begin()
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
        watch.begin()
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
        watch.begin()
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
        watch.begin()
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
        watch.begin()
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
        watch.begin()

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
        watch.begin()
        with pytest.raises(Ended):
            await watch.run(for_ever)
        assert watch.has_left
        await watch.stop()

    run(test)


def test_a_failure_of_what_is_ended_is_raised() -> None:
    async def test() -> None:
        watch = Watch(Client().left)
        watch.begin()

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


# -- when a stream is watched ------------------------------------------------------------------------------------------


class Futures:
    """A server whose `receive` returns futures, as Granian's does: the body's end, and then that the client left."""

    def __init__(self) -> None:
        self.asked: list[asyncio.Future[dict[str, Any]]] = []
        self.sent = 0

    def receive(self) -> asyncio.Future[dict[str, Any]]:
        self.asked.append(asyncio.get_running_loop().create_future())
        return self.asked[-1]

    async def send(self, message: dict[str, Any]) -> None:
        self.sent += 1


def streaming(source: Any) -> App:
    app = App()

    @app.get("/")
    async def handler() -> StreamingResponse:
        return StreamingResponse(source())

    return app


def test_a_stream_that_waits_for_nothing_is_not_watched() -> None:
    async def source() -> AsyncIterator[str]:
        for _ in range(100):
            yield "x"

    async def test() -> None:
        server = Futures()
        await streaming(source).asgi(scope(), server.receive, server.send)
        await asyncio.sleep(0.05)
        assert (server.sent, server.asked) == (102, [])

    run(test)


def test_a_future_that_tells_of_the_leaving_needs_no_task() -> None:
    closed: list[str] = []

    async def source() -> AsyncIterator[str]:
        try:
            yield "x"
            await for_ever()
        finally:
            closed.append("closed")

    async def test() -> None:
        server = Futures()
        serving = asyncio.create_task(streaming(source).asgi(scope(), server.receive, server.send))
        await asyncio.sleep(0.05)
        assert len(server.asked) == 1
        server.asked[0].set_result({"type": "http.request", "body": b"", "more_body": False})
        await asyncio.sleep(0)
        assert len(server.asked) == 2
        assert {task.get_coro().__name__ for task in asyncio.all_tasks() - {asyncio.current_task()}} == {  # type: ignore[union-attr]
            "application",
            "run",
        }  # the other one holds the lifespans
        assert closed == []
        server.asked[1].set_result({"type": "http.disconnect"})
        await asyncio.wait_for(serving, 1)
        assert closed == ["closed"]

    run(test)


def test_a_future_is_given_up_when_the_stream_ends() -> None:
    async def source() -> AsyncIterator[str]:
        yield "x"
        await asyncio.sleep(0.05)

    async def test() -> None:
        server = Futures()
        await streaming(source).asgi(scope(), server.receive, server.send)
        assert [one.cancelled() for one in server.asked] == [True]

    run(test)
