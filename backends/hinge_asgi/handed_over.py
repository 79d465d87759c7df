"""A mounted ASGI application that nothing is around: it gets the server's own scope, `receive` and `send`.

Law: only `root_path`, the path where the server left the prefix out of it, and the state change. A status that is none,
and a complete body of another length than declared, are refused, as on WSGI. One that sends for long hears that its
client has left, and lets others go on, whatever the server's `send` does. What fails before
anything is sent is answered as a handler's failure is; later the server is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from hinge.compiling.frozen import Endpoint
from hinge.diagnostics.failures import FAILURES
from hinge.errors import HTTPError
from hinge.loop.runtime import Runtime
from hinge.loop.watch import failure_of
from hinge.mounted.answers import CutShort, as_status
from hinge.mounted.heads import OUR_ROUTE
from hinge.responses.response import check_status
from hinge.state import MOUNTED
from hinge_asgi import scope as reader
from hinge_asgi.body import Receive, doubt
from hinge_asgi.respond import Send
from hinge_asgi.scope import Scope
from hinge_asgi.serve import Serve, _Rest


def make_serve_directly(
    endpoint: Endpoint, runtime: Runtime, distrust: Callable[[str, HTTPError], tuple[Serve, tuple[Any, ...]]]
) -> Serve:
    """Return what hands requests over to the application of an endpoint; `distrust` as in `hinge_asgi.serve`."""
    handler: Any = endpoint.plan.handler
    app, prefix, key = handler.mounted.app, handler.prefix, handler.mounted.key
    cut, path_of, prefix_of, rest = len(prefix), reader.path, reader.prefix, _Rest(endpoint, runtime)
    head_only = endpoint.head_only

    async def serve(scope: Scope, receive: Receive, send: Send, values: tuple[str, ...]) -> Awaitable[None] | None:
        for name, _ in scope["headers"]:
            if name == b"transfer-encoding" and (error := doubt(scope)) is not None:
                instead, refused = distrust(scope["method"], error)
                return await instead(scope, receive, send, refused)
        answer = _Answer(receive, send, head_only=head_only)
        try:
            path, root = path_of(scope), prefix_of(scope)
            inner = dict(scope)
            for told in OUR_ROUTE:
                inner.pop(told, None)
            inner["path"], inner["root_path"] = root + path, root + path[:cut]
            inner["state"] = _state(runtime, endpoint, key, scope)
            await app(inner, answer.receive, answer.send)
        except asyncio.CancelledError as error:
            if answer.has_begun:
                raise
            return rest.send(scope, receive, send, values, None, failure_of(error), None)
        except FAILURES as error:
            if answer.has_begun:
                if answer.has_left and isinstance(error, OSError):
                    return None
                raise
            return rest.send(scope, receive, send, values, None, failure_of(as_status(error)), None)
        finally:
            answer.end()
        return None

    return serve


class _Answer:
    """What an application sends, and receives: servers may say nothing to one that sends, once its client has left."""

    __slots__ = (
        "_chunks",
        "_declared",
        "_head_only",
        "_heard",
        "_is_asking",
        "_kept",
        "_receive",
        "_send",
        "has_begun",
        "has_left",
    )

    def __init__(self, receive: Receive, send: Send, *, head_only: bool) -> None:
        self._receive = receive
        self._is_asking = False
        self._heard: asyncio.Task[Any] | None = None
        self._kept: list[Any] = []
        """What came while the application did not ask."""
        self._chunks = 0
        self.has_left = False
        self._send = send
        self._head_only = head_only
        self._declared: bytes | None = None
        self.has_begun = False

    async def send(self, message: dict[str, Any]) -> None:
        """Send a message of the application's; raises as `_declared` and `_check`."""
        if message["type"] == "http.response.body":
            if self._head_only:
                message = message | {"body": b""}  # servers differ in what they make of one
            elif self._declared is not None:
                _check(self._declared, message)
                self._declared = None
        elif message["type"] == "http.response.start":
            self._declared = _declared(message)
        self.has_begun = True
        await self._send(message)
        if message.get("more_body"):
            self._chunks += 1
            if self._chunks % _A_WHILE == 0:
                await self._look()

    async def receive(self) -> Any:
        """Return the next message to the application."""
        if self._kept:
            return self._kept.pop()
        if self._heard is not None:
            message = await asyncio.shield(self._heard)
            self._heard = None
            return message
        self._is_asking = True
        try:
            return await self._receive()
        finally:
            self._is_asking = False

    async def _look(self) -> None:
        """Let others go on, which a `send` that waits for nothing does not.

        Raises:
            OSError: the client has left.
        """
        if self._heard is None and not self._is_asking and not (self._kept and self._kept[0].get("more_body")):
            self._heard = asyncio.ensure_future(self._receive())
        await asyncio.sleep(0)
        if self._heard is None or not self._heard.done():
            return
        message = self._heard.result()
        if message["type"] == "http.disconnect":
            self.has_left = True
            raise ConnectionResetError("the client has left")
        self._heard, self._kept = None, [message]

    def end(self) -> None:
        """Ask for nothing more."""
        if self._heard is not None:
            self._heard.cancel()


_A_WHILE = 16
"""Chunks after which it is looked whether the client is still there."""


def _declared(head: dict[str, Any]) -> bytes | None:
    """Return the Content-Length of an answer that has a body.

    Raises:
        ValueError: its status is none, by which Granian would end.
    """
    if check_status(head["status"]) not in (204, 304):
        for name, value in head.get("headers", ()):
            if len(name) == len(b"content-length") and name.lower() == b"content-length":
                length: bytes = value
                return length
    return None


def _check(declared: bytes, message: dict[str, Any]) -> None:
    """Refuse a complete body of another length: Granian would send it, and no end of it.

    Raises:
        CutShort: it is shorter or longer.
    """
    if not message.get("more_body") and b"%d" % (size := len(message.get("body", b""))) != declared:
        raise CutShort(f"a mounted application sent {size} bytes and declared {declared!r}")


def _state(runtime: Runtime, endpoint: Endpoint, key: str, scope: Scope) -> dict[str, Any]:
    state = dict(scope.get("state") or ())
    found = runtime.state
    if found or state:
        mounted = found.get(MOUNTED, {})
        state.update(found)
        state.pop(MOUNTED, None)
        state.update(mounted.get(endpoint.mounted, {}))
        state.update(mounted.get(key, {}))
    return state
