"""What a function of `dependencies=` returns, at which nobody looks.

Law: such a guard says no by raising. One that answers, or judges, by what it returns would let everybody in, so it is
refused: by its annotation at compile, and without one by what it has returned, which is a 500. So is an error that was
returned and not raised, and a class whose objects would be the guards.
"""

from collections.abc import Callable
from typing import Any

from hinge.dependencies.provided import given_type
from hinge.dependencies.provider import Provider
from hinge.errors import ConfigurationError
from hinge.inspection.annotations import class_of, members
from hinge.responses.response import Response

_FIX = (
    "and nobody looks at what functions in dependencies= return. Fix: raise HTTPError(403) to refuse, or an error of "
    "your own for which @app.error(...) returns a response; return nothing"
)


_UNSEEN = (bool, Response, BaseException)


def check_unseen(provider: Provider) -> None:
    """Refuse a guard whose annotation says that it answers or judges by what it returns.

    Raises:
        ConfigurationError: it does, or is a class whose objects are to be called.
    """
    function = provider.function
    if isinstance(function, type) and any("__call__" in vars(one) for one in function.__mro__):
        name = function.__name__
        raise ConfigurationError(
            f"{provider.describe()}: it makes a {name}, and nobody calls that. Fix: Depends({name}(...)), an object"
        )
    for kind in map(class_of, members(given_type(provider))):
        if isinstance(kind, type) and issubclass(kind, _UNSEEN):
            raise ConfigurationError(f"{provider.describe()}: it gives {kind.__name__}, {_FIX}")


def watched(provider: Provider) -> Callable[..., Any]:
    """Return what calls a guard without an annotation, and raises for what it should not return."""
    function = provider.function
    if provider.returns is not Any or provider.is_generator:
        return function

    if provider.is_async:

        async def awaited(*given: Any, **named: Any) -> Any:
            return _checked(provider, await function(*given, **named))

        return awaited

    def called(*given: Any, **named: Any) -> Any:
        return _checked(provider, function(*given, **named))

    return called


def _checked(provider: Provider, value: Any) -> Any:
    if value is False or isinstance(value, Response | BaseException):
        kind = "False" if value is False else f"a {type(value).__name__}"
        raise provider.misuse(f"it has returned {kind}, {_FIX}")
    return value
