"""A worker's life under each server: when lifespans start and stop, what a failing start does, what a stop ends."""

import contextlib
import os
import signal
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.fronts import apache, has_mod_wsgi, page_file
from tests.support.http2 import H2
from tests.support.matrix import MATRIX, uwsgi
from tests.support.servers import BARE_GRANIAN, KINDS, Kind, Server, kinds, running, start
from tests.support.waiting import PATIENCE, until
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

pytestmark = [pytest.mark.server, pytest.mark.gate]

every_server = pytest.mark.parametrize("kind", KINDS)
ENDS_BY_SIGTERM = {"uvicorn", "waitress", "cheroot", "fastpysgi"}
"""Uvicorn raises the signal again, and the others do not handle it; what is not here exits with 0."""

STARTS = ["start plain", "start async"]
STOPS = ["stop async", "stop plain"]


def texts(server: Server, word: str) -> list[str]:
    return [entry.text for entry in server.journal(word)]


@pytest.mark.parametrize("kind", kinds())
def test_lifespans_start_and_stop_once(kind: str, tmp_path: Path) -> None:
    server = start(kind, "served:app", tmp_path)
    try:
        if server.kind.lifespan:
            server.wait_for("start", 2)  # before any request
        else:
            assert server.journal() == []  # the first request starts them
        for _ in range(3):
            assert server.get("/state").json()["greeting"] == "hello"
            assert server.get("/state/async").json()["greeting"] == "hello"
    finally:
        code = server.stop()
    assert texts(server, "start") == STARTS
    # waitress leaves SIGTERM to the system, which ends it on the spot.
    assert texts(server, "stop") in ([STOPS] if server.kind.stops else [STOPS, []])
    assert len({entry.pid for entry in server.journal()}) == 1
    assert code in ({0, -signal.SIGTERM} if kind in ENDS_BY_SIGTERM else {0})
    assert "Traceback" not in server.log()


@pytest.mark.parametrize("kind", kinds(lambda kind: not kind.stops))
def test_who_does_not_stop_otherwise_stops_on_an_interrupt(kind: str, tmp_path: Path) -> None:
    server = start(kind, "served:app", tmp_path)
    try:
        server.get("/plain")
        server.signal(signal.SIGINT)
        assert server.wait() in {0, -signal.SIGINT}
    finally:
        server.stop()
    assert texts(server, "stop") == STOPS


BY_HAND = "served:make('wsgi')"
"""A target that is compiled where it is imported: before the fork, with `--preload` and with uWSGI's master."""

WORKERS = {
    "granian-wsgi": ("served:app", "--workers", "2"),
    "granian-asgi": ("served:app", "--workers", "2"),
    "uvicorn": ("served:app", "--workers", "2"),
    "hypercorn": ("served:app", "--workers", "2"),
    "gunicorn": ("served:app", "--workers", "2"),
    "gunicorn --preload": (BY_HAND, "--workers", "2", "--preload"),
    "gunicorn-gevent": ("served:app", "--workers", "2"),
    "gunicorn-gevent --preload": (BY_HAND, "--workers", "2", "--preload"),
    "gunicorn-asgi --preload": ("served:app", "--workers", "2", "--preload"),
    "uwsgi of two": ("named:application",),
    "apache-daemon of two": ("named:application",),
}


def patching(folder: Path) -> list[str]:
    """Return the option with which gunicorn reads the page's file."""
    file = folder / "gunicorn.conf.py"
    file.write_text(page_file("gunicorn.md", file.name))
    return ["-c", str(file)]


def of_two(name: str) -> Kind:
    """Return a server whose processes are said in its file."""
    kind = MATRIX[name]
    return replace(kind, in_folder=apache("shop.conf", 2) if name.startswith("apache") else uwsgi(2))


