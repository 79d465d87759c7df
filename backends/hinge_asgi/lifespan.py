"""The lifespan protocol of ASGI (lifespan spec 2.0).

Law: one task starts the lifespans and stops them, each once. A failing start is always said with `startup.failed`: a
server that only sees an exception goes on and serves.
"""

from typing import Any

import anyio

from hinge.compiling.frozen import FrozenApp
from hinge.loop import Runtime, until_told


async def serve_lifespan(frozen: FrozenApp, runtime: Runtime, scope: Any, receive: Any, send: Any) -> None:
    """Answer a lifespan scope."""
    stack = frozen.lifespan()
    runtime.is_told = True
    while True:
        message = await until_told(receive)
        if message["type"] == "lifespan.startup":
            try:
                await stack.start()
            except Exception as error:  # noqa: BLE001 - whatever a lifespan raises
                runtime.start_failed(error)
                await send({"type": "lifespan.startup.failed", "message": f"{type(error).__name__}: {error}"})
                return
            runtime.started(stack.state)
            if "state" in scope:
                scope["state"].update(stack.state)  # for native middleware around the app
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            with anyio.CancelScope(shield=True):  # from a lifespan's own scope that was cancelled
                await runtime.end_open()
            try:
                await stack.stop()
            except Exception as error:  # noqa: BLE001 - whatever a lifespan raises
                runtime.stop_failed(error)
                await send({"type": "lifespan.shutdown.failed", "message": f"{type(error).__name__}: {error}"})
                return
            finally:
                runtime.ended()
            await send({"type": "lifespan.shutdown.complete"})
            return
