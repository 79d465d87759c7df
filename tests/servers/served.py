"""The app that every real server serves in the tests of this directory, as `served:app`.

What a handler wants to be known after its client is gone it writes to the file SERVED_JOURNAL: a line is the monotonic
time (one clock for all processes of a machine), the process id, and words.
"""

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from hashlib import sha256
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import msgspec

from hinge import (
    App,
    AsyncMiddleware,
    BodyStream,
    Config,
    Event,
    EventSourceResponse,
    FileResponse,
    Header,
    HTTPError,
    Middleware,
    Query,
    RedirectResponse,
    Request,
    Response,
    Router,
    StreamingResponse,
    TextResponse,
    WebSocket,
    WebSocketDisconnect,
)

MESSAGE_LIMIT = 65_536
BODY_LIMIT = 300_000
PATIENCE = 20.0

app = App(
    title="Served",
    config=Config(
        skip_unsupported=True,
        max_body_size=BODY_LIMIT,
        max_message_size=MESSAGE_LIMIT,
        allowed_origins=["https://friend.example"],
    ),
)


def note(*words: object) -> None:
    """Append a line to the journal, in one write."""
    line = f"{time.monotonic():.6f} {os.getpid()} {' '.join(map(str, words))}\n"
    with open(os.environ["SERVED_JOURNAL"], "ab", buffering=0) as journal:  # noqa: PTH123 - unbuffered
        journal.write(line.encode())


# -- lifespan ----------------------------------------------------------------------------------------------------------


@app.lifespan
def plain_life() -> Iterator[dict[str, object]]:
    note("start", "plain")
    yield {"greeting": "hello"}
    note("stop", "plain")


@app.lifespan
async def life(app: App) -> AsyncIterator[dict[str, object]]:
    note("start", "async")
    if os.environ.get("SERVED_FAILS"):
        raise RuntimeError("no database")
    async with anyio.create_task_group() as group:  # a task group may span the yield
        group.start_soon(anyio.sleep_forever)
        yield {"title": app.title, "pid": os.getpid()}
        group.cancel_scope.cancel()
    note("stop", "async")


@app.get("/state")
def state(request: Request) -> dict[str, object]:
    before = dict(request.state)
    request.state["mine"] = "only this request's"
    return before


@app.get("/state/async")
async def state_async(request: Request) -> dict[str, object]:
    return state(request)


# -- colours -----------------------------------------------------------------------------------------------------------


def on_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def place() -> dict[str, object]:
    return {"thread": threading.get_ident(), "main": threading.get_ident() == threading.main_thread().ident}


@app.get("/plain")
def plain() -> str:
    return "plain"


@app.get("/slow/{seconds}")
def slow(seconds: float) -> str:
    note("slow")
    time.sleep(seconds)
    return "done"


@app.get("/colour/sync")
def colour_sync() -> dict[str, object]:
    return place() | {"loop": on_loop()}


@app.get("/colour/async")
async def colour_async() -> dict[str, object]:
    await anyio.lowlevel.checkpoint()
    return place() | {"loop": on_loop()}


@app.get("/colour/sync-inline", inline=True)
def colour_sync_inline() -> dict[str, object]:
    return place() | {"loop": on_loop()}


@app.get("/colour/async-inline", inline=True)
async def colour_async_inline() -> dict[str, object]:
    return place() | {"loop": on_loop()}


@app.get("/colour/waits", inline=True)
async def colour_waits() -> str:
    await anyio.lowlevel.checkpoint()
    return "it waited"


# -- parameters and bodies ---------------------------------------------------------------------------------------------


class Item(msgspec.Struct):
    name: str
    price: float
    tags: list[str] = []


@app.get("/items/{item_id}")
def read_item(
    item_id: int, size: Query[int] = 1, tag: Query[list[str]] = [], x_token: Header[str | None] = None
) -> dict[str, object]:
    return {"id": item_id, "size": size, "tag": tag, "token": x_token}


@app.post("/items", status=201)
async def create_item(item: Item) -> Item:
    return item


@app.post("/items/sync", status=201)
def create_item_sync(item: Item) -> Item:
    return item


@app.get("/files/{rest:path}")
async def rest(rest: str) -> dict[str, str]:
    return {"rest": rest}


@app.route("/echo", methods=["POST", "PUT", "PATCH", "DELETE"])
def echo(request: Request) -> Response:
    return Response(request.body, headers={"x-method": request.method, "x-length": str(len(request.body))})


