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
from hinge.errors import HTTPError
from hinge.middleware import weave_async
from hinge.request import Request
from hinge.response import Response
from hinge.streaming import StreamingResponse
from hinge_asgi import scope as reader
from hinge_asgi.begin import beginner
from hinge_asgi.body import Incoming, Receive, framing, read_body
from hinge_asgi.lifespan import serve_lifespan
from hinge_asgi.request import Exchange
from hinge_asgi.respond import LENGTH_LINES, SHORT, answer_with, send_complete
from hinge_asgi.runtime import Runtime
from hinge_asgi.scope import Scope
from hinge_asgi.stream import Send
from hinge_asgi.watch import failure_of
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
    served.runtime = runtime  # for in-process connections, which raise what a lifespan raised
    return served


def _serve(endpoint: Endpoint, runtime: Runtime) -> Serve:
    return (_through_request if endpoint.needs_request else _direct)(endpoint, runtime)


# -- routes that need neither a Request nor middleware -----------------------------------------------------------------


def _direct(endpoint: Endpoint, runtime: Runtime) -> Serve:
    call, awaits = _coloured_call(endpoint, runtime)
    limit, head_only = endpoint.max_body_size, endpoint.head_only
    plan = endpoint.plan
    reads_body = plan.reads_body
    bare = plan.handler if plan.is_async and not plan.arguments else None
    fail, respond = _fail(endpoint), endpoint.responder()
    status = endpoint.status or 200
    bodiless = endpoint.status in (204, 304)
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
            await finish(Exchange.begin(reader, scope, endpoint, values, runtime.state, receive), send, response)
        else:
            await send_complete(send, response, head_only=head_only)

    async def failed(scope: Scope, receive: Receive, send: Send, values: tuple[str, ...], error: Exception) -> None:
        exchange = Exchange.begin(reader, scope, endpoint, values, runtime.state, receive)
        await finish(exchange, send, await fail(exchange, error))

    async def finish(exchange: Exchange, send: Send, response: Response) -> None:
        try:
            await answer_with(runtime, send, response, exchange, fail, head_only=head_only)
        finally:
            await exchange.end(runtime)

    return serve


def _coloured_call(endpoint: Endpoint, runtime: Runtime) -> tuple[Callable[..., Any], bool]:
    """Return the bound handler, and whether what it returns is to be awaited."""
    call = endpoint.bind(reader)
    plan = endpoint.plan
    if plan.is_async or plan.inline or plan.is_generator:
        return call, plan.is_async
    in_thread = runtime.in_thread
    return (lambda head, values, body, request: in_thread("handlers", call, head, values, body, request)), True


# -- routes with a Request ---------------------------------------------------------------------------------------------


def _through_request(endpoint: Endpoint, runtime: Runtime) -> Serve:
    head_only = endpoint.head_only
    fail = _fail(endpoint)
    answer = _answer(endpoint, runtime)

    async def serve(scope: Scope, receive: Receive, send: Send, values: tuple[str, ...]) -> None:
        exchange = Exchange.begin(reader, scope, endpoint, values, runtime.state, receive)
        try:
            response = await answer(exchange)
            if isinstance(response, StreamingResponse):
                await answer_with(runtime, send, response, exchange, fail, head_only=head_only)
            else:
                await send_complete(send, response, head_only=head_only)
        except asyncio.CancelledError:
            if not exchange.has_lost_its_client():
                raise
        finally:
            await exchange.end(runtime)

    return serve


def _answer(endpoint: Endpoint, runtime: Runtime) -> Callable[[Any], Awaitable[Response]]:
    layers, before = endpoint.layers, endpoint.body_before
    fail = _fail(endpoint)
    inner = _inner(endpoint, runtime)
    if before is None:
        return weave_async(layers, inner, fail)
    return weave_async(layers[:before], _reading(endpoint, weave_async(layers[before:], inner, fail)), fail)


def _inner(endpoint: Endpoint, runtime: Runtime) -> Callable[[Exchange], Awaitable[Response]]:
    call, awaits = _coloured_call(endpoint, runtime)
    plan, limit, respond = endpoint.plan, endpoint.max_body_size, endpoint.responder()
    streams_body, reads_body = plan.streams_body, plan.reads_body
    begin = beginner(endpoint, runtime)

    async def inner(request: Exchange) -> Response:
        body: Any = None
        if streams_body:
            request.incoming = Incoming(request._head, request.receive, limit)
            body = request.incoming.stream
        elif reads_body:
            body = request._body
            if not isinstance(body, bytes):
                body = request._body = await read_body(request._head, request.receive, limit)
        try:
            result = call(request._head, request._values, body, request)
            if awaits:
                result = await result
        except asyncio.CancelledError as error:
            raise failure_of(error) from error
        response = respond(result)
        if begin is not None and isinstance(response, StreamingResponse):
            await begin(request, response)
        return response

    return inner


def _reading(endpoint: Endpoint, inside: Callable[[Any], Awaitable[Response]]) -> Callable[[Any], Awaitable[Response]]:
    """Read the body before the layers that asked for it."""
    limit = endpoint.max_body_size

    async def answer(request: Exchange) -> Response:
        request._body = await read_body(request._head, request.receive, limit)
        return await inside(request)

    return answer


def _fail(endpoint: Endpoint) -> Callable[[Request, Exception], Awaitable[Response]]:
    respond = endpoint.errors.respond

    async def fail(request: Request, error: Exception) -> Response:
        response = respond(request, error)
        return response if isinstance(response, Response) else await response

    return fail
