"""What the framework calls beside handlers: middleware, error handlers and lifespans.

Law: these get what they are called with and nothing else (`callback_mistakes.py` holds them to it, at compile).
"""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple, get_origin

SESSION = "Session.of(request), in it"
"""What to write in place of a parameter for the session."""
OFF_REQUEST = "read it off the request: request.query, request.headers, request.state"


class Callback(NamedTuple):
    """A function that is called with `gives`, one argument for each of the first `given` parameters."""

    function: Callable[..., Any]
    who: str
    """The start of every message about it."""
    what: str
    gives: str
    given: int
    reads: str
    """What to write in place of a parameter that nobody fills."""


def is_session(kind: Any) -> bool:
    """Tell whether a type is the session that handlers take."""
    kind = get_origin(kind) or kind
    return getattr(kind, "__name__", "") == "Session" and kind.__module__.partition(".")[0] == "hinge"


def and_session(function: Callable[..., Any]) -> str:
    """Return what to add to the fix of a callback that takes too much, where the session is part of it."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ""
    return f", and {SESSION}" if any(one.name == "session" or is_session(one.annotation) for one in found) else ""
