"""FrozenApp -> the RSGI callable.

Law: what a route needs is decided here, once. What is not RSGI's is `hinge.loop`'s.
"""

from collections.abc import Awaitable, Callable
from functools import cache
from operator import itemgetter
from typing import Any

from hinge.backend import FAILURES, Endpoint, FrozenApp, Runtime, coloured_call, failure_of, make_sender, make_server
from hinge_rsgi import head as reader
from hinge_rsgi.exchange import RSGIExchange, Sink, read_whole
from hinge_rsgi.head import Head

Serve = Callable[[Head, Any, tuple[str, ...]], Awaitable[None]]
_head_of = itemgetter("head")


def compile_rsgi(frozen: FrozenApp) -> Any:
    """Return the callable `(scope, proto)` with the hooks that Granian and a worker call."""
    runtime = Runtime(frozen)
    served = cache(lambda endpoint: _serve(endpoint, runtime))  # paths and methods share endpoints
    match, refuse = frozen.matching(served, reader), frozen.refusing(served)
    table = frozen.table.map(lambda leaf: leaf.map(served))
    static, find = {path: leaf for path, leaf in table.static.items() if "\ufffd" not in path}, table.find

    def application(scope: Any, proto: Any) -> Awaitable[None]:
        if not runtime.ready or scope.proto != "http":
            return other(scope, proto)
        head = scope, scope.headers
        if "transfer-encoding" not in head[1]:
            path = scope.path
            leaf = static.get(path)
            if leaf is not None:
                return leaf.methods.get(scope.method, leaf.otherwise)(head, proto, ())
            found = None if "\ufffd" in path else find(path)
            if found is not None:
                return found[0].methods.get(scope.method, found[0].otherwise)(head, proto, found[1])
        serve, values = match(head)
        return serve(head, proto, values)

    async def other(scope: Any, proto: Any) -> None:
        if scope.proto != "http":
            proto.close(None)  # a WebSocket, if Granian was not told that there are none
        elif await runtime.start_lazily():
            await application(scope, proto)
        else:
            serve, values = refuse(scope.method, frozen.unstarted())
            await serve((scope, scope.headers), proto, values)

    hooked: Any = application
    hooked.__rsgi_init__ = lambda loop: loop.run_until_complete(runtime.start())
    hooked.__rsgi_del__ = lambda loop: loop.run_until_complete(runtime.stop())
    hooked.start = hooked.stop = lambda: None  # the two above do it
    hooked.drain, hooked.still_open, hooked.runtime = runtime.drain, runtime.still_open, runtime
    return frozen.wrap(application)


def _serve(endpoint: Endpoint, runtime: Runtime) -> Serve:
    """Return what serves an endpoint: with a Request, or without where nobody looks at one."""
    if not (endpoint.needs_request or endpoint.closes or endpoint.observers):
        return _direct(endpoint, runtime)
    serve = make_server(endpoint, reader, runtime)

    def through_request(head: Head, proto: Any, values: tuple[str, ...]) -> Awaitable[None]:
        exchange = RSGIExchange(reader, head, endpoint, values, runtime.state, proto=proto)
        return serve(exchange, Sink(exchange))

    return through_request


def _direct(endpoint: Endpoint, runtime: Runtime) -> Serve:
    call, awaits = coloured_call(endpoint, reader, runtime, lambda proto: proto.client_disconnect())
    limit, status, plan = endpoint.max_body_size, endpoint.status or 200, endpoint.plan
    reads_body = plan.reads_body
    is_bare = plan.is_async and not plan.inline and not plan.arguments and plan.composed is None
    bare = plan.handler if is_bare else None
    results = endpoint.results(None if endpoint.head_only else lambda media_type: [("content-type", media_type)])
    prepared, respond = results.prepared, results.respond
    send = make_sender(endpoint, runtime)

    async def serve(head: Head, proto: Any, values: tuple[str, ...]) -> None:
        body = None
        try:
            if bare is not None:
                result = await bare()
            else:
                if reads_body:
                    length = reader.framing(head, limit)
                    if length is None:
                        whole = RSGIExchange(reader, head, endpoint, values, runtime.state, proto=proto)
                        body = await whole.read_body(limit)
                    else:
                        body = await read_whole(proto, length)
                result = call(head, values, body, proto)  # which tells of the leaving: no request does
                if awaits:
                    result = await result
            how = prepared.get(result.__class__)
            content: Any = respond(result) if how is None else how[0](result)
        except FAILURES as error:
            content, how = failure_of(error), None
        if how is not None:
            proto.response_bytes(status, how[1], content)
            return
        # Made here: a request under way is found by `runtime`, a variable of its frame.
        exchange = RSGIExchange(reader, head, endpoint, values, runtime.state, proto=proto)
        if reads_body:
            exchange.keep_body(content if body is None and isinstance(content, Exception) else body)
        sending = send(exchange, Sink(exchange), content)
        content = None  # a failure has this frame, and its body, in its traceback: each would keep the other
        await sending

    runtime.find_requests(reader, serve, _head_of)
    return serve
