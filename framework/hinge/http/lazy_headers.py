"""The headers of a head that its server keeps: read by name, one at a time, until somebody wants all of them."""

from collections.abc import Callable
from typing import Any, TypeVar

from hinge.http.headers import ByName, Headers
from hinge.http.tokens import is_token

K = TypeVar("K")


Accessor = Callable[[Any], str | None]
"""What reads one header of a head."""


def ways(way: Callable[[str], tuple[K, Accessor | None]], nowhere: K) -> ByName[tuple[K, Accessor | None]]:
    """Return how to read a header, by any spelling of its name: `way` tells it of names in lower case.

    It is where the value stands that is read as it is, or an accessor where there is more to do.
    """

    def way_of(name: str) -> tuple[K, Accessor | None]:
        lowered = name.lower()
        # With `_` it could not be told from `-` on WSGI, so no such header reaches an app.
        if is_token(lowered) and "_" not in lowered:
            return way(lowered)
        return nowhere, lambda head: None

    return ByName(way_of)


class _OfAll:
    """A part of what `Headers` keeps, of which nothing is there before one of its methods asks for it."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, headers: "LazyHeaders", owner: type) -> Any:
        return getattr(headers._whole(), self._name)


class LazyHeaders(Headers):
    """The headers of a server's own head: one that is asked for by its name is read alone; the rest needs all of them.

    A backend's reader has a subclass, with what reads one of them and what reads all. It sets `_head` itself: each
    request that reads a header would pay for the frame of an `__init__`.
    """

    __slots__ = ("_found", "_head")
    __init__: Any = object.__init__

    _found: Headers
    _head: Any
    _first: Any = _OfAll()
    _pairs: Any = _OfAll()

    def _read_all(self) -> Headers:
        raise NotImplementedError

    def _whole(self) -> Headers:
        try:
            return self._found
        except AttributeError:
            self._found = self._read_all()
            return self._found

    def _groups(self) -> dict[str, list[str]]:
        return self._whole()._groups()

    def __getitem__(self, name: str) -> str:
        value: str | None = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None


def lazily(header: Callable[[str], Accessor], read_all: Callable[[Any], Headers]) -> Callable[[Any], Headers]:
    """Return `headers(head)` for a reader that has `header(name)` and can read all headers of a head."""
    by_name = ways(lambda name: (None, header(name)), None)
    known, learn = by_name.known, by_name.learn

    class OfHead(LazyHeaders):
        """The headers of a head."""

        __slots__ = ()

        def get(self, name: str, default: Any = None, /) -> Any:
            """Return the value of a field, repeated lines joined, or `default`."""
            try:
                read = known[name][1]
            except KeyError:
                read = learn(name)[1]
            value = read(self._head)  # type: ignore[misc]  # each name has one
            return default if value is None else value

        def _read_all(self) -> Headers:
            return read_all(self._head)

    def headers(head: Any) -> Headers:
        """Return all request headers."""
        found: LazyHeaders = OfHead()
        found._head = head
        return found

    return headers
