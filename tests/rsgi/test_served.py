"""hinge-rsgi under Granian: `hinge run --backend rsgi`, and a bare `granian MODULE:app`."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from tests.support.services import Serve, Service, services
from tests.support.waiting import PATIENCE, until

pytestmark = pytest.mark.server

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WHOLE = bytes(range(256)) * 4096
MOST_AHEAD = 64 * 1024 * 1024
"""Bytes that may be made for a client that reads nothing: two times backpressure.AHEAD, and the kernel's buffers."""


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    (tmp_path / "served.bin").write_bytes(WHOLE)
    paths = [str(HERE), *map(os.path.abspath, filter(None, sys.path))]
    with services(tmp_path, PYTHONPATH=os.pathsep.join(paths)) as serve:
        yield serve


def hinge_run(serve: Serve, target: str = "served:app", **environ: str) -> Service:
    return serve(target, "--backend", "rsgi", "--skip-unsupported", **environ)


def granian(serve: Serve, **environ: str) -> Service:
    return serve("served:app", run="granian", **environ)


def raw(service: Service, data: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", service.port), PATIENCE)
    connection.sendall(data)
    return connection


@pytest.mark.parametrize("start", [hinge_run, granian])
def test_requests_and_the_life_of_a_worker(serve: Serve, start: Callable[..., Service]) -> None:
    service = start(serve, HINGE_SKIP_UNSUPPORTED="true").started()
    client = service.client
    home = client.get("/", headers={"host": "example.org"})
    assert home.json() == {"host": "example.org", "version": "1.1", "answer": 42}
    plain = client.get("/plain")
    assert (plain.text, plain.headers["content-length"]) == ("plain", "5")
    head = client.head("/plain")
    assert (head.content, head.headers["content-length"]) == (b"", "5")
    typed = {"content-type": "application/json"}
    assert client.post("/echo", json={"a": 1}).json() == {"a": 1}
    assert client.post("/echo", content=iter([b'{"a"', b": 2}"]), headers=typed).json() == {"a": 2}
    assert client.post("/echo", content=b"x" * 1001, headers=typed).status_code == 413
    assert client.put("/stream", content=iter([b"abc", b"de"])).json() == 5
    assert client.put("/stream", content=iter([b"x" * 600] * 2)).status_code == 413
    assert client.get("/nowhere").status_code == 404
    assert client.get("/live").status_code == 426
    assert client.get("/after").text == "ok"
    until(lambda: "after" in service.notes(), "work after the response", service.log)
    assert service.stop() == 0, service.log()
    assert [note for note in service.notes() if note in ("start", "stop")] == ["start", "stop"]


def test_files_streams_and_leavings(serve: Serve) -> None:
    service = hinge_run(serve).started()
    client = service.client
    file = client.get("/file")
    assert (file.content, file.headers["content-length"]) == (WHOLE, str(len(WHOLE)))
    part = client.get("/file", headers={"range": "bytes=1000-1999"})
    assert (part.status_code, part.content) == (206, WHOLE[1000:2000])
    assert client.get("/file", headers={"if-none-match": file.headers["etag"]}).status_code == 304

    with contextlib.suppress(httpx.RemoteProtocolError):
        assert client.get("/cut").content == b"some"  # RSGI has no way to cut a connection (no Feature.ABORT)

    with client.stream("GET", "/idle") as idle:
        assert next(idle.iter_raw()) == b"first"
    until(lambda: "idle closed" in service.notes(), "the end of a stream that waits", service.log)

    # A client that reads nothing: the stream is held up, and ends when the client leaves.
    sent = service.folder / "sent"
    connection = raw(service, b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
    made = -1
    while made < (made := int(sent.read_text() or 0) if sent.exists() else 0) or not made:
        assert made < MOST_AHEAD
        threading.Event().wait(0.5)
    connection.close()
    until(lambda: "endless closed" in service.notes(), "the end of a stream that nobody reads", service.log)

    # An upload that is cut off does not reach the handler, and the server goes on.
    raw(
        service, b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
    ).close()
    assert client.get("/plain").text == "plain"
    # A handshake is a request like any other.
    upgrade = b"GET /live HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    with raw(
        service, upgrade + b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ) as ws:
        assert ws.recv(1000).startswith(b"HTTP/1.1 426 ")


def test_a_stop_ends_event_streams_at_once(serve: Serve) -> None:
    service = hinge_run(serve).started()
    with service.client.stream("GET", "/events") as events:
        lines = events.iter_lines()
        assert next(lines) == "data: hello"
        service.signal()
        assert list(lines) == [""]
    assert service.wait() == 0, service.log()
    assert service.notes()[:3] == ["start", "events closed", "stop"]


@pytest.mark.parametrize("start", [hinge_run, granian])
def test_a_failing_start_serves_nothing(serve: Serve, start: Callable[..., Service]) -> None:
    service = start(serve, HINGE_SKIP_UNSUPPORTED="true", FAIL="1")
    assert service.wait() == 1
    assert "no database" in service.log()
    assert "stop" not in service.notes()


@pytest.mark.parametrize(("run", "options"), [("hinge run", ("--backend", "rsgi")), ("granian", ())])
def test_websocket_routes_are_told_before_anything_is_served(serve: Serve, run: str, options: tuple[str, ...]) -> None:
    service = serve("served:app", *options, run=run)
    assert service.wait() == 1
    assert "/live" in service.log()
    assert "rsgi" in service.log()
    assert "Traceback" not in service.log()


def test_a_chunked_body_that_breaks_off_is_not_taken_for_a_whole_one(serve: Serve) -> None:
    service = hinge_run(serve).started()
    head = b"PUT /stream HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n"

    def ask(rest: bytes, *, leaves: bool = False) -> bytes:
        with raw(service, head + rest) as connection:
            if leaves:
                connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))[9:12]

    whole = b"3\r\nabc\r\n"
    assert ask(b"\r\n" + whole + b"0\r\n\r\n") == b"200"
    assert ask(b"trailer: x-a\r\n\r\n" + whole + b"0\r\nx-a: 1\r\n\r\n") == b"200"
    assert ask(b"\r\n" + whole + b"zz\r\n") == b"400"
    for broken in (whole, b"9\r\nabc"):
        assert ask(b"\r\n" + broken, leaves=True) in (b"400", b"")  # Granian may be gone before the answer
    assert service.client.put("/stream", content=iter([b"abc", b"de"])).json() == 5
    assert "Traceback" not in service.log()


