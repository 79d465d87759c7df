"""The end of the lifespan protocol waits for what the server no longer knows of: work after responses."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import pytest
from tests.support.asgi import Lifespan, run, scope

from hinge import App, Config, Request, WebSocket
from hinge.backend.grace import cut_after, hang_up_after, lifespans_by


class Server(Lifespan):
    """A server that has just been told to stop: it has sent all responses, and ends the lifespan."""

    def __init__(self, app: App) -> None:
        super().__init__(app.asgi)
        self._app: Any = app.asgi

    async def start(self) -> None:
        assert await self.ask("startup") == {"type": "lifespan.startup.complete"}

    async def stop(self) -> None:
        assert await self.ask("shutdown") == {"type": "lifespan.shutdown.complete"}
        await self.task

    async def request(self) -> None:
        """Send a request and return when it is answered."""
        answered = asyncio.Event()

        async def send(message: dict[str, Any]) -> None:
            if not message.get("more_body", True):
                answered.set()

        async def native(receive: Any) -> None:  # somebody else's middleware in between
            await self._app(scope(), receive, send)

        self.asked = asyncio.create_task(native(asyncio.Queue().get))
        await answered.wait()


def app_with(notes: list[str], work: Callable[..., Any], **config: Any) -> App:
    app = App(config=Config(**config))

    @app.lifespan
    async def life() -> AsyncIterator[None]:
        yield
        notes.append("stop")

    @app.get("/")
    async def handler(request: Request) -> str:
        request.after_response(work)
        return "x"

    return app


@pytest.mark.parametrize("drained", [True, False])
def test_work_after_a_response_ends_before_the_lifespans(drained: bool) -> None:
    notes: list[str] = []

    async def work() -> None:
        await asyncio.sleep(0.05)
        notes.append("work")

    app = app_with(notes, work)

    async def test() -> None:
        server = Server(app)
        await server.start()
        await server.request()
        if drained:
            app.asgi.drain(8.0)
        await server.stop()
        assert notes == ["work", "stop"]
        await server.asked

    run(test)


def test_a_lifespans_task_that_has_failed_does_not_hurry_the_stop() -> None:
    notes: list[str] = []
    failed = asyncio.Event()

    async def fails() -> None:
        failed.set()
        raise ValueError("in the background")

    async def work() -> None:
        await asyncio.sleep(0.05)
        notes.append("work")

    app = app_with(notes, work)

    @app.lifespan
    async def tasks() -> AsyncIterator[None]:
        async with anyio.create_task_group() as group:
            group.start_soon(fails)
            yield

    async def test() -> None:
        server = Server(app)
        await server.start()
        await failed.wait()
        await asyncio.sleep(0)
        await server.request()
        assert (await server.ask("shutdown"))["type"] == "lifespan.shutdown.failed"
        assert notes == ["work", "stop"]

    run(test)


@pytest.mark.parametrize("drained", [True, False])
def test_what_never_ends_is_cancelled_within_the_bound(drained: bool, caplog: pytest.LogCaptureFixture) -> None:
    notes: list[str] = []

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            notes.append("cancelled")

    app = app_with(notes, endless, graceful_timeout=0.2)

    async def test() -> None:
        server = Server(app)
        await server.start()
        await server.request()
        if drained:
            app.asgi.drain(0.1)
        await server.stop()
        assert notes == ["cancelled", "stop"]
        await server.asked

    run(test)
    (record,) = caplog.records
    assert "endless" in record.getMessage()
    assert record.getMessage().endswith("was cancelled")


def test_what_will_not_be_cancelled_is_named_and_left(caplog: pytest.LogCaptureFixture) -> None:
    notes: list[str] = []

    async def test() -> None:
        release = asyncio.Event()

        async def stubborn() -> None:
            while not release.is_set():
                try:
                    await release.wait()
                except asyncio.CancelledError:
                    notes.append("cancelled")

        app = app_with(notes, stubborn, graceful_timeout=0.2)
        server = Server(app)
        await server.start()
        await server.request()
        app.asgi.drain(0.1)
        await server.stop()
        assert notes == ["cancelled", "stop"]
        release.set()
        await server.asked

    run(test)
    (record,) = caplog.records
    assert record.getMessage().startswith("a request did not end: GET '/': handler ")


def test_a_request_that_the_server_has_cancelled_may_clean_up() -> None:
    notes: list[str] = []

    async def cleaning() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.02)
            notes.append("clean")

    app = app_with(notes, cleaning)

    async def test() -> None:
        server = Server(app)
        await server.start()
        await server.request()
        await asyncio.sleep(0)
        server.asked.cancel()
        await server.stop()
        assert notes == ["clean", "stop"]

    run(test)


@pytest.mark.parametrize("drained", [True, False])
def test_a_websocket_that_does_not_end_is_named_and_left(drained: bool, caplog: pytest.LogCaptureFixture) -> None:
    notes: list[str] = []

    async def test() -> None:
        release = asyncio.Event()
        app = app_with(notes, release.set, graceful_timeout=0.3)

        @app.websocket("/live")
        async def stubborn(ws: WebSocket) -> None:
            await ws.accept()
            while not release.is_set():
                try:
                    await release.wait()
                except asyncio.CancelledError:
                    notes.append("cancelled")

        server = Server(app)
        await server.start()
        accepted = asyncio.Event()
        inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        inbox.put_nowait({"type": "websocket.connect"})

        async def send(message: dict[str, Any]) -> None:
            accepted.set()

        task = asyncio.create_task(app.asgi(scope("/live", "websocket"), inbox.get, send))
        await accepted.wait()
        if drained:
            app.asgi.drain(0.1)
        await server.stop()
        assert notes[-1] == "stop"
        release.set()
        await task

    run(test)
    assert len([line for line in caplog.messages if "'/live': handler" in line and "left behind" in line]) == 1


@pytest.mark.parametrize(
    ("grace", "cut", "hang_up", "lifespans"), [(3, 1.5, 1.75, 2), (10, 31 / 6, 71 / 12, 20 / 3), (30, 23.5, 24.25, 25)]
)
def test_the_lifespans_have_their_share(grace: float, cut: float, hang_up: float, lifespans: float) -> None:
    assert cut_after(grace) == pytest.approx(cut)
    assert hang_up_after(grace) == pytest.approx(hang_up)
    assert lifespans_by(grace) == pytest.approx(lifespans)