@pytest.mark.parametrize("kind", [case for case in WORKERS if MATRIX[case.split(maxsplit=1)[0]].needs()])
def test_each_worker_has_its_own(kind: str, tmp_path: Path) -> None:
    name = kind.split(maxsplit=1)[0]
    target, *extra = WORKERS[kind]
    if kind == "gunicorn-gevent --preload":
        extra += patching(tmp_path)
    server = start(of_two(name) if kind.endswith("two") else name, target, tmp_path, *extra)
    try:
        answered: set[int] = set()

        def both_have_answered() -> bool:
            # Several at a time: one worker takes all requests that come one by one.
            wires = [server.wire() for _ in range(8)]
            for wire in wires:
                wire.get("/state")
            for wire in wires:
                with wire:
                    answered.add(wire.answer().json()["pid"])
            assert server.get("/colour/async").json()["loop"]
            return len(answered) == 2

        until(both_have_answered, "an answer of each worker", server.log)
    finally:
        server.stop()
    lines = Counter((entry.pid, entry.text) for entry in server.journal())
    assert {pid for pid, _ in lines} == answered
    expected = Counter((pid, text) for pid in answered for text in (*STARTS, *STOPS))
    if name == "hypercorn":
        # When the first of its workers has stopped, it terminates the others, however far they are.
        stopped = {pid for pid in answered if all(lines[pid, text] for text in STOPS)}
        assert stopped
        expected -= Counter((pid, text) for pid in answered - stopped for text in STOPS if not lines[pid, text])
    assert lines == expected
    assert server.process.pid not in answered


def test_gevent_that_patches_after_the_import_is_refused(tmp_path: Path) -> None:
    with running("gunicorn-gevent", BY_HAND, tmp_path, "--preload") as server:
        assert server.get("/state").status == 503
        server.wait_for_log("Fix: from gevent import monkey; monkey.patch_all() as the first lines of gunicorn.conf.py")


@pytest.mark.skipif(not has_mod_wsgi(), reason="there is no mod_wsgi for this Python")
def test_a_touched_script_reloads_the_app_under_apache(tmp_path: Path) -> None:
    with running("apache-daemon", "served:app", tmp_path) as server:
        before = server.get("/state").json()["pid"]
        (script,) = server.journal_path.parent.glob("site/*.wsgi")
        os.utime(script, (0, time.time() + 10))
        until(lambda: server.get("/state").json()["pid"] != before, "another process", server.log)
        now = server.get("/state").json()["pid"]
        server.wait_for("stop", 2)
    lives = {pid: [entry.text for entry in server.journal() if entry.pid == pid] for pid in (before, now)}
    assert lives == {before: [*STARTS, *STOPS], now: [*STARTS, *STOPS]}


# -- a start that fails ------------------------------------------------------------------------------------------------

ENDS = {"granian-asgi", "uvicorn", "hypercorn"}
"""The servers that end when the lifespan protocol says that the start failed, each with an exit code of its own."""
LOGGED = "a lifespan failed to start"


@every_server
def test_a_start_that_fails(kind: str, tmp_path: Path) -> None:
    server = start(kind, "served:app", tmp_path, ready=kind not in ENDS, environ={"SERVED_FAILS": "1"})
    try:
        if kind in ENDS:
            server.wait()
        else:  # where nothing is told to the server, it goes on, and every request is refused
            for target in ("/plain", "/state", "/unknown"):
                answer = server.get(target)
                assert (answer.status, answer.json()["detail"]) == (503, "The application failed to start.")
    finally:
        server.stop()
    # The lifespan that had started before is stopped; the failing one is not started again for each request.
    assert texts(server, "") == [*STARTS, "stop plain"]
    assert server.log().count(LOGGED) == 1
    assert "RuntimeError: no database" in server.log()


def test_a_start_that_fails_refuses_websockets_as_well(tmp_path: Path) -> None:
    with running("daphne", "served:app", tmp_path, environ={"SERVED_FAILS": "1"}) as server:
        headers = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        }
        assert server.request("GET", "/ws/echo/r", headers).status in {403, 503}


# -- a stop with connections open --------------------------------------------------------------------------------------

CLOSED_WITH = {None, 1001, 1012}
"""The close codes that a WebSocket's peer may see; None: the connection just ends. (`hinge run` closes with 1001.)"""

WAITS_FOR_CLIENTS = {"hypercorn"}
"""Servers whose bound on the stop may not hold: hypercorn awaits `asyncio.Server.wait_closed()` before it counts.

From Python 3.12 on that returns when the last client has left.
"""


