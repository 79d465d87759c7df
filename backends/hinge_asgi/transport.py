"""The server's side of a WebSocket: what is read when, what is sent, and how it is closed or denied.

Law: it is read from the server beside the handler, so a peer's leaving is noticed whatever that does. Reading goes on
when the handler asks for the next message, or has not for HANDLING_SECONDS: servers send nothing more once they have
read the peer's close, and what came before that is handled first, with its replies.
"""

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable
from typing import Any

from anyio.lowlevel import checkpoint

from hinge.errors import WebSocketDisconnect
from hinge.responses.response import Response
from hinge.websocket import TOO_BIG, exceeds
from hinge_asgi.body import Receive
from hinge_asgi.respond import Pairs, Send, encode_headers
from hinge_asgi.scope import Scope

HANDLING_SECONDS = 5.0
"""How long a handler may be at a message before it is looked whether the peer is still there."""
SENDS_IN_A_ROW = 8
"""After so many messages everybody else gets a turn: a server's `send` need not wait, and Granian's does not once the
peer has left; a handler that only sends would then keep even the news of that from arriving."""
READ_AHEAD = 16
"""Messages that are read from then on before the handler asks for them; then the peer waits."""
READ_AHEAD_SIZE = 65536
"""The same in characters or bytes: a large message is not joined by a second one."""
UNREAD_SECONDS = 60.0
"""How long the peer waits for a handler that reads nothing. Then reading goes on: that it has left would stay unnoticed
for ever behind messages that nobody reads, and with it a handler that only sends."""
MOST_UNREAD = 1024
MOST_UNREAD_SIZE = 1024 * 1024
"""What may pile up from then on, in messages and in characters or bytes; more than either closes with 1008."""

TOO_LONG: Any = object()
"""What a pause comes to that nobody has ended."""

ON_DEMAND, AHEAD, EVERYTHING = range(3)
"""What is read: a message when the handler asks, some before it asks, or all that comes (see HANDLING, UNREAD)."""


