"""An event loop that goes on although a task on it has called `sys.exit()`.

Law: asyncio lets a SystemExit or KeyboardInterrupt of any task end the loop, and with it whatever else runs there. Here
it is that task's failure, like any other: whoever waits for the task gets it, and nobody's is logged by asyncio.
"""

from collections.abc import Callable
from contextlib import suppress
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
            _forget_loop(error)
    return future.result()


def _forget_loop(error: BaseException) -> None:
    """Leave the task's own part of a traceback.

    The loop's frames hold the task, which holds the error, and that them: it would be told of much later.
    """
    whole = rest = error.__traceback__
    while rest is not None and _is_of_a_loop(rest.tb_frame.f_globals.get("__name__", "")):
        rest = rest.tb_next
    error.with_traceback(rest)
    while whole is not rest and whole is not None:
        with suppress(RuntimeError):  # this module's own is not at its end
            whole.tb_frame.clear()
        whole = whole.tb_next


def _is_of_a_loop(module: str) -> bool:
    return module == __name__ or module.partition(".")[0] in ("asyncio", "uvloop", "rloop", "winloop")
