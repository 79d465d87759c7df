"""A step: one call among those that a composed handler makes.

Law: the values of a request are in one list. The arguments come first, then what each step has given, in order; what a
step takes is told by places in it, once, at compile.
"""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

import msgspec

from hinge.errors import ConfigurationError
from hinge.inspection.signature import Colour

Call = Callable[[list[Any]], Any]
"""Call a function with some of the values."""


class Step(msgspec.Struct, frozen=True, eq=False):
    """One call: of a provider, of the handler, or a look at an app-scoped value."""

    call: Call
    colour: Colour | None
    """None: it runs none of the app's code, and may stand anywhere."""
    who: str
    """The start of messages about it."""

    @property
    def is_async(self) -> bool:
        """Whether it is awaited."""
        return self.colour in (Colour.ASYNC, Colour.ASYNC_GENERATOR)

    @property
    def is_generator(self) -> bool:
        """Whether it is left later."""
        return self.colour in (Colour.SYNC_GENERATOR, Colour.ASYNC_GENERATOR)

    def unyielded(self) -> ConfigurationError:
        """Return the error of a generator without a value."""
        return ConfigurationError(f"{self.who}: it ended without a yield. Fix: yield once")

    def second_yield(self) -> ConfigurationError:
        """Return the error of a generator that yields again."""
        return ConfigurationError(f"{self.who}: it yielded a second time. Fix: yield once")


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
