"""How composed handlers run under WSGI: plain parts in the server's thread, all that is awaited in one task.

Law: a process whose dependencies are all plain loads no event loop. Where a stream goes on with what a coroutine has
entered, that coroutine's task stays until the stream ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hinge.dependencies.hops import Hops
from hinge_wsgi.waiting import on_request_thread

if TYPE_CHECKING:
    from hinge.compiling.frozen import Endpoint


def hops_of(endpoint: Endpoint) -> Hops:
    """Return the hops of an endpoint with dependencies."""
    if not endpoint.plan.is_async:
        return Hops(_run, _run)
    from hinge.loop.hops import to_its_end  # noqa: PLC0415 - with asyncio, for who needs a loop
    from hinge_wsgi.parked import park, stay  # noqa: PLC0415

    run = to_its_end(on_request_thread)
    return Hops(run, run, park, stay)


async def _run(function: Any, *arguments: Any) -> Any:
    return await on_request_thread(lambda: function(*arguments))
