"""What is no `Exception`, or a false one: wherever the app's code raises it, it is answered or logged like any failure.

One table for all classes and places, and the ones that are passed on: an interrupt, and what was asked for.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anyio
import msgspec
import pytest

from hinge import (
    App,
    AsyncMiddleware,
    ClientDisconnect,
    EventSourceResponse,
    HTTPError,
    Middleware,
    Request,
    StreamingResponse,
    WebSocket,
)
from hinge.backend.contract import Backend
from hinge.conformance.websockets import PATIENCE, closed, refusal, websockets
from hinge.testing import Aborted, Client

pytestmark = pytest.mark.clause("errors.answered")


class OwnError(BaseException):
    """A class of the app's, or of a library that wants to pass every `except Exception`."""


class EmptyError(Exception):
    """An aggregate that holds nothing (yet), and is false therefore."""

    def __len__(self) -> int:
        return 0


RAISED: dict[str, Callable[[], BaseException]] = {
    "CancelledError": asyncio.CancelledError,
    "GeneratorExit": GeneratorExit,
    "SystemExit": lambda: SystemExit(3),
    "BaseExceptionGroup": lambda: BaseExceptionGroup("both", [OwnError(), ValueError()]),
    "of the app": OwnError,
    "false": EmptyError,
}
CUT = RAISED | {"HTTPError": lambda: HTTPError(500, "the database went away"), "ClientDisconnect": ClientDisconnect}
"""What is a failure of a stream that has begun: an answer, or a word about the client, comes too late."""
STRAY = (asyncio.CancelledError, GeneratorExit)
INTERRUPTS: dict[str, Callable[[], BaseException]] = {
    "KeyboardInterrupt": KeyboardInterrupt,
    "in a group": lambda: BaseExceptionGroup("all", [ValueError(), BaseExceptionGroup("in", [KeyboardInterrupt()])]),
}


def layer() -> Middleware:
    response = yield
    response.headers["x-layer"] = "seen"


async def async_layer() -> AsyncMiddleware:
    response = yield
    response.headers["x-layer"] = "seen"


def guarded() -> Middleware:
    try:
        yield
    finally:
        pass


LAYERS: dict[str, list[Any]] = {"bare": [], "layer": [layer], "async": [async_layer], "guarded": [guarded]}
COLOURS = ["def", "async def"]

# -- places: each adds a route at / whose request fails there ----------------------------------------------------------

Place = Callable[[App, Callable[[], None], bool], None]
"""`(app, fails, is_async) -> nothing`."""


def coroutine_of(fails: Callable[[], None], is_async: bool) -> Callable[[], Any]:
    async def coroutine() -> None:
        fails()

    return coroutine if is_async else fails


def handler(app: App, fails: Callable[[], None], is_async: bool, **options: Any) -> None:
    app.get("/", **options)(coroutine_of(fails, is_async))


def inline(app: App, fails: Callable[[], None], is_async: bool) -> None:
    handler(app, fails, is_async, inline=True)


def in_a_thread_of_its_own(app: App, fails: Callable[[], None], is_async: bool) -> None:
    async def coroutine() -> None:
        fails()

    app.get("/", loop="thread")(coroutine)


def with_a_request(app: App, fails: Callable[[], None], is_async: bool) -> None:
    def plain(request: Request) -> None:
        fails()

    async def coroutine(request: Request) -> None:
        await asyncio.sleep(0)
        fails()

    app.get("/")(coroutine if is_async else plain)


def decoding(app: App, fails: Callable[[], None], is_async: bool) -> None:
    class Item(msgspec.Struct):
        size: int = 0

        def __post_init__(self) -> None:
            fails()

    def plain(item: Item) -> None: ...
    async def coroutine(item: Item) -> None: ...

    app.route("/", methods=["GET", "POST"])(coroutine if is_async else plain)


def error_handler(app: App, fails: Callable[[], None], is_async: bool) -> None:
    def plain(request: Request, error: LookupError) -> None:
        fails()

    async def coroutine(request: Request, error: LookupError) -> None:
        await asyncio.sleep(0)
        fails()

    app.error(LookupError)(coroutine if is_async else plain)

    @app.get("/")
    def looks_up() -> None:
        raise LookupError


def middleware(app: App, fails: Callable[[], None], is_async: bool, *, after: bool) -> None:
    def plain() -> Middleware:
        if not after:
            fails()
        yield
        fails()

    async def coroutine() -> AsyncMiddleware:
        await asyncio.sleep(0)
        if not after:
            fails()
        yield
        await asyncio.sleep(0)
        fails()

    app.get("/", middleware=[coroutine if is_async else plain])(lambda: "x")


def middleware_before(app: App, fails: Callable[[], None], is_async: bool) -> None:
    middleware(app, fails, is_async, after=False)


def middleware_after(app: App, fails: Callable[[], None], is_async: bool) -> None:
    middleware(app, fails, is_async, after=True)


