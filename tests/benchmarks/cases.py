"""What is compared: one app on Hinge, and the requests that it and its hand-written twins answer."""

import time
from collections.abc import Callable
from typing import Any

import msgspec

from hinge import App, Request


class Item(msgspec.Struct):
    """The validated body, and what its route answers with."""

    name: str
    price: float
    tags: list[str] = []


class Page(msgspec.Struct):
    """What the typed route answers with."""

    item_id: int
    limit: int
    verbose: bool


HELLO = "Hello, World!"
MESSAGE = {"message": HELLO}

# What a browser behind a proxy sends, without what names the body.
HEADERS = [
    ("host", "shop.example.org"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    ("accept", "text/html,application/xhtml+xml,application/json;q=0.9,*/*;q=0.8"),
    ("accept-language", "en-GB,en;q=0.5"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("cookie", "session=1f0c9be2a7; theme=dark"),
    ("x-forwarded-for", "203.0.113.7"),
    ("x-request-id", "0d3c7c54-6a3e-4d0c-9f43-8f6f7c1a2b11"),
]
BODY = b'{"name":"lamp","price":19.5,"tags":["desk","oak"]}'


class Case(msgspec.Struct, frozen=True):
    """One request."""

    name: str
    path: str
    method: str = "GET"
    query: str = ""
    body: bytes = b""
    content_type: str = ""

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The request's header lines, lower-case names."""
        if not self.content_type:
            return HEADERS
        return [*HEADERS, ("content-type", self.content_type), ("content-length", str(len(self.body)))]


CASES = [
    Case("plain text", "/plain"),
    Case("JSON", "/json"),
    Case("typed path and query", "/items/4711", query="limit=20&verbose=true"),
    Case("validated JSON body", "/items", "POST", body=BODY, content_type="application/json"),
]
"""The ones with a bar."""

REFUSED = [
    Case("404", "/nowhere/to/be/found"),
    Case("404, path parameter", "/items/lamp"),
    Case("405", "/json", "DELETE"),
    Case("415", "/items", "POST", body=BODY, content_type="text/plain"),
    Case("400", "/items", "POST", body=BODY[:-1], content_type="application/json"),
    Case("422, query", "/items/4711", query="limit=many&verbose=true"),
    Case("422, body", "/items", "POST", body=BODY.replace(b"19.5", b'"dear"'), content_type="application/json"),
    Case("HEAD", "/json", "HEAD"),
    Case("OPTIONS", "/json", "OPTIONS"),
]
"""Answers that both sides have to agree on as well."""


def wsgi_app() -> App:
    """Return the app with plain handlers."""
    app = App()

    @app.get("/plain")
    def plain() -> str:
        return HELLO

    @app.get("/json")
    def json() -> dict[str, str]:
        return {"message": HELLO}

    @app.get("/items/{item_id}")
    def read(item_id: int, limit: int = 10, verbose: bool = False) -> Page:
        return Page(item_id, limit, verbose)

    @app.post("/items", status=201)
    def create(item: Item) -> Item:
        return item

    return app


def asgi_app() -> App:
    """Return the app with coroutines."""
    app = App()

    @app.get("/plain")
    async def plain() -> str:
        return HELLO

    @app.get("/json")
    async def json() -> dict[str, str]:
        return {"message": HELLO}

    @app.get("/items/{item_id}")
    async def read(item_id: int, limit: int = 10, verbose: bool = False) -> Page:
        return Page(item_id, limit, verbose)

    @app.post("/items", status=201)
    async def create(item: Item) -> Item:
        return item

    return app


# -- what features cost: the plain text route with more around it ------------------------------------------------------


def _timing(request: Request) -> Any:
    started = time.perf_counter()
    response = yield
    response.headers["server-timing"] = f"app;dur={(time.perf_counter() - started) * 1e3:.1f}"


async def _async_timing(request: Request) -> Any:
    started = time.perf_counter()
    response = yield
    response.headers["server-timing"] = f"app;dur={(time.perf_counter() - started) * 1e3:.1f}"


def _passing(request: Request) -> Any:
    yield


def featured(colour: str) -> dict[str, tuple[App, Case]]:
    """Return an app and a request for each feature, its handlers in the colour `def` or `async def`."""
    plain = Case("plain text", "/plain")
    found = {
        "baseline: plain text": (_with(colour), plain),
        "handler takes Request": (_with_request(colour), plain),
        "one middleware that only yields": (_with(colour, _passing), plain),
        "one middleware that sets a header": (_with(colour, _timing), plain),
        "five middlewares that only yield": (_with(colour, *[_passing] * 5), plain),
        "404": (_with(colour), Case("404", "/nowhere")),
        "405": (_with(colour), Case("405", "/plain", "DELETE")),
        "1 of 10 routes, typed path": (_crowded(colour, 10), Case("", "/r5/7/detail")),
        "1 of 5,000 routes, typed path": (_crowded(colour, 5000), Case("", "/r2500/7/detail")),
    }
    if colour == "async def":
        found["one async middleware that sets a header"] = (_with(colour, _async_timing), plain)
    return found


def _in(colour: str, plain: Callable[..., Any], coroutine: Callable[..., Any]) -> Callable[..., Any]:
    return plain if colour == "def" else coroutine


def _with(colour: str, *middleware: Callable[..., Any]) -> App:
    app = App(middleware=middleware)

    def plain() -> str:
        return HELLO

    async def coroutine() -> str:
        return HELLO

    app.get("/plain")(_in(colour, plain, coroutine))
    return app


def _with_request(colour: str) -> App:
    app = App()

    def plain(request: Request) -> str:
        return HELLO

    async def coroutine(request: Request) -> str:
        return HELLO

    app.get("/plain")(_in(colour, plain, coroutine))
    return app


def _crowded(colour: str, routes: int) -> App:
    app = App()

    def plain(number: int) -> str:
        return HELLO

    async def coroutine(number: int) -> str:
        return HELLO

    for index in range(routes):
        app.get(f"/r{index}/{{number}}/detail", name=f"r{index}")(_in(colour, plain, coroutine))
    return app
