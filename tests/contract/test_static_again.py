"""Small files are sent again for a moment without another look, as they were; whatever is asked of them stays right."""

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hinge import App, Config, FileResponse, Middleware, Request, static
from hinge.responses import opened, recent
from hinge.responses.files import SMALL
from hinge.responses.opened import open_path
from hinge.responses.recent import FRESH, MOST, MOST_BYTES, Recent
from hinge.testing import Client

CONTENT = os.urandom(3000).replace(b"\n", b"-")
BOTH_PARTS = {"range": "bytes=1-2,5-7"}


class Clock:
    """A monotonic clock that stands still."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (recent, static):
        monkeypatch.setattr(module, "monotonic", clock)
    return clock


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "a.txt").write_bytes(CONTENT)
    return folder


@pytest.fixture
def blind(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return what has every later look at a file fail."""

    def refuse(*arguments: Any, **options: Any) -> Any:
        raise AssertionError(f"looked at {arguments}")

    with monkeypatch.context() as patch:

        def put_out() -> None:
            for module, names in ((static, ("open_below", "open_path")), (opened, ("open_path",))):
                for name in names:
                    patch.setattr(module, name, refuse)

        yield put_out


def serving(folder: Path, **options: Any) -> App:
    app = App()
    app.static("/", folder, **options)
    return app


def test_a_change_is_seen_within_the_bounded_time(client_for: Any, folder: Path, clock: Clock) -> None:
    with client_for(serving(folder)) as client:
        before = client.get("/a.txt")
        (folder / "a.txt").write_bytes(b"changed")
        clock.now += FRESH * 0.9
        for _ in range(2):
            again = client.get("/a.txt")
            assert (again.content, dict(again.headers)) == (CONTENT, dict(before.headers))
        clock.now += FRESH * 0.1  # counted from the look: asking has not put it off
        after = client.get("/a.txt")
        assert (after.content, after.headers["content-length"]) == (b"changed", "7")
        assert after.headers["etag"] != before.headers["etag"]
        (folder / "a.txt").unlink()
        clock.now += FRESH
        assert client.get("/a.txt").status_code == 404


def test_what_is_missing_is_looked_for_each_time(client_for: Any, folder: Path, clock: Clock) -> None:
    with client_for(serving(folder)) as client:
        assert client.get("/b.txt").status_code == 404
        (folder / "b.txt").write_bytes(b"new")
        assert client.get("/b.txt").content == b"new"


def test_in_debug_mode_each_request_looks(client_for: Any, folder: Path, clock: Clock) -> None:
    app = App(config=Config(debug=True))
    app.static("/", folder, fallback="a.txt")
    with client_for(app) as client:
        for content in (b"one", b"two"):
            (folder / "a.txt").write_bytes(content)
            assert client.get("/a.txt").content == client.get("/page").content == content


def passing() -> Middleware:
    yield


@pytest.mark.parametrize("layers", [[], [passing]])
def test_whatever_is_asked_is_answered_without_a_look(
    client_for: Any, folder: Path, clock: Clock, blind: Any, layers: list[Any]
) -> None:
    (folder / "index.html").write_bytes(b"home")
    app = App(middleware=layers)
    app.static("/", folder, fallback="index.html")
    with client_for(app) as client:
        etag = client.get("/a.txt").headers["etag"]
        client.get("/")
        client.get("/page/7")
        blind()
        assert client.get("/").content == b"home"
        assert client.get("/a.txt").content == CONTENT
        head = client.head("/a.txt")
        assert (head.status_code, head.headers["content-length"], head.content) == (200, "3000", b"")
        part = client.get("/a.txt", headers={"range": "bytes=-5"})
        assert (part.status_code, part.content, part.headers["content-range"]) == (
            206,
            CONTENT[-5:],
            "bytes 2995-2999/3000",
        )
        both = client.get("/a.txt", headers=BOTH_PARTS)
        assert (both.status_code, len(both.content)) == (206, int(both.headers["content-length"]))
        assert CONTENT[1:3] in both.content
        assert CONTENT[5:8] in both.content
        known = client.get("/a.txt", headers={"if-none-match": etag})
        assert (known.status_code, known.headers["etag"], known.content) == (304, etag, b"")
        assert not {"content-type", "accept-ranges"} & set(known.headers)
        modified = head.headers["last-modified"]
        assert client.get("/a.txt", headers={"if-modified-since": modified}).status_code == 304
        assert client.get("/a.txt", headers={"if-range": '"x"', "range": "bytes=0-1"}).content == CONTENT
        assert client.get("/a.txt", headers={"if-match": '"x"'}).status_code == 412
        assert client.get("/a.txt", headers={"range": "bytes=3000-"}).status_code == 416


