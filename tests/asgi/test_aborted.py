"""A stream that fails after its status was sent, and what the server is told."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hinge import App
from hinge.responses.streaming import StreamAborted

HTTP: dict[str, Any] = {
    "type": "http",
    "http_version": "1.1",
    "method": "GET",
    "path": "/",
    "query_string": b"",
    "headers": [],
}


def failing() -> App:
    app = App()

    @app.get("/")
    async def handler() -> AsyncIterator[str]:
        yield "one"
        raise ValueError

    return app


class Server:
    def __init__(self) -> None:
        self.sent: list[str] = []

    async def receive(self) -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message["type"] if "body" not in message else f"body {message['body']!r}")


START, ONE = "http.response.start", "body b'one'"


def serve(server: Server, scope: dict[str, Any]) -> list[str]:
    asyncio.run(failing().asgi(scope, server.receive, server.send))
    return server.sent


def test_servers_get_an_exception() -> None:
    server = Server()
    with pytest.raises(StreamAborted):
        serve(server, HTTP | {"server": ("127.0.0.1", 80)})
    assert server.sent == [START, ONE]


def test_daphne_gets_an_unfinished_answer() -> None:
    """An exception would end the task in which it looks after its connections."""
    assert serve(Server(), HTTP | {"server": ["127.0.0.1", 80]}) == [START, ONE]
