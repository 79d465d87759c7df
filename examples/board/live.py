"""Waiting for new posts, whichever process took them in.

Law: one task in each process watches the file and wakes everybody who waits; whoever wakes looks for what came after
the last post it has seen, so nothing is lost between two looks. WebSockets and long polling wait in the same way.
"""

import logging
import sqlite3

import anyio
from anyio.to_thread import run_sync

from .store import Post, Store

LONGEST_WAIT = 20.0
"""Seconds after which a waiting client is told that there is nothing new: proxies cut connections that are silent."""
PERIOD = 0.05
"""Seconds between two looks at the file's version; one takes microseconds and reads no posts."""

logger = logging.getLogger(__name__)


class Feed:
    """The new posts of a store, for the coroutines of one event loop."""

    def __init__(self, store: Store, *, pollers: int) -> None:
        """`pollers` is how many long polls may wait at a time."""
        self._store = store
        self._changed = anyio.Event()
        self._seats = pollers

    async def watch(self) -> None:
        """Wake all who wait whenever the file has changed, for ever."""
        seen = None
        while True:
            try:
                version = await run_sync(self._store.version)
            except sqlite3.Error:
                logger.exception("the board's file cannot be watched; trying again")
                await anyio.sleep(LONGEST_WAIT)
                continue
            if version != seen:
                seen, changed, self._changed = version, self._changed, anyio.Event()
                changed.set()
            await anyio.sleep(PERIOD)

    async def posts(self, after: int, wait: float = LONGEST_WAIT) -> list[Post]:
        """Return the posts after an id as soon as there are any, none after `wait` seconds."""
        deadline = anyio.current_time() + wait
        while True:
            changed = self._changed  # taken before the look: a post that comes meanwhile sets this one
            posts = await run_sync(self._store.after, after)
            if posts or anyio.current_time() >= deadline:
                return posts
            with anyio.CancelScope(deadline=deadline):
                await changed.wait()

    async def poll(self, after: int, wait: float) -> list[Post]:
        """Return what `posts` does, at once if too many wait already."""
        if not self._seats:
            return await self.posts(after, 0)
        self._seats -= 1
        try:
            return await self.posts(after, wait)
        finally:
            self._seats += 1
