"""A server's thread that waits for a coroutine, and does what the coroutine asks of it meanwhile.

Law: nothing here needs an event loop, so a process of plain handlers loads none.
"""

import contextlib
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from hinge.context import carry_back
from hinge.diagnostics.failures import UNAWAITABLE, stray
from hinge.errors import HTTPError

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")

STOP_SECONDS = 5.0
"""How long a stopping loop waits for the tasks that it cancelled."""


class Waiting(Protocol):
    """A server's thread that waits for the loop, be it for a handler's result or for a stream's next chunk."""

    is_streaming: bool

    def ask(self, work: Callable[[], None]) -> None:
        """Have the waiting thread run `work`; called on the loop.

        Raises:
            RuntimeError: it does not wait any more.
        """
        ...

    def abandon(self) -> None:
        """Tell it that the loop is gone."""
        ...

    def raise_cut(self) -> None:
        """Raise Cut if the worker's stop is why the running coroutine is cancelled.

        Raises:
            Cut: it is, and the cancellation is taken back.
        """
        ...


class _Here:
    """The thread that waits for a coroutine by running it (`hinge_wsgi.thread_loop`)."""

    is_streaming = False

    def ask(self, work: Callable[[], None]) -> None:
        """Run `work` at once: the loop that it stops serves nobody else."""
        work()

    def abandon(self) -> None:
        """Do nothing: it cannot lose its loop."""

    def raise_cut(self) -> None:
        """Do nothing: a stopping worker waits for it, as for a plain handler."""


HERE = _Here()

current: ContextVar[Waiting] = ContextVar("hinge_wsgi.waiting")
"""Who waits for the running coroutine."""


class Cut(HTTPError):  # noqa: N818 - an event, not a failure
    """A coroutine was cancelled because the worker stops; it answers the request, too."""

    def __init__(self) -> None:
        super().__init__(503, "The server is stopping.")


def stopped(what: str) -> RuntimeError:
    """Return the failure of what ran on the loop when that ended."""
    return RuntimeError(f"the event-loop thread was stopped while {what} ran")


async def on_request_thread(work: Callable[[], T]) -> T:
    """Have the request's own thread do blocking work, in this coroutine's context, and return its result.

    Raises:
        RuntimeError: the request is over.
    """
    import asyncio  # noqa: PLC0415 - who runs this has it, and a process of plain handlers none

    waiting = current.get()
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()
    context = copy_context()

    def run() -> None:
        result: Any = None
        failure: BaseException | None = None
        try:
            result = context.run(work)
        except BaseException as error:  # noqa: BLE001 - it is raised where it is awaited
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop has ended, and said so
            loop.call_soon_threadsafe(_settle, done, result, failure)

    waiting.ask(run)
    try:
        return await done
    finally:
        carry_back(context, leave=current)


def _settle(done: "asyncio.Future[Any]", result: Any, error: BaseException | None) -> None:
    if done.done():
        return
    if error is not None:
        done.set_exception(stray(error) if isinstance(error, UNAWAITABLE) else error)
    else:
        done.set_result(result)
