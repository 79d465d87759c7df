"""Real servers for the tests: started on free ports, asked byte by byte, stopped by their process id.

Law: nothing sleeps and hopes. Whoever waits, waits for an event (an answer, a line of the journal, the end of a
process) and fails after PATIENCE seconds.
"""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import h2.config
import h2.connection
import h2.events
import pytest

HERE = Path(__file__).parent
UPSTREAM = HERE.parent / "upstream"
PATIENCE = 30.0
"""Seconds after which something that should have happened is taken for a failure."""

Arguments = Callable[[int, str], list[str]]
Pairs = Mapping[str, str] | Sequence[tuple[str, str]]


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


def children(pid: int) -> list[int]:
    """Return the processes that one has started: the workers of a server (Linux).

    multiprocessing's resource tracker is none of them.
    """
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(one) for one in found if b"resource_tracker" not in Path(f"/proc/{one}/cmdline").read_bytes()]


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class Entry:
    """A line of the journal: when (monotonic seconds), which process, and what."""

    time: float
    pid: int
    text: str


class Server:
    """A running server process."""

    def __init__(
        self, kind: Kind, target: str, folder: Path, environ: Mapping[str, str], extra: tuple[str, ...]
    ) -> None:
        self.kind = kind
        self.name = kind.name
        self.port = free_port()
        self._log = folder / "log"
        self.journal_path = folder / "journal"
        self.journal_path.touch()
        command, *arguments = kind.arguments(self.port, target)
        optimised = ["-O"] * sys.flags.optimize
        path = os.pathsep.join(filter(None, (str(UPSTREAM), os.environ.get("PYTHONPATH"))))
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, *optimised, "-m", command, *extra, *arguments],
                cwd=HERE,
                env={
                    **os.environ,
                    "PYTHONPATH": path,
                    "PYTHONUNBUFFERED": "1",
                    "SERVED_JOURNAL": str(self.journal_path),
                    **environ,
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # so that its workers are within reach if it dies without them
                group=kind.group,
                umask=0o022 if kind.group else -1,  # as a system service has it
            )

    # -- life ----------------------------------------------------------------------------------------------------------

    def wait_until_ready(self) -> None:
        """Return once the server answers.

        Raises:
            RuntimeError: it ended, or did not answer in time.

        """
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended with {self.process.returncode}:\n{self.log()}")
            with contextlib.suppress(OSError), Wire(self.kind.uds or self.port):
                return
            time.sleep(0.02)
        raise RuntimeError(f"{self.name} does not listen:\n{self.log()}")

    def log(self) -> str:
        """Return what the process has printed so far."""
        return self._log.read_text("utf-8", "replace")

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

    def signal(self, number: int = signal.SIGTERM) -> None:
        """Send a signal to the process that was started."""
        self.process.send_signal(number)

    def wait(self) -> int:
        """Return the exit code once the process has ended."""
        return self.process.wait(PATIENCE)

    def stop(self) -> int:
        """End the process and return its exit code.

        Raises:
            RuntimeError: it had to be killed.

        """
        try:
            if self.process.poll() is None:
                self.signal()
            return self.wait()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise RuntimeError(f"{self.name} did not stop:\n{self.log()}") from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

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
            server.wait_until_ready()
        except RuntimeError:
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


def until(probe: Callable[[], Any], what: str, context: Callable[[], str] = str) -> Any:
    """Return what `probe` returns once that is true.

    Raises:
        TimeoutError: it did not become true in time.

    """
    deadline = time.monotonic() + PATIENCE
    while not (found := probe()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited in vain for {what}\n{context()[-4000:]}")
        time.sleep(0.005)
    return found


# -- HTTP/1.1, byte by byte --------------------------------------------------------------------------------------------


def format_request(
    method: str,
    target: str,
    headers: Pairs = (),
    body: bytes | None = None,
) -> bytes:
    """Return the bytes of a well-formed request; a header of the same name replaces Host or Content-Length."""
    pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
    names = {name.lower() for name, _ in pairs}
    if "host" not in names:
        pairs.insert(0, ("Host", "127.0.0.1"))
    if body is not None and not names & {"content-length", "transfer-encoding"}:
        pairs.append(("Content-Length", str(len(body))))
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in pairs)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