@pytest.mark.parametrize("kind", [kind for kind in KINDS if KINDS[kind].websocket])
def test_a_websocket_handler_ends_before_the_lifespans_stop(kind: str, tmp_path: Path) -> None:
    server = start(kind, "served:app", tmp_path, *(BOUND["hypercorn"] if kind == "hypercorn" else ()))
    try:
        with connect(server.websocket_url("/ws/busy/room")) as ws:
            assert ws.recv(PATIENCE) == "busy"
            server.signal()
            if kind not in WAITS_FOR_CLIENTS:
                with pytest.raises(ConnectionClosed) as closed:
                    ws.recv(PATIENCE)
                code = closed.value.rcvd.code if closed.value.rcvd else None
                assert code in CLOSED_WITH
        server.wait()
    finally:
        server.stop()
    assert texts(server, "") == [*STARTS, "cancelled room", *STOPS]


BOUND = {
    "uvicorn": ("--timeout-graceful-shutdown", "1"),
    "hypercorn": ("--graceful-timeout", "1"),
    "daphne": (),
    "gunicorn": ("--graceful-timeout", "1"),
}
"""What bounds the stop with a stream open. Granian has nothing that lets the lifespans stop; `hinge run` has."""


@pytest.mark.parametrize("kind", BOUND)
def test_an_open_stream_does_not_hold_up_a_bounded_stop(kind: str, tmp_path: Path) -> None:
    server = start(kind, "served:app", tmp_path, *BOUND[kind])
    try:
        with server.wire() as wire:
            wire.get("/endless/async/stream")
            wire.read_some(wire.head())
            server.signal()
            if kind in WAITS_FOR_CLIENTS:
                wire.close()
            server.wait()
    finally:
        server.stop()
    complete = [*STARTS, "closed stream", *STOPS]
    # gunicorn cannot end its threads and kills the worker: nothing is closed, nothing stops.
    assert texts(server, "") in ([complete, STARTS] if kind == "gunicorn" else [complete])


@pytest.mark.parametrize("backend", ["wsgi", "asgi"])
def test_hinge_run_stops_in_order_with_an_idle_http_2_connection_open(backend: str, tmp_path: Path) -> None:
    """Granian waits for it without a limit."""

    def arguments(port: int, target: str) -> list[str]:
        return ["hinge", "run", target, "--port", str(port), "--backend", backend, "--graceful-timeout", "2"]

    server = start(Kind(f"hinge-{backend}", backend, arguments), "served:app", tmp_path)
    try:
        with H2(server.port) as connection:
            assert connection.request("GET", "/plain").text == "plain"
            server.signal()
            assert server.wait() == 0
    finally:
        server.stop()
    assert texts(server, "") == [*STARTS, *STOPS]
    assert "refused to gracefully stop" not in server.log()


DROPS_WHAT_IT_HAS_BEGUN = {"daphne", "waitress"}


@every_server
def test_a_request_in_flight_is_answered(kind: str, tmp_path: Path) -> None:
    drops = kind in DROPS_WHAT_IT_HAS_BEGUN
    server = start(kind, "served:app", tmp_path)
    try:
        with server.wire() as wire:
            wire.get("/slow/0.5")
            server.wait_for("slow")
            server.signal()
            with contextlib.suppress(EOFError) if drops else contextlib.nullcontext():
                assert wire.answer().text == "done"
        server.wait()
    finally:
        server.stop()
    assert texts(server, "stop") in ([STOPS, []] if kind == "waitress" else [STOPS])


# -- bare granian ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["served:app", "served:app.wsgi", "served:app.asgi"])
def test_a_bare_granian_is_told_what_to_do(target: str, tmp_path: Path) -> None:
    """Its default interface is RSGI; without a word it would answer every request with an empty 500."""
    server = start(BARE_GRANIAN, target, tmp_path, ready=False)
    try:
        assert server.wait() == 1
    finally:
        server.stop()
    said = server.log()
    assert (
        said.count("Fix: granian --interface asgi MODULE:app, granian --interface wsgi MODULE:app, or hinge run") == 1
    )
    assert "Traceback" not in said


@pytest.mark.parametrize(("kind", "attribute"), [("granian-wsgi", "wsgi"), ("granian-asgi", "asgi")])
def test_granian_serves_the_callables_by_name(kind: str, attribute: str, tmp_path: Path) -> None:
    with running(kind, f"served:app.{attribute}", tmp_path) as server:
        assert server.get("/plain").text == "plain"
        assert server.get("/state").json()["greeting"] == "hello"
    assert texts(server, "") == [*STARTS, *STOPS]
