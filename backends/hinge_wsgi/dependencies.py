"""How composed handlers run under WSGI: plain parts in the server's thread, all that is awaited in one task.

Law: a process whose dependencies are all plain loads no event loop. Where a stream goes on with what a coroutine has
entered, that coroutine's task stays until the stream ends.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from hinge.dependencies.hops import Hops
from hinge.middleware.layer import Layer
from hinge_wsgi import environ as reader
from hinge_wsgi.body import throw_away
from hinge_wsgi.waiting import on_request_thread

if TYPE_CHECKING:
    from hinge.compiling.frozen import Endpoint
    from hinge.request import Request


def hops_of(endpoint: Endpoint) -> Hops:
    """Return the hops of an endpoint with dependencies."""
    if not endpoint.plan.is_async:
        return Hops(_run, _run, nullcontext)
    from hinge.dependencies.sparing import spared  # noqa: PLC0415
    from hinge.loop.hops import to_its_end  # noqa: PLC0415 - with asyncio, for who needs a loop
    from hinge_wsgi.parked import park, stay  # noqa: PLC0415

    run = to_its_end(on_request_thread)
    return Hops(run, run, spared, park, stay)


def with_guards(endpoint: Endpoint) -> Endpoint:
    """Return an endpoint whose innermost layer calls its guards, before the body is read."""
    plan, hops = endpoint.plan, hops_of(endpoint)
    call = endpoint.bind_guards(reader, hops)

    def guard(request: Request) -> Iterator[None]:
        try:
            held = request._held = call(request._head, request._values, None, request)
        except Exception:
            if not isinstance(request._body, bytes):
                throw_away(request._head)
            raise
        try:
            yield
        except BaseException as error:
            held.leave(error)
            raise

    async def async_guard(request: Request) -> AsyncIterator[None]:
        try:
            held = request._held = await call(request._head, request._values, None, request)
        except Exception:
            if not isinstance(request._body, bytes):
                await on_request_thread(lambda: throw_away(request._head))
            raise
        try:
            yield
        except BaseException as error:
            await held.aleave(error, hops)
            raise

    start: Any = async_guard if plan.is_async else guard
    layer = Layer(start, is_async=plan.is_async, needs_body=False, name=plan.name, location=plan.location)
    return replace(endpoint, layers=(*endpoint.layers, layer))


async def _run(function: Any, *arguments: Any) -> Any:
    return await on_request_thread(lambda: function(*arguments))
