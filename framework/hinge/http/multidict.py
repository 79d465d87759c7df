"""A mapping in which a name may stand more than once, as in a query string or a form.

Law: immutable and ordered. As a mapping it shows the first value of each name; `get_all` and `multi_items` show the
rest. Building it and reading all of it is linear in the number of pairs; nothing is grouped until a repeated name is
asked for.
"""

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")
V = TypeVar("V")


class MultiDict(Mapping[str, V], Generic[V]):
    """Map names to one or more values, in the order in which they came.

    Takes `(name, value)` pairs. Equal to another multi-dict with the same values, in the same order, for each name, and
    to a plain mapping if no name repeats.
    """

    __slots__ = ("_first", "_grouped", "_pairs")

    _first: dict[str, V]
    _pairs: list[tuple[str, V]]
    _grouped: dict[str, list[V]] | None

    def __init__(self, pairs: Iterable[tuple[str, V]] = ()) -> None:
        self._pairs = pairs = list(pairs)
        first = dict(pairs)
        if len(first) != len(pairs):
            # The last value of a name won. Going through the pairs backwards makes that the first one.
            first.update(reversed(pairs))
        self._first = first
        self._grouped = None

    def __getitem__(self, name: str) -> V:
        return self._first[name]

    def __contains__(self, name: object) -> bool:
        return name in self._first

    def __iter__(self) -> Iterator[str]:
        return iter(self._first)

    def __len__(self) -> int:
        return len(self._first)

    @overload
    def get(self, name: str, default: None = None, /) -> V | None: ...
    @overload
    def get(self, name: str, default: V | T, /) -> V | T: ...
    def get(self, name: str, default: Any = None, /) -> Any:
        """Return the first value of `name`, or `default`."""
        return self._first.get(name, default)

    def get_all(self, name: str) -> list[V]:
        """Return every value of `name` in order; an empty list if there is none."""
        first = self._first
        if name not in first:
            return []
        if len(first) == len(self._pairs):
            return [first[name]]
        return self._groups()[name].copy()

    def multi_items(self) -> list[tuple[str, V]]:
        """Return all pairs in order."""
        return self._pairs.copy()

    # The views of the plain dict, which are faster than those that `Mapping` builds upon `__getitem__`.

    def keys(self) -> KeysView[str]:
        """Return a view of the names, each once."""
        return self._first.keys()

    def values(self) -> ValuesView[V]:
        """Return a view of the first value of each name."""
        return self._first.values()

    def items(self) -> ItemsView[str, V]:
        """Return a view of each name with its first value."""
        return self._first.items()

    def _groups(self) -> dict[str, list[V]]:
        groups = self._grouped
        if groups is None:
            groups = {}
            for name, value in self._pairs:
                groups.setdefault(name, []).append(value)
            self._grouped = groups
        return groups

    def __eq__(self, other: object) -> bool:
        if isinstance(other, MultiDict):
            return self._first == other._first and self._groups() == other._groups()
        if isinstance(other, Mapping):
            return len(self._first) == len(self._pairs) and self._first == dict(other)
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]  # a mapping, equal to plain dicts, which have no hash

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._pairs!r})"
