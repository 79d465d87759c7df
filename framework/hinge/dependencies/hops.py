"""What a backend brings for composed handlers: how plain code is run, and who leaves what a stream holds."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

Leave = Callable[[BaseException | None], Awaitable[BaseException | None]]
"""Leave what was entered, after a failure or None; return the failure that goes on."""
Spare = Callable[[], AbstractContextManager[None]]
"""Around teardown: the stop of a worker does not cancel it."""


class Hops(NamedTuple):
    """How a backend runs the parts of a composed handler."""

    run: Callable[..., Awaitable[Any]]
    """`(function, *arguments) -> its result`, where plain handlers run; it returns, or raises, once that has ended."""
    leave: Callable[..., Awaitable[Any]]
    """The same for teardown, which never waits for a place that handlers hold."""
    spare: Spare
    park: Callable[[Callable[..., Awaitable[Any]]], Callable[..., Awaitable[Any]]] | None = None
    """Return what does the same as a composed handler in a task that may stay behind its result; None: nobody need.

    Where guards stand before the body, it is the backend that parks what calls them, reads the body and goes on.
    """
    stay: Callable[[Leave], Leave] | None = None
    """Have such a task do this before it ends; what is returned has it done, and waits for it."""
    given_up: Callable[[], BaseException | None] | None = None
    """Return, in the thread of a plain handler, what is thrown in once nobody waits for its result, None before."""
    is_apart: bool = False
    """Whether async streams run in a task of their own, and the request's task closes what is noted behind them."""
