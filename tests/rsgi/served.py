"""The app of test_served.py, run by real servers; what happens is noted in the file notes."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from hinge import (
    App,
    Body,
    BodyStream,
    Config,
    Cookie,
    EventSourceResponse,
    FileResponse,
    Header,
    Request,
    StreamingResponse,
    WebSocket,
)

app = App(config=Config(max_body_size=1000))


def note(text: str) -> None:
    with Path("notes").open("a") as file:
        file.write(f"{text} {os.getpid()}\n")


@app.lifespan
async def life() -> AsyncIterator[dict[str, Any]]:
    note("start")
    if "FAIL" in os.environ:
        raise RuntimeError("no database")
    yield {"answer": 42}
    note("stop")


@app.get("/")
async def home(request: Request) -> dict[str, Any]:
    return {"host": request.host, "version": request.http_version, "answer": request.state.answer}


@app.get("/lines")
async def lines(request: Request, a: Cookie[str], b: Cookie[str]) -> list[Any]:
    return [dict(request.headers.multi_items()).get("x-a"), request.headers.get("x-b"), a, b]


@app.get("/one")
async def one(x_a: Header[str], b: Cookie[str]) -> str:
    return f"{x_a} {b}"


@app.get("/plain")
def plain() -> str:
    return "plain"


@app.post("/echo")
async def echo(body: Body[dict[str, int]]) -> dict[str, int]:
    return body


@app.put("/stream")
async def upload(body: BodyStream) -> int:
    return sum([len(piece) async for piece in body])


@app.get("/file")
def file() -> FileResponse:
    return FileResponse("served.bin")


@app.get("/endless")
def endless() -> StreamingResponse:
    def chunks() -> Iterator[bytes]:
        sent = 0
        try:
            while True:
                sent += 65536
                Path("sent").write_text(str(sent))
                yield bytes(65536)
        finally:
            note("endless closed")

    return StreamingResponse(chunks())


@app.get("/idle")
async def idle() -> StreamingResponse:
    async def chunks() -> AsyncIterator[bytes]:
        try:
            yield b"first"
            await asyncio.Event().wait()
        finally:
            note("idle closed")

    return StreamingResponse(chunks())


@app.get("/events")
async def events() -> EventSourceResponse:
    async def source() -> AsyncIterator[str]:
        try:
            yield "hello"
            await asyncio.Event().wait()
        finally:
            note("events closed")

    return EventSourceResponse(source())


@app.get("/cut")
async def cut() -> StreamingResponse:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"some"
        raise RuntimeError("broken")

    return StreamingResponse(chunks())


@app.get("/after")
async def after(request: Request) -> str:
    request.after_response(note, "after")
    return "ok"


@app.websocket("/live")
async def live(ws: WebSocket) -> None: ...
