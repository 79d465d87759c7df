"""The type that a provider gives, against the one that a parameter names.

Law: only what is surely wrong is refused: classes of which one is not the other's. Everything else is a type
checker's business, which sees `x: User = Depends(f)` by itself and `Annotated[User, Depends(f)]` not at all.
"""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Generator, Iterable, Iterator
from typing import Any, get_args

from hinge.dependencies.provider import Provider
from hinge.inspection.annotations import class_of, members

_YIELDING = (Iterator, Generator, Iterable, AsyncIterator, AsyncGenerator, AsyncIterable)
_WIDER = {float: (int,), complex: (int, float)}
"""What type checkers take for a class without its being a subclass (PEP 484)."""


def given_type(provider: Provider) -> Any:
    """Return the type of a provider's values, Any if it does not say."""
    returns = provider.returns
    if not provider.is_generator:
        return returns
    given = get_args(returns)
    return given[0] if class_of(returns) in _YIELDING and given else Any


def differs(given: Any, wanted: Any) -> bool:
    """Tell whether values of the one type cannot be meant by the other."""
    into = [class_of(member) for member in members(wanted)]
    if not all(map(_is_plain, into)) or object in into:
        return False
    return any(_is_plain(kind) and not _is_one(kind, into) for kind in map(class_of, members(given)))


def _is_one(kind: type, into: list[Any]) -> bool:
    return any(issubclass(kind, other) or kind in _WIDER.get(other, ()) for other in into)


def _is_plain(kind: Any) -> bool:
    """Tell whether a type is a class whose instances are told by their own class."""
    if not isinstance(kind, type) or getattr(kind, "_is_protocol", False) or kind is Any:
        return False
    return type(kind).__instancecheck__ is type.__instancecheck__
