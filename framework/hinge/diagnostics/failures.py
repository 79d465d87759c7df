"""What becomes of what the app's code raises, wherever it runs: the one table for all places (docs/errors.md).

Law: whatever is raised is the failure of what raised it. It is answered or logged there, and ends neither a worker nor
an event loop. Three are no failures, and are passed on: KeyboardInterrupt, which comes from the terminal; a
CancelledError that somebody has asked of this task; the GeneratorExit of a coroutine that is being closed.
"""

import sys
from collections.abc import Iterator
from typing import Any, cast

FAILURES: tuple[type[Exception], ...] = (cast("type[Exception]", BaseException),)
"""What to catch around the app's code: everything. `failure_of` and `failure_in_task` raise what is no failure."""

_CANCELLED = "it waited for something that was cancelled, and did not catch CancelledError, or raised one itself"


def failure_of(error: BaseException) -> Exception:
    """Return the failure that has come to a plain function; a CancelledError or GeneratorExit is a RuntimeError then.

    Raises the error itself if it is none.
    """
    if isinstance(error, Exception):
        return error
    if _is_interrupt(error):
        raise error
    if isinstance(error, GeneratorExit):
        return stray(error)
    if not is_cancellation(error):
        return cast("Exception", error)
    if is_to_end():
        raise error
    return stray(error)


def is_to_end() -> bool:
    """Tell whether somebody wants the running task to end."""
    task = _running_task()
    return task is not None and task.cancelling() > 0


def stray(error: BaseException) -> RuntimeError:
    """Return the failure that an exception is which means something to who awaits, and was not meant by anybody.

    That is a CancelledError, a GeneratorExit or a StopIteration: no future and no coroutine hands on the latter two.
    """
    is_named = isinstance(error, GeneratorExit | StopIteration)
    failure = RuntimeError(f"it raised {type(error).__name__}" if is_named else _CANCELLED)
    failure.__cause__ = error
    return failure


UNAWAITABLE = GeneratorExit, StopIteration
"""What a future cannot hold, and is `stray` there."""


def failure_in_task(error: BaseException) -> Exception:
    """Return the same in a coroutine, which may be closed where it waits: when its event loop is gone."""
    if isinstance(error, GeneratorExit) and _running_task() is None:
        raise error
    return failure_of(error)


def is_cancellation(error: BaseException) -> bool:
    """Tell whether it is asyncio's; the core imports none, and where nobody has, nobody is cancelled."""
    asyncio: Any = sys.modules.get("asyncio")
    return asyncio is not None and isinstance(error, asyncio.CancelledError)


def is_close(error: BaseException) -> bool:
    """Tell whether the generator that has caught this is being closed: it was raised no deeper than there."""
    return isinstance(error, GeneratorExit) and (error.__traceback__ is None or error.__traceback__.tb_next is None)


def _is_interrupt(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return any(isinstance(one, KeyboardInterrupt) for one in members(error))
    return isinstance(error, KeyboardInterrupt)


def members(group: BaseException) -> Iterator[BaseException]:
    """Yield what a group holds, at any depth. Its `split` and `subgroup` are not asked: they may be the app's."""
    pending = [group]
    while pending:
        one = pending.pop()
        if isinstance(one, BaseExceptionGroup):
            pending += one.exceptions
        else:
            yield one


def _running_task() -> Any:
    asyncio: Any = sys.modules.get("asyncio")
    try:
        return None if asyncio is None else asyncio.current_task()
    except RuntimeError:  # no event loop runs in this thread
        return None
