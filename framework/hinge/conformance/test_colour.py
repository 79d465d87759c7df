"""The colour rule: which handler runs where, and what may wait for what.

| handler       | runs                                                                          |
| `def`         | in a thread without an event loop, one of several                             |
| `async def`   | on the one event loop, where the lifespans run, too                           |
| `inline=True` | where the request is served: a `def` on the loop, or a coroutine without one  |
"""

import asyncio
import logging
import re
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from hinge import App, AsyncMiddleware, Config, Middleware, Request
from hinge.testing import Client

pytestmark = pytest.mark.clause("colour.place")

PATIENCE = 10


def where() -> dict[str, Any]:
    """Return what tells the places apart."""
    try:
        loop = id(asyncio.get_running_loop())
    except RuntimeError:
        loop = None
    return {"thread": threading.get_ident(), "name": threading.current_thread().name, "loop": loop}


@pytest.fixture
def places(client_for: Callable[..., Client]) -> Callable[[str], dict[str, Any]]:
    """Return `places(path)`: where the handler of that path ran."""
    app = App()

    @app.get("/def")
    def plain() -> dict[str, Any]:
        return where()

    @app.get("/async")
    async def coroutine() -> dict[str, Any]:
        return where()

    @app.get("/inline/def", inline=True)
    def inline_plain() -> dict[str, Any]:
        return where()

    @app.get("/inline/async", inline=True)
    async def inline_coroutine() -> dict[str, Any]:
        return where()

    @app.lifespan
    async def life() -> AsyncIterator[dict[str, Any]]:
        yield {"life": where()}

    @app.get("/life")
    def life_place(request: Request) -> dict[str, Any]:
        return request.state.life

    def layer() -> Middleware:
        yield

    async def async_layer() -> AsyncMiddleware:
        await asyncio.sleep(0)
        yield

    for name, layers in (("layered", [layer]), ("async-layered", [async_layer]), ("both", [layer, async_layer])):
        app.get(f"/{name}/def", middleware=layers)(where)
        app.get(f"/{name}/async", middleware=layers)(coroutine)
        app.get(f"/{name}/inline/def", inline=True, middleware=layers)(plain)
        app.get(f"/{name}/inline/async", inline=True, middleware=layers)(coroutine)
    client = client_for(app)
    return lambda path: client.get(path).json()


LAYERS = ["", "/layered", "/async-layered", "/both"]


@pytest.mark.parametrize("layers", LAYERS)
def test_a_plain_handler_runs_without_a_loop(places: Callable[[str], Any], layers: str) -> None:
    place = places(f"{layers}/def")
    assert place["loop"] is None
    assert place["thread"] != threading.get_ident()


@pytest.mark.parametrize("layers", LAYERS)
def test_a_coroutine_runs_on_the_one_loop_where_the_lifespan_runs_too(
    places: Callable[[str], Any], layers: str
) -> None:
    place = places(f"{layers}/async")
    assert place["loop"] is not None
    assert place["thread"] != threading.get_ident()
    assert place == places(f"{layers}/async") == places("/async") == places("/life")


@pytest.mark.parametrize("layers", LAYERS)
def test_an_inline_def_runs_where_the_request_is_served(places: Callable[[str], Any], layers: str) -> None:
    """On the loop, if that serves it, or in a thread without one: which it is, is the same for every route."""
    place = places(f"{layers}/inline/def")
    assert place["thread"] != threading.get_ident()
    assert place["loop"] == places("/inline/def")["loop"]
    if place["loop"] is not None:
        assert place == places("/async")


@pytest.mark.parametrize("layers", ["", "/layered"])
def test_an_inline_coroutine_runs_where_an_inline_def_runs(places: Callable[[str], Any], layers: str) -> None:
    place = places(f"{layers}/inline/async")
    assert place["thread"] != threading.get_ident()
    assert place["loop"] == places("/inline/def")["loop"]


@pytest.mark.parametrize("layers", ["/async-layered", "/both"])
def test_an_inline_coroutine_inside_async_middleware_runs_on_its_loop(
    places: Callable[[str], Any], layers: str
) -> None:
    assert places(f"{layers}/inline/async") == places("/async")


# -- inline and waiting ------------------------------------------------------------------------------------------------


async def bare() -> None:
    await asyncio.sleep(0)


async def timed() -> None:
    await asyncio.sleep(0.001)


async def anyio_sleep() -> None:
    await anyio.lowlevel.checkpoint()


async def anyio_group() -> None:
    async with anyio.create_task_group():
        pass


