"""What uWSGI does otherwise than other WSGI servers; the server itself is run in tests/servers."""

import sys
import threading
from types import ModuleType
from typing import Any

import pytest
from tests.support.wsgi import ask, environ

from hinge import App, Body, BodyStream, Request

PATIENCE = 10.0


def whole(body: Body[bytes]) -> bytes:
    return body


def pieces(body: BodyStream) -> bytes:
    return b"".join(body)


@pytest.mark.parametrize("handler", [whole, pieces])
@pytest.mark.parametrize("size", [1, 100_000])
def test_chunks_are_read_from_its_module(handler: Any, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    module, chunks = ModuleType("uwsgi"), [b"a" * size, b"b" * size]
    module.chunked_read = lambda: chunks.pop(0) if chunks else b""  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "uwsgi", module)
    app = App()
    app.post("/")(handler)
    sent = {"uwsgi.version": b"2", "HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_TYPE": "application/octet-stream"}
    assert ask(app.wsgi, "/", "POST", **sent).body == b"a" * size + b"b" * size


def test_a_chunk_that_cannot_be_read_is_a_400(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> bytes:
        raise OSError("unable to receive chunked part")

    module = ModuleType("uwsgi")
    module.chunked_read = fail  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "uwsgi", module)
    app = App()
    app.post("/")(whole)
    sent = {"uwsgi.version": b"2", "HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_TYPE": "application/octet-stream"}
    assert ask(app.wsgi, "/", "POST", **sent).status.startswith("400")


def test_work_after_a_stream_reads_the_request_of_an_environ_that_was_emptied() -> None:
    app, emptied, seen = App(), threading.Event(), []

    def work(request: Request) -> None:
        emptied.wait(PATIENCE)
        seen.append((request.method, request.path, request.headers["x-token"], request.headers.get("x-other")))

    @app.get("/{name}")
    def handler(request: Request, name: str) -> Any:
        assert request.headers.get("x-token") == "t"
        request.after_response(work, request)
        yield name

    head = environ("/stream", HTTP_X_TOKEN="t", HTTP_X_OTHER="o")
    body = app.wsgi(head, lambda status, headers: None)
    assert list(body) == [b"stream"]
    body.close()
    head.clear()
    emptied.set()
    app.wsgi.stop()
    assert seen == [("GET", "/stream", "t", "o")]
