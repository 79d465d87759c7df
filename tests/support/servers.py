"""Every server that apps are served by: started on free ports, asked byte by byte, stopped by their process id.

Law: nothing sleeps and hopes. Whoever waits, waits for an event (an answer, a line of the journal, the end of a
process) and fails after a bound.
"""

import contextlib
import shutil
import subprocess
import time
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.fronts import public_folder
from tests.support.http2 import H2
from tests.support.matrix import BARE_GRANIAN, KINDS, MATRIX, Kind, kinds
from tests.support.ports import free_port
from tests.support.processes import Process
from tests.support.waiting import until
from tests.support.wire import Answer, Pairs, Wire, format_request

__all__ = ["BARE_GRANIAN", "KINDS", "Kind", "Server", "kinds", "running", "start"]

TESTS = Path(__file__).parents[1]
SERVERS = TESTS / "servers"
UPSTREAM = TESTS / "upstream"
"""Where the apps are that the servers serve, and so their working directories."""


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
        self.name = kind.like or kind.name
        self.port = free_port()
        self.journal_path = folder / "journal"
        self.journal_path.touch()
        self.journal_path.chmod(0o666)
        self.around = contextlib.ExitStack()
        """What stands before it."""
        behind: int | str = self.port
        if kind.front is not None:
            behind = str(folder / "shop.sock") if kind.by_socket else free_port()
        start = kind.in_folder or (lambda address, target, folder: kind.arguments(self.port, target))
        command, *arguments = start(behind, target, folder)
        super().__init__(
            [command, *extra, *arguments],
            folder,
            kind.uds or behind,
            environ={"SERVED_JOURNAL": str(self.journal_path), **environ, **kind.environ},
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
            self.around.close()

    # -- requests ------------------------------------------------------------------------------------------------------

    @property
    def scheme(self) -> str:
        """`http`, or `https`."""
        return "https" if self.kind.tls else "http"

    def wire(self) -> "Wire":
        """Return a new connection."""
        return Wire(self.port, tls=self.kind.tls)

    def h2(self) -> H2:
        """Return a new connection of HTTP/2."""
        return H2(self.port, tls=self.kind.tls)

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
        return f"ws{'s' * self.kind.tls}://127.0.0.1:{self.port}{path}"


def start(
    kind: str | Kind, target: str, folder: Path, *extra: str, ready: bool = True, environ: Mapping[str, str] = {}
) -> Server:
    """Start a server and return it once it listens (at once, unless `ready`).

    Raises:
        RuntimeError: it did not come up.

    """
    kind = MATRIX[kind] if isinstance(kind, str) else kind
    for attempt in range(3):
        public = public_folder() if kind.is_public else None
        place = (public or folder) / f"{kind.name}-{attempt}-{time.monotonic_ns()}"
        place.mkdir(parents=True)
        if kind.group is not None:
            shutil.chown(place, group=kind.group)
            place.chmod(0o775)
        server = Server(kind, target, place, environ, extra)
        if public is not None:  # what it has written is read after its end
            weakref.finalize(server, shutil.rmtree, public, ignore_errors=True)
        if not ready:
            return server
        try:
            server.wait_until_it_listens()
            if kind.front is not None:
                server.around.enter_context(kind.front(server.port, front_address(server.address), place))
        except (RuntimeError, TimeoutError):
            server.stop()
            if "in use" not in server.log():  # somebody was faster to take the port
                raise
        else:
            return server
    raise RuntimeError(f"no port for {kind.name}")


def front_address(behind: int | str) -> str:
    """Return an address as nginx has it."""
    return f"127.0.0.1:{behind}" if isinstance(behind, int) else f"unix:{behind}"


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
