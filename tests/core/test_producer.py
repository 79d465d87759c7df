"""An async source in a task of its own, pulled by other tasks or from a thread: one task, nothing ahead, one end."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextvars import ContextVar
from functools import partial
from typing import Any

import anyio
import pytest

from hinge.responses.producer import Producer
from hinge_wsgi.portal import Portal
from hinge_wsgi.producer import PortalProducer
from hinge_wsgi.waiting import on_request_thread

PATIENCE = 10


@pytest.fixture
def portal() -> Iterator[Portal]:
    made = Portal()
    yield made
    made.stop()
    assert made.waiting == set()


class Puller:
    """The verbs of a server's thread for coroutines on a loop, each of them a task."""

    def __init__(self, run: Callable[[Any], Any], producer: Producer) -> None:
        self.run, self.producer = run, producer

    def next(self) -> Any:
        async def pull() -> Any:
            return await anext(self.producer)

        try:
            return self.run(pull())
        except StopAsyncIteration:
            raise StopIteration from None

    def begin(self) -> None:
        self.run(self.producer.abegin())

    def close(self) -> None:
        self.run(self.producer.aclose())


@pytest.fixture
def in_thread(portal: Portal) -> Callable[[Any], PortalProducer]:
    return partial(PortalProducer, portal)


@pytest.fixture
def by_portal(portal: Portal) -> Callable[[Any], Puller]:
    return lambda source: Puller(portal.run, PortalProducer(portal, source))


@pytest.fixture
def by_task() -> Iterator[Callable[[Any], Puller]]:
    """Without a portal, as backends on an event loop have it."""
    with asyncio.Runner() as runner:
        yield lambda source: Puller(runner.run, Producer(runner.get_loop(), source))
        assert asyncio.all_tasks(runner.get_loop()) == set(), "a task is left"


