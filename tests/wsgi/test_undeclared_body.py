"""A body without a length (chunks, HTTP/2): how much of it is asked for."""

import io
from typing import Any

import pytest
from tests.support.wsgi import ask

from hinge import App, Body, BodyStream

LIMIT = 100_000


class Input:
    """A client that has sent so much and goes on after a pause: a `read` that wants more waits for ever."""

    def __init__(self, available: int) -> None:
        self.available = available

    def read(self, size: int) -> bytes:
        if size > self.available:
            raise AssertionError(f"read({size}) waits for ever, with {self.available} there")
        self.available -= size
        return b"x" * size


def post(app: App, source: Input) -> str:
    sent = {"CONTENT_TYPE": "application/octet-stream", "HTTP_TRANSFER_ENCODING": "chunked"}
    return ask(app.wsgi, "/", "POST", **sent, **{"wsgi.input": source, "wsgi.input_terminated": True}).status


def whole(body: Body[bytes]) -> int:
    return len(body)


def pieces(body: BodyStream) -> int:
    return sum(map(len, body))


@pytest.mark.parametrize("handler", [whole, pieces])
@pytest.mark.parametrize(
    ("protocol", "method", "terminated", "is_read"),
    [
        ("HTTP/2", "POST", True, True),
        ("HTTP/2.0", "POST", True, True),
        ("HTTP/2", "POST", False, False),
        ("HTTP/2", "GET", True, False),
        ("HTTP/1.1", "POST", True, False),
        ("HTTP/1.0", "POST", True, False),
    ],
)
def test_without_length_and_chunks_there_is_a_body_where_one_can_end(
    handler: Any, protocol: str, method: str, terminated: bool, is_read: bool
) -> None:
    app = App()
    app.route("/", methods=[method])(handler)
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": "/",
        "SERVER_PROTOCOL": protocol,
        "CONTENT_TYPE": "application/octet-stream",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(b"four"),
        "wsgi.input_terminated": terminated,
    }
    assert b"".join(app.wsgi(environ, lambda status, headers: None)) == (b"4" if is_read else b"0")


@pytest.mark.parametrize("handler", [whole, pieces])
def test_the_first_byte_too_many_is_enough_for_the_refusal(handler: Any) -> None:
    app = App()
    app.route("/", methods=["POST"], max_body_size=LIMIT)(handler)
    source = Input(LIMIT + 1)
    assert post(app, source).startswith("413")
    assert source.available == 0
