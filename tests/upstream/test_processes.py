"""How servers start and stop, shown by applications without a framework (raw.py)."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.servers.conftest import Pool
from tests.support.http2 import H2
from tests.support.servers import BARE_GRANIAN, KINDS, Server, running, start
from tests.support.waiting import until

pytestmark = [
    pytest.mark.server,
    pytest.mark.upstream(
        granian="2.8.9", uvicorn="0.54.0", hypercorn="0.18.0", daphne="4.2.3", gunicorn="27.0.1", waitress="3.0.2"
    ),
]


# -- WSGI: the process -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["granian-wsgi", "gunicorn"])
def test_context_variables_leak_from_request_to_request(pool: Pool, name: str) -> None:
    """Hence each request runs in a copy of the context (hinge_wsgi.compile)."""
    server = pool(name, "raw:wsgi")
    until(lambda: server.get("/context").json() == "another request's", "a leak")


def test_what_runs_when_a_process_ends(wsgi: Server, tmp_path: Path) -> None:
    """Hence lifespans stop by both (hinge_wsgi.runtime), and not at all under waitress (docs/servers.md)."""
    server = start(wsgi.name, "raw:wsgi", tmp_path)
    try:
        server.get("/exits")
    finally:
        server.stop()
    ran = {entry.text for entry in server.journal()} - {"state False"}
    if wsgi.name == "waitress":
        assert ran == set()
    elif wsgi.name == "granian-wsgi" and sys.version_info < (3, 13):
        assert ran == {"finalizer"}
    else:
        assert ran == {"atexit", "finalizer"}


# -- ASGI: the lifespan ------------------------------------------------------------------------------------------------


def test_an_exception_in_the_lifespan_is_taken_for_no_lifespan(asgi: Server, tmp_path: Path) -> None:
    """Hence `startup.failed` is always said (hinge_asgi.lifespan)."""
    with running(asgi.name, "raw:asgi", tmp_path, environ={"RAW_RAISES": "1"}) as server:
        assert server.get("/scope").status == 200


def test_granian_empties_the_state_before_the_shutdown(asgi: Server, tmp_path: Path) -> None:
    """Hence the lifespans' values are kept by ourselves (hinge.loop.runtime)."""
    server = start(asgi.name, "raw:asgi", tmp_path)
    try:
        server.get("/scope")
    finally:
        server.stop()
    expected = [] if asgi.name == "daphne" else [f"state {asgi.name != 'granian-asgi'}"]
    assert [entry.text for entry in server.journal()] == expected


# -- Granian's stop ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["granian-wsgi", "granian-asgi"])
def test_granian_does_not_stop_while_an_idle_http_2_connection_is_open(name: str, tmp_path: Path) -> None:
    """Hence a bound on the stop, also where no stream and no WebSocket is open (docs/servers.md)."""
    server = start(name, f"raw:{KINDS[name].interface}", tmp_path)
    try:
        with H2(server.port) as connection:
            connection.request("GET", "/environ")
            server.signal()
            server.wait_for_log("Stopping worker-1")
            with pytest.raises(subprocess.TimeoutExpired):
                server.process.wait(1)
        assert server.wait() == 0
    finally:
        server.stop()


# -- Granian's default interface ---------------------------------------------------------------------------------------


def test_granian_serves_a_wsgi_function_as_rsgi_and_answers_500(tmp_path: Path) -> None:
    """Hence every callable of ours explains itself (hinge.entry)."""
    with running(BARE_GRANIAN, "raw:wsgi", tmp_path) as server:
        answer = server.get("/lists")
        assert (answer.status, answer.body) == (500, b"")
