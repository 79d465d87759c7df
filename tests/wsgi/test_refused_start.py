"""A server whose `start_response` raises gets its failure, and no source stays open behind it."""

from typing import Any

import pytest
from tests.support.wsgi import environ

from hinge import App, Middleware, Response, StreamingResponse
from hinge.conformance.streams import AsyncChunks, AsyncClosable, Chunks, Closable, Log


def passing() -> Middleware:
    yield


def replacing() -> Middleware:
    yield
    return Response("other")


def raising() -> Middleware:
    yield
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    "layers", [[], [passing], [replacing], [raising]], ids=lambda it: it[0].__name__ if it else "-"
)
@pytest.mark.parametrize("kind", [Chunks, AsyncChunks, Closable, AsyncClosable])
def test_the_source_is_closed(kind: Any, layers: list[Any]) -> None:
    log = Log()
    app = App()
    app.get("/", middleware=layers)(lambda: StreamingResponse(kind(log, "a", "b")))

    def refuse(*anything: Any) -> None:
        raise ConnectionError

    application = app.compile("wsgi")
    with pytest.raises((ConnectionError, KeyboardInterrupt)):
        application(environ(), refuse)
    assert log.entries.count("closed") == 1
    application.stop()