@pytest.mark.parametrize("protocol", ["--http1.1", "--http2-prior-knowledge"])
def test_repeated_header_lines_are_all_read(serve: Serve, protocol: str) -> None:
    service = hinge_run(serve).started()
    lines = [b"x-a: 1", b"x-a: 2", b"x-b: \xe9", b"cookie: a=1", b"cookie: b=2"]
    options = [part for line in lines for part in (b"-H", line)]

    def ask(path: str) -> str:
        command = [b"curl", b"-s", protocol.encode(), *options, f"http://127.0.0.1:{service.port}{path}".encode()]
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout

    assert (ask("/lines"), ask("/one")) == ('["1,2","","1","2"]', "1,2 2")


def test_http_2_has_a_host(serve: Serve) -> None:
    service = hinge_run(serve).started()
    asked = ["curl", "-s", "--http2-prior-knowledge", f"http://127.0.0.1:{service.port}/"]
    answer = subprocess.run(asked, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout
    assert answer == f'{{"host":"127.0.0.1:{service.port}","version":"2","answer":42}}'


def test_the_board_runs_under_it(serve: Serve) -> None:
    service = hinge_run(serve, str(ROOT / "examples/board/app.py"), BOARD_DB="board.db").started()
    posted = service.client.post("/api/posts", json={"author": "a", "text": "kept"})
    assert posted.status_code == 201
    assert "kept" in service.client.get("/api/posts").text
    assert service.client.get("/").status_code == 200
    assert service.stop() == 0, service.log()
