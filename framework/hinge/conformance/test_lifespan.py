"""Lifespans: once before the first request, once after the last, in one task, whatever the colour or the server."""

import asyncio
import logging
import re
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from hinge import App, ConfigurationError, Request, State, StreamingResponse
from hinge.backend.contract import Backend, Feature
from hinge.backend.installed import installed_backends
from hinge.testing import Client

pytestmark = pytest.mark.clause("lifespan.once")

PATIENCE = 10


@pytest.fixture(params=["def", "async def"])
def life(request: pytest.FixtureRequest) -> Callable[..., Callable[..., Any]]:
    """Return `life(notes, name, state)`: a lifespan of this run's colour that notes its start and stop."""

    def made(notes: list[str], name: str, state: Any = None) -> Callable[..., Any]:
        def plain() -> Iterator[Any]:
            notes.append(f"{name} starts")
            yield state
            notes.append(f"{name} stops")

        async def coroutine() -> AsyncIterator[Any]:
            await asyncio.sleep(0)
            notes.append(f"{name} starts")
            yield state
            await asyncio.sleep(0)
            notes.append(f"{name} stops")

        return plain if request.param == "def" else coroutine

    return made


def test_it_runs_once_around_all_requests(backend: Backend, life: Any) -> None:
    app = App()
    notes: list[str] = []
    app.lifespan(life(notes, "life"))
    app.get("/")(lambda: notes.append("request"))
    with Client(app, backend.name) as client:
        assert notes == ["life starts"]
        for _ in range(3):
            assert client.get("/").status_code == 204
    assert notes == ["life starts", "request", "request", "request", "life stops"]


def test_several_start_in_order_and_stop_in_reverse(backend: Backend, life: Any) -> None:
    app = App()
    notes: list[str] = []
    for name in ("one", "two", "three"):
        app.lifespan(life(notes, name, {name: name}))

    @app.get("/")
    def handler(state: State) -> dict[str, str]:
        return dict(state)

    with Client(app, backend.name) as client:
        assert client.get("/").json() == {"one": "one", "two": "two", "three": "three"}
    assert notes == [f"{name} starts" for name in ("one", "two", "three")] + [
        f"{name} stops" for name in ("three", "two", "one")
    ]


def test_it_may_run_again(backend: Backend, life: Any) -> None:
    app = App()
    notes: list[str] = []
    app.lifespan(life(notes, "life", {"n": 1}))
    app.get("/")(lambda: "x")

    @app.get("/state")
    async def handler(state: State) -> int:
        return int(state.n)

    for _ in range(3):
        with Client(app, backend.name) as client:
            assert client.get("/state").json() == 1
    assert notes == ["life starts", "life stops"] * 3


@pytest.mark.clause("head.state")
def test_each_request_has_a_state_of_its_own(client_for: Callable[..., Client], coloured: Any, life: Any) -> None:
    app = App()
    shared: list[int] = []
    app.lifespan(life([], "life", {"shared": shared, "own": 0}))

    @app.get("/")
    @coloured
    def handler(request: Request, state: State) -> list[int]:
        assert request.state is state
        state.own += 1
        state.new = 1
        state.shared.append(1)
        return [state.own, len(state.shared), len(state)]

    client = client_for(app)
    assert [client.get("/").json() for _ in range(3)] == [[1, 1, 3], [1, 2, 3], [1, 3, 3]]


def test_it_takes_the_app_or_nothing(client_for: Callable[..., Client]) -> None:
    app = App("Shop")

    @app.lifespan
    def titled(app: App) -> Iterator[dict[str, str]]:
        yield {"title": app.title}

    @app.lifespan
    async def nothing() -> AsyncIterator[None]:
        yield

    app.get("/")(lambda: "x")

    @app.get("/title")
    def title(state: State) -> str:
        return str(state.title)

    assert client_for(app).get("/title").text == "Shop"


# -- failing -----------------------------------------------------------------------------------------------------------


