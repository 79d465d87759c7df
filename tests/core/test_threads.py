"""hinge.loop.threads: lanes of worker threads for an event loop."""

import asyncio
import gc
import os
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from contextvars import copy_context
from typing import Any

import pytest

from hinge.loop import threads
from hinge.loop.threads import Lane

PATIENCE = 20


def run(lane: Lane, work: Any, *args: Any) -> "asyncio.Future[Any]":
    return lane.run(asyncio.get_running_loop(), copy_context(), work, args)


def test_a_result_and_a_failure_come_back() -> None:
    async def main() -> None:
        lane = Lane(2)
        assert await run(lane, divmod, 7, 3) == (2, 1)
        with pytest.raises(ZeroDivisionError):
            await run(lane, divmod, 7, 0)

    asyncio.run(main())


def test_stop_iteration_is_a_runtime_error_with_its_cause() -> None:
    async def main() -> None:
        with pytest.raises(RuntimeError, match="StopIteration") as raised:
            await run(Lane(1), next, iter(()))
        assert isinstance(raised.value.__cause__, StopIteration)

    asyncio.run(main())


def test_one_request_after_the_other_has_the_same_thread() -> None:
    async def main() -> None:
        lane = Lane(8)
        assert len({await run(lane, threading.get_ident) for _ in range(50)}) == 1

    asyncio.run(main())


def test_a_lane_has_so_many_threads_and_serves_in_order() -> None:
    async def main() -> None:
        lane, open_door, three = Lane(3), threading.Event(), threading.Barrier(4)
        running: list[int] = []
        most = 0

        def work(number: int) -> int:
            nonlocal most
            running.append(number)
            most = max(most, len(running))
            if number < 3:
                three.wait(PATIENCE)
            open_door.wait(PATIENCE)
            running.remove(number)
            return number

        ended: list[int] = []
        futures = [run(lane, work, number) for number in range(9)]
        for future in futures:
            future.add_done_callback(lambda done: ended.append(done.result()))
        await asyncio.to_thread(three.wait, PATIENCE)
        await asyncio.sleep(0.05)
        assert sorted(running) == [0, 1, 2]
        open_door.set()
        assert await asyncio.gather(*futures) == list(range(9))
        assert most == 3
        assert set(ended[:3]) & {0, 1, 2}

    asyncio.run(main())


def test_a_lane_that_may_grow_does_so_where_all_are_stuck_and_shrinks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "STALL_SECONDS", 0.05)

    async def main() -> None:
        lane, doors = Lane(2, may_grow=True), [threading.Event() for _ in range(5)]
        stuck = [run(lane, door.wait, PATIENCE) for door in doors]
        cancelled = run(lane, int, "6")
        cancelled.cancel()
        assert await run(lane, int, "7") == 7, "one more thread for each of the stuck"
        begun = time.monotonic()
        for _ in range(20):
            assert await run(lane, int, "8") == 8
        assert time.monotonic() - begun < 20 * 0.05, "and it stays: nobody waits until it is stuck once more"
        for door in doors:
            door.set()
        assert all(await asyncio.gather(*stuck))
        running: list[int] = []
        most: list[int] = []

        def work() -> None:
            running.append(1)
            most.append(len(running))
            time.sleep(0.001)
            running.pop()

        await asyncio.gather(*(run(lane, work) for _ in range(20)))
        assert max(most) <= 2, "once they are free again, it has its own"

    asyncio.run(main())


def test_cancelled_while_it_waits_it_is_never_run_and_its_place_goes_to_the_next() -> None:
    async def main() -> None:
        lane, open_door = Lane(1), threading.Event()
        ran: list[str] = []
        first = run(lane, open_door.wait, PATIENCE)
        second, third = run(lane, ran.append, "second"), run(lane, ran.append, "third")
        second.cancel()
        open_door.set()
        await first
        await third
        assert ran == ["third"]

    asyncio.run(main())