def test_each_coding_is_sent_again_to_who_accepts_it(client_for: Any, folder: Path, clock: Clock, blind: Any) -> None:
    packed = zlib.compress(CONTENT, wbits=31)
    (folder / "a.txt.gz").write_bytes(packed)
    (folder / "a.txt.br").write_bytes(b"brotli")
    wanted = {"gzip": packed, "br, gzip": b"brotli", "identity": CONTENT}
    with client_for(serving(folder)) as client:

        def ask() -> None:
            for accepted, content in wanted.items():
                answer = client.get("/a.txt", headers={"accept-encoding": accepted})
                assert (answer.content, answer.headers["vary"]) == (content, "accept-encoding")
                assert answer.headers["content-type"] == "text/plain; charset=utf-8"

        ask()
        blind()
        ask()


def test_middleware_writes_to_a_file_of_its_own(client_for: Any, folder: Path, clock: Clock) -> None:
    seen = []

    def marking(request: Request) -> Middleware:
        response = yield
        assert isinstance(response, FileResponse)
        seen.append(response)
        response.headers["x-asked"] = request.query.get("as", "")
        if "cut" in request.query:
            response.iterator = iter([b"else"])

    app = App(middleware=[marking])
    app.static("/", folder)
    with client_for(app) as client:
        for number in range(3):
            answer = client.get(f"/a.txt?as={number}")
            assert (answer.content, answer.headers.get_all("x-asked")) == (CONTENT, [str(number)])
            assert client.get("/a.txt?cut=1").content == b"else"
    assert len(set(map(id, seen))) == len(seen)


def test_the_fallback_stays_hidden_under_its_own_name(client_for: Any, folder: Path, clock: Clock) -> None:
    (folder / ".pages").mkdir()
    (folder / ".pages" / "app.html").write_bytes(b"page")
    client: Client = client_for(serving(folder, fallback=".pages/app.html"))
    assert client.get("/users/7").content == b"page"
    assert client.get("/.pages/app.html").status_code == 404


def test_a_large_file_is_read_each_time(client_for: Any, folder: Path, clock: Clock) -> None:
    client: Client = client_for(serving(folder))
    for content in (b"a" * (SMALL + 1), b"b" * (SMALL + 1)):
        (folder / "a.txt").write_bytes(content)
        assert client.get("/a.txt").content == content


@pytest.mark.parametrize("change", [b"longer and other", b"short", b"other"])
def test_what_changes_while_it_is_read_is_not_at_hand(
    folder: Path, monkeypatch: pytest.MonkeyPatch, change: bytes
) -> None:
    path = folder / "b.txt"
    path.write_bytes(b"older")
    os.utime(path, (1e9, 1e9))
    read = os.read

    def read_and_write(descriptor: int, size: int) -> bytes:
        path.write_bytes(change)
        return read(descriptor, size)

    monkeypatch.setattr(os, "read", read_and_write)
    response = FileResponse.opened(str(path), open_path(str(path)), None, may_move=True)
    assert not response.is_at_hand
    assert response.at_once() is None


def test_what_is_kept_is_bounded(clock: Clock) -> None:
    kept: Recent[int] = Recent()
    for number in range(MOST + 10):
        kept.keep(number, number, clock())
    assert [kept.get(number) for number in (0, 9, 10, MOST + 9)] == [None, None, 10, MOST + 9]
    for number in range(4):
        kept.keep(number, number, clock(), weight=MOST_BYTES // 3)
    assert [kept.get(number) for number in range(4)] == [None, 1, 2, 3]
    kept.keep(1, 5, clock(), weight=1)  # what it weighed is free again
    kept.keep(4, 4, clock(), weight=MOST_BYTES // 3)
    assert [kept.get(number) for number in range(1, 5)] == [5, 2, 3, 4]
    kept.keep(5, 5, clock(), weight=MOST_BYTES + 1)
    assert [kept.get(number) for number in range(6)] == [None] * 6
    kept.keep(6, 6, clock() - FRESH)
    assert kept.get(6) is None
