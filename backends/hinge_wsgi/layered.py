"""Endpoints inside middleware: the layers, the handler and the sending.

Law: plain layers and a plain handler stay in the server's thread; one that awaits has all of them on the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from hinge.compiling.frozen import Endpoint
from hinge.diagnostics.failures import FAILURES, failure_in_task
from hinge.inspection.wrappers import Unawaited, awaited
from hinge.middleware.compose import compose, compose_async
from hinge.request import Request
from hinge.responses.response import Response
from hinge.responses.streaming import StreamingResponse, unsent
from hinge_wsgi import environ as reader
from hinge_wsgi.direct import Serve, body_getter, coloured_call, failure_response, whole_body
from hinge_wsgi.environ import Environ
from hinge_wsgi.first_chunk import async_beginner, beginner
from hinge_wsgi.form import releasing
from hinge_wsgi.respond import StartResponse, answer_with
from hinge_wsgi.runtime import Runtime
from hinge_wsgi.stream import close_sources
from hinge_wsgi.waiting import current, on_request_thread


def layered(endpoint: Endpoint, runtime: Runtime) -> Serve:
    """Return what serves an endpoint that has layers, or reads a form."""
    head_only = endpoint.head_only
    answer, fail = _answer(endpoint, runtime), _fail(endpoint, runtime)
    if endpoint.plan.reads_form:
        answer = releasing(answer)

    def serve(environ: Environ, start_response: StartResponse, values: tuple[str, ...]) -> Any:
        request = Request(reader, environ, endpoint, values, runtime.state)
        try:
            return answer_with(runtime, start_response, answer(request), request, fail, head_only=head_only)
        except BaseException:  # of the server's, or an exit
            close_sources(runtime, request, unsent(request, None))
            raise

    return serve


def _answer(endpoint: Endpoint, runtime: Runtime) -> Callable[[Request], Response]:
    layers, before = endpoint.layers, endpoint.body_before
    fail = _fail(endpoint, runtime)
    if not endpoint.has_async_layers:
        if before is None:
            return compose(layers, _inner(endpoint, runtime), fail)
        inside = compose(layers[before:], _inner(endpoint, runtime), fail)
        return compose(layers[:before], _reading(endpoint, inside), fail)
    afail = _async_fail(endpoint)
    inner = _async_inner(endpoint, runtime)
    if before is None:
        composed = compose_async(layers, inner, afail)
    else:
        reading = _async_reading(endpoint, compose_async(layers[before:], inner, afail))
        composed = compose_async(layers[:before], reading, afail)

    def answer(request: Request) -> Response:
        try:
            return runtime.run(composed(request))  # type: ignore[arg-type,no-any-return]  # an async def's awaitable
        except FAILURES as error:  # a cancellation, by the worker's stop or of what it waited for
            return fail(request, error)

    return answer


def _inner(endpoint: Endpoint, runtime: Runtime) -> Callable[[Request], Response]:
    call = coloured_call(endpoint, runtime)
    body_of, respond, begin = body_getter(endpoint), endpoint.responder(), beginner(endpoint, runtime)

    def inner(request: Request) -> Response:
        body = None if body_of is None else body_of(request)
        try:
            response = respond(call(request._head, request._values, body, request))
        except Unawaited as error:
            response = runtime.run(error.settle())
        if isinstance(response, StreamingResponse):
            return begin(request, response)
        return response

    return inner


def _async_inner(endpoint: Endpoint, runtime: Runtime) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    import asyncio  # noqa: PLC0415 - for who needs a loop

    call, plan = endpoint.bind(reader), endpoint.plan
    body_of: Any = body_getter(endpoint) or (lambda request: None)
    respond = endpoint.responder()
    reads_body, begin = plan.reads_body or plan.reads_form, async_beginner(endpoint, runtime)
    maybe_async = plan.maybe_async

    async def inner(request: Request) -> Response:
        # A plain handler and every read of the body stay in the server's thread: neither may stop the loop.
        try:
            if plan.is_async:
                body = await on_request_thread(lambda: body_of(request)) if reads_body else body_of(request)
                result = await call(request._head, request._values, body, request)
            else:
                result = await on_request_thread(
                    lambda: call(request._head, request._values, body_of(request), request)
                )
                if maybe_async:
                    result = await awaited(result)
        except asyncio.CancelledError:
            current.get().raise_cut()
            raise
        try:
            response = respond(result)
        except Unawaited as error:
            response = await error.settle()
        return await begin(request, response)

    return inner


def _reading(endpoint: Endpoint, inside: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """Read the body before the layers that asked for it."""
    read = whole_body(endpoint)

    def answer(request: Request) -> Response:
        read(request)
        return inside(request)

    return answer


def _async_reading(endpoint: Endpoint, inside: Callable[[Request], Any]) -> Callable[[Request], Any]:
    read = whole_body(endpoint)

    async def answer(request: Request) -> Response:
        await on_request_thread(lambda: read(request))
        response: Response = await inside(request)
        return response

    return answer


def _fail(endpoint: Endpoint, runtime: Runtime) -> Callable[[Request, Exception], Response]:
    return lambda request, error: failure_response(endpoint, runtime, request, error)


def _async_fail(endpoint: Endpoint) -> Callable[[Request, Exception], Coroutine[Any, Any, Response]]:
    respond = endpoint.errors.respond

    async def fail(request: Request, error: Exception) -> Response:
        response = respond(request, failure_in_task(error))
        return response if isinstance(response, Response) else await response

    return fail