@app.route("/echo/async", methods=["POST", "PUT", "PATCH", "DELETE"])
async def echo_async(request: Request) -> Response:
    return echo(request)


class Upload(msgspec.Struct):
    size: int
    digest: str


@app.post("/upload/sync")
def upload_sync(body: BodyStream) -> Upload:
    size, digest = 0, sha256()
    for piece in body:
        size += len(piece)
        digest.update(piece)
    return Upload(size, digest.hexdigest())


@app.post("/upload/async")
async def upload_async(body: BodyStream) -> Upload:
    size, digest = 0, sha256()
    async for piece in body:
        size += len(piece)
        digest.update(piece)
    return Upload(size, digest.hexdigest())


@app.post("/upload/large", max_body_size=20_000_000)
async def upload_large(body: BodyStream) -> Upload:
    return await upload_async(body)


@app.post("/upload/first")
def upload_first(body: BodyStream) -> str:
    """Answer after the first piece: the rest is never read."""
    return f"{len(next(iter(body))) > 0}"


@app.post("/upload/ignored")
async def upload_ignored() -> str:
    return "ignored"


@app.post("/upload/back")
async def upload_back(body: BodyStream) -> StreamingResponse:
    """Send each piece back as it arrives."""

    async def pieces() -> AsyncIterator[bytes]:
        async for piece in body:
            yield piece.upper()

    return StreamingResponse(pieces(), media_type="text/plain")


@app.get("/head")
def head(request: Request) -> dict[str, object]:
    return {
        "method": request.method,
        "path": request.path,
        "scheme": request.scheme,
        "version": request.http_version,
        "query": request.query.multi_items(),
        "client": request.client.host if request.client else None,
        "port": request.client.port if request.client else None,
    }


@app.get("/head/host")
async def head_host(request: Request) -> str:
    return request.host


@app.get("/head/headers")
def head_headers(request: Request) -> dict[str, object]:
    headers = request.headers
    return {"all": headers.multi_items(), "list": headers.get_all("x-list"), "leak": headers.get("x-leak")}


@app.get("/head/leak")
def head_leak(x_leak: Header[str | None] = None) -> dict[str, str | None]:
    return {"leak": x_leak}


@app.get("/head/url")
def head_url(request: Request) -> str:
    return request.url_for("named", item_id=7)


@app.get("/named/{item_id}", name="named")
def named(item_id: int) -> int:
    return item_id


# -- responses ---------------------------------------------------------------------------------------------------------


@app.get("/cookies")
def cookies(request: Request) -> Response:
    response = TextResponse(msgspec.json.encode(dict(request.cookies)).decode())
    response.set_cookie("first", "1", httponly=True)
    response.set_cookie("second", "2", max_age=60, secure=True, samesite="strict")
    response.delete_cookie("third")
    return response


@app.get("/redirect")
def redirect() -> Response:
    return RedirectResponse("/plain?a=1", status=303)


@app.get("/nothing")
async def nothing() -> None:
    return None


@app.get("/not-modified")
def not_modified() -> Response:
    return Response(b"never sent", status=304, headers={"etag": '"1"'})


@app.get("/status/{code}")
def status(code: int) -> Response:
    return TextResponse("body", status=code)


@app.get("/headers-out")
def headers_out() -> Response:
    return Response(b"x", headers=[("x-many", "1"), ("x-many", "2"), ("link", "</a>; rel=next"), ("vary", "accept")])


@app.get("/large")
def large() -> bytes:
    return b"x" * 3_000_000


@app.get("/file")
def file() -> Response:
    return FileResponse(Path(__file__), media_type="text/x-python")


# -- errors ------------------------------------------------------------------------------------------------------------


@app.get("/fail/sync")
def fail_sync() -> str:
    raise ValueError("the secret cause")


@app.get("/fail/async")
async def fail_async() -> str:
    raise ValueError("the secret cause")


@app.get("/fail/conflict")
def fail_conflict() -> str:
    raise HTTPError(409, "taken", headers={"x-extra": "yes"}, owner="somebody")


class Teapot(Exception):
    pass


@app.error(Teapot)
async def teapot(request: Request, error: Teapot) -> Response:
    return TextResponse(f"teapot {request.path}", status=418)


@app.get("/fail/teapot")
def fail_teapot() -> str:
    raise Teapot


@app.get("/fail/first-chunk")
def fail_first_chunk() -> Iterator[str]:
    raise ValueError("the secret cause")
    yield ""


