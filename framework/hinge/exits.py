"""An event loop that goes on although a task on it has called `sys.exit()`.

Law: asyncio lets a SystemExit or KeyboardInterrupt of any task end the loop, and with it whatever else runs there. Here
it is that task's failure, like any other: whoever waits for the task gets it, and nobody's is logged by asyncio.
"""

from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any

EXITS: tuple[type[BaseException], ...] = (SystemExit, KeyboardInterrupt)


def run_to_end(run: Callable[[Any], Any], future: Any, exits: tuple[type[BaseException], ...] = EXITS) -> Any:
    """Return the result of a future; `run` is its loop's `run_until_complete`, called again after an exit of others.

    Raises what the future raises.
    """
    while not future.done():
        try:
            return run(future)
        except exits as error:
            # The loop's frames hold the task, which holds the error, and so them: it would be told of much later.
            error.__traceback__ = _of_the_task(error.__traceback__)
    return future.result()


def _of_the_task(found: TracebackType | None) -> TracebackType | None:
    """Return the part of a traceback that begins in the task; the loop's own frames before it are emptied."""
    while found is not None:
        module: str = found.tb_frame.f_globals.get("__name__", "")
        if module != __name__ and module.partition(".")[0] not in _LOOPS:
            break
        with suppress(RuntimeError):  # this module's own is not at its end
            found.tb_frame.clear()
        found = found.tb_next
    return found


_LOOPS = ("asyncio", "uvloop", "rloop", "winloop")
