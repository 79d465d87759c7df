"""Endpoints with a layer that awaits: the layers and an `async def` handler run on the event loop.

Law: a plain handler and every read of the body stay in the server's thread: neither may stop the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from hinge.compiling.frozen import Endpoint
from hinge.diagnostics.failures import FAILURES, failure_in_task
from hinge.errors import HTTPError
from hinge.inspection.wrappers import Unawaited, awaited
from hinge.middleware.compose import compose_async
from hinge.request import Request
from hinge.responses.response import Response
from hinge_wsgi import environ as reader
from hinge_wsgi.body import read_body
from hinge_wsgi.environ import Environ
from hinge_wsgi.first_chunk import async_beginner
from hinge_wsgi.form import release
from hinge_wsgi.respond import StartResponse
from hinge_wsgi.runtime import Runtime
from hinge_wsgi.serve import Rest, Serve, body_opener, bound, failure_response
from hinge_wsgi.waiting import current, on_request_thread


def make_serve_on_loop(endpoint: Endpoint, runtime: Runtime) -> Serve:
    """Return what serves such an endpoint."""
    answer, send = _answer(endpoint, runtime), Rest(endpoint, runtime).answer

    def serve(environ: Environ, start_response: StartResponse, values: tuple[str, ...]) -> Any:
        request = Request(reader, environ, endpoint, values, runtime.state)
        return send(start_response, request, lambda: answer(request))

    return serve


def _answer(endpoint: Endpoint, runtime: Runtime) -> Callable[[Request], Response]:
    """Return `(request) -> response`, to be called in a server's thread; it raises no Exception."""
    before = endpoint.body_before
    composed = compose_async(
        endpoint.layers,
        _async_inner(endpoint, runtime),
        _async_fail(endpoint),
        body_before=before,
        read=None if before is None else _async_reading(endpoint),
    )
    reads_form, needs = endpoint.plan.reads_form, endpoint.plan.composed
    if needs is not None and needs.is_guarded and needs.may_stay:
        from hinge_wsgi.parked import park  # noqa: PLC0415 - only routes with such dependencies pay for it

        composed = park(composed)

    def answer(request: Request) -> Response:
        try:
            return runtime.run(composed(request))  # type: ignore[arg-type,no-any-return]  # an async def's awaitable
        except FAILURES as error:  # a cancellation, by the worker's stop or of what it waited for
            return failure_response(endpoint, runtime, request, error)
        finally:
            if reads_form:
                release(request)

    return answer


def _async_inner(endpoint: Endpoint, runtime: Runtime) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    call, plan = bound(endpoint), endpoint.plan
    body_of: Any = body_opener(endpoint) or (_whole_body(endpoint) if plan.reads_body else lambda request: None)
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


def _async_reading(endpoint: Endpoint) -> Callable[[Request], Awaitable[bytes]]:
    read = _whole_body(endpoint)
    return lambda request: on_request_thread(lambda: read(request))


def _async_fail(endpoint: Endpoint) -> Callable[[Request, Exception], Coroutine[Any, Any, Response]]:
    respond = endpoint.errors.respond

    async def fail(request: Request, error: Exception) -> Response:
        response = respond(request, failure_in_task(error))
        return response if isinstance(response, Response) else await response

    return fail


def _whole_body(endpoint: Endpoint) -> Callable[[Request], bytes]:
    """Return what reads the whole body once, and keeps it or what made that impossible; raises as `read_body`."""
    limit = endpoint.max_body_size

    def whole(request: Request) -> bytes:
        body: Any = request._body
        if body.__class__ is bytes:
            return body
        try:
            body = request._body = read_body(request._head, limit)
        except HTTPError as error:
            request._body = error
            raise
        return body  # type: ignore[no-any-return]

    return whole
