"""Bad input over the wire: a defined answer on every server, never a 500, a hang or a traceback in the log."""

import contextlib

import pytest
from tests.servers.conftest import Pool
from tests.servers.hostile import CASES, VALID, Case
from tests.support.matrix import MORE
from tests.support.servers import Server, kinds
from tests.support.wire import format_request

pytestmark = pytest.mark.server


@pytest.fixture(params=kinds(lambda kind: not kind.tls))  # behind TLS the same parser reads
def hostile(request: pytest.FixtureRequest, pool: Pool) -> Server:
    """Every server in turn, serving `hostile_app:app`."""
    return pool(request.param, "hostile_app:app")


def status_of(server: Server, case: Case) -> int:
    """Return the status of a case's answer, 400 where the server just hangs up on what is not HTTP."""
    with server.wire() as wire:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it answered before it had read everything
            wire.send(case.data)
        try:
            return wire.answer(case.method).status
        except EOFError:
            return 400


@pytest.mark.parametrize("case", [*VALID, *CASES], ids=lambda case: case.name)
def test_every_request_has_a_defined_answer(hostile, case):
    if hostile.name in case.not_on:
        pytest.skip(f"{hostile.name} waits for the whole body before it calls the app")
    status = status_of(hostile, case)
    # Of the others not every word is pinned: what they refuse themselves, they refuse as the client's fault.
    assert status in case.allowed(hostile.name) or (hostile.name in MORE and case in CASES and 400 <= status < 500)


def test_nothing_of_it_is_logged_with_a_traceback(hostile):
    for case in (case for case in CASES if hostile.name not in case.not_on):
        status_of(hostile, case)
    assert "hinge" not in "".join(
        line for line in hostile.log().splitlines() if "Traceback" in line or "failed" in line
    )
    assert 'File "' not in "".join(line for line in hostile.log().splitlines() if "hinge_" in line)


def test_pipelined_requests_are_answered_in_order(hostile):
    with hostile.wire() as wire:
        wire.send(b"".join(format_request("GET", f"/items/{number}") for number in range(20)))
        assert [wire.answer().json()["number"] for _ in range(20)] == list(range(20))


def test_a_client_that_leaves_mid_upload_costs_nothing(hostile):
    for _ in range(20):
        wire = hostile.wire()
        wire.send(format_request("POST", "/echo", [("Content-Length", "5000")]) + b"x" * 100)
        wire.abort()
    assert hostile.get("/plain").status == 200


def test_one_byte_chunks_arrive_whole(hostile):
    with hostile.wire() as wire:
        wire.send(format_request("POST", "/echo", [("Transfer-Encoding", "chunked")]))
        for _ in range(300):
            wire.send(b"1\r\nx\r\n")
        wire.send(b"0\r\n\r\n")
        answer = wire.answer("POST")
    assert (answer.status, answer.body) == (200, b"x" * 300)


def test_expect_continue(hostile):
    with hostile.wire() as wire:
        wire.send(format_request("POST", "/echo", [("Content-Length", "3"), ("Expect", "100-continue")]))
        assert wire.head("POST").status == 100
        wire.send(b"abc")
        assert wire.answer("POST").body == b"abc"


def test_http_1_0(hostile):
    with hostile.wire() as wire:
        wire.send(b"GET /plain HTTP/1.0\r\n\r\n")
        answer = wire.answer()
    assert (answer.status, answer.body) == (200, b"hello")
