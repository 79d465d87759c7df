"""An app whose requests an observer notes in the journal, as `seen ROUTE STATUS BYTES ERROR`."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
from tests.servers.served import note

from hinge import App, Config, FileResponse, Request, WebSocket
from hinge.observability import Ended

app = App(config=Config(skip_unsupported=True))


class Seen:
    """Notes how each request has ended."""

    def begin(self, request: Any) -> None: ...

    def end(self, begun: None, ended: Ended) -> None:
        route = ended.request.route
        note("seen", route and route.path, ended.status, ended.size, type(ended.error).__name__)


app.observe(Seen())
app.get("/plain")(lambda: "plain")
app.get("/file")(lambda: FileResponse(Path(__file__)))


@app.get("/sync")
def sync() -> Iterator[str]:
    yield "abc"
    yield "de"


@app.get("/async")
async def asynchronous() -> AsyncIterator[str]:
    yield "abc"
    yield "de"


@app.get("/cut")
def cut() -> Iterator[str]:
    yield "abc"
    raise KeyError("no")


@app.get("/endless")
async def endless() -> AsyncIterator[str]:
    while True:
        yield "tick " * 200
        await anyio.sleep(0.01)


@app.get("/after")
def after(request: Request) -> str:
    request.after_response(note, "after")
    return "first"


@app.websocket("/ws")
async def socket(ws: WebSocket) -> None:
    await ws.accept()
    async for text in ws:
        await ws.send(text)
