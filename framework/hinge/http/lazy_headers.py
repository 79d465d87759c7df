"""The headers of a head that its server keeps: read by name, one at a time, until somebody wants all of them."""

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from hinge.http.headers import ByName, Headers
from hinge.http.multidict import MultiDict
from hinge.http.tokens import is_token

T = TypeVar("T")


def by_name(make: Callable[[str], T], absent: T) -> ByName[T]:
    """Return what `make` returns for names in lower case, and `absent` for what is no header's name."""

    def make_lowered(name: str) -> T:
        lowered = name.lower()
        # With `_` it could not be told from `-` on WSGI, so no such header reaches an app.
        return make(lowered) if is_token(lowered) and "_" not in lowered else absent

    return ByName(make_lowered)


Accessors = ByName[Callable[[Any], str | None]]
"""What reads one header of a head."""


def accessors(make: Callable[[str], Callable[[Any], str | None]]) -> Accessors:
    """Return the accessors that a reader's `header` makes."""
    return by_name(make, lambda head: None)


class LazyHeaders(Headers):
    """The headers of a server's own head: one that is asked for by its name is read alone; the rest needs all of them.

    A backend's reader has a subclass, with what reads one of them and what reads all.
    """

    __slots__ = ("_head",)
    _accessors: ClassVar[Accessors]

    def __init__(self, head: Any) -> None:
        self._head = head

    def _all(self) -> Headers:
        raise NotImplementedError

    def __getattr__(self, name: str) -> Any:
        # What `Headers` keeps is not there before one of its methods asks for it.
        if name not in MultiDict.__slots__:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        found = self._all()
        self._first, self._pairs, self._grouped = found._first, found._pairs, found._grouped
        return getattr(found, name)

    def get(self, name: str, default: Any = None, /) -> Any:
        """Return the value of a field, repeated lines joined, or `default`."""
        value = self._accessors[name](self._head)
        return default if value is None else value

    def __getitem__(self, name: str) -> str:
        value: str | None = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None