async def anyio_scope() -> None:
    with anyio.move_on_after(1):
        await nothing()


async def timeout() -> None:
    async with asyncio.timeout(1):
        await nothing()


async def nothing() -> None:
    """Be something to await that never waits."""


async def task() -> None:
    asyncio.get_running_loop().create_task(bare())


async def stubborn() -> None:
    try:
        await asyncio.sleep(0)
    finally:
        raise ValueError("no clean end")


WAITING = [bare, timed, anyio_sleep, anyio_group, anyio_scope, timeout, task, stubborn]


DO_NOT_SUSPEND = [anyio_scope, timeout, task]
"""What needs a loop and does not wait for it: nothing tells it from a coroutine that keeps its promise."""


@pytest.mark.clause("colour.inline")
@pytest.mark.parametrize("wait", WAITING, ids=lambda wait: wait.__name__)
def test_an_inline_coroutine_that_waits_is_told_so_where_there_is_no_loop(
    client_for: Callable[..., Client], wait: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app = App(config=Config(debug=True))
    loops = []

    @app.get("/", inline=True)
    async def impatient() -> str:
        loops.append(where()["loop"])
        await wait()
        return "done"

    client = client_for(app)
    response = client.get("/")
    if loops[0] is not None:
        assert (response.status_code, response.text) == (500, response.text) if wait is stubborn else (200, "done")
        client.get("/")
        told = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
        assert len(told) == (0 if wait in DO_NOT_SUSPEND else 1), "once for each handler"
        for message in told:
            assert re.search(r"impatient \(.*test_colour\.py:\d+\): .*waits.* Fix: drop inline=True$", message)
        return
    assert response.status_code == 500
    detail = response.json()["detail"]
    assert "impatient (" in detail
    assert "test_colour.py:" in detail
    assert "inline=True" in detail
    assert "drop inline=True" in detail
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "impatient" in record.getMessage()


@pytest.mark.clause("colour.inline")
def test_an_inline_coroutine_may_await_what_does_not_wait(client_for: Callable[..., Client]) -> None:
    app = App()
    finished = asyncio.Event()

    async def deeper(depth: int) -> int:
        if depth:
            return 1 + await deeper(depth - 1)
        finished.set()
        await finished.wait()
        return 0

    @app.get("/", inline=True)
    async def patient() -> int:
        return await deeper(20)

    assert client_for(app).get("/").json() == 20


@pytest.mark.clause("colour.inline")
def test_an_inline_coroutine_that_keeps_its_promise_is_not_told_off(
    client_for: Callable[..., Client], caplog: pytest.LogCaptureFixture
) -> None:
    app = App()

    @app.get("/{word}", inline=True)
    async def patient(word: str) -> str:
        await nothing()
        return word

    client = client_for(app)
    assert [client.get(path).text for path in ("/a", "/b")] == ["a", "b"]
    assert not [record for record in caplog.records if record.name == "hinge"]


@pytest.mark.clause("colour.inline")
def test_the_errors_of_an_inline_coroutine_are_its_own(client_for: Callable[..., Client]) -> None:
    app = App(config=Config(debug=True))

    @app.get("/", inline=True)
    async def failing() -> str:
        raise RuntimeError("my own")

    assert client_for(app).get("/").json()["detail"] == "RuntimeError: my own"


# -- at the same time --------------------------------------------------------------------------------------------------


def requests_at_once(client: Client, path: str, count: int) -> list[int]:
    """Send requests from `count` threads and return the statuses."""
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(client.get(path).status_code), daemon=True)
        for _ in range(count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    return statuses


@pytest.mark.clause("colour.together")
def test_plain_handlers_run_at_the_same_time(client_for: Callable[..., Client]) -> None:
    app = App()
    together = threading.Barrier(8)

    @app.get("/")
    def handler() -> None:
        together.wait(PATIENCE)

    assert requests_at_once(client_for(app), "/", 8) == [204] * 8


@pytest.mark.clause("colour.together")
def test_coroutines_run_at_the_same_time_on_the_one_loop(client_for: Callable[..., Client]) -> None:
    app = App()
    here: list[int] = []
    everybody = asyncio.Event()

    @app.get("/")
    async def handler() -> None:
        here.append(threading.get_ident())
        if len(here) == 8:
            everybody.set()
        async with asyncio.timeout(PATIENCE):
            await everybody.wait()

    assert requests_at_once(client_for(app), "/", 8) == [204] * 8
    assert len(set(here)) == 1


@pytest.mark.clause("colour.together")
def test_a_blocked_plain_handler_stops_neither_colour(client_for: Callable[..., Client]) -> None:
    app = App()
    entered, release = threading.Event(), threading.Event()

    async def async_layer() -> AsyncMiddleware:
        yield

    @app.get("/blocked")
    def blocked() -> None:
        entered.set()
        assert release.wait(PATIENCE)

    @app.get("/blocked/layered", middleware=[async_layer])
    def layered() -> None:
        blocked()

    @app.get("/async")
    async def coroutine() -> str:
        return "on"

    @app.get("/def")
    def plain() -> str:
        return "on"

    client = client_for(app)
    for path in ("/blocked", "/blocked/layered"):
        entered.clear()
        release.clear()
        thread = threading.Thread(target=client.get, args=(path,))
        thread.start()
        assert entered.wait(PATIENCE)
        assert client.get("/async").text == client.get("/def").text == "on"
        release.set()
        thread.join(PATIENCE)


# -- what is kept between requests -------------------------------------------------------------------------------------


@pytest.mark.clause("colour.loop")
def test_what_one_request_opened_on_the_loop_serves_the_next(client_for: Callable[..., Client]) -> None:
    """A client kept from request to request, as a database pool is, works because all of them share one loop."""
    app = App()
    inbox: asyncio.Queue[tuple[int, asyncio.Future[int]]] = asyncio.Queue()

    @app.lifespan
    async def worker() -> AsyncIterator[None]:
        async def double() -> None:
            while True:
                number, answer = await inbox.get()
                answer.set_result(2 * number)

        task = asyncio.create_task(double())
        yield
        task.cancel()

    @app.get("/double/{number}")
    async def handler(number: int) -> int:
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        await inbox.put((number, answer))
        return await answer

    client = client_for(app)
    assert [client.get(f"/double/{number}").json() for number in range(5)] == [0, 2, 4, 6, 8]


@pytest.mark.clause("colour.loop")
def test_worker_threads_of_coroutines_are_kept(client_for: Callable[..., Client]) -> None:
    app = App()

    @app.get("/")
    async def handler() -> int:
        return await anyio.to_thread.run_sync(threading.get_ident)

    client = client_for(app)
    assert len({client.get("/").json() for _ in range(10)}) == 1


@pytest.mark.clause("colour.loop")
def test_a_task_outlives_the_request_that_started_it(client_for: Callable[..., Client]) -> None:
    app = App()
    kept: list[asyncio.Task[str]] = []
    go = asyncio.Event()

    async def later() -> str:
        await go.wait()
        return "done"

    @app.get("/start")
    async def start() -> None:
        kept.append(asyncio.create_task(later()))

    @app.get("/finish")
    async def finish() -> str:
        go.set()
        return await kept[0]

    client = client_for(app)
    assert client.get("/start").status_code == 204
    assert client.get("/finish").text == "done"


# -- what else a handler may raise -------------------------------------------------------------------------------------


@pytest.mark.clause("errors.answered")
def test_a_coroutine_that_awaits_something_cancelled_is_answered_with_500(
    client_for: Callable[..., Client], caplog: pytest.LogCaptureFixture
) -> None:
    app = App()

    async def awaits_cancelled() -> str:
        task = asyncio.create_task(asyncio.sleep(60))
        task.cancel()
        await task
        return "not reached"

    def layer() -> Middleware:
        response = yield
        response.headers["x-layer"] = "seen"

    app.get("/direct")(awaits_cancelled)
    app.get("/layered", middleware=[layer])(awaits_cancelled)
    client = client_for(app)
    assert client.get("/direct").status_code == 500
    response = client.get("/layered")
    assert (response.status_code, response.headers["x-layer"]) == (500, "seen")
    assert caplog.text.count("it waited for something that was cancelled") >= 2


@pytest.mark.clause("errors.answered")
@pytest.mark.parametrize("layers", ["none", "sync", "async"])
def test_stop_iteration_from_a_plain_handler_is_answered_with_500(
    client_for: Callable[..., Client], layers: str
) -> None:
    app = App()

    def layer() -> Middleware:
        yield

    async def async_layer() -> AsyncMiddleware:
        yield

    @app.get("/", middleware={"none": [], "sync": [layer], "async": [async_layer]}[layers])
    def handler() -> str:
        return next(iter([]))

    client = client_for(app)
    assert client.get("/").status_code == 500
    assert client.get("/").status_code == 500
