"""What `request.after_response` registered.

Law: it runs when the client has the whole response or has left, in the request's context and in the order of
registration, and a failure is logged and stops nothing. A stop waits for it, and names what it leaves undone.
"""

import inspect
from typing import Any

from hinge.backend.grace import named
from hinge.diagnostics.failures import FAILURES, failure_of
from hinge.diagnostics.log import logger
from hinge.request import Request
from hinge_wsgi.portal import Cut
from hinge_wsgi.runtime import Runtime


def run_after(runtime: Runtime, request: Request) -> None:
    """Run everything registered, and what that registers in turn."""
    while request._after:
        tasks, request._after = request._after, None
        for number, (function, args, kwargs) in enumerate(tasks):
            runtime.work.begin(request, function)
            try:
                result = function(*args, **kwargs)
                if inspect.isawaitable(result):
                    runtime.run(_awaited(result))
            except Cut:
                logger.warning("%s was cancelled", named(request, function))
                for other, _, _ in tasks[number + 1 :]:
                    logger.warning("%s was not begun", named(request, other))
                return
            except FAILURES as error:  # the next one must run
                logger.error("%s failed", named(request, function), exc_info=failure_of(error))


async def _awaited(awaitable: Any) -> Any:
    return await awaitable
