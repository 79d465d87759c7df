"""Large bodies, which are decoded in a worker thread while the event loop goes on.

Law: decided at compile, where a handler is called on the loop and takes a decoded body. Only the arguments are made in
the thread; the handler is called where it always is.
"""

from collections.abc import Callable
from typing import Any

from hinge.codecs import at_once
from hinge.compiling.frozen import Endpoint
from hinge.inspection.wrappers import awaited
from hinge.loop.hops import hops_of
from hinge.loop.runtime import Runtime
from hinge.loop.threads import Disconnected


def decoding(
    endpoint: Endpoint,
    reader: Any,
    runtime: Runtime,
    call: Callable[..., Any],
    disconnected: Disconnected | None,
    *,
    awaits: bool,
) -> Callable[..., Any]:
    """Return what calls a handler as `call` does, `(head, values, body, request)`; what it returns is to be awaited."""
    most, in_thread = at_once(endpoint.plan.reads), runtime.in_thread
    gather = endpoint.bind(reader, deferred=True, hops=hops_of(endpoint, runtime))

    async def call_apart(head: Any, values: tuple[str, ...], body: bytes, request: Any) -> Any:
        handle = await in_thread("bodies", gather, head, values, body, request, disconnected=disconnected)
        return await awaited(handle())

    def call_either(head: Any, values: tuple[str, ...], body: bytes | None, request: Any) -> Any:
        if body is not None and len(body) > most:
            return call_apart(head, values, body, request)
        return call(head, values, body, request)

    if awaits:
        return call_either

    async def call_and_return(head: Any, values: tuple[str, ...], body: bytes | None, request: Any) -> Any:
        if body is not None and len(body) > most:
            return await call_apart(head, values, body, request)
        return call(head, values, body, request)

    return call_and_return
