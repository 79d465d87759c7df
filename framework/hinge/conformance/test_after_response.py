"""Work after the response: both colours, in order, once the client has everything or has left, whatever happened."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

import pytest

from hinge import (
    App,
    AsyncMiddleware,
    EventSourceResponse,
    HTTPError,
    Middleware,
    Request,
    Response,
    StreamingResponse,
)
from hinge.backend.contract import Feature
from hinge.conformance.layers import LAYERS, ONE_AT_MOST
from hinge.conformance.streams import CutOff
from hinge.testing import Client

pytestmark = pytest.mark.clause("response.after")

PATIENCE = 10


@pytest.fixture(params=["def", "async def", "callable", "returns a coroutine"])
def work(request: pytest.FixtureRequest) -> Callable[[list[Any]], Callable[..., Any]]:
    """Return `work(done)`: something to run after the response, of this run's kind, that notes its arguments."""

    def made(done: list[Any]) -> Callable[..., Any]:
        def plain(*args: Any, **kwargs: Any) -> None:
            done.append((args, kwargs) if kwargs else args[0] if len(args) == 1 else args)

        async def coroutine(*args: Any, **kwargs: Any) -> None:
            await asyncio.sleep(0)
            plain(*args, **kwargs)

        class Work:
            async def __call__(self, *args: Any, **kwargs: Any) -> None:
                await coroutine(*args, **kwargs)

        kinds: dict[str, Callable[..., Any]] = {
            "def": plain,
            "async def": coroutine,
            "callable": Work(),
            "returns a coroutine": lambda *args, **kwargs: asyncio.wait_for(coroutine(*args, **kwargs), PATIENCE),
        }
        return kinds[request.param]

    return made


Work = Callable[[list[Any]], Callable[..., Any]]


def test_it_runs_with_its_arguments(client_for: Callable[..., Client], coloured: Any, work: Work) -> None:
    app = App()
    done: list[Any] = []

    @app.get("/")
    @coloured
    def handler(request: Request) -> str:
        request.after_response(work(done), 1, two=2)
        request.after_response(partial(work(done), 3), 4)
        done.append("handler")
        return "answer"

    assert client_for(app).get("/").text == "answer"
    assert done == ["handler", ((1,), {"two": 2}), (3, 4)]


def test_it_runs_in_the_order_of_registration_one_after_the_other(
    client_for: Callable[..., Client], coloured: Any
) -> None:
    app = App()
    done: list[str] = []

    async def slow() -> None:
        done.append("slow begins")
        await asyncio.sleep(0.01)
        done.append("slow ends")

    def quick() -> None:
        done.append("quick")

    @app.get("/")
    @coloured
    def handler(request: Request) -> None:
        for function in (quick, slow, quick, slow):
            request.after_response(function)

    client_for(app).get("/")
    assert done == ["quick", "slow begins", "slow ends", "quick", "slow begins", "slow ends"]


