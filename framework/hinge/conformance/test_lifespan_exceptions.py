"""What is no `Exception` in lifespans, and in the tasks that lifespans and handlers begin: nobody is taken along."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anyio
import pytest

from hinge import App
from hinge.backend import Backend
from hinge.conformance.failures import ASYNC, COLOURS, LAYERS, LIVES, EmptyError, app_with, failing
from hinge.conformance.websockets import PATIENCE
from hinge.testing import Client

pytestmark = pytest.mark.clause("errors.answered")


# -- lifespans ---------------------------------------------------------------------------------------------------------


def app_of_lives(fails: Callable[[], None], raised: str, *, is_async: bool, at_stop: bool, notes: list[str]) -> App:
    app = App()

    @app.lifespan
    def first() -> Iterator[None]:
        yield
        notes.append("first stopped")

    def plain() -> Iterator[None]:
        if not at_stop:
            fails()
        yield
        fails()

    async def coroutine() -> AsyncIterator[None]:
        if at_stop:
            yield
        if raised == "cancelled":
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(PATIENCE)
        fails()
        yield

    app.lifespan(coroutine if is_async else plain)
    app.get("/")(lambda: "x")
    return app


@pytest.mark.clause("lifespan.failure")
@pytest.mark.parametrize("raised", LIVES)
@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("when", ["start", "stop"])
def test_a_lifespan_fails_with_it(
    backend: Backend, when: str, raised: str, colour: str, caplog: pytest.LogCaptureFixture
) -> None:
    notes: list[str] = []
    fails = failing(LIVES[raised])
    app = app_of_lives(fails, raised, is_async=colour == ASYNC, at_stop=when == "stop", notes=notes)
    expected = type(LIVES[raised]())
    with pytest.raises((RuntimeError, EmptyError)) as failed, Client(app, backend.name) as client:
        assert (when, client.get("/").text) == ("stop", "x")
    if not issubclass(expected, Exception):
        assert re.match(r"lifespan .*test_lifespan_exceptions\.py:\d+\): it ", str(failed.value))
    assert type(failed.value if issubclass(expected, Exception) else failed.value.__cause__) is expected
    assert notes == ["first stopped"]
    said = "a lifespan failed to start" if when == "start" else "a lifespan failed while it was stopped"
    assert [record.getMessage() for record in caplog.records] == [said]
    assert caplog.records[0].exc_info is not None
    assert caplog.records[0].exc_info[1] is failed.value


@pytest.mark.clause("lifespan.failure")
@pytest.mark.parametrize("raised", ["CancelledError", "of the app"])
@pytest.mark.parametrize("when", ["start", "stop"])
def test_a_lifespan_of_a_mounted_app_fails_with_it(backend: Backend, when: str, raised: str) -> None:
    notes: list[str] = []
    inner = app_of_lives(failing(LIVES[raised]), raised, is_async=True, at_stop=when == "stop", notes=notes)
    app = app_with([])
    app.mount("/inner", inner)
    with (
        pytest.raises(RuntimeError, match=r"coroutine \(.*\): it raised") as failed,
        Client(app, backend.name) as client,
    ):
        assert (when, client.get("/inner/").text) == ("stop", "x")
    assert type(failed.value.__cause__) is type(LIVES[raised]())
    assert notes == ["first stopped"]


@pytest.mark.clause("lifespan.failure")
@pytest.mark.parametrize("group", ["asyncio", "anyio"])
@pytest.mark.parametrize("when", ["start", "stop"])
def test_a_task_that_fails_while_others_start_or_stop_is_the_failure(
    backend: Backend, when: str, group: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = App()
    notes: list[str] = []
    fail: list[asyncio.Event] = []

    async def task() -> None:
        await fail[0].wait()
        raise ValueError("in the background")

    async def wait() -> None:
        fail[0].set()
        await asyncio.sleep(PATIENCE)

    @app.lifespan
    def first() -> Iterator[None]:
        yield
        notes.append("first stopped")

    @app.lifespan
    async def tasks() -> AsyncIterator[None]:
        fail.append(asyncio.Event())
        if group == "anyio":
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(task)
                yield
        else:
            async with asyncio.TaskGroup() as others:
                others.create_task(task())
                yield

    @app.lifespan
    async def waits() -> AsyncIterator[None]:
        if when == "start":
            await wait()
        yield
        await wait()

    app.get("/")(lambda: "x")
    with pytest.raises(ExceptionGroup) as failed, Client(app, backend.name) as client:
        assert (when, client.get("/").text) == ("stop", "x")
    assert [repr(error) for error in failed.value.exceptions] == ["ValueError('in the background')"]
    assert notes == ["first stopped"]
    said = "a lifespan failed to start" if when == "start" else "a lifespan failed while it was stopped"
    assert [record.getMessage() for record in caplog.records] == [said]


@pytest.mark.clause("lifespan.failure")
def test_a_start_fails_once_for_each_client(backend: Backend, caplog: pytest.LogCaptureFixture) -> None:
    app = App()

    @app.lifespan
    def fails() -> Iterator[None]:
        raise asyncio.CancelledError
        yield

    app.get("/")(lambda: "x")
    for count in (1, 2):
        with pytest.raises(RuntimeError), Client(app, backend.name):
            pytest.fail("it started")
        assert [record.getMessage() for record in caplog.records] == ["a lifespan failed to start"] * count


# -- tasks that a handler leaves behind --------------------------------------------------------------------------------


async def leaves(error: BaseException) -> None:
    await asyncio.sleep(0)
    raise error


EXITS = {"SystemExit": SystemExit(1), "KeyboardInterrupt": KeyboardInterrupt()}
BEHIND: dict[str, Callable[[BaseException], Any]] = {
    "create_task": lambda error: asyncio.create_task(leaves(error)),
    "ensure_future": lambda error: asyncio.ensure_future(leaves(error)),
    "dropped": lambda error: asyncio.create_task(leaves(error)) and None,
    "a task of a task": lambda error: asyncio.create_task(of_a_task(error)),
}


async def of_a_task(error: BaseException) -> None:
    other = asyncio.create_task(leaves(error))
    await asyncio.sleep(0.01)
    del other


@pytest.mark.clause("colour.loop")
@pytest.mark.parametrize("raised", EXITS)
@pytest.mark.parametrize("how", BEHIND)
def test_an_exit_of_a_task_that_was_left_behind_is_that_tasks_failure(
    client_for: Callable[..., Client], how: str, raised: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = app_with([])
    kept: list[Any] = []

    @app.get("/")
    async def handler() -> str:
        kept.append(BEHIND[how](EXITS[raised]))
        return "x"

    @app.get("/wait")
    async def wait() -> str:
        await asyncio.sleep(0.05)
        kept.clear()
        return "waited"

    client = client_for(app)
    assert client.get("/").text == "x"
    assert client.get("/wait").text == "waited"
    assert client.get("/fine").text == "fine"
    (record,) = caplog.records
    assert (record.name, record.exc_info and record.exc_info[1]) == ("asyncio", EXITS[raised])
    assert "leaves" in record.getMessage()
    assert "run_until_complete" not in caplog.text


@pytest.mark.clause("colour.loop")
@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("how", ["awaited", "in a group", "gathered"])
@pytest.mark.parametrize("loop", ["process", "thread"])
def test_an_exit_of_a_task_that_a_handler_waits_for_is_its_failure(
    client_for: Callable[..., Client], loop: Any, how: str, layers: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = app_with(LAYERS[layers])

    @app.get("/", loop=loop)
    async def handler() -> None:
        if how == "awaited":
            await asyncio.create_task(leaves(SystemExit(1)))
        elif how == "gathered":
            await asyncio.gather(leaves(SystemExit(1)), asyncio.sleep(0))
        else:
            async with asyncio.TaskGroup() as group:
                group.create_task(leaves(SystemExit(1)))

    client = client_for(app)
    assert client.get("/").status_code == 500
    assert client.get("/fine").text == "fine"
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[0] is SystemExit


def test_a_coroutine_with_a_loop_of_its_own_outlives_an_exit_of_its_tasks(
    client_for: Callable[..., Client], caplog: pytest.LogCaptureFixture
) -> None:
    app = app_with([])

    @app.get("/", loop="thread")
    async def handler() -> str:
        task = asyncio.create_task(leaves(SystemExit(1)))
        await asyncio.sleep(0.01)
        return "failed" if task.exception() else "?"

    client = client_for(app)
    assert client.get("/").text == "failed"
    assert caplog.records == []


@pytest.mark.clause("lifespan.failure")
def test_an_exit_of_a_task_of_a_lifespan_is_that_tasks_failure(backend: Backend) -> None:
    app = app_with([])
    notes: list[str] = []

    @app.lifespan
    async def life() -> AsyncIterator[None]:
        task = asyncio.create_task(leaves(SystemExit(1)))
        await asyncio.sleep(0.01)
        yield
        notes.append(repr(task.exception()))

    with Client(app, backend.name) as client:
        assert client.get("/fine").text == "fine"
    assert notes == ["SystemExit(1)"]
