"""Work after the response: run in order, once, whatever the colour, and never in the way of an answer."""

import threading
from contextvars import ContextVar

import pytest

from hinge import App, HTTPError, Request, Response, StreamingResponse


def test_sync_and_async_work_runs_in_order(client_for, coloured):
    app, done = App(), []

    async def later(number: int, *, name: str) -> None:
        done.append((number, name))

    @app.get("/")
    @coloured
    def handler(request: Request) -> str:
        request.after_response(done.append, "first")
        request.after_response(later, 2, name="second")
        request.after_response(done.append, "third")
        done.append("handler")
        return "x"

    assert client_for(app).get("/").text == "x"
    assert done == ["handler", "first", (2, "second"), "third"]


def test_the_client_has_the_response_before_the_work_ends(client_for, coloured):
    app, release = App(), threading.Event()
    done = []

    def work() -> None:
        done.append(release.wait(10))

    @app.get("/")
    @coloured
    def handler(request: Request) -> Response:
        request.after_response(work)
        return Response("x")

    with client_for(app).stream("GET", "/") as response:
        chunks = response.iter_bytes()
        assert next(chunks) == b"x"
        assert done == []
        release.set()
    assert done == [True]


@pytest.mark.parametrize("colour", ["def", "async def"])
def test_after_a_stream(client_for, colour):
    app, seen = App(), []

    @app.get("/")
    def handler(request: Request) -> StreamingResponse:
        request.after_response(seen.append, "after")

        def chunks():
            yield "a"
            seen.append("streaming")
            yield "b"

        async def achunks():
            yield "a"
            seen.append("streaming")
            yield "b"

        return StreamingResponse(chunks() if colour == "def" else achunks())

    assert client_for(app).get("/").text == "ab"
    assert seen == ["streaming", "after"]


def test_after_a_client_that_left(client_for):
    app, seen = App(), []

    @app.get("/")
    def handler(request: Request) -> StreamingResponse:
        request.after_response(seen.append, "after")
        return StreamingResponse(iter(["a", "b", "c"]))

    with client_for(app).stream("GET", "/") as response:
        next(response.iter_bytes())
    assert seen == ["after"]


@pytest.mark.parametrize("result", [None, "HTTPError", "failure"])
def test_after_any_answer(client_for, coloured, result):
    app, seen = App(), []

    @app.get("/")
    @coloured
    def handler(request: Request) -> None:
        request.after_response(seen.append, "after")
        if result == "HTTPError":
            raise HTTPError(404)
        if result == "failure":
            raise LookupError

    client_for(app).get("/")
    assert seen == ["after"]


def test_after_head(client_for):
    app, seen = App(), []

    @app.get("/")
    def handler(request: Request) -> str:
        request.after_response(seen.append, "after")
        return "x"

    client_for(app).head("/")
    assert seen == ["after"]


def test_a_failure_is_logged_and_the_next_one_runs(client_for, coloured, caplog):
    app, seen = App(), []

    def fails() -> None:
        raise LookupError("too late")

    async def fails_too() -> None:
        raise LookupError("much too late")

    @app.get("/")
    @coloured
    def handler(request: Request) -> str:
        request.after_response(fails)
        request.after_response(fails_too)
        request.after_response(seen.append, "last")
        return "x"

    assert client_for(app).get("/").text == "x"
    assert seen == ["last"]
    assert "LookupError: too late" in caplog.text
    assert "LookupError: much too late" in caplog.text


def test_a_middleware_may_add_work(client_for, coloured):
    app, seen = App(), []

    @app.middleware
    def middleware(request: Request):
        request.after_response(seen.append, "before")
        response = yield
        request.after_response(seen.append, response.status)

    @app.get("/")
    @coloured
    def handler() -> str:
        return "x"

    client_for(app).get("/")
    assert seen == ["before", 200]


def test_work_sees_the_requests_context_variables(client_for, coloured):
    app, seen = App(), []
    variable: ContextVar[str] = ContextVar("variable", default="none")

    async def later() -> None:
        seen.append(variable.get())

    @app.get("/")
    @coloured
    def handler(request: Request) -> str:
        variable.set("set")
        request.after_response(lambda: seen.append(variable.get()))
        request.after_response(later)
        return "x"

    client_for(app).get("/")
    assert seen == ["set", "set"]
