"""What `request.after_response` registered.

Law: it runs when the client has the whole response or has left, in the request's context and in the order of
registration, and a failure is logged and stops nothing.
"""

import inspect
from functools import partial

from hinge.loop.runtime import Runtime
from hinge.problems import logger
from hinge.request import Request


async def run_after(runtime: Runtime, request: Request) -> None:
    """Run everything registered, and what that registers in turn; plain functions in a worker thread."""
    while request._after:
        tasks, request._after = request._after, None
        for function, args, kwargs in tasks:
            try:
                if inspect.iscoroutinefunction(function):
                    await function(*args, **kwargs)
                else:
                    result = await runtime.in_thread("after", partial(function, *args, **kwargs))
                    if inspect.isawaitable(result):
                        await result
            except Exception:  # noqa: BLE001 - the next one must run
                logger.exception("after_response(%r) failed", function)
