"""Clients that leave while their requests wait for a worker thread, under the real server."""

import re
from pathlib import Path

import pytest
from tests.support.servers import running
from tests.support.waiting import until
from tests.support.wire import format_request

pytestmark = pytest.mark.server
MANY = 200
TOLD = re.compile(r"([0-9]+) requests were not handled: their clients left")


def test_requests_that_nobody_waits_for_any_more_are_not_handled(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with (
        running("granian-asgi", "line_app:app", tmp_path, environ={"GATE": str(gate)}) as server,
        server.wire() as holds,
        server.wire() as stays,
    ):
        holds.send(format_request("GET", "/hold"))
        wires = [server.wire() for _ in range(MANY)]
        for wire in wires:
            wire.send(format_request("GET", "/ran"))
        stays.send(format_request("GET", "/ran"))
        until(lambda: server.get("/came").body == b"%d" % (MANY + 1), "all requests", server.log)
        for wire in wires:
            wire.abort()
        until(lambda: sum(map(int, TOLD.findall(server.log()))) == MANY, "all to be told", server.log)
        gate.touch()
        assert holds.answer().body == b"held"
        assert stays.answer().body == b"1"
