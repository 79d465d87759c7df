"""One HTTP request of an in-process ASGI connection.

Law: after the client left, `receive` says so and `send` does nothing, as on Granian; every message is checked.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from hinge.loop.inprocess import Served
from hinge_asgi.inprocess.checker import MessageChecker

_PIECE = 64 * 1024


class ServedHTTP(Served):
    """One request and its answer."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        scope: dict[str, Any],
        headers: list[tuple[str, str]],
        body: bytes | Iterable[bytes],
        what: str,
        timeout: float | None,
    ) -> None:
        super().__init__(loop, what, headers, body, timeout)
        self._scope = scope
        self._checker = MessageChecker("http", what)

    async def call(self, application: Any) -> None:
        """Call the application."""
        await application(self._scope, self._receive, self._send)

    def is_over(self) -> bool:
        """Tell whether the last message was sent."""
        return self._checker.is_over

    def is_complete(self) -> bool:
        """Tell the same: what was said last is the end of the response."""
        return self._checker.is_over

    async def _receive(self) -> dict[str, Any]:
        piece = await self.piece()
        if piece is not None:
            return {"type": "http.request", "body": piece, "more_body": not self.upload.is_over}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        try:
            self._checker.check(message)
        finally:
            self.violation = self._checker.violation
        if self.gone.is_set():
            await asyncio.sleep(0)  # a loop that only sends must not stop the event loop
            return
        if message["type"] == "http.response.start":
            pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message["headers"]]
            self.answer(message["status"], pairs)
        elif message["type"] == "http.response.pathsend":
            await self._send_file(message["path"])
        elif self._checker.is_over:
            self.hand_over(message.get("body", b""))
            self.gone.set()
        elif message.get("body"):
            await self.chunk(message["body"])

    async def _send_file(self, path: str) -> None:
        with open(path, "rb") as file:  # noqa: ASYNC230, PTH123 - a file of a test, on a loop of its own
            while (data := file.read(_PIECE)) and not self.gone.is_set():
                await self.chunk(data)
        self.gone.set()
