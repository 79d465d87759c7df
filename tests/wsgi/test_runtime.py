"""A worker process under servers that know no lifespan: started once, whoever comes first, and stopped once.

Nothing is inherited through a fork.
"""

import asyncio
import gc
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anyio
import anyio.to_thread
import pytest
from tests.support.wsgi import ask, environ

from hinge import App, AsyncMiddleware, HTTPError, State
from hinge.observability import AccessLog
from hinge.testing import Client

PATIENCE = 10


def call(application: Any, path: str = "/") -> tuple[str, bytes]:
    status, _, body = ask(application, path)
    return status, body


def at_once(count: int, work: Callable[[], Any]) -> list[Any]:
    """Run work in that many threads at the same moment and return what each returned."""
    together = threading.Barrier(count)
    results: list[Any] = []

    def run() -> None:
        together.wait(PATIENCE)
        results.append(work())

    threads = [threading.Thread(target=run, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    return results


@pytest.mark.parametrize("colour", ["def", "async def"])
def test_fifty_first_requests_start_the_lifespan_once(colour: str) -> None:
    app = App()
    starts: list[int] = []

    def plain() -> Iterator[dict[str, int]]:
        starts.append(1)
        time.sleep(0.05)
        yield {"n": len(starts)}

    async def coroutine() -> AsyncIterator[dict[str, int]]:
        starts.append(1)
        await asyncio.sleep(0.05)
        yield {"n": len(starts)}

    app.lifespan(plain if colour == "def" else coroutine)

    @app.get("/")
    def handler(state: State) -> int:
        return int(state.n)

    try:
        assert at_once(50, lambda: call(app.wsgi)) == [("200 OK", b"1")] * 50
        assert starts == [1]
    finally:
        app.wsgi.stop()


def test_fifty_first_requests_start_one_loop() -> None:
    app = App()

    @app.get("/")
    async def handler() -> str:
        return threading.current_thread().name + str(threading.get_ident())

    try:
        assert len(set(at_once(50, lambda: call(app.wsgi)))) == 1
        assert sum(thread.name == "hinge-loop" for thread in threading.enumerate()) == 1
    finally:
        app.wsgi.stop()
    assert sum(thread.name == "hinge-loop" for thread in threading.enumerate()) == 0


def test_a_start_that_fails_refuses_everything_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    app = App()
    starts: list[int] = []

    @app.lifespan
    async def fails() -> AsyncIterator[None]:
        starts.append(1)
        raise ValueError("no database")
        yield

    @app.get("/")
    async def handler() -> str:
        return "never"

    try:
        for _ in range(3):
            answers = at_once(10, lambda: call(app.wsgi))
            assert {status for status, _ in answers} == {"503 Service Unavailable"}
        assert call(app.wsgi, "/nowhere")[0] == "503 Service Unavailable"
        assert starts == [1]
        assert len([record for record in caplog.records if "failed to start" in record.getMessage()]) == 1
        depth = _depth(app.wsgi.runtime.failure)
        for _ in range(20):
            call(app.wsgi)
        assert _depth(app.wsgi.runtime.failure) <= depth
    finally:
        app.wsgi.stop()


def _depth(error: BaseException) -> int:
    depth, frame = 0, error.__traceback__
    while frame is not None:
        depth, frame = depth + 1, frame.tb_next
    return depth


def test_starting_and_stopping_may_be_said_again() -> None:
    app = App()
    notes: list[str] = []

    @app.lifespan
    def life() -> Iterator[None]:
        notes.append("start")
        yield
        notes.append("stop")

    app.get("/")(lambda: "x")
    for _ in range(2):
        app.wsgi.start()
        app.wsgi.start()
        assert call(app.wsgi) == ("200 OK", b"x")
        app.wsgi.stop()
        app.wsgi.stop()
    assert notes == ["start", "stop"] * 2


def test_fifty_stops_stop_once() -> None:
    app = App()
    stops: list[int] = []

    @app.lifespan
    async def life() -> AsyncIterator[None]:
        yield
        stops.append(1)

    app.get("/")(lambda: "x")
    app.wsgi.start()
    at_once(50, app.wsgi.stop)
    assert stops == [1]


@pytest.mark.parametrize("is_observed", [False, True])
def test_an_application_that_nobody_has_any_more_takes_its_thread_along(is_observed: bool) -> None:
    def make() -> tuple[threading.Thread, weakref.ref[Any]]:
        app = App()
        if is_observed:  # the thread is begun in the context of a request, and keeps that
            app.observe(AccessLog())

        @app.get("/")
        async def handler() -> str:
            return "x"

        assert call(app.wsgi) == ("200 OK", b"x")
        return app.wsgi.runtime.portal._thread, weakref.ref(app)

    thread, app = make()
    gc.collect()
    assert app() is None
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_a_request_that_is_closed_in_another_thread_is_closed() -> None:
    """Some servers close a response where they notice that the client has left."""
    app = App()
    closed: list[str] = []

    @app.get("/def")
    def plain() -> Iterator[str]:
        try:
            yield "a"
            yield "b"
        finally:
            closed.append("def")

    @app.get("/async")
    async def coroutine() -> AsyncIterator[str]:
        try:
            yield "a"
            yield "b"
        finally:
            closed.append("async")

    try:
        for path in ("/def", "/async"):
            result = app.wsgi(environ(path), lambda *answer: None)
            assert next(iter(result)) == b"a"
            thread = threading.Thread(target=result.close)
            thread.start()
            thread.join(PATIENCE)
            result.close()
        assert closed == ["def", "async"]
        assert app.wsgi.runtime.streams == set()
    finally:
        app.wsgi.stop()


def test_a_start_response_that_fails_leaves_no_stream_open() -> None:
    app = App()
    closed: list[str] = []

    @app.get("/")
    async def coroutine() -> AsyncIterator[str]:
        try:
            yield "a"
        finally:
            closed.append("closed")

    def refuse(*answer: Any) -> None:
        raise ValueError("a header that this server does not like")

    try:
        with pytest.raises(ValueError, match="does not like"):
            app.wsgi(environ(), refuse)
        assert app.wsgi.runtime.streams == set()
        assert set(closed) == {"closed"}
    finally:
        app.wsgi.stop()


def test_nothing_is_made_before_it_is_needed() -> None:
    before = set(threading.enumerate())
    app = App()
    app.get("/")(lambda: "x")

    @app.get("/fails")
    def fails() -> None:
        raise HTTPError(404)

    assert call(app.wsgi) == ("200 OK", b"x")
    assert call(app.wsgi, "/fails")[0] == "404 Not Found"
    assert set(threading.enumerate()) == before
    app.wsgi.stop()


def test_requests_leave_neither_tasks_nor_threads_nor_waiters(caplog: pytest.LogCaptureFixture) -> None:
    async def layer() -> AsyncMiddleware:
        async with anyio.create_task_group():
            yield

    app = App(middleware=[layer])

    @app.get("/async")
    async def coroutine() -> str:
        await asyncio.sleep(0)
        return await anyio.to_thread.run_sync(str, 3)

    @app.get("/def")
    def plain() -> str:
        return "x"

    @app.get("/fails")
    async def fails() -> str:
        raise HTTPError(404)

    @app.get("/stream")
    async def stream() -> AsyncIterator[str]:
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep_forever)
            yield "a"
            yield "b"
            group.cancel_scope.cancel()

    def left() -> None:
        result = app.wsgi(environ("/stream"), lambda *answer: None)
        next(iter(result))
        result.close()

    try:
        for number in range(4):
            for path in ("/async", "/def", "/fails", "/stream", "/nowhere"):
                call(app.wsgi, path)
            left()
            portal = app.wsgi.runtime.portal
            assert asyncio.all_tasks(portal.loop) == {portal._root}
            assert portal.waiting == app.wsgi.runtime.streams == set()
            if number == 0:
                threads = threading.active_count()
        assert threading.active_count() == threads
    finally:
        app.wsgi.stop()
    assert caplog.records == []


# -- processes ---------------------------------------------------------------------------------------------------------

PROGRAM = """
import io, os, sys, threading
from hinge import App

app = App()


@app.lifespan
async def life():
    say("start")
    yield {"pid": os.getpid()}
    say("stop")


@app.get("/")
async def handler(request: Request) -> str:
    return f"{request.state.pid == os.getpid()} {threading.current_thread().name}"


def say(word):
    os.write(1, f"{os.environ.get('WHO', 'parent')} {word}\\n".encode())


def call():
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO()}
    statuses = []
    body = b"".join(app.wsgi(environ, lambda status, headers: statuses.append(status)))
    say(f"{statuses[0]} {body.decode()}")

""".replace("from hinge import App", "from hinge import App, Request")


def lines(ending: str) -> list[str]:
    """Run the program and return what it said; it must not say anything on stderr."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM + textwrap.dedent(ending)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout.splitlines()


def test_a_lifespan_stops_when_the_process_ends() -> None:
    assert lines("call()") == ["parent start", "parent 200 OK True hinge-loop", "parent stop"]


def test_a_stop_that_was_said_is_not_repeated_at_the_end() -> None:
    assert lines("app.wsgi.start(); call(); app.wsgi.stop()") == [
        "parent start",
        "parent 200 OK True hinge-loop",
        "parent stop",
    ]


def test_a_request_while_the_process_ends_starts_nothing_again() -> None:
    """atexit runs what was registered last first: this one comes after the lifespans have stopped."""
    said = lines(
        """
        import atexit
        atexit.register(call)
        call()
        """
    )
    assert said[:3] == ["parent start", "parent 200 OK True hinge-loop", "parent stop"]
    assert said[3].startswith("parent 503 ")
    assert len(said) == 4


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_forked_worker_has_a_life_of_its_own(when: str) -> None:
    """`after` the parent has served, so that there is something that must not be inherited."""
    said = lines(
        f"""
        if {when!r} == "after":
            call()
        child = os.fork()
        if child == 0:
            os.environ["WHO"] = "child"
            call()
            call()
            sys.exit(0)
        os.waitpid(child, 0)
        call()
        """
    )
    child = [line for line in said if line.startswith("child")]
    parent = [line for line in said if line.startswith("parent")]
    served = "200 OK True hinge-loop"
    assert child == ["child start", f"child {served}", f"child {served}", "child stop"]
    calls = 2 if when == "after" else 1
    assert parent == ["parent start"] + [f"parent {served}"] * calls + ["parent stop"]


def test_a_fork_while_everything_is_busy_hangs_nobody() -> None:
    said = lines(
        """
        call()
        stop = threading.Event()

        def busy():
            environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO()}
            while not stop.is_set():
                list(app.wsgi(environ, lambda status, headers: None))

        threads = [threading.Thread(target=busy) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(5):
            child = os.fork()
            if child == 0:
                os.environ["WHO"] = "child"
                call()
                sys.stdout.flush()
                app.wsgi.stop()
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        stop.set()
        for thread in threads:
            thread.join()
        """
    )
    child = [line for line in said if line.startswith("child")]
    assert child == ["child start", "child 200 OK True hinge-loop", "child stop"] * 5


def test_a_multiprocessing_worker_stops_its_lifespan() -> None:
    said = lines(
        """
        import multiprocessing

        def work():
            os.environ["WHO"] = "child"
            call()

        call()
        process = multiprocessing.get_context("fork").Process(target=work)
        process.start()
        process.join()
        assert process.exitcode == 0
        """
    )
    child = [line for line in said if line.startswith("child")]
    assert child == ["child start", "child 200 OK True hinge-loop", "child stop"]
    assert said[-1] == "parent stop"


def test_work_after_a_stream_is_done_before_the_stop() -> None:
    app = App()
    done: list[str] = []
    release = threading.Event()

    from hinge import Request

    @app.get("/")
    def stream(request: Request) -> Iterator[str]:
        def later() -> None:
            release.wait(PATIENCE)
            done.append("after")

        request.after_response(later)
        yield "a"

    @app.lifespan
    def life() -> Iterator[None]:
        yield
        done.append("stop")

    assert call(app.wsgi) == ("200 OK", b"a")
    assert done == []
    threading.Timer(0.05, release.set).start()
    app.wsgi.stop()
    assert done == ["after", "stop"]


def test_the_client_starts_what_a_raw_call_left_running() -> None:
    app = App()
    starts: list[int] = []

    @app.lifespan
    def life() -> Iterator[None]:
        starts.append(1)
        yield

    app.get("/")(lambda: "x")
    call(app.wsgi)
    with Client(app, "wsgi") as client:
        assert client.get("/").text == "x"
    assert starts == [1]
