"""The lifespan protocol of ASGI (lifespan spec 2.0).

Law: a failing start is always said with `startup.failed`: a server that only sees an exception goes on and serves.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from hinge.loop.runtime import Runtime


async def serve_lifespan(runtime: Runtime, scope: Any, receive: Any, send: Any) -> None:
    """Answer a lifespan scope."""

    async def does(what: str, work: Callable[[], Awaitable[None]]) -> bool:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - whatever a lifespan raises
            await send({"type": f"lifespan.{what}.failed", "message": f"{type(error).__name__}: {error}"})
            return False
        if what == "startup" and "state" in scope:
            scope["state"].update(runtime.state)  # for native middleware around the app
        await send({"type": f"lifespan.{what}.complete"})
        return True

    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            if not await does("startup", runtime.start):
                return
        elif message["type"] == "lifespan.shutdown":
            await does("shutdown", runtime.stop)
            return
