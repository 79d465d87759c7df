"""Composed handlers of which all is plain: one call in one thread, from the first provider to the last teardown.

Law: nothing here waits. Without generators the result is the handler's; with some it is a body or a response, which is
there before they are left.
"""

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from hinge.dependencies.leaving import END, Entered, leave, refuse_second_yield, tell
from hinge.dependencies.steps import Call, Step
from hinge.inspection.wrappers import Unawaited
from hinge.responses.response import Response
from hinge.responses.streaming import StreamingResponse
from hinge.results.encoded import Encoded, encoded_as
from hinge.results.returns import Returns

KeepOpen = Callable[[StreamingResponse, list[Entered], list[Any]], Response]
"""Return a stream that leaves what was entered when it ends; the last are the values of the call."""
Run = Callable[[list[Any], list[Entered]], Any]
"""Call the steps and the handler, with the values that are there and what was entered so far."""


class Finish:
    """What becomes of a result before anything is left: nothing, here."""

    __slots__ = ("plain",)

    def __init__(self) -> None:
        self.plain: dict[type, tuple[Callable[[Any], bytes], type[Encoded]]] = {}
        """How plain results become a body, by their class: those that there were, for who spares the call."""

    def __call__(self, result: Any) -> Any:
        """Return a result as it is sent."""
        return result


class Finishing(Finish):
    """A plain result becomes a body (`Encoded`), and by `respond` any other a response.

    A call raises what `respond` raises.
    """

    __slots__ = ("_respond", "_returns")

    def __init__(self, returns: Returns, respond: Callable[[Any], Response]) -> None:
        super().__init__()
        self._returns = returns
        self._respond = respond

    def __call__(self, result: Any) -> Any:
        """Return a result as a body or a response."""
        kind = result.__class__
        how = self.plain.get(kind)
        if how is None:
            plain = self._returns.plain(kind)
            if plain is None:
                return self._respond(result)
            how = self.plain[kind] = plain[0], encoded_as(plain[1])
        return how[1](how[0](result))


def without_exits(steps: Sequence[Step], handle: Call) -> Callable[..., Any]:
    """Return the composed handler where nothing is to be left."""
    calls = tuple(step.call for step in steps)
    if not calls:
        return lambda *given: handle(given)  # type: ignore[arg-type]  # it takes values by their places
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


def with_exits(
    steps: Sequence[Step],
    handle: Call,
    finish: Finish,
    keep_open: KeepOpen,
    given_up: Callable[[], BaseException | None] | None = None,
) -> Run:
    """Return the composed handler where there are generators to leave; a result that is `given_up` is not committed."""
    ways = tuple((step.call, step if step.is_generator else None) for step in steps)
    plain_of = finish.plain.get

    def run(values: list[Any], exits: list[Entered]) -> Any:
        try:
            for call, step in ways:
                value = call(values)
                if step is not None:
                    generator, value = value, next(value, END)
                    if value is END:
                        raise step.unyielded()  # noqa: TRY301 - in this frame, as all that requests pay for
                    exits.append((generator, step))
                values.append(value)
            result = handle(values)
            how = plain_of(result.__class__)
            if how is not None:
                result = how[1](how[0](result))
            else:
                result = finish(result)
                if exits and isinstance(result, StreamingResponse) and (given_up is None or given_up() is None):
                    return keep_open(result, exits, values)
            if given_up is not None and (instead := given_up()) is not None:
                _refuse(result, instead)
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


def _refuse(result: Any, error: BaseException) -> NoReturn:
    """Close the source of a stream that nobody sends (an async one has not begun, and holds nothing), and raise."""
    if isinstance(result, StreamingResponse) and not result.is_async:
        close = getattr(result.iterator, "close", None)
        if close is not None:
            close()
    raise error


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