def source(fails: Callable[[], None], is_async: bool, chunks: int, *, at_close: bool = False) -> Any:
    def plain() -> Iterator[str]:
        try:
            for _ in range(chunks):
                yield "x"
        finally:
            if at_close:
                fails()
        fails()

    async def coroutine() -> AsyncIterator[str]:
        try:
            for _ in range(chunks):
                yield "x"
        finally:
            if at_close:
                fails()
        fails()

    return coroutine() if is_async else plain()


def first_chunk(app: App, fails: Callable[[], None], is_async: bool) -> None:
    app.get("/")(lambda: StreamingResponse(source(fails, is_async, 0)))


ANSWERED: dict[str, Place] = {
    place.__name__: place
    for place in (
        handler,
        inline,
        in_a_thread_of_its_own,
        with_a_request,
        decoding,
        error_handler,
        middleware_before,
        middleware_after,
        first_chunk,
    )
}


def failing(make: Callable[[], BaseException]) -> Callable[[], None]:
    def fails() -> None:
        raise make()

    return fails


def app_with(layers: list[Any]) -> App:
    app = App(middleware=layers)
    app.get("/fine")(lambda: "fine")
    return app


def expect_logged(caplog: pytest.LogCaptureFixture, make: Callable[[], BaseException], where: str = "/") -> None:
    """Expect one failure in the log. What means something to who awaits is the cause of another."""
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert where in record.getMessage()
    assert record.exc_info is not None
    error = record.exc_info[1]
    expected = type(make())
    if expected in STRAY:
        assert type(error) is RuntimeError
        error = error.__cause__
    assert type(error) is expected
    assert "fails" in caplog.text, "where it was raised"


