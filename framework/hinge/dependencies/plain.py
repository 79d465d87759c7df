"""Composed handlers of which all is plain: one call in one thread, from the first provider to the last teardown.

Law: nothing here waits. Without generators the result is the handler's; with some it is a body or a response, which is
there before they are left.
"""

from collections.abc import Callable, Sequence
from typing import Any

from hinge.dependencies.leaving import END, Entered, leave, refuse_second_yield, tell
from hinge.dependencies.steps import Call, Step
from hinge.inspection.wrappers import Unawaited
from hinge.responses.response import Response
from hinge.responses.streaming import StreamingResponse
from hinge.results.encoded import Encoded, encoded_as
from hinge.results.returns import Returns

Finish = Callable[[Any], Any]
"""Return a result as a body (`Encoded`) or a response."""
KeepOpen = Callable[[StreamingResponse, list[Entered], list[Any]], Response]
"""Return a stream that leaves what was entered when it ends; the last are the values of the call."""
Run = Callable[[list[Any], list[Entered]], Any]
"""Call the steps and the handler, with the values that are there and what was entered so far."""


def finishing(returns: Returns, respond: Callable[[Any], Response]) -> Finish:
    """Return what makes a body of a plain result, and by `respond` a response of any other.

    Raises, then, what `respond` raises.
    """
    known: dict[type, tuple[Callable[[Any], bytes], type[Encoded]] | None] = {}

    def finish(result: Any) -> Any:
        kind = result.__class__
        if kind not in known:
            plain = returns.plain(kind)
            known[kind] = None if plain is None else (plain[0], encoded_as(plain[1]))
        how = known[kind]
        return respond(result) if how is None else how[1](how[0](result))

    return finish


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
        for call in calls:
            values.append(call(values))
        return handle(values)

    return run


def with_exits(steps: Sequence[Step], handle: Call, finish: Finish, keep_open: KeepOpen) -> Run:
    """Return the composed handler where there are generators to leave."""
    ways = tuple((step.call, step if step.is_generator else None) for step in steps)

    def run(values: list[Any], exits: list[Entered]) -> Any:
        try:
            for call, step in ways:
                value = call(values)
                if step is not None:
                    value = enter(value, step, exits)
                values.append(value)
            result = finish(handle(values))
            if isinstance(result, StreamingResponse) and exits:
                return keep_open(result, exits, values)
            while exits:
                generator, its_step = exits.pop()
                if next(generator, END) is not END:
                    refuse_second_yield(generator, its_step)
        except Unawaited as error:
            raise _unawaited(error, exits) from None
        except BaseException as error:  # those that are left by now are not in the list any more
            tell(leave(exits, error), error)
            raise
        return result

    return run


def enter(generator: Any, step: Step, exits: list[Entered]) -> Any:
    """Return what a plain generator yields, and note that it is to be left."""
    value = next(generator, END)
    if value is END:
        raise step.unyielded()
    exits.append((generator, step))
    return value


def run_steps(steps: Sequence[Step], values: list[Any], exits: list[Entered]) -> None:
    """Call plain steps, one after the other."""
    for step in steps:
        value = step.call(values)
        values.append(enter(value, step, exits) if step.is_generator else value)


def _unawaited(unawaited: Unawaited, exits: list[Entered]) -> BaseException:
    """Return the failure of a result that would have to be awaited: nobody can once what it needs was left."""
    unawaited.close()
    error = TypeError(str(unawaited))
    return leave(exits, error) or error
