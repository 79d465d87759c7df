"""The type that a provider gives, against the one that a parameter names.

Law: only what is surely wrong is refused: classes of which one is not the other's. Everything else is a type
checker's business, which sees `x: User = Depends(f)` by itself and `Annotated[User, Depends(f)]` not at all.
"""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Generator, Iterable, Iterator
from typing import Any, get_args

from hinge.binding.params import Dependency, split
from hinge.dependencies.provider import Provider
from hinge.diagnostics.kinds import shown
from hinge.errors import ConfigurationError
from hinge.inspection.annotations import class_of, members
from hinge.inspection.signature import Colour, colour_of, return_hint

_YIELDING = (Iterator, Generator, Iterable, AsyncIterator, AsyncGenerator, AsyncIterable)
_WIDER = {float: (int,), complex: (int, float)}
"""What type checkers take for a class without its being a subclass (PEP 484)."""


def given_type(provider: Provider) -> Any:
    """Return the type of a provider's values, Any if it does not say."""
    return _yielded(provider.returns) if provider.is_generator else provider.returns


def _yielded(returns: Any) -> Any:
    given = get_args(returns)
    return given[0] if class_of(returns) in _YIELDING and given else Any


def marked(provider: Any, what: str, where: str) -> tuple[Dependency, Any]:
    """Return what `Depends` would make of a provider, or has made of it in an annotation, and the annotated type.

    Raises:
        ConfigurationError: it is none; `what` was called with it at `where`.
    """
    markers, kind = split(provider)
    found = [one for one in markers if isinstance(one, Dependency)]
    if found:
        return found[0], kind
    if not callable(provider):
        raise ConfigurationError(
            f"{what}({shown(provider)}) ({where}): it cannot be called. Fix: give the function that Depends names"
        )
    return Dependency(provider=provider, location=where), Any


def gives(provider: Any, wanted: type) -> bool:
    """Tell whether a provider gives values of a class or None, or does not say, or nobody can read yet what it says."""
    try:
        returns = provider if isinstance(provider, type) else return_hint(provider, "")
    except ConfigurationError:
        return True
    if colour_of(provider) in (Colour.SYNC_GENERATOR, Colour.ASYNC_GENERATOR):
        returns = _yielded(returns)
    return not differs(returns, wanted | None)


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
