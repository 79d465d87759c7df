"""One request's session: its values as they came, and what became of them.

Law: values are apart, each under its name as MessagePack, and are decoded when they are asked for. What has changed is
what encodes to other bytes now. Nothing here waits, and nothing knows where sessions are kept.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import msgspec

from hinge.sessions.session import Session
from hinge.sessions.typed import shape_of

ENCODE = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode
_FIXED = frozenset({str, int, bool, float, bytes, type(None)})
"""Classes whose values nobody changes in place."""


class Loaded(NamedTuple):
    """What is kept of a session."""

    created: int
    """In seconds of Unix time, as all moments here."""
    touched: int
    values: dict[str, bytes]


class Change(NamedTuple):
    """What is to be done to what is kept."""

    id: str | None
    """Whose values these are from now on; None: there is nothing to keep."""
    was: str | None
    """Under which id they are kept so far, if not under that one: there they end. None: it is a new session."""
    created: int
    touched: int
    values: dict[str, bytes]
    """Those that differ."""
    removed: tuple[str, ...] = ()
    before: Mapping[str, bytes] = {}
    """What was loaded under the names in `values` and `removed`, where there was something."""
    ended: str | None = None
    """A session that is over, whoever still holds its id."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of everything that differs."""
        return (*self.values, *self.removed)


class Part(Protocol):
    """What has a part of the values in a form of its own."""

    def encoded(self) -> dict[str, bytes]:
        """Return those of its values that differ from what it was made of."""
        ...

    def forget(self) -> None:
        """Drop what it has: the values are gone."""


class Record:
    """The session of one request."""

    __slots__ = (
        "_gone",
        "_left",
        "_live",
        "_raw",
        "_views",
        "closed",
        "created",
        "ended",
        "id",
        "is_read",
        "parts",
        "touched",
        "was",
    )

    def __init__(self, id: str | None = None, loaded: Loaded | None = None) -> None:  # noqa: A002 - it is one
        self.id = id if loaded is not None else None
        """None: it is to get one."""
        self.was = self.id
        """Under which id it is kept so far; None: it is not."""
        self.created, self.touched, self._raw = (0, 0, {}) if loaded is None else loaded
        self.ended: str | None = None
        self._left: str | None = None
        """One whose values did not fit: it ends with the first change, and until then it is nobody's to take away."""
        self.is_read = False
        self.closed: str | None = None
        """Why nothing can be written any more."""
        self._views: dict[Any, Any] = {}
        self.parts: list[Part] = []
        self._live: dict[str, Any] = {}
        self._gone: set[str] = set()

    def view(self, annotation: Any) -> Any:
        """Return it as the session that an annotation names, the same one each time."""
        found = self._views.get(annotation)
        if found is None:
            found = self._views[annotation] = Session(self, shape_of(annotation))
        return found

    def let_go(self) -> None:
        """Hold none of those who hold this one: in a circle, each request's would stay until the collector comes."""
        self._views.clear()
        self.parts.clear()

    # -- for those who read and write ----------------------------------------------------------------------------------

    def names(self) -> Iterator[str]:
        """Yield the names of all values, in the order in which they were first set."""
        self.is_read = True
        yield from [name for name in self._raw if name not in self._gone]
        yield from [name for name in self._live if name not in self._raw]

    def get(self, name: str) -> Any:
        """Return a value; raises KeyError."""
        self.is_read = True
        live = self._live
        if name in live:
            return live[name]
        if name in self._gone:
            raise KeyError(name)
        value = _decode(self._raw[name])
        if value.__class__ not in _FIXED:
            live[name] = value
        return value

    def set(self, name: str, value: Any) -> None:
        """Set a value."""
        self.write()
        if not isinstance(name, str):
            raise TypeError(f"a session's names are texts, not {type(name).__name__}")
        self._gone.discard(name)
        self._live[name] = value

    def remove(self, name: str) -> None:
        """Remove a value; raises KeyError."""
        self.write()
        if name not in self._live and (name not in self._raw or name in self._gone):
            raise KeyError(name)
        self._live.pop(name, None)
        if name in self._raw:
            self._gone.add(name)

    def encoded(self, name: str) -> bytes | None:
        """Return a value as it would be kept, None without one."""
        self.is_read = True
        if name in self._live:
            return ENCODE(self._live[name])
        return None if name in self._gone else self._raw.get(name)

    def renew(self) -> None:
        """Go on under another id, which nobody knows yet."""
        self.write()
        self.ended = self.ended or self._left
        self.id = None

    def clear(self) -> None:
        """End this one; what is set from now on is another one's."""
        self.write()
        self.ended = self.ended or self.was or self._left
        self.forget()

    def forget(self) -> None:
        """Begin with nothing: what was loaded is nobody's."""
        self._left = self._left or self.was
        self.id = self.was = None
        self._raw = {}
        for held in (self._live, self._gone):
            held.clear()
        for part in self.parts:
            part.forget()

    def write(self) -> None:
        """Raise RuntimeError if it is too late to write."""
        self.is_read = True
        if self.closed is not None:
            raise RuntimeError(self.closed)

    # -- for those who keep it -----------------------------------------------------------------------------------------

    def change(self, new_id: Callable[[], str], now: int, touch_after: float) -> Change | None:
        """Return what is to be done, None for nothing; one that was used so many seconds ago is touched.

        What is new, or renewed, gets a new id.

        Raises:
            TypeError: a value cannot be kept as it is.
        """
        if not self.is_read and (self.was is None or now - self.touched < touch_after):
            return None  # nobody has looked at it
        values, removed = self._changed(), tuple(name for name in self._gone if name not in self._live)
        if self.was is None:
            if not values and self.ended is None:
                return None
            return Change(new_id() if values else None, None, now, now, values, ended=self.ended or self._left)
        if not values and not removed and self.id is not None and now - self.touched < touch_after:
            return None
        before = {name: self._raw[name] for name in (*values, *removed) if name in self._raw}
        if self.id is None:
            return Change(new_id(), self.was, now, now, values, removed, before)
        return Change(self.id, self.was, self.created, now, values, removed, before)

    def all(self, change: Change) -> dict[str, bytes]:
        """Return all values after a change."""
        gone = change.removed
        return {name: value for name, value in self._raw.items() if name not in gone} | change.values

    def _changed(self) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for name, value in self._live.items():
            data = ENCODE(value)
            if self._raw.get(name) != data:
                _check_kept(name, value, data)
                found[name] = data
        for part in self.parts:
            found |= part.encoded()
        return found


def _check_kept(name: str, value: Any, data: bytes) -> None:
    """Refuse a value that would be another one in the next request."""
    if value.__class__ not in _FIXED and _decode(data) != value:
        raise TypeError(
            f"session[{name!r}]: {type(value).__name__} does not come back as it is. Fix: numbers, texts, lists and "
            "dicts of them, or Session[SomeStruct], whose fields have types"
        )
