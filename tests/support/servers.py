"""Every server that apps are served by: started on free ports, asked byte by byte, stopped by their process id.

Law: nothing sleeps and hopes. Whoever waits, waits for an event (an answer, a line of the journal, the end of a
process) and fails after a bound.
"""

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.support.ports import free_port
from tests.support.processes import Process
from tests.support.waiting import until
from tests.support.wire import Answer, Pairs, Wire, format_request

TESTS = Path(__file__).parents[1]
SERVERS = TESTS / "servers"
UPSTREAM = TESTS / "upstream"
"""Where the apps are that the servers serve, and so their working directories."""

Arguments = Callable[[int, str], list[str]]


@dataclass(frozen=True)
class Kind:
    """One way to serve an app: which server, and over which protocol it calls the app."""

    name: str
    interface: str
    arguments: Arguments
    """From the port and the target to what follows `python -m`."""
    websocket: bool = False
    lifespan: bool = False
    """Whether the server runs the lifespan protocol."""
    h2c: bool = False
    uds: str | None = None
    """The path of the Unix socket that it listens on, if not on the port."""
    group: str | None = None
    """The group that it runs in, if not in this process's."""


def _granian(interface: str) -> Arguments:
    return lambda port, target: ["granian", "--port", str(port), "--interface", interface, target]


KINDS = {
    kind.name: kind
    for kind in (
        Kind("granian-wsgi", "wsgi", _granian("wsgi"), h2c=True),
        Kind("granian-asgi", "asgi", _granian("asgi"), websocket=True, lifespan=True, h2c=True),
        Kind("uvicorn", "asgi", lambda port, t: ["uvicorn", "--port", str(port), t], websocket=True, lifespan=True),
        Kind(
            "hypercorn",
            "asgi",
            lambda port, target: ["hypercorn", "--bind", f"127.0.0.1:{port}", target],
            websocket=True,
            lifespan=True,
            h2c=True,
        ),
        Kind("daphne", "asgi", lambda port, t: ["daphne", "-b", "127.0.0.1", "-p", str(port), t], websocket=True),
        Kind(
            "gunicorn",
            "wsgi",
            lambda port, t: ["gunicorn", "-k", "gthread", "--threads", "16", "-b", f"127.0.0.1:{port}", t],
        ),
        Kind("waitress", "wsgi", lambda port, t: ["waitress", "--threads", "16", "--listen", f"127.0.0.1:{port}", t]),
    )
}


def kinds(condition: Callable[[Kind], bool] = lambda kind: True) -> list[Any]:
    """Return the names of the kinds for which a condition holds, as parameters; all but Granian are the gate's."""
    return [
        pytest.param(kind.name, marks=() if kind.name.startswith("granian") else pytest.mark.gate)
        for kind in KINDS.values()
        if condition(kind)
    ]


BARE_GRANIAN = Kind("granian", "rsgi", lambda port, target: ["granian", "--port", str(port), target])
"""Granian without `--interface`."""


@dataclass(frozen=True)
class Entry:
    """A line of the journal: when (monotonic seconds), which process, and what."""

    time: float
    pid: int
    text: str


class Server(Process):
    """A running server process."""

    def __init__(
        self, kind: Kind, target: str, folder: Path, environ: Mapping[str, str], extra: tuple[str, ...]
    ) -> None:
        self.kind = kind
        self.name = kind.name
        self.port = free_port()
        self.journal_path = folder / "journal"
        self.journal_path.touch()
        command, *arguments = kind.arguments(self.port, target)
        super().__init__(
            [command, *extra, *arguments],
            folder,
            kind.uds or self.port,
            environ={"SERVED_JOURNAL": str(self.journal_path), **environ},
            cwd=UPSTREAM if target.startswith("raw:") else SERVERS,
            group=kind.group,
            umask=0o022 if kind.group else -1,  # as a system service has it
        )

    def wait_for_log(self, text: str) -> str:
        """Return the log once it contains a text."""
        return until(
            lambda: (log := self.log()) and text in log and log, f"{text!r} in the log of {self.name}", self.log
        )

    def journal(self, text: str = "") -> list[Entry]:
        """Return the lines of the journal that begin with a text."""
        lines = [line.split(" ", 2) for line in self.journal_path.read_text().splitlines()]
        entries = [Entry(float(time), int(pid), rest) for time, pid, rest in lines]
        return [entry for entry in entries if entry.text.startswith(text)]

    def wait_for(self, text: str, count: int = 1) -> list[Entry]:
        """Return the journal's lines that begin with a text, once there are `count`."""

        def found() -> list[Entry] | None:
            entries = self.journal(text)
            return entries if len(entries) >= count else None

        return until(found, f"{count} x {text!r} in the journal of {self.name}", self.log)

    def stop(self) -> int:
        """End the process and return its exit code.

        Raises:
            RuntimeError: it had to be killed.

        """
        try:
            return super().stop()
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"{self.name} did not stop:\n{self.log()}") from None
        finally:
            self.kill()

    # -- requests ------------------------------------------------------------------------------------------------------

    def wire(self) -> "Wire":
        """Return a new connection."""
        return Wire(self.port)

    def request(
        self,
        method: str,
        target: str,
        headers: Pairs = (),
        body: bytes | None = None,
    ) -> "Answer":
        """Send one request on a connection of its own and return the answer."""
        with self.wire() as wire:
            wire.send(format_request(method, target, headers, body))
            return wire.answer(method)

    def get(self, target: str, **headers: str) -> "Answer":
        """GET a target; `x_token` is the header X-Token."""
        return self.request("GET", target, {name.replace("_", "-"): value for name, value in headers.items()})

    def websocket_url(self, path: str) -> str:
        """Return the address of a WebSocket."""
        return f"ws://127.0.0.1:{self.port}{path}"


def start(
    kind: str | Kind, target: str, folder: Path, *extra: str, ready: bool = True, environ: Mapping[str, str] = {}
) -> Server:
    """Start a server and return it once it listens (at once, unless `ready`).

    Raises:
        RuntimeError: it did not come up.

    """
    kind = KINDS[kind] if isinstance(kind, str) else kind
    for attempt in range(3):
        place = folder / f"{kind.name}-{attempt}-{time.monotonic_ns()}"
        place.mkdir(parents=True)
        server = Server(kind, target, place, environ, extra)
        if not ready:
            return server
        try:
            server.wait_until_it_listens()
        except (RuntimeError, TimeoutError):
            server.stop()
            if "in use" not in server.log():  # somebody was faster to take the port
                raise
        else:
            return server
    raise RuntimeError(f"no port for {kind.name}")


@contextlib.contextmanager
def running(
    kind: str | Kind, target: str, folder: Path, *extra: str, environ: Mapping[str, str] = {}
) -> Iterator[Server]:
    """Have a server run for the length of a block."""
    server = start(kind, target, folder, *extra, environ=environ)
    try:
        yield server
    finally:
        server.stop()