@app.get("/fail/first-chunk/async")
async def fail_first_chunk_async() -> AsyncIterator[str]:
    raise ValueError("the secret cause")
    yield ""


@app.get("/fail/mid/sync")
def fail_mid_sync() -> Iterator[str]:
    yield "one "
    yield "two "
    raise ValueError("the secret cause")


@app.get("/fail/mid/async")
async def fail_mid_async() -> AsyncIterator[str]:
    yield "one "
    yield "two "
    raise ValueError("the secret cause")


# -- streams -----------------------------------------------------------------------------------------------------------

gates: dict[str, threading.Event] = {}


def gate(name: str) -> threading.Event:
    return gates.setdefault(name, threading.Event())


@app.post("/gates/{name}")
def open_gate(name: str) -> None:
    gate(name).set()


def wait_for(name: str) -> None:
    if not gate(name).wait(PATIENCE):
        raise TimeoutError(name)


async def wait_for_async(name: str) -> None:
    with anyio.fail_after(PATIENCE):
        while not gate(name).is_set():  # noqa: ASYNC110 - whoever opens it is on no event loop
            await anyio.sleep(0.005)


class Chunks:
    """A plain iterator that is no generator."""

    def __init__(self, name: str) -> None:
        self.source = chunks(name)

    def __iter__(self) -> "Chunks":
        return self

    def __next__(self) -> str:
        return next(self.source)

    def close(self) -> None:
        self.source.close()


class AsyncChunks:
    """An async iterator that is no generator."""

    def __init__(self, name: str) -> None:
        self.source = async_chunks(name)

    def __aiter__(self) -> "AsyncChunks":
        return self

    async def __anext__(self) -> str:
        return await anext(self.source)

    async def aclose(self) -> None:
        await self.source.aclose()


def chunks(name: str) -> Iterator[str]:
    try:
        for number in range(3):
            yield f"{number} "
            wait_for(f"{name}-{number}")
    finally:
        note("closed", name)


async def async_chunks(name: str) -> AsyncIterator[str]:
    try:
        for number in range(3):
            yield f"{number} "
            await wait_for_async(f"{name}-{number}")
    finally:
        note("closed", name)


@app.get("/stream/generator/{name}")
def stream_generator(name: str) -> Iterator[str]:
    yield from chunks(name)


@app.get("/stream/async-generator/{name}")
async def stream_async_generator(name: str) -> AsyncIterator[str]:
    source = async_chunks(name)
    try:
        async for chunk in source:
            yield chunk
    finally:
        await source.aclose()


@app.get("/stream/iterator/{name}")
def stream_iterator(name: str) -> StreamingResponse:
    return StreamingResponse(Chunks(name), media_type="text/plain")


@app.get("/stream/async-iterator/{name}")
async def stream_async_iterator(name: str) -> StreamingResponse:
    return StreamingResponse(AsyncChunks(name), media_type="text/plain")


@app.get("/stream/iterator-of-async/{name}")
async def stream_iterator_of_async(name: str) -> StreamingResponse:
    return StreamingResponse(Chunks(name), media_type="text/plain")


@app.get("/stream/async-iterator-of-sync/{name}")
def stream_async_iterator_of_sync(name: str) -> StreamingResponse:
    return StreamingResponse(AsyncChunks(name), media_type="text/plain")


@app.get("/endless/sync/{name}")
def endless(name: str) -> Iterator[str]:
    try:
        while True:
            yield "tick "
            time.sleep(0.02)
    finally:
        note("closed", name)


@app.get("/endless/async/{name}")
async def endless_async(name: str) -> AsyncIterator[str]:
    try:
        while True:
            yield "tick "
            await anyio.sleep(0.02)
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.lowlevel.checkpoint()  # cleaning up may wait
            note("closed", name)


@app.get("/flood/{name}")
async def flood(name: str) -> AsyncIterator[bytes]:
    """Produce without end: only backpressure stops it, and only the client's leaving ends it."""
    produced = 0
    try:
        while True:
            yield b"x" * 65_536
            produced += 65_536
    finally:
        note("closed", name, produced)


produced: dict[str, int] = {}
PRESSURE_CHUNKS = 640


@app.get("/pressure/sync/{name}")
def pressure(name: str) -> Iterator[bytes]:
    for number in range(PRESSURE_CHUNKS):
        produced[name] = number + 1
        yield b"x" * 65_536


@app.get("/pressure/async/{name}")
async def pressure_async(name: str) -> AsyncIterator[bytes]:
    for number in range(PRESSURE_CHUNKS):
        produced[name] = number + 1
        yield b"x" * 65_536


