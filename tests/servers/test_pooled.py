"""A pool of three connections under `hinge run`: each is given back once, and nobody waits for ever."""

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.servers import Kind, Server, running
from tests.support.waiting import until
from tests.support.wire import Wire, format_request

from hinge.backend.contract import Feature
from hinge.backend.installed import installed_backends, load_backend

pytestmark = [
    pytest.mark.server,
    pytest.mark.gate,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="stops as an init system does"),
]
BACKENDS = [name for name in installed_backends() if name != "lambda"]
KINDS = [f"/{colour}/{handlers}" for colour in ("def", "async-def") for handlers in ("def", "async-def")]
MANY = 100


def served(backend: str, folder: Path, **environ: str) -> contextlib.AbstractContextManager[Server]:
    kind = Kind(
        f"hinge-{backend}",
        backend,
        lambda port, target: ["hinge", "run", "--backend", backend, "--port", str(port), target],
    )
    return running(kind, "pooled:app", folder, environ=environ)


@pytest.fixture(scope="module", params=BACKENDS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served(request.param, tmp_path_factory.mktemp("pooled")) as server:
        yield server


def pools(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = server.get("/pools").json()
    return found


def is_back(server: Server) -> None:
    """Wait until nothing is lent."""
    until(lambda: all(one["out"] == 0 for one in pools(server).values()), "the connections", server.log)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("path", "status", "ending"),
    [
        ("/fast", 200, "committed"),
        ("/fail", 500, "ValueError"),
        ("/encode", 500, "TypeError"),
        ("/half", 200, "ValueError"),
    ],
)
def test_whatever_a_handler_does(server: Server, kind: str, path: str, status: int, ending: str) -> None:
    before = len(server.journal("left"))
    cuts = path == "/half" and Feature.ABORT in load_backend(server.kind.interface).features
    try:
        answer = server.get(kind + path)
    except EOFError:  # the cut came before the head was on its way
        assert cuts
    else:
        assert (answer.status, answer.complete) == (status, not cuts)
    is_back(server)
    assert [entry.text for entry in server.journal("left")[before:]] == [f"left {ending}"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("path", "ending"), [("/stream", "ClientDisconnect"), ("/slow", "committed")])
def test_a_client_that_leaves(server: Server, kind: str, path: str, ending: str) -> None:
    lent, left = len(server.journal("lent")), len(server.journal("left"))
    with server.wire() as wire:
        wire.get(kind + path)
        server.wait_for("lent", lent + 1)
        if path == "/stream":
            wire.read_some(wire.head())
        wire.abort()
    server.wait_for("left", left + 1)
    is_back(server)
    assert [entry.text for entry in server.journal("left")[left:]] == [f"left {ending}"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_client_that_reads_slowly_holds_none(server: Server, kind: str) -> None:
    left = len(server.journal("left"))
    with server.wire() as wire:
        wire.get(f"{kind}/large")
        server.wait_for("left", left + 1)
        is_back(server)
        assert len(wire.answer().body) == 20_000_000
    assert server.journal("left")[left:][0].text == "left committed"


@pytest.mark.parametrize("guard", ["def", "async-def"])
@pytest.mark.parametrize("size", [60_000, 100_000_000])
def test_an_upload_that_a_guard_refuses(server: Server, guard: str, size: int) -> None:
    request = format_request("POST", f"/guarded/{guard}", {"Content-Length": str(size)}, b"")
    with server.wire() as wire:
        wire.send(request + b"x" * min(size, 100_000))
        answer = wire.answer("POST")
        assert answer.status == 401
        if size > 1_000_000:
            assert answer["connection"] == "close" or server.kind.interface == "wsgi"  # which may not say so
        elif answer["connection"] != "close":
            wire.get("/free")
            assert wire.answer().text == "free"
    request = format_request("POST", f"/guarded/{guard}", {"Authorization": "key"}, b"x" * 60_000)
    with server.wire() as wire:
        wire.send(request)
        assert wire.answer("POST").text == "60000"


def at_once(number: int, work: Any) -> list[Any]:
    """Return what so many threads bring at once."""
    found: list[Any] = []

    def run() -> None:
        found.append(work())

    threads = [threading.Thread(target=run) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_many_at_once(server: Server, kind: str) -> None:
    assert at_once(MANY, lambda: server.get(f"{kind}/fast").status) == [200] * MANY
    is_back(server)
    assert all(one["most"] <= 3 for one in pools(server).values())


@pytest.mark.parametrize("kind", KINDS)
def test_many_slow_uploads(server: Server, kind: str) -> None:
    body = b"x" * 40_000
    request = format_request("POST", f"{kind}/upload", {}, body)
    lent = len(server.journal("lent"))
    wires = [Wire(server.port) for _ in range(MANY)]
    try:
        for wire in wires:
            wire.send(request[: len(request) // 2])
        if server.kind.interface != "wsgi":  # where each of them has a thread, and there may be no more
            assert server.get("/free").text == "free"
            assert len(server.journal("lent")) == lent  # nobody holds one while its body is on its way
            assert server.get(f"{kind}/fast").status == 200
        for wire in wires:
            wire.send(request[len(request) // 2 :])
        assert [wire.answer("POST").json() for wire in wires] == [len(body)] * MANY
    finally:
        for wire in wires:
            wire.close()
    is_back(server)
    assert all(one["most"] <= 3 for one in pools(server).values())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_worker_that_stops(backend: str, kind: str, tmp_path: Path) -> None:
    with (
        served(backend, tmp_path, HINGE_GRACEFUL_TIMEOUT="3") as server,
        server.wire() as stream,
        server.wire() as slow,
    ):
        stream.get(f"{kind}/stream")
        stream.read_some(stream.head())
        slow.get(f"{kind}/slow")
        server.wait_for("lent", 2)
        began = time.monotonic()
        server.signal()
        server.wait()
        assert time.monotonic() - began < 20
        endings = sorted(entry.text for entry in server.journal("left"))
        assert slow.answer().status == 200
    assert endings in (["left CancelledError", "left committed"], ["left ClientDisconnect", "left committed"])
