"""Whole files are handed to a server that sends them itself (the ASGI extension "path send"), and nothing else is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.contract.files import make_app
from tests.support.asgi import ask

from hinge import App, Request, Response
from hinge.middleware import Compression

CONTENT = b"0123456789" * 100
LARGE = CONTENT * 300
"""More than a static folder reads by itself."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.txt"
    path.write_bytes(CONTENT)
    return path


def sent(app: App, target: str, method: str = "GET", *headers: tuple[bytes, bytes], **differing: Any) -> list[Any]:
    head = {"method": method, "headers": [*headers], "extensions": {"http.response.pathsend": {}}}
    return ask(app.asgi, target, **head | differing).sent


def body(messages: list[Any]) -> bytes:
    return b"".join(message.get("body", b"") for message in messages)


@pytest.mark.parametrize(("target", "content"), [("/file", CONTENT), ("/linked/a.txt", LARGE)])
def test_a_whole_file_is_handed_over(path: Path, target: str, content: bytes) -> None:
    path.write_bytes(content)
    start, handed = sent(make_app(path), target)
    assert handed == {"type": "http.response.pathsend", "path": str(path)}
    assert start["status"] == 200
    headers = dict(start["headers"])
    assert headers[b"content-length"] == b"%d" % len(content)
    assert headers[b"content-type"].startswith(b"text/plain")
    assert b"etag" in headers


@pytest.mark.parametrize(
    ("target", "request_of", "content"),
    [
        ("/file", {"extensions": {}}, CONTENT),
        ("/file", {"extensions": None}, CONTENT),
        ("/file", {"http_version": "2"}, CONTENT),
        ("/file", {"headers": [(b"range", b"bytes=5-9")]}, b"56789"),
        ("/file", {"method": "HEAD"}, b""),
        ("/after", {}, CONTENT),
        ("/static/a.txt", {}, CONTENT),  # a link could be there before the server comes
        ("/static/a.txt", {"headers": [(b"range", b"bytes=5-9")]}, b"56789"),
        ("/replaced", {}, b"else"),
    ],
)
def test_anything_else_is_sent_from_here(path: Path, target: str, request_of: Any, content: bytes) -> None:
    messages = sent(make_app(path), target, **request_of)
    assert "http.response.pathsend" not in {message["type"] for message in messages}
    assert body(messages) == content


def test_a_large_file_of_a_static_folder_is_sent_from_here(path: Path) -> None:
    path.write_bytes(LARGE)
    messages = sent(make_app(path), "/static/a.txt")
    assert "http.response.pathsend" not in {message["type"] for message in messages}
    assert body(messages) == LARGE


def test_an_empty_file_is_sent_from_here(path: Path) -> None:
    path.write_bytes(b"")
    assert [message["type"] for message in sent(make_app(path), "/file")] == [
        "http.response.start",
        "http.response.body",
    ]


def test_a_file_that_is_no_longer_what_was_promised_is_not_handed_over(path: Path) -> None:
    app = make_app(path)
    with pytest.raises(Exception, match="cut off"):
        sent(app, "/truncated")
    path.write_bytes(CONTENT)
    assert sent(app, "/removed")[0]["status"] == 404


def test_what_a_middleware_encodes_is_sent_from_here(path: Path) -> None:
    app = make_app(path)
    app.middleware(Compression(min_size=1))
    start, *rest = sent(app, "/file", "GET", (b"accept-encoding", b"gzip"))
    assert (b"content-encoding", b"gzip") in start["headers"]
    assert rest[-1]["type"] == "http.response.body"


def test_middleware_that_lets_it_pass_does_not_keep_it_from_the_server(path: Path) -> None:
    app = make_app(path)

    @app.middleware
    def mark(request: Request) -> Iterator[None]:
        response: Response = yield
        response.headers["x-mark"] = "1"

    start, handed = sent(app, "/file")
    assert (b"x-mark", b"1") in start["headers"]
    assert handed["type"] == "http.response.pathsend"
