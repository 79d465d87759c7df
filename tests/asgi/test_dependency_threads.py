"""In tests, each change of threads goes to another one: what is bound to a thread is found there, not in production."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Annotated

from hinge import App, Config, Depends
from hinge.testing import Client


def test_plain_steps_that_are_apart_run_in_different_threads() -> None:
    app, threads = App(), []

    def connection() -> Iterator[int]:
        threads.append(threading.get_ident())
        yield 1
        threads.append(threading.get_ident())

    async def between(connection: Annotated[int, Depends(connection)]) -> AsyncIterator[int]:
        yield connection

    def cursor(between: Annotated[int, Depends(between)]) -> int:
        threads.append(threading.get_ident())
        return between

    @app.get("/")
    def handler(cursor: Annotated[int, Depends(cursor)]) -> int:
        threads.append(threading.get_ident())
        return cursor

    with Client(app, "asgi") as client:
        for _ in range(3):
            assert client.get("/").json() == 1
            entered, second, third, left = threads
            assert entered != second == third != left
            threads.clear()


def test_teardown_never_waits_for_the_threads_of_handlers() -> None:
    app, notes = App(config=Config(sync_threads=1)), list[str]()
    begun, blocking, go_on, let_go = (threading.Event() for _ in range(4))

    def connection() -> Iterator[int]:
        yield 1
        notes.append("left")

    @app.get("/")
    async def handler(connection: Annotated[int, Depends(connection)]) -> int:
        begun.set()
        assert await asyncio.to_thread(go_on.wait, 10)
        return connection

    @app.get("/blocking")
    def block() -> str:
        blocking.set()
        assert let_go.wait(10)
        notes.append("let go")
        return "late"

    with Client(app, "asgi") as client:
        threads = [threading.Thread(target=client.get, args=(path,)) for path in ("/", "/blocking")]
        threads[0].start()
        assert begun.wait(10)
        threads[1].start()
        assert blocking.wait(10)  # it has the one thread
        go_on.set()
        threads[0].join(10)
        let_go.set()
        threads[1].join(10)
    assert notes == ["left", "let go"]
