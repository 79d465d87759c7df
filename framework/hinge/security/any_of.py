"""Several schemes of which one is enough.

Law: the first one that has a credential counts, in the order that was written; whoever has none gets every challenge.
"""

from typing import Any, Literal, TypeVar, Unpack, overload

from hinge.diagnostics.kinds import shown
from hinge.diagnostics.location import caller
from hinge.diagnostics.misuse import fits
from hinge.errors import ConfigurationError
from hinge.security.scheme import About, Part, Read, Scheme, check_about

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")


class AnyOf(Scheme[T]):
    """Give the credential of the first of some schemes that has one. With `optional=True`, None where none has.

    Where it matters which scheme it was, take each as `optional=True` and judge in a provider.

    Raises:
        ConfigurationError: what is given is no scheme, or an optional one.
    """

    @overload
    def __init__(
        self: "AnyOf[A | B]", first: Scheme[A], second: Scheme[B], /, *, optional: Literal[False] = ...
    ) -> None: ...
    @overload
    def __init__(
        self: "AnyOf[A | B | None]", first: Scheme[A], second: Scheme[B], /, *, optional: Literal[True]
    ) -> None: ...
    @overload
    def __init__(self: "AnyOf[Any]", /, *schemes: Scheme[Any], optional: bool = ...) -> None: ...
    @fits
    def __init__(self, *schemes: Any, optional: bool = False, **about: Unpack[About]) -> None:
        _check(schemes)
        for option in about:
            check_about("AnyOf", [option])
            raise ConfigurationError(
                f"AnyOf({option}=...) ({caller()}): the document has its schemes alone. Fix: {option}= of each"
            )
        gives: Any = schemes[0].gives
        for one in schemes[1:]:
            gives = gives if one.gives is gives else gives | one.gives
        super().__init__(gives, optional=optional, about=about)
        self._schemes: tuple[Scheme[Any], ...] = tuple(member for one in schemes for member in one.members)

    @property
    def members(self) -> tuple[Scheme[Any], ...]:
        """The schemes of which one is enough."""
        return self._schemes

    def _document(self) -> Part:
        raise NotImplementedError  # each of its schemes describes itself

    def read(self, reader: Any, max_query_fields: int) -> Read:
        """Return what finds the first credential."""
        reads = [one.read(reader, max_query_fields) for one in self._schemes]

        def read(head: Any) -> Any:
            for one in reads:
                found = one(head)
                if found is not None:
                    return found
            return None

        return read


def _check(schemes: tuple[Any, ...]) -> None:
    where = f"AnyOf(...) ({caller()})"
    if len(schemes) < 2:
        raise ConfigurationError(f"{where}: it is of several schemes. Fix: AnyOf(HTTPBearer(), APIKeyHeader('x-key'))")
    for one in schemes:
        if not isinstance(one, Scheme):
            raise ConfigurationError(f"{where}: {shown(one)} is no scheme. Fix: AnyOf(HTTPBearer(), ...), as they are")
        if one.optional:
            raise ConfigurationError(
                f"{where}: {one.describe()} is optional, so the others would not matter. "
                "Fix: AnyOf(..., optional=True), and each of its schemes without"
            )
