"""A mounted ASGI application that nothing is around: it gets the server's own scope, `receive` and `send`.

Law: only `root_path`, the path where the server left the prefix out of it, and the state change. What fails before
anything is sent is answered as a handler's failure is; later the server is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from hinge.compiling.frozen import Endpoint
from hinge.diagnostics.failures import FAILURES
from hinge.errors import HTTPError
from hinge.loop.runtime import Runtime
from hinge.loop.watch import failure_of
from hinge.mounted.answers import as_status
from hinge.mounted.heads import OUR_ROUTE
from hinge.state import MOUNTED
from hinge_asgi import scope as reader
from hinge_asgi.body import Receive, doubt
from hinge_asgi.respond import Send
from hinge_asgi.scope import Scope
from hinge_asgi.serve import Serve, _Rest


def make_serve_directly(
    endpoint: Endpoint, runtime: Runtime, distrust: Callable[[str, HTTPError], tuple[Serve, tuple[Any, ...]]]
) -> Serve:
    """Return what hands requests over to the application of an endpoint; `distrust` as in `hinge_asgi.serve`."""
    handler: Any = endpoint.plan.handler
    app, prefix, key = handler.mounted.app, handler.prefix, handler.mounted.key
    cut, path_of, prefix_of, rest = len(prefix), reader.path, reader.prefix, _Rest(endpoint, runtime)
    head_only = endpoint.head_only

    async def serve(scope: Scope, receive: Receive, send: Send, values: tuple[str, ...]) -> Awaitable[None] | None:
        for name, _ in scope["headers"]:
            if name == b"transfer-encoding" and (error := doubt(scope)) is not None:
                instead, refused = distrust(scope["method"], error)
                return await instead(scope, receive, send, refused)
        has_begun = False

        async def begun(message: dict[str, Any]) -> None:
            nonlocal has_begun
            has_begun = True
            if head_only and message["type"] == "http.response.body":
                message = message | {"body": b""}  # servers differ in what they make of one
            await send(message)

        try:
            path, root = path_of(scope), prefix_of(scope)
            inner = dict(scope)
            for told in OUR_ROUTE:
                inner.pop(told, None)
            inner["path"], inner["root_path"] = root + path, root + path[:cut]
            inner["state"] = _state(runtime, endpoint, key, scope)
            await app(inner, receive, begun)
        except asyncio.CancelledError as error:
            if has_begun:
                raise
            return rest.send(scope, receive, send, values, None, failure_of(error), None)
        except FAILURES as error:
            if has_begun:
                raise
            return rest.send(scope, receive, send, values, None, failure_of(as_status(error)), None)
        return None

    return serve


def _state(runtime: Runtime, endpoint: Endpoint, key: str, scope: Scope) -> dict[str, Any]:
    state = dict(scope.get("state") or ())
    found = runtime.state
    if found or state:
        mounted = found.get(MOUNTED, {})
        state.update(found)
        state.pop(MOUNTED, None)
        state.update(mounted.get(endpoint.mounted, {}))
        state.update(mounted.get(key, {}))
    return state
