"""10,000 mixed requests to each backend under `hinge run`: no 5xx, no growth, a clean stop with connections open."""

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.servers.harness import HERE, PATIENCE, Wire, children, format_request, free_port, until
from tests.servers.hostile import CASES, VALID
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

pytestmark = [pytest.mark.server, pytest.mark.gate]

REQUESTS = 10_000
WARM_UP = 3_000
GROWTH = 6 * 1024
"""KiB of resident memory that allocators may still take after the warm-up; 1 KiB leaked a request would be 10,000."""
BOUND = 5.0
"""--graceful-timeout of the run, in seconds."""


class Run:
    """A `hinge run` of the hostile app."""

    def __init__(self, backend: str, folder: Path) -> None:
        self.backend = backend
        self.port = free_port()
        self.notes = folder / "notes"
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, *["-O"] * sys.flags.optimize, "-m", "hinge", "run", "hostile_app:app"),
                    *("--backend", backend, "--skip-unsupported", "--port", str(self.port)),
                    *("--threads", "8", "--graceful-timeout", str(BOUND)),
                ],
                cwd=HERE,
                env={**os.environ, "HOSTILE_NOTES": str(self.notes)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        until(self._answers, "the first answer", self.text)

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(self.text())
        try:
            Wire(self.port).close()
        except OSError:
            return False
        return True

    def text(self) -> str:
        return self.log.read_text("utf-8", "replace")

    def worker(self) -> int:
        """Return the process id of the only worker."""
        (worker,) = children(self.process.pid)
        return worker

    def memory(self) -> int:
        """Return the worker's resident memory in KiB."""
        status = Path(f"/proc/{self.worker()}/status").read_text()
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
    running = Run(request.param, tmp_path)
    yield running
    if running.process.poll() is None:
        running.process.kill()
        running.process.wait()


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
        run.process.send_signal(signal.SIGTERM)
        if socket is not None:
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv(PATIENCE)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1001
        assert run.process.wait(PATIENCE) == 0, run.text()
        assert time.monotonic() - started < BOUND + 10
    notes = run.notes.read_text().split("\n")
    assert (notes.count("start"), notes.count("stop"), notes.count("events closed")) == (1, 1, 1)
    assert "Traceback" not in run.text()