@app.get("/produced/{name}")
def produced_so_far(name: str) -> int:
    return produced.get(name, 0)


@app.get("/idle/{name}")
async def idle(name: str) -> AsyncIterator[str]:
    try:
        yield "first"
        await anyio.sleep_forever()
    finally:
        note("closed", name)


@app.get("/sized")
def sized() -> Iterator[bytes]:
    for _ in range(10):
        yield b"x" * 100_000


@app.get("/empty-chunks")
def empty_chunks() -> Iterator[bytes]:
    yield b""
    yield b"a"
    yield b""
    yield b"b"
    yield b""


@app.get("/no-chunks")
async def no_chunks() -> AsyncIterator[bytes]:
    return
    yield b""


@app.get("/events")
async def events() -> EventSourceResponse:
    async def source() -> AsyncIterator[Event | str | dict[str, int]]:
        yield Event("one\ntwo", event="news", id="1", retry=1000)
        yield "text"
        yield {"number": 3}

    return EventSourceResponse(source())


@app.get("/events/idle/{name}")
async def events_idle(name: str) -> EventSourceResponse:
    async def source() -> AsyncIterator[str]:
        try:
            await anyio.sleep_forever()
            yield ""
        finally:
            note("closed", name)

    return EventSourceResponse(source(), ping=0.1)


# -- after the response ------------------------------------------------------------------------------------------------


@app.get("/after/{name}")
def after(request: Request, name: str) -> str:
    return register(request, name)


@app.get("/after/async/{name}")
async def after_async(request: Request, name: str) -> str:
    return register(request, name)


@app.get("/after/stream/{name}")
async def after_stream(request: Request, name: str) -> AsyncIterator[str]:
    register(request, name)
    yield "a"
    yield "b"
    note("sent", name)


def register(request: Request, name: str) -> str:
    trace.set(name)
    request.after_response(later, name, "first")
    request.after_response(fail_later)
    request.after_response(later_async, name, word="second")
    return "done"


def later(name: str, word: str) -> None:
    wait_for(name)
    note("after", name, word, trace.get())


async def later_async(name: str, *, word: str) -> None:
    await anyio.lowlevel.checkpoint()
    note("after", name, word, trace.get())


def fail_later() -> None:
    raise ValueError("the failing task")


# -- context variables -------------------------------------------------------------------------------------------------

trace: ContextVar[str] = ContextVar("trace", default="nothing")


def marked(request: Request) -> Middleware:
    before = trace.get()
    trace.set(request.query.get("name", "-"))
    response = yield
    response.headers["x-before"] = before
    response.headers["x-after"] = trace.get()


context = Router("/context", middleware=[marked])


@context.get("/sync")
def context_sync() -> str:
    seen = trace.get()
    trace.set("handler's")
    return seen


@context.get("/async")
async def context_async() -> str:
    return context_sync()


@context.get("/stream")
def context_stream() -> Iterator[str]:
    yield trace.get() + " "
    trace.set("in the stream")
    yield trace.get()


@context.get("/stream/async")
async def context_stream_async() -> AsyncIterator[str]:
    yield trace.get() + " "
    trace.set("in the stream")
    yield trace.get()


@app.get("/context/bare")
def context_bare() -> str:
    return context_sync()


@app.get("/context/bare/async")
async def context_bare_async() -> str:
    return context_sync()


app.include(context)

# -- middleware --------------------------------------------------------------------------------------------------------


def stamp(request: Request) -> Middleware:
    if "stop" in request.query:
        return TextResponse("stopped", status=403)
    response = yield
    response.headers["x-stamp"] = str(response.status)
    return None


async def stamp_async(request: Request) -> AsyncMiddleware:
    await anyio.lowlevel.checkpoint()
    response = yield
    await anyio.lowlevel.checkpoint()
    response.headers["x-stamp-async"] = str(response.status)


layered = Router("/layered", middleware=[stamp])
layered_async = Router("/async", middleware=[stamp_async])

for router in (layered, layered_async):
    router.get("/ok")(plain)
    router.get("/fail")(fail_sync)
    router.get("/fail/async")(fail_async)
    router.get("/nothing")(nothing)
    router.get("/stream")(context_stream)
    router.post("/echo")(echo)
    router.post("/echo/async")(echo_async)
    router.post("/upload")(upload_sync)
    router.post("/upload/async")(upload_async)

layered.include(layered_async)
app.include(layered)