@pytest.fixture(params=["in_thread", "by_portal", "by_task"])
def pull(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


async def count(log: list[Any], end: int = 3) -> AsyncIterator[str]:
    try:
        for number in range(end):
            log.append(number)
            await asyncio.sleep(0)
            yield str(number)
    finally:
        await asyncio.sleep(0)
        log.append("closed")


def test_chunks_come_one_by_one_and_then_the_end(pull: Any) -> None:
    log: list[Any] = []
    puller = pull(count(log))
    for number in range(3):
        assert puller.next() == str(number)
        assert log[-1] == number
    for _ in range(3):
        with pytest.raises(StopIteration):
            puller.next()
    assert log == [0, 1, 2, "closed"]
    puller.close()
    puller.close()
    assert log == [0, 1, 2, "closed"]


def test_a_close_ends_it_wherever_it_stands(pull: Any) -> None:
    for taken in range(4):
        log: list[Any] = []
        puller = pull(count(log))
        for _ in range(taken):
            puller.next()
        puller.close()
        assert log == ([*range(min(taken, 3)), "closed"] if taken else [])
        with pytest.raises(StopIteration):
            puller.next()


def test_a_failure_comes_once_the_source_is_closed(pull: Any) -> None:
    log: list[Any] = []

    async def fail() -> AsyncIterator[str]:
        try:
            yield "a"
            raise KeyError("mine")
        finally:
            await asyncio.sleep(0.01)
            log.append("closed")

    puller = pull(fail())
    assert puller.next() == "a"
    with pytest.raises(KeyError, match="mine"):
        puller.next()
    assert log == ["closed"]
    with pytest.raises(StopIteration):
        puller.next()


def test_a_failing_close_is_raised_by_close(pull: Any) -> None:
    class Bad:
        def __aiter__(self) -> "Bad":
            return self

        async def __anext__(self) -> str:
            return "a"

        async def aclose(self) -> None:
            raise KeyError("close")

    for taken in (0, 1):
        puller = pull(Bad())
        for _ in range(taken):
            puller.next()
        with pytest.raises(KeyError, match="close"):
            puller.close()
        puller.close()


def test_the_first_chunk_may_be_made_before(pull: Any) -> None:
    log: list[Any] = []

    async def source() -> AsyncIterator[Any]:
        yield ""
        yield b""
        async for chunk in count(log):
            yield chunk

    puller = pull(source())
    puller.begin()
    assert log == [0]
    assert [puller.next() for _ in range(3)] == ["0", "1", "2"]
    with pytest.raises(StopIteration):
        puller.next()


def test_beginning_shows_what_is_wrong(pull: Any) -> None:
    async def fail() -> AsyncIterator[Any]:
        raise KeyError("first")
        yield

    async def wrong() -> AsyncIterator[Any]:
        yield 3

    async def empty() -> AsyncIterator[Any]:
        return
        yield

    with pytest.raises(KeyError, match="first"):
        pull(fail()).begin()
    bad = pull(wrong())
    with pytest.raises(TypeError, match="str or bytes, not int"):
        bad.begin()
    bad.close()
    nothing = pull(empty())
    nothing.begin()
    with pytest.raises(StopIteration):
        nothing.next()


def test_a_task_group_may_span_the_chunks(pull: Any) -> None:
    left: list[str] = []

    async def grouped() -> AsyncIterator[str]:
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(anyio.sleep_forever)
                for chunk in "ab":
                    yield chunk
                group.cancel_scope.cancel()
        finally:
            left.append("left")

    puller = pull(grouped())
    assert (puller.next(), puller.next()) == ("a", "b")
    with pytest.raises(StopIteration):
        puller.next()
    early = pull(grouped())
    early.next()
    early.close()
    assert left == ["left", "left"]


@pytest.mark.parametrize("caught", [True, False])
def test_a_timeout_that_runs_out_at_a_yield_is_raised_there(pull: Any, caught: bool) -> None:
    limits: list[asyncio.Timeout] = []
    loops: list[asyncio.AbstractEventLoop] = []
    expired = threading.Event()

    async def limited() -> AsyncIterator[str]:
        try:
            async with asyncio.timeout(None) as limit:
                limits.append(limit)
                loops.append(asyncio.get_running_loop())
                yield "a"
                yield "never"
        except TimeoutError:
            expired.set()
            if not caught:
                raise
            yield "late"
            yield "last"

    puller = pull(limited())
    assert puller.next() == "a"
    loops[0].call_soon_threadsafe(limits[0].reschedule, 0)
    if loops[0].is_running():
        assert expired.wait(PATIENCE)
    if caught:
        assert (puller.next(), puller.next()) == ("late", "last")
        with pytest.raises(StopIteration):
            puller.next()
    else:
        with pytest.raises(TimeoutError):
            puller.next()


def test_a_task_that_fails_while_nobody_asks_ends_its_group(pull: Any) -> None:
    fails = asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def failing() -> None:
        await fails.wait()
        raise KeyError("in the background")

    async def grouped() -> AsyncIterator[str]:
        async with anyio.create_task_group() as group:
            group.start_soon(failing)
            loops.append(asyncio.get_running_loop())
            yield "a"
            yield "never"

    puller = pull(grouped())
    assert puller.next() == "a"
    loops[0].call_soon_threadsafe(fails.set)
    asked = asyncio.run_coroutine_threadsafe(asyncio.sleep(0.01), loops[0])
    if loops[0].is_running():
        asked.result(PATIENCE)
    else:
        loops[0].run_until_complete(asyncio.sleep(0.01))
    with pytest.raises(ExceptionGroup) as caught:
        puller.next()
    assert isinstance(caught.value.exceptions[0], KeyError)


@pytest.mark.parametrize("how", ["in_thread", "by_portal"])
def test_what_it_asks_for_is_done_by_the_thread_that_waits(request: pytest.FixtureRequest, how: str) -> None:
    pull: Any = request.getfixturevalue(how)
    here = threading.get_ident()

    async def asking() -> AsyncIterator[str]:
        try:
            for _ in range(2):
                yield str(await on_request_thread(threading.get_ident) == here)
        finally:
            cleaned.append(await on_request_thread(threading.get_ident) == here)

    cleaned: list[bool] = []
    puller = pull(asking())
    puller.begin()
    assert (puller.next(), puller.next()) == ("True", "True")
    puller.close()
    assert cleaned == [True]


def test_it_may_begin_on_the_loop_and_go_on_in_the_thread(portal: Portal) -> None:
    log: list[Any] = []
    iterator = PortalProducer(portal, count(log))
    portal.run(iterator.abegin())
    assert [iterator.next(), iterator.next()] == ["0", "1"]
    iterator.close()
    assert log == [0, 1, "closed"]


def test_a_silence_is_told_and_waiting_goes_on(portal: Portal) -> None:
    go = asyncio.Event()

    async def slow() -> AsyncIterator[str]:
        await go.wait()
        yield "late"

    iterator = PortalProducer(portal, slow())
    for _ in range(3):
        with pytest.raises(TimeoutError):
            iterator.next(0.01)
    portal.loop.call_soon_threadsafe(go.set)
    assert iterator.next(PATIENCE) == "late"
    iterator.close()


@pytest.mark.parametrize("begun", [False, True])
def test_a_finish_from_any_thread_ends_the_wait(portal: Portal, begun: bool) -> None:
    waiting = threading.Event()
    log: list[str] = []

    async def silent() -> AsyncIterator[str]:
        try:
            waiting.set()
            await asyncio.Event().wait()
            yield "never"
        finally:
            log.append("closed")

    iterator = PortalProducer(portal, silent())
    if not begun:
        iterator.finish()
        with pytest.raises(StopIteration):
            iterator.next(PATIENCE)
        iterator.close()
        return

    def finish() -> None:
        assert waiting.wait(PATIENCE)
        iterator.finish()
        iterator.finish()

    other = threading.Thread(target=finish)
    other.start()
    with pytest.raises(StopIteration):
        iterator.next(PATIENCE)
    other.join(PATIENCE)
    assert log == ["closed"]
    assert iterator.is_cut


def test_a_stopping_loop_ends_it_as_a_failure(portal: Portal) -> None:
    entered = threading.Event()

    async def silent() -> AsyncIterator[str]:
        entered.set()
        await asyncio.Event().wait()
        yield "never"

    iterator = PortalProducer(portal, silent())
    stopper = threading.Thread(target=lambda: (entered.wait(PATIENCE), portal.stop()))
    stopper.start()
    with pytest.raises(RuntimeError, match="stopped"):
        iterator.next(PATIENCE)
    stopper.join(PATIENCE)
    iterator.close()
    late = PortalProducer(portal, silent())
    with pytest.raises(RuntimeError):
        late.next()
    late.close()


def test_a_source_that_is_closed_before_its_task_has_begun_is_closed(portal: Portal) -> None:
    closed: list[str] = []

    class Source:
        def __aiter__(self) -> "Source":
            return self

        async def __anext__(self) -> str:
            return "a"

        async def aclose(self) -> None:
            closed.append("closed")

    async def close_at_once(iterator: Producer) -> None:
        iterator._ask()
        await iterator.aclose()

    portal.run(close_at_once(PortalProducer(portal, Source())))
    with asyncio.Runner() as runner:
        runner.run(close_at_once(Producer(runner.get_loop(), Source())))
    assert closed == ["closed", "closed"]


def test_a_cancellation_of_its_own_is_a_failure(pull: Any) -> None:
    async def stray() -> AsyncIterator[str]:
        task = asyncio.create_task(asyncio.sleep(60))
        task.cancel()
        await task
        yield "never"

    with pytest.raises(RuntimeError, match="was cancelled"):
        pull(stray()).next()


def test_an_exit_of_the_source_reaches_whoever_pulls(pull: Any) -> None:
    async def exits() -> AsyncIterator[str]:
        raise SystemExit(3)
        yield

    with pytest.raises(SystemExit):
        pull(exits()).next()


def test_the_source_behind_is_closed_after_the_one_in_front(portal: Portal) -> None:
    log: list[str] = []

    async def inner() -> AsyncIterator[str]:
        try:
            async with anyio.create_task_group():
                yield "a"
                yield "b"
        finally:
            log.append("inner")

    async def outer(source: AsyncIterator[str]) -> AsyncIterator[str]:
        try:
            async for chunk in source:
                yield chunk.upper()
        finally:
            log.append("outer")

    source = inner()
    iterator = PortalProducer(portal, outer(source), source)
    assert iterator.next() == "A"
    iterator.close()
    assert log == ["outer", "inner"]


# -- in the middle of another task's work ------------------------------------------------------------------------------

word: ContextVar[str] = ContextVar("word", default="unset")


def run(test: Callable[[], Awaitable[Any]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE):
            await test()
            assert len(asyncio.all_tasks()) == 1, "a task is left"

    asyncio.run(bounded())


def here(source: AsyncIterator[Any]) -> Producer:
    return Producer(asyncio.get_running_loop(), source)


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

        producer = here(grouped())
        async with anyio.create_task_group():
            with anyio.move_on_after(60):
                await producer.abegin()
        assert [chunk async for chunk in producer] == ["a", "b"]
        early = here(grouped())
        await early.abegin()
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

        producer = here(silent())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await producer.abegin()
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

        producer = here(slow())
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
        producer = here(source())
        await producer.abegin()
        word.set("set meanwhile")
        assert [chunk async for chunk in producer] == ["before", "the source's", "set meanwhile"]
        assert word.get() == "the last"

    run(test)


# -- what its own task does with it ------------------------------------------------------------------------------------


class Within:
    """A producer whose first chunk is made, and what its task does with the rest."""

    def __init__(self, source: AsyncIterator[Any]) -> None:
        self.begun = Producer(asyncio.get_running_loop(), source)
        self.taken: list[Any] = []
        self.may_go_on = asyncio.Event()

    async def work(self, made: list[Any]) -> None:
        self.task = asyncio.current_task()
        self.taken += made
        await self.may_go_on.wait()
        self.taken += [chunk async for chunk in self.begun.source]
        await self.begun.close_within()


def test_the_task_of_the_source_takes_the_rest() -> None:
    tasks: list[Any] = []

    async def source() -> AsyncIterator[str]:
        for chunk in "abc":
            tasks.append(asyncio.current_task())
            yield chunk

    async def run() -> None:
        one = Within(source())
        await one.begun.abegin()
        one.may_go_on.set()
        assert await one.begun.within(one.work)
        assert one.taken == ["a", "b", "c"]
        assert {*tasks, one.task} == {one.task} != {asyncio.current_task()}
        await one.begun.aclose()

    asyncio.run(run())


def test_what_the_work_raises_is_raised() -> None:
    log: list[Any] = []

    async def fail(made: list[Any]) -> None:
        raise KeyError(made[0])

    async def run() -> None:
        begun = Producer(asyncio.get_running_loop(), count(log))
        await begun.abegin()
        with pytest.raises(KeyError, match="0"):
            await begun.within(fail)
        assert log == [0, "closed"]

    asyncio.run(run())


@pytest.mark.parametrize("turns", [0, 1, 5])
def test_a_cancellation_is_handed_on_to_the_task(turns: int) -> None:
    log: list[Any] = []

    async def run() -> None:
        one = Within(count(log))
        await one.begun.abegin()
        waiting = asyncio.create_task(one.begun.within(one.work))
        for _ in range(turns):
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await one.begun.aclose()
        assert log == [0, "closed"]
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run())


def test_a_source_that_fails_before_is_left_to_who_pulls() -> None:
    async def source() -> AsyncIterator[str]:
        async with asyncio.timeout(0):
            yield "a"
            yield "never"

    async def run() -> None:
        one = Within(source())
        await one.begun.abegin()
        await asyncio.sleep(0.01)
        assert not await one.begun.within(one.work)
        assert await anext(one.begun) == "a"
        with pytest.raises(TimeoutError):
            await anext(one.begun)
        assert one.taken == []

    asyncio.run(run())
