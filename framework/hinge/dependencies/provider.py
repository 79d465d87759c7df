"""A provider: what is called for a dependency, as data.

Law: its colour is that of the outermost callable, and its parameters are planned like a handler's. What nobody could
enter, await or call is refused with its name and line.
"""

import inspect
from collections.abc import Callable, Hashable
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import msgspec

from hinge.binding.notes import Notes
from hinge.binding.params import Scope
from hinge.binding.plan import Argument, arguments_of
from hinge.diagnostics.location import UNKNOWN, locate, qualified_name
from hinge.errors import ConfigurationError
from hinge.inspection.signature import Colour, colour_of, read_signature
from hinge.inspection.wrappers import awaited_type, may_wait, refuse_wrappers

_COMPARED = (FunctionType, MethodType, BuiltinFunctionType)


class Provider(msgspec.Struct, frozen=True, eq=False):
    """What one dependency calls."""

    function: Callable[..., Any]
    named: Callable[..., Any]
    """What `Depends` names: the function itself, unless a test has it replaced."""
    name: str
    location: str
    colour: Colour
    scope: Scope
    arguments: tuple[Argument, ...]
    returns: Any
    """The return annotation, as it is written."""
    is_free: bool = False
    """Whether it never waits, and may be called wherever its neighbours are; no generator is."""

    @property
    def is_async(self) -> bool:
        """Whether it runs on the event loop."""
        return self.colour in (Colour.ASYNC, Colour.ASYNC_GENERATOR)

    @property
    def is_generator(self) -> bool:
        """Whether it goes on behind its yield."""
        return self.colour in (Colour.SYNC_GENERATOR, Colour.ASYNC_GENERATOR)

    def describe(self) -> str:
        """Return `dependency module.name (file:line)`, the start of every message about it."""
        return f"dependency {self.name}" + ("" if self.location == UNKNOWN else f" ({self.location})")

    def misuse(self, what: str) -> ConfigurationError:
        """Return the error of a generator that broke the protocol at run time."""
        return ConfigurationError(f"{self.describe()}: {what}")


def key_of(function: Callable[..., Any]) -> Hashable:
    """Return what tells providers apart: functions and bound methods are compared, anything else is itself alone."""
    return function if isinstance(function, _COMPARED) else ("is", id(function))


def said(function: Callable[..., Any]) -> str:
    """Return `dependency module.name (file:line)`."""
    where = locate(function)
    return f"dependency {qualified_name(function)}" + ("" if where == UNKNOWN else f" ({where})")


def provider_of(
    function: Callable[..., Any], named: Callable[..., Any], scope: Scope, path_names: frozenset[str], notes: Notes
) -> Provider:
    """Return the provider that calls a function, in place of the one `named`, on a route whose path has these names.

    Raises:
        ConfigurationError: it cannot be one.
    """
    who = said(function)
    _check_wrappers(function, who)
    parameters, hints = read_signature(function, who, allows_class=True)
    returns = hints.get("return", Any)
    colour = colour_of(function)
    if colour is Colour.SYNC and (may_wait(function) or awaited_type(returns) is not returns):
        raise ConfigurationError(
            f"{who}: it is a plain function, and what it returns would have to be awaited. Fix: write it as async def"
        )
    is_free = colour is Colour.SYNC and getattr(function, "__never_waits__", False)
    arguments = arguments_of(parameters, hints, path_names, who, notes)
    return Provider(
        function, named, qualified_name(function), locate(function), colour, scope, arguments, returns, is_free
    )


def _check_wrappers(function: Callable[..., Any], who: str) -> None:
    refuse_wrappers(function, who)
    if inspect.isclass(function) and inspect.isabstract(function):
        raise ConfigurationError(f"{who}: it is an abstract class. Fix: name one that can be made")