# -- failures ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raised", RAISED)
@pytest.mark.parametrize("place", ANSWERED)
@pytest.mark.parametrize("colour", COLOURS)
def test_it_is_answered_with_500_and_logged(
    client_for: Callable[..., Client], place: str, raised: str, colour: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = app_with([])
    ANSWERED[place](app, failing(RAISED[raised]), colour == "async def")
    client = client_for(app)
    response = client.post("/", json={}) if place == "decoding" else client.get("/")
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    expect_logged(caplog, RAISED[raised])
    assert client.get("/fine").text == "fine"


@pytest.mark.parametrize("raised", RAISED)
@pytest.mark.parametrize("place", ["handler", "error_handler", "middleware_before", "middleware_after", "first_chunk"])
@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("layers", [name for name in LAYERS if name != "bare"])
def test_it_is_answered_inside_middleware(
    client_for: Callable[..., Client],
    layers: str,
    place: str,
    raised: str,
    colour: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = app_with(LAYERS[layers])
    ANSWERED[place](app, failing(RAISED[raised]), colour == "async def")
    client = client_for(app)
    response = client.get("/")
    assert response.status_code == 500
    assert ("x-layer" in response.headers) is (layers != "guarded")
    expect_logged(caplog, RAISED[raised])
    assert client.get("/fine").text == "fine"


@pytest.mark.clause("errors.handlers")
@pytest.mark.parametrize("raised", RAISED)
@pytest.mark.parametrize("colour", COLOURS)
def test_it_is_answered_by_who_answers_every_failure(
    client_for: Callable[..., Client], raised: str, colour: str
) -> None:
    app = App()
    handler(app, failing(RAISED[raised]), colour == "async def")

    @app.error(Exception)
    def any_failure(request: Request, error: Exception) -> str:
        return type(error).__name__

    response = client_for(app).get("/")
    expected = type(RAISED[raised]())
    assert response.status_code == 500
    assert response.text == ("RuntimeError" if expected in STRAY else expected.__name__)


@pytest.mark.clause("stream.cut")
@pytest.mark.parametrize("raised", CUT)
@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("kind", [StreamingResponse, EventSourceResponse])
@pytest.mark.parametrize("layers", ["bare", "layer"])
def test_a_stream_is_cut_off(
    client_for: Callable[..., Client],
    kind: Any,
    layers: str,
    raised: str,
    colour: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = app_with(LAYERS[layers])
    fails = failing(CUT[raised])
    app.get("/")(lambda: kind(source(fails, colour == "async def", 1)))
    client = client_for(app)
    with client.stream("GET", "/") as response, pytest.raises(Aborted):
        response.read()
    expect_logged(caplog, CUT[raised])
    assert client.get("/fine").text == "fine"


@pytest.mark.clause("stream.closed")
@pytest.mark.parametrize("raised", CUT)
@pytest.mark.parametrize("colour", COLOURS)
def test_a_close_that_fails_is_logged(
    client_for: Callable[..., Client], raised: str, colour: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = app_with([])
    fails = failing(CUT[raised])
    app.get("/")(lambda: StreamingResponse(source(fails, colour == "async def", 2, at_close=True)))
    client = client_for(app)
    with client.stream("GET", "/") as response:
        assert next(response.iter_bytes()) == b"x"
    assert client.get("/fine").text == "fine"
    if raised == "GeneratorExit":  # which says that it is closed
        assert caplog.records == []
    else:
        expect_logged(caplog, CUT[raised])


@pytest.mark.clause("response.after")
@pytest.mark.parametrize("raised", RAISED)
@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("streams", [False, True], ids=["whole", "stream"])
def test_work_after_the_response_goes_on(
    client_for: Callable[..., Client], raised: str, colour: str, streams: bool, caplog: pytest.LogCaptureFixture
) -> None:
    app = app_with([])
    notes: list[str] = []
    work = coroutine_of(failing(RAISED[raised]), colour == "async def")

    @app.get("/")
    def answers(request: Request) -> Any:
        request.after_response(work)
        request.after_response(notes.append, "next")
        return StreamingResponse(iter("x")) if streams else "x"

    client = client_for(app)
    assert client.get("/").text == "x"
    assert notes == ["next"]
    expect_logged(caplog, RAISED[raised], f"after_response({work.__module__}.")
    assert client.get("/fine").text == "fine"


@websockets
@pytest.mark.clause("websocket.end")
@pytest.mark.parametrize("raised", RAISED)
@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("accepts", [False, True], ids=["before accept", "after accept"])
def test_a_websocket(
    client_for: Callable[..., Client], raised: str, layers: str, accepts: bool, caplog: pytest.LogCaptureFixture
) -> None:
    app = app_with(LAYERS[layers])
    fails = failing(RAISED[raised])

    @app.websocket("/")
    async def live(ws: WebSocket) -> None:
        if accepts:
            await ws.accept()
        fails()

    client = client_for(app)
    if accepts:
        with client.websocket("/") as ws:
            assert closed(ws)[0] == 1011
    else:
        assert refusal(client, "/").status_code == 500
    assert client.get("/fine").text == "fine"
    expect_logged(caplog, RAISED[raised])


@websockets
@pytest.mark.clause("websocket.middleware")
@pytest.mark.parametrize("raised", RAISED)
@pytest.mark.parametrize("is_async", [False, True], ids=COLOURS)
def test_a_websockets_middleware(
    client_for: Callable[..., Client], raised: str, is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    app = app_with([])
    fails = failing(RAISED[raised])

    def plain() -> Middleware:
        yield
        fails()

    async def coroutine() -> AsyncMiddleware:
        yield
        fails()

    @app.websocket("/", middleware=[coroutine if is_async else plain])
    async def live(ws: WebSocket) -> None:
        await ws.accept()

    client = client_for(app)
    with client.websocket("/") as ws:
        assert closed(ws)[0] == 1011
    expect_logged(caplog, RAISED[raised])


# -- what is passed on -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raised", INTERRUPTS)
@pytest.mark.parametrize("place", ["handler", "error_handler", "middleware_before", "middleware_after", "first_chunk"])
@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("colour", COLOURS)
def test_an_interrupt_is_passed_on_to_the_server(
    client_for: Callable[..., Client],
    colour: str,
    layers: str,
    place: str,
    raised: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = app_with(LAYERS[layers])
    ANSWERED[place](app, failing(INTERRUPTS[raised]), colour == "async def")
    client = client_for(app)
    with pytest.raises(type(INTERRUPTS[raised]())):
        client.get("/")
    assert client.get("/fine").text == "fine"
    assert caplog.records == []


@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("how", ["timeout", "cancelled by itself"])
def test_a_cancellation_that_was_asked_for_is_what_it_was_asked_for(
    client_for: Callable[..., Client], layers: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = app_with(LAYERS[layers])

    @app.get("/")
    async def bounded() -> str:
        if how == "timeout":
            try:
                async with asyncio.timeout(0):
                    await asyncio.sleep(PATIENCE)
            except TimeoutError:
                return "in time"
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            task.uncancel()
        return "in time"

    client = client_for(app)
    assert client.get("/").text == "in time"
    assert caplog.records == []


# -- lifespans ---------------------------------------------------------------------------------------------------------

LIVES = RAISED | {"KeyboardInterrupt": KeyboardInterrupt, "cancelled": asyncio.CancelledError}
"""The last one is asked for: something cancels the task that holds the lifespans. Nothing is passed on here."""


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
    app = app_of_lives(fails, raised, is_async=colour == "async def", at_stop=when == "stop", notes=notes)
    expected = type(LIVES[raised]())
    with pytest.raises((RuntimeError, EmptyError)) as failed, Client(app, backend.name) as client:
        assert (when, client.get("/").text) == ("stop", "x")
    if not issubclass(expected, Exception):
        assert re.match(r"lifespan .*test_base_exceptions\.py:\d+\): it ", str(failed.value))
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
