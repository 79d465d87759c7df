"""What Python itself tells in a worker of `hinge run`: of a failed thread, a failed `__del__`, a warning.

Law: no client's text in them forges a line: they are logged by the logger `hinge`, which shows it neutral. They are set
before the app is loaded, so that hooks of its own take their place.
"""

import sys
import threading
import warnings
from typing import Any, TextIO

from hinge.diagnostics.logger import logger


def log_hooks() -> None:
    """Have this process log what Python would print."""
    threading.excepthook = _of_a_thread
    sys.unraisablehook = _of_nobody
    warnings.showwarning = _warning


def _of_a_thread(failed: Any) -> None:
    if failed.exc_type is not SystemExit:  # which ends a thread without a word
        name = "a thread" if failed.thread is None else f"the thread {failed.thread.name}"
        logger.error("%s failed", name, exc_info=(failed.exc_type, failed.exc_value, failed.exc_traceback))


def _of_nobody(failed: Any) -> None:
    if sys.is_finalizing():  # no time for logging any more
        sys.__unraisablehook__(failed)
        return
    try:
        what = repr(failed.object)  # not the object, which would live again
    except Exception:  # noqa: BLE001 - of a class of the app's
        what = object.__repr__(failed.object)
    said = failed.err_msg or "Exception ignored in"
    logger.error("%s: %s", said, what, exc_info=(failed.exc_type, failed.exc_value, failed.exc_traceback))


def _warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    text = warnings.formatwarning(message, category, filename, lineno, line)
    if file is None:
        logger.warning("%s", text.rstrip("\n"))
    else:
        file.write(text)
