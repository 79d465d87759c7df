"""WebSocket scopes: the handshake, the handler's task, and its end.

Law: a handler that was told of the peer's leaving (by `WebSocketDisconnect`) may finish in peace; one that was not is
cancelled after NOTICE_SECONDS. We close with a code of our own in every case: Granian, uvicorn and daphne each do
something else when a handler just ends.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from hinge.compiling.frozen import Endpoint, FrozenApp
from hinge.diagnostics.failures import FAILURES, failure_in_task, members
from hinge.diagnostics.logger import logger
from hinge.error_responses import log_failure
from hinge.errors import HTTPError, WebSocketDisconnect
from hinge.loop.hops import hops_of
from hinge.loop.runtime import Runtime
from hinge.loop.watch import Ended, Watch
from hinge.middleware.compose import compose_async
from hinge.responses.response import Response
from hinge.websocket import WebSocket, WebSocketState, origin_allowed
from hinge_asgi import scope as reader
from hinge_asgi.body import Receive
from hinge_asgi.respond import Send
from hinge_asgi.route import exposing
from hinge_asgi.scope import Scope
from hinge_asgi.transport import ASGITransport

NOTICE_SECONDS = 0.5
CLOSE_SECONDS = 10.0
"""How long the last close frame may take: a peer that does not read keeps nobody for longer."""
CUT_SECONDS = 0.5
"""The same while the worker stops, when Granian may never send it."""

Handle = Callable[[WebSocket], Awaitable[Any]]
Fail = Callable[[WebSocket, Exception], Awaitable[Response]]


class _Handler(NamedTuple):
    """What handles WebSockets."""

    handle: Handle
    """What it returns counts only inside middleware: a response other than the 101 is a denial."""
    fail: Fail | None
    """It answers failures where there is no middleware: each idle WebSocket would hold a frame that did both."""
    ended: Callable[[WebSocket], None]
    """Called when it has returned."""


Opened = Callable[[Scope, ASGITransport], Awaitable[tuple[WebSocket, _Handler] | None]]
"""It returns the WebSocket of a handshake and what handles it, None for one that is answered."""


def compile_websockets(frozen: FrozenApp, runtime: Runtime) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """Return what serves WebSocket scopes."""
    opened = _opener(frozen, runtime)

    # One coroutine around the handler: each idle WebSocket holds it.
    async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
        transport = ASGITransport(scope, receive, send, runtime.in_thread)
        found = await opened(scope, transport)
        if found is None:
            return
        ws, (handle, fail, ended) = found
        del found  # an idle WebSocket would hold it
        watch = _Watch(None, ws, ends_at_once=True)
        watch.begin()
        runtime.register(watch)
        failure: Exception | None = None
        response: Response | None = None
        try:
            watch.open()
            try:
                try:
                    result = await handle(ws)
                    ended(ws)
                    response = result if fail is None else None
                except FAILURES as error:
                    if fail is None:
                        raise
                    response = await fail(ws, error)
            except BaseException as error:
                watch.shut(error)
                raise
            watch.shut(None)
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
        if failure is not None and ws._endpoint.errors.lets_out(failure):
            raise failure

    return websocket


def _opener(frozen: FrozenApp, runtime: Runtime) -> Opened:
    handler_of = _exposed_handler if frozen.exposes_route else _handler
    table = frozen.websockets.map(lambda endpoint: (endpoint, handler_of(endpoint, runtime)))
    unknown = (frozen.websocket_not_found, _handler(frozen.websocket_not_found, runtime))
    origin_of, host_of = reader.header("origin"), reader.header("host")

    async def opened(scope: Scope, transport: ASGITransport) -> tuple[WebSocket, _Handler] | None:
        if not await transport.connected():
            return None
        if runtime.has_lifespan and not runtime.ready and not await runtime.start_lazily():
            await transport.close(1013, "")
            return None
        try:
            found = table.find(reader.path(scope))
        except HTTPError as error:
            await transport.deny(frozen.errors.problem(error))
            return None
        (endpoint, handler), values = found or (unknown, ())
        transport.limit = endpoint.config.max_message_size
        ws = WebSocket(reader, scope, endpoint, values, runtime.state, transport=transport)
        try:
            _check_origin(ws, endpoint, origin_of(scope), host_of(scope))
        except HTTPError as error:
            await transport.deny(frozen.errors.problem(error))
            return None
        return ws, handler

    return opened


def _check_origin(ws: WebSocket, endpoint: Endpoint, origin: str | None, host: str | None) -> None:
    """Let pages of this site and of the listed ones pass; what a trusted proxy says of the site counts.

    Raises:
        HTTPError: 403, the page is of another site; 400, the proxy's header is malformed.
    """
    if endpoint.layers and endpoint.layers[0].outermost:
        endpoint.layers[0].look(ws)
    host = ws._memo.get("host", host)  # as it is: a malformed one is no page's
    secure, allowed = ws.scheme in ("wss", "https"), endpoint.config.allowed_origins
    if not origin_allowed(origin, host, allowed, secure=secure):
        raise HTTPError(403, "WebSockets are not opened for pages of this origin.")


def _handler(endpoint: Endpoint, runtime: Runtime) -> _Handler:
    """Return the handler inside its middleware."""
    call = endpoint.bind(reader, hops=hops_of(endpoint, runtime))
    awaits = endpoint.plan.is_async
    respond = endpoint.errors.respond
    told = False

    async def fail(ws: WebSocket, error: Exception) -> Response:
        if ws.state_of_connection is not WebSocketState.CONNECTING:
            raise error  # too late for a response
        response = respond(ws, failure_in_task(error))
        return response if isinstance(response, Response) else await response

    def ended(ws: WebSocket) -> None:
        nonlocal told
        if told or ws.state_of_connection is not WebSocketState.CONNECTING:
            return
        told = True
        logger.warning(
            "%s: it returned without accepting the WebSocket, so the client got a 403. "
            "Fix: `await ws.accept()` first, or `await ws.deny(...)` to refuse",
            endpoint.plan.describe(),
        )

    async def inner(ws: WebSocket) -> Response:
        result = call(ws._head, ws._values, None, ws)
        if awaits:
            await result
        ended(ws)
        return Response(status=204)

    if endpoint.layers:
        return _Handler(compose_async(endpoint.layers, inner, fail), None, _nothing)
    if not awaits:
        return _Handler(inner, fail, _nothing)
    return _Handler(lambda ws: call(ws._head, ws._values, None, ws), fail, ended)


def _exposed_handler(endpoint: Endpoint, runtime: Runtime) -> _Handler:
    """Return the handler that is called once its route is in the scope."""
    handler, expose = _handler(endpoint, runtime), exposing(endpoint)
    if expose is None:
        return handler
    handle = handler.handle

    def exposed(ws: WebSocket) -> Awaitable[Any]:
        expose(ws._head, ws._values)
        return handle(ws)

    return handler._replace(handle=exposed)


def _nothing(ws: WebSocket) -> None:
    """Do nothing: it is done already."""


def _is_leaving(error: Exception) -> bool:
    """Tell whether a task group of the handler's failed of nothing but the peer's leaving."""
    return isinstance(error, ExceptionGroup) and all(isinstance(one, WebSocketDisconnect) for one in members(error))


class _Watch(Watch, eq=False):
    """Wait until the peer has left and the handler will not learn of it by itself."""

    def leaving(self) -> Any:
        transport: ASGITransport = self.subject.transport
        return transport.reading() if transport.gone is None else _unnoticed(self.subject, transport)

    def is_leaving(self, told: Any) -> bool:
        if told is True:
            return True
        self.subject.transport.take(told)
        return False


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
    if failure is not None and not ws._endpoint.errors.lets_out(failure):
        log_failure(ws, failure)
    if state is WebSocketState.CONNECTING:
        instead = Response(status=403 if failure is None else 500)
        denied = response if response is not None and response.status >= 300 else instead
        await transport.deny(Response(status=503) if is_cut else denied)
        return
    code = 1011 if failure is not None else 1001 if is_cut else 1000
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CUT_SECONDS if is_cut else CLOSE_SECONDS):
            await transport.closed()
            if state is WebSocketState.OPEN:
                await transport.close(code, "")
