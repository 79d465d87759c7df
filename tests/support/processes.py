"""Python processes that serve: started in a group of their own, heard through a file, ended by their process id."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.ports import accepts
from tests.support.waiting import PATIENCE, until


def children(pid: int) -> list[int]:
    """Return the processes that one has started: the workers of a server (Linux).

    multiprocessing's resource tracker is none of them.
    """
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(one) for one in found if b"resource_tracker" not in Path(f"/proc/{one}/cmdline").read_bytes()]


class Process:
    """`python -m` with some arguments, which is to listen at an address: a loopback port, or a path."""

    def __init__(
        self,
        arguments: Sequence[str],
        folder: Path,
        address: int | str,
        *,
        environ: Mapping[str, str] = {},
        **options: Any,
    ) -> None:
        self.address = address
        self._log = folder / f"log-{time.monotonic_ns()}"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("HINGE_")}
        # As absolute paths: it may run in another folder.
        inherited["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, filter(None, sys.path)))
        by_path = Path(arguments[0]).is_absolute()
        program = [] if by_path else [sys.executable, *["-O"] * sys.flags.optimize, "-m"]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*program, *arguments],
                env={**inherited, "PYTHONUNBUFFERED": "1", **environ},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # so that its workers are within reach if it dies without them
                **options,
            )

    def log(self) -> str:
        """Return what it has printed so far."""
        return self._log.read_text("utf-8", "replace")

    def wait_until_it_listens(self) -> None:
        """Return once it accepts connections.

        Raises:
            RuntimeError: it ended.

        """
        until(lambda: self.process.poll() is not None or accepts(self.address), "a connection", self.log)
        if self.process.poll() is not None:
            raise RuntimeError(f"it ended with {self.process.returncode}:\n{self.log()}")

    def workers(self) -> list[int]:
        """Return the process ids of its workers (Linux)."""
        return children(self.process.pid)

    def signal(self, number: int = signal.SIGTERM) -> None:
        """Send a signal to the process that was started."""
        self.process.send_signal(number)

    def wait(self) -> int:
        """Return the exit code once it has ended."""
        return self.process.wait(PATIENCE)

    def stop(self) -> int:
        """Stop it as an init system does and return the exit code."""
        if self.process.poll() is None:
            self.signal()
        return self.wait()

    def kill(self) -> None:
        """Kill every process of it at once, as a power cut would; nothing if all have ended."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.wait()
