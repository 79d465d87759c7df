"""Composed handlers of which something is awaited: one coroutine, from the first provider to the last teardown.

Law: plain steps in a row are one hop to where plain code runs, a plain handler behind them in the same one. All that is
async is awaited in one task, so that a task group or a cancel scope may span a provider's yield.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from hinge.dependencies.hops import Hops
from hinge.dependencies.leaving import Entered, aleave, leave, tell
from hinge.dependencies.plain import KeepOpen, Respond, run_steps
from hinge.dependencies.steps import Step
from hinge.inspection.signature import Colour
from hinge.inspection.wrappers import Unawaited, is_awaitable
from hinge.responses.response import Response
from hinge.responses.streaming import StreamingResponse

Run = Callable[[list[Any], list[Entered]], Awaitable[Any]]
"""Call the steps and the handler, with the values that are there and what was entered so far."""


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


def mixed(steps: Sequence[Step], respond: Respond | None, keep_open: KeepOpen, hops: Hops) -> Run:
    """Return the composed handler, whose last step is the handler; `respond` is None if nothing is to be left."""
    parts = parts_of(steps)

    async def run(values: list[Any], exits: list[Entered]) -> Any:
        try:
            await _enter_all(parts, values, exits, hops)
            result = values[-1]
            if respond is None:
                return await result if is_awaitable(result) else result
            response = await _responded(respond, result)
            if exits and isinstance(response, StreamingResponse):
                return keep_open(response, exits, values)
        except BaseException as error:
            tell(await leave_all(exits, error, hops), error)
            raise
        tell(await leave_all(exits, None, hops), None)
        return response

    return run


def mixed_guards(steps: Sequence[Step], hops: Hops) -> Run:
    """Return what calls the steps before the body; what they enter is left if one of them fails."""
    parts = parts_of(steps)

    async def run(values: list[Any], exits: list[Entered]) -> None:
        try:
            await _enter_all(parts, values, exits, hops)
        except BaseException as error:
            tell(await leave_all(exits, error, hops), error)
            raise

    return run


async def leave_all(exits: list[Entered], error: BaseException | None, hops: Hops) -> BaseException | None:
    """Leave everything that was entered; return the failure, None without one."""
    while exits:
        error = await (aleave(exits, error) if exits[-1].step.is_async else hops.leave(leave, exits, error))
    return error


async def _enter_all(parts: Sequence[Part], values: list[Any], exits: list[Entered], hops: Hops) -> None:
    for is_plain, steps in parts:
        if is_plain:
            await hops.run(run_steps, steps, values, exits)
        else:
            await _run_async(steps, values, exits)


async def _run_async(steps: Sequence[Step], values: list[Any], exits: list[Entered]) -> None:
    for step in steps:
        value = step.call(values)
        if step.colour is Colour.ASYNC:
            value = await value
        elif step.colour is Colour.ASYNC_GENERATOR:
            value = await _aenter(value, step, exits)
        values.append(value)


async def _aenter(generator: Any, step: Step, exits: list[Entered]) -> Any:
    try:
        value = await anext(generator)
    except StopAsyncIteration:
        raise step.unyielded() from None
    exits.append(Entered(generator, step))
    return value


async def _responded(respond: Respond, result: Any) -> Response:
    try:
        return respond(result)
    except Unawaited as error:
        settled: Response = await error.settle()
        return settled
