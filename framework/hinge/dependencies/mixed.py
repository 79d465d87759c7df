"""Composed handlers of which something is awaited: one coroutine, from the first provider to the last teardown.

Law: plain steps in a row are one hop to where plain code runs, a plain handler behind them in the same one. All that is
async is awaited in one task, so that a task group or a cancel scope may span a provider's yield.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from hinge.dependencies.hops import Hops
from hinge.dependencies.leaving import Entered, aleave, leave
from hinge.dependencies.plain import KeepOpen, Respond, enter
from hinge.dependencies.steps import Step
from hinge.inspection.signature import Colour
from hinge.inspection.wrappers import Unawaited, is_awaitable
from hinge.responses.response import Response
from hinge.responses.streaming import StreamingResponse


class Part(NamedTuple):
    """Steps in a row of one colour."""

    is_plain: bool
    steps: tuple[Step, ...]


def parts_of(steps: Sequence[Step]) -> list[Part]:
    """Return steps in rows of one colour; what has none goes with what stands before it."""
    found: list[Part] = []
    for step in steps:
        if found and (step.colour is None or found[-1].is_plain != step.is_async):
            found[-1] = Part(found[-1].is_plain, (*found[-1].steps, step))
        else:
            found.append(Part(step.colour is not None and not step.is_async, (step,)))
    return found


def run_plain(steps: Sequence[Step], values: list[Any], exits: list[Entered]) -> None:
    """Call plain steps, one after the other."""
    for step in steps:
        value = step.call(values)
        values.append(enter(value, step, exits) if step.is_generator else value)


async def run_async(steps: Sequence[Step], values: list[Any], exits: list[Entered]) -> None:
    """Call async steps, one after the other."""
    for step in steps:
        value = step.call(values)
        if step.colour is Colour.ASYNC:
            value = await value
        elif step.colour is Colour.ASYNC_GENERATOR:
            generator = value
            try:
                value = await anext(generator)
            except StopAsyncIteration:
                raise step.unyielded() from None
            exits.append(Entered(generator, step))
        values.append(value)


async def leave_all(exits: list[Entered], error: BaseException | None, hops: Hops) -> BaseException | None:
    """Leave everything that was entered; return the failure, None without one."""
    while exits:
        error = await (aleave(exits, error) if exits[-1].step.is_async else hops.leave(leave, exits, error))
    return error


async def enter_all(parts: Sequence[Part], values: list[Any], exits: list[Entered], hops: Hops) -> None:
    """Call everything in its colour."""
    for is_plain, steps in parts:
        if is_plain:
            await hops.run(run_plain, steps, values, exits)
        else:
            await run_async(steps, values, exits)


def mixed(
    parts: Sequence[Part], respond: Respond | None, keep_open: KeepOpen, hops: Hops
) -> Callable[..., Awaitable[Any]]:
    """Return the composed handler, whose last step is the handler; `respond` is None if nothing is to be left."""

    async def run(*given: Any) -> Any:
        values: list[Any] = [*given]
        exits: list[Entered] = []
        if respond is None:
            await enter_all(parts, values, exits, hops)
            return await values[-1] if is_awaitable(values[-1]) else values[-1]
        try:
            await enter_all(parts, values, exits, hops)
            response = await _responded(respond, values[-1])
            if isinstance(response, StreamingResponse):
                return keep_open(response, exits, values)
        except BaseException as error:
            failure = await leave_all(exits, error, hops)
            if failure is error or failure is None:
                raise
            raise failure
        failure = await leave_all(exits, None, hops)
        if failure is not None:
            raise failure
        return response

    return run


async def _responded(respond: Respond, result: Any) -> Response:
    try:
        return respond(result)
    except Unawaited as error:
        settled: Response = await error.settle()
        return settled
