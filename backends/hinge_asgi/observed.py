"""What serves an endpoint, with the observers of its app around it: of requests, and of WebSockets.

Law: a response ends with its last message, once the server has taken it; what runs behind it is no part of it. One that
never came is of a client that has left. A WebSocket ends when its handler has returned and the close is out.
"""

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

from hinge.compiling.frozen import Endpoint, FrozenApp
from hinge.errors import ClientDisconnect, HTTPError
from hinge.loop.runtime import Runtime
from hinge.observability.observer import ASKED, Observation, Unrouted
from hinge.request import HTTPConnection, Request
from hinge.responses.streaming import StreamAborted
from hinge_asgi import scope as reader
from hinge_asgi.body import Receive
from hinge_asgi.respond import Send
from hinge_asgi.scope import Scope
from hinge_asgi.serve import Serve

ServeWebSocket = Callable[[Scope, Receive, Send], Awaitable[None]]


def observed(serve: Serve, endpoint: Endpoint, runtime: Runtime) -> Serve:
    """Return `serve` with the endpoint's observers around it."""

    async def observing(scope: Scope, receive: Receive, send: Send, values: tuple[str, ...]) -> None:
        seen = Observation(Request(reader, scope, endpoint, values, runtime.state))
        if ASKED in scope:
            scope[ASKED].append(True)
        seen.begin()
        try:
            rest = await serve(scope, receive, _noting(send, seen), values)
            if rest is not None:
                await rest
        except BaseException as error:
            seen.end(error.failure if isinstance(error, StreamAborted) else error)
            raise
        seen.end(ClientDisconnect())

    return observing


def _noting(send: Send, seen: Observation) -> Send:
    """Return `send`, which notes what goes out."""
    lines: Any = ()

    def noting(message: dict[str, Any]) -> Awaitable[None]:
        nonlocal lines
        kind = message["type"]
        if kind == "http.response.body":
            seen.size += len(message.get("body") or b"")
            if not message.get("more_body"):
                return _last(send(message), seen)
        elif kind == "http.response.start":
            seen.status, lines = message["status"], message.get("headers") or ()
        elif kind == "http.response.pathsend":
            seen.size = next((int(value) for name, value in lines if name == b"content-length" and value.isdigit()), 0)
            return _last(send(message), seen)
        return send(message)

    return noting


def observed_around(application: Any, frozen: FrozenApp, runtime: Runtime) -> Any:
    """Return an app inside its native middleware, with the observers around what that answers by itself."""
    endpoint = frozen.not_found.otherwise

    async def observing(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or ASKED in scope:  # or somebody further out observes
            await application(scope, receive, send)
            return
        asked: list[bool] = []
        scope[ASKED] = asked
        if scope["type"] == "http":
            head: HTTPConnection = Request(reader, scope, endpoint, (), runtime.state)
            seen = Unrouted(head, asked=asked, _started=perf_counter())
            noting = _noting(send, seen)
        else:
            head = HTTPConnection(reader, scope, endpoint, (), runtime.state)
            seen = Unrouted(head, is_websocket=True, asked=asked, _started=perf_counter())
            noting = _noting_websocket(send, seen)
        try:
            await application(scope, receive, noting)
        except BaseException as error:
            seen.end(error)
            raise
        seen.end(None if seen.is_websocket else ClientDisconnect())

    return observing


async def _last(sent: Awaitable[None], seen: Observation) -> None:
    await sent
    seen.end()


def observed_websockets(serve: ServeWebSocket, frozen: FrozenApp, runtime: Runtime) -> ServeWebSocket:
    """Return `serve` with the observers of each WebSocket's endpoint around it."""
    find, unknown = frozen.websockets.find, frozen.websocket_not_found

    async def observing(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            endpoint, values = find(reader.path(scope)) or (unknown, ())
        except HTTPError:
            endpoint, values = unknown, ()
        seen = Observation(HTTPConnection(reader, scope, endpoint, values, runtime.state), is_websocket=True)
        if ASKED in scope:
            scope[ASKED].append(True)
        seen.begin()
        try:
            await serve(scope, receive, _noting_websocket(send, seen))
        except BaseException as error:
            seen.end(error)
            raise
        seen.end()

    return observing


def _noting_websocket(send: Send, seen: Observation) -> Send:
    """Return `send`, which notes how the handshake is answered."""

    def noting(message: dict[str, Any]) -> Awaitable[None]:
        if seen.status is None:
            seen.status = _STATUS.get(message["type"]) or message.get("status")
        return send(message)

    return noting


_STATUS = {"websocket.accept": 101, "websocket.close": 403}
"""What the first message means, in HTTP; any other has a status."""