def test_cancelled_while_it_runs_it_keeps_its_place_until_it_ends() -> None:
    async def main() -> None:
        lane, open_door, begun = Lane(1), threading.Event(), threading.Event()

        def stuck() -> None:
            begun.set()
            open_door.wait(PATIENCE)

        first = run(lane, stuck)
        assert await asyncio.to_thread(begun.wait, PATIENCE)
        first.cancel()
        second = run(lane, threading.get_ident)
        await asyncio.sleep(0.05)
        assert not second.done()
        open_door.set()
        assert await second != threading.get_ident()

    asyncio.run(main())


def test_lanes_do_not_wait_for_each_other() -> None:
    async def main() -> None:
        full, other, open_door = Lane(1), Lane(1), threading.Event()
        held = run(full, open_door.wait, PATIENCE)
        assert await run(other, int, "7") == 7
        open_door.set()
        await held

    asyncio.run(main())


def test_a_job_that_outlives_its_loop_hurts_nobody() -> None:
    lane, open_door = Lane(1), threading.Event()

    async def leave() -> None:
        run(lane, open_door.wait, PATIENCE)

    asyncio.run(leave())
    open_door.set()

    async def come() -> int:
        return await run(lane, int, "7")

    assert asyncio.run(come()) == 7


def test_a_thread_without_work_goes_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "IDLE_SECONDS", 0.01)

    async def main() -> threading.Thread:
        return await run(Lane(1), threading.current_thread)

    # Threads that rest since before have their own time to rest.
    monkeypatch.setattr(threads, "_resting", [])
    worker = asyncio.run(main())
    worker.join(PATIENCE)
    assert not worker.is_alive()
    assert worker not in threads._resting

    async def again() -> int:
        return await run(Lane(1), int, "7")

    assert asyncio.run(again()) == 7


def test_nothing_of_a_job_is_kept() -> None:
    class Thing:
        pass

    async def main() -> None:
        lane, thing = Lane(1), Thing()
        seen = weakref.ref(thing)
        await run(lane, lambda it: it, thing)
        await run(lane, lambda it: it, thing)
        del thing
        for _ in range(1000):
            if seen() is None:
                break
            await asyncio.sleep(0.001)
        assert seen() is None

    asyncio.run(main())


class Failure(Exception):
    pass


class Stop(StopIteration):
    pass


@pytest.mark.parametrize("failure", [Failure, Stop])
def test_a_failure_waits_for_no_garbage_collector(failure: type[Exception]) -> None:
    async def main() -> "weakref.ref[BaseException]":
        lane = Lane(1)

        def fail() -> None:
            raise failure

        try:
            await run(lane, fail)
        except (Failure, RuntimeError) as error:
            seen: weakref.ref[BaseException] = weakref.ref(error.__cause__ or error)
        await run(lane, int, "7")
        return seen

    gc.collect()
    gc.disable()
    try:
        assert asyncio.run(main())() is None
    finally:
        gc.enable()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_fork_begins_without_the_threads_of_its_parent() -> None:
    code = """
        import asyncio, os, sys
        from contextvars import copy_context
        from hinge.loop.threads import Lane

        async def main():
            return await Lane(1).run(asyncio.get_running_loop(), copy_context(), int, ("7",))

        assert asyncio.run(main()) == 7
        child = os.fork()
        if not child:
            os._exit(asyncio.run(main()))
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    assert script(code).returncode == 7


def test_the_process_waits_a_moment_for_work_that_ends_and_not_for_what_is_stuck() -> None:
    code = """
        import asyncio, threading, time
        from contextvars import copy_context
        from hinge.loop import threads

        threads.EXIT_SECONDS = 2.0

        def work():
            time.sleep(0.3)
            print("done", flush=True)
            threading.Event().wait()

        async def main():
            threads.Lane(1).run(asyncio.get_running_loop(), copy_context(), work, ())
            await asyncio.sleep(0.05)

        asyncio.run(main())
    """
    ended = script(code)
    assert (ended.returncode, ended.stdout) == (0, "done\n"), ended.stderr


def script(code: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60, check=False
    )
