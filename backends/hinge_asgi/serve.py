"""An endpoint -> what serves its requests: the middleware, the body, the handler and the sending, in one frame.

Law: what an endpoint needs is decided when it is compiled; the request path holds nothing that it does not use. A plain
result of an endpoint without middleware goes out as it is encoded, without a Response. There is a `Request` where a
middleware or the handler takes one, and otherwise only once something is to be reported.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from hinge.binding.plan import Source
from hinge.compiling.frozen import Endpoint
from hinge.diagnostics.failures import FAILURES
from hinge.errors import HTTPError
from hinge.inspection.wrappers import Unawaited
from hinge.loop.answer import body_opener, coloured_call, make_failure
from hinge.loop.first_chunk import beginner
from hinge.loop.form import release
from hinge.loop.guards import with_guards
from hinge.loop.runtime import Runtime
from hinge.loop.serve import make_sender
from hinge.loop.watch import failure_of
from hinge.middleware.compose import Around, aenter, aleave, arecovered, enter, leave
from hinge.responses.response import Response
from hinge.responses.streaming import StreamingResponse
from hinge_asgi import lines
from hinge_asgi import scope as reader
from hinge_asgi.body import Receive, doubt, framing, read_rest, whole
from hinge_asgi.exchange import ASGIExchange, until_disconnected
from hinge_asgi.respond import LENGTH_LINES, SHORT, Messages, Send, closing, complete
from hinge_asgi.scope import Scope, lines_of

Serve = Callable[[Scope, Receive, Send, tuple[str, ...]], Awaitable[Awaitable[None] | None]]
"""It returns what is to be awaited then, if anything: a stream holds one frame less than if it waited for that."""

_OF_LINES = (Source.HEADER, Source.COOKIE, Source.BODY)


def make_serve(  # noqa: C901, PLR0915 - one frame for each request
    endpoint: Endpoint, runtime: Runtime, distrust: Callable[[str, HTTPError], tuple[Serve, tuple[Any, ...]]]
) -> Serve:
    """Return what serves an endpoint; `distrust` what does in its place where a request is framed in two ways."""
    endpoint = with_guards(endpoint, lines, runtime)
    plan, limit = endpoint.plan, endpoint.max_body_size
    needs_request, reads_body = endpoint.needs_request, plan.reads_body or endpoint.body_before is not None
    around, fail = Around.of(endpoint.layers, endpoint.body_before), make_failure(endpoint)
    outer, inner, is_async, has_layers = around.outer, around.inner, around.is_async, bool(endpoint.layers)
    # A body alone has a length, a type and a coding.
    reads_lines = reads_body or has_layers or sum(one.source in _OF_LINES for one in plan.arguments) > 1
    reading: Any = lines if reads_lines else reader
    call, awaits = coloured_call(endpoint, reading, runtime, _disconnected)
    open_body, begin, reads_form = body_opener(endpoint, reading, runtime), beginner(endpoint, runtime), plan.reads_form
    is_bare = plan.is_async and not plan.inline and not plan.arguments and plan.composed is None
    bare = plan.handler if is_bare else None
    status, head_only, closes = endpoint.status or 200, endpoint.head_only, endpoint.closes
    results = endpoint.results(
        None if has_layers or reads_form else lambda media_type: (b"content-type", media_type.encode())
    )
    rest, prepared, respond = _Rest(endpoint, runtime), results.prepared, results.respond

    async def serve(  # noqa: C901, PLR0912, PLR0915 - as it says
        scope: Scope, receive: Receive, send: Send, values: tuple[str, ...]
    ) -> Awaitable[None] | None:
        exchange: Any = None
        content: Any = None
        body = how = None
        head: Any = scope
        entered: Any = ()
        is_coded = False
        if reads_lines:
            head = scope, lines_of(scope)
            is_coded = b"transfer-encoding" in head[1]
        else:
            for name, _ in scope["headers"]:
                if name == b"transfer-encoding":
                    is_coded = True
        if is_coded and not closes and (error := doubt(scope)) is not None:
            instead, refused = distrust(scope["method"], error)
            return await instead(scope, receive, send, refused)
        try:
            if needs_request:
                entered = []
                exchange = ASGIExchange(reading, head, endpoint, values, runtime.state, receive=receive)
                if outer:
                    content = (await aenter(outer, entered, exchange)) if is_async else enter(outer, entered, exchange)
            if reads_body and content is None:
                try:
                    length = framing(scope, head[1], limit)
                    if length == 0:
                        body = b""
                    else:
                        message = await receive()
                        body = whole(message, length) or await read_rest(scope, receive, message, length, limit)
                except Exception as error:
                    if needs_request:
                        exchange._body = error  # told again to whoever asks for the body
                    raise
                if needs_request:
                    exchange._body = body
                    if inner:
                        content = (
                            (await aenter(inner, entered, exchange)) if is_async else enter(inner, entered, exchange)
                        )
            if content is None:
                try:
                    if bare is not None:
                        result = bare()
                    elif not needs_request:
                        result = call(head, values, body, receive)  # which tells of the leaving: there is no request
                    else:
                        result = call(head, values, body if open_body is None else await open_body(exchange), exchange)
                    if awaits:
                        result = await result
                except asyncio.CancelledError as error:
                    raise failure_of(error) from error
                how = None if needs_request and exchange._after else prepared.get(result.__class__)
                if how is not None:
                    content = how[0](result)
                else:
                    try:
                        content = respond(result)
                    except Unawaited as error:
                        content = error
                    if content.__class__ is not Response:
                        if isinstance(content, Unawaited):
                            content = await content.settle()
                        if has_layers and isinstance(content, StreamingResponse):
                            content = await begin(exchange, content)
            if needs_request:
                if entered:
                    if is_async:
                        content = await aleave(around, entered, exchange, content)
                    else:
                        content = leave(around, entered, exchange, content)
                if reads_form:
                    release(exchange)
        except FAILURES as error:
            if reads_form:
                release(exchange)
            if has_layers:
                await rest.answer(exchange, send, arecovered(around, entered, error, exchange, fail))
                return None
            content, how = failure_of(error), None
        if how is not None:
            size = len(content)
            headers = [how[1], LENGTH_LINES[size] if size < SHORT else (b"content-length", b"%d" % size)]
            code = status
        elif (
            content.__class__ is not Response
            and (not isinstance(content, Response) or isinstance(content, StreamingResponse))
        ) or (needs_request and (exchange._after or exchange._sources or exchange.watch)):
            try:
                return rest.send(scope, receive, send, values, exchange, content, body)
            finally:
                content = None  # a failure has this frame, and its body, in its traceback: each would keep the other
        else:
            code, headers, content = complete(content)
        try:
            await send({"type": "http.response.start", "status": code, "headers": headers, "trailers": False})
            await send({"type": "http.response.body", "body": b"" if head_only else content, "more_body": False})
        except OSError:
            pass  # the client has left; some servers say so by failing to send
        return None

    if not closes:
        return serve
    return lambda scope, receive, send, values: serve(scope, receive, closing(send), values)


async def _disconnected(connection: ASGIExchange | Receive) -> None:
    if isinstance(connection, ASGIExchange):
        await connection.disconnected()
    else:
        await until_disconnected(connection)


class _Rest:
    """What most requests of an endpoint do not need: streams, failures, what waits for the response."""

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
        outcome: Any,
        body: bytes | None,
    ) -> Awaitable[None]:
        """Send a response of any kind, or what answers a failure, and do what waits for its end."""
        if exchange is None:
            exchange = ASGIExchange(reader, scope, self._endpoint, values, self._runtime.state, receive=receive)
            if self._reads_body:
                exchange.keep_body(outcome if body is None and isinstance(outcome, Exception) else body)
        return self.answer(exchange, send, outcome)

    def answer(self, exchange: Any, send: Send, outcome: Response | Exception | Awaitable[Response]) -> Awaitable[None]:
        """Do the same for a request that exists; `outcome` may be what makes the response, too."""
        return self._send(exchange, Messages(send, exchange), outcome)