@pytest.mark.clause("lifespan.failure")
@pytest.mark.parametrize("colour", ["def", "async def"])
def test_a_failing_start_stops_what_has_started_and_is_raised(
    backend: Backend, life: Any, colour: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = App()
    notes: list[str] = []
    app.lifespan(life(notes, "one"))
    app.lifespan(life(notes, "two"))

    def plain() -> Iterator[None]:
        raise failure
        yield

    async def coroutine() -> AsyncIterator[None]:
        await asyncio.sleep(0)
        raise failure
        yield

    failure = ValueError("no database")
    app.lifespan(plain if colour == "def" else coroutine)
    app.lifespan(life(notes, "never"))
    app.get("/")(lambda: "x")
    for _ in range(2):
        notes.clear()
        with pytest.raises(ValueError, match="no database") as raised, Client(app, backend.name):
            pytest.fail("it started")
        assert raised.value is failure
        assert notes == ["one starts", "two starts", "two stops", "one stops"]


@pytest.mark.clause("lifespan.failure")
@pytest.mark.parametrize("colour", ["def", "async def"])
def test_a_failing_stop_stops_the_others_and_is_raised(
    backend: Backend, life: Any, colour: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = App()
    notes: list[str] = []
    app.lifespan(life(notes, "one"))

    def plain() -> Iterator[None]:
        yield
        raise ValueError("will not close")

    async def coroutine() -> AsyncIterator[None]:
        yield
        raise ValueError("will not close")

    app.lifespan(plain if colour == "def" else coroutine)
    app.lifespan(life(notes, "three"))
    app.get("/")(lambda: "x")
    with pytest.raises(ValueError, match="will not close"), Client(app, backend.name) as client:
        assert client.get("/").text == "x"
    assert notes == ["one starts", "three starts", "three stops", "one stops"]
    assert caplog.text.count("ValueError: will not close") == 1


MISUSES = {
    "no yield": (0, None, "it ended without a yield. Fix: yield once"),
    "two yields": (2, None, "it yielded a second time. Fix: yield once"),
    "text": (1, "text", "it yielded str. Fix: yield a mapping, or nothing"),
    "clash": (1, {"a": 1}, "it yields 'a', which another lifespan yields too"),
}
"""How often a lifespan yields, what, and what is said."""


@pytest.mark.clause("lifespan.failure")
@pytest.mark.parametrize("colour", ["def", "async def"])
@pytest.mark.parametrize(("count", "yielded", "complaint"), MISUSES.values(), ids=MISUSES)
def test_misuse_names_the_lifespan_and_its_line(
    backend: Backend, life: Any, colour: str, count: int, yielded: Any, complaint: str
) -> None:
    app = App()
    notes: list[str] = []
    app.lifespan(life(notes, "first", {"a": 0}))

    def plain() -> Iterator[Any]:
        try:
            for _ in range(count):
                yield yielded
        finally:
            notes.append("closed")  # at once, not by the garbage collector

    async def coroutine() -> AsyncIterator[Any]:
        for value in plain():
            yield value

    app.lifespan(plain if colour == "def" else coroutine)
    with pytest.raises(ConfigurationError) as raised, Client(app, backend.name):
        pass
    assert complaint in str(raised.value)
    assert "Fix: " in str(raised.value)
    assert re.match(r"lifespan .*test_lifespan\.py:", str(raised.value))
    assert notes == ["first starts", "closed", "first stops"]


# -- where it runs -----------------------------------------------------------------------------------------------------


@pytest.mark.clause("lifespan.task")
def test_all_of_them_run_on_the_loop_of_the_coroutines_in_one_task(backend: Backend) -> None:
    app = App()
    seen: list[Any] = []

    def note() -> None:
        seen.append((asyncio.get_running_loop(), threading.get_ident(), asyncio.current_task()))

    @app.lifespan
    def plain() -> Iterator[None]:
        note()
        yield
        note()

    @app.lifespan
    async def coroutine() -> AsyncIterator[None]:
        note()
        yield
        note()

    @app.get("/")
    async def handler() -> None:
        note()

    with Client(app, backend.name) as client:
        client.get("/")
    assert len(seen) == 5
    assert len({loop for loop, _, _ in seen}) == len({thread for _, thread, _ in seen}) == 1
    assert len({task for _, _, task in seen}) == 2


SPANS: dict[str, Callable[[list[str]], Callable[[], AsyncIterator[Any]]]] = {}


def span(make: Callable[[list[str]], Any]) -> Any:
    SPANS[make.__name__] = make
    return make


@span
def task_group(notes: list[str]) -> Any:
    async def life() -> AsyncIterator[Any]:
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep_forever)
            yield {"group": group}
            await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()
        notes.append("left")

    return life


@span
def asyncio_task_group(notes: list[str]) -> Any:
    async def life() -> AsyncIterator[Any]:
        async with asyncio.TaskGroup() as group:
            yield {"group": group}
            await asyncio.sleep(0)
        notes.append("left")

    return life


@span
def scope(notes: list[str]) -> Any:
    async def life() -> AsyncIterator[Any]:
        with anyio.CancelScope():
            yield {"group": None}
            await anyio.lowlevel.checkpoint()
        notes.append("left")

    return life


@pytest.mark.clause("lifespan.task")
@pytest.mark.parametrize("name", list(SPANS))
def test_a_task_group_may_span_the_yield(backend: Backend, name: str, caplog: pytest.LogCaptureFixture) -> None:
    app = App()
    notes: list[str] = []
    app.lifespan(SPANS[name](notes))
    done = threading.Event()

    async def work() -> None:
        done.set()

    @app.get("/")
    async def handler(state: State) -> None:
        if name == "task_group":
            state.group.start_soon(work)
        elif name == "asyncio_task_group":
            state.group.create_task(work())
        else:
            await work()

    with Client(app, backend.name) as client:
        client.get("/")
        assert done.wait(PATIENCE)
    assert notes == ["left"]
    assert caplog.records == []


@pytest.mark.clause("lifespan.failure")
@pytest.mark.parametrize("name", list(SPANS))
def test_a_start_that_fails_leaves_what_spans_the_yields_before(backend: Backend, name: str) -> None:
    app = App()
    notes: list[str] = []
    app.lifespan(SPANS[name](notes))

    @app.lifespan
    async def fails() -> AsyncIterator[None]:
        await asyncio.sleep(0)
        raise ValueError("no database")
        yield

    with pytest.raises(ValueError, match="no database"), Client(app, backend.name):
        pytest.fail("it started")
    assert notes == ["left"]


@pytest.mark.clause("lifespan.apps")
def test_two_apps_in_one_process_do_not_meet(backend: Backend, life: Any) -> None:
    notes: list[str] = []

    def made(name: str) -> App:
        app = App()
        app.lifespan(life(notes, name, {"name": name}))

        @app.get("/")
        async def handler(state: State) -> str:
            return str(state.name)

        return app

    one, two = made("one"), made("two")
    with Client(one, backend.name) as first:
        with Client(two, backend.name) as second:
            assert (first.get("/").text, second.get("/").text) == ("one", "two")
        assert notes == ["one starts", "two starts", "two stops"]
        assert first.get("/").text == "one"
    assert notes[-1] == "one stops"


@pytest.mark.clause("lifespan.apps")
def test_one_app_on_two_backends_at_once_has_two_lives(backend: Backend, life: Any) -> None:
    app = App()
    notes: list[str] = []
    app.lifespan(life(notes, "life", {}))
    app.get("/")(lambda: "x")
    names = {backend.name, *installed_backends()}
    clients = [Client(app, name) for name in names]
    for client in clients:
        client.__enter__()
    assert notes == ["life starts"] * len(names)
    assert {client.get("/").text for client in clients} == {"x"}
    for client in clients:
        client.__exit__(None, None, None)
    assert notes == ["life starts"] * len(names) + ["life stops"] * len(names)


# -- stopping ----------------------------------------------------------------------------------------------------------


@pytest.mark.needs(Feature.STREAMING, "the client leaves while the response is made")
@pytest.mark.clause("lifespan.end")
def test_what_is_open_ends_before_the_lifespans_stop(backend: Backend) -> None:
    app = App()
    notes: list[str] = []

    @app.lifespan
    async def life() -> AsyncIterator[None]:
        yield
        notes.append("life stops")

    @app.get("/")
    def handler() -> StreamingResponse:
        async def endless() -> AsyncIterator[str]:
            try:
                while True:
                    yield "x"
                    await asyncio.sleep(0.001)
            finally:
                await asyncio.sleep(0)
                notes.append("stream ends")

        return StreamingResponse(endless())

    with Client(app, backend.name) as client:
        stream = client.stream("GET", "/")
        response = stream.__enter__()
        next(response.iter_bytes())
    assert notes == ["stream ends", "life stops"]


@pytest.mark.clause("lifespan.end")
def test_a_task_that_was_left_behind_is_cancelled(backend: Backend, caplog: pytest.LogCaptureFixture) -> None:
    app = App()
    notes: list[str] = []
    kept: list[asyncio.Task[None]] = []

    async def background() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            notes.append("cancelled")

    @app.get("/")
    async def handler() -> None:
        kept.append(asyncio.create_task(background()))
        await asyncio.sleep(0)

    with Client(app, backend.name) as client:
        client.get("/")
    assert notes == ["cancelled"]
    assert kept[0].cancelled()
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
