"""What the checks of exceptions share: a table of what is raised, and the places of an app where it is raised."""

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import msgspec

from hinge import App, AsyncMiddleware, ClientDisconnect, HTTPError, Middleware, Request, StreamingResponse
from hinge.conformance.layers import async_layer, layer

Fails = Callable[[], None]
"""What raises, wherever it is called."""


class OwnError(BaseException):
    """A class of the app's, or of a library that wants to pass every `except Exception`."""


class EmptyError(Exception):
    """An aggregate that holds nothing (yet), and is false therefore."""

    def __len__(self) -> int:
        return 0


RAISED: dict[str, Callable[[], BaseException]] = {
    "CancelledError": asyncio.CancelledError,
    "GeneratorExit": GeneratorExit,
    "SystemExit": lambda: SystemExit(3),
    "BaseExceptionGroup": lambda: BaseExceptionGroup("both", [OwnError(), ValueError()]),
    "of the app": OwnError,
    "false": EmptyError,
}
CUT = RAISED | {"HTTPError": lambda: HTTPError(500, "the database went away"), "ClientDisconnect": ClientDisconnect}
"""What is a failure of a stream that has begun: an answer, or a word about the client, comes too late."""
LIVES = RAISED | {"KeyboardInterrupt": KeyboardInterrupt, "cancelled": asyncio.CancelledError}
"""What is a failure of a lifespan. The last one is asked for: something cancels the task that holds the lifespans."""
STRAY = (asyncio.CancelledError, GeneratorExit)
"""What means something to who awaits, and is the cause of another therefore."""
INTERRUPTS: dict[str, Callable[[], BaseException]] = {
    "KeyboardInterrupt": KeyboardInterrupt,
    "in a group": lambda: BaseExceptionGroup("all", [ValueError(), BaseExceptionGroup("in", [KeyboardInterrupt()])]),
}


def failing(make: Callable[[], BaseException]) -> Fails:
    """Return what raises."""

    def fails() -> None:
        raise make()

    return fails


# -- apps --------------------------------------------------------------------------------------------------------------


def guarded() -> Middleware:
    """See no response of what fails."""
    try:
        yield
    finally:
        pass


LAYERS: dict[str, list[Any]] = {"bare": [], "layer": [layer], "async": [async_layer], "guarded": [guarded]}
ASYNC = "async def"
COLOURS = ["def", ASYNC]


def app_with(layers: list[Any]) -> App:
    """Return an app with a route that goes well."""
    app = App(middleware=layers)
    app.get("/fine")(lambda: "fine")
    return app


def coloured(function: Callable[..., Any], colour: str, *, waits: bool = True) -> Callable[..., Any]:
    """Return a function, or a coroutine function with its signature that waits before it does the same."""

    @functools.wraps(function)
    async def coroutine(*args: Any, **kwargs: Any) -> Any:
        if waits:
            await asyncio.sleep(0)
        return function(*args, **kwargs)

    return coroutine if colour == ASYNC else function


# -- places: each adds a route at / whose request fails there ----------------------------------------------------------

Place = Callable[[App, Fails, str], None]
"""`(app, fails, colour) -> nothing`."""


def handler(app: App, fails: Fails, colour: str, **options: Any) -> None:
    """Fail in a handler."""
    app.get("/", **options)(coloured(fails, colour, waits=False))


def inline(app: App, fails: Fails, colour: str) -> None:
    """Fail in a handler that stands on the event loop."""
    handler(app, fails, colour, inline=True)


def in_a_thread_of_its_own(app: App, fails: Fails, colour: str) -> None:
    """Fail in a coroutine with a loop of its own."""
    handler(app, fails, ASYNC, loop="thread")


def with_a_request(app: App, fails: Fails, colour: str) -> None:
    """Fail in a handler that takes the request."""

    def takes(request: Request) -> None:
        fails()

    app.get("/")(coloured(takes, colour))


def decoding(app: App, fails: Fails, colour: str) -> None:
    """Fail while the body is decoded."""

    class Item(msgspec.Struct):
        size: int = 0

        def __post_init__(self) -> None:
            fails()

    def takes(item: Item) -> None: ...

    app.route("/", methods=["GET", "POST"])(coloured(takes, colour))


def error_handler(app: App, fails: Fails, colour: str) -> None:
    """Fail in the handler of another error."""

    def takes(request: Request, error: LookupError) -> None:
        fails()

    app.error(LookupError)(coloured(takes, colour))

    @app.get("/")
    def looks_up() -> None:
        raise LookupError


def middleware_before(app: App, fails: Fails, colour: str) -> None:
    """Fail before the yield."""

    def plain() -> Middleware:
        fails()
        yield

    async def coroutine() -> AsyncMiddleware:
        await asyncio.sleep(0)
        fails()
        yield

    app.get("/", middleware=[coroutine if colour == ASYNC else plain])(lambda: "x")


def middleware_after(app: App, fails: Fails, colour: str) -> None:
    """Fail behind the yield."""

    def plain() -> Middleware:
        yield
        fails()

    async def coroutine() -> AsyncMiddleware:
        yield
        await asyncio.sleep(0)
        fails()

    app.get("/", middleware=[coroutine if colour == ASYNC else plain])(lambda: "x")


def source(fails: Fails, colour: str, chunks: int, *, at_close: bool = False) -> Any:
    """Return a generator that fails behind its chunks, or also when it is closed."""

    def plain() -> Iterator[str]:
        try:
            for _ in range(chunks):
                yield "x"
        finally:
            if at_close:
                fails()
        fails()

    async def coroutine() -> AsyncIterator[str]:
        try:
            for _ in range(chunks):
                yield "x"
        finally:
            if at_close:
                fails()
        fails()

    return coroutine() if colour == ASYNC else plain()


def first_chunk(app: App, fails: Fails, colour: str) -> None:
    """Fail before a stream has begun."""
    app.get("/")(lambda: StreamingResponse(source(fails, colour, 0)))


ANSWERED: dict[str, Place] = {
    place.__name__: place
    for place in (handler, inline, in_a_thread_of_its_own, with_a_request, decoding, error_handler, middleware_before,
                  middleware_after, first_chunk)
}  # fmt: skip
INSIDE = ["handler", "error_handler", "middleware_before", "middleware_after", "first_chunk"]
"""The places that are tried inside of middleware as well."""
