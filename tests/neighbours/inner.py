"""The Hinge app that stands inside another application, and what proves that it is there as if it were alone.

Law: what it answers alone, in process and below a prefix, it answers inside, over a socket, byte for byte.
"""

import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import anyio
import httpx
from tests.neighbours.served import served
from websockets.sync.client import connect

from hinge import (
    App,
    Body,
    Cookie,
    RedirectResponse,
    Request,
    Response,
    Session,
    Sessions,
    State,
    WebSocket,
)
from hinge.testing import Client

PREFIX = "/new"
FILES = Path(__file__).parent / "files"

REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "/", {}),
    ("HEAD", "/", {}),
    ("GET", "/items/3?q=a%20b", {}),
    ("GET", "/items/x", {}),
    ("GET", "/items/3/", {}),
    ("GET", "/g%C3%A4ste/Zo%C3%AB", {}),
    ("POST", "/items", {"json": {"n": 1}}),
    ("POST", "/items", {"json": {"n": "one"}}),
    ("POST", "/items", {"content": b"{", "headers": {"content-type": "application/json"}}),
    ("PUT", "/items", {}),
    ("OPTIONS", "/items", {}),
    ("POST", "/upload", {"content": b"x" * 100_000, "headers": {"content-type": "application/octet-stream"}}),
    ("GET", "/go", {}),
    ("GET", "/cookie", {}),
    ("GET", "/cookie", {"headers": {"cookie": "theme=dark"}}),
    ("GET", "/files/note.txt", {}),
    ("GET", "/files/note.txt", {"headers": {"range": "bytes=0-5"}}),
    ("GET", "/files/absent.txt", {}),
    ("GET", "/openapi.json", {}),
    ("GET", "/docs", {}),
    ("GET", "/nothing", {}),
    ("GET", "/fail", {}),
]
COMPARED = ("content-type", "content-length", "content-range", "location", "set-cookie", "allow", "etag", "vary")

Answer = tuple[int, dict[str, str], bytes]
Outer = Callable[[App], Any]
"""What puts the app below PREFIX of another application, which answers `/old` with `old`."""


class Inner:
    """One such app, and what happened to it."""

    def __init__(self, *, websocket: bool = False) -> None:
        self.events: list[str] = []
        self.go_on = threading.Event()
        self.app = App("Inner", sessions=Sessions(keys=["k" * 32], secure=False))
        _declare(self.app, self)
        if websocket:
            self.app.websocket("/echo/{name}")(_echo)


def _declare(app: App, inner: Inner) -> None:
    @app.lifespan
    async def life() -> AsyncIterator[dict[str, int]]:
        inner.events.append("started")
        yield {"answer": 42}
        inner.events.append("stopped")

    @app.get("/", name="index")
    def index(state: State) -> dict[str, int]:
        return {"state": state.answer}

    @app.get("/items/{item_id}", name="item")
    async def item(request: Request, item_id: int) -> list[Any]:
        return [item_id, request.path, dict(request.query), request.url_for("item", item_id=item_id + 1)]

    @app.get("/g\u00e4ste/{name}")
    def guest(request: Request, name: str) -> list[str]:
        return [name, request.path]

    @app.post("/items", status=201)
    def add(item: Body[dict[str, int]]) -> dict[str, int]:
        return item

    @app.post("/upload")
    def upload(request: Request) -> int:
        return len(request.body)

    @app.get("/go")
    def go(request: Request) -> RedirectResponse:
        return RedirectResponse(request.url_for("item", item_id=7))

    @app.get("/cookie")
    def cookie(theme: Cookie[str] = "none") -> Response:
        response = Response(theme)
        response.set_cookie("theme", "dark")
        return response

    @app.get("/visits")
    def visits(session: Session) -> int:
        session["visits"] = session.get("visits", 0) + 1
        return int(session["visits"])

    @app.get("/stream")
    async def stream() -> AsyncIterator[str]:
        yield "first"
        await anyio.to_thread.run_sync(inner.go_on.wait)
        yield "last"

    @app.get("/fail")
    def fail() -> None:
        raise KeyError("inner")

    app.static("/files", FILES)


async def _echo(ws: WebSocket, name: str) -> None:
    await ws.accept()
    async for text in ws:
        await ws.send(f"{ws.path} {name} {text}")


def answers(client: Any) -> list[Answer]:
    """Send the requests and return what came back."""
    found = []
    for method, target, options in REQUESTS:
        answer = client.request(method, target, **options)
        headers = {name: answer.headers[name] for name in COMPARED if name in answer.headers}
        found.append((answer.status_code, headers, answer.content))
    return found


def is_as_alone(
    outer: Outer,
    interface: str,
    *,
    lifespan: str,
    websockets: bool = False,
    rewrites: tuple[str, ...] = (),
    server: str | None = None,
    streams: bool = True,
) -> None:
    """Prove that the app is inside as if it were alone.

    `lifespan` is when its lifespan starts there: with the `server`, or with the `first request`. `rewrites` names the
    headers that the application around it writes in words of its own, `server` what serves that, where its interface
    does not tell. One without `streams` collects what it is given.
    """
    inner, alone = Inner(websocket=websockets), Inner(websocket=websockets)
    for file in FILES.iterdir():
        os.utime(file, (0, 0))
    with Client(alone.app, interface, prefix=PREFIX) as client:
        expected = answers(client)
    with served(outer(inner.app), server or interface) as url, httpx.Client(base_url=url + PREFIX) as client:
        assert httpx.get(f"{url}/old").text == "old"
        assert inner.events == (["started"] if lifespan == "server" else [])
        for request, wanted, found in zip(REQUESTS, expected, answers(client), strict=True):
            for name in rewrites:
                wanted[1][name] = found[1].get(name, "")
                found[1].setdefault(name, "")
            assert (request, found) == (request, wanted)
        assert inner.events == ["started"]
        assert [client.get("/visits").json() for _ in range(3)] == [1, 2, 3]
        if streams:
            _streams(client, inner)
        if websockets:
            with connect(f"{url.replace('http', 'ws')}{PREFIX}/echo/eve") as ws:
                ws.send("hi")
                assert ws.recv() == "/echo/eve eve hi"
    if interface == "asgi":  # a WSGI server does not say that it stops
        assert inner.events == ["started", "stopped"]


def _streams(client: httpx.Client, inner: Inner) -> None:
    """The first chunk is here before the last one is made."""
    with client.stream("GET", "/stream") as response, ExitStack() as stack:
        stack.callback(inner.go_on.set)
        chunks = response.iter_raw()
        assert next(chunks) == b"first"
        stack.close()
        assert b"".join(chunks) == b"last"
