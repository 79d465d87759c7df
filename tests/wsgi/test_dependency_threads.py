"""Plain providers run in the server's thread under WSGI, whatever stands between them."""

import threading
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import pytest
from tests.support.wsgi import ask

from hinge import App, Depends

Threads = list[int]


@pytest.mark.parametrize("handler", ["def", "async def"])
@pytest.mark.parametrize("between", [False, True])
def test_plain_ones_run_in_the_server_s_thread(handler: str, between: bool) -> None:
    threads: Threads = []

    def connection() -> Iterator[int]:
        threads.append(threading.get_ident())
        yield 1
        threads.append(threading.get_ident())

    async def awaited(connection: Annotated[int, Depends(connection)]) -> AsyncIterator[int]:
        yield connection

    def cursor(value: Annotated[int, Depends(awaited if between else connection)]) -> int:
        threads.append(threading.get_ident())
        return value

    def plain(cursor: Annotated[int, Depends(cursor)]) -> int:
        threads.append(threading.get_ident())
        return cursor

    async def coroutine(cursor: Annotated[int, Depends(cursor)]) -> int:
        return cursor

    app, handlers = App(), {"def": plain, "async def": coroutine}
    app.get("/")(handlers[handler])
    application: Any = app.compile("wsgi")
    application.start()
    try:
        assert ask(application).body == b"1"
    finally:
        application.stop()
    assert len(threads) == (4 if handler == "def" else 3)
    assert set(threads) == {threading.get_ident()}
