"""The app that hostile requests are sent to, and that a soak is run against."""

import asyncio
import os
import pathlib
from collections.abc import AsyncIterator, Iterator

import msgspec

from hinge import App, Body, Config, EventSourceResponse, Query, Request, WebSocket

app = App(config=Config(skip_unsupported=True))


class Item(msgspec.Struct):
    name: str
    price: float
    tags: list[str] = []


def note(text: str) -> None:
    with pathlib.Path(os.environ.get("NOTES", os.devnull)).open("a") as file:
        file.write(f"{text} {os.getpid()}\n")


@app.lifespan
async def life() -> AsyncIterator[None]:
    note("start")
    yield
    note("stop")


@app.get("/plain")
def plain() -> str:
    return "hello"


@app.get("/wait")
async def wait() -> str:
    await asyncio.sleep(0)
    return "waited"


@app.get("/items/{number}")
def read_item(number: int, verbose: Query[bool] = False) -> dict[str, int | bool]:
    return {"number": number, "verbose": verbose}


@app.post("/items", status=201)
async def create_item(item: Item) -> Item:
    return item


@app.post("/echo")
def echo(body: Body[bytes]) -> bytes:
    return body


@app.post("/small", max_body_size=1000)
def small(body: Body[bytes]) -> bytes:
    return body


@app.get("/query")
def query(request: Request) -> int:
    return len(request.query)


@app.get("/host")
def host(request: Request) -> str:
    return request.host


@app.get("/rest/{rest:path}")
def rest(rest: str) -> int:
    return len(rest)


@app.get("/lines")
def lines() -> Iterator[str]:
    for number in range(5):
        yield f"{number}\n"


@app.get("/async-lines")
async def async_lines() -> AsyncIterator[str]:
    for number in range(5):
        await asyncio.sleep(0)
        yield f"{number}\n"


@app.get("/after")
def after(request: Request) -> str:
    request.after_response(len, "done")
    return "now"


@app.get("/events")
async def events() -> EventSourceResponse:
    async def forever() -> AsyncIterator[str]:
        try:
            yield "first"
            await asyncio.Event().wait()
        finally:
            note("events closed")

    return EventSourceResponse(forever())


@app.websocket("/live")
async def live(ws: WebSocket) -> None:
    await ws.accept()
    try:
        async for message in ws:
            await ws.send(message)
    finally:
        note("websocket closed")
