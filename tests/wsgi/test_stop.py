"""A stop waits for what the server no longer knows of, work after responses, and for no longer than it may."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from tests.support.waiting import until
from tests.support.wsgi import ask, environ

from hinge import App, Config, Request

PATIENCE = 10


def app_with(notes: list[str], work: Callable[..., Any], **config: Any) -> App:
    app = App(config=Config(**config))

    @app.lifespan
    def life() -> Iterator[None]:
        yield
        notes.append("stop")

    @app.get("/")
    def handler(request: Request) -> str:
        request.after_response(work)
        return "x"

    @app.get("/stream")
    def stream(request: Request) -> Iterator[str]:
        request.after_response(work)
        yield "x"

    return app


def respond(app: App, path: str, version: str) -> Any:
    """Have a request answered up to, and without, the close of its response."""
    result = app.wsgi(environ(path, SERVER_PROTOCOL=version), lambda status, headers: None)
    assert list(result) == [b"x"]
    return result


def in_thread(work: Callable[[], Any]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


WAYS = [("/", "HTTP/1.1"), ("/", "HTTP/2"), ("/stream", "HTTP/1.1"), ("/stream", "HTTP/2")]


@pytest.mark.parametrize(("path", "version"), WAYS)
@pytest.mark.parametrize("drained", [True, False])
def test_work_after_a_response_ends_before_the_lifespans(path: str, version: str, drained: bool) -> None:
    notes: list[str] = []
    entered, release = threading.Event(), threading.Event()

    def work() -> None:
        entered.set()
        release.wait(PATIENCE)
        notes.append("work")

    app = app_with(notes, work)
    app.wsgi.start()
    closing = in_thread(respond(app, path, version).close)
    assert entered.wait(PATIENCE)
    if drained:
        app.wsgi.drain(8.0)
    stopping = in_thread(app.wsgi.stop)
    stopping.join(0.1)
    assert stopping.is_alive()
    release.set()
    for thread in (closing, stopping):
        thread.join(PATIENCE)
    assert notes == ["work", "stop"]


@pytest.mark.parametrize(("path", "version"), [("/", "HTTP/1.1"), ("/", "HTTP/2")])
def test_work_that_waits_for_its_response_is_waited_for(path: str, version: str) -> None:
    """The server has not yet closed the response when the stop comes."""
    notes: list[str] = []
    app = app_with(notes, lambda: notes.append("work"))
    app.wsgi.start()
    response = respond(app, path, version)
    stopping = in_thread(app.wsgi.stop)
    stopping.join(0.1)
    assert stopping.is_alive()
    response.close()
    stopping.join(PATIENCE)
    assert notes == ["work", "stop"]


@pytest.mark.parametrize(("path", "version"), WAYS)
@pytest.mark.parametrize("drained", [True, False])
def test_a_coroutine_that_never_ends_is_cancelled_within_the_bound(
    path: str, version: str, drained: bool, caplog: pytest.LogCaptureFixture
) -> None:
    notes: list[str] = []
    entered = threading.Event()

    async def endless() -> None:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            notes.append("cancelled")

    app = app_with(notes, endless, graceful_timeout=0.2)
    app.wsgi.start()
    closing = in_thread(respond(app, path, version).close)
    assert entered.wait(PATIENCE)
    if drained:
        app.wsgi.drain(0.1)
    app.wsgi.stop()
    closing.join(PATIENCE)
    assert notes == ["cancelled", "stop"]
    (record,) = caplog.records
    assert "endless" in record.getMessage()
    assert record.getMessage().endswith("was cancelled")


@pytest.mark.parametrize(("path", "version"), WAYS)
def test_a_plain_function_that_never_ends_is_named_and_left(
    path: str, version: str, caplog: pytest.LogCaptureFixture
) -> None:
    notes: list[str] = []
    entered, release = threading.Event(), threading.Event()

    def blocks() -> None:
        entered.set()
        release.wait(PATIENCE)

    app = app_with(notes, blocks, graceful_timeout=0.2)
    app.wsgi.start()
    closing = in_thread(respond(app, path, version).close)
    try:
        assert entered.wait(PATIENCE)
        app.wsgi.drain(0.1)
        app.wsgi.stop()
        assert notes == ["stop"]
        app.wsgi.stop()  # it is given up once
    finally:
        release.set()
    closing.join(PATIENCE)
    (record,) = caplog.records
    assert "blocks" in record.getMessage()
    assert record.getMessage().endswith("is left running in its thread")


def test_a_response_that_cannot_be_sent_leaves_nothing_to_wait_for() -> None:
    notes: list[str] = []
    app = app_with(notes, lambda: None)

    def refuse(*answer: Any) -> None:
        raise ValueError("a header that this server does not like")

    for path in ("/", "/stream"):
        with pytest.raises(ValueError, match="does not like"):
            app.wsgi(environ(path), refuse)
    app.wsgi.start()
    stopping = in_thread(app.wsgi.stop)
    stopping.join(5)  # the bound is 10
    assert not stopping.is_alive()


def test_a_stop_ends_a_start_that_hangs() -> None:
    notes: list[str] = []
    entered = threading.Event()
    app = App()

    @app.lifespan
    def first() -> Iterator[None]:
        yield
        notes.append("first stopped")

    @app.lifespan
    async def hangs() -> AsyncIterator[None]:
        entered.set()
        await asyncio.Event().wait()
        yield

    app.get("/")(lambda: "x")
    statuses: list[str] = []

    def request() -> None:
        statuses.append(ask(app.wsgi).status)

    def waiting() -> int:
        return sum(flight.waits_for.__class__ is threading.Condition for flight in runtime.in_flight.threads(runtime))

    runtime = app.wsgi.runtime
    requests = [in_thread(request) for _ in range(3)]
    assert entered.wait(PATIENCE)
    until(lambda: waiting() == 3, "all wait for the start")
    app.wsgi.stop()
    for thread in requests:
        thread.join(PATIENCE)
    assert notes == ["first stopped"]
    assert [status[:3] for status in statuses] == ["503"] * 3


def test_work_is_done_although_the_system_has_no_more_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing of it is left to wait for, nor is its place among the threads lost."""
    notes: list[str] = []
    app = app_with(notes, lambda: notes.append("work"), threads=1)
    app.wsgi.start()

    class Refused(threading.Thread):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading, "Thread", Refused)
        for _ in range(2):
            respond(app, "/", "HTTP/2").close()
    assert notes == ["work", "work"]
    respond(app, "/", "HTTP/2").close()
    stopping = in_thread(app.wsgi.stop)
    stopping.join(5)  # the bound is 10
    assert not stopping.is_alive()
    assert notes == ["work", "work", "work", "stop"]
