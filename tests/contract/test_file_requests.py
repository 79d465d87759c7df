"""Files as clients ask for them: only if changed, only in part, only if still the same."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hinge import App, FileResponse, Middleware, Request
from hinge.backend.installed import installed_backends
from hinge.testing import Client

CONTENT = bytes(range(256)) * 40
MODIFIED = "Sun, 09 Sep 2001 01:46:40 GMT"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "data.bin"
    path.write_bytes(CONTENT)
    os.utime(path, (1e9, 1e9))
    return path


def passing(request: Request) -> Middleware:
    yield


async def passing_async(request: Request) -> Any:
    yield


@pytest.fixture(params=["bare", "middleware", "async middleware"])
def serving(request: pytest.FixtureRequest, path: Path) -> Callable[..., App]:
    layers: list[Any] = {"bare": [], "middleware": [passing], "async middleware": [passing_async]}[request.param]

    def app(**options: Any) -> App:
        app = App(middleware=layers)

        @app.route("/", methods=["GET", "POST"])
        def file() -> FileResponse:
            return FileResponse(path, **options)

        return app

    return app


def test_the_whole(each_backend: Any, serving: Callable[..., App]) -> None:
    with each_backend(serving()) as client:
        answer = client.get("/")
        assert (answer.status_code, answer.content) == (200, CONTENT)
        assert answer.headers["content-length"] == str(len(CONTENT))
        assert answer.headers["accept-ranges"] == "bytes"
        assert answer.headers["last-modified"] == MODIFIED
        assert re.fullmatch(r'"[0-9a-f-]+"', answer.headers["etag"])


def test_a_copy_that_holds_is_not_sent_again(each_backend: Any, serving: Callable[..., App]) -> None:
    with each_backend(serving(headers={"cache-control": "max-age=9", "vary": "accept"})) as client:
        etag = client.get("/").headers["etag"]
        for condition in ({"if-none-match": f'"x", W/{etag}'}, {"if-modified-since": MODIFIED}, {"if-none-match": "*"}):
            for method in ("GET", "HEAD"):
                answer = client.request(method, "/", headers=condition)
                assert (answer.status_code, answer.content) == (304, b"")
                kept = {name: answer.headers.get(name) for name in ("etag", "last-modified", "cache-control", "vary")}
                expected = {"etag": etag, "last-modified": MODIFIED, "cache-control": "max-age=9", "vary": "accept"}
                assert kept == expected
                assert "content-type" not in answer.headers
        assert client.get("/", headers={"if-none-match": '"other"'}).content == CONTENT


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [("bytes=0-9", 0, 10), ("bytes=10000-", 10000, 10240), ("bytes=-3", 10237, 10240), ("bytes=5-99,50-200", 5, 201)],
)
def test_one_part(each_backend: Any, serving: Callable[..., App], wanted: str, start: int, stop: int) -> None:
    with each_backend(serving()) as client:
        answer = client.get("/", headers={"range": wanted})
        assert (answer.status_code, answer.content) == (206, CONTENT[start:stop])
        assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/10240"
        assert answer.headers["content-length"] == str(stop - start)
        assert answer.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize("name", list(installed_backends()))  # each makes a boundary of its own
def test_several_parts(name: str, serving: Callable[..., App]) -> None:
    with Client(serving(), name) as client:
        answer = client.get("/", headers={"range": "bytes=300-309, 0-4, -1"})
        found = re.fullmatch(r"multipart/byteranges; boundary=([0-9a-f]{24})", answer.headers["content-type"])
        assert answer.status_code == 206
        assert found is not None
        assert "content-range" not in answer.headers
        assert int(answer.headers["content-length"]) == len(answer.content)
        head = f"--{found[1]}\r\ncontent-type: application/octet-stream\r\ncontent-range: bytes %s/10240\r\n\r\n"
        expected = b""
        for place, part in (("300-309", CONTENT[300:310]), ("0-4", CONTENT[:5]), ("10239-10239", CONTENT[-1:])):
            expected += (head % place).encode() + part + b"\r\n"
        assert answer.content == expected + f"--{found[1]}--\r\n".encode()


def test_one_object_for_all_requests(each_backend: Any, path: Path) -> None:
    app = App()
    shared = FileResponse(path)

    @app.get("/")
    def file() -> FileResponse:
        return shared

    with each_backend(app) as client:
        for _ in range(2):
            part = client.get("/", headers={"range": "bytes=1-2"})
            assert (part.status_code, part.content) == (206, CONTENT[1:3])
            assert client.get("/", headers={"if-none-match": "*"}).status_code == 304
            whole = client.get("/")
            assert (whole.status_code, whole.content) == (200, CONTENT)
            assert "content-range" not in whole.headers


@pytest.mark.parametrize("wanted", ["bytes=10240-", "bytes=-0"])
def test_no_part(each_backend: Any, serving: Callable[..., App], wanted: str) -> None:
    with each_backend(serving()) as client:
        answer = client.get("/", headers={"range": wanted})
        assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */10240")
        assert answer.json()["detail"] == "The file has 10240 bytes."


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {"range": "lines=1-2"}),
        ("GET", {"range": "bytes=9-1"}),
        ("GET", {"range": "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 200, 2))}),
        ("GET", {"range": "bytes=0-1", "if-range": '"other"'}),
        ("GET", {"range": "bytes=0-1", "if-range": "Sun, 09 Sep 2001 01:46:41 GMT"}),
        ("POST", {"range": "bytes=0-1"}),
        ("POST", {"if-none-match": "*"}),
        ("POST", {"if-match": '"other"'}),
    ],
)
def test_the_whole_all_the_same(
    each_backend: Any, serving: Callable[..., App], method: str, headers: dict[str, str]
) -> None:
    with each_backend(serving()) as client:
        answer = client.request(method, "/", headers=headers)
        assert (answer.status_code, answer.content) == (200, CONTENT)


def test_head_has_no_parts(each_backend: Any, serving: Callable[..., App]) -> None:
    with each_backend(serving()) as client:
        answer = client.head("/", headers={"range": "bytes=0-1"})
        assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, "10240", b"")


def test_if_range_and_if_match(each_backend: Any, serving: Callable[..., App]) -> None:
    with each_backend(serving()) as client:
        etag = client.get("/").headers["etag"]
        for same in (etag, MODIFIED):
            assert client.get("/", headers={"range": "bytes=0-1", "if-range": same}).content == CONTENT[:2]
        assert client.get("/", headers={"if-match": etag}).status_code == 200
        for changed in ({"if-match": '"other"'}, {"if-unmodified-since": "Sun, 09 Sep 2001 01:46:39 GMT"}):
            answer = client.get("/", headers=changed)
            assert (answer.status_code, answer.headers["content-type"]) == (412, "application/problem+json")


def test_another_status_is_sent_whole(each_backend: Any, serving: Callable[..., App]) -> None:
    with each_backend(serving(status=404)) as client:
        answer = client.get("/", headers={"range": "bytes=0-1", "if-none-match": "*"})
        assert (answer.status_code, answer.content) == (404, CONTENT)


def test_a_middleware_sees_what_is_answered(each_backend: Any, path: Path) -> None:
    app = App()
    seen = []

    @app.middleware
    def look(request: Request) -> Middleware:
        response = yield
        seen.append((response.status, response.content_length))
        response.headers["x-seen"] = "yes"

    @app.get("/")
    def file() -> FileResponse:
        return FileResponse(path)

    with each_backend(app) as client:
        for headers, status in (
            ({"range": "bytes=0-1"}, 206),
            ({"if-none-match": "*"}, 304),
            ({"range": "bytes=-0"}, 416),
        ):
            answer = client.get("/", headers=headers)
            assert (answer.status_code, answer.headers["x-seen"]) == (status, "yes")
    assert seen[0] == (206, 2)
    assert [status for status, _ in seen] == [206, 304, 416]
