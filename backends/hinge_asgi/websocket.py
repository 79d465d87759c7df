"""WebSocket scopes: the handshake, the handler's task, and its end.

Law: a handler that was told of the peer's leaving (by `WebSocketDisconnect`) may finish in peace; one that was not is
cancelled after NOTICE_SECONDS. We close with a code of our own in every case: Granian, uvicorn and daphne each do
something else when a handler just ends.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from functools import partial

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


def compile_websockets(frozen: FrozenApp, runtime: Runtime) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """Return what serves WebSocket scopes."""
    table = frozen.websockets.map(lambda endpoint: (endpoint, _handler(endpoint)))
    unknown = (frozen.websocket_not_found, _handler(frozen.websocket_not_found))
    origin_of, host_of = reader.header("origin"), reader.header("host")

    async def opened(scope: Scope, receive: Receive, transport: ASGITransport) -> tuple[WebSocket, Handle] | None:
        """Return the WebSocket of a handshake and what handles it, None for one that is answered."""
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
        return WebSocket(reader, scope, endpoint, values, runtime.state, transport), handle

    async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
        transport = ASGITransport(scope, receive, send, runtime.in_thread)
        found = await opened(scope, receive, transport)
        if found is not None:
            await _serve(runtime, found[0], transport, found[1])

    return websocket


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

    async def inner(ws: WebSocket) -> Response:
        result = call(ws._head, ws._values, None, ws)
        if awaits:
            await result
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

    return compose_async(endpoint.layers, inner, fail)


def _is_leaving(error: Exception) -> bool:
    """Tell whether a task group of the handler's failed of nothing but the peer's leaving."""
    return isinstance(error, ExceptionGroup) and all(isinstance(one, WebSocketDisconnect) for one in members(error))


async def _serve(runtime: Runtime, ws: WebSocket, transport: ASGITransport, handle: Handle) -> None:
    """Look after one connection until its end."""
    watch = Watch(partial(_left, ws, transport), ws, ends_at_once=True)
    watch.begin()
    runtime.register(watch)
    failure: Exception | None = None
    response: Response | None = None
    try:
        response = await watch.run(partial(handle, ws))
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


async def _left(ws: WebSocket, transport: ASGITransport) -> None:
    """Return when the peer has left and the handler will not learn of it by itself."""
    await transport.read_ahead()
    await asyncio.sleep(NOTICE_SECONDS)
    while transport.is_handling() and not transport.told:  # noqa: ASYNC110 - each message puts it off
        await asyncio.sleep(NOTICE_SECONDS)
    if transport.told or ws.state_of_connection is WebSocketState.CLOSED:
        await asyncio.get_running_loop().create_future()


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
