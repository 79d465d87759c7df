"""A request body in pieces, for plain functions and for coroutines.

Law: the pieces are made on the event loop; a worker thread waits for them there.
"""

import sys
from collections.abc import Callable, Coroutine
from typing import Any

from hinge.forms.upload import Read
from hinge.http.body import BodyStream, incomplete


def body_stream(next_piece: Callable[[], Coroutine[Any, Any, bytes]], limit: int) -> BodyStream:
    """Return what a handler reads; `next_piece` returns the next piece, and an empty one at the end."""
    import asyncio  # noqa: PLC0415 - as below

    def blocking() -> bytes:
        refuse_on_a_loop("a coroutine reads its BodyStream with `async for`: `for` would stop the event loop")
        return asyncio.run_coroutine_threadsafe(next_piece(), loop).result()

    loop = asyncio.get_running_loop()
    return BodyStream(blocking, next_piece, limit)


def declared_pieces(
    receive: Callable[[], Coroutine[Any, Any, bytes]], length: int | None
) -> Callable[[], Coroutine[Any, Any, bytes]]:
    """Return what gives the pieces of a body of `length` bytes (None: until `receive` returns an empty one).

    It raises HTTPError 400 if the body ends before, and never asks for more than was declared.
    """
    received = 0

    async def next_piece() -> bytes:
        nonlocal received
        if received == length:
            return b""
        piece = await receive()
        received += len(piece)
        if not piece and length is not None:
            raise incomplete(received, length)
        return piece

    return next_piece


def refuse_on_a_loop(why: str) -> None:
    """Raise RuntimeError where to wait would stop an event loop; a process that has loaded no asyncio has none."""
    asyncio: Any = sys.modules.get("asyncio")
    try:
        # Not whether a loop runs in this thread: gevent's greenlets share theirs with it.
        if asyncio is None or asyncio.current_task() is None:
            return
    except RuntimeError:
        return
    raise RuntimeError(why)


def blocking_read(read: Read) -> bytes:
    """Do a read of an uploaded file here; raises RuntimeError on an event loop."""
    refuse_on_a_loop("a coroutine reads an UploadFile with `await aread()`: `read()` would stop the event loop")
    return read()
