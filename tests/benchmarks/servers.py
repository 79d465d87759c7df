"""Granian with one worker around one stack, for as long as a `with` block."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

_HERE = Path(__file__).parent
_PATIENCE = 30.0


class Server(NamedTuple):
    """A running server."""

    port: int
    pid: int

    @property
    def worker(self) -> int:
        """The process that answers: the largest of the server's children, or the server itself without any."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii").split()
        return max((int(child) for child in children), key=resident, default=self.pid)


def resident(pid: int) -> int:
    """Return the KiB of memory that only this process has (its private pages)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


@contextmanager
def peak(pid: int) -> Iterator[Callable[[], int]]:
    """Lend what returns by how many KiB a process has grown at most since (Linux: proc(5), clear_refs)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
    before = _memory(pid, "VmRSS")
    yield lambda: _memory(pid, "VmHWM") - before


def _memory(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def processor_seconds(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def granian(
    stack: str, interface: str, *options: str, target: str = "serve:app", environment: dict[str, str] | None = None
) -> Iterator[Server]:
    """Serve a stack while the block runs.

    Raises:
        RuntimeError: the server did not start; holds what it said.

    """
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", interface, "--port", str(port), "--workers", "1"]
    with started([*command, *options, target], port, stack, interface, environment) as server:
        yield server


OTHER_SERVERS = {"peregrine": ("wsgi", "asgi"), "fastpysgi": ("wsgi",)}
"""Servers besides Granian that Hinge is measured under, and the interfaces on which they serve it."""


@contextmanager
def other(name: str, stack: str, interface: str, around: object) -> Iterator[Server]:
    """Serve a stack by one of the other servers while the block runs.

    Raises:
        RuntimeError: the server did not start; holds what it said.

    """
    port = free_port()
    start = {
        "peregrine": ["-m", "peregrine", "--protocol", interface],
        "fastpysgi": ["-c", "import fastpysgi; fastpysgi.run_from_cli()"],
    }
    command = [sys.executable, *start[name], "--host", "127.0.0.1", "--port", str(port), "serve:app"]
    with started(command, port, stack, interface, {"BENCHMARK_AROUND": str(around)}) as server:
        yield server


@contextmanager
def started(
    command: list[str], port: int, stack: str, interface: str, environment: dict[str, str] | None = None
) -> Iterator[Server]:
    """Run a command that listens on the port while the block runs.

    Raises:
        RuntimeError: it did not start; holds what it said.

    """
    variables = {"BENCHMARK_STACK": stack, "BENCHMARK_INTERFACE": interface, **(environment or {})}
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log:
        process = subprocess.Popen(command, cwd=_HERE, env=os.environ | variables, stdout=log, stderr=log)
        try:
            if not _listens(process, port):
                log.seek(0)
                raise RuntimeError(f"{stack} on {interface} did not start:\n{log.read()[-2000:]}")
            yield Server(port, process.pid)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until a request gets an answer: Granian listens before its worker has loaded the app."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
                client.sendall(b"GET /plain HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")
                if client.recv(4096):
                    return True
        except OSError:
            pass
        time.sleep(0.02)
    return False
