"""Middleware: generators that yield once, in both colours, around handlers of both colours."""

import asyncio
import logging
import math
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from hinge import (
    App,
    AsyncMiddleware,
    Body,
    BodyStream,
    Config,
    HTTPError,
    JSONResponse,
    Middleware,
    Query,
    Request,
    Response,
    Router,
    StreamingResponse,
)
from hinge.testing import Client

PATIENCE = 10


class Note:
    """A middleware of either colour that notes when it is entered and left."""

    def __init__(self, notes: list[str], name: str) -> None:
        self.notes, self.name = notes, name

    def __call__(self) -> Middleware:
        self.notes.append(f"{self.name} in")
        response = yield
        self.notes.append(f"{self.name} out {response.status}")
        response.headers.append("x-by", self.name)


class AsyncNote(Note):
    async def __call__(self) -> AsyncMiddleware:
        await asyncio.sleep(0)
        self.notes.append(f"{self.name} in")
        response = yield
        await asyncio.sleep(0)
        self.notes.append(f"{self.name} out {response.status}")
        response.headers.append("x-by", self.name)


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture(params=["sync", "async", "mixed", "mixed the other way"])
def note(request: pytest.FixtureRequest, notes: list[str]) -> Callable[[str], Any]:
    """Return `note(name)`: a middleware that takes notes; they are of this run's colours."""
    made: list[Any] = []

    def new(name: str) -> Any:
        odd = len(made) % 2 == 1
        kinds = {"sync": Note, "async": AsyncNote}
        mixed = (Note, AsyncNote) if request.param == "mixed" else (AsyncNote, Note)
        made.append(kinds.get(request.param, mixed[odd])(notes, name))
        return made[-1]

    return new


@pytest.fixture(params=["sync", "async"])
def coloured_layer(request: pytest.FixtureRequest) -> Callable[[Callable[..., Any]], Any]:
    """Return what makes an async middleware of a sync one, in the runs of that colour."""

    def colour(function: Callable[..., Any]) -> Any:
        if request.param == "sync":
            return function

        async def layer(request: Request) -> AsyncMiddleware:
            generator = function(request)
            await asyncio.sleep(0)
            try:
                next(generator)
            except StopIteration as stop:
                yield stop.value
                return
            try:
                response = yield
            except Exception as error:
                try:
                    generator.throw(error)
                except StopIteration as stop:
                    yield stop.value
                return
            await asyncio.sleep(0)
            try:
                generator.send(response)
            except StopIteration as stop:
                if stop.value is not None:
                    yield stop.value

        return layer

    return colour


# -- where it sits -----------------------------------------------------------------------------------------------------


def test_the_order_is_app_then_router_then_route(
    client_for: Callable[..., Client], backend: Any, coloured: Any, note: Any, notes: list[str]
) -> None:
    app = App(middleware=[note("app 1")])
    app.middleware(note("app 2"))
    outer = Router("/outer", middleware=[note("outer 1")])
    outer.middleware(note("outer 2"))
    inner = Router("/inner", middleware=[note("inner")])

    @inner.get("/", middleware=[note("route 1"), note("route 2")])
    @coloured
    def handler() -> str:
        notes.append("handler")
        return "answer"

    outer.include(inner)
    app.include(outer)
    order = ["app 1", "app 2", "outer 1", "outer 2", "inner", "route 1", "route 2"]
    response = client_for(app).get("/outer/inner/")
    assert response.text == "answer"
    assert notes == [f"{name} in" for name in order] + ["handler"] + [f"{name} out 200" for name in reversed(order)]
    names = order[::-1]
    joined = backend.interface == "lambda"  # whose gateways take one line of a name
    assert response.headers.get_all("x-by") == ([",".join(names)] if joined else names)


def test_a_router_s_middleware_is_around_its_routes_alone(
    client_for: Callable[..., Client], coloured: Any, note: Any, notes: list[str]
) -> None:
    app = App()
    router = Router("/in", middleware=[note("router")])
    router.get("/")(coloured(lambda: "in"))
    app.get("/out")(coloured(lambda: "out"))
    app.include(router)
    client = client_for(app)
    assert client.get("/out").text == "out"
    assert client.get("/in/nowhere").status_code == 404
    assert client.post("/in/").status_code == 405
    assert notes == []
    assert client.get("/in/").text == "in"
    assert notes == ["router in", "router out 200"]


