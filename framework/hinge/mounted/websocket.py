"""The WebSockets of an ASGI application, over Hinge's own.

Law: the handshake is judged as for a route (origin, dependencies, middleware) before the application hears of it; the
limits and the end of a worker are those of a route, too. Messages pass as they are.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from hinge.errors import WebSocketDisconnect
from hinge.mounted.answers import head_of
from hinge.mounted.heads import scope_of
from hinge.responses.response import Response
from hinge.state import MOUNTED
from hinge.websocket import WebSocket, WebSocketState


def handler_for(app: Callable[..., Any], prefix: str, key: str) -> Callable[..., Any]:
    """Return the handler of an application's WebSockets below `prefix`."""

    async def handle_websocket(ws: WebSocket) -> None:
        own = ws._lifespan_state.get(MOUNTED, {}).get(key, {})
        scope = scope_of(ws, prefix, own)
        offered = ws.native.get("extensions") or {}
        scope["extensions"] = {name: offered[name] for name in ("websocket.http.response",) if name in offered}
        socket = _Socket(ws)
        await app(scope, socket.receive, socket.send)

    return handle_websocket


class _Socket:
    """The server's side of a WebSocket, as the application sees it."""

    def __init__(self, ws: WebSocket) -> None:
        self._ws = ws
        self._is_connected = False
        self._is_answered = asyncio.Event()
        self._denial: tuple[int, Any, list[bytes]] | None = None

    async def receive(self) -> Mapping[str, Any]:
        """Return the next message."""
        if not self._is_connected:
            self._is_connected = True
            return {"type": "websocket.connect"}
        ws = self._ws
        if self._stands(WebSocketState.CONNECTING):
            # Quart has a task of its own that receives, while its handler has not accepted yet.
            await self._is_answered.wait()
            if self._stands(WebSocketState.CLOSED):  # it was refused
                return {"type": "websocket.disconnect", "code": 1006, "reason": ""}
        try:
            message = await ws.receive()
        except WebSocketDisconnect as gone:
            return {"type": "websocket.disconnect", "code": gone.code, "reason": gone.reason}
        return {"type": "websocket.receive", "text" if isinstance(message, str) else "bytes": message}

    async def send(self, message: Mapping[str, Any]) -> None:
        """Take a message of the application's.

        Raises:
            OSError: the peer has left.
            RuntimeError: it cannot be sent now.
        """
        try:
            await self._send(message)
        except WebSocketDisconnect as gone:
            raise ConnectionResetError(str(gone)) from gone
        finally:
            if not self._stands(WebSocketState.CONNECTING):
                self._is_answered.set()

    def _stands(self, state: WebSocketState) -> bool:
        return self._ws.state_of_connection is state

    async def _send(self, message: Mapping[str, Any]) -> None:
        ws, kind = self._ws, message["type"]
        if kind == "websocket.accept":
            lines = _texts(message.get("headers", ()))
            await ws.accept(message.get("subprotocol"), lines)
        elif kind == "websocket.send":
            text = message.get("text")
            await ws.send(message.get("bytes") or b"" if text is None else text)
        elif kind == "websocket.close":
            await ws.close(message.get("code") or 1000, message.get("reason") or "")
        elif kind == "websocket.http.response.start":
            self._denial = (message["status"], _texts(message.get("headers", ())), [])
        elif kind == "websocket.http.response.body" and self._denial is not None:
            status, headers, parts = self._denial
            parts.append(bytes(message.get("body", b"")))
            if not message.get("more_body", False):
                code, checked, _ = head_of(status, headers)
                await ws.deny(Response.trusted(b"".join(parts), code, checked))
        else:
            raise RuntimeError(f"the ASGI message {kind!r} cannot be sent here, or not now")


def _texts(pairs: Any) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs]
