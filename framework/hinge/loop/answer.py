"""An endpoint -> the coroutine function that answers its requests: body, handler, middleware, each in its colour.

Law: all is decided at compile. Coroutines are awaited where they are, plain functions run in a worker thread unless
they are `inline`; large bodies are decoded in one, whoever takes them. The body is read only if somebody wants it, and
outside of the layers that asked for it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from hinge.backend.contract import Feature
from hinge.binding.plan import HandlerPlan
from hinge.compiling.frozen import Endpoint
from hinge.diagnostics.failures import failure_in_task
from hinge.inspection.wrappers import Unawaited, awaited
from hinge.loop.decode import decoding
from hinge.loop.exchange import Exchange
from hinge.loop.first_chunk import beginner
from hinge.loop.form import form_reading, releasing
from hinge.loop.inline import watched
from hinge.loop.runtime import Runtime, handler_threads
from hinge.loop.threads import Disconnected
from hinge.loop.watch import ClientLeft, failure_of
from hinge.loop.without import arrived
from hinge.middleware.compose import compose_async
from hinge.request import Request
from hinge.responses.response import Response
from hinge.responses.streaming import StreamingResponse

Fail: TypeAlias = Callable[[Any, Exception], Awaitable[Response]]


def coloured_call(
    endpoint: Endpoint, reader: Any, runtime: Runtime, disconnected: Disconnected | None = None
) -> tuple[Callable[..., Any], bool]:
    """Return the bound handler `(head, values, body, request)`, and whether what it returns is to be awaited.

    A plain handler whose client leaves while it waits for a thread is not called: `disconnected` gets `request`, and
    returns once the client has left. For a handler that needs none, anything may stand for the request.
    """
    call = endpoint.bind(reader)
    plan = endpoint.plan
    if plan.is_async or plan.inline or plan.is_generator:
        call, awaits = _on_loop(call, plan)
        if not plan.decodes_body:
            return call, awaits
        return decoding(endpoint, reader, runtime, call, disconnected, awaits=awaits), True
    in_thread, threads = runtime.in_thread, handler_threads(endpoint)

    def call_in_thread(head: Any, values: tuple[str, ...], body: Any, request: Any) -> Awaitable[Any]:
        return in_thread(threads, call, head, values, body, request, disconnected=disconnected)

    if not plan.maybe_async:
        return call_in_thread, True

    async def call_and_await(head: Any, values: tuple[str, ...], body: Any, request: Any) -> Any:
        return await awaited(await call_in_thread(head, values, body, request))

    return call_and_await, True


def _on_loop(call: Callable[..., Any], plan: HandlerPlan) -> tuple[Callable[..., Any], bool]:
    if plan.is_async and plan.inline:
        return watched(call, plan), True
    if plan.inline and plan.maybe_async:
        return (lambda head, values, body, request: awaited(call(head, values, body, request))), True
    return call, plan.is_async


def _disconnected(exchange: Exchange) -> Awaitable[None]:
    return exchange.disconnected()


def make_failure(endpoint: Endpoint) -> Fail:
    """Return what makes a response of a failure; it raises only what is none (hinge.diagnostics.failures)."""
    respond = endpoint.errors.respond

    async def fail(request: Request, error: Exception) -> Response:
        if isinstance(error, ClientLeft):
            raise error
        response = respond(request, failure_in_task(error))
        return response if isinstance(response, Response) else await response

    return fail


def make_answer(endpoint: Endpoint, reader: Any, runtime: Runtime) -> Callable[[Any], Awaitable[Response]]:
    """Return `(exchange) -> response`, with the middleware around the handler; it raises no Exception."""
    layers, before, limit = endpoint.layers, endpoint.body_before, endpoint.max_body_size
    fail = make_failure(endpoint)
    inner = _inner(endpoint, reader, runtime)
    if before is None:
        answer = compose_async(layers, inner, fail)
        return releasing(answer) if endpoint.plan.reads_form else answer
    inside = compose_async(layers[before:], inner, fail)

    async def with_body(request: Any) -> Response:
        try:
            request._body = await request.read_body(limit)
        except Exception as error:
            request._body = error  # told again to whoever asks for the body
            raise
        return await inside(request)

    answer = compose_async(layers[:before], with_body, fail)
    return releasing(answer) if endpoint.plan.reads_form else answer


def _inner(endpoint: Endpoint, reader: Any, runtime: Runtime) -> Callable[[Any], Awaitable[Response]]:
    call, awaits = coloured_call(endpoint, reader, runtime, _disconnected)
    plan, limit, respond = endpoint.plan, endpoint.max_body_size, endpoint.responder()
    reads_body = plan.reads_body
    read_special: Callable[[Any], Awaitable[Any]] | None = None
    if plan.reads_form:
        read_special = form_reading(endpoint, reader, runtime)
    elif plan.streams_body and Feature.DUPLEX not in runtime.features:
        read_special = arrived(limit)
    is_special = plan.streams_body or plan.reads_form
    begin = beginner(endpoint, runtime)

    async def inner(request: Any) -> Response:
        body: Any = None
        if is_special:
            body = request.open_body(limit) if read_special is None else await read_special(request)
        elif reads_body:
            body = request._body
            if not isinstance(body, bytes):
                try:
                    body = request._body = await request.read_body(limit)
                except Exception as error:
                    request._body = error  # as above
                    raise
        try:
            result = call(request._head, request._values, body, request)
            if awaits:
                result = await result
        except asyncio.CancelledError as error:
            raise failure_of(error) from error
        try:
            response = respond(result)
        except Unawaited as error:
            response = await error.settle()
        if isinstance(response, StreamingResponse):
            response = await begin(request, response)
        return response

    return inner
