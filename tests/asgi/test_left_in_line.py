"""Requests whose clients have left while they waited for a worker thread: nobody runs their handlers."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from hinge import App, Config, Middleware, Request, StreamingResponse
from hinge.backend.installed import installed_backends

PATIENCE = 20
MANY = 500
Ask = Callable[[str, asyncio.Event], Awaitable[int]]


class Headers(dict[str, str]):
    """No headers, as Granian's RSGI has them."""

    def get_all(self, name: str) -> list[str]:
        return []


def over_asgi(app: App) -> Ask:
    async def ask(path: str, left: asyncio.Event) -> int:
        statuses: list[int] = []
        come = iter([{"type": "http.request", "body": b"", "more_body": False}])

        async def receive() -> dict[str, Any]:
            for message in come:
                return message
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            if "status" in message:
                statuses.append(message["status"])

        scope = {"type": "http", "http_version": "1.1", "method": "GET", "path": path, "query_string": b""}
        await app.asgi(scope | {"headers": []}, receive, send)
        return statuses[0]

    return ask


def over_rsgi(app: App) -> Ask:
    application: Any = app.compile("rsgi")

    async def ask(path: str, left: asyncio.Event) -> int:
        statuses: list[int] = []
        proto = SimpleNamespace(
            client_disconnect=left.wait, response_bytes=lambda status, headers, body: statuses.append(status)
        )
        scope = SimpleNamespace(proto="http", method="GET", path=path, query_string="", http_version="1.1", client="")
        scope.headers = Headers()
        await application(scope, proto)
        return statuses[0]

    return ask


def app_with_one_thread() -> tuple[App, threading.Event, list[str]]:
    app, door, ran = App(config=Config(sync_threads=1)), threading.Event(), list[str]()

    @app.get("/hold")
    def hold() -> str:
        door.wait(PATIENCE)
        return "held"

    @app.get("/plain")
    def plain() -> None:
        ran.append("plain")

    @app.get("/request")
    def request(request: Request) -> None:
        ran.append(request.path)

    seen: list[str] = []

    def watching() -> Middleware:
        try:
            yield
        except Exception as error:
            seen.append(type(error).__name__)
            raise

    @app.get("/layered", middleware=[watching])
    def layered() -> None:
        ran.append("layered")

    app.seen = seen  # type: ignore[attr-defined]
    return app, door, ran


BACKENDS = [over_asgi] + [over_rsgi] * ("rsgi" in installed_backends())


@pytest.mark.parametrize("over", BACKENDS)
@pytest.mark.parametrize("path", ["/plain", "/request", "/layered"])
def test_they_are_skipped_and_told_once(
    over: Callable[[App], Ask], path: str, caplog: pytest.LogCaptureFixture
) -> None:
    app, door, ran = app_with_one_thread()
    ask = over(app)

    async def main() -> None:
        stays, leaves = asyncio.Event(), asyncio.Event()
        held = asyncio.create_task(ask("/hold", stays))
        await asyncio.sleep(0)
        abandoned = [asyncio.create_task(ask(path, leaves)) for _ in range(MANY)]
        last = asyncio.create_task(ask(path, stays))
        await asyncio.sleep(0)
        leaves.set()
        assert set(await asyncio.wait_for(asyncio.gather(*abandoned), PATIENCE)) == {400}
        door.set()
        assert await asyncio.wait_for(held, PATIENCE) == 200
        assert await asyncio.wait_for(last, PATIENCE) == 204
        for _ in range(PATIENCE * 100):
            if caplog.records:
                break
            await asyncio.sleep(0.01)

    with caplog.at_level(logging.WARNING, "hinge"):
        asyncio.run(main())
    assert len(ran) == 1
    assert [record.getMessage() for record in caplog.records] == [
        f"{MANY} requests were not handled: their clients left while they waited for one of 1 threads"
    ]
    assert app.seen == ["ClientDisconnect"] * MANY * (path == "/layered")  # type: ignore[attr-defined]


@pytest.mark.parametrize("over", BACKENDS)
def test_one_that_has_begun_runs_to_its_end(over: Callable[[App], Ask], caplog: pytest.LogCaptureFixture) -> None:
    app, door, ran = app_with_one_thread()
    begun, go = threading.Event(), threading.Event()

    @app.get("/slow")
    def slow() -> str:
        begun.set()
        go.wait(PATIENCE)
        ran.append("slow")
        return "slow"

    ask = over(app)

    async def main() -> None:
        held = asyncio.create_task(ask("/hold", asyncio.Event()))
        await asyncio.sleep(0)
        left = asyncio.Event()
        asked = asyncio.create_task(ask("/slow", left))
        await asyncio.sleep(0.25)  # long enough to be watched
        door.set()
        await held
        assert await asyncio.to_thread(begun.wait, PATIENCE)
        left.set()
        await asyncio.sleep(0.05)
        assert not asked.done()
        go.set()
        assert await asyncio.wait_for(asked, PATIENCE) == 200

    asyncio.run(main())
    assert ran == ["slow"]
    assert caplog.records == []


def test_one_that_waited_calls_receive_once_at_a_time() -> None:
    """What watched the line has let go of the connection before a stream's own watch takes it."""
    app, door, _ = app_with_one_thread()
    watched: list[int] = []

    @app.get("/stream")
    def stream() -> StreamingResponse:
        return StreamingResponse(iter(["one", "two"]))

    async def main() -> None:
        calling = 0

        async def receive() -> dict[str, Any]:
            nonlocal calling
            calling += 1
            watched.append(calling)
            try:
                return await asyncio.Event().wait() or {}
            finally:
                await asyncio.sleep(0)  # as a server's own does not end at once
                calling -= 1

        async def send(message: dict[str, Any]) -> None:
            await asyncio.sleep(0)

        held = asyncio.create_task(over_asgi(app)("/hold", asyncio.Event()))
        await asyncio.sleep(0)
        scope = {"type": "http", "http_version": "1.1", "method": "GET", "path": "/stream", "query_string": b""}
        streamed = asyncio.create_task(app.asgi(scope | {"headers": []}, receive, send))
        await asyncio.sleep(0.25)
        assert watched == [1]
        door.set()
        await held
        await asyncio.wait_for(streamed, PATIENCE)

    asyncio.run(main())
    assert set(watched) == {1}
    assert len(watched) == 2
