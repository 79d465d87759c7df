"""WebSocket scopes: the handshake, the handler's task, and its end.

Law: a handler that was told of the peer's leaving (by `WebSocketDisconnect`) may finish in peace; one that was not is
cancelled after NOTICE_SECONDS. We close with a code of our own in every case: Granian, uvicorn and daphne each do
something else when a handler just ends.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from hinge.compiling.frozen import Endpoint, FrozenApp
from hinge.diagnostics.failures import FAILURES, failure_in_task, members
from hinge.diagnostics.logger import logger
from hinge.error_responses import log_failure
from hinge.errors import HTTPError, WebSocketDisconnect
from hinge.loop.runtime import Runtime
from hinge.loop.watch import Ended, Watch
from hinge.middleware.compose import compose_async
from hinge.responses.response import Response
from hinge.websocket import WebSocket, WebSocketState, origin_allowed
from hinge_asgi import scope as reader
from hinge_asgi.body import Receive
from hinge_asgi.respond import Send
from hinge_asgi.scope import Scope
from hinge_asgi.transport import ASGITransport

NOTICE_SECONDS = 0.5
CLOSE_SECONDS = 10.0
"""How long the last close frame may take: a peer that does not read keeps nobody for longer."""
CUT_SECONDS = 0.5
"""The same while the worker stops, when Granian may never send it."""

Handle = Callable[[WebSocket], Awaitable[Response]]
Opened = Callable[[Scope, Receive, ASGITransport], Awaitable[tuple[WebSocket, Handle] | None]]
"""It returns the WebSocket of a handshake and what handles it, None for one that is answered."""


def compile_websockets(frozen: FrozenApp, runtime: Runtime) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """Return what serves WebSocket scopes."""
    opened = _opener(frozen, runtime)

    # One coroutine around the handler: each idle WebSocket holds it.
    async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
        transport = ASGITransport(scope, receive, send, runtime.in_thread)
        found = await opened(scope, receive, transport)
        if found is None:
            return
        ws, handle = found
        watch = _Watch(None, ws, ends_at_once=True)
        watch.begin()
        runtime.register(watch)
        failure: Exception | None = None
        response: Response | None = None
        try:
            with watch:
                response = await handle(ws)
        except (WebSocketDisconnect, Ended):
            pass
        except asyncio.CancelledError:
            watch.is_cut = True  # by the server
            raise
        except FAILURES as error:
            failure = None if _is_leaving(error) else failure_in_task(error)
        finally:
            try:
                await watch.stop()
            finally:
                try:
                    await _end(ws, transport, response, failure, is_cut=watch.is_cut)
                finally:
                    runtime.unregister(watch)

    return websocket


def _opener(frozen: FrozenApp, runtime: Runtime) -> Opened:
    table = frozen.websockets.map(lambda endpoint: (endpoint, _handler(endpoint)))
    unknown = (frozen.websocket_not_found, _handler(frozen.websocket_not_found))
    origin_of, host_of = reader.header("origin"), reader.header("host")

    async def opened(scope: Scope, receive: Receive, transport: ASGITransport) -> tuple[WebSocket, Handle] | None:
        if (await receive())["type"] != "websocket.connect":
            return None
        if runtime.has_lifespan and not runtime.ready and not await runtime.start_lazily():
            await transport.close(1013, "")
            return None
        try:
            found = table.find(reader.path(scope))
        except HTTPError as error:
            await transport.deny(frozen.errors.problem(error))
            return None
        (endpoint, handle), values = found or (unknown, ())
        transport.limit = endpoint.config.max_message_size
        secure, allowed = reader.scheme(scope) in ("wss", "https"), endpoint.config.allowed_origins
        if not origin_allowed(origin_of(scope), host_of(scope), allowed, secure=secure):
            refusal = HTTPError(403, "WebSockets are not opened for pages of this origin.")
            await transport.deny(frozen.errors.problem(refusal))
            return None
        return WebSocket(reader, scope, endpoint, values, runtime.state, transport=transport), handle

    return opened


def _handler(endpoint: Endpoint) -> Handle:
    """Return the handler inside its middleware; a response other than the 101 it returns is a denial."""
    call = endpoint.bind(reader)
    awaits = endpoint.plan.is_async
    respond = endpoint.errors.respond
    told = False

    async def fail(ws: WebSocket, error: Exception) -> Response:
        if ws.state_of_connection is not WebSocketState.CONNECTING:
            raise error  # too late for a response
        response = respond(ws, failure_in_task(error))
        return response if isinstance(response, Response) else await response

    is_alone = not endpoint.layers

    async def inner(ws: WebSocket) -> Response:
        try:
            result = call(ws._head, ws._values, None, ws)
            if awaits:
                await result
        except FAILURES as error:
            if is_alone:  # without a frame around it for that: each idle WebSocket would hold it
                return await fail(ws, error)
            raise
        if not told and ws.state_of_connection is WebSocketState.CONNECTING:
            tell()
        return Response(status=204)

    def tell() -> None:
        nonlocal told
        told = True
        logger.warning(
            "%s: it returned without accepting the WebSocket, so the client got a 403. "
            "Fix: `await ws.accept()` first, or `await ws.deny(...)` to refuse",
            endpoint.plan.describe(),
        )

    return inner if is_alone else compose_async(endpoint.layers, inner, fail)


def _is_leaving(error: Exception) -> bool:
    """Tell whether a task group of the handler's failed of nothing but the peer's leaving."""
    return isinstance(error, ExceptionGroup) and all(isinstance(one, WebSocketDisconnect) for one in members(error))


class _Watch(Watch, eq=False):
    """Wait until the peer has left and the handler will not learn of it by itself."""

    def leaving(self) -> Coroutine[Any, Any, bool]:
        transport: ASGITransport = self.subject.transport
        return transport.read_ahead() if transport.gone is None else _unnoticed(self.subject, transport)

    def is_leaving(self, told: Any) -> bool:
        return bool(told)


async def _unnoticed(ws: WebSocket, transport: ASGITransport) -> bool:
    """Return True once the handler had its time to notice, and did not."""
    await asyncio.sleep(NOTICE_SECONDS)
    while transport.is_handling() and not transport.told:  # noqa: ASYNC110 - each message puts it off
        await asyncio.sleep(NOTICE_SECONDS)
    if transport.told or ws.state_of_connection is WebSocketState.CLOSED:
        await asyncio.get_running_loop().create_future()
    return True


async def _end(
    ws: WebSocket, transport: ASGITransport, response: Response | None, failure: Exception | None, *, is_cut: bool
) -> None:
    state = ws.state_of_connection
    if failure is not None:
        log_failure(ws, failure)
    if state is WebSocketState.CONNECTING:
        denied = response if response is not None and response.status >= 300 else Response(status=403)
        await transport.deny(Response(status=503) if is_cut else denied)
        return
    code = 1011 if failure is not None else 1001 if is_cut else 1000
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CUT_SECONDS if is_cut else CLOSE_SECONDS):
            await transport.closed()
            if state is WebSocketState.OPEN:
                await transport.close(code, "")
