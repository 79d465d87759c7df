"""Blueprint -> the ASGI callable.

Law: what a route needs is decided here, once: each endpoint becomes one `serve(scope, receive, send, values)` that
holds nothing it does not use. Coroutines are awaited where they are, plain functions run in a worker thread unless they
are `inline`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

from hinge.blueprint import Blueprint, Endpoint
from hinge.body import BodyStream
from hinge.errors import HTTPError
from hinge.loop import Runtime, answering, coloured_call, failing, failure_of
from hinge.response import Response
from hinge.streaming import BODILESS, StreamingResponse
from hinge_asgi import scope as reader
from hinge_asgi.body import Incoming, Receive, framing, read_body
from hinge_asgi.lifespan import serve_lifespan
from hinge_asgi.request import ASGIExchange
from hinge_asgi.respond import LENGTH_LINES, SHORT, Send, send_any, send_complete
from hinge_asgi.scope import Scope
from hinge_asgi.websocket import compile_websockets

Serve = Callable[[Scope, Receive, Send, tuple[str, ...]], Awaitable[None]]


def compile_asgi(blueprint: Blueprint) -> Any:
    """Return the callable `(scope, receive, send)` with `start`, `drain` and `stop` for the worker around it."""
    runtime = Runtime(blueprint)
    served = cache(lambda endpoint: _serve(endpoint, runtime))  # paths and methods share endpoints
    table = blueprint.table.map(lambda leaf: leaf.map(served))
    not_found = blueprint.not_found.map(served)
    websocket = compile_websockets(blueprint, runtime)
    static, find, path_of = table.static, table.find, reader.path
    has_lifespan = runtime.has_lifespan

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind != "http":
            await other(kind, scope, receive, send)
            return
        values: tuple[str, ...] = ()
        try:
            leaf = None if scope.get("root_path") else static.get(scope["path"])
            if leaf is None:
                found = find(path_of(scope))
                leaf, values = (not_found, values) if found is None else found
            serve = leaf.methods.get(scope["method"], leaf.otherwise)
            for name, _ in scope["headers"]:
                if name == b"transfer-encoding":
                    framing(scope, 2**63)
                    break
        except HTTPError as error:
            serve = _serve(blueprint.refusing(scope["method"], error), runtime)
        if has_lifespan and not runtime.ready and not await runtime.start_lazily():
            unstarted = HTTPError(503, "The application failed to start.")
            serve = _serve(blueprint.refusing(scope["method"], unstarted), runtime)
        await serve(scope, receive, send, values)

    async def other(kind: str, scope: Scope, receive: Receive, send: Send) -> None:
        if kind == "lifespan":
            await serve_lifespan(blueprint, runtime, scope, receive, send)
        elif kind == "websocket":
            if has_lifespan and not runtime.ready and not await runtime.start_lazily():
                await receive()
                await send({"type": "websocket.close", "code": 1013, "reason": ""})
                return
            await websocket(scope, receive, send)
        else:
            raise NotImplementedError(f"this server sent an ASGI scope of type {kind!r}, which is not known here")

    return _with_worker_hooks(blueprint.wrap(application), application, runtime)


def _with_worker_hooks(wrapped: Any, application: Any, runtime: Runtime) -> Any:
    async def outermost(scope: Scope, receive: Receive, send: Send) -> None:
        await wrapped(scope, receive, send)

    # A callable of our own in any case: somebody else's may bear no attributes.
    served: Any = application if wrapped is application else outermost
    # The server starts and stops the lifespans through the protocol.
    served.start = served.stop = lambda: None
    served.drain = runtime.drain
    served.still_open = runtime.still_open
    served.runtime = runtime  # for in-process connections, which raise what a lifespan raised
    return served


def _serve(endpoint: Endpoint, runtime: Runtime) -> Serve:
    return (_through_request if endpoint.needs_request else _direct)(endpoint, runtime)


# -- routes that need neither a Request nor middleware -----------------------------------------------------------------


def _direct(endpoint: Endpoint, runtime: Runtime) -> Serve:
    call, awaits = coloured_call(endpoint, reader, runtime)
    limit, head_only = endpoint.max_body_size, endpoint.head_only
    plan = endpoint.plan
    reads_body = plan.reads_body
    bare = plan.handler if plan.is_async and not plan.inline and not plan.arguments else None
    fail, respond = failing(endpoint), endpoint.responder()
    status = endpoint.status or 200
    bodiless = endpoint.status in BODILESS
    prepared: dict[type, tuple[Callable[[Any], bytes], tuple[bytes, bytes]]] = {}

    async def serve(scope: Scope, receive: Receive, send: Send, values: tuple[str, ...]) -> None:
        try:
            if bare is None:
                body = await read_body(scope, receive, limit) if reads_body else None
                result = call(scope, values, body, None)
            else:
                result = bare()
            if awaits:
                result = await result
            how = prepared.get(result.__class__)
            content: Any = other(result) if how is None else how[0](result)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - every failure is answered
            await failed(scope, receive, send, values, failure_of(error))
            return
        if how is None:
            await send_other(scope, receive, send, values, content)
            return
        size = len(content)
        headers = [how[1], LENGTH_LINES[size] if size < SHORT else (b"content-length", b"%d" % size)]
        await send({"type": "http.response.start", "status": status, "headers": headers, "trailers": False})
        await send({"type": "http.response.body", "body": b"" if head_only else content, "more_body": False})

    def other(result: Any) -> Response:
        plain = None if bodiless else endpoint.plain(type(result))
        if plain is not None:
            prepared[type(result)] = (plain[0], (b"content-type", plain[1].encode()))
        return respond(result)

    async def send_other(
        scope: Scope, receive: Receive, send: Send, values: tuple[str, ...], response: Response
    ) -> None:
        if isinstance(response, StreamingResponse):
            await finish(ASGIExchange.begin(reader, scope, endpoint, values, runtime.state, receive), send, response)
        else:
            await send_complete(send, response, head_only=head_only)

    async def failed(scope: Scope, receive: Receive, send: Send, values: tuple[str, ...], error: Exception) -> None:
        exchange = ASGIExchange.begin(reader, scope, endpoint, values, runtime.state, receive)
        await finish(exchange, send, await fail(exchange, error))

    async def finish(exchange: ASGIExchange, send: Send, response: Response) -> None:
        try:
            await send_any(runtime, send, response, exchange, fail, head_only=head_only)
        finally:
            await exchange.end(runtime)

    return serve


# -- routes with a Request ---------------------------------------------------------------------------------------------


def _through_request(endpoint: Endpoint, runtime: Runtime) -> Serve:
    head_only = endpoint.head_only
    fail = failing(endpoint)
    answer = answering(endpoint, reader, runtime, _read_body, _open_body)

    async def serve(scope: Scope, receive: Receive, send: Send, values: tuple[str, ...]) -> None:
        exchange = ASGIExchange.begin(reader, scope, endpoint, values, runtime.state, receive)
        try:
            response = await answer(exchange)
            if isinstance(response, StreamingResponse):
                await send_any(runtime, send, response, exchange, fail, head_only=head_only)
            else:
                await send_complete(send, response, head_only=head_only)
        except asyncio.CancelledError:
            if not exchange.has_lost_its_client():
                raise
        finally:
            await exchange.end(runtime)

    return serve


async def _read_body(exchange: ASGIExchange, limit: int) -> bytes:
    return await read_body(exchange._head, exchange.receive, limit)


def _open_body(exchange: ASGIExchange, limit: int) -> BodyStream:
    exchange.incoming = Incoming(exchange._head, exchange.receive, limit)
    return exchange.incoming.stream
