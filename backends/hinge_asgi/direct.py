"""Endpoints without middleware: a plain result goes out as it is encoded, without a Response.

Law: what an endpoint needs is decided when it is compiled; the request path holds nothing that it does not use. There
is a `Request` where the handler takes one, and otherwise only once something is to be reported.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from hinge.binding.plan import Source
from hinge.compiling.frozen import Endpoint
from hinge.diagnostics.failures import FAILURES
from hinge.loop.answer import coloured_call
from hinge.loop.runtime import Runtime
from hinge.loop.serve import make_sender
from hinge.loop.watch import failure_of
from hinge.responses.response import Response
from hinge.responses.streaming import StreamingResponse
from hinge_asgi import lines
from hinge_asgi import scope as reader
from hinge_asgi.body import Receive, read_body
from hinge_asgi.exchange import ASGIExchange, until_disconnected
from hinge_asgi.lines import indexed
from hinge_asgi.respond import LENGTH_LINES, SHORT, Messages, Send, send_complete
from hinge_asgi.scope import Scope

Serve = Callable[[Scope, Receive, Send, tuple[str, ...]], Awaitable[Awaitable[None] | None]]
"""It returns what is to be awaited then, if anything: a stream holds one frame less than if it waited for that."""

_OF_LINES = (Source.HEADER, Source.COOKIE, Source.BODY)


def direct(endpoint: Endpoint, runtime: Runtime) -> Serve:
    """Return what serves an endpoint that has no layers."""
    plan = endpoint.plan
    needs_request, reads_body, limit = endpoint.needs_request, plan.reads_body, endpoint.max_body_size
    # A body alone has a length, a type and a coding.
    reads_lines = reads_body or sum(one.source in _OF_LINES for one in plan.arguments) > 1
    reading: Any = lines if reads_lines else reader
    call, awaits = coloured_call(endpoint, reading, runtime, _disconnected)
    streams_body = plan.streams_body
    bare = plan.handler if plan.is_async and not plan.inline and not plan.arguments else None
    status, head_only = endpoint.status or 200, endpoint.head_only
    results = endpoint.results(lambda media_type: (b"content-type", media_type.encode()))
    rest, prepared, respond = _Rest(endpoint, runtime), results.prepared, results.respond

    async def serve(scope: Scope, receive: Receive, send: Send, values: tuple[str, ...]) -> Awaitable[None] | None:
        exchange = body = None
        head: Any = scope
        try:
            if reads_lines:
                head = indexed(scope)
                if reads_body:
                    body = await read_body(scope, head[1], receive, limit)
            if bare is not None:
                result = bare()
            elif needs_request:
                exchange = ASGIExchange(reading, head, endpoint, values, runtime.state, receive=receive)
                if body is not None:
                    exchange._body = body
                result = call(head, values, exchange.open_body(limit) if streams_body else body, exchange)
            else:
                result = call(head, values, body, receive)  # which tells of the leaving: there is no request
            if awaits:
                result = await result
            how = None if exchange is not None and exchange._after else prepared.get(result.__class__)
            content: Any = respond(result) if how is None else how[0](result)
        except FAILURES as error:
            content, how = failure_of(error), None
        if how is None:
            return rest.send(scope, receive, send, values, exchange, content, body)
        size = len(content)
        headers = [how[1], LENGTH_LINES[size] if size < SHORT else (b"content-length", b"%d" % size)]
        try:
            await send({"type": "http.response.start", "status": status, "headers": headers, "trailers": False})
            await send({"type": "http.response.body", "body": b"" if head_only else content, "more_body": False})
        except OSError:
            pass  # the client has left; some servers say so by failing to send
        return None

    return serve


async def _disconnected(connection: ASGIExchange | Receive) -> None:
    if isinstance(connection, ASGIExchange):
        await connection.disconnected()
    else:
        await until_disconnected(connection)


class _Rest:
    """What most requests of an endpoint do not need: other results than plain ones, and failures."""

    def __init__(self, endpoint: Endpoint, runtime: Runtime) -> None:
        self._endpoint = endpoint
        self._runtime = runtime
        self._send = make_sender(endpoint, runtime)
        self._reads_body = endpoint.plan.reads_body

    def send(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        values: tuple[str, ...],
        exchange: ASGIExchange | None,
        outcome: Response | Exception,
        body: bytes | None,
    ) -> Awaitable[None]:
        """Send a response of any kind, or what answers a failure, and do what waits for its end."""
        if exchange is None:
            if isinstance(outcome, Response) and not isinstance(outcome, StreamingResponse):
                return send_complete(send, outcome, head_only=self._endpoint.head_only)
            exchange = ASGIExchange(reader, scope, self._endpoint, values, self._runtime.state, receive=receive)
            if self._reads_body:
                exchange.keep_body(outcome if body is None and isinstance(outcome, Exception) else body)
        return self._send(exchange, Messages(send, exchange), outcome)
