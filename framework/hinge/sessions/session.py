"""`Session`: what a handler, a provider or a guard is given.

Law: it is of one request. `Session` is a mapping of texts to plain values; `Session[Cart]` has a Struct as its `data`.
Both are the same session: a field of the Struct is the value of its name in the mapping.
"""

from collections.abc import ItemsView, Iterator, KeysView, MutableMapping, ValuesView
from typing import TYPE_CHECKING, Any, Generic

from hinge.request import HTTPConnection
from hinge.sessions.typed import Shape, Typed

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from hinge.sessions.record import Record

    T = TypeVar("T", default=dict[str, Any])
else:
    from typing import TypeVar

    T = TypeVar("T")

KEY = "session"
"""Under which name a request remembers its record."""


class Session(Generic[T]):
    """The visitor's session: a mapping of what survives the request, or with `Session[Cart]` a Struct, its `data`.

    What is changed in it is kept when the response is sent, if its status is below 500; writing later raises
    RuntimeError. Values are None, bool, int, float, str, bytes, and lists and dicts of them.
    """

    __slots__ = ("_record", "_typed", "_values")

    def __init__(self, record: "Record", shape: Shape | None) -> None:
        self._record = record
        self._typed = None if shape is None else Typed(record, shape)
        self._values: _Values | None = None

    @classmethod
    def of(cls, request: HTTPConnection) -> "Session":
        """Return the session of a request, for an error handler or what stands around the route.

        Raises:
            LookupError: the route takes none, or it is not loaded yet.
        """
        record = request._memo.get(KEY)
        if record is None:
            raise LookupError("this request has no session. Fix: take one in the handler, or Depends on what does")
        found: Session = record.view(Session)
        return found

    @property
    def data(self) -> T:
        """The Struct of a `Session[SomeStruct]`; changes to it are kept, and it may be replaced."""
        if self._typed is None:
            raise TypeError("this session is a mapping. Fix: session['name'], or take Session[SomeStruct]")
        value: T = self._typed.get()
        return value

    @data.setter
    def data(self, value: T) -> None:
        if self._typed is None:
            raise TypeError("this session is a mapping. Fix: session['name'] = ..., or take Session[SomeStruct]")
        self._typed.set(value)

    def renew(self) -> None:
        """Go on under a new id, and end the old one: call it where somebody logs in, or gets other rights.

        The lifetime begins anew. Raises RuntimeError once the response is sent.
        """
        self._record.renew()

    def clear(self) -> None:
        """Forget everything and end the session: call it where somebody logs out.

        What is set then belongs to a new one. Raises RuntimeError once the response is sent.
        """
        self._record.clear()

    # -- the mapping ---------------------------------------------------------------------------------------------------

    def _mapping(self) -> "_Values":
        if self._typed is not None:
            raise TypeError("this session has a Struct. Fix: session.data, or take Session for the mapping")
        if self._values is None:
            self._values = _Values(self._record)
        return self._values

    def __getitem__(self: "Session[dict[str, Any]]", name: str) -> Any:
        return self._mapping()[name]

    def __setitem__(self: "Session[dict[str, Any]]", name: str, value: Any) -> None:
        self._mapping()[name] = value

    def __delitem__(self: "Session[dict[str, Any]]", name: str) -> None:
        del self._mapping()[name]

    def __contains__(self: "Session[dict[str, Any]]", name: object) -> bool:
        return name in self._mapping()

    def __iter__(self: "Session[dict[str, Any]]") -> Iterator[str]:
        return iter(self._mapping())

    def __len__(self: "Session[dict[str, Any]]") -> int:
        return len(self._mapping())

    def get(self: "Session[dict[str, Any]]", name: str, default: Any = None) -> Any:
        """Return a value, or the default without one."""
        return self._mapping().get(name, default)

    def pop(self: "Session[dict[str, Any]]", name: str, *default: Any) -> Any:
        """Remove a value and return it; without one the default, or KeyError."""
        return self._mapping().pop(name, *default)

    def setdefault(self: "Session[dict[str, Any]]", name: str, default: Any = None) -> Any:
        """Return a value, set to the default if there is none."""
        return self._mapping().setdefault(name, default)

    def update(self: "Session[dict[str, Any]]", *others: Any, **values: Any) -> None:
        """Set several values."""
        self._mapping().update(*others, **values)

    def keys(self: "Session[dict[str, Any]]") -> KeysView[str]:
        """Return the names."""
        return self._mapping().keys()

    def values(self: "Session[dict[str, Any]]") -> ValuesView[Any]:
        """Return the values."""
        return self._mapping().values()

    def items(self: "Session[dict[str, Any]]") -> ItemsView[str, Any]:
        """Return names and values."""
        return self._mapping().items()


class _Values(MutableMapping[str, Any]):
    """The values of a record as a mapping."""

    __slots__ = ("_record",)

    def __init__(self, record: "Record") -> None:
        self._record = record

    def __getitem__(self, name: str) -> Any:
        return self._record.get(name)

    def __setitem__(self, name: str, value: Any) -> None:
        self._record.set(name, value)

    def __delitem__(self, name: str) -> None:
        self._record.remove(name)

    def __iter__(self) -> Iterator[str]:
        return self._record.names()

    def __len__(self) -> int:
        return sum(1 for _ in self._record.names())
