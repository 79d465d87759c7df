"""A test's side of a WebSocket.

Law: leaving the block closes it and waits until the handler has ended. How the other side closed is on `close_code` and
`close_reason`; a refused handshake is an exception that carries the HTTP response.
"""

from collections.abc import Callable, Iterator
from typing import Any, Self

import msgspec

from hinge.backend.testing import Denied, Session
from hinge.errors import WebSocketDisconnect
from hinge.http.headers import MutableHeaders
from hinge.testing.answers import ClientResponse
from hinge.testing.failures import Failures
from hinge.websocket import check_text


class WebSocketDenied(Exception):  # noqa: N818 - an answer, not a failure
    """The app refused the handshake; `response` is what it answered."""

    def __init__(self, response: ClientResponse) -> None:
        super().__init__(f"the WebSocket was refused: {response!r}")
        self.response = response


def decoded(message: str | bytes, kind: Any) -> Any:
    """Return a message decoded from JSON, validated as `kind`."""
    return msgspec.json.decode(message if isinstance(message, bytes) else message.encode(), type=kind)


class ClientWebSocket:
    """One WebSocket; a context manager that opens and closes it."""

    def __init__(self, connect: Callable[[], Session], timeout: float | None, watch: Callable[[], Failures]) -> None:
        self._connect = connect
        self.timeout = timeout
        """How long `receive` waits, in seconds, where it is not told; None: for ever."""
        self._watch = watch
        self._failures: Failures
        self._session: Session
        self.subprotocol: str | None = None
        self.headers = MutableHeaders()
        self.close_code: int | None = None
        self.close_reason = ""

    def __enter__(self) -> Self:
        self._failures = self._watch()
        denied: Denied | None = None
        try:
            self._session = self._connect()
        except Denied as answer:
            denied = answer
        except BaseException:
            self._failures.forget()
            raise
        if denied is not None:
            self._failures.forget()
            self._failures.raise_first()
            response = ClientResponse("GET", denied.reply, b"".join(denied.reply.chunks))
            raise WebSocketDenied(response)
        self.subprotocol = self._session.subprotocol
        self.headers = MutableHeaders(self._session.headers)
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc_info: object) -> None:
        try:
            self.close()
        finally:
            self._failures.forget()
        if kind is None or issubclass(kind, WebSocketDisconnect):
            self._failures.raise_first()

    def send(self, message: str | bytes) -> None:
        """Send one message: `str` as text, `bytes` as binary.

        Raises:
            WebSocketDisconnect: the handler's close was received before.
            UnicodeEncodeError: the text has no UTF-8 form.
        """
        check_text(message)
        self._session.send(message)

    def send_json(self, value: Any) -> None:
        """Send a value as JSON text."""
        self.send(msgspec.json.encode(value).decode())

    def receive(self, timeout: float | None = None) -> str | bytes:
        """Return the handler's next message; `timeout` in seconds, the client's if it is None.

        Raises:
            WebSocketDisconnect: the handler closed.
            TimeoutError: nothing came in time.
        """
        return self.take(self.timeout if timeout is None else timeout)

    def take(self, timeout: float | None = None) -> str | bytes:
        """Return the next message as `receive` does; without a `timeout` it may take for ever."""
        try:
            return self._session.receive(timeout)
        except WebSocketDisconnect as gone:
            self.close_code, self.close_reason = gone.code, gone.reason
            raise

    def receive_json(self, kind: Any = Any, timeout: float | None = None) -> Any:
        """Return the handler's next message decoded from JSON, validated as `kind` if it is given."""
        return decoded(self.receive(timeout), kind)

    def __iter__(self) -> Iterator[str | bytes]:
        """Yield messages until the handler closes."""
        try:
            while True:
                yield self.receive()
        except WebSocketDisconnect:
            return

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close, and wait until the handler has ended; a second close does nothing."""
        check_text(reason)
        self._session.close(code, reason)
