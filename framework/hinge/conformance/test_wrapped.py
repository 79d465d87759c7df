"""Functions inside of decorators that know nothing of coroutines: what they return is awaited all the same."""

import asyncio
import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hinge import App, AsyncMiddleware, ConfigurationError, FileResponse, Middleware, Request, StreamingResponse
from hinge.backend.contract import Backend
from hinge.codecs import JSON
from hinge.testing import Client

pytestmark = pytest.mark.clause("colour.place")


class Item(msgspec.Struct):
    name: str


class Secret(Item):
    key: str


def plainly(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate as most decorators do: with a plain function, whatever is inside."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


class Plainly:
    """Decorate with an object."""

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self._function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(*args, **kwargs)


def to_its_end(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a coroutine function with one that runs it, so that nothing is left to await."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return asyncio.run(function(*args, **kwargs))

    return wrapper


def partly(function: Callable[..., Any]) -> Callable[..., Any]:
    return functools.partial(plainly(function))


def later(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a plain function that says itself what it returns."""

    def wrapper(request: Request, name: str) -> Any:
        return function(request, name)

    wrapper.__annotations__["return"] = asyncio.Future[Item]
    return wrapper


def unannounced(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a plain function of which nothing tells what it returns."""

    def wrapper(request: Request, name: str):  # type: ignore[no-untyped-def]
        return function(request, name)

    wrapper.__annotations__["return"] = Item
    return wrapper


def plain_of(function: Callable[[], Any]) -> Callable[[], Any]:
    """Give a plain function that tells nothing of the coroutine function which it calls."""

    def call() -> Any:
        return function()

    return call


def twice(function: Callable[..., Any]) -> Callable[..., Any]:
    """Forget to await in a coroutine function."""

    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


class Callable_:
    async def __call__(self, request: Request, name: str) -> Item:
        await asyncio.sleep(0)
        return Secret(name, "secret")


def layer() -> Middleware:
    response = yield
    response.headers["x-layer"] = "plain"


async def async_layer() -> AsyncMiddleware:
    await asyncio.sleep(0)
    response = yield
    response.headers["x-layer"] = "async"


WRAPPERS = [plainly, Plainly, to_its_end, partly, later, unannounced, twice]


@pytest.mark.parametrize("codecs", [None, [JSON]], ids=["json", "codecs"])
@pytest.mark.parametrize("layers", [[], [layer], [async_layer]], ids=["bare", "layer", "async-layer"])
@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_what_a_plain_wrapper_returns_is_awaited(
    client_for: Callable[..., Client], wrapper: Callable[..., Any], layers: list[Any], codecs: Any
) -> None:
    app = App(codecs=codecs)

    async def handler(request: Request, name: str) -> Item:
        await asyncio.sleep(0)
        if name == "fails":
            raise LookupError(name)
        return Secret(name, "secret")

    @app.error(LookupError)
    @plainly
    async def missing(request: Request, error: LookupError) -> str:
        await asyncio.sleep(0)
        return "answered"

    app.get("/{name}", middleware=layers)(wrapper(handler))
    client = client_for(app)
    answer = client.get("/ada")
    assert (answer.status_code, answer.json()) == (200, {"name": "ada"})
    assert ("x-layer" in answer.headers) is bool(layers)
    answer = client.get("/fails")
    assert (answer.status_code, answer.text) == (500, "answered")


@pytest.mark.parametrize("layers", [[], [layer], [async_layer]], ids=["bare", "layer", "async-layer"])
def test_the_wrapper_itself_runs_where_a_plain_handler_does(
    client_for: Callable[..., Client], layers: list[Any]
) -> None:
    app, seen = App(), []

    async def coroutine() -> str:
        seen.append(asyncio.get_running_loop() is not None)
        return "x"

    def where() -> Any:
        seen.append(threading.current_thread().name)
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        return coroutine()

    where.__wrapped__ = coroutine  # type: ignore[attr-defined]
    app.get("/", middleware=layers)(where)
    assert client_for(app).get("/").text == "x"
    assert seen[1] is True


def test_a_stream_or_a_file_that_has_to_be_awaited_is_one(client_for: Callable[..., Client], tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"0123456789")

    async def stream() -> StreamingResponse:
        return StreamingResponse(iter(["a", "b"]))

    async def file() -> FileResponse:
        return FileResponse(tmp_path / "a.txt")

    app = App()
    for path, layers in (("", []), ("/in", [layer]), ("/in/async", [async_layer])):
        app.get(path + "/stream", middleware=layers)(plain_of(stream))
        app.get(path + "/file", middleware=layers)(plain_of(file))
    client = client_for(app)
    for path in ("", "/in", "/in/async"):
        assert client.get(path + "/stream").text == "ab"
        part = client.get(path + "/file", headers={"range": "bytes=2-3"})
        assert (part.status_code, part.text) == (206, "23")
        assert ("x-layer" in part.headers) is bool(path)


def test_a_failure_in_it_has_no_other_before_it(
    client_for: Callable[..., Client], caplog: pytest.LogCaptureFixture
) -> None:
    async def coroutine() -> None:
        raise LookupError("mine")

    app = App()
    app.get("/")(plain_of(coroutine))
    assert client_for(app).get("/").status_code == 500
    (record,) = caplog.records
    failure = record.exc_info and record.exc_info[1]
    assert isinstance(failure, LookupError)
    assert failure.__context__ is None


def test_an_error_handler_whose_result_has_to_be_awaited_twice_is_told_so(
    client_for: Callable[..., Client], caplog: pytest.LogCaptureFixture
) -> None:
    app = App()

    @app.get("/")
    def handler() -> None:
        raise KeyError

    @app.error(KeyError)
    @twice
    async def told(request: Request, error: KeyError) -> str:
        return "x"

    assert client_for(app).get("/").status_code == 500
    assert "nobody awaits" in str(caplog.records[0].exc_info and caplog.records[0].exc_info[1])


def test_an_inline_one_is_driven_where_it_is_served(client_for: Callable[..., Client]) -> None:
    app = App()

    @app.get("/", inline=True)
    @plainly
    async def handler() -> str:
        return "x"

    assert client_for(app).get("/").text == "x"


def test_an_object_whose_call_is_a_coroutine_is_one(client_for: Callable[..., Client]) -> None:
    app = App()
    app.get("/a/{name}")(Callable_())
    app.get("/b/{name}")(functools.partial(Callable_()))
    client = client_for(app)
    assert [client.get(f"/{one}/ada").json() for one in "ab"] == [{"name": "ada"}] * 2


@pytest.mark.clause("response.after")
def test_work_after_the_response_is_awaited_or_refused(
    client_for: Callable[..., Client], caplog: pytest.LogCaptureFixture
) -> None:
    app, done = App(), []

    async def work(name: str) -> None:
        await asyncio.sleep(0)
        done.append(name)

    def steps() -> Iterator[None]:
        yield

    class Work:
        async def __call__(self, name: str) -> None:
            await work(name)

    @app.get("/")
    def handler(request: Request) -> list[str]:
        for one in (work, plainly(work), functools.partial(plainly(work)), Work(), functools.partial(Work())):
            request.after_response(one, "done")
        refused = []
        coroutine = work("never")
        for wrong in (steps, contextlib.contextmanager(steps), coroutine, 5):
            try:
                request.after_response(wrong)  # type: ignore[arg-type]
            except TypeError as error:
                refused.append(str(error))
        coroutine.close()
        return refused

    refused = client_for(app).get("/").json()
    assert done == ["done"] * 5
    assert len(refused) == 4
    assert all("Fix: " in one for one in refused)
    assert caplog.records == []


@contextlib.contextmanager
def around() -> Iterator[None]:
    yield


@contextlib.asynccontextmanager
async def around_async() -> Any:
    yield


def plain() -> str:
    return "x"


async def coroutine() -> str:
    return "x"


def generator() -> Iterator[str]:
    yield "x"


async def async_generator() -> Any:
    yield "x"


def failing(request: Request, error: Exception) -> str:
    return "x"


async def failing_async(request: Request, error: Exception) -> str:
    return "x"


@pytest.mark.parametrize(
    ("wrapped", "fix"),
    [
        (contextlib.contextmanager(generator), "leave the decorator out"),
        (contextlib.asynccontextmanager(async_generator), "leave the decorator out"),
        (around()(coroutine), "`with` in the handler"),
        (around()(generator), "`with` in the handler"),
        (around()(async_generator), "`with` in the handler"),
        (around()(plainly(coroutine)), "`with` in the handler"),
        (plainly(around()(coroutine)), "`with` in the handler"),
        (around_async()(plain), "async def"),
        (around_async()(generator), "async def"),
        (around_async()(async_generator), "async def"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_context_manager_that_would_be_left_at_once_is_refused(
    backend: Backend, wrapped: Callable[..., Any], fix: str
) -> None:
    app = App()
    app.get("/x")(wrapped)
    place = rf"handler .*{wrapped.__name__} \(.*test_wrapped\.py:\d+\).* Fix: "
    with pytest.raises(ConfigurationError, match=place) as caught:
        app.compile(backend.name)
    assert fix in str(caught.value)


@pytest.mark.parametrize(
    "wrapped",
    [contextlib.contextmanager(failing), around()(failing_async), around_async()(failing)],
    ids=["made-one", "plain", "async"],
)
def test_so_is_that_of_an_error_handler(backend: Backend, wrapped: Callable[..., Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"error handler .*failing.*\(.*test_wrapped\.py:\d+\).* Fix: "):
        App().error(ValueError)(wrapped)


@pytest.mark.parametrize("kind", ["middleware", "lifespan"])
@pytest.mark.parametrize(
    "decorate", [plainly, contextlib.contextmanager, around()], ids=["plain", "made-one", "around"]
)
def test_what_runs_around_others_is_refused_in_a_wrapper(
    backend: Backend, kind: str, decorate: Callable[..., Any]
) -> None:
    with pytest.raises(ConfigurationError, match=rf"{kind} .*generator \(.*test_wrapped\.py:\d+\).* Fix: "):
        getattr(App(), kind)(decorate(generator))


def test_a_context_manager_that_is_around_the_whole_call_is_none_of_them(client_for: Callable[..., Client]) -> None:
    app = App()
    app.get("/plain")(around()(plain))
    app.get("/async")(around_async()(coroutine))
    client = client_for(app)
    assert [client.get(path).text for path in ("/plain", "/async")] == ["x", "x"]
