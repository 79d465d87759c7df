"""What `request.after_response` registered.

Law: it runs when the client has the whole response or has left, in the request's context and in the order of
registration, and a failure is logged and stops nothing. A stop waits for it, and names what it leaves undone.
"""

import asyncio
import inspect
from functools import partial
from typing import TYPE_CHECKING

from hinge.backend.grace import log_undone, named
from hinge.diagnostics.failures import FAILURES, failure_in_task
from hinge.diagnostics.logger import logger
from hinge.loop.watch import is_cancelled, take_back_cut
from hinge.request import Request

if TYPE_CHECKING:
    from hinge.loop.runtime import Runtime


async def run_after(runtime: "Runtime", request: Request) -> None:
    """Run everything registered, and what that registers in turn; plain functions in a worker thread."""
    while request._after:
        tasks, request._after = request._after, None
        for number, (function, args, kwargs) in enumerate(tasks):
            state = "was cancelled"
            try:
                if inspect.iscoroutinefunction(function):
                    await function(*args, **kwargs)
                else:
                    state = "was left running in its thread"
                    result = await runtime.in_thread("after", partial(function, *args, **kwargs))
                    state = "was cancelled"
                    if inspect.isawaitable(result):
                        await result
            except FAILURES as error:  # the next one must run
                if not isinstance(error, asyncio.CancelledError) or not is_cancelled():
                    logger.error("%s failed", named(request, function), exc_info=failure_in_task(error))
                    continue
                log_undone(request, function, state, tasks[number + 1 :])
                if not take_back_cut():
                    raise
                return
