"""What a store of sessions owes, in both colours.

Law: a session is known by an id that we have made. A store makes none of a change, or of a new id, for one that is not
there: it has ended, by somebody's `renew` or `clear`, or of age. What differs is written name by name, in one go.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from hinge.sessions.record import Change, Loaded


class StoreError(Exception):
    """A store could not be asked, or did not answer; with why."""


class Store(Protocol):
    """Where sessions are kept; both colours of a method do the same and raise StoreError.

    `acommit` is not interrupted by timeouts: a store that may hang has a time of its own.
    """

    waits: bool
    """Whether its answers take time, so that the plain methods may stop an event loop."""
    name: str
    """What `hinge explain` says."""

    def load(self, id: str) -> Loaded | None:  # noqa: A002 - as everywhere in this room
        """Return what is kept under an id, None for nothing."""

    def commit(self, change: Change, expires: int) -> list[str] | None:
        """End what has ended, go on under the new id, and write what differs; at the moment `expires` it may go.

        Return the names in it that somebody else had changed since to another value; None, and nothing is written:
        there is no such session.
        """

    async def aload(self, id: str) -> Loaded | None:  # noqa: A002
        """Do what `load` does."""

    async def acommit(self, change: Change, expires: int) -> list[str] | None:
        """Do what `commit` does."""

    def close(self) -> None:
        """Let go of what is open: the worker stops."""


def loaded(created: Any, touched: Any, values: Mapping[Any, Any]) -> Loaded:
    """Return a session of what was found in a store.

    Raises:
        StoreError: that is none: somebody else has written there.
    """
    try:
        named = {name.decode() if isinstance(name, bytes) else name: value for name, value in values.items()}
        return msgspec.convert((int(created), int(touched), named), Loaded, builtin_types=(bytes,))
    except (TypeError, ValueError, OverflowError) as error:
        raise StoreError(f"what is kept under an id is no session: {error}") from error


def conflicts(change: Change, now: Mapping[str, bytes]) -> list[str]:
    """Return the names of a change under which other values are kept now than those it began with, or ends with."""
    return [name for name in change.names if now.get(name) not in (change.before.get(name), change.values.get(name))]
