"""Large files are handed to a server that sends them itself (`wsgi.file_wrapper`), and nothing else is."""

import os
import random
import sys
from pathlib import Path
from types import GeneratorType
from typing import Any
from wsgiref.util import FileWrapper as AnyWrapper

import pytest
from gunicorn.http.wsgi import FileWrapper
from tests.contract.files import make_app
from tests.support.wsgi import environ
from waitress.buffers import ReadOnlyFileBasedBuffer

from hinge import App, FileResponse, Middleware, Request
from hinge.middleware import Compression
from hinge.responses.streaming import StreamAborted
from hinge_wsgi.file_wrapper import WORTHWHILE, PartOfFile
from hinge_wsgi.stream import Stream

SIZE = WORTHWHILE + 1000
CONTENT = random.Random(1).randbytes(SIZE)  # the same in every process: test names are made of it


@pytest.fixture(params=[FileWrapper, ReadOnlyFileBasedBuffer])
def wrapper(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.txt"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def app(path: Path) -> App:
    return make_app(path)


def answered(app: App, wrapper: Any, **differing: str) -> tuple[str, dict[str, str], Any]:
    head: list[Any] = []
    body = app.wsgi(environ("/file", **{"wsgi.file_wrapper": wrapper} | differing), lambda *answer: head.extend(answer))
    return head[0], dict(head[1]), body


def sent(body: Any) -> bytes:
    try:
        return b"".join(body)
    finally:
        close = getattr(body, "close", None)
        if close is not None:
            close()


@pytest.mark.parametrize("target", ["/file", "/static/a.txt", "/refused"])
def test_a_whole_file_is_handed_over(app: App, wrapper: Any, target: str) -> None:
    status, headers, body = answered(app, wrapper, PATH_INFO=target)
    assert type(body) is wrapper
    assert status == ("403 Forbidden" if target == "/refused" else "200 OK")
    assert headers["content-length"] == str(SIZE)
    assert sent(body) == CONTENT


def test_a_part_is_handed_over_from_its_start_to_its_end(app: App, wrapper: Any) -> None:
    stop = 10 + WORTHWHILE
    status, headers, body = answered(app, wrapper, HTTP_RANGE=f"bytes=10-{stop - 1}")
    assert type(body) is wrapper
    assert status == "206 Partial Content"
    assert headers["content-length"] == str(WORTHWHILE)
    assert headers["content-range"] == f"bytes 10-{stop - 1}/{SIZE}"
    assert sent(body) == CONTENT[10:stop]


@pytest.mark.parametrize(
    ("request_of", "content"),
    [
        ({"HTTP_RANGE": "bytes=5-9"}, CONTENT[5:10]),
        ({"REQUEST_METHOD": "HEAD"}, b""),
        ({"HTTP_IF_MODIFIED_SINCE": "Fri, 01 Jan 2100 00:00:00 GMT"}, b""),
        ({"PATH_INFO": "/empty"}, b""),
        ({"PATH_INFO": "/after"}, CONTENT),
        ({"PATH_INFO": "/replaced"}, b"else"),
    ],
)
def test_anything_else_is_sent_from_here(app: App, wrapper: Any, request_of: Any, content: bytes) -> None:
    _, _, body = answered(app, wrapper, **request_of)
    assert type(body) is not wrapper
    assert sent(body) == content


def test_several_parts_are_sent_from_here(app: App, wrapper: Any) -> None:
    _, headers, body = answered(app, wrapper, HTTP_RANGE=f"bytes=0-{WORTHWHILE},{WORTHWHILE + 2}-")
    assert isinstance(body, GeneratorType | Stream)
    assert len(sent(body)) == int(headers["content-length"])


def test_a_file_of_few_bytes_is_sent_from_here(app: App, wrapper: Any, path: Path) -> None:
    path.write_bytes(CONTENT[: WORTHWHILE - 1])
    _, _, body = answered(app, wrapper)
    assert isinstance(body, GeneratorType | Stream)
    assert sent(body) == CONTENT[: WORTHWHILE - 1]


def test_a_server_that_is_not_known_to_keep_to_the_length_is_handed_nothing(app: App) -> None:
    for wrapper in (AnyWrapper, None):
        _, _, body = answered(app, wrapper)
        assert isinstance(body, GeneratorType | Stream)
        assert sent(body) == CONTENT


def test_gunicorn_is_handed_nothing_for_a_client_over_tcp(app: App) -> None:
    _, _, body = answered(app, FileWrapper, REMOTE_ADDR="127.0.0.1")
    assert isinstance(body, GeneratorType | Stream)
    assert sent(body) == CONTENT


def test_a_file_that_is_gone_before_it_is_opened_is_answered_as_ever(app: App, wrapper: Any) -> None:
    status, _, body = answered(app, wrapper, PATH_INFO="/removed")
    assert status == "404 Not Found"
    sent(body)


def test_a_file_that_is_too_short_before_it_is_opened_is_sent_from_here(app: App, wrapper: Any) -> None:
    _, _, body = answered(app, wrapper, PATH_INFO="/truncated")
    assert isinstance(body, GeneratorType | Stream)
    with pytest.raises(StreamAborted):
        sent(body)


def test_a_file_that_another_one_replaces_while_it_is_opened_is_not_handed_over(path: Path) -> None:
    response = FileResponse(path)
    path.rename(path.with_name("old.txt"))
    path.write_bytes(CONTENT)
    with pytest.raises(OSError, match="was replaced by another file"):
        PartOfFile(response, 0, SIZE)


def test_what_is_appended_meanwhile_is_not_sent(app: App, wrapper: Any, path: Path) -> None:
    _, _, body = answered(app, wrapper)
    with path.open("ab") as file:
        file.write(b"more")
    assert sent(body) == CONTENT


def test_a_file_that_becomes_shorter_is_an_error(app: App, wrapper: Any, path: Path) -> None:
    _, _, body = answered(app, wrapper)
    os.truncate(path, SIZE - 1)
    with pytest.raises(EOFError, match="1 bytes are missing"):
        sent(body)


def test_a_file_that_became_shorter_is_an_error_at_its_close(app: App, wrapper: Any, path: Path) -> None:
    """As when the server reads it by its descriptor, which tells nobody."""
    _, _, body = answered(app, wrapper)
    path.write_bytes(b"")
    path.write_bytes(CONTENT)  # too late
    with pytest.raises(EOFError, match=f"{SIZE} bytes are missing"):
        body.close()
    body.close()


def test_a_client_that_leaves_is_no_error(app: App, wrapper: Any) -> None:
    _, _, body = answered(app, wrapper)
    next(iter(body))
    body.close()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="open files are read from /proc")
