"""The client's side of one in-process WebSocket (hinge.backend.Session).

Law: messages travel whole and in order; what the application sends ahead of a client that does not read is bounded. The
close codes are those that a real peer would see: 1006 if the application ends without a close frame.
"""

import asyncio
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

from hinge.backend.testing import Aborted, Denied, ProtocolViolation
from hinge.errors import WebSocketDisconnect
from hinge_asgi.inprocess.checker import MessageChecker

AHEAD = 16
"""Messages that the application may send before the client reads one."""


class ClientSession:
    """One WebSocket as its client sees it."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, scope: dict[str, Any], what: str, timeout: float | None
    ) -> None:
        self._loop = loop
        self._scope = scope
        self._what = what
        self._timeout = timeout
        self._checker = MessageChecker("websocket", what)
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._inbox.put_nowait({"type": "websocket.connect"})
        self._outbox: SimpleQueue[Any] = SimpleQueue()
        self._room = asyncio.Semaphore(AHEAD)
        self._ended = threading.Event()
        self._over: BaseException | None = None
        self._failure: BaseException | None = None
        self._denial: _Denial | None = None
        self._accepted = False
        self._gone = False
        self.on_end: Callable[[], None] = lambda: None
        self.subprotocol: str | None = None
        self.headers: list[tuple[str, str]] = []

    # -- on the loop ---------------------------------------------------------------------------------------------------

    async def serve(self, application: Any) -> None:
        """Run the application for this WebSocket."""
        try:
            await application(self._scope, self._inbox.get, self._send)
        except BaseException as error:  # noqa: BLE001 - raised in the client's thread
            self._failure = error
        finally:
            failure = self._failure if self._checker.violation is None else self._checker.violation
            self._failure = failure
            self._outbox.put(WebSocketDisconnect(1006) if failure is None else failure)
            self.on_end()
            self._ended.set()

    async def _send(self, message: dict[str, Any]) -> None:
        self._checker.check(message)
        if self._gone:
            await asyncio.sleep(0)  # a loop that only sends must not stop the event loop
            return
        kind = message["type"]
        if kind == "websocket.send":
            await self._make_room()
            self._outbox.put(message["bytes"] if message.get("text") is None else message["text"])
        elif kind == "websocket.accept":
            self._accepted = True
            self._outbox.put(message)
        elif kind == "websocket.close":
            self._close(message)
        elif kind == "websocket.http.response.start":
            self._denial = _Denial(message["status"], _pairs(message["headers"]))
        elif self._denial is not None:
            self._denial.parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                self._outbox.put(Denied(self._denial))
                self._inbox.put_nowait({"type": "websocket.disconnect", "code": 1006, "reason": ""})

    async def _make_room(self) -> None:
        await self._room.acquire()
        if self._gone:
            self._room.release()  # nobody will: let the next one pass as well

    def _close(self, message: dict[str, Any]) -> None:
        code, reason = message.get("code", 1000), message.get("reason") or ""
        if self._accepted:
            self._outbox.put(WebSocketDisconnect(code, reason))
        else:
            self._outbox.put(Denied(_Denial(403, [])))
            code = 1006
        self._inbox.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})

    def _leave(self, code: int, reason: str) -> None:
        if not self._gone:
            self._gone = True
            self._inbox.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
            self._room.release()

    # -- in the client's thread ----------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Wait for the handshake's answer."""
        try:
            answer = self._take(self._timeout)
        except TimeoutError:
            self._loop.call_soon_threadsafe(self._leave, 1006, "")
            raise
        except WebSocketDisconnect:
            raise ProtocolViolation(f"{self._what}: the application ended without answering the handshake") from None
        self.subprotocol = answer.get("subprotocol")
        self.headers = _pairs(answer.get("headers", ()))

    def send(self, message: str | bytes) -> None:
        """Send one message."""
        if self._over is not None:
            raise self._over
        key = "text" if isinstance(message, str) else "bytes"
        self._put({"type": "websocket.receive", key: message})

    def _put(self, message: dict[str, Any]) -> None:
        self._loop.call_soon_threadsafe(self._inbox.put_nowait, message)

    def receive(self, timeout: float | None) -> str | bytes:
        """Return the next message."""
        if self._over is not None:
            raise self._over
        message: str | bytes = self._take(timeout)
        self._loop.call_soon_threadsafe(self._room.release)
        return message

    def _take(self, timeout: float | None) -> Any:
        try:
            answer = self._outbox.get(timeout=timeout)
        except Empty:
            raise TimeoutError(f"{self._what}: the application sent nothing within {timeout} s") from None
        if isinstance(answer, BaseException):
            self._over = answer
            if isinstance(answer, WebSocketDisconnect | Denied | ProtocolViolation):
                raise answer
            raise Aborted(f"{self._what}: the application failed") from answer
        return answer

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Leave, and wait until the application has ended."""
        if not self._ended.is_set():
            self._loop.call_soon_threadsafe(self._leave, code, reason)
        if not self._ended.wait(self._timeout):
            raise TimeoutError(f"{self._what}: the handler did not end within {self._timeout} s")
        if self._checker.violation is not None:
            raise self._checker.violation


class _Denial:
    """An HTTP response instead of a WebSocket (hinge.backend.Reply)."""

    def __init__(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.status = status
        self.headers = headers
        self.parts: list[bytes] = []
        self.chunks = iter(self.parts)

    def close(self) -> None:
        """Do nothing: it is complete."""


def _pairs(headers: Any) -> list[tuple[str, str]]:
    return [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers]
