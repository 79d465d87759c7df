"""10,000 mixed requests to each backend under `hinge run`: no 5xx, no growth, a clean stop with connections open."""

import contextlib
import itertools
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.servers.hostile import CASES, VALID
from tests.support.servers import SERVERS
from tests.support.services import Service
from tests.support.waiting import PATIENCE
from tests.support.wire import Wire, format_request
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

pytestmark = [pytest.mark.server, pytest.mark.gate]

REQUESTS = 10_000
WARM_UP = 3_000
GROWTH = 6 * 1024
"""KiB of resident memory that allocators may still take after the warm-up; 1 KiB leaked a request would be 10,000."""
BOUND = 5.0
"""--graceful-timeout of the run, in seconds."""


class Run(Service):
    """A `hinge run` of the hostile app."""

    def __init__(self, backend: str, folder: Path) -> None:
        self.backend = backend
        options = ("--skip-unsupported", "--threads", "8", "--graceful-timeout", str(BOUND))
        super().__init__(
            folder, "hostile_app:app", "--backend", backend, *options, cwd=SERVERS, NOTES=str(folder / "notes")
        )

    def memory(self) -> int:
        """Return the worker's resident memory in KiB."""
        (worker,) = self.workers()
        status = Path(f"/proc/{worker}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))

    def send(self, count: int) -> Counter[tuple[str, int]]:
        """Send `count` requests, good and bad in turn, and return what was answered to each case."""
        answers: Counter[tuple[str, int]] = Counter()
        cases = itertools.islice(itertools.cycle((*VALID, *CASES)), count)
        for case in cases:
            wire = Wire(self.port)
            try:
                wire.send(case.data)
                answers[case.name, wire.answer(case.method).status] += 1
            except (EOFError, BrokenPipeError, ConnectionResetError):
                answers[case.name, 400] += 1
            finally:
                wire.close()
        return answers


@pytest.fixture(params=["wsgi", "asgi"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Run]:
    running = Run(request.param, tmp_path).started(1)
    yield running
    running.kill()


def test_a_soak_leaves_nothing_behind_and_stops_cleanly(run):
    answers = run.send(WARM_UP)
    before = run.memory()
    answers += run.send(REQUESTS)
    after = run.memory()

    assert not [key for key in answers if key[1] >= 500]
    expected = {case.name: case.allowed(f"granian-{run.backend}") for case in (*VALID, *CASES)}
    assert not [key for key in answers if key[1] not in expected[key[0]]]
    assert after - before < GROWTH, f"{before} KiB before, {after} KiB after {REQUESTS} requests"

    with contextlib.ExitStack() as opened:
        events = opened.enter_context(Wire(run.port))
        events.send(format_request("GET", "/events"))
        assert events.head().status == 200
        assert b"first" in events.chunk()
        socket = None
        if run.backend == "asgi":
            socket = opened.enter_context(connect(f"ws://127.0.0.1:{run.port}/live"))
            socket.send("hello")
            assert socket.recv(PATIENCE) == "hello"

        started = time.monotonic()
        run.signal()
        if socket is not None:
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv(PATIENCE)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1001
        assert run.wait() == 0, run.log()
        assert time.monotonic() - started < BOUND + 10
    assert [run.notes().count(what) for what in ("start", "stop", "events closed")] == [1, 1, 1]
    assert "Traceback" not in run.log()
