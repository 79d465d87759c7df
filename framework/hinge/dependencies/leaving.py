"""Leaving generators: each that was entered, once, in reverse, whatever happens to the others.

Law: the first failure decides. What is thrown in comes out again, be it that a provider swallows it, with a warning in
the log; what a provider raises in its place is logged, unless it is an HTTPError, which is meant as the answer.
"""

from collections.abc import AsyncGenerator, Generator
from typing import Any, NamedTuple

from hinge.dependencies.steps import Step
from hinge.diagnostics.failures import members
from hinge.diagnostics.logger import logger
from hinge.errors import HTTPError


class Entered(NamedTuple):
    """A generator that stands at its yield."""

    generator: Any
    step: Step


def leave(exits: list[Entered], error: BaseException | None) -> BaseException | None:
    """Leave plain generators, the last one first and up to one that is async; return the failure, None without one.

    Each is taken out of the list before it is left.
    """
    while exits and not exits[-1].step.is_async:
        generator, step = exits.pop()
        error = _leave(generator, step, error)
    return error


async def aleave(exits: list[Entered], error: BaseException | None) -> BaseException | None:
    """Do the same for async ones, up to one that is plain."""
    while exits and exits[-1].step.is_async:
        generator, step = exits.pop()
        error = await _aleave(generator, step, error)
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
        return _ended(step, error)
    except BaseException as raised:  # noqa: BLE001 - the others are left as well
        return _decided(step, error, raised)
    return _decided(step, error, step.second_yield())


async def _aleave(generator: AsyncGenerator[Any, Any], step: Step, error: BaseException | None) -> BaseException | None:
    try:
        if error is None:
            await anext(generator)
        else:
            await generator.athrow(error)
        await generator.aclose()
    except StopAsyncIteration:
        return _ended(step, error)
    except BaseException as raised:  # noqa: BLE001 - as above
        return _decided(step, error, raised)
    return _decided(step, error, step.second_yield())


def _ended(step: Step, error: BaseException | None) -> BaseException | None:
    if error is not None:
        logger.warning("%s: it swallowed %r, which is answered all the same. Fix: raise it again", step.who, error)
    return error


def _decided(step: Step, error: BaseException | None, raised: BaseException) -> BaseException:
    """Return the one of two failures that goes on; `raised` came out where `error` was thrown in."""
    if error is None or raised is error or _is_only(raised, error):
        return raised if error is None else error
    if not isinstance(error, Exception):  # a cancellation, an interrupt
        logger.error("%s: it failed while it was left", step.who, exc_info=raised)
        return error
    if isinstance(raised, HTTPError):
        return raised
    logger.error("%s: it failed while it was left", step.who, exc_info=raised)
    return error if isinstance(raised, Exception) else raised


def _is_only(group: BaseException, error: BaseException) -> bool:
    """Tell whether a task group around the yield has wrapped what was thrown in, and nothing else."""
    return isinstance(group, BaseExceptionGroup) and all(one is error for one in members(group))
