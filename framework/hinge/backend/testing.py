"""The in-process side of a backend: what the testing client and the kit send requests through.

Law: a connection shows the application what a strict server would show it, and every wait in it is bounded.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol


class Reply(Protocol):
    """An answer as the in-process connection saw it.

    `chunks` yields body parts as the application produces them: the next one is asked for when the caller asks. Its end
    is the application's end, work after the response included. Every wait is bounded by the connection's `timeout`.

    Iterating raises `Aborted` if the application fails, and `ProtocolViolation`.
    """

    status: int
    headers: list[tuple[str, str]]
    chunks: Iterator[bytes]

    def close(self) -> None:
        """Leave as a client does, and wait until the application has noticed."""
        ...


class Session(Protocol):
    """The client's side of one in-process WebSocket. Messages are `str` or `bytes`."""

    subprotocol: str | None
    headers: list[tuple[str, str]]
    """The headers of the accepted handshake."""

    def send(self, message: str | bytes) -> None:
        """Send one message to the handler."""
        ...

    def receive(self, timeout: float | None) -> str | bytes:
        """Return the handler's next message.

        Raises:
            WebSocketDisconnect: the handler closed.
            TimeoutError: nothing came within `timeout` seconds.
        """
        ...

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Leave, and wait until the handler has ended."""
        ...


class Denied(Exception):  # noqa: N818 - an answer, not a failure
    """The application refused a WebSocket with an HTTP response."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"WebSocket denied with {reply.status}")
        self.reply = reply


class Aborted(Exception):  # noqa: N818 - an event of the protocol
    """The application failed while its response was being sent; a client sees it cut off. The failure is the cause."""


class ProtocolViolation(AssertionError):  # noqa: N818 - wsgiref's validator calls its own AssertionError, too
    """The application broke the rules of its protocol (PEP 3333, ASGI 3)."""


class Connection(Protocol):
    """An in-process connection to a compiled application, as `hinge.testing.Client` uses it."""

    def request(self, method: str, target: str, headers: list[tuple[str, str]], body: bytes | Iterable[bytes]) -> Reply:
        """Send one request and return when its head is answered.

        `target` is a percent-encoded path and query; `headers` are complete, framing included. An iterable body is
        pulled as the application reads it; if it raises, the client leaves mid-upload, and its exception is raised
        here.

        Raises:
            ProtocolViolation: the application broke its protocol's rules.
            TimeoutError: it did not answer in time.

        Also raises whatever left the application before it answered.
        """
        ...

    def websocket(self, target: str, headers: list[tuple[str, str]], subprotocols: list[str]) -> Session:
        """Open a WebSocket.

        Raises:
            Denied: the application answered with an HTTP response.
            ConfigurationError: the backend lacks `Feature.WEBSOCKET`.
        """
        ...