def test_a_server_that_refuses_the_head_leaves_no_file_open(app: App, wrapper: Any) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - only how many

    def refuse(status: str, headers: Any, exc_info: Any = None) -> None:
        raise AssertionError("refused")

    with pytest.raises(AssertionError, match="refused"):
        app.wsgi(environ("/file", **{"wsgi.file_wrapper": wrapper}), refuse)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_what_a_middleware_encodes_is_sent_from_here(app: App, wrapper: Any) -> None:
    app.middleware(Compression(min_size=1))
    _, headers, body = answered(app, wrapper, HTTP_ACCEPT_ENCODING="gzip")
    assert headers["content-encoding"] == "gzip"
    assert isinstance(body, GeneratorType | Stream)
    sent(body)


def test_middleware_that_lets_it_pass_does_not_keep_it_from_the_server(app: App, wrapper: Any) -> None:
    opened = []

    @app.middleware
    def mark(request: Request) -> Middleware:
        response: Any = yield
        opened.append(response.iterator)
        response.headers["x-mark"] = "1"

    _, headers, body = answered(app, wrapper)
    assert headers["x-mark"] == "1"
    assert type(body) is wrapper
    assert next(opened[0]._source, None) is None  # closed, and with it the file that its first chunk is from
    assert sent(body) == CONTENT


def test_a_middlewares_own_file_is_sent_from_here(app: App, wrapper: Any, path: Path) -> None:
    """The handler's one is closed after it."""

    @app.middleware
    def other(request: Request) -> Middleware:
        yield
        return FileResponse(path)

    _, _, body = answered(app, wrapper)
    assert isinstance(body, GeneratorType | Stream)
    assert sent(body) == CONTENT
