"""An end from outside meets another cancellation."""

import asyncio

import pytest

from hinge_asgi.watch import Ended, Watch


def test_an_end_at_the_moment_of_a_timeout_is_not_lost() -> None:
    async def serve() -> None:
        watch = Watch(asyncio.Event().wait)
        task = asyncio.current_task()
        assert task is not None

        async def work() -> None:
            task.cancel()  # as a timeout does
            watch.leave()  # in the same turn of the loop
            try:
                await asyncio.sleep(1)
            except asyncio.CancelledError:
                task.uncancel()
            await asyncio.Event().wait()

        try:
            async with asyncio.timeout(10):
                with pytest.raises(Ended):
                    await watch.run(work)
        finally:
            await watch.stop()

    asyncio.run(serve())


def test_what_the_server_cancels_may_clean_up_in_peace() -> None:
    cleaned: list[bool] = []
    running: list[Watch] = []
    begun = asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.2)
            cleaned.append(True)

    async def serve() -> None:
        watch = Watch(asyncio.Event().wait)
        running.append(watch)
        try:
            await watch.run(work)
        finally:
            await watch.stop()

    async def server() -> None:
        task = asyncio.create_task(serve())
        await begun.wait()
        task.cancel()
        await asyncio.sleep(0)
        running[0].finish()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(server())
    assert cleaned == [True]
