"""An endpoint -> what serves its requests: the middleware, the body, the handler and the sending, in one frame.

Law: what an endpoint needs is decided when it is compiled; the request path holds nothing that it does not use. A plain
result of an endpoint without middleware goes out as it is encoded, without a Response. There is a `Request` where a
middleware or the handler takes one, and otherwise only once something is to be reported. Plain layers and a plain
handler stay in the server's thread; one layer that awaits has all of them on the loop (`hinge_wsgi.on_loop`).
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from hinge.binding.plan import HandlerPlan
from hinge.compiling.frozen import Endpoint
from hinge.diagnostics.failures import FAILURES, failure_of
from hinge.errors import ConfigurationError
from hinge.inspection.wrappers import Unawaited, awaited, is_awaitable
from hinge.middleware.compose import Around, enter, leave, recovered
from hinge.request import Request
from hinge.responses.response import Response
from hinge.responses.streaming import StreamingResponse, chosen, unsent
from hinge_wsgi import environ as reader
from hinge_wsgi.body import body_stream, read_body
from hinge_wsgi.environ import Environ
from hinge_wsgi.first_chunk import beginner
from hinge_wsgi.form import form_getter, release
from hinge_wsgi.respond import LENGTH_LINES, SHORT, STATUS_LINES, StartResponse, answer_with, complete
from hinge_wsgi.runtime import Runtime
from hinge_wsgi.stream import close_sources
from hinge_wsgi.waiting import on_request_thread

Serve = Callable[[Environ, StartResponse, tuple[str, ...]], Any]


def make_serve(endpoint: Endpoint, runtime: Runtime) -> Serve:  # noqa: C901, PLR0915 - one frame for each request
    """Return what serves an endpoint whose layers, if it has any, are plain functions."""
    plan, limit, head_only = endpoint.plan, endpoint.max_body_size, endpoint.head_only
    needs_request, reads_body = endpoint.needs_request, plan.reads_body or endpoint.body_before is not None
    around, has_layers = Around.of(endpoint.layers, endpoint.body_before), bool(endpoint.layers)
    outer, inner = around.outer, around.inner
    call, open_body, reads_form = coloured_call(endpoint, runtime), body_opener(endpoint), plan.reads_form
    is_bare = not (plan.arguments or plan.is_async or plan.maybe_async) and plan.composed is None
    bare = plan.handler if is_bare else None
    status_line, run, begin = STATUS_LINES[endpoint.status or 200], runtime.run, beginner(endpoint, runtime)
    results = endpoint.results(None if has_layers or reads_form else lambda media_type: ("content-type", media_type))
    rest, prepared, respond = Rest(endpoint, runtime), results.prepared, results.respond
    other, failed = rest.other, rest.failed

    def serve(  # noqa: C901, PLR0912 - as it says
        environ: Environ, start_response: StartResponse, values: tuple[str, ...]
    ) -> Any:
        request: Any = None
        content: Any = None
        body = how = None
        entered: Any = ()
        try:
            if needs_request:
                request, entered = Request(reader, environ, endpoint, values, runtime.state), []
                if outer:
                    content = enter(outer, entered, request)
                if reads_body and content is None:
                    try:
                        body = request._body = read_body(environ, limit)
                    except Exception as error:
                        request._body = error  # told again to whoever asks for the body
                        raise
                if inner and content is None:
                    content = enter(inner, entered, request)
            elif reads_body:
                body = read_body(environ, limit)
            if content is None:
                if bare is not None:
                    result = bare()
                else:
                    result = call(environ, values, body if open_body is None else open_body(request), request)
                how = None if needs_request and request._after else prepared.get(result.__class__)
                if how is not None:
                    content = how[0](result)
                else:
                    try:
                        content = respond(result)
                    except Unawaited as error:
                        content = error
                    if content.__class__ is not Response:
                        if isinstance(content, Unawaited):
                            content = run(content.settle())
                        if has_layers and isinstance(content, StreamingResponse):
                            content = begin(request, content)
            if needs_request:
                if entered:
                    content = leave(around, entered, request, content)
                if reads_form:
                    release(request)
        except FAILURES as error:
            return failed(environ, start_response, values, request, error, body, entered)
        if how is not None:
            size = len(content)
            headers = [how[1], LENGTH_LINES[size] if size < SHORT else ("content-length", str(size))]
            start_response(status_line, headers)
            return [] if head_only else [content]
        if (content.__class__ is not Response and isinstance(content, StreamingResponse)) or (
            needs_request and (request._after or request._sources)
        ):
            return other(environ, start_response, values, request, content, body)
        code, headers, content = complete(content)
        start_response(STATUS_LINES[code], headers)
        return [] if head_only or not content else [content]

    return serve


class Rest:
    """What most requests of an endpoint do not need: streams, failures, what waits for the response."""

    def __init__(self, endpoint: Endpoint, runtime: Runtime) -> None:
        self._endpoint = endpoint
        self._runtime = runtime
        self._around = Around.of(endpoint.layers)
        self._head_only = endpoint.head_only

    def other(
        self,
        environ: Environ,
        start_response: StartResponse,
        values: tuple[str, ...],
        request: Request | None,
        response: Response,
        body: bytes | None,
    ) -> Any:
        """Answer with a stream, or with what has something to do once the client has it."""
        is_known = request is not None
        if request is None:  # a failure in it is logged with its request
            request = self._request(environ, values, body)
        if isinstance(response, StreamingResponse) and not self._around.layers:  # in which streams have begun
            try:
                response = chosen(request, response)
            except FAILURES as error:
                response = self._fail(request, error)
        fail, head_only = self._fail, self._head_only
        try:
            return answer_with(
                self._runtime, start_response, response, request, fail=fail, head_only=head_only, is_known=is_known
            )
        except BaseException:  # of the server's, or an exit
            close_sources(self._runtime, request, unsent(request, None))
            raise

    def failed(
        self,
        environ: Environ,
        start_response: StartResponse,
        values: tuple[str, ...],
        request: Request | None,
        error: Exception,
        body: bytes | None,
        entered: list[Any],
    ) -> Any:
        """Answer a failure."""
        if request is None:
            request = self._request(environ, values, error if body is None else body)
        if self._endpoint.plan.reads_form:
            release(request)
        make = partial(recovered, self._around, entered, error, request, self._fail)
        try:
            return self.answer(start_response, request, make)
        finally:
            del error, make  # as in `recovered`: its traceback may have this frame

    def answer(self, start_response: StartResponse, request: Request, make: Callable[[], Response]) -> Any:
        """Send the response that is made, of any kind, and do what waits for its end."""
        fail, head_only = self._fail, self._head_only
        try:
            response = make()
            del make  # it may hold a failure
            return answer_with(
                self._runtime, start_response, response, request, fail=fail, head_only=head_only, is_known=True
            )
        except BaseException:  # of the server's, or an exit
            close_sources(self._runtime, request, unsent(request, None))
            raise

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


def bound(endpoint: Endpoint) -> Callable[..., Any]:
    """Return the handler bound to the environ, with what it depends on."""
    if endpoint.plan.composed is None:
        return endpoint.bind(reader)
    from hinge_wsgi.dependencies import hops_of  # noqa: PLC0415 - only routes with dependencies pay for it

    return endpoint.bind(reader, hops=hops_of(endpoint))


def coloured_call(endpoint: Endpoint, runtime: Runtime) -> Callable[..., Any]:
    """Return the bound handler as a plain function, whatever its colour."""
    call = bound(endpoint)
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


def body_opener(endpoint: Endpoint) -> Callable[[Request], Any] | None:
    """Return `(request) -> its form, or its body as a stream`; None for a handler that takes neither."""
    if endpoint.plan.reads_form:
        return form_getter(endpoint)
    if not endpoint.plan.streams_body:
        return None
    limit, route = endpoint.max_body_size, endpoint.route
    # A mounted ASGI application alone: it starts behind a short body anyway, and this is the thread that reads.
    is_ahead = (
        route is not None and route.interface == "asgi" and not endpoint.layers and endpoint.plan.composed is None
    )
    return lambda request: body_stream(request._head, limit, on_request_thread, is_ahead=is_ahead)
