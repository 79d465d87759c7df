"""What a server loads to measure waiting: `waiting:app` of Hinge or by hand, as serve.py chooses.

`/wait` waits 100 ms in the colour that the interface calls directly, `/other` in the other colour (Hinge only);
`/idle` is an event stream that says one thing and goes on, `/ws` a WebSocket that waits for its client.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterable
from typing import Any

SECONDS = 0.1
_HELLO = b"Hello, World!"
_TEXT = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"13")]
_EVENTS = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]


def by_hand_wsgi(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer after the wait."""
    if environ["PATH_INFO"] == "/wait":
        time.sleep(SECONDS)
    start_response("200 OK", [("content-type", "text/plain; charset=utf-8"), ("content-length", "13")])
    return [_HELLO]


async def by_hand_asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer after the wait, or wait for the client."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass
    elif scope["type"] == "http" and scope["path"] == "/idle":
        await send({"type": "http.response.start", "status": 200, "headers": _EVENTS})
        await send({"type": "http.response.body", "body": b"data: here\n\n", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
    elif scope["type"] == "http":
        if scope["path"] == "/wait":
            await asyncio.sleep(SECONDS)
        await send({"type": "http.response.start", "status": 200, "headers": _TEXT})
        await send({"type": "http.response.body", "body": _HELLO, "more_body": False})


async def by_hand_rsgi(scope: Any, proto: Any) -> None:
    """Answer after the wait, or wait for the client."""
    if scope.path == "/idle":
        headers = [("content-type", "text/event-stream"), ("cache-control", "no-store")]
        transport = proto.response_stream(200, headers)
        await transport.send_bytes(b"data: here\n\n")
        await proto.client_disconnect()
        return
    if scope.path == "/wait":
        await asyncio.sleep(SECONDS)
    proto.response_bytes(200, [("content-type", "text/plain; charset=utf-8")], _HELLO)


def on_hinge(interface: str) -> Any:
    """Return the Hinge app's callable."""
    from hinge import App, EventSourceResponse, WebSocket

    app = App()

    def sync_wait() -> str:
        time.sleep(SECONDS)
        return "Hello, World!"

    async def async_wait() -> str:
        await asyncio.sleep(SECONDS)
        return "Hello, World!"

    app.get("/wait")(sync_wait if interface == "wsgi" else async_wait)
    app.get("/other")(async_wait if interface == "wsgi" else sync_wait)

    async def events() -> AsyncIterator[str]:
        yield "here"
        await asyncio.get_running_loop().create_future()  # an Event would be memory of the benchmark's own

    @app.get("/idle")
    async def idle() -> EventSourceResponse:
        return EventSourceResponse(events())

    if interface == "asgi":

        @app.websocket("/ws")
        async def stay(ws: WebSocket) -> None:
            await ws.accept()
            async for _message in ws:
                pass

    return app.compile(interface)


_interface = os.environ["BENCHMARK_INTERFACE"]
if os.environ["BENCHMARK_STACK"] == "hinge":
    app = on_hinge(_interface)
else:
    app = {"wsgi": by_hand_wsgi, "asgi": by_hand_asgi, "rsgi": by_hand_rsgi}[_interface]
