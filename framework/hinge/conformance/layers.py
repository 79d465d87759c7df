"""What may stand around a handler in a check: nothing, plain middleware, a coroutine's, and both."""

import asyncio
from typing import Any

from hinge import AsyncMiddleware, Middleware


def layer() -> Middleware:
    """Mark the response."""
    response = yield
    response.headers["x-layer"] = "seen"


async def async_layer() -> AsyncMiddleware:
    """Mark the response, as a coroutine does."""
    await asyncio.sleep(0)
    response = yield
    await asyncio.sleep(0)
    response.headers["x-layer"] = "seen"


LAYERS: dict[str, list[Any]] = {
    "bare": [],
    "layer": [layer],
    "async layer": [async_layer],
    "both": [layer, async_layer],
}
ONE_AT_MOST = [name for name in LAYERS if name != "both"]
