"""What runs after a streaming response does not hold up its end: Granian ends a chunked body after `close()`."""

import threading
from collections.abc import AsyncIterator, Iterator
from contextvars import Context, ContextVar
from typing import Any

import pytest

from hinge import App, Request

user: ContextVar[str] = ContextVar("user", default="nobody")
ENVIRON = {
    "REQUEST_METHOD": "GET",
    "PATH_INFO": "/",
    "QUERY_STRING": "",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "wsgi.url_scheme": "http",
}
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
    body = Context().run(app.wsgi, dict(ENVIRON), lambda status, headers: None)
    assert list(body) == [b"one", b"two"]
    body.close()
    assert seen == []
    may_end.set()
    app.wsgi.stop()
    assert seen == ["set by the stream"]


def test_the_work_may_use_the_loop_while_the_worker_stops() -> None:
    app = App()
    seen = []

    async def work() -> None:
        seen.append("done on the loop")

    @app.get("/")
    def handler(request: Request) -> Iterator[str]:
        request.after_response(work)
        yield "one"

    body = app.wsgi(dict(ENVIRON), lambda status, headers: None)
    assert list(body) == [b"one"]
    body.close()
    app.wsgi.stop()
    assert seen == ["done on the loop"]
