"""An app that everybody has dropped is gone: no task, thread, event loop or registration of it is left."""

import asyncio
import gc
import logging
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest

from hinge import App, Depends, Middleware, Request
from hinge.backend.contract import Backend
from hinge.loop.threads import _Worker
from hinge.testing import Client

pytestmark = pytest.mark.gate


def _provided() -> Iterator[int]:
    yield 1


async def _async_provided() -> Any:
    yield 1


def _work() -> None: ...


async def _async_work() -> None: ...


def served(*, lives: bool) -> App:
    """An app that does all that may leave something behind."""
    app = App()

    if lives:

        @app.lifespan
        async def life(app: App) -> AsyncIterator[dict[str, int]]:
            yield {"one": 1}

    @app.middleware
    def layer(request: Request) -> Middleware:
        yield

    @app.get("/plain")
    def plain(request: Request, one: Any = Depends(_provided)) -> Any:
        request.after_response(_work)
        return one

    @app.get("/async")
    async def coroutine(request: Request, one: Any = Depends(_async_provided)) -> Any:
        request.after_response(_async_work)
        await asyncio.sleep(0)
        return one

    @app.get("/stream")
    async def stream() -> Any:
        yield "a"
        yield "b"

    @app.get("/plain-stream")
    def plain_stream() -> Any:
        yield "a"
        yield "b"

    @app.get("/fail")
    async def fail() -> None:
        raise LookupError

    return app


PATHS = ("/plain", "/async", "/stream", "/plain-stream", "/fail", "/nowhere")


class Left:
    """What there is of the kinds that outlive their owners."""

    def __init__(self) -> None:
        objects = gc.get_objects()
        self.tasks = {id(one) for one in objects if isinstance(one, asyncio.Task) and not one.done()}
        self.loops = {id(one) for one in objects if isinstance(one, asyncio.AbstractEventLoop) and not one.is_closed()}
        # Worker threads are the process's: one without work rests for some seconds, and holds nothing.
        self.threads = {one.ident for one in threading.enumerate() if not isinstance(one, _Worker)}

    def more_than(self, before: "Left") -> list[str]:
        return [name for name in ("tasks", "loops", "threads") if not getattr(self, name) <= getattr(before, name)]


def expect_nothing_of(drop: Callable[[], list[weakref.ref[Any]]], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL + 1, "hinge")  # a record of a failure holds its frames
    gc.collect()
    before = Left()
    references = drop()
    end, alive, more = threading.Event(), references, [""]
    for _ in range(500):  # threads that were told to end do so by and by
        gc.collect()
        alive, more = [one for one in references if one() is not None], Left().more_than(before)
        if not alive and not more:
            break
        end.wait(0.01)
    assert [type(one()) for one in alive] == []
    assert more == []
    assert "destroyed" not in caplog.text


@pytest.mark.parametrize("lives", [False, True])
def test_behind_a_client(backend: Backend, lives: bool, caplog: pytest.LogCaptureFixture) -> None:
    def drop() -> list[weakref.ref[Any]]:
        app = served(lives=lives)
        with Client(app, backend.name) as client:
            for path in PATHS:
                client.get(path)
        return [weakref.ref(app), weakref.ref(app.compile(backend.name))]

    expect_nothing_of(drop, caplog)


@pytest.mark.parametrize("lives", [False, True])
def test_behind_a_wsgi_server_that_tells_nothing(lives: bool, caplog: pytest.LogCaptureFixture) -> None:
    def drop() -> list[weakref.ref[Any]]:
        app = served(lives=lives)
        for path in PATHS:
            environ: dict[str, Any] = {"PATH_INFO": path}
            setup_testing_defaults(environ)
            body = app(environ, lambda status, headers, exc_info=None: None)
            list(body)
            getattr(body, "close", _work)()
        if lives:  # lifespans that nobody stops hold their app until the process ends
            app.wsgi.stop()
        return [weakref.ref(app)]

    expect_nothing_of(drop, caplog)


async def _ask(app: App, path: str) -> None:
    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None: ...

    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "path": path}
    scope |= {"raw_path": path.encode(), "query_string": b"", "headers": [], "scheme": "http", "root_path": ""}
    await app(scope, receive, send)


@pytest.mark.parametrize(("lives", "closes"), [(False, False), (True, False), (False, True)])
def test_behind_an_asgi_server_that_tells_nothing(lives: bool, closes: bool, caplog: pytest.LogCaptureFixture) -> None:
    """It ends its loop's tasks, as `asyncio.run` does, or `closes` the loop over them."""

    async def ask(app: App) -> None:
        for path in PATHS:
            await _ask(app, path)

    def drop() -> list[weakref.ref[Any]]:
        app = served(lives=lives)
        if closes:
            loop = asyncio.new_event_loop()
            loop.run_until_complete(ask(app))
            loop.close()
        else:
            asyncio.run(ask(app))
        return [weakref.ref(app)]

    expect_nothing_of(drop, caplog)


def test_on_a_loop_that_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.new_event_loop()

    def drop() -> list[weakref.ref[Any]]:
        app = served(lives=False)
        loop.run_until_complete(_ask(app, "/stream"))
        return [weakref.ref(app)]

    expect_nothing_of(drop, caplog)
    loop.close()


@pytest.mark.parametrize("compiles", [("wsgi",), ("asgi",), ("wsgi", "asgi")])
def test_compiled_alone(compiles: tuple[str, ...], caplog: pytest.LogCaptureFixture) -> None:
    def drop() -> list[weakref.ref[Any]]:
        app = served(lives=True)
        for name in compiles:
            app.compile(name)
        return [weakref.ref(app)]

    expect_nothing_of(drop, caplog)


def test_behind_a_wrapper(caplog: pytest.LogCaptureFixture) -> None:
    class Wrapper:
        def __init__(self, app: Any) -> None:
            self.app = app

        def __call__(self, environ: Any, start_response: Any) -> Any:
            return self.app(environ, start_response)

    def drop() -> list[weakref.ref[Any]]:
        app = served(lives=True)
        with Client(Wrapper(app)) as client:
            client.get("/async")
        return [weakref.ref(app), weakref.ref(client)]

    expect_nothing_of(drop, caplog)
