"""`loop="thread"`: a coroutine runs in the thread that serves its request, on a loop that the thread keeps."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from contextvars import ContextVar
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from hinge import App, AsyncMiddleware, BodyStream, ConfigurationError, Middleware
from hinge.testing import Client
from hinge_wsgi.thread_loop import _forget, _mine, run_here

word: ContextVar[str] = ContextVar("word", default="unset")


async def place() -> tuple[int, int]:
    await asyncio.sleep(0)
    return threading.get_ident(), id(asyncio.get_running_loop())


def test_a_thread_keeps_its_loop_and_no_other_has_it() -> None:
    places = [run_here(place()), run_here(place())]
    assert places[0] == places[1]
    assert places[0][0] == threading.get_ident()

    others: list[tuple[int, int]] = []
    keeps = threading.Barrier(2)

    def work() -> None:
        others.append(run_here(place()))
        keeps.wait(10)

    thread = threading.Thread(target=work)
    thread.start()
    keeps.wait(10)
    thread.join(10)
    assert others[0][1] != places[0][1]


def test_a_thread_that_ends_closes_its_loop() -> None:
    loops: list[asyncio.AbstractEventLoop] = []

    async def look() -> None:
        loops.append(asyncio.get_running_loop())

    thread = threading.Thread(target=lambda: run_here(look()))
    thread.start()
    thread.join(10)
    assert loops[0].is_closed()


def test_a_forked_child_forgets_the_loops_of_its_parent() -> None:
    before = run_here(place())
    loop = _mine.kept.loop
    _forget()
    assert run_here(place())[1] != before[1]
    assert not loop.is_closed()  # it polls the same descriptors as the parent's
    loop.close()


def test_what_is_left_running_is_cancelled_before_the_answer() -> None:
    ended: list[str] = []

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("cleaned up")

    async def handler() -> str:
        left.append(asyncio.create_task(forever()))
        await asyncio.sleep(0)
        return "done"

    left: list[asyncio.Task[None]] = []
    assert run_here(handler()) == "done"
    assert ended == ["cleaned up"]
    assert left[0].cancelled()
    assert run_here(place())[0] == threading.get_ident()


@pytest.fixture
def client() -> Any:
    app = App()

    def layer() -> Middleware:
        word.set("layer")
        response = yield
        response.headers["x-word"] = word.get()

    async def async_layer() -> AsyncMiddleware:
        await asyncio.sleep(0)
        yield

    @app.get("/here", loop="thread", middleware=[layer])
    async def here() -> dict[str, Any]:
        found = word.get()
        word.set("handler")
        await anyio.lowlevel.checkpoint()
        return {"thread": threading.current_thread().name, "word": found, "blocking": await blocking()}

    async def blocking() -> bool:
        return await anyio.to_thread.run_sync(threading.get_ident) != threading.get_ident()

    @app.get("/inside", loop="thread", middleware=[async_layer])
    async def inside() -> str:
        return threading.current_thread().name

    @app.post("/upload", loop="thread")
    async def upload(body: BodyStream) -> int:
        return sum([len(chunk) async for chunk in body])

    @app.get("/stray", loop="thread")
    async def stray() -> None:
        task = asyncio.create_task(asyncio.sleep(10))
        task.cancel()
        await task

    @app.get("/stream", loop="thread")
    async def stream() -> AsyncIterator[str]:
        async def chunks() -> AsyncIterator[str]:
            yield threading.current_thread().name
            await asyncio.sleep(0)
            yield " twice"

        return chunks()

    with Client(app, backend="wsgi") as made:
        yield made


def test_a_request_has_its_thread_its_context_and_its_workers(client: Client) -> None:
    response = client.get("/here")
    assert response.json() == {"thread": "wsgi-server", "word": "layer", "blocking": True}
    assert response.headers["x-word"] == "handler"


def test_inside_of_async_middleware_it_runs_where_that_runs(client: Client) -> None:
    assert client.get("/inside").text == "hinge-loop"


def test_bodies_and_streams_come_as_ever(client: Client) -> None:
    assert client.post("/upload", content=iter([b"a" * 70000, b"b"])).json() == 70001
    assert client.get("/stream").text == "hinge-loop twice"


def test_a_stray_cancellation_is_a_failure(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "hinge"):
        assert client.get("/stray").status_code == 500
    assert "did not catch CancelledError" in caplog.text
    assert client.get("/here").status_code == 200


@pytest.mark.parametrize(("options", "why"), [({}, "it is a def"), ({"inline": True}, r"never waits \(inline=True\)")])
def test_it_is_for_coroutines_that_wait(options: dict[str, Any], why: str) -> None:
    app = App()

    def plain() -> None: ...

    async def coroutine() -> None: ...

    app.get("/", loop="thread", **options)(coroutine if options else plain)
    with pytest.raises(ConfigurationError, match=f"loop='thread' is for coroutines that wait, and .*{why}"):
        app.compile("wsgi")


def test_another_value_is_refused_where_it_stands() -> None:
    with pytest.raises(ConfigurationError, match="loop='own' is neither"):
        App().get("/", loop="own")(lambda: None)  # type: ignore[arg-type]
