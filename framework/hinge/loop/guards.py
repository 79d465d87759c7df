"""Guards, which are called before the body is read: a layer of an endpoint's own, behind all its middleware.

Law: whatever fails further in, what they have entered is left. Endpoints without guards know nothing of it.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from msgspec.structs import replace

from hinge.compiling.frozen import Endpoint
from hinge.errors import ClientDisconnect, HTTPError
from hinge.http.body import THROWN_AWAY, THROWN_AWAY_SECONDS
from hinge.loop.hops import hops_of
from hinge.loop.runtime import Runtime, handler_threads
from hinge.middleware.layer import Layer


def with_guards(endpoint: Endpoint, reader: Any, runtime: Runtime) -> Endpoint:
    """Return an endpoint whose innermost layer calls its guards; the endpoint itself if it has none."""
    if not endpoint.is_guarded:
        return endpoint
    plan, threads = endpoint.plan, handler_threads(endpoint)
    expect, hops = reader.header("expect"), hops_of(endpoint, runtime)
    call = endpoint.bind_guards(reader, hops)
    is_plain, has_exits = not plan.is_async, plan.composed is not None and plan.composed.has_exits
    is_waiting = is_plain and (plan.composed is None or plan.composed.is_waiting)

    async def in_thread(head: Any, values: tuple[str, ...], request: Any) -> Any:
        if hops is None or not has_exits:
            return await runtime.in_thread(threads, call, head, values, None, request)
        found: list[Any] = []
        try:
            await hops.run(lambda: found.append(call(head, values, None, request)))
        except BaseException as error:  # the task was cancelled, and the thread has gone on
            if found:
                await found[0].aleave(error, hops)
            raise
        return found[0]

    async def guard(request: Any) -> AsyncIterator[None]:
        head, values = request._head, request._values
        try:
            if is_waiting:
                held = await in_thread(head, values, request)
            else:
                held = call(head, values, None, request)
                if not is_plain:
                    held = await held
        except BaseException as error:
            if isinstance(error, Exception) and not isinstance(request._body, bytes):
                await _throw_away(request, awaits_leave=expect(head) is not None)
            raise
        request._held = held
        try:
            yield
        except BaseException as error:
            await held.aleave(error, hops)
            raise

    layer = Layer(guard, is_async=True, needs_body=False, name=plan.name, location=plan.location)
    return replace(endpoint, layers=(*endpoint.layers, layer))


async def _throw_away(request: Any, *, awaits_leave: bool) -> None:
    """Read what is left of a body that nobody takes; the connection is closed behind the answer if that is too much.

    A client that awaits leave to send it (`Expect: 100-continue`) is not asked for it.
    """
    try:
        if not awaits_leave:
            async with asyncio.timeout(THROWN_AWAY_SECONDS):
                async for _ in request.open_body(THROWN_AWAY):
                    pass
                return
    except (TimeoutError, HTTPError):
        pass
    except ClientDisconnect:
        return
    request.closes_behind = True
