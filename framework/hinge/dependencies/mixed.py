"""Composed handlers of which something is awaited: one coroutine, from the first provider to the last teardown.

Law: plain steps in a row are one hop to where plain code runs, a plain handler behind them in the same one. All that is
async is awaited in one task, so that a task group or a cancel scope may span a provider's yield.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, NamedTuple

from hinge.dependencies.hops import Hops
from hinge.dependencies.leaving import Entered, aleave, leave, leave_now, tell
from hinge.dependencies.plain import Finish, KeepOpen, run_steps
from hinge.dependencies.steps import Step
from hinge.diagnostics.failures import is_cancellation
from hinge.inspection.wrappers import Unawaited, is_awaitable
from hinge.responses.streaming import StreamingResponse

Run = Callable[[list[Any], list[Entered]], Awaitable[Any]]
"""Call the steps and the handler, with the values that are there and what was entered so far."""


class Part(NamedTuple):
    """Steps in a row of one colour."""

    is_plain: bool
    steps: tuple[Step, ...]

    @property
    def is_free(self) -> bool:
        """Whether all of them may stand anywhere."""
        return all(step.is_free for step in self.steps)


def parts_of(steps: Sequence[Step]) -> list[Part]:
    """Return steps in rows of one colour; what is free goes with what stands before it."""
    found: list[Part] = []
    for step in steps:
        last = found[-1] if found else None
        if last is None or not (step.is_free or last.is_free or last.is_plain != step.is_async):
            found.append(Part(not (step.is_free or step.is_async), (step,)))
        else:
            is_plain = not step.is_async if last.is_free and not step.is_free else last.is_plain
            found[-1] = Part(is_plain, (*last.steps, step))
    return found


def mixed(
    steps: Sequence[Step], finish: Finish | None, keep_open: KeepOpen, hops: Hops, before: Sequence[Step] = ()
) -> Run:
    """Return the composed handler, whose last step is the handler; `finish` is None if nothing is to be left.

    What the steps `before` have entered is left with the rest.
    """
    if finish is None:
        return _without_exits(steps, hops)
    if _is_all_here((*before, *steps)):
        return _awaiting(steps, finish, keep_open, hops)
    enter_all = _entering(steps, hops)

    async def run(values: list[Any], exits: list[Entered]) -> Any:
        try:
            await enter_all(values, exits)
            try:
                result = finish(values[-1])
            except Unawaited as error:
                result = await error.settle()
            if isinstance(result, StreamingResponse) and exits:
                return keep_open(result, exits, values)
        except BaseException as error:
            tell(await leave_all(exits, error, hops), error)
            raise
        failure = await leave_all(exits, None, hops)
        if failure is not None:
            tell(failure, None)
        return result

    return run


def _awaiting(steps: Sequence[Step], finish: Finish, keep_open: KeepOpen, hops: Hops) -> Run:
    """Return the same where nothing needs a hop, in one frame: each further one would cost as much as a provider."""
    *providers, handler = steps
    ways = tuple((step.call, step if step.is_generator or step.is_free else None) for step in providers)
    handle, awaits, plain_of, spare = handler.call, handler.is_async, finish.plain.get, hops.spare

    async def run(values: list[Any], exits: list[Entered]) -> Any:
        try:
            for call, step in ways:
                made = call(values)
                if step is None:
                    values.append(await made)
                elif step.is_free:
                    values.append(made)
                else:
                    try:
                        values.append(await anext(made))
                    except StopAsyncIteration:
                        raise step.unyielded() from None
                    exits.append((made, step))
            result = await handle(values) if awaits else handle(values)
            how = plain_of(result.__class__)
            if how is not None:
                result = how[1](how[0](result))
            else:
                try:
                    result = finish(result)
                except Unawaited as error:
                    result = await error.settle()
                if exits and isinstance(result, StreamingResponse):
                    return keep_open(result, exits, values)
            while exits:
                generator, its_step = exits.pop()
                waits = leave_now(generator, its_step, spare)
                if waits is not None:
                    await waits
        except BaseException as error:  # those that are left by now are not in the list any more
            tell(await leave_all(exits, error, hops), error)
            raise
        return result

    return run


def _is_all_here(steps: Iterable[Step]) -> bool:
    """Tell whether all steps are awaited, or may stand anywhere: none is to run where plain code does."""
    return all(step.is_async or step.is_free for step in steps)


def _without_exits(steps: Sequence[Step], hops: Hops) -> Run:
    *providers, handler = steps
    enter_all, calls = _entering(steps, hops), tuple((step.call, step.is_async) for step in providers)

    async def run(values: list[Any], exits: list[Entered]) -> Any:
        await enter_all(values, exits)
        result = values[-1]
        return await result if is_awaitable(result) else result

    async def run_awaiting(values: list[Any], exits: list[Entered]) -> Any:
        for call, _ in calls:
            values.append(await call(values))
        return await handler.call(values)

    async def run_here(values: list[Any], exits: list[Entered]) -> Any:
        for call, is_awaited in calls:
            made = call(values)
            values.append(await made if is_awaited else made)
        return await handler.call(values)

    if not (handler.is_async and _is_all_here(providers)):
        return run
    return run_awaiting if all(step.is_async for step in providers) else run_here


def mixed_guards(steps: Sequence[Step], hops: Hops) -> Run:
    """Return what calls the steps before the body; what they enter is left if one of them fails."""
    enter_all = _entering(steps, hops)

    async def run(values: list[Any], exits: list[Entered]) -> None:
        try:
            await enter_all(values, exits)
        except BaseException as error:
            tell(await leave_all(exits, error, hops), error)
            raise

    return run


async def leave_all(exits: list[Entered], error: BaseException | None, hops: Hops) -> BaseException | None:
    """Leave everything that was entered; return the failure, None without one."""
    if not exits:
        return error
    with hops.spare():
        while exits:
            if not exits[-1][1].is_async:
                try:
                    error = await hops.leave(leave, exits, error)
                except BaseException as raised:  # noqa: BLE001 - the task was cancelled: the others are left as well
                    error = raised if error is None else error
                    if not is_cancellation(raised):  # no thread is to be had
                        error = leave(exits, error)
                continue
            generator, step = exits.pop()
            error = await aleave(generator, step, error)
    return error


def _entering(steps: Sequence[Step], hops: Hops) -> Run:
    """Return what calls everything in its colour."""
    parts = tuple(parts_of(steps))

    async def enter_all(values: list[Any], exits: list[Entered]) -> None:
        for is_plain, row in parts:
            if is_plain:
                await hops.run(run_steps, row, values, exits)
                continue
            for step in row:
                value = step.call(values)
                if step.is_generator:
                    value = await _aenter(value, step, exits)
                elif step.is_async:
                    value = await value
                values.append(value)

    return enter_all


async def _aenter(generator: Any, step: Step, exits: list[Entered]) -> Any:
    try:
        value = await anext(generator)
    except StopAsyncIteration:
        raise step.unyielded() from None
    exits.append((generator, step))
    return value
