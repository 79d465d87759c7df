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
from hinge.diagnostics.failures import FAILURES, failure_in_task
from hinge.http.body import WholeBody, is_short
from hinge.inspection.wrappers import Unawaited, awaited
from hinge.loop.decode import decoding
from hinge.loop.exchange import Exchange
from hinge.loop.first_chunk import beginner
from hinge.loop.form import form_reading, release
from hinge.loop.guards import with_guards
from hinge.loop.hops import all_in_thread, hops_of
from hinge.loop.inline import watched
from hinge.loop.runtime import Runtime, handler_threads
from hinge.loop.threads import Disconnected
from hinge.loop.watch import ClientLeft, failure_of
from hinge.loop.without import arrived
from hinge.middleware.compose import Around, aenter, aleave, arecovered, enter, leave
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
    call = endpoint.bind(reader, hops=hops_of(endpoint, runtime))
    plan = endpoint.plan
    if plan.is_async or plan.inline or plan.is_generator:
        call, awaits = _on_loop(call, plan)
        if not plan.decodes_body:
            return call, awaits
        return decoding(endpoint, reader, runtime, call, disconnected, awaits=awaits), True
    in_thread, threads = runtime.in_thread, handler_threads(endpoint)

    if plan.composed is not None and plan.composed.has_exits:
        return all_in_thread(runtime, threads, call, disconnected), True

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


def make_answer(  # noqa: C901 - one frame for each request
    endpoint: Endpoint, reader: Any, runtime: Runtime
) -> Callable[[Any], Awaitable[Response]]:
    """Return `(exchange) -> response`: the middleware, the body and the handler; it raises no Exception."""
    endpoint = with_guards(endpoint, reader, runtime)
    around, fail, plan = Around.of(endpoint.layers, endpoint.body_before), make_failure(endpoint), endpoint.plan
    outer, inner, is_async = around.outer, around.inner, around.is_async
    call, awaits = coloured_call(endpoint, reader, runtime, _disconnected)
    limit, respond, begin = endpoint.max_body_size, endpoint.responder(), beginner(endpoint, runtime)
    reads_body, reads_form = plan.reads_body or endpoint.body_before is not None, plan.reads_form
    open_body = body_opener(endpoint, reader, runtime)

    async def answer(exchange: Any) -> Response:  # noqa: C901, PLR0912 - as it says
        body: Any = None
        response: Any = None
        entered: list[Any] = []
        try:
            if outer:
                response = (await aenter(outer, entered, exchange)) if is_async else enter(outer, entered, exchange)
            if reads_body and response is None:
                try:
                    body = exchange._body = await exchange.read_body(limit)
                except Exception as error:
                    exchange._body = error  # told again to whoever asks for the body
                    raise
            if inner and response is None:
                response = (await aenter(inner, entered, exchange)) if is_async else enter(inner, entered, exchange)
            if response is None:
                if open_body is not None:
                    body = await open_body(exchange)
                try:
                    result = call(exchange._head, exchange._values, body, exchange)
                    if awaits:
                        result = await result
                except asyncio.CancelledError as error:
                    raise failure_of(error) from error
                try:
                    response = respond(result)
                except Unawaited as error:
                    response = await error.settle()
                if isinstance(response, StreamingResponse):
                    response = await begin(exchange, response)
            if entered:
                return (
                    (await aleave(around, entered, exchange, response))
                    if is_async
                    else leave(around, entered, exchange, response)
                )
        except FAILURES as error:
            return await arecovered(around, entered, error, exchange, fail)
        else:
            return response  # type: ignore[no-any-return]  # None until something answers
        finally:
            if reads_form:
                release(exchange)

    return answer


def body_opener(endpoint: Endpoint, reader: Any, runtime: Runtime) -> Callable[[Any], Awaitable[Any]] | None:
    """Return `(exchange) -> its form, or its body as a stream`; None for a handler that takes neither."""
    if endpoint.plan.reads_form:
        return form_reading(endpoint, reader, runtime)
    if not endpoint.plan.streams_body:
        return None
    limit = endpoint.max_body_size
    if Feature.DUPLEX not in runtime.features:
        return arrived(limit)

    async def opened(exchange: Any) -> Any:
        return exchange.open_body(limit)

    if endpoint.route is None or endpoint.route.interface is None:
        return opened
    length, coding = reader.header("content-length"), reader.header("transfer-encoding")

    async def opened_or_read(exchange: Any) -> Any:
        head, method = exchange.head, exchange.method
        declared = length(head)
        if not is_short(method, declared, coding(head)):
            return exchange.open_body(limit)
        return WholeBody(await exchange.read_body(limit) if declared else b"")

    return opened_or_read  # a mounted application
