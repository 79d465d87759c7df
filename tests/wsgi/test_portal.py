"""The event-loop thread: everybody who waits for it is answered, and nothing that one coroutine does ends it."""

import asyncio
import contextlib
import gc
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import pytest

from hinge_wsgi.portal import Portal
from hinge_wsgi.waiting import on_request_thread

PATIENCE = 10

word: ContextVar[str] = ContextVar("word", default="unset")


@pytest.fixture
def portal() -> Iterator[Portal]:
    made = Portal()
    yield made
    made.stop()
    assert not made.alive
    assert made.waiting == set()


def in_threads(count: int, work: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()


async def give(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


async def wait_for_ever() -> None:
    await asyncio.Event().wait()


def test_a_coroutine_s_result_and_failure_come_back(portal: Portal) -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise KeyError("mine")

    assert portal.run(give(3)) == 3
    with pytest.raises(KeyError, match="mine"):
        portal.run(fail())
    assert portal.waiting == set()


def test_context_variables_travel_both_ways(portal: Portal) -> None:
    async def swap() -> str:
        found = word.get()
        word.set("theirs")
        return found

    token = word.set("mine")
    assert (portal.run(swap()), word.get()) == ("mine", "theirs")
    word.reset(token)


def test_what_the_thread_is_asked_for_is_done_in_it(portal: Portal) -> None:
    here = threading.get_ident()

    def work() -> tuple[int, str]:
        found = word.get()
        word.set("the thread's")
        return threading.get_ident(), found

    async def ask() -> tuple[list[tuple[int, str]], str]:
        word.set("the coroutine's")
        return [await on_request_thread(work), await on_request_thread(work)], word.get()

    token = word.set("mine")
    assert portal.run(ask()) == ([(here, "the coroutine's"), (here, "the thread's")], "the thread's")
    assert word.get() == "the thread's"
    word.reset(token)


@pytest.mark.parametrize("error", [KeyError("mine"), SystemExit(3), KeyboardInterrupt()])
def test_what_the_thread_raises_is_raised_where_it_was_asked(portal: Portal, error: BaseException) -> None:
    def fail() -> None:
        raise error

    async def ask() -> str:
        try:
            await on_request_thread(fail)
        except BaseException as raised:
            return repr(raised)
        return "nothing"

    assert portal.run(ask()) == repr(error)


def test_a_stop_iteration_of_the_thread_does_not_get_lost(portal: Portal) -> None:
    async def ask() -> None:
        await on_request_thread(lambda: next(iter([])))

    with pytest.raises(RuntimeError, match="StopIteration") as raised:
        portal.run(ask())
    assert isinstance(raised.value.__cause__, StopIteration)


def test_a_coroutine_that_gives_up_on_the_thread_is_answered_when_that_is_done(portal: Portal) -> None:
    release = threading.Event()

    async def ask() -> str:
        try:
            async with asyncio.timeout(0.01):
                await on_request_thread(lambda: release.wait(0.05))
        except TimeoutError:
            return "too late"
        return "in time"

    assert portal.run(ask()) == "too late"
    assert portal.run(give("on")) == "on"


def test_nobody_does_anything_for_a_request_that_is_over(portal: Portal) -> None:
    tasks: list[asyncio.Task[Any]] = []
    go = asyncio.Event()

    async def later() -> None:
        await go.wait()
        await on_request_thread(lambda: None)

    async def leave_behind() -> None:
        tasks.append(asyncio.create_task(later()))

    async def collect() -> str:
        go.set()
        with pytest.raises(RuntimeError, match="the request is over"):
            await tasks[0]
        return "collected"

    portal.run(leave_behind())
    assert portal.run(collect()) == "collected"


@pytest.mark.parametrize("leave", [SystemExit(3), KeyboardInterrupt()])
def test_what_ends_a_process_ends_the_request_alone(portal: Portal, leave: BaseException) -> None:
    async def exits() -> None:
        raise leave

    release = asyncio.Event()
    answers: list[Any] = []

    async def waits() -> str:
        entered.set()
        await release.wait()
        return "still here"

    entered = threading.Event()
    waiting = threading.Thread(target=lambda: answers.append(portal.run(waits())))
    waiting.start()
    assert entered.wait(PATIENCE)
    with pytest.raises(type(leave)):
        portal.run(exits())

    async def let_go() -> None:
        release.set()

    portal.run(let_go())
    waiting.join(PATIENCE)
    assert answers == ["still here"]


def test_what_was_cancelled_from_inside_is_a_failure(portal: Portal) -> None:
    async def awaits_cancelled() -> None:
        task = asyncio.create_task(wait_for_ever())
        task.cancel()
        await task

    with pytest.raises(RuntimeError, match="was cancelled"):
        portal.run(awaits_cancelled())


# -- the end -----------------------------------------------------------------------------------------------------------


def test_a_stop_answers_whoever_waits() -> None:
    portal = Portal()
    entered = threading.Semaphore(0)
    failures: list[str] = []
    cleaned: list[int] = []

    async def endless() -> None:
        entered.release()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append(1)

    def work() -> None:
        try:
            portal.run(endless())
        except RuntimeError as error:
            failures.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert entered.acquire(timeout=PATIENCE)
    portal.stop()
    for thread in threads:
        thread.join(PATIENCE)
    assert failures == ["the event-loop thread was stopped while the request ran"] * 5
    assert len(cleaned) == 5
    assert not portal.alive
    assert portal.waiting == set()


@pytest.mark.filterwarnings("error")
def test_a_stop_in_the_middle_of_everything_leaves_nobody_waiting(caplog: pytest.LogCaptureFixture) -> None:
    with warnings.catch_warnings(action="ignore"):
        gc.collect()  # what other tests of this process have left is not looked for here
    for _ in range(20):
        portal = Portal()
        begun = threading.Semaphore(0)

        def hammer(portal: Portal = portal, begun: threading.Semaphore = begun) -> None:
            begun.release()
            try:
                while True:
                    portal.run(give(1))
            except RuntimeError:
                return

        threads = [threading.Thread(target=hammer, daemon=True) for _ in range(8)]
        for thread in threads:
            thread.start()
        for _ in threads:
            assert begun.acquire(timeout=PATIENCE)
        portal.stop()
        for thread in threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()
        assert portal.waiting == set()
    gc.collect()
    assert caplog.records == []


def test_a_stopped_loop_takes_nothing_more() -> None:
    portal = Portal()
    portal.stop()
    portal.stop()
    coroutine = give(1)
    with pytest.raises(RuntimeError):
        portal.run(coroutine)
    assert coroutine.cr_frame is None  # closed: nobody warns that it was never awaited


def test_a_task_that_will_not_end_does_not_keep_the_stop() -> None:
    portal = Portal()
    entered, release = threading.Event(), threading.Event()
    outcome: list[str] = []

    async def stubborn() -> None:
        entered.set()
        while not release.is_set():
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                continue

    def work() -> None:
        try:
            portal.run(stubborn())
        except RuntimeError as error:
            outcome.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    assert entered.wait(PATIENCE)
    portal.stop(0.1)
    assert not portal.alive
    thread.join(PATIENCE)
    assert outcome == ["the event-loop thread was stopped while the request ran"]
    release.set()
    gc.collect()


def test_a_loop_stopped_from_itself_ends_later() -> None:
    portal = Portal()

    async def stop() -> str:
        portal.stop()
        return "said"

    assert portal.run(stop()) == "said"
    assert portal.alive
    portal.stop()
    assert not portal.alive


def test_async_generators_and_threads_are_ended_with_the_loop() -> None:
    portal = Portal()
    closed: list[str] = []
    kept: list[Any] = []

    async def begin() -> None:
        async def generator() -> Any:
            try:
                yield 1
            finally:
                closed.append("generator")

        kept.append(generator())
        await anext(kept[0])
        await asyncio.to_thread(threading.get_ident)

    portal.run(begin())
    portal.stop()
    assert closed == ["generator"]
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("asyncio_")] == []


def test_a_request_leaves_no_cycle() -> None:
    portal = Portal()
    try:

        class Result:
            pass

        async def make() -> Result:
            return Result()

        async def fail() -> None:
            result = Result()
            seen.append(weakref.ref(result))
            raise ValueError(result)

        seen: list[weakref.ref[Result]] = []
        portal.run(make())
        gc.collect()
        gc.disable()
        try:
            reference = weakref.ref(portal.run(make()))
            portal.run(give(None))  # the loop's own frame of the last callback is gone
            assert reference() is None
            with contextlib.suppress(ValueError):
                portal.run(fail())
            portal.run(give(None))
            assert seen[0]() is None
        finally:
            gc.enable()
    finally:
        portal.stop()
