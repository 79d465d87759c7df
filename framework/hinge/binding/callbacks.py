"""What the framework calls beside handlers: middleware, error handlers and lifespans.

Law: these get what they are called with and nothing else (`callback_mistakes.py` holds them to it, at compile).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

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
