"""The lifespan protocol of ASGI (lifespan spec 2.0).

Law: a failing start is always said with `startup.failed`: a server that only sees an exception goes on and serves. It
is raised as well: test clients (Starlette's, asgi-lifespan) wait for that, and raise it in the test.
Native middleware that is for requests alone, and raises or returns at this, keeps no app from its lifespan.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from hinge.loop.runtime import Runtime


async def serve_lifespan(runtime: Runtime, scope: Any, receive: Any, send: Any) -> None:
    """Answer a lifespan scope."""

    async def does(what: str, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception as error:
            await send({"type": f"lifespan.{what}.failed", "message": f"{type(error).__name__}: {error}"})
            raise
        if what == "startup" and "state" in scope:
            scope["state"].update(runtime.state)  # for native middleware around the app
        await send({"type": f"lifespan.{what}.complete"})

    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await does("startup", runtime.start)
        elif message["type"] == "lifespan.shutdown":
            await does("shutdown", runtime.stop)
            return


async def heard_inside(wrapped: Any, application: Any, runtime: Runtime, scope: Any, receive: Any, send: Any) -> None:
    """Have native middleware and the app inside of it hear of the worker's start and stop."""
    is_heard = False

    async def hear() -> Any:
        nonlocal is_heard
        is_heard = True
        return await receive()

    try:
        await wrapped(scope, hear, send)
    except Exception:
        if is_heard:
            raise
    if not is_heard:
        await application(scope, receive, send)
    elif not runtime.is_told:  # it answered the server itself, and the lifespans have started with a request
        await runtime.stop()
