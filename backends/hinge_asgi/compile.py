"""FrozenApp -> the ASGI callable.

Law: what a route needs is decided here, once: each endpoint becomes one `serve(scope, receive, send, values)` that
holds nothing it does not use. Coroutines are awaited where they are, plain functions run in a worker thread unless they
are `inline`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from functools import cache
from typing import Any

from hinge.compiling.frozen import Endpoint, FrozenApp
from hinge.entry import refusing
from hinge.errors import HTTPError
from hinge.loop.runtime import Runtime
from hinge.responses.streaming import StreamAborted
from hinge_asgi import scope as reader
from hinge_asgi.body import Receive
from hinge_asgi.lifespan import heard_inside, serve_lifespan
from hinge_asgi.respond import Send
from hinge_asgi.route import exposed
from hinge_asgi.scope import Scope
from hinge_asgi.serve import Serve, make_serve
from hinge_asgi.websocket import compile_websockets


def compile_asgi(frozen: FrozenApp) -> Any:  # noqa: C901 - the request path is one function on purpose
    """Return the callable `(scope, receive, send)` with `start`, `drain` and `stop` for the worker around it."""
    runtime = Runtime(frozen)

    def distrust(method: str, error: HTTPError) -> tuple[Serve, tuple[Any, ...]]:
        return refuse_inside(method, error)

    @cache  # paths and methods share endpoints
    def served(endpoint: Endpoint) -> Serve:
        serve = _serve(endpoint, runtime, distrust)
        if endpoint.observers:
            from hinge_asgi.observed import observed  # noqa: PLC0415 - only observed apps pay for it

            serve = observed(serve, endpoint, runtime)
        return exposed(endpoint, serve) if frozen.exposes_route else serve

    table = frozen.table.map(lambda leaf: leaf.map(served))
    not_found, refuse = frozen.not_found.map(served), frozen.refusing(served)
    # In place of an endpoint whose observers are told of the request already.
    is_observed = bool(frozen.not_found.otherwise.observers)
    refuse_inside = frozen.refusing(lambda endpoint: _serve(endpoint, runtime, distrust)) if is_observed else refuse
    websocket = compile_websockets(frozen, runtime)
    # Not where a server's sign of what is no text stands: those are judged by the raw path.
    static = {path: leaf for path, leaf in table.static.items() if "\ufffd" not in path}
    find, path_of = table.find, reader.path
    has_lifespan = runtime.has_lifespan

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind != "http":
            await other(kind, scope, receive, send)
            return
        values: tuple[str, ...] = ()
        try:
            if has_lifespan and not runtime.ready and not await runtime.start_lazily():
                raise frozen.unstarted()
            leaf = None if scope.get("root_path") else static.get(scope["path"])
            if leaf is None:
                found = find(path_of(scope))
                leaf, values = (not_found, values) if found is None else found
            serve = leaf.methods.get(scope["method"], leaf.otherwise)
        except HTTPError as error:
            serve, values = refuse(scope["method"], error)
        try:
            rest = await serve(scope, receive, send, values)
            if rest is not None:
                await rest
        except StreamAborted:
            # It has the server cut the connection. Daphne does not, and an exception would end the task in which it
            # looks after its connections: it would keep each later one for ever.
            if not reader.from_daphne(scope):
                raise

    runtime.find_requests(reader, application, _head_of)

    if any(endpoint.observers for endpoint in (frozen.websocket_not_found, *(one for _, one in frozen.websockets))):
        from hinge_asgi.observed import observed_websockets  # noqa: PLC0415 - as above

        websocket = observed_websockets(websocket, frozen, runtime)

    def other(kind: str, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if kind == "lifespan":
            return serve_lifespan(runtime, scope, receive, send)
        if kind == "websocket":
            return websocket(scope, receive, send)
        raise NotImplementedError(f"this server sent an ASGI scope of type {kind!r}, which is not known here")

    return _with_worker_hooks(frozen.wrap(application), application, runtime, frozen)


def _serve(endpoint: Endpoint, runtime: Runtime, distrust: Any) -> Serve:
    if endpoint.is_handed_over("asgi"):
        from hinge_asgi.handed_over import make_serve_directly  # noqa: PLC0415 - only who mounts some pays for it

        return make_serve_directly(endpoint, runtime, distrust)
    return make_serve(endpoint, runtime, distrust)


def _head_of(names: Mapping[str, Any]) -> Scope | None:
    return names["scope"] if names.get("kind") == "http" else None


def _with_worker_hooks(wrapped: Any, application: Any, runtime: Runtime, frozen: FrozenApp) -> Any:
    if wrapped is not application and frozen.not_found.otherwise.observers:
        from hinge_asgi.observed import observed_around  # noqa: PLC0415 - only observed apps pay for it

        wrapped = observed_around(wrapped, frozen, runtime)

    async def outermost(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await heard_inside(wrapped, application, runtime, scope, receive, send)
        else:
            await wrapped(scope, receive, send)

    # A function of our own in any case: somebody else's callable may bear no attributes. An object with a `__call__`, a
    # partial too, would cost each request 70 ns and more.
    served: Any = application if wrapped is application else outermost
    # The server starts and stops the lifespans through the protocol.
    served.start = served.stop = lambda: None
    served.drain = runtime.drain
    served.still_open = runtime.still_open
    served.__rsgi_init__ = refusing("rsgi")  # a granian that was not told ASGI
    served.runtime = runtime  # for in-process connections, which raise what a lifespan raised
    served.inside = lambda outermost: _with_worker_hooks(outermost, served, runtime, frozen)
    return served
