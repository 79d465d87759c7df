"""Guards before the body: a composed handler in two calls, with the reading of the body between them.

Law: the first call takes all that the head says, so that a head that is wrong is told at once, and calls the guards;
the second takes the body, and goes on from there. Whatever fails in between, what was entered is left.
"""

from collections.abc import Callable, Sequence
from typing import Any

from hinge.binding.plan import Argument, Source
from hinge.dependencies.hops import Hops
from hinge.dependencies.leaving import Entered, leave, tell
from hinge.dependencies.mixed import leave_all, mixed_guards
from hinge.dependencies.plain import run_steps
from hinge.dependencies.steps import Step

HELD = Argument("(held)", Source.HELD, "(held)", Any)
"""Its name is no identifier, so it is nobody else's."""
OF_BODY = (Source.BODY, Source.STREAM, Source.FORM, Source.REQUEST)
"""What waits for the body: a Request has it, too."""


class Held:
    """What stands between the two calls."""

    __slots__ = ("exits", "values")

    def __init__(self, given: Sequence[Any], places: Sequence[int], size: int) -> None:
        self.values: list[Any] = [None] * size
        for place, value in zip(places, given, strict=True):
            self.values[place] = value
        self.exits: list[Entered] = []

    def filled(self, given: Sequence[Any], places: Sequence[int]) -> list[Any]:
        """Return the values, those of the body in their places."""
        for place, value in zip(places, given, strict=True):
            self.values[place] = value
        return self.values

    def leave(self, error: BaseException) -> None:
        """Leave what the guards have entered, plain all of it; raises what goes on in place of the error."""
        if self.exits:
            tell(leave(self.exits, error), error)

    async def aleave(self, error: BaseException, hops: Hops) -> None:
        """Do the same for both colours."""
        if self.exits:
            tell(await leave_all(self.exits, error, hops), error)


def plain_guards(steps: Sequence[Step], places: Sequence[int], size: int) -> Callable[..., Held]:
    """Return the first call where everything is plain."""

    def guard(*given: Any) -> Held:
        held = Held(given, places, size)
        try:
            run_steps(steps, held.values, held.exits)
        except BaseException as error:
            held.leave(error)
            raise
        return held

    return guard


def async_guards(steps: Sequence[Step], places: Sequence[int], size: int, hops: Hops) -> Callable[..., Any]:
    """Return the first call, a coroutine."""
    run = mixed_guards(steps, hops)

    async def guard(*given: Any) -> Held:
        held = Held(given, places, size)
        await run(held.values, held.exits)
        return held

    return guard