class ASGITransport:
    """The server's side of one WebSocket (hinge.websocket.WebSocketTransport).

    Thousands of them idle in a worker: nothing is made before it is needed.
    """

    __slots__ = (
        "_closing",
        "_has_read",
        "_in_thread",
        "_messages",
        "_pause",
        "_reading",
        "_reads",
        "_reads_in_task",
        "_receive",
        "_scope",
        "_send",
        "_sent",
        "_taken_at",
        "_timer",
        "_until",
        "_waiters",
        "_waiting_size",
        "gone",
        "limit",
        "subprotocols",
        "told",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send, in_thread: Callable[..., Any]) -> None:
        self._in_thread = in_thread
        self._scope = scope
        self._receive = receive
        self._send = send
        self._messages: list[str | bytes] = []
        self._waiting_size = 0
        self._reads = ON_DEMAND
        self._reads_in_task = self._has_read = False
        """The first message is read in any case: a peer may leave during the handshake."""
        self._taken_at = -math.inf
        self._sent = 0
        self._closing: asyncio.Task[None] | None = None
        """A close that the reading began: the handler may end, and the reading with it, before it is done."""
        self._reading: Any = None
        self._waiters: tuple[asyncio.Future[None], ...] = ()
        """Of who waits for a message, mostly one; an asyncio.Event would hold a deque of 700 bytes for it."""
        self._pause: asyncio.Future[Any] | None = None
        """Of the reading; TOO_LONG once it took too long."""
        self._until = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.limit = 0
        """The bytes of the largest message that is taken."""
        self.gone: WebSocketDisconnect | None = None
        self.told = False
        self.subprotocols: tuple[str, ...] = tuple(scope.get("subprotocols") or ())

    async def accept(self, subprotocol: str | None, headers: list[tuple[str, str]]) -> None:
        """Complete the handshake."""
        if self.gone is not None:
            self.told = True
            raise self.gone
        pairs = [(name.encode(), value.encode()) for name, value in headers]
        try:
            await self._send({"type": "websocket.accept", "subprotocol": subprotocol, "headers": pairs})
        except OSError as error:
            self.told = True
            raise self.gone or WebSocketDisconnect(1006) from error

    async def send(self, message: str | bytes) -> None:
        """Send one message."""
        # That the peer has left is told behind what came before it.
        if self.gone is not None and (self._closing is not None or not self._messages):
            self.told = True
            raise self.gone
        try:
            # One key only: some servers send the one that is there, even if it is None.
            kind = "text" if isinstance(message, str) else "bytes"
            await self._send({"type": "websocket.send", kind: message})
        except (OSError, RuntimeError) as error:
            # The peer has left and the news is still on its way: uvicorn and hypercorn raise the one, daphne the other.
            self.told = True
            raise self.gone or WebSocketDisconnect(1006) from error
        self._sent += 1
        if self._sent % SENDS_IN_A_ROW == 0:
            await checkpoint()

    async def receive(self) -> str | bytes:
        """Return the next message."""
        loop = asyncio.get_running_loop()
        if self._reads is not ON_DEMAND:
            self._reads = ON_DEMAND
            self._go_on(False)
        while not self._messages:
            if self.gone is not None:
                self.told = True
                raise self.gone
            news = loop.create_future()
            self._waiters += (news,)
            self._go_on(False)
            await news
        message = self._messages.pop(0)
        self._waiting_size -= len(message)
        self._taken_at = loop.time()
        return message

    def _go_on(self, took_too_long: bool) -> None:  # noqa: FBT001 - a callback's argument
        if self._pause is not None and not self._pause.done():
            self._pause.set_result(TOO_LONG if took_too_long else None)

    def _tell_waiters(self) -> None:
        waiters, self._waiters = self._waiters, ()
        for news in waiters:
            if not news.done():  # it is where whoever waited was cancelled
                news.set_result(None)

    async def connected(self) -> bool:
        """Tell whether the server's first message is that of a handshake."""
        waiting: Any = self._receive()
        self._reads_in_task = asyncio.iscoroutine(waiting)
        return bool((await waiting)["type"] == "websocket.connect")

    def reading(self) -> Any:
        """Return what brings the next news, for `take`; called again then, for as long as the peer has not left.

        It is a future where the server's `receive` returns one, as Granian's does: a task would be a fifth of what an
        idle WebSocket holds. It is a coroutine elsewhere, which reads until the peer leaves.
        """
        if self._closing is not None:
            return asyncio.shield(self._closing)
        if self._reads_in_task:
            return self._read_on()
        if not self._may_read():
            return self._paused()
        waiting: Any = self._receive()
        if not asyncio.isfuture(waiting):
            return self._read_on(waiting)
        self._reading = waiting
        return waiting

    def take(self, news: Any) -> None:
        """Take a message, or TOO_LONG of a pause; None tells nothing."""
        self._reading = self._pause = None
        if isinstance(news, dict):
            self._has_read = True
            self._take_message(news)
        elif news is TOO_LONG:
            self._reads += 1
        if self._reads is EVERYTHING and self._is_overfull():
            self._give_up(1008, "messages are not read")

    def _take_message(self, message: dict[str, Any]) -> None:
        if message["type"] == "websocket.disconnect":
            code = message.get("code")
            self.gone = WebSocketDisconnect(1005 if code is None else code, message.get("reason") or "")
        elif message["type"] == "websocket.receive":
            text = message.get("text")
            content: str | bytes = message.get("bytes") or b"" if text is None else text
            if exceeds(content, self.limit):  # whether or not the handler ever asks for it
                self._give_up(*TOO_BIG)
                return
            self._messages.append(content)
            self._waiting_size += len(content)
        self._tell_waiters()

    async def _read_on(self, begun: Awaitable[dict[str, Any]] | None = None) -> None:
        while self.gone is None and self._closing is None:
            if begun is not None or self._may_read():
                self._reading = asyncio.current_task()
                self.take(await (begun or self._receive()))
                begun = None
            else:
                self.take(await self._paused())

    def _give_up(self, code: int, reason: str) -> None:
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self.close(code, reason))

    async def closed(self) -> None:
        """Wait for a close that the reading began."""
        if self._closing is not None:
            with contextlib.suppress(Exception):  # whatever it is: a connection that cannot be closed is closed
                await self._closing

    def _paused(self) -> "asyncio.Future[Any]":
        """Return what is done once the handler asks for a message, or has not for too long."""
        loop = asyncio.get_running_loop()
        self._pause = pause = loop.create_future()
        self._until = loop.time() + (HANDLING_SECONDS if self._reads is ON_DEMAND else UNREAD_SECONDS)
        # One timer for many pauses: most are over in a moment.
        if self._timer is None or self._timer.when() > self._until:
            self._look_at(loop, self._until)
        return pause

    def _look_at(self, loop: asyncio.AbstractEventLoop, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(when, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        if self._pause is None:
            return
        if loop.time() < self._until:
            self._look_at(loop, self._until)
        else:
            self._go_on(True)

    def _may_read(self) -> bool:
        if not self._has_read:
            return True
        if self._reads is ON_DEMAND:
            return not self._messages and bool(self._waiters)
        return self._reads is EVERYTHING or not self._is_full()

    def is_handling(self) -> bool:
        """Tell whether the handler may still be at a message that it has taken."""
        return asyncio.get_running_loop().time() - self._taken_at < HANDLING_SECONDS

    def _is_overfull(self) -> bool:
        return len(self._messages) > MOST_UNREAD or (len(self._messages) > 1 and self._waiting_size > MOST_UNREAD_SIZE)

    def _is_full(self) -> bool:
        return len(self._messages) >= READ_AHEAD or self._waiting_size >= READ_AHEAD_SIZE

    async def close(self, code: int, reason: str) -> None:
        """Close an open WebSocket."""
        if self.gone is not None:
            return
        self.gone = WebSocketDisconnect(code, reason)
        self._tell_waiters()  # a task of the handler's that still waits for a message
        if self._reading is not None:
            # Granian before 2.8.9 keeps the close frame back for as long as somebody waits for a message.
            self._reading.cancel()
        close = {"type": "websocket.close", "code": code, "reason": reason}
        try:
            await self._quietly(close)
        except Exception:  # noqa: BLE001 - daphne's has no class of its own
            # Daphne refuses all codes but 1000 and those from 3000 on: the peer gets the same in the private range.
            await self._quietly(close | {"code": code + 3000})

    async def apart(self, work: Callable[[bytes], Any], data: bytes) -> Any:
        """Do blocking work in a worker thread."""
        return await self._in_thread("bodies", work, data)

    async def deny(self, response: Response) -> None:
        """Answer the handshake with an HTTP response, or with a bare 403 where the server cannot."""
        if self.gone is not None:
            return  # there is nobody to be answered
        self.gone = WebSocketDisconnect(1006, "denied")
        if "websocket.http.response" not in (self._scope.get("extensions") or {}):
            await self._quietly({"type": "websocket.close", "code": 1008, "reason": ""})
            return
        body = response.body or b""
        # Granian takes one body message only.
        headers = [*_unrepeated(response), (b"content-length", b"%d" % len(body))]
        await self._quietly({"type": "websocket.http.response.start", "status": response.status, "headers": headers})
        await self._quietly({"type": "websocket.http.response.body", "body": body, "more_body": False})

    async def _quietly(self, message: dict[str, Any]) -> None:
        try:
            await self._send(message)
        except (OSError, RuntimeError):
            # The peer was faster, or the server has already closed: either way it is closed.
            return


def _unrepeated(response: Response) -> Pairs:
    """Return a denial's headers, each name once: Granian before 2.8.9 ends its worker on a second one.

    Lines of one name are one list (RFC 9110 section 5.3), but for cookies: of those the last is sent.
    """
    found: dict[bytes, bytes] = {}
    for name, value in encode_headers(response):
        found[name] = found[name] + b", " + value if name in found and name != b"set-cookie" else value
    return list(found.items())
