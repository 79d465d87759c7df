"""A worker whose time is over: what still runs is cancelled, or left behind and named, and somebody hears of it."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from hinge import App, AsyncMiddleware, Request, Response
from hinge.conformance.layers import LAYERS, ONE_AT_MOST
from hinge.testing import Client, ClientResponse

pytestmark = pytest.mark.clause("drain.cut")

PATIENCE = 10


class Call(threading.Thread):
    """A client that asks and waits for the answer."""

    def __init__(self, client: Client, path: str) -> None:
        super().__init__(daemon=True)
        self._client = client
        self._path = path
        self._answer: ClientResponse | None = None
        self.start()

    def run(self) -> None:
        self._answer = self._client.get(self._path)

    def answer(self) -> ClientResponse:
        self.join(PATIENCE)
        assert self._answer is not None, "no answer"
        return self._answer


def asked_and_drained(client: Client, entered: threading.Event, seconds: float = 0.0) -> Call:
    """Ask, wait until the handler has begun, and tell the worker that its time is over."""
    call = Call(client, "/")
    assert entered.wait(PATIENCE)
    client.application.drain(seconds)
    return call


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        threading.Event().wait(0.001)


@contextmanager
def set_at_end(event: threading.Event) -> Iterator[None]:
    """Let go what waits, whatever the test finds: a thread that waits for ever would outlive it."""
    try:
        yield
    finally:
        event.set()


@pytest.fixture(params=ONE_AT_MOST)
def app(request: pytest.FixtureRequest) -> App:
    return App(middleware=LAYERS[request.param])


def test_a_coroutine_is_cancelled_when_streams_are_cut(
    client_for: Callable[..., Client], app: App, caplog: pytest.LogCaptureFixture
) -> None:
    entered = threading.Event()
    notes: list[str] = []

    @app.get("/")
    async def long_polling() -> None:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)  # cleaning up is not cancelled again
            notes.append("cleaned up")

    client = client_for(app)
    call = Call(client, "/")
    assert entered.wait(PATIENCE)
    client.application.drain(0.05)
    client.application.drain(0.05)
    answer = call.answer()
    assert (answer.status_code, answer.json()["detail"]) == (503, "The server is stopping.")
    assert ("x-layer" in answer.headers) is bool(app.freeze(client.backend).not_found.otherwise.layers)
    assert notes == ["cleaned up"]
    (line,) = messages(caplog)
    assert "long_polling (" in line
    assert line.endswith("is cancelled")


def test_a_middleware_that_waits_is_cancelled(client_for: Callable[..., Client]) -> None:
    entered = threading.Event()

    async def waits() -> AsyncMiddleware:
        entered.set()
        await asyncio.Event().wait()
        yield

    app = App(middleware=[waits])
    app.get("/")(lambda: "never")
    call = asked_and_drained(client_for(app), entered)
    assert call.answer().status_code == 503


def test_a_coroutine_that_answers_all_the_same_is_heard(client_for: Callable[..., Client], app: App) -> None:
    entered = threading.Event()

    @app.get("/")
    async def handler() -> str:
        entered.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "nothing new"
        return "never"

    call = asked_and_drained(client_for(app), entered)
    assert (call.answer().status_code, call.answer().text) == (200, "nothing new")


def test_a_plain_handler_is_named_and_left(
    client_for: Callable[..., Client], app: App, caplog: pytest.LogCaptureFixture
) -> None:
    entered, release = threading.Event(), threading.Event()

    @app.get("/")
    def blocks() -> str:
        entered.set()
        assert release.wait(PATIENCE)
        return "done"

    client = client_for(app)
    call = Call(client, "/")
    with set_at_end(release):
        assert entered.wait(PATIENCE)
        client.application.drain(0.0)
        until(lambda: bool(caplog.records))
        (line,) = messages(caplog)
        assert "blocks (" in line
        assert line.endswith("is left running in its thread")
    assert call.answer().status_code in (200, 503)  # 503 where the thread is not the one that answers


def test_what_ends_in_time_is_not_touched(
    client_for: Callable[..., Client], app: App, caplog: pytest.LogCaptureFixture
) -> None:
    entered = threading.Event()

    @app.get("/")
    async def handler(request: Request) -> str:
        entered.set()
        await asyncio.sleep(0.05)
        request.after_response(asyncio.sleep, 0.05)
        return "done"

    call = asked_and_drained(client_for(app), entered, 3600.0)
    assert call.answer().text == "done"
    assert messages(caplog) == []


def test_work_after_the_response_is_cancelled_and_named(
    client_for: Callable[..., Client], app: App, coloured: Any, caplog: pytest.LogCaptureFixture
) -> None:
    entered = threading.Event()
    notes: list[str] = []

    async def endless_work() -> None:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            notes.append("ended")

    def second_work() -> None:
        notes.append("second")

    @app.get("/")
    @coloured
    def handler(request: Request) -> Response:
        request.after_response(endless_work)
        request.after_response(second_work)
        return Response("done")

    call = asked_and_drained(client_for(app), entered)
    assert call.answer().text == "done"
    assert notes == ["ended"]
    first, second = messages(caplog)
    assert "endless_work" in first
    assert first.endswith("was cancelled")
    assert "second_work" in second
    assert second.endswith("was not begun")
    assert {record.levelno for record in caplog.records} == {logging.WARNING}
