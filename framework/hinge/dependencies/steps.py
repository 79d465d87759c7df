"""A step: one call among those that a composed handler makes.

Law: the values of a request are in one list. The arguments come first, then what each step has given, in order; what a
step takes is told by places in it, once, at compile.
"""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from hinge.errors import ConfigurationError
from hinge.inspection.signature import Colour

Call = Callable[[list[Any]], Any]
"""Call a function with some of the values."""


class Step(NamedTuple):
    """One call: of a provider, of the handler, or a look at an app-scoped value."""

    call: Call
    who: str
    """The start of messages about it."""
    is_free: bool
    """Whether it runs none of the app's code, and may stand anywhere."""
    is_async: bool
    """Whether it is awaited."""
    is_generator: bool
    """Whether it is left later."""

    def unyielded(self) -> ConfigurationError:
        """Return the error of a generator without a value."""
        return ConfigurationError(f"{self.who}: it ended without a yield. Fix: yield once")

    def second_yield(self) -> ConfigurationError:
        """Return the error of a generator that yields again."""
        return ConfigurationError(f"{self.who}: it yielded a second time. Fix: yield once")


def step_of(call: Call, colour: Colour | None, who: str) -> Step:
    """Return the step of a call whose function has a colour, None for one that may stand anywhere."""
    return Step(
        call,
        who,
        is_free=colour is None,
        is_async=colour in (Colour.ASYNC, Colour.ASYNC_GENERATOR),
        is_generator=colour in (Colour.SYNC_GENERATOR, Colour.ASYNC_GENERATOR),
    )


def call_of(function: Callable[..., Any], places: Sequence[int], keywords: Sequence[tuple[str, int]]) -> Call:
    """Return what calls a function with the values at some places, some of them by keyword."""
    if keywords:
        return lambda values: function(*(values[at] for at in places), **{name: values[at] for name, at in keywords})
    match [*places]:
        case []:
            return lambda values: function()
        case [first]:
            return lambda values: function(values[first])
        case [first, second]:
            return lambda values: function(values[first], values[second])
        case [first, second, third]:
            return lambda values: function(values[first], values[second], values[third])
    take = itemgetter(*places)
    return lambda values: function(*take(values))
