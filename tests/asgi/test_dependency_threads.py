"""In tests, each change of threads goes to another one: what is bound to a thread is found there, not in production."""

import threading
from collections.abc import AsyncIterator, Iterator
from typing import Annotated

from hinge import App, Depends
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
