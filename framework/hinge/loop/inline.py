"""Coroutines that promised with `inline=True` never to wait.

Law: here they are awaited like any other, and one that does wait is told in the log, once for each handler: the WSGI
backend, which has no loop there, answers the same request with a 500.
"""

from collections.abc import Callable, Coroutine
from typing import Any, Self

from hinge.binding.plan import HandlerPlan
from hinge.diagnostics.logger import logger


def watched(call: Callable[..., Any], plan: HandlerPlan) -> Callable[..., Any]:
    """Return `call` with the coroutines it makes watched for the first one that waits."""
    told = False

    def tell() -> None:
        nonlocal told
        if not told:
            told = True
            logger.warning(
                "%s: it is registered with inline=True but waits; the wsgi backend answers that with 500. "
                "Fix: drop inline=True",
                plan.describe(),
            )

    return lambda head, values, body, request: _Watched(call(head, values, body, request), tell)


class _Watched:
    """An awaitable that is a coroutine in all, and tells when it is suspended."""

    __slots__ = ("_coroutine", "_tell", "close", "throw")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], tell: Callable[[], None]) -> None:
        self._coroutine = coroutine
        self._tell = tell
        self.throw = coroutine.throw
        self.close = coroutine.close

    def __await__(self) -> Self:
        return self

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def send(self, value: Any) -> Any:
        """Go on to the next suspension, or to StopIteration with the result."""
        waits_for = self._coroutine.send(value)
        self._tell()
        return waits_for
