"""Where servers differ, as docs/servers.md tells it: shown by apps of Hinge's (served.py, hostile_app.py)."""

import signal
from pathlib import Path

import pytest
from tests.servers.conftest import Pool
from tests.servers.hostile import CASES
from tests.servers.test_hostile import status_of
from tests.support.servers import KINDS, start
from tests.support.wire import chunked, format_request
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

pytestmark = [
    pytest.mark.server,
    pytest.mark.upstream(
        granian="2.8.9", uvicorn="0.54.0", hypercorn="0.18.0", daphne="4.2.3", gunicorn="27.0.1", waitress="3.0.2"
    ),
]

every_server = pytest.mark.parametrize("kind", KINDS)

STATUSES = {
    "lower-case method": {"gunicorn": 400, "hypercorn": 200, "waitress": 400},
    "5,000 digits": {"gunicorn": 414},
    "8,000 query keys": {"gunicorn": 414},
    "100,000 empty segments": {"gunicorn": 414},
    "100 KB path": {"granian-wsgi": 414, "granian-asgi": 414, "gunicorn": 414},
    "path without a slash": {"granian-wsgi": 404, "granian-asgi": 404, "gunicorn": 400},
    "two Content-Type lines": {"granian-wsgi": 201, "gunicorn": 400},
    "length and chunks": {"granian-wsgi": 200, "granian-asgi": 200, "waitress": 200},
}
"""From a case of hostile.py to the servers that do not give Hinge's answer."""


@pytest.mark.parametrize(("case", "kind"), [(case, kind) for case in STATUSES for kind in STATUSES[case]])
def test_who_answers_a_bad_request_otherwise(pool: Pool, case: str, kind: str) -> None:
    (found,) = (one for one in CASES if one.name == case)
    assert status_of(pool(kind, "hostile_app:app"), found) == STATUSES[case][kind]


@pytest.mark.parametrize("kind", ["daphne", "waitress"])
def test_who_waits_for_a_body_above_the_limit(pool: Pool, kind: str) -> None:
    with pool(kind, "hostile_app:app").wire() as wire:
        wire.send(format_request("POST", "/echo", [("Content-Length", "999999999")]))
        wire.socket.settimeout(0.5)
        with pytest.raises(TimeoutError):
            wire.answer("POST")


@pytest.mark.parametrize("kind", ["granian-wsgi"])
def test_who_takes_the_chunks_before_a_malformed_one_for_the_body(pool: Pool, kind: str) -> None:
    with pool(kind, "served:app").wire() as wire:
        wire.send(format_request("POST", "/echo", {"Transfer-Encoding": "chunked"}) + b"3\r\nabc\r\nzz\r\n")
        answer = wire.answer("POST")
    assert (answer.status, answer.body) == (200, b"abc")


@pytest.mark.parametrize(("kind", "closes"), [("granian-wsgi", True), ("granian-asgi", True), ("waitress", False)])
def test_who_keeps_the_connection_of_a_body_framed_twice(pool: Pool, kind: str, closes: bool) -> None:
    head = format_request("POST", "/echo", {"Content-Length": "5", "Transfer-Encoding": "chunked"})
    with pool(kind, "served:app").wire() as wire:
        wire.send(head + chunked(b"abc") + format_request("GET", "/plain"))
        wire.answer()
        assert wire.ended() == closes


@pytest.mark.parametrize("kind", ["granian-wsgi"])
def test_who_takes_an_underscore_for_a_hyphen_and_its_line_for_the_other(pool: Pool, kind: str) -> None:
    forged, true = ("X_Token", "forged"), ("X-Token", "true")

    def token(*pairs: tuple[str, str]) -> str | None:
        found: str | None = pool(kind, "served:app").request("GET", "/items/1", list(pairs)).json()["token"]
        return found

    assert [token(forged), token(true, forged), token(forged, true)] == ["forged", "forged", "true"]


@pytest.mark.parametrize("kind", ["waitress"])
def test_who_closes_the_connection_after_a_stream(pool: Pool, kind: str) -> None:
    assert pool(kind, "served:app").get("/empty-chunks")["connection"] == "close"


@pytest.mark.parametrize("kind", ["daphne"])
def test_who_takes_a_whole_stream_into_memory(pool: Pool, kind: str, name: str) -> None:
    from tests.servers.served import PRESSURE_CHUNKS
    from tests.support.waiting import until

    server = pool(kind, "served:app")
    with server.wire() as wire:
        wire.get(f"/pressure/async/{name}")
        until(lambda: int(server.get(f"/produced/{name}").body) == PRESSURE_CHUNKS, "all of it in memory")


# -- processes ---------------------------------------------------------------------------------------------------------


@every_server
def test_the_exit_code_after_sigterm(kind: str, tmp_path: Path) -> None:
    server = start(kind, "served:app", tmp_path)
    server.get("/plain")
    assert server.stop() == (-signal.SIGTERM if kind in {"uvicorn", "waitress"} else 0)
    assert (server.journal("stop") == []) == (kind == "waitress")


@pytest.mark.parametrize(("kind", "code"), [("granian-asgi", 1), ("uvicorn", 3), ("hypercorn", 0)])
def test_the_exit_code_of_a_start_that_fails(kind: str, code: int, tmp_path: Path) -> None:
    server = start(kind, "served:app", tmp_path, ready=False, environ={"SERVED_FAILS": "1"})
    try:
        assert server.wait() == code
    finally:
        server.stop()


@pytest.mark.parametrize("kind", ["gunicorn"])
def test_who_takes_no_attribute_of_an_attribute(kind: str, tmp_path: Path) -> None:
    server = start(kind, "served:app.wsgi", tmp_path, ready=False)
    try:
        assert server.wait() == 4
    finally:
        server.stop()
    assert "Failed to parse 'app.wsgi' as an attribute name or function call." in server.log()


@pytest.mark.parametrize("kind", ["daphne", "waitress"])
def test_who_drops_a_request_in_flight(kind: str, tmp_path: Path) -> None:
    server = start(kind, "served:app", tmp_path)
    try:
        with server.wire() as wire:
            wire.get("/slow/3")  # the signal must come before the answer
            server.wait_for("slow")
            server.signal()
            with pytest.raises(EOFError):
                wire.answer()
    finally:
        server.stop()


@pytest.mark.upstream(python="3.11")  # later, hypercorn waits for its clients
@pytest.mark.parametrize(
    ("kind", "codes"),
    # Under Granian it is a race: the connection's end against the close frame of the handler that the shutdown ends.
    [("granian-asgi", {None, 1001}), ("uvicorn", {1012}), ("hypercorn", {1001}), ("daphne", {None})],
)
def test_how_a_websocket_is_closed_when_the_worker_stops(kind: str, codes: set[int | None], tmp_path: Path) -> None:
    server = start(kind, "served:app", tmp_path, *(("--graceful-timeout", "1") if kind == "hypercorn" else ()))
    try:
        with connect(server.websocket_url("/ws/busy/room"), close_timeout=0.1) as ws:
            assert ws.recv(20) == "busy"
            server.signal()
            with pytest.raises(ConnectionClosed) as closed:
                ws.recv(20)
            assert (closed.value.rcvd.code if closed.value.rcvd else None) in codes
    finally:
        server.stop()
