"""Running the examples: imported afresh, or under `hinge run` in processes of their own.

Law: nothing sleeps and hopes. Whoever waits, waits for a condition, and fails after PATIENCE seconds.
"""

import contextlib
import importlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import httpx
from tests.servers.harness import children

T = TypeVar("T")

Load = Callable[[str], Any]
"""From a module's name to the module, imported anew (the fixture `load`)."""
Serve = Callable[..., "Service"]
"""From arguments of `hinge run` to the running service (the fixture `serve`)."""

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
PATIENCE = 30.0
"""Seconds after which something that should have happened is taken for a failure."""


def until(condition: Callable[[], T], what: str, log: Callable[[], str] = str) -> T:
    """Return what a condition gives once it is true.

    Raises:
        TimeoutError: it did not become true; with the end of the log.

    """
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"it did not happen: {what}\n{log()[-4000:]}")
        threading.Event().wait(0.02)
    return found


@contextlib.contextmanager
def imported(name: str) -> Iterator[ModuleType]:
    """Lend a module of examples/, imported anew, as a process of its own would have it."""
    before = set(sys.modules)
    sys.path.insert(0, str(EXAMPLES))
    try:
        yield importlib.import_module(name)
    finally:
        sys.path.remove(str(EXAMPLES))
        for added in set(sys.modules) - before:
            if added.split(".")[0] == name.split(".", maxsplit=1)[0]:
                del sys.modules[added]


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Service:
    """An example under `hinge run`, and a client for it."""

    def __init__(
        self, folder: Path, *arguments: str, port: int | None = None, cwd: Path = ROOT, **environ: str
    ) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = folder / f"log-{time.monotonic_ns()}"
        plain = {name: value for name, value in os.environ.items() if not name.startswith("HINGE_")}
        plain["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, filter(None, sys.path)))
        optimised = ["-O"] * sys.flags.optimize
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, *optimised, "-m", "hinge", "run", *arguments, "--port", str(self.port)],
                cwd=cwd,
                env={**plain, "PYTHONUNBUFFERED": "1", **environ},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # one process group, workers included
            )
        self.client = httpx.Client(base_url=self.url, timeout=PATIENCE)

    def log(self) -> str:
        """Return what it has printed so far."""
        return self._log.read_text("utf-8", "replace")

    def started(self, workers: int = 1) -> "Service":
        """Return once it listens and has its workers, whose first requests wait until they have started."""
        until(self._accepts, "a connection", self.log)
        if workers > 1:
            until(lambda: len(self.workers()) == workers, "all workers", self.log)
        return self

    def _accepts(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"it ended with {self.process.returncode}:\n{self.log()}")
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def workers(self) -> list[int]:
        """Return the process ids of the workers (Linux)."""
        return children(self.process.pid)

    def kill(self) -> None:
        """Kill every process at once, as a power cut would; nothing if it has ended."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(PATIENCE)
        self.client.close()

    def stop(self) -> int:
        """Stop it as an init system does and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = int(self.process.wait(PATIENCE))
        self.client.close()
        return code

    def post(self, author: str, text: str) -> Any:
        """Post to the board and return the post."""
        response = self.client.post("/api/posts", json={"author": author, "text": text})
        if response.status_code != 201:
            raise RuntimeError(f"{response.status_code}: {response.text}")
        return response.json()