# -- WebSockets --------------------------------------------------------------------------------------------------------


@app.websocket("/ws/echo/{room}")
async def ws_echo(ws: WebSocket, room: str) -> None:
    await ws.accept()
    async for message in ws:
        await ws.send(f"{room}: {message}" if isinstance(message, str) else message[::-1])
    note("left", room, ws.close_code)


@app.websocket("/ws/head/{number}")
async def ws_head(ws: WebSocket, number: int, size: Query[int] = 1, x_token: Header[str | None] = None) -> None:
    await ws.accept()
    head = {"number": number, "size": size, "token": x_token, "state": dict(ws.state), "path": ws.path}
    await ws.send_json(head | {"scheme": ws.scheme, "host": ws.host, "cookies": dict(ws.cookies)})
    await ws.close()


@app.websocket("/ws/json")
async def ws_json(ws: WebSocket) -> None:
    await ws.accept()
    while True:
        item = await ws.receive_json(Item)
        await ws.send_json(item)


@app.websocket("/ws/subprotocol")
async def ws_subprotocol(ws: WebSocket) -> None:
    await ws.accept(ws.subprotocols[-1] if ws.subprotocols else None, headers={"x-accepted": "yes"})
    await ws.send(",".join(ws.subprotocols))
    await ws.close(1000, "bye")


@app.websocket("/ws/close/{code}")
async def ws_close(ws: WebSocket, code: int, reason: Query[str] = "") -> None:
    await ws.accept()
    await ws.close(code, reason)


@app.websocket("/ws/disconnect/{name}")
async def ws_disconnect(ws: WebSocket, name: str) -> None:
    await ws.accept()
    try:
        await ws.receive()
    except WebSocketDisconnect as gone:
        note("gone", name, gone.code, gone.reason or "-")
        raise


@app.websocket("/ws/deny/problem")
async def ws_deny_problem(ws: WebSocket) -> None:
    await ws.deny(HTTPError(401, "who are you?", headers={"www-authenticate": "Basic"}))


@app.websocket("/ws/deny/response")
async def ws_deny_response(ws: WebSocket) -> None:
    response = TextResponse("later", status=429, headers={"retry-after": "60"})
    response.set_cookie("one", "1")
    response.set_cookie("two", "2")
    await ws.deny(response)


@app.websocket("/ws/deny/close")
async def ws_deny_close(ws: WebSocket) -> None:
    await ws.close(4000)


@app.websocket("/ws/deny/nothing")
async def ws_deny_nothing(ws: WebSocket) -> None:
    return None


@app.websocket("/ws/deny/error")
async def ws_deny_error(ws: WebSocket) -> None:
    raise HTTPError(402, "pay first")


@app.websocket("/ws/deny/failure")
async def ws_deny_failure(ws: WebSocket) -> None:
    raise ValueError("the secret cause")


@app.websocket("/ws/fail")
async def ws_fail(ws: WebSocket) -> None:
    await ws.accept()
    await ws.send("about to fail")
    raise ValueError("the secret cause")


@app.websocket("/ws/return")
async def ws_return(ws: WebSocket) -> None:
    await ws.accept()
    await ws.send("done")


@app.websocket("/ws/busy/{name}")
async def ws_busy(ws: WebSocket, name: str) -> None:
    """Wait for something else than the peer: only a cancellation tells that it left."""
    await ws.accept()
    await ws.send("busy")
    try:
        await anyio.sleep_forever()
    finally:
        note("cancelled", name)


@app.websocket("/ws/push/{name}")
async def ws_push(ws: WebSocket, name: str) -> None:
    """Send without ever receiving."""
    await ws.accept()
    try:
        while True:
            await ws.send("tick")
            await anyio.sleep(0.02)
    except WebSocketDisconnect as gone:
        note("gone", name, gone.code)
        raise


@app.websocket("/ws/flood/{name}")
async def ws_flood(ws: WebSocket, name: str) -> None:
    """Send without ever waiting for anything else."""
    await ws.accept()
    try:
        while True:
            await ws.send("x" * 10_000)
    finally:
        note("gone", name, ws.close_code)


@app.websocket("/ws/context")
async def ws_context(ws: WebSocket) -> None:
    await ws.accept()
    await ws.send(trace.get())
    trace.set("the WebSocket's")
    await ws.close()


# -- for servers that call what they are given -------------------------------------------------------------------------


def make(protocol: str | None = None) -> Any:
    """Return the app, or its callable of a protocol."""
    return app if protocol is None else app.compile(protocol)
