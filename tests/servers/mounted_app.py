"""An app with an application of each protocol mounted in it, as it is and behind a limit, which has it bridged."""

import asyncio
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hinge import App, Config

LIMIT = 1_000_000


def note(*words: object) -> None:
    """Append a line to the journal, in one write."""
    with Path(os.environ["SERVED_JOURNAL"]).open("a") as journal:
        journal.write(f"{time.monotonic():.6f} {os.getpid()} {' '.join(map(str, words))}\n")


def wsgi(environ: Any, start_response: Any) -> Any:
    path = environ["PATH_INFO"]
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Mounted", "wsgi")])
    if path == "/lines":
        return [b"%d" % sum(1 for _ in environ["wsgi.input"])]
    if path == "/echo":
        return iter(lambda: environ["wsgi.input"].read(65536), b"")
    if path.startswith("/endless/"):
        return _endless(path)
    told = {"path": path, "root": environ["SCRIPT_NAME"], "protocol": environ["SERVER_PROTOCOL"]}
    told |= {"query": environ["QUERY_STRING"], "x": environ.get("HTTP_X_ASKED"), "leak": environ.get("HTTP_X_LEAK")}
    return [json.dumps(told | {"db": environ["hinge.state"]["db"]}).encode()]


def _endless(path: str) -> Iterator[bytes]:
    try:
        while True:
            yield b"x" * 1000
            time.sleep(0.02)
    finally:
        note("closed", path)


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await _live(scope, receive, send)
        return
    path = scope["path"].removeprefix(scope["root_path"])
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": f"{path} {message['text']}"})
        note("socket", message["code"])
        return
    headers = [(b"content-type", b"text/plain"), (b"x-mounted", b"asgi")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if path in ("/echo", "/lines"):
        lines, more = 0, True
        while more:
            message = await receive()
            more, piece = message.get("more_body", False), message.get("body", b"")
            lines += piece.count(b"\n")
            if path == "/echo":
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"" if path == "/echo" else b"%d" % lines})
    elif path.startswith("/endless/"):
        leaving = asyncio.ensure_future(_left(receive))  # as frameworks do: not every server's `send` tells of it
        try:
            while not leaving.done():
                await send({"type": "http.response.body", "body": b"x" * 1000, "more_body": True})
                await asyncio.sleep(0.02)
        finally:
            leaving.cancel()
            note("closed", path)
    else:
        told = {"path": path, "root": scope["root_path"], "protocol": f"HTTP/{scope['http_version']}"}
        asked = dict(scope["headers"])
        told |= {"query": scope["query_string"].decode(), "x": asked.get(b"x-asked", b"").decode() or None}
        told |= {"leak": asked.get(b"x-leak"), "db": scope["state"]["db"]}
        await send({"type": "http.response.body", "body": json.dumps(told).encode()})


async def _left(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _live(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    note("starts", scope["state"]["db"])
    await send({"type": "lifespan.startup.complete"})
    await receive()
    note("stops")
    await send({"type": "lifespan.shutdown.complete"})


app = App(config=Config(graceful_timeout=5.0))
for _name, _other in (("wsgi", wsgi), ("asgi", asgi)):
    app.mount(f"/{_name}", _other)
    app.mount(f"/in-{_name}", _other, max_body_size=LIMIT)


@app.lifespan
def life() -> Iterator[dict[str, str]]:
    """Give both something to see."""
    yield {"db": "outer"}


@app.get("/plain")
def plain() -> str:
    """Answer, for who waits until the app is served."""
    return "plain"
