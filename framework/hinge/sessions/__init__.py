"""Sessions: what is kept of a visitor from one request to the next."""

from typing import TYPE_CHECKING

from hinge.on_demand import on_demand, places

if TYPE_CHECKING:
    from hinge.sessions.memory import MemoryStore
    from hinge.sessions.redis import RedisStore
    from hinge.sessions.session import Session
    from hinge.sessions.sessions import Sessions
    from hinge.sessions.sqlite import SQLiteStore

__all__ = ["MemoryStore", "RedisStore", "SQLiteStore", "Session", "Sessions"]

_ROOMS = {
    "sessions.memory": "MemoryStore",
    "sessions.redis": "RedisStore",
    "sessions.session": "Session",
    "sessions.sessions": "Sessions",
    "sessions.sqlite": "SQLiteStore",
}
_ROOM_OF = places(_ROOMS)

if not TYPE_CHECKING:
    __getattr__, __dir__ = on_demand(globals(), _ROOM_OF)
