"""A request body in pieces, for plain functions and for coroutines.

Law: the pieces are made on the event loop; a worker thread waits for them there.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import anyio.from_thread

from hinge.body import BodyStream


def body_stream(next_piece: Callable[[], Coroutine[Any, Any, bytes]], limit: int) -> BodyStream:
    """Return what a handler reads; `next_piece` returns the next piece, and an empty one at the end."""

    def blocking() -> bytes:
        if _on_a_loop():
            raise RuntimeError("a coroutine reads its BodyStream with `async for`: `for` would stop the event loop")
        return anyio.from_thread.run(next_piece)

    return BodyStream(blocking, next_piece, limit)


def _on_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
