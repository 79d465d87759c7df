"""The worker threads' limits: as many as configured, and one kind never waits for another."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from hinge import App, BodyStream, Config, Request
from hinge.conformance.layers import layer
from hinge.testing import Client

PATIENCE = 10


def test_plain_handlers_run_as_many_at_a_time_as_sync_threads() -> None:
    app = App(config=Config(sync_threads=3))
    entered, release = threading.Semaphore(0), threading.Event()
    running: list[int] = []
    most: list[int] = []

    @app.get("/")
    def handler() -> None:
        running.append(1)
        most.append(len(running))
        entered.release()
        assert release.wait(PATIENCE)
        running.pop()

    with Client(app, "asgi") as client:
        threads = [threading.Thread(target=client.get, args=("/",)) for _ in range(7)]
        for thread in threads:
            thread.start()
        for _ in range(3):
            assert entered.acquire(timeout=PATIENCE)
        release.set()
        for thread in threads:
            thread.join(PATIENCE)
    assert len(most) == 7
    assert max(most) == 3


def test_waiting_handlers_keep_neither_streams_nor_teardown_nor_later_work_from_threads() -> None:
    app = App(config=Config(sync_threads=1, stream_threads=1))
    entered, release = threading.Event(), threading.Event()
    done: list[str] = []

    @app.get("/blocked")
    def blocked() -> None:
        entered.set()
        assert release.wait(PATIENCE)

    @app.get("/stream", inline=True)
    def stream(request: Request) -> Iterator[str]:
        request.after_response(done.append, "after")
        try:
            yield "a"
            yield "b"
        finally:
            done.append("closed")

    with Client(app, "asgi") as client:
        thread = threading.Thread(target=client.get, args=("/blocked",))
        thread.start()
        assert entered.wait(PATIENCE)
        with client.stream("GET", "/stream") as response:
            assert next(response.iter_bytes()) == b"a"
        assert done == ["closed", "after"]
        assert client.get("/stream").text == "ab"
        release.set()
        thread.join(PATIENCE)


@pytest.mark.parametrize("layers", [[], [layer]], ids=["bare", "layer"])
def test_four_hundred_streams_at_once_share_a_pool_of_eight(layers: list[Any]) -> None:
    """More than there are threads, and most of them wait in their first step for what a few others hold."""
    pool = threading.Semaphore(8)
    app = App()

    @app.get("/", middleware=layers)
    def export() -> Iterator[str]:
        assert pool.acquire(timeout=PATIENCE)
        try:
            yield from "abc"
        finally:
            pool.release()

    answers: list[str] = []
    with Client(app, "asgi") as client:
        clients = [threading.Thread(target=lambda: answers.append(client.get("/").text)) for _ in range(400)]
        for one in clients:
            one.start()
        for one in clients:
            one.join(2 * PATIENCE)
    assert answers == ["abc"] * 400


@pytest.mark.parametrize("layers", [[], [layer]], ids=["bare", "layer"])
@pytest.mark.parametrize("path", ["/def", "/generator"])
def test_slow_uploads_keep_nobody_else_from_threads(path: str, layers: list[Any]) -> None:
    app = App(config=Config(sync_threads=1, stream_threads=1))
    reading, release = threading.Event(), threading.Event()

    @app.post("/def", middleware=layers)
    def upload(body: BodyStream) -> str:
        return b"".join(body).decode()

    @app.post("/generator", middleware=layers)
    def echo(body: BodyStream) -> Iterator[bytes]:
        yield from body

    @app.get("/")
    def handler() -> str:
        return "here"

    @app.get("/stream")
    def stream() -> Iterator[str]:
        yield from "ab"

    def pieces() -> Iterator[bytes]:
        yield b"one "
        reading.set()
        assert release.wait(PATIENCE)
        yield b"two"

    answers: list[str] = []
    with Client(app, "asgi") as client:
        slow = threading.Thread(target=lambda: answers.append(client.post(path, content=pieces()).text))
        slow.start()
        try:
            assert reading.wait(PATIENCE)
            assert client.get("/").text == "here"
            assert client.get("/stream").text == "ab"
        finally:
            release.set()
            slow.join(PATIENCE)
    assert answers == ["one two"]


def test_the_threads_of_a_loop_that_is_gone_do_not_count() -> None:
    """A client that gave up leaves a handler behind in its thread; the next one has all its threads."""
    app = App(config=Config(sync_threads=1))
    entered, release = threading.Event(), threading.Event()

    @app.get("/blocked")
    def blocked() -> None:
        entered.set()
        release.wait(PATIENCE)

    @app.get("/")
    def handler() -> str:
        return "here"

    first = Client(app, "asgi", timeout=0.2)
    first.__enter__()
    with contextlib.suppress(TimeoutError):
        first.get("/blocked")
    assert entered.is_set()
    with contextlib.suppress(TimeoutError):
        first.__exit__()
    with Client(app, "asgi", timeout=5) as client:
        assert client.get("/").text == "here"
    release.set()
