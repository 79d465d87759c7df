"""What features cost: the plain text route of a Hinge app with more around it."""

import time
from collections.abc import Callable
from typing import Any

from cases import HELLO, Case

from hinge import App, Request


def _timing(request: Request) -> Any:
    started = time.perf_counter()
    response = yield
    response.headers["server-timing"] = f"app;dur={(time.perf_counter() - started) * 1e3:.1f}"


async def _async_timing(request: Request) -> Any:
    started = time.perf_counter()
    response = yield
    response.headers["server-timing"] = f"app;dur={(time.perf_counter() - started) * 1e3:.1f}"


def featured(colour: str) -> dict[str, tuple[App, Case]]:
    """Return an app and a request for each feature, its handlers in the colour `def` or `async def`."""
    plain = Case("plain text", "/plain")
    found = {
        "baseline: plain text": (_with(colour), plain),
        "handler takes Request": (_with_request(colour), plain),
        "one middleware that sets a header": (_with(colour, _timing), plain),
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
