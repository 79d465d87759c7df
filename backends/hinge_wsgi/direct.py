"""Endpoints without middleware: a plain result goes out as it is encoded, without a Response.

Law: what an endpoint needs is decided when it is compiled; the request path holds nothing that it does not use. There
is a `Request` where the handler takes one, and otherwise only once something is to be reported.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from hinge.binding.plan import HandlerPlan
from hinge.compiling.frozen import Endpoint
from hinge.diagnostics.failures import FAILURES, failure_of
from hinge.errors import ConfigurationError, HTTPError
from hinge.inspection.wrappers import awaited, is_awaitable
from hinge.request import Request
from hinge.responses.response import Response
from hinge.responses.streaming import StreamingResponse, chosen
from hinge_wsgi import environ as reader
from hinge_wsgi.body import body_stream, read_body
from hinge_wsgi.environ import Environ
from hinge_wsgi.form import form_getter
from hinge_wsgi.respond import LENGTH_LINES, SHORT, STATUS_LINES, StartResponse, answer_with, send, send_stream
from hinge_wsgi.runtime import Runtime
from hinge_wsgi.waiting import on_request_thread

Serve = Callable[[Environ, StartResponse, tuple[str, ...]], Any]


def direct(endpoint: Endpoint, runtime: Runtime) -> Serve:
    """Return what serves an endpoint that has no layers."""
    call, plan = coloured_call(endpoint, runtime), endpoint.plan
    bare = None if plan.arguments or plan.is_async or plan.maybe_async else plan.handler
    limit, head_only = endpoint.max_body_size, endpoint.head_only
    reads_body, needs_request, body_of = plan.reads_body, endpoint.needs_request, body_getter(endpoint)
    status_line = STATUS_LINES[endpoint.status or 200]
    results = endpoint.results(lambda media_type: ("content-type", media_type))
    rest, prepared = _Rest(endpoint, runtime, results.respond), results.prepared
    other, failed = rest.other, rest.failed

    def serve(environ: Environ, start_response: StartResponse, values: tuple[str, ...]) -> Any:
        request = body = None
        try:
            if bare is not None:
                result = bare()
            elif needs_request:
                request = Request(reader, environ, endpoint, values, runtime.state)
                result = call(environ, values, None if body_of is None else body_of(request), request)
                if request._after is not None:
                    return other(environ, start_response, values, request, result, body)
            else:
                if reads_body:
                    body = read_body(environ, limit)
                result = call(environ, values, body, None)
            how = prepared.get(result.__class__)
            if how is None:
                return other(environ, start_response, values, request, result, body)
            encode, content_type = how
            content = encode(result)
        except FAILURES as error:
            return failed(environ, start_response, values, request, error, body)
        size = len(content)
        length = LENGTH_LINES[size] if size < SHORT else ("content-length", str(size))
        start_response(status_line, [content_type, length])
        return [] if head_only else [content]

    return serve


class _Rest:
    """What most requests of an endpoint do not need: other results than plain ones, and failures."""

    def __init__(self, endpoint: Endpoint, runtime: Runtime, respond: Callable[[Any], Response]) -> None:
        self._endpoint = endpoint
        self._runtime = runtime
        self._respond = respond
        self._head_only = endpoint.head_only

    def other(
        self,
        environ: Environ,
        start_response: StartResponse,
        values: tuple[str, ...],
        request: Request | None,
        result: Any,
        body: bytes | None,
    ) -> Any:
        """Answer with a result of any type."""
        response = self._respond(result)
        if isinstance(response, StreamingResponse):
            is_known = request is not None
            if request is None:  # a failure in it is logged with its request
                request = self._request(environ, values, body)
            try:
                response = chosen(request, response)
            except FAILURES as error:
                return self.failed(environ, start_response, values, request, error, body)
            if isinstance(response, StreamingResponse):
                return send_stream(
                    self._runtime, start_response, response, request, head_only=self._head_only, is_known=is_known
                )
        return send(self._runtime, start_response, response, request, head_only=self._head_only)

    def failed(
        self,
        environ: Environ,
        start_response: StartResponse,
        values: tuple[str, ...],
        request: Request | None,
        error: Exception,
        body: bytes | None,
    ) -> Any:
        """Answer a failure."""
        if request is None:
            request = self._request(environ, values, error if body is None else body)
        response = self._fail(request, error)
        return answer_with(self._runtime, start_response, response, request, self._fail, head_only=self._head_only)

    def _fail(self, request: Request, error: Exception) -> Response:
        return failure_response(self._endpoint, self._runtime, request, error)

    def _request(self, environ: Environ, values: tuple[str, ...], body: bytes | Exception | None) -> Request:
        request = Request(reader, environ, self._endpoint, values, self._runtime.state)
        if self._endpoint.plan.reads_body:  # error handlers may read it as well, or why there is none
            request._body = body
        return request


def failure_response(endpoint: Endpoint, runtime: Runtime, request: Request, error: Exception) -> Response:
    """Return what answers a failure, in a server's thread."""
    response = endpoint.errors.respond(request, failure_of(error))
    return response if isinstance(response, Response) else runtime.run(response)  # type: ignore[arg-type]


def coloured_call(endpoint: Endpoint, runtime: Runtime) -> Callable[..., Any]:
    """Return the bound handler as a plain function, whatever its colour."""
    call = endpoint.bind(reader)
    plan = endpoint.plan
    if plan.maybe_async:
        return _settled(call, plan, runtime)
    if not plan.is_async:
        return call
    if plan.inline:
        who = plan.describe()
        return lambda head, values, body, request: drive(call(head, values, body, request), who)
    run = runtime.run
    if plan.own_loop:
        from hinge_wsgi.thread_loop import run_here as run  # noqa: PLC0415 - with asyncio, for who needs a loop
    return lambda head, values, body, request: run(call(head, values, body, request))


def _settled(call: Callable[..., Any], plan: HandlerPlan, runtime: Runtime) -> Callable[..., Any]:
    """Return `call` with what it returns awaited if it can be."""
    who = plan.describe()

    def settled(head: Any, values: tuple[str, ...], body: Any, request: Any) -> Any:
        result = call(head, values, body, request)
        if not is_awaitable(result):
            return result
        return drive(awaited(result), who) if plan.inline else runtime.run(awaited(result))

    return settled


def drive(coroutine: Coroutine[Any, Any, Any], who: str) -> Any:
    """Run a coroutine that never waits to its end, without an event loop.

    Raises:
        ConfigurationError: it does wait.
    """
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    except RuntimeError as error:
        # asyncio's "no running event loop", anyio's and sniffio's of their own.
        if "event loop" in str(error) or "async library" in str(error):
            raise _waits(who) from error
        raise
    try:
        coroutine.close()
    except Exception as error:
        raise _waits(who) from error
    raise _waits(who)


def _waits(who: str) -> ConfigurationError:
    return ConfigurationError(
        f"{who}: it is registered with inline=True but waits for something. Fix: drop inline=True"
    )


def body_getter(endpoint: Endpoint) -> Callable[[Request], Any] | None:
    """Return what gives the handler its body: read whole, as a stream, or as a form; None: it takes none."""
    limit = endpoint.max_body_size
    if endpoint.plan.reads_form:
        return form_getter(endpoint)
    if endpoint.plan.streams_body:
        return lambda request: body_stream(request._head, limit, on_request_thread)
    return whole_body(endpoint) if endpoint.plan.reads_body else None


def whole_body(endpoint: Endpoint) -> Callable[[Request], bytes]:
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
