"""Composed handlers of which all is plain: one call in one thread, from the first provider to the last teardown.

Law: nothing here waits. Without generators the result is the handler's; with some it is a response, whose body is there
before they are left.
"""

from collections.abc import Callable, Sequence
from typing import Any

from hinge.dependencies.leaving import Entered, leave, tell
from hinge.dependencies.steps import Call, Step
from hinge.inspection.wrappers import Unawaited
from hinge.responses.response import Response
from hinge.responses.streaming import StreamingResponse

Respond = Callable[[Any], Response]
KeepOpen = Callable[[StreamingResponse, list[Entered], list[Any]], Response]
"""Return a stream that leaves what was entered when it ends; the last are the values of the call."""
Run = Callable[[list[Any], list[Entered]], Any]
"""Call the steps and the handler, with the values that are there and what was entered so far."""


def without_exits(steps: Sequence[Step], handle: Call) -> Callable[..., Any]:
    """Return the composed handler where nothing is to be left."""
    calls = tuple(step.call for step in steps)
    if len(calls) == 1:
        (call,) = calls

        def run_one(*given: Any) -> Any:
            values = [*given]
            values.append(call(values))
            return handle(values)

        return run_one

    def run(*given: Any) -> Any:
        values = [*given]
        add = values.append
        for call in calls:
            add(call(values))
        return handle(values)

    return run


def with_exits(steps: Sequence[Step], handle: Call, respond: Respond, keep_open: KeepOpen) -> Run:
    """Return the composed handler where there are generators to leave."""
    ways = ways_of(steps)

    def run(values: list[Any], exits: list[Entered]) -> Response:
        add = values.append
        try:
            for call, generator_step in ways:
                if generator_step is None:
                    add(call(values))
                else:
                    add(enter(call(values), generator_step, exits))
            response = _responded(respond, handle(values))
            if exits and isinstance(response, StreamingResponse):
                return keep_open(response, exits, values)
        except BaseException as error:
            tell(leave(exits, error), error)
            raise
        tell(leave(exits, None), None)
        return response

    return run


def ways_of(steps: Sequence[Step]) -> tuple[tuple[Call, Step | None], ...]:
    """Return the call of each step, and the step itself for a generator."""
    return tuple((step.call, step if step.is_generator else None) for step in steps)


def enter(generator: Any, step: Step, exits: list[Entered]) -> Any:
    """Return what a plain generator yields, and note that it is to be left."""
    try:
        value = next(generator)
    except StopIteration:
        raise step.unyielded() from None
    exits.append(Entered(generator, step))
    return value


def run_steps(steps: Sequence[Step], values: list[Any], exits: list[Entered]) -> None:
    """Call plain steps, one after the other."""
    for step in steps:
        value = step.call(values)
        values.append(enter(value, step, exits) if step.is_generator else value)


def _responded(respond: Respond, result: Any) -> Response:
    """Return the response of a result.

    Raises:
        TypeError: it would have to be awaited, and nobody can once what the handler needs was left.
    """
    try:
        return respond(result)
    except Unawaited as error:
        error.close()
        raise TypeError(str(error)) from None
