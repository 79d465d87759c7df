"""HTTP/1.1 byte by byte, over one connection at a time."""

import json
import select
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from tests.support.waiting import PATIENCE

Pairs = Mapping[str, str] | Sequence[tuple[str, str]]


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


def trusting(protocol: str) -> ssl.SSLContext:
    """Return what encrypts for a protocol (ALPN) and trusts every certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols([protocol])
    return context


class Wire:
    """One connection to a server: to a loopback port, or to the path of a UNIX socket."""

    def __init__(self, address: int | str, *, tls: bool = False) -> None:
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
        if tls:
            self.socket = trusting("http/1.1").wrap_socket(self.socket)
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
        pieces, self._buffer = [self._buffer], b""  # not one that grows: each byte would be copied many times
        while self._more():
            pieces.append(self._buffer)
            self._buffer = b""
        return b"".join(pieces)

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
