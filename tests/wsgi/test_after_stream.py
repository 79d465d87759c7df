"""What runs after a response does not hold up its end: Granian ends what has no length, and HTTP/2, after `close()`."""

import threading
from collections.abc import AsyncIterator, Iterator
from contextvars import Context, ContextVar
from typing import Any

import pytest
from tests.support.wsgi import environ

from hinge import App, Config, Request

user: ContextVar[str] = ContextVar("user", default="nobody")
PATIENCE = 10.0


def plain(request: Request) -> Iterator[str]:
    yield "one"
    user.set("set by the stream")
    yield "two"


async def on_the_loop(request: Request) -> AsyncIterator[str]:
    yield "one"
    user.set("set by the stream")
    yield "two"


@pytest.mark.parametrize("source", [plain, on_the_loop])
def test_close_returns_before_the_work_is_done_and_stop_waits_for_it(source: Any) -> None:
    app = App()
    may_end, seen = threading.Event(), []

    def work() -> None:
        may_end.wait(PATIENCE)
        seen.append(user.get())

    @app.get("/")
    def handler(request: Request) -> Any:
        request.after_response(work)
        return source(request)

    # A server's thread has no context variables at all, unlike a test's.
    body = Context().run(app.wsgi, environ(), lambda status, headers: None)
    assert list(body) == [b"one", b"two"]
    body.close()
    assert seen == []
    may_end.set()
    app.wsgi.stop()
    assert seen == ["set by the stream"]


def test_on_http_2_a_complete_body_is_not_held_up_either() -> None:
    app = App()
    may_end, seen = threading.Event(), []

    def work() -> None:
        may_end.wait(PATIENCE)
        seen.append("done")

    @app.get("/")
    def handler(request: Request) -> str:
        request.after_response(work)
        return "body"

    body = app.wsgi(environ(SERVER_PROTOCOL="HTTP/2"), lambda status, headers: None)
    assert list(body) == [b"body"]
    body.close()
    assert seen == []
    may_end.set()
    app.wsgi.stop()
    assert seen == ["done"]


def test_no_more_is_done_at_a_time_than_the_server_has_threads() -> None:
    app = App(config=Config(threads=2))
    may_end = threading.Event()
    running, most, lock = [0], [0], threading.Lock()

    def work() -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        may_end.wait(PATIENCE)
        with lock:
            running[0] -= 1

    @app.get("/")
    def handler(request: Request) -> Iterator[str]:
        request.after_response(work)
        yield "one"

    def ask() -> None:
        body = app.wsgi(environ(), lambda status, headers: None)
        assert list(body) == [b"one"]
        body.close()

    ask()
    ask()
    third = threading.Thread(target=ask)
    third.start()
    third.join(0.2)
    assert third.is_alive()  # its close() waits for one of the two
    may_end.set()
    third.join(PATIENCE)
    app.wsgi.stop()
    assert (running, most) == ([0], [2])


def test_the_work_may_use_the_loop_while_the_worker_stops() -> None:
    app = App()
    seen = []

    async def work() -> None:
        seen.append("done on the loop")

    @app.get("/")
    def handler(request: Request) -> Iterator[str]:
        request.after_response(work)
        yield "one"

    body = app.wsgi(environ(), lambda status, headers: None)
    assert list(body) == [b"one"]
    body.close()
    app.wsgi.stop()
    assert seen == ["done on the loop"]
