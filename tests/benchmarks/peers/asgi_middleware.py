"""The three middlewares as plain ASGI, for frameworks whose documentation prefers that.

Headers are read and set with the framework's own classes.
"""

from collections.abc import Callable
from time import perf_counter
from typing import Any

from cases import ALLOWED


def three(read: Callable[[Any], Any], write: Callable[[Any], Any]) -> list[Callable[[Any], Any]]:
    """Return them; `read` makes headers of a scope, `write` those of a message that can be set."""

    def request_id(app: Any) -> Any:
        async def middleware(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            found = read(scope).get("x-request-id") or "none"

            async def told(message: Any) -> None:
                if message["type"] == "http.response.start":
                    write(message)["x-request-id"] = found
                await send(message)

            await app(scope, receive, told)

        return middleware

    def timing(app: Any) -> Any:
        async def middleware(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            started = perf_counter()

            async def told(message: Any) -> None:
                if message["type"] == "http.response.start":
                    write(message)["server-timing"] = f"app;dur={(perf_counter() - started) * 1e3:.1f}"
                await send(message)

            await app(scope, receive, told)

        return middleware

    def origin(app: Any) -> Any:
        async def middleware(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            asking = read(scope).get("origin")

            async def told(message: Any) -> None:
                if message["type"] == "http.response.start" and asking in ALLOWED:
                    write(message)["access-control-allow-origin"] = asking
                await send(message)

            await app(scope, receive, told)

        return middleware

    return [request_id, timing, origin]
