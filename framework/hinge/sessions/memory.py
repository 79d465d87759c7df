"""Sessions in this process's memory.

Law: they are one worker's, and end with it. No more than `max_sessions` are held: the one that was not used for longest
makes room.
"""

from collections import OrderedDict
from threading import Lock

from hinge.diagnostics.kinds import COUNT, want, wrong
from hinge.diagnostics.misuse import fits
from hinge.sessions.record import Change, Loaded
from hinge.sessions.store import conflicts


class MemoryStore:
    """Keep sessions in memory: for tests, development, and apps of one worker that may forget.

    At most `max_sessions` are kept.

    Raises:
        ConfigurationError: that is no number from 1.
    """

    waits = False
    name = "this worker's memory"

    @fits
    def __init__(self, *, max_sessions: int = 10_000) -> None:
        want("MemoryStore", COUNT, max_sessions=max_sessions)
        if max_sessions < 1:
            raise wrong("MemoryStore", "max_sessions", max_sessions, "nothing could be kept", "a number from 1")
        self._max = max_sessions
        self._kept: OrderedDict[str, Loaded] = OrderedDict()
        self._lock = Lock()

    def load(self, id: str) -> Loaded | None:  # noqa: A002 - as everywhere in this room
        """Return what is kept under an id."""
        with self._lock:
            found = self._kept.get(id)
            if found is not None:
                self._kept.move_to_end(id)
            return found

    def commit(self, change: Change, expires: int) -> list[str] | None:
        """Write a change; see `hinge.sessions.store.Store`."""
        with self._lock:
            if change.ended is not None:
                self._kept.pop(change.ended, None)
            if change.id is None:
                return []
            present = None if change.was is None else self._kept.pop(change.was, None)
            if present is None and change.was is not None:
                return None
            values = {} if present is None else present.values
            found = conflicts(change, values)
            kept = {name: value for name, value in values.items() if name not in change.removed} | change.values
            self._kept[change.id] = Loaded(change.created, change.touched, kept)
            self._kept.move_to_end(change.id)
            if len(self._kept) > self._max:
                self._kept.popitem(last=False)
            return found

    async def aload(self, id: str) -> Loaded | None:  # noqa: A002
        """Return what is kept under an id."""
        return self.load(id)

    async def acommit(self, change: Change, expires: int) -> list[str] | None:
        """Write a change."""
        return self.commit(change, expires)

    def close(self) -> None:
        """Do nothing: a worker may start again."""