def chunked(*pieces: bytes) -> bytes:
    """Return a chunked body."""
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@dataclass
class Answer:
    """A response as it came over the wire."""

    status: int
    version: str
    headers: list[tuple[str, str]]
    """Names in lower case, one entry a line."""
    framing: str = "none"
    """How the end of the body is told: none, length, chunked, close."""
    body: bytes = b""
    complete: bool = True
    """Whether the body ended as its framing says."""
    chunks: list[bytes] = field(default_factory=list)

    def __getitem__(self, name: str) -> str | None:
        values = self.all(name)
        return values[0] if values else None

    def all(self, name: str) -> list[str]:
        """Return the values of every line of a name."""
        return [value for key, value in self.headers if key == name]

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    def json(self) -> Any:
        """Return the body decoded."""
        return json.loads(self.body)


class Wire:
    """One connection to a server: to a loopback port, or to the path of a UNIX socket."""

    def __init__(self, address: int | str) -> None:
        if isinstance(address, str):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(PATIENCE)
            try:
                self.socket.connect(address)
            except OSError:
                self.socket.close()
                raise
        else:
            self.socket = socket.create_connection(("127.0.0.1", address), PATIENCE)
        self._buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave, whatever the server is sending."""
        self.socket.close()

    def abort(self) -> None:
        """Leave with a reset, as a process that was killed does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.socket.sendall(data)

    def get(self, target: str) -> None:
        """Send a GET."""
        self.send(format_request("GET", target))

    def _more(self) -> bool:
        try:
            data = self.socket.recv(65_536)
        except ConnectionResetError:
            return False
        self._buffer += data
        return bool(data)

    def line(self) -> bytes:
        """Return the next line without its end.

        Raises:
            EOFError: the connection ended before it.

        """
        while b"\r\n" not in self._buffer:
            if not self._more():
                raise EOFError(f"the connection ended after {self._buffer!r}")
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    def exactly(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer if the connection ends."""
        while len(self._buffer) < size and self._more():
            pass
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def rest(self) -> bytes:
        """Return all bytes until the connection ends."""
        while self._more():
            pass
        data, self._buffer = self._buffer, b""
        return data

    def head(self, method: str = "GET") -> Answer:
        """Return the next response without its body."""
        version, status, *_ = self.line().decode("latin-1").split(" ", 2)
        headers = []
        while line := self.line():
            name, _, value = line.decode("latin-1").partition(":")
            headers.append((name.lower(), value.strip()))
        answer = Answer(int(status), version, headers)
        if method == "HEAD" or status[0] == "1" or status in ("204", "304"):
            return answer
        if answer["transfer-encoding"] == "chunked":
            answer.framing = "chunked"
        else:
            answer.framing = "close" if answer["content-length"] is None else "length"
        return answer

    def chunk(self) -> bytes:
        """Return the next chunk of a chunked body, empty for the last.

        Raises:
            EOFError: the connection ended before it.

        """
        size = int(self.line().partition(b";")[0], 16)
        data = self.exactly(size)
        if len(data) < size:
            raise EOFError("the connection ended within a chunk")
        self.line()
        return data

    def answer(self, method: str = "GET") -> Answer:
        """Return the next response; 100 Continue and its like are passed over."""
        answer = self.head(method)
        while answer.status < 200:
            answer = self.head(method)
        if answer.framing == "length":
            size = int(answer["content-length"] or "")
            answer.body = self.exactly(size)
            answer.complete = len(answer.body) == size
        elif answer.framing == "close":
            answer.body = self.rest()
        elif answer.framing == "chunked":
            try:
                while chunk := self.chunk():
                    answer.chunks.append(chunk)
            except EOFError:
                answer.complete = False
            answer.body = b"".join(answer.chunks)
        return answer

    def read_some(self, answer: Answer) -> bytes:
        """Return the next bytes of a streamed body, however it is framed: whole chunks, or what has arrived."""
        if answer.framing == "chunked":
            return self.chunk()
        if not self._buffer:
            self._more()
        data, self._buffer = self._buffer, b""
        return data

    def has_more(self) -> bool:
        """Tell whether anything more, or the end, has arrived by now."""
        return bool(self._buffer) or bool(select.select([self.socket], [], [], 0)[0])

    def ended(self) -> bool:
        """Tell whether the server closes the connection without sending more; waits for either."""
        return not self._buffer and not self._more()


# -- HTTP/2 with prior knowledge ---------------------------------------------------------------------------------------


class H2:
    """One HTTP/2 connection without TLS, on which streams are begun, read and reset one by one."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self._h2.initiate_connection()
        self._answers: dict[int, Answer] = {}
        self._ended: set[int] = set()
        self._flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.socket.close()

    def _flush(self) -> None:
        self.socket.sendall(self._h2.data_to_send())

    def begin(
        self,
        method: str,
        target: str,
        headers: Pairs = (),
        *,
        end: bool = True,
        now: bool = True,
    ) -> int:
        """Send a request's head, unless `now` is false with what follows it, and return the stream's number."""
        number: int = self._h2.get_next_available_stream_id()
        pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
        pseudo = [(":method", method), (":scheme", "http"), (":authority", "127.0.0.1"), (":path", target)]
        self._h2.send_headers(number, pseudo + pairs, end_stream=end)
        self._answers[number] = Answer(0, "HTTP/2", [], framing="frames", complete=False)
        if now:
            self._flush()
        return number

    def send(self, number: int, data: bytes, *, end: bool = False) -> None:
        """Send a part of a body, as much at a time as the server takes."""
        while data:
            size = min(self._h2.local_flow_control_window(number), self._h2.max_outbound_frame_size, len(data))
            if size == 0:
                self._receive()
                continue
            self._h2.send_data(number, data[:size])
            data = data[size:]
            self._flush()
        if end:
            self._h2.end_stream(number)
            self._flush()

    def reset(self, number: int) -> None:
        """Take no more of a stream; the connection stays."""
        self._h2.reset_stream(number, 8)
        self._flush()

    def _receive(self) -> None:
        data = self.socket.recv(65_536)
        if not data:
            raise EOFError("the server has closed the connection")
        for event in self._h2.receive_data(data):
            answer = self._answers.get(getattr(event, "stream_id", 0))
            if isinstance(event, h2.events.ResponseReceived) and answer:
                answer.headers = [(name, value) for name, value in event.headers if name != ":status"]
                answer.status = int(dict(event.headers)[":status"])
            elif isinstance(event, h2.events.DataReceived) and answer:
                self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                answer.chunks.append(event.data)
                answer.body += event.data
            elif isinstance(event, h2.events.StreamEnded) and answer:
                answer.complete = True
                self._ended.add(event.stream_id)
            elif isinstance(event, h2.events.StreamReset):
                self._ended.add(event.stream_id)
            elif isinstance(event, h2.events.ConnectionTerminated):
                raise EOFError(f"the server has ended the connection with {event.error_code}")
        self._flush()

    def wait_for_body(self, number: int, size: int) -> Answer:
        """Return the answer so far, once `size` bytes of its body have arrived."""
        while len(self._answers[number].body) < size and number not in self._ended:
            self._receive()
        return self._answers[number]

    def wait_for_head(self, number: int) -> Answer:
        """Return the answer once its head has arrived."""
        while not self._answers[number].status and number not in self._ended:
            self._receive()
        return self._answers[number]

    def has_ended(self, number: int) -> bool:
        """Tell whether a stream has ended or was reset, as far as that has arrived."""
        return number in self._ended

    def answer(self, number: int) -> Answer:
        """Return the answer once its stream has ended."""
        while number not in self._ended:
            self._receive()
        return self._answers[number]

    def request(
        self,
        method: str,
        target: str,
        headers: Pairs = (),
        body: bytes | None = None,
    ) -> Answer:
        """Send one request and return its answer."""
        number = self.begin(method, target, headers, end=body is None, now=False)
        if body is not None and len(body) <= self._h2.max_outbound_frame_size:
            # In one piece: hypercorn closes the whole connection if more of a body comes after its answer.
            self._h2.send_data(number, body, end_stream=True)
        elif body is not None:
            self.send(number, body, end=True)
        self._flush()
        return self.answer(number)
