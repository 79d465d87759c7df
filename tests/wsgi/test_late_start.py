"""Native middleware that is a generator: the status is told before the callable returns, as Granian wants it."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.support import wsgi

from hinge import App
from hinge.testing import Client


class Late:
    """Calls the app when its body is asked for, and notes what becomes of that."""

    def __init__(self, application: Any, notes: list[str]) -> None:
        self.application, self.notes = application, notes

    def __call__(self, environ: Any, start_response: Any) -> Iterator[bytes]:
        try:
            self.notes.append("asked")
            yield b""
            output = self.application(environ, start_response)
            try:
                yield from output
            finally:
                getattr(output, "close", lambda: None)()
        finally:
            self.notes.append("closed")


def make() -> tuple[App, list[str]]:
    notes: list[str] = []
    app = App(wsgi_middleware=[(Late, {"notes": notes})])

    @app.get("/stream")
    def stream() -> Iterator[str]:
        yield "one"
        notes.append("two is made")
        yield "two"

    return app, notes


@pytest.mark.parametrize(
    ("path", "method", "status", "body"),
    [
        ("/stream", "GET", "200 OK", b"onetwo"),
        ("/stream", "HEAD", "200 OK", b""),
        ("/no", "GET", "404 Not Found", None),
    ],
)
def test_the_status_is_told_before_the_call_returns(path: str, method: str, status: str, body: bytes | None) -> None:
    app, notes = make()
    told: list[Any] = []
    output = app.wsgi(wsgi.environ(path, method), lambda *said: told.append(said[0]))
    assert told == [status]
    assert "two is made" not in notes, "and nothing more is made than that takes"
    assert body is None or b"".join(output) == body
    output.close()
    assert notes[-1] == "closed"
    assert notes.count("closed") == 1


def test_what_fails_before_that_is_raised_and_closed() -> None:
    closed: list[str] = []

    def failing(application: Any) -> Any:
        def generator(environ: Any, start_response: Any) -> Iterator[bytes]:
            try:
                yield b""
                raise KeyError("failed")
            finally:
                closed.append("closed")

        return generator

    app = App(wsgi_middleware=[failing])
    with pytest.raises(KeyError, match="failed"):
        wsgi.ask(app.wsgi)
    assert closed == ["closed"]


def test_one_that_never_tells_is_left_to_the_server() -> None:
    def silent(application: Any) -> Any:
        return lambda environ, start_response: [b"a", b"b"]

    told: list[Any] = []
    output = App(wsgi_middleware=[silent]).wsgi(wsgi.environ(), told.append)
    assert (list(output), told) == ([b"a", b"b"], [])


def test_one_that_tells_in_time_keeps_its_body() -> None:
    app = App(wsgi_middleware=[lambda application: application])
    app.get("/")(lambda: "x")
    output = app.wsgi(wsgi.environ(), lambda *said: None)
    assert output.__class__ is list, "which servers send without iterating it"
    with Client(app, "wsgi") as client:
        assert client.get("/").text == "x"
