"""The arguments of a handler and of all its providers, as those of one call.

Law: what two of them take in the same words is taken once. At most one of all takes the body.
"""

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from hinge.binding.absence import is_shareable
from hinge.binding.plan import MISSING, Argument, Source
from hinge.dependencies.steps import Call, call_of

_OBJECTS = (Source.REQUEST, Source.HEAD, Source.WEBSOCKET, Source.STREAM, Source.STATE, Source.ANSWER, Source.SCOPES)


class Slots:
    """The merged arguments, and the places of all that is given besides."""

    def __init__(self, scopes: Any) -> None:
        self.arguments: list[Argument] = []
        self._scopes = scopes

    def add(self, arguments: Iterable[Argument], of: str, *, before_body: bool = False) -> dict[str, int]:
        """Return the place of each of some arguments by its name; dependencies have none here.

        `of` is the name of the provider whose they are, "" for the handler. What is called before the body is read gets
        a Request without one.
        """
        places = {}
        for one in arguments:
            if one.source is Source.DEPENDENCY:
                continue
            plain = replace(one, source=Source.HEAD) if before_body and one.source is Source.REQUEST else one
            if one.source is Source.SCOPES:
                plain = replace(one, fixed=self._scopes)
            places[one.name] = self._place(replace(plain, keyword=False), of)
        return places

    def _place(self, argument: Argument, of: str) -> int:
        for place, other in enumerate(self.arguments):
            if _is_same(argument, other):
                return place
        taken = {one.name for one in self.arguments}
        name, number = f"{of}.{argument.name}" if of else argument.name, 2
        while name in taken:
            name, number = f"{of}.{argument.name} ({number})", number + 1
        self.arguments.append(replace(argument, name=name))
        return len(self.arguments) - 1


def _is_same(one: Argument, other: Argument) -> bool:
    """Tell whether one value serves both."""
    if one.source is not other.source:
        return False
    if one.source in _OBJECTS:
        return True
    if one.source is Source.CREDENTIAL:
        return one.fixed is other.fixed
    return (
        one.alias == other.alias
        and (one.many, one.whole) == (other.many, other.whole)
        and _equal(one.type, other.type)
        and (one.default is other.default or _equal_values(one.default, other.default))
        and (one.default is MISSING or is_shareable(one.default))
    )


def _equal(one: Any, other: Any) -> bool:
    return one is other or bool(one == other)


def _equal_values(one: Any, other: Any) -> bool:
    return type(one) is type(other) and isinstance(one, str | int | float | bytes | None) and one == other


def filled(function: Any, arguments: Iterable[Argument], places: dict[str, int]) -> Call:
    """Return what calls a function with its arguments, which are at these places by their names."""
    arguments = list(arguments)
    positional = [places[one.name] for one in arguments if not one.keyword]
    return call_of(function, positional, [(one.name, places[one.name]) for one in arguments if one.keyword])
