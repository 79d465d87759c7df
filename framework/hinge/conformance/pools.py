"""A small pool of connections that counts: what is lent is given back once, however a request ends."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

PATIENCE = 10.0
"""Seconds after which a pool that lends nothing is dry for good."""


class Pool:
    """Connections of a number, and providers of both colours that lend one for a request.

    One that is given back twice fails where that happens.
    """

    def __init__(self, size: int = 1) -> None:
        self.size = size
        self.endings: list[type[BaseException] | None] = []
        """How those that were lent have ended: None, or the class of the failure that was thrown in."""
        self.lent = 0
        self.most = 0
        self._lock = threading.Lock()
        self._plain = threading.BoundedSemaphore(size)
        self._loops: dict[asyncio.AbstractEventLoop, asyncio.BoundedSemaphore] = {}

    @property
    def out(self) -> int:
        """How many are lent now."""
        return self.lent - len(self.endings)

    def provider(self, colour: str) -> Callable[..., Any]:
        """Return a provider of a colour."""
        return self.plain if colour == "def" else self.coroutine

    def plain(self) -> Iterator[int]:
        """Lend one, and wait for it in the thread."""
        if not self._plain.acquire(timeout=PATIENCE):
            raise TimeoutError("the pool is dry")
        try:
            yield self._lend()
        except BaseException as error:
            self._end(type(error))
            raise
        else:
            self._end(None)
        finally:
            self._plain.release()

    async def coroutine(self) -> AsyncIterator[int]:
        """Lend one, and wait for it on the loop; to give it back takes a turn of the loop."""
        semaphore = self._loops.setdefault(asyncio.get_running_loop(), asyncio.BoundedSemaphore(self.size))
        async with asyncio.timeout(PATIENCE):
            await semaphore.acquire()
        try:
            yield self._lend()
        except BaseException as error:
            await asyncio.sleep(0)
            self._end(type(error))
            raise
        else:
            await asyncio.sleep(0)
            self._end(None)
        finally:
            semaphore.release()

    def _lend(self) -> int:
        with self._lock:
            self.lent += 1
            self.most = max(self.most, self.out)
            return self.lent

    def _end(self, kind: type[BaseException] | None) -> None:
        with self._lock:
            self.endings.append(kind)
