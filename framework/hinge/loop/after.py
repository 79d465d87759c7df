"""What `request.after_response` registered.

Law: it runs when the client has the whole response or has left, in the request's context and in the order of
registration, and a failure is logged and stops nothing. A stop waits for it, and names what it leaves undone.
"""

import asyncio
import inspect
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from hinge.errors import FAILURES
from hinge.log import logger
from hinge.loop.watch import is_cancelled, take_back_cut
from hinge.request import Request

if TYPE_CHECKING:
    from hinge.loop.runtime import Runtime

Work = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]


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
            except asyncio.CancelledError:
                if not is_cancelled():  # a stray one, of what it waited for
                    logger.exception("after_response(%r) failed", function)
                    continue
                _log_undone(function, state, tasks[number + 1 :])
                if not take_back_cut():
                    raise
                return
            except FAILURES:  # the next one must run
                logger.exception("after_response(%r) failed", function)


def _log_undone(function: Callable[..., Any], state: str, others: list[Work]) -> None:
    logger.warning("after_response(%r) %s", function, state)
    for other, _, _ in others:
        logger.warning("after_response(%r) was not begun", other)