def test_the_app_s_middleware_is_around_every_answer(
    client_for: Callable[..., Client], coloured: Any, note: Any, notes: list[str]
) -> None:
    app = App(middleware=[note("app")])

    @app.get("/items/{number}")
    @coloured
    def item(number: int, page: Query[int] = 1) -> int:
        if number == 13:
            raise HTTPError(409)
        if number == 14:
            raise ValueError
        return number

    @app.post("/items")
    @coloured
    def create() -> None: ...

    @app.get("/streams")
    def streams() -> Iterator[str]:
        raise ValueError
        yield ""

    client = client_for(app)
    answers = {
        200: client.get("/items/1"),
        404: client.get("/nowhere"),
        405: client.delete("/items"),
        409: client.get("/items/13"),
        422: client.get("/items/1?page=one"),
        500: client.get("/items/14"),
        308: client.get("/items/1/"),
        204: client.options("/items"),
    }
    for status, response in answers.items():
        assert (response.status_code, response.headers["x-by"]) == (status, "app")
    assert client.get("/items/one").headers["x-by"] == "app"
    assert client.head("/items/1").headers["x-by"] == "app"
    assert client.get("/%ff").headers["x-by"] == "app"
    flooded = client.get("/items/1?" + "&".join(["a=1"] * 10_000))
    assert (flooded.status_code, flooded.headers["x-by"]) == (400, "app")
    assert client.get("/streams").headers["x-by"] == "app", "what a browser shows of a 500 needs its CORS headers"


@pytest.mark.parametrize("kind", ["bound method", "partial", "callable", "nothing taken", "default taken"])
def test_what_can_be_a_middleware(client_for: Callable[..., Client], coloured: Any, kind: str) -> None:
    from functools import partial

    def plain(request: Request) -> Middleware:
        response = yield
        response.headers["x-path"] = request.path

    class Bound:
        def method(self, request: Request) -> Middleware:
            yield from plain(request)

        def __call__(self, request: Request) -> Middleware:
            yield from plain(request)

    def named(name: str, request: Request) -> Middleware:
        response = yield
        response.headers[name] = request.path

    def nothing() -> Middleware:
        response = yield
        response.headers["x-path"] = "/"

    def default(request: Request, name: str = "x-path") -> Middleware:
        yield from named(name, request)

    kinds: dict[str, Any] = {
        "bound method": Bound().method,
        "partial": partial(named, "x-path"),
        "callable": Bound(),
        "nothing taken": nothing,
        "default taken": default,
    }
    app = App(middleware=[kinds[kind]])
    app.get("/")(coloured(lambda: "x"))
    assert client_for(app).get("/").headers["x-path"] == "/"


# -- what it answers ---------------------------------------------------------------------------------------------------


def test_an_answer_before_the_yield_is_the_answer(
    client_for: Callable[..., Client], coloured: Any, coloured_layer: Any, note: Any, notes: list[str]
) -> None:
    called: list[int] = []

    def yields_early() -> Middleware:
        try:
            yield Response("early")  # type: ignore[misc] # as an async one does
        finally:
            called.append(3)

    @coloured_layer
    def gate(request: Request) -> Middleware:
        if "x-key" not in request.headers:
            return Response("no key", status=401)
        response = yield
        response.headers["x-gate"] = "passed"

    app = App(middleware=[note("outer"), gate, note("inner")])

    @app.get("/")
    @coloured
    def handler() -> str:
        called.append(1)
        return "in"

    @app.get("/yielded", middleware=[yields_early])
    @coloured
    def never() -> None:
        called.append(2)

    client = client_for(app)
    response = client.get("/")
    assert (response.status_code, response.text, response.headers["x-by"]) == (401, "no key", "outer")
    assert (called, notes) == ([], ["outer in", "outer out 401"])
    response = client.get("/", headers={"x-key": "1"})
    assert (response.text, response.headers["x-gate"], called) == ("in", "passed", [1])
    assert (client.get("/yielded", headers={"x-key": "1"}).text, called) == ("early", [1, 3])


def test_another_response_takes_the_place(
    client_for: Callable[..., Client], coloured: Any, coloured_layer: Any, note: Any, notes: list[str]
) -> None:
    @coloured_layer
    def replace(request: Request) -> Middleware:
        response = yield
        if response.status == 404:
            return JSONResponse({"instead": True}, status=200)

    app = App(middleware=[note("outer"), replace, note("inner")])
    app.get("/")(coloured(lambda: "kept"))
    client = client_for(app)
    assert client.get("/").text == "kept"
    response = client.get("/nowhere")
    assert (response.json(), response.headers.get_all("x-by")) == ({"instead": True}, ["outer"])
    assert notes[-2:] == ["inner out 404", "outer out 200"]


