"""One HTTP request of an in-process ASGI connection: the server's side on the loop, the client's in its own thread.

Law: a chunk is handed over when the client asks for it, and `send` returns when it asks for the next, so nothing is
produced far ahead. After the client left, `receive` says so and `send` does nothing, as on Granian.
"""

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

from hinge.backend import Aborted, ProtocolViolation
from hinge.streaming import StreamAborted
from hinge_asgi.checker import MessageChecker

_END: Any = object()
MAX_DIGITS = 20
"""Longer lengths are sent on purpose, and int() is quadratic."""


class Exchange:
    """One request and its answer (hinge.backend.Reply)."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        scope: dict[str, Any],
        body: bytes | Iterable[bytes],
        what: str,
        timeout: float | None,
    ) -> None:
        self._loop = loop
        self._scope = scope
        self._upload = Upload(body, _declared(scope))
        self._what = what
        self._timeout = timeout
        self._checker = MessageChecker("http", what)
        self._answers: SimpleQueue[Any] = SimpleQueue()
        self._wanted = asyncio.Semaphore(0)
        self._gone = asyncio.Event()
        self._ended = threading.Event()
        self._left = False
        self._timed_out = False
        self.on_end: Callable[[], None] = lambda: None
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.chunks = self._iterate()

    # -- on the loop ---------------------------------------------------------------------------------------------------

    async def serve(self, application: Any) -> None:
        """Run the application for this request."""
        try:
            await application(self._scope, self._receive, self._send)
        except BaseException as error:  # noqa: BLE001 - raised in the client's thread
            self._answers.put(self._checker.violation or error)
        else:
            self._answers.put(self._checker.violation or self._incomplete() or _END)
        finally:
            self._gone.set()
            self.on_end()
            self._ended.set()

    def _incomplete(self) -> ProtocolViolation | None:
        if self._checker.is_over or self._gone.is_set():
            return None
        return ProtocolViolation(f"{self._what}: the application returned without a complete response")

    async def _receive(self) -> dict[str, Any]:
        piece = await self._upload.next(self._gone)
        if piece is not None:
            return {"type": "http.request", "body": piece, "more_body": not self._upload.is_over}
        if self._upload.failure is not None:
            self._gone.set()
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        self._checker.check(message)
        if self._gone.is_set():
            await asyncio.sleep(0)  # a loop that only sends must not stop the event loop
            return
        if message["type"] == "http.response.start":
            pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message["headers"]]
            self._answers.put((message["status"], pairs))
            return
        if message.get("body"):
            self._answers.put(message["body"])
        if self._checker.is_over:
            self._gone.set()
        elif message.get("body"):
            await self._wanted.acquire()
            if self._gone.is_set():
                await _let_others_run()  # whoever waits in `receive` hears of it before whoever waits here

    def _leave(self) -> None:
        self._gone.set()
        self._wanted.release()

    # -- in the client's thread ----------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Wait for the head."""
        answer = self._answer()
        if isinstance(answer, BaseException):
            raise self._upload.failure or answer
        if answer is _END:
            raise self._upload.failure or Aborted(f"{self._what}: the application ended without an answer")
        self.status, self.headers = answer

    def _iterate(self) -> Iterator[bytes]:
        while not self._left:
            answer = self._answer()
            if answer is _END:
                if self._upload.failure is not None:
                    raise self._upload.failure
                return
            if isinstance(answer, AssertionError):
                raise answer
            if isinstance(answer, BaseException):
                if self._upload.failure is not None:
                    raise self._upload.failure  # it was this side that broke off
                cause = answer.failure if isinstance(answer, StreamAborted) else answer
                raise Aborted(f"{self._what}: the response was cut off") from cause
            yield answer
            if not self._ended.is_set():
                self._loop.call_soon_threadsafe(self._wanted.release)

    def _answer(self) -> Any:
        try:
            return self._answers.get(timeout=self._timeout)
        except Empty:
            self._left = self._timed_out = True
            self._loop.call_soon_threadsafe(self._leave)
            raise TimeoutError(f"{self._what}: the application did not answer within {self._timeout} s") from None

    def close(self) -> None:
        """Leave, and wait until the application has ended; a second call, or one after a time-out, does nothing."""
        self._left = True
        if self._ended.is_set() or self._timed_out:
            return
        self._loop.call_soon_threadsafe(self._leave)
        if not self._ended.wait(self._timeout):
            self._timed_out = True
            raise TimeoutError(f"{self._what}: the application did not end within {self._timeout} s")


async def _let_others_run() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def _declared(scope: dict[str, Any]) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and len(value) < MAX_DIGITS:
            return int(value)
    return None


class Upload:
    """A request body, pulled from the client in a thread, because its iterator may block."""

    def __init__(self, body: bytes | Iterable[bytes], declared: int | None) -> None:
        self._pieces = iter((body,)) if isinstance(body, bytes) else iter(body)
        self._in_thread = not isinstance(body, bytes)
        self._left = declared
        self.is_over = False
        self.failure: BaseException | None = None

    async def next(self, gone: asyncio.Event) -> bytes | None:
        """Return the next piece; None if the body is over or the client left. An iterator ends with an empty piece."""
        if self.is_over or self.failure is not None:
            return None
        piece = await self._pull(gone) if self._in_thread else next(self._pieces)
        if not self._in_thread or piece is _END:
            self.is_over = True
        if piece is None:
            return None
        return self._cut(b"" if piece is _END else piece)

    def _cut(self, piece: bytes) -> bytes:
        # What follows the declared length is not part of this request.
        if self._left is None:
            return piece
        piece = piece[: self._left]
        self._left -= len(piece)
        if not self._left:
            self.is_over = True
        return piece

    async def _pull(self, gone: asyncio.Event) -> Any:
        loop = asyncio.get_running_loop()
        pulled: asyncio.Future[Any] = loop.create_future()

        def pull() -> None:
            try:
                piece = next(self._pieces, _END)
            except BaseException as error:  # noqa: BLE001 - raised in the client's thread
                self.failure = error
                piece = None
            with suppress(RuntimeError):  # the connection was closed meanwhile
                loop.call_soon_threadsafe(_settle, pulled, piece)

        threading.Thread(target=pull, name="asgi-upload", daemon=True).start()
        left = loop.create_task(gone.wait())
        try:
            await asyncio.wait({pulled, left}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            left.cancel()
        return pulled.result() if pulled.done() else None


def _settle(future: "asyncio.Future[Any]", value: Any) -> None:
    if not future.done():
        future.set_result(value)