def test_a_failure_is_logged_and_stops_nothing(
    client_for: Callable[..., Client], coloured: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app = App()
    done: list[str] = []

    def fail() -> None:
        raise ValueError("plain")

    async def async_fail() -> None:
        await asyncio.sleep(0)
        raise KeyError("awaited")

    @app.get("/")
    @coloured
    def handler(request: Request) -> str:
        request.after_response(fail)
        request.after_response(async_fail)
        request.after_response(done.append, "last")
        return "fine"

    response = client_for(app).get("/")
    assert (response.status_code, response.text, done) == (200, "fine", ["last"])
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [record.exc_info[0] for record in errors if record.exc_info] == [ValueError, KeyError]
    assert "fail" in errors[0].getMessage()


@pytest.mark.needs(Feature.AFTER_RESPONSE, "the work waits for the client")
def test_the_client_has_everything_before_it_runs(client_for: Callable[..., Client], coloured: Any) -> None:
    app = App()
    has_all = threading.Event()
    ran: list[bool] = []

    def check() -> None:
        ran.append(has_all.wait(PATIENCE))

    @app.get("/")
    @coloured
    def handler(request: Request) -> str:
        request.after_response(check)
        return "everything"

    with client_for(app).stream("GET", "/") as response:
        assert next(response.iter_bytes()) == b"everything"
        has_all.set()
    assert ran == [True]


@pytest.mark.needs(Feature.STREAMING, "the client reads while the response is made")
@pytest.mark.needs(Feature.AFTER_RESPONSE, "the work waits for the client")
def test_the_last_chunk_is_there_before_it_runs(client_for: Callable[..., Client]) -> None:
    app = App()
    has_all = threading.Event()
    ran: list[bool] = []

    def check() -> None:
        ran.append(has_all.wait(PATIENCE))

    @app.get("/def")
    def plain(request: Request) -> Iterator[str]:
        request.after_response(check)
        yield "one"
        yield "two"

    @app.get("/async")
    async def coroutine(request: Request) -> AsyncIterator[str]:
        request.after_response(check)
        yield "one"
        yield "two"

    client = client_for(app)
    for path in ("/def", "/async"):
        has_all.clear()
        with client.stream("GET", path) as response:
            chunks = response.iter_bytes()
            assert (next(chunks), next(chunks)) == (b"one", b"two")
            has_all.set()
            assert list(chunks) == []
    assert ran == [True, True]


@pytest.fixture(params=ONE_AT_MOST)
def layers(request: pytest.FixtureRequest) -> list[Any]:
    return LAYERS[request.param]


@pytest.mark.parametrize("kind", ["plain", "none", "response", "error", "failure", "not found", "stream", "events"])
def test_it_runs_whatever_the_answer_is(
    client_for: Callable[..., Client], coloured: Any, work: Work, layers: list[Any], kind: str
) -> None:
    app = App()
    done: list[str] = []

    @app.get("/", middleware=layers)
    @coloured
    def handler(request: Request) -> Any:
        request.after_response(work(done), "after")
        match kind:
            case "plain":
                return {"plain": 1}
            case "none":
                return None
            case "response":
                return Response("x", status=201)
            case "error":
                raise HTTPError(409)
            case "failure":
                raise ValueError
            case "stream":
                return StreamingResponse(iter(["a", "b"]))
            case "events":
                return EventSourceResponse(iter(["a", "b"]))
        return None

    client = client_for(app)
    client.get("/")
    assert done == ["after"]
    client.head("/")
    assert done == ["after", "after"]


@pytest.mark.needs(Feature.STREAMING, "the client reads while the response is made")
@pytest.mark.parametrize("colour", ["sync", "async"])
@pytest.mark.parametrize("ending", ["fails first", "fails later", "left"])
def test_it_runs_however_a_stream_ends(
    client_for: Callable[..., Client], work: Work, layers: list[Any], colour: str, ending: str, cut_off: CutOff
) -> None:
    app = App()
    done: list[str] = []

    def chunks() -> Iterator[str]:
        try:
            if ending == "fails first":
                raise ValueError
            yield "a"
            if ending == "fails later":
                raise ValueError
            yield "b"
        finally:
            done.append("closed")

    async def async_chunks() -> AsyncIterator[str]:
        for chunk in chunks():
            yield chunk

    @app.get("/", middleware=layers)
    def handler(request: Request) -> StreamingResponse:
        request.after_response(work(done), "after")
        return StreamingResponse(chunks() if colour == "sync" else async_chunks())

    client = client_for(app)
    if ending == "fails first":
        assert client.get("/").status_code == 500
    else:
        with client.stream("GET", "/") as response:
            parts = response.iter_bytes()
            assert next(parts) == b"a"
            if ending == "fails later":
                cut_off(parts, more=0)
    assert done == ["closed", "after"]


def test_everybody_who_has_the_request_may_register(client_for: Callable[..., Client], coloured: Any) -> None:
    app = App()
    done: list[str] = []

    @app.middleware
    def outer(request: Request) -> Middleware:
        request.after_response(done.append, "before the handler")
        yield
        request.after_response(done.append, "after the handler")

    @app.middleware
    async def inner(request: Request) -> AsyncMiddleware:
        request.after_response(done.append, "async")
        yield

    @app.error(KeyError)
    @coloured
    def on_error(request: Request, error: KeyError) -> Response:
        request.after_response(done.append, "error handler")
        return Response(status=410)

    @app.get("/")
    @coloured
    def handler() -> None:
        raise KeyError

    client = client_for(app)
    assert client.get("/").status_code == 410
    assert done == ["before the handler", "async", "error handler", "after the handler"]
    done.clear()
    assert client.get("/nowhere").status_code == 404
    assert done == ["before the handler", "async", "after the handler"]


def test_an_error_handler_registers_where_no_request_was_needed(
    client_for: Callable[..., Client], coloured: Any
) -> None:
    app = App()
    done: list[str] = []

    @app.error(KeyError)
    @coloured
    def on_error(request: Request, error: KeyError) -> Response:
        request.after_response(done.append, "after")
        return Response(status=410)

    @app.get("/")
    @coloured
    def handler() -> None:
        raise KeyError

    assert client_for(app).get("/").status_code == 410
    assert done == ["after"]


def test_what_runs_may_register_more(client_for: Callable[..., Client], coloured: Any) -> None:
    app = App()
    done: list[int] = []

    def again(request: Request, left: int) -> None:
        done.append(left)
        if left:
            request.after_response(again, request, left - 1)

    @app.get("/")
    @coloured
    def handler(request: Request) -> None:
        request.after_response(again, request, 3)

    client_for(app).get("/")
    assert done == [3, 2, 1, 0]


def test_a_short_circuit_runs_it_too(client_for: Callable[..., Client]) -> None:
    app = App()
    done: list[str] = []

    @app.middleware
    def short(request: Request) -> Middleware:
        request.after_response(done.append, "after")
        if False:
            yield
        return Response("short")

    app.get("/")(lambda: "never")
    assert client_for(app).get("/").text == "short"
    assert done == ["after"]


def test_it_does_not_hold_up_other_requests(client_for: Callable[..., Client], coloured: Any) -> None:
    app = App()
    begun, release = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        assert release.wait(PATIENCE)

    @app.get("/slow")
    @coloured
    def slow(request: Request) -> None:
        request.after_response(wait)

    @app.get("/")
    @coloured
    def handler() -> str:
        return "here"

    client = client_for(app)
    thread = threading.Thread(target=client.get, args=("/slow",))
    thread.start()
    assert begun.wait(PATIENCE)
    assert client.get("/").text == "here"
    release.set()
    thread.join(PATIENCE)