def test_a_response_may_be_changed(client_for: Callable[..., Client], coloured: Any, coloured_layer: Any) -> None:
    @coloured_layer
    def change(request: Request) -> Middleware:
        response = yield
        response.status = 201
        response.body = (response.body or b"").upper()
        response.set_cookie("seen", "1")
        response.headers.vary("accept")

    app = App(middleware=[change])
    app.get("/")(coloured(lambda: "shout"))
    response = client_for(app).get("/")
    assert (response.status_code, response.text, response.headers["content-length"]) == (201, "SHOUT", "5")
    assert response.cookies == {"seen": "1"}
    assert response.headers["vary"] == "accept"


# -- failures ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("guard", ["try", "with", "finally"])
def test_a_failure_is_thrown_in_where_the_yield_is_guarded(
    client_for: Callable[..., Client], coloured: Any, coloured_layer: Any, notes: list[str], guard: str
) -> None:
    @contextmanager
    def session() -> Iterator[None]:
        try:
            yield
        except Exception as error:
            notes.append(type(error).__name__)
            raise

    def with_try(request: Request) -> Middleware:
        try:
            yield
        except Exception as error:
            notes.append(type(error).__name__)
            raise

    def with_with(request: Request) -> Middleware:
        with session():
            yield

    def with_finally(request: Request) -> Middleware:
        failed = True
        try:
            yield
            failed = False
        finally:
            if failed:
                notes.append("KeyError")

    guards = {"try": with_try, "with": with_with, "finally": with_finally}
    app = App(middleware=[guards[guard]])

    @app.error(KeyError)
    @coloured
    def on_key(request: Request, error: KeyError) -> Response:
        return Response(status=410)

    @app.get("/")
    @coloured
    def handler(fail: Query[bool] = True) -> None:
        if fail:
            raise KeyError

    client = client_for(app)
    assert client.get("/?fail=false").status_code == 204
    assert notes == []
    assert client.get("/").status_code == 410
    assert notes == ["KeyError"]


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_an_unguarded_yield_gets_the_response_that_a_failure_became(
    client_for: Callable[..., Client], coloured: Any, colour: str
) -> None:
    def cors() -> Middleware:
        response = yield
        response.headers["access-control-allow-origin"] = str(response.status)

    async def async_cors() -> AsyncMiddleware:
        response = yield
        response.headers["access-control-allow-origin"] = str(response.status)

    app = App(middleware=[cors if colour == "sync" else async_cors])

    @app.get("/{what}")
    @coloured
    def handler(what: str) -> None:
        if what == "failure":
            raise ValueError
        raise HTTPError(418)

    client = client_for(app)
    assert client.get("/failure").headers["access-control-allow-origin"] == "500"
    assert client.get("/http").headers["access-control-allow-origin"] == "418"


