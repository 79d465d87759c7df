"""Leaving generators: each that was entered, once, in reverse, whatever happens to the others.

Law: the first failure decides. What is thrown in comes out again, be it that a provider swallows it, with a warning in
the log; what a provider raises in its place is logged, unless it is an HTTPError, which is meant as the answer, or what
the provider makes of a cancellation of its own, as a timeout around its yield does.
"""

from collections.abc import AsyncGenerator, Awaitable, Generator
from types import coroutine
from typing import Any, NoReturn

from hinge.dependencies.hops import Spare
from hinge.dependencies.steps import Step
from hinge.diagnostics.failures import is_cancellation, is_to_end, members
from hinge.diagnostics.logger import logger
from hinge.errors import HTTPError

Entered = tuple[Any, Step]
"""A generator that stands at its yield, and whose it is."""


END: Any = object()
"""What `next` returns where a generator ends."""


def refuse_second_yield(generator: Generator[Any, Any, Any], step: Step) -> NoReturn:
    """Close a generator that yields again, and raise the error of it."""
    generator.close()
    raise step.second_yield()


def leave(exits: list[Entered], error: BaseException | None) -> BaseException | None:
    """Leave plain generators, the last one first and up to one that is async; return the failure, None without one.

    Each is taken out of the list before it is left.
    """
    while exits and not exits[-1][1].is_async:
        generator, step = exits.pop()
        error = _leave(generator, step, error)
    return error


def tell(failure: BaseException | None, error: BaseException | None) -> None:
    """Raise the failure that goes on, unless it is the error itself: that is raised again by who has caught it."""
    try:
        if failure is not None and failure is not error:
            raise failure
    finally:
        del failure, error  # whose tracebacks hold this frame


def _leave(generator: Generator[Any, Any, Any], step: Step, error: BaseException | None) -> BaseException | None:
    try:
        if error is None:
            next(generator)
        else:
            generator.throw(error)
        generator.close()
    except StopIteration:
        return error if error is None else _swallowed(step, error)
    except BaseException as raised:  # noqa: BLE001 - the others are left as well
        return _decided(step, error, raised)
    return _decided(step, error, step.second_yield())


async def aleave(generator: AsyncGenerator[Any, Any], step: Step, error: BaseException | None) -> BaseException | None:
    """Leave an async one; return the failure that goes on, None without one."""
    try:
        if error is None:
            await anext(generator)
        else:
            await generator.athrow(error)
        await generator.aclose()
    except StopAsyncIteration:
        return error if error is None else _swallowed(step, error)
    except BaseException as raised:  # noqa: BLE001 - as above
        is_its_own = error is not None and is_cancellation(error) and not is_to_end()  # and it has taken that back
        return raised if is_its_own and isinstance(raised, Exception) else _decided(step, error, raised)
    return _decided(step, error, step.second_yield())


def leave_now(generator: AsyncGenerator[Any, Any], step: Step, spare: Spare) -> Awaitable[None] | None:
    """Go on with an async generator behind its yield; return what is to be awaited, None if it has ended already.

    Raises, then or there, what it raises. It is driven by hand, so that its task is spared only if it waits: most do
    not, and to ask which task is running costs as much as all the rest.
    """
    rest: Any = anext(generator)
    try:
        awaited = rest.send(None)
    except StopAsyncIteration:
        return None
    except StopIteration:
        return _refuse_another(generator, step, spare)
    return _leave_later(rest, awaited, generator, step, spare)


@coroutine
def _leave_later(
    rest: Any, awaited: Any, generator: AsyncGenerator[Any, Any], step: Step, spare: Spare
) -> Generator[Any, Any, None]:
    """Await the rest of an async generator, which waits for `awaited`."""
    try:
        with spare():
            while True:
                try:
                    sent = yield awaited
                except BaseException as error:  # noqa: BLE001 - it is the generator's
                    awaited = rest.throw(error)
                else:
                    awaited = rest.send(sent)
    except StopAsyncIteration:
        return
    except StopIteration:
        pass
    yield from _refuse_another(generator, step, spare).__await__()


async def _refuse_another(generator: AsyncGenerator[Any, Any], step: Step, spare: Spare) -> None:
    """Close an async generator that yields again, and raise the error of it."""
    with spare():
        await generator.aclose()
    raise step.second_yield()


def _swallowed(step: Step, error: BaseException) -> BaseException:
    logger.warning("%s: it swallowed %r, which is answered all the same. Fix: raise it again", step.who, error)
    return error


def _decided(step: Step, error: BaseException | None, raised: BaseException) -> BaseException:
    """Return the one of two failures that goes on; `raised` came out where `error` was thrown in."""
    if error is None:
        return raised
    if raised is error or _is_only(raised, error):
        return error
    if isinstance(raised, HTTPError) and isinstance(error, Exception):  # not in place of a cancellation
        return raised
    logger.error("%s: it failed while it was left", step.who, exc_info=raised)
    return error if isinstance(raised, Exception) or not isinstance(error, Exception) else raised


def _is_only(group: BaseException, error: BaseException) -> bool:
    """Tell whether a task group around the yield has wrapped what was thrown in, and nothing else."""
    return isinstance(group, BaseExceptionGroup) and all(one is error for one in members(group))
