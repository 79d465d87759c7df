"""What decorators have put around a function: plain wrappers of coroutine functions, and context managers.

Law: read off once, at compile. What a plain function around a coroutine function returns is awaited if it can be: the
wrapper may as well have run it to its end. A context manager that is left before the function runs is refused.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import islice, pairwise
from types import MethodType
from typing import Any, Union, get_args

from hinge.diagnostics.location import placed
from hinge.errors import ConfigurationError
from hinge.inspection.annotations import class_of, members
from hinge.inspection.signature import Colour, colour_of

_CACHE = type(cache(len))
_DEEPEST = 100
"""So many decorators are looked through: what pretends to have every attribute has no last one."""
_CONTEXTLIB = contextlib.contextmanager.__code__.co_filename


def _layers(function: Any) -> Iterator[Any]:
    """Yield a callable and what is inside of it, the outermost first."""
    while function is not None:
        yield function
        if isinstance(function, partial):
            function = function.func
        elif isinstance(function, MethodType | staticmethod):
            function = function.__func__
        else:
            function = getattr(function, "__wrapped__", None)


def refuse_outer(function: Any, who: str) -> None:
    """Refuse a handler around which a decorator was put after its route was declared: `who` names the handler.

    Nobody calls that decorator, and it may have been the one that says who may come in. It is seen where its module
    knows the handler's name for what `functools.wraps` makes.

    Raises:
        ConfigurationError: there is one.
    """
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    known = vars(module).get(getattr(function, "__qualname__", ""), function) if module is not None else function
    if known is not function and any(one is function for one in islice(_layers(known), 1, _DEEPEST)):
        raise ConfigurationError(
            f"{who}: a decorator stands above that of its route, so nobody calls it. "
            f"Fix: put it below, next to the function"
        )


def may_wait(function: Callable[..., Any]) -> bool:
    """Tell whether a plain function may return what a coroutine function inside of it does."""
    outermost, *inner = _layers(function)
    return bool(inner) and colour_of(outermost) is Colour.SYNC and any(colour_of(one) is Colour.ASYNC for one in inner)


def is_awaitable(value: Any) -> bool:
    """Tell whether a result is to be awaited."""
    return hasattr(type(value), "__await__")


async def awaited(value: Any) -> Any:
    """Return a result that may have to be awaited."""
    return await value if is_awaitable(value) else value


class Unawaited(TypeError):  # noqa: N818 - what the handler returned is
    """Say that a handler has returned an awaitable, of which nothing told before; `settle` gives the response."""

    def __init__(self, value: Any, respond: Callable[[Any], Any]) -> None:
        super().__init__(
            f"the handler returned a {type(value).__name__} that nobody awaits. "
            "Fix: write it, or the wrapper its decorator puts around it, as async def"
        )
        self._value = value
        self._respond = respond

    async def settle(self) -> Any:
        """Return the response of what it comes to; raises what it raises, as if there had been nothing before."""
        try:
            value = self._value
            while is_awaitable(value):
                value = await value
            return self._respond(value)
        except BaseException as error:
            last: BaseException = error
            while last.__context__ is not None and last.__context__ is not self:
                last = last.__context__
            last.__context__ = None
            raise

    def close(self) -> None:
        """Drop it, where nobody will: Python warns of coroutines that were never awaited."""
        close = getattr(self._value, "close", None)
        if close is not None:
            close()


def awaited_type(annotation: Any) -> Any:
    """Return a return annotation with the results of awaitables in their place."""
    found = members(annotation)
    if not any(hasattr(class_of(one), "__await__") for one in found):
        return annotation
    results = [(*get_args(one), Any) if hasattr(class_of(one), "__await__") else (one, Any) for one in found]
    return Union[tuple(one[-2] for one in results)]  # noqa: UP007 - of a sequence


def refuse_wrappers(function: Callable[..., Any], who: str) -> None:
    """Refuse a function with a context manager around it that is never entered, or is left before the function runs.

    So is a cache around what gives a coroutine or an iterator: it would hand out one that is used up.

    Raises:
        ConfigurationError: it begins with `who`.
    """
    for outer, inner in pairwise(_layers(function)):
        if isinstance(outer, _CACHE) and (colour_of(inner) is not Colour.SYNC or may_wait(inner)):
            raise ConfigurationError(
                f"{who}: functools.cache gives every request the one result of a {colour_of(inner).value}, which is "
                "used up by the first. Fix: leave the decorator out, and cache what it looks up"
            )
        code = getattr(outer, "__code__", None)
        if code is None or code.co_filename != _CONTEXTLIB:
            continue
        if code.co_name == "helper":
            raise ConfigurationError(
                f"{who}: @contextmanager makes a context manager of it, which nobody enters. "
                "Fix: leave the decorator out"
            )
        colour = colour_of(inner)
        if colour_of(outer) is Colour.ASYNC and colour is not Colour.ASYNC and not may_wait(inner):
            raise ConfigurationError(
                f"{who}: the async context manager around it awaits what it returns, and it is a {colour.value}. "
                "Fix: write it as async def, or `async with` in the handler"
            )
        if colour_of(outer) is Colour.SYNC and (colour is not Colour.SYNC or may_wait(inner)):
            raise ConfigurationError(
                f"{who}: the context manager around it is left before it runs, since it is a {colour.value}. "
                "Fix: `with` in the handler"
            )


def check_work(function: Any) -> None:
    """Refuse what would do nothing when it is called after the response.

    Raises:
        TypeError: with what to write instead.
    """
    if not callable(function):
        raise TypeError(
            f"after_response({function!r}): it cannot be called. Fix: give a function, and its arguments behind it"
        )
    if colour_of(function) not in (Colour.SYNC, Colour.ASYNC):
        raise TypeError(f"after_response({placed(function)}): a generator's call does nothing. Fix: drop its yield")
    try:
        refuse_wrappers(function, f"after_response({placed(function)})")
    except ConfigurationError as error:
        raise TypeError(str(error)) from None