def test_a_guard_may_answer_for_a_failure(
    client_for: Callable[..., Client],
    coloured: Any,
    coloured_layer: Any,
    note: Any,
    notes: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    @coloured_layer
    def answer(request: Request) -> Middleware:
        try:
            yield
        except ZeroDivisionError:
            return Response("cannot divide", status=418)

    async def async_answer(request: Request) -> AsyncMiddleware:
        try:
            yield
        except ZeroDivisionError:
            yield Response("cannot divide", status=418)

    for layer in (answer, async_answer):
        notes.clear()
        app = App(middleware=[note("outer"), layer])
        app.get("/")(coloured(lambda: 1 // 0))
        response = client_for(app).get("/")
        assert (response.status_code, response.text) == (418, "cannot divide")
        assert notes == ["outer in", "outer out 418"]
    assert caplog.records == []


@pytest.mark.parametrize("error", [StopIteration(Response("smuggled")), StopAsyncIteration()], ids=repr)
def test_what_ends_iterators_ends_no_middleware(
    client_for: Callable[..., Client], coloured: Any, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    """`next(iter([]))` in a handler is a failure like any other."""

    def cleaning() -> Middleware:
        try:
            yield
        finally:
            pass

    async def async_cleaning() -> AsyncMiddleware:
        with suppress(KeyError):
            yield

    app = App()
    for count, layers in enumerate(([cleaning], [async_cleaning], [cleaning, async_cleaning])):

        @app.get(f"/{count}", middleware=layers)
        @coloured
        def handler() -> None:
            raise error

    client = client_for(app)
    for count in range(3):
        assert client.get(f"/{count}").status_code == 500
    assert len(caplog.records) == 3


def test_a_swallowed_failure_goes_on_with_its_cause(
    client_for: Callable[..., Client], coloured: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def swallow() -> Middleware:
        with suppress(ValueError):
            yield

    async def async_swallow() -> AsyncMiddleware:
        with suppress(ValueError):
            yield

    for layer in (swallow, async_swallow):
        app = App(middleware=[layer])

        @app.get("/")
        @coloured
        def handler() -> None:
            raise ValueError from KeyError("the cause")

        caplog.clear()
        assert client_for(app).get("/").status_code == 500
        (record,) = caplog.records
        assert record.exc_info is not None
        error = record.exc_info[1]
        assert (type(error), repr(error and error.__cause__)) == (ValueError, "KeyError('the cause')")


def test_a_failure_passes_every_guard_up_to_the_first_unguarded_yield(
    client_for: Callable[..., Client], coloured: Any, note: Any, notes: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    def guard(name: str) -> Any:
        def layer() -> Middleware:
            try:
                yield
            except Exception as error:
                notes.append(f"{name} {error!r}")
                raise

        return layer

    async def async_guard() -> AsyncMiddleware:
        try:
            yield
        except Exception as error:
            notes.append(f"async {error!r}")
            raise KeyError("another") from error

    app = App(middleware=[guard("never"), note("unguarded"), guard("outer"), async_guard, guard("inner")])

    @app.get("/")
    @coloured
    def handler() -> None:
        raise ValueError("first")

    assert client_for(app).get("/").status_code == 500
    assert notes == [
        "unguarded in",
        "inner ValueError('first')",
        "async ValueError('first')",
        "outer KeyError('another')",
        "unguarded out 500",
    ]
    assert "was the direct cause" in caplog.text


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_middleware_that_fails_itself_is_a_failure_for_those_around_it(
    client_for: Callable[..., Client],
    coloured: Any,
    note: Any,
    notes: list[str],
    when: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail() -> Middleware:
        if when == "before":
            raise ValueError("in the middleware")
        yield
        raise ValueError("in the middleware")

    async def async_fail() -> AsyncMiddleware:
        if when == "before":
            raise ValueError("in the middleware")
        yield
        raise ValueError("in the middleware")

    for layer in (fail, async_fail):
        notes.clear()
        caplog.clear()
        app = App(middleware=[note("outer"), layer])
        app.get("/")(coloured(lambda: "x"))
        response = client_for(app).get("/")
        assert (response.status_code, response.headers["x-by"]) == (500, "outer")
        assert notes == ["outer in", "outer out 500"]
        assert caplog.text.count("ValueError: in the middleware") == 1


def test_an_http_error_of_a_middleware_is_its_answer(client_for: Callable[..., Client], coloured: Any) -> None:
    def refuse() -> Middleware:
        raise HTTPError(401, "who are you?", headers={"www-authenticate": "Basic"})
        yield

    app = App(middleware=[refuse])
    app.get("/")(coloured(lambda: "x"))
    response = client_for(app).get("/")
    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Basic")
    assert response.json()["detail"] == "who are you?"


# -- misuse ------------------------------------------------------------------------------------------------------------


def second_yield() -> Middleware:
    yield
    yield


async def async_second_yield() -> AsyncMiddleware:
    yield
    yield


async def async_third_yield() -> AsyncMiddleware:
    yield
    yield Response("two")
    yield Response("three")


async def forgotten_return() -> AsyncMiddleware:
    yield Response("early")
    yield


def no_yield() -> Middleware:
    if False:
        yield


async def async_no_yield() -> AsyncMiddleware:
    if False:
        yield


def wrong_return() -> Middleware:
    yield
    return "text"  # type: ignore[return-value]


async def wrong_yield() -> AsyncMiddleware:
    yield
    yield "text"  # type: ignore[misc]


def wrong_early() -> Middleware:
    return {"early": 1}  # type: ignore[return-value]
    yield


def retrying() -> Middleware:
    try:
        yield
    except HTTPError:
        yield


async def async_retrying() -> AsyncMiddleware:
    try:
        yield
    except HTTPError:
        yield


TWICE = "yielded a second time. Fix: yield exactly once"
NEVER = "it ended without a yield and without a Response. Fix: `response = yield`"
WRONG = "it answered with {}. Fix: return a Response"
MISUSES: list[tuple[Any, str]] = [
    (second_yield, TWICE),
    (async_second_yield, TWICE),
    (async_third_yield, TWICE),
    (forgotten_return, TWICE),
    (retrying, TWICE),
    (async_retrying, TWICE),
    (no_yield, NEVER),
    (async_no_yield, NEVER),
    (wrong_return, WRONG.format("str")),
    (wrong_yield, WRONG.format("str")),
    (wrong_early, WRONG.format("dict")),
]


@pytest.mark.parametrize(("layer", "complaint"), MISUSES, ids=[layer.__name__ for layer, _ in MISUSES])
def test_misuse_is_a_failure_that_names_the_function_and_its_line(
    client_for: Callable[..., Client], coloured: Any, layer: Any, complaint: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = App(middleware=[layer])

    @app.get("/")
    @coloured
    def handler() -> str:
        if "retrying" in layer.__name__:
            raise HTTPError(410, "shown beside it")
        return "x"

    assert client_for(app).get("/").status_code == 500
    assert complaint in caplog.text
    assert ("shown beside it" in caplog.text) is ("retrying" in layer.__name__)
    assert f"{layer.__name__} (" in caplog.text
    assert "test_middleware.py:" in caplog.text


@pytest.mark.parametrize("kind", ["early", "late", "caught"])
def test_an_async_answer_lets_what_is_around_it_end_well(
    client_for: Callable[..., Client], coloured: Any, kind: str, notes: list[str]
) -> None:
    """A transaction around the yield is committed: answering is no failure, as `return` is none in a plain one."""

    @asynccontextmanager
    async def transaction() -> AsyncIterator[None]:
        try:
            async with anyio.create_task_group():
                yield
        except BaseException as error:
            notes.append(f"rolled back: {error!r}")
            raise
        notes.append("committed")

    async def layer() -> AsyncMiddleware:
        async with transaction():
            if kind == "early":
                yield Response(kind)
                return
            with suppress(ValueError):
                yield
            yield Response(kind)

    app = App(middleware=[layer])

    @app.get("/")
    @coloured
    def handler() -> str:
        if kind == "caught":
            raise ValueError
        return "handler"

    assert client_for(app).get("/").text == kind
    assert notes == ["committed"]


def test_a_failure_in_a_task_group_beside_the_handler_s_is_one(
    client_for: Callable[..., Client], coloured: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def layer() -> AsyncMiddleware:
        async def fail() -> None:
            try:
                await anyio.sleep_forever()
            finally:
                raise KeyError("in the group")

        async with anyio.create_task_group() as group:
            group.start_soon(fail)
            await anyio.lowlevel.checkpoint()
            yield

    app = App(middleware=[layer])

    @app.get("/")
    @coloured
    def handler() -> None:
        raise HTTPError(410)

    assert client_for(app).get("/").status_code == 500
    assert "KeyError: 'in the group'" in caplog.text


# -- bodies ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_middleware_that_needs_the_body_has_it(
    client_for: Callable[..., Client], coloured: Any, colour: str, note: Any, notes: list[str]
) -> None:
    def digest(request: Request) -> Middleware:
        notes.append(f"body {len(request.body)}")
        response = yield
        response.headers["x-length"] = str(len(request.body))

    async def async_digest(request: Request) -> AsyncMiddleware:
        notes.append(f"body {len(request.body)}")
        response = yield
        response.headers["x-length"] = str(len(request.body))

    app = App(config=Config(max_body_size=100))
    app.middleware(note("outer"))
    app.middleware(digest if colour == "sync" else async_digest, needs_body=True)
    app.middleware(note("inner"))

    @app.post("/nothing")
    @coloured
    def nothing() -> str:
        return "nothing"

    @app.post("/body")
    @coloured
    def body(body: Body[dict[str, int]]) -> int:
        return body["x"]

    @app.post("/request")
    @coloured
    def request(request: Request) -> int:
        return len(request.body)

    client = client_for(app)
    assert client.post("/nothing", content=b"12345").headers["x-length"] == "5"
    assert notes == ["outer in", "body 5", "inner in", "inner out 200", "outer out 200"]
    assert client.post("/nothing", content=iter([b"123", b"45"])).headers["x-length"] == "5"
    response = client.post("/body", json={"x": 3})
    assert (response.json(), response.headers["x-length"]) == (3, "7")
    assert client.post("/request", content=b"12345").json() == 5
    assert client.get("/nowhere").headers["x-length"] == "0"
    notes.clear()
    response = client.post("/nothing", content=b"x" * 101)
    assert (response.status_code, response.headers["x-by"]) == (413, "outer")
    assert notes == ["outer in", "outer out 413"]
    truncated = client.post("/nothing", content=iter([b"x"]), headers={"content-length": "2"})
    assert (truncated.status_code, truncated.headers["x-by"]) == (400, "outer")


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_failure_is_thrown_in_outside_of_a_middleware_that_needs_the_body_as_well(
    client_for: Callable[..., Client], coloured: Any, colour: str, notes: list[str]
) -> None:
    def outer(request: Request) -> Middleware:
        try:
            yield
        except ValueError:
            notes.append("rollback")
            raise
        notes.append("commit")

    async def async_outer(request: Request) -> AsyncMiddleware:
        try:
            yield
        except ValueError:
            notes.append("rollback")
            raise
        notes.append("commit")

    def signed(request: Request) -> Middleware:
        try:
            yield
        finally:
            notes.append(f"body {len(request.body)}")

    app = App(middleware=[outer if colour == "sync" else async_outer])
    app.middleware(signed, needs_body=True)

    @app.post("/")
    @coloured
    def fail() -> None:
        raise ValueError

    assert client_for(app).post("/", content=b"12345").status_code == 500
    assert notes == ["body 5", "rollback"]


def test_a_middleware_may_judge_the_body_first(client_for: Callable[..., Client], coloured: Any) -> None:
    router = Router("/signed")

    @router.middleware(needs_body=True)
    def signed(request: Request) -> Middleware:
        if request.json() != [1]:
            return Response(status=403)
        yield

    router.post("")(coloured(lambda: "in"))
    app = App()
    app.include(router)
    client = client_for(app)
    answers = [client.post("/signed", content=content) for content in (b"[1]", b"[2]", b"[")]
    assert [answer.status_code for answer in answers] == [200, 403, 400]


def test_a_middleware_that_did_not_ask_for_the_body_is_told_so(
    client_for: Callable[..., Client], coloured: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def greedy(request: Request) -> Middleware:
        assert request.body
        yield

    app = App()
    app.post("/", middleware=[greedy])(coloured(lambda: "x"))

    @app.post("/stream")
    @coloured
    def upload(request: Request, body: BodyStream) -> int:
        return len(request.body)

    client = client_for(app)
    for path, fix in (("/", "needs_body=True"), ("/stream", "Fix: take `Request` in the handler")):
        caplog.clear()
        assert client.post(path, content=b"abc").status_code == 500
        assert fix in caplog.text


# -- state and colour --------------------------------------------------------------------------------------------------


def test_state_is_shared_with_the_handler_and_the_way_out(
    client_for: Callable[..., Client], coloured: Any, coloured_layer: Any
) -> None:
    @coloured_layer
    def identify(request: Request) -> Middleware:
        request.state["user"] = request.headers.get("x-user", "nobody")
        response = yield
        response.headers["x-user"] = request.state.user

    app = App(middleware=[identify])

    @app.get("/")
    @coloured
    def handler(request: Request) -> str:
        found: str = request.state.user
        request.state.user = found.upper()
        return found

    client = client_for(app)
    response = client.get("/", headers={"x-user": "ada"})
    assert (response.text, response.headers["x-user"]) == ("ada", "ADA")
    assert client.get("/").text == "nobody"


def test_a_request_is_one_object_for_everybody(client_for: Callable[..., Client], coloured: Any) -> None:
    seen: list[Any] = []

    def layer(request: Request) -> Middleware:
        seen.append(request)
        yield

    async def async_layer(request: Request) -> AsyncMiddleware:
        seen.append(request)
        yield

    app = App(middleware=[layer, async_layer])

    @app.get("/items/{number}", name="item")
    @coloured
    def handler(request: Request, number: int) -> dict[str, Any]:
        seen.append(request)
        return {"route": request.route.name if request.route else None, "params": dict(request.path_params)}

    assert client_for(app).get("/items/3").json() == {"route": "item", "params": {"number": "3"}}
    assert seen[0] is seen[1] is seen[2]


def test_async_middleware_waits_without_stopping_anybody(client_for: Callable[..., Client], coloured: Any) -> None:
    app = App()
    everybody = asyncio.Event()
    here: list[int] = []

    @app.middleware
    async def meet() -> AsyncMiddleware:
        here.append(1)
        if len(here) == 4:
            everybody.set()
        async with asyncio.timeout(PATIENCE):
            await everybody.wait()
        yield

    app.get("/")(coloured(lambda: "x"))
    client = client_for(app)
    answers: list[str] = []
    threads = [threading.Thread(target=lambda: answers.append(client.get("/").text)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert answers == ["x"] * 4


# -- what spans the yield ----------------------------------------------------------------------------------------------

SPANS: dict[str, Callable[[list[str]], Any]] = {}


def span(make: Callable[[list[str]], Any]) -> Any:
    SPANS[make.__name__] = make
    return make


@span
def task_group(notes: list[str]) -> Any:
    async def layer() -> AsyncMiddleware:
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep_forever)
            yield
            group.cancel_scope.cancel()
        notes.append("left")

    return layer


@span
def asyncio_task_group(notes: list[str]) -> Any:
    async def layer() -> AsyncMiddleware:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(asyncio.sleep(60))
            await asyncio.sleep(0)
            yield
            task.cancel()
        notes.append("left")

    return layer


@span
def scope(notes: list[str]) -> Any:
    async def layer() -> AsyncMiddleware:
        with anyio.fail_after(60):
            await anyio.lowlevel.checkpoint()
            yield
        notes.append("left")

    return layer


@span
def timeout(notes: list[str]) -> Any:
    async def layer() -> AsyncMiddleware:
        async with asyncio.timeout(60):
            yield
            await asyncio.sleep(0)
        notes.append("left")

    return layer


@span
def manager(notes: list[str]) -> Any:
    @asynccontextmanager
    async def session() -> AsyncIterator[None]:
        async with anyio.create_task_group():
            yield
        notes.append("left")

    async def layer() -> AsyncMiddleware:
        async with session():
            yield

    return layer


@pytest.mark.parametrize("name", list(SPANS))
def test_what_spans_the_yield_is_left_where_it_was_entered(
    client_for: Callable[..., Client], coloured: Any, name: str, notes: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    layer = SPANS[name](notes)
    app = App(middleware=[layer, Note([], "between"), layer])

    async def later() -> None:
        await asyncio.sleep(0)

    @app.get("/")
    @coloured
    def handler() -> str:
        return "x"

    @app.get("/async")
    async def coroutine() -> str:
        await later()
        return "x"

    @app.get("/stream")
    async def stream() -> AsyncIterator[str]:
        async with anyio.create_task_group() as group:
            group.start_soon(later)
            yield "x"

    client = client_for(app)
    for path in ("/", "/async", "/stream"):
        notes.clear()
        assert client.get(path).text == "x"
        assert notes == ["left", "left"]
    assert caplog.records == []


@pytest.mark.parametrize("name", list(SPANS))
def test_what_spans_the_yield_sees_a_failure(
    client_for: Callable[..., Client], coloured: Any, name: str, notes: list[str]
) -> None:
    app = App(middleware=[Note(notes, "outer"), SPANS[name](notes)])

    @app.get("/")
    @coloured
    def handler() -> str:
        raise HTTPError(410)

    client = client_for(app)
    assert client.get("/").status_code == 410  # although a task group wraps what is raised in it
    assert notes == ["outer in", "outer out 410"]


def test_a_timeout_around_the_yield_ends_the_handler(client_for: Callable[..., Client], notes: list[str]) -> None:
    expire: list[Callable[[], None]] = []  # what a handler calls instead of waiting for its time to be up

    def expires(scope: anyio.CancelScope) -> None:
        expire.append(lambda: setattr(scope, "deadline", -math.inf))

    async def limit() -> AsyncMiddleware:
        try:
            async with asyncio.timeout(60) as scope:
                expire.append(lambda: scope.reschedule(0))
                yield
        except TimeoutError:
            yield Response("too slow", status=504)

    async def move_on() -> AsyncMiddleware:
        with anyio.move_on_after(60) as scope:
            expires(scope)
            yield
        if scope.cancelled_caught:
            yield Response("too slow", status=504)

    async def fail_after() -> AsyncMiddleware:
        with anyio.fail_after(60) as scope:
            expires(scope)
            yield

    def plain() -> Middleware:  # which stands on the event loop beside an async one
        with anyio.move_on_after(60) as scope:
            expires(scope)
            yield
            return None
        return Response("too slow", status=504)

    app = App()

    @app.error(TimeoutError)
    def late(request: Request, error: TimeoutError) -> Response:
        return Response("too slow", status=504)

    layers = {"timeout": [limit], "move-on": [move_on], "fail": [fail_after], "plain": [AsyncNote([], ""), plain]}
    for name, layer in layers.items():

        @app.get(f"/{name}", middleware=layer)
        async def handler() -> str:
            try:
                expire.pop()()
                await asyncio.Event().wait()
            finally:
                notes.append("ended")
            return "never"

        @app.get(f"/{name}/stream", middleware=layer)
        async def stream() -> AsyncIterator[str]:
            try:
                expire.pop()()
                await asyncio.Event().wait()
                yield "never"
            finally:
                notes.append("ended")

        @app.get(f"/{name}/quick", middleware=layer)
        async def quick() -> str:
            return "quick"

    client = client_for(app)
    for name in layers:
        notes.clear()
        for path in (f"/{name}", f"/{name}/stream"):
            response = client.get(path)
            assert (path, response.status_code, response.text) == (path, 504, "too slow")
        assert notes == ["ended", "ended"]
        assert client.get(f"/{name}/quick").text == "quick"


def test_a_timeout_around_a_plain_handler_answers_when_it_is_done(client_for: Callable[..., Client]) -> None:
    """A thread cannot be ended: the answer says that it took too long."""

    async def limit(request: Request) -> AsyncMiddleware:
        try:
            async with asyncio.timeout(0.01 if request.path == "/" else 30):
                yield
        except TimeoutError:
            yield Response("too slow", status=504)

    app = App(middleware=[limit])
    release = threading.Event()

    @app.get("/")
    def handler() -> str:
        release.wait(0.05)
        return "late"

    @app.get("/quick")
    def quick() -> str:
        return "quick"

    client = client_for(app)
    assert client.get("/").status_code == 504
    assert client.get("/quick").text == "quick"


def test_an_interrupt_leaves_every_middleware(client_for: Callable[..., Client], notes: list[str]) -> None:
    def guarded() -> Middleware:
        try:
            yield
        finally:
            notes.append("guarded left")

    def unguarded() -> Middleware:
        yield
        notes.append("never")

    app = App(middleware=[guarded, unguarded])

    @app.get("/", inline=True)
    def handler() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        client_for(app).get("/")
    assert notes == ["guarded left"]


# -- streams -----------------------------------------------------------------------------------------------------------


def test_middleware_leaves_before_the_second_chunk(
    client_for: Callable[..., Client], note: Any, notes: list[str]
) -> None:
    app = App(middleware=[note("layer")])

    @app.get("/def")
    def plain() -> Iterator[str]:
        notes.append("first")
        yield "a"
        notes.append("second")
        yield "b"

    @app.get("/async")
    async def coroutine() -> AsyncIterator[str]:
        notes.append("first")
        yield "a"
        notes.append("second")
        yield "b"

    client = client_for(app)
    for path in ("/def", "/async"):
        notes.clear()
        response = client.get(path)
        assert (response.text, response.headers["x-by"]) == ("ab", "layer")
        assert notes == ["layer in", "first", "layer out 200", "second"]


def test_middleware_may_change_a_stream_s_head(client_for: Callable[..., Client], coloured_layer: Any) -> None:
    @coloured_layer
    def change(request: Request) -> Middleware:
        response = yield
        assert isinstance(response, StreamingResponse)
        assert response.body is None
        response.status = 206
        response.headers["x-kind"] = "async" if response.is_async else "sync"

    app = App(middleware=[change])

    @app.get("/def")
    def plain() -> Iterator[str]:
        yield "a"

    @app.get("/async")
    async def coroutine() -> AsyncIterator[str]:
        yield "a"

    client = client_for(app)
    for path, kind in (("/def", "sync"), ("/async", "async")):
        response = client.get(path)
        assert (response.status_code, response.text, response.headers["x-kind"]) == (206, "a", kind)


def test_what_middleware_fails_is_logged_once(
    client_for: Callable[..., Client], coloured: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def guard() -> Middleware:
        try:
            yield
        except ValueError:
            raise

    app = App(middleware=[guard, Note([], "a"), guard, AsyncNote([], "b"), guard])

    @app.get("/")
    @coloured
    def handler() -> None:
        raise ValueError("once")

    assert client_for(app).get("/").status_code == 500
    assert len([record for record in caplog.records if record.levelno >= logging.ERROR]) == 1
    assert caplog.text.count("ValueError: once") == 1
