"""How the seconds of a worker's stop are divided (`graceful_timeout`).

Law: requests, streams and the work after responses have their time first. What runs on is cut; then connections are
shut down; and however much is left behind, a third of the whole, or five seconds, is the lifespans'.
"""

from collections.abc import Iterable
from typing import Any

from hinge.diagnostics.location import placed
from hinge.diagnostics.logger import logger
from hinge.error_responses import describe

A_MOMENT = 0.1
"""Seconds that what was told to end has in any case: it must get a turn to hear of it."""


def lifespans_by(grace: float) -> float:
    """Return after how many seconds the lifespans' stop begins at the latest."""
    return grace - min(grace / 3, 5.0)


def cut_after(grace: float) -> float:
    """Return after how many seconds streams are cut and coroutines cancelled."""
    return lifespans_by(grace) - min(grace / 6, 1.5)


def hang_up_after(grace: float) -> float:
    """Return after how many seconds connections are shut down."""
    return (cut_after(grace) + lifespans_by(grace)) / 2


def named(request: Any, function: Any) -> str:
    """Return what names work after a response in the log."""
    return f"{describe(request)}: after_response({placed(function)})"


def log_undone(request: Any, function: Any, what: str, others: Iterable[tuple[Any, Any, Any]]) -> None:
    """Log what became of work after a response, and that what was registered behind it was not begun."""
    logger.warning("%s %s", named(request, function), what)
    for other, _, _ in others:
        logger.warning("%s was not begun", named(request, other))


def name_left(requests: list[Any]) -> None:
    """Log the requests, or WebSockets, whose streams or handlers a stop leaves behind."""
    if requests:
        logger.warning("left behind by the worker's stop: %s", "; ".join(describe(one) for one in requests))
