"""Plain functions in worker threads: what crosses, and what does not."""

import asyncio
from contextvars import ContextVar
from typing import Any

from hinge import App, Middleware

user: ContextVar[str] = ContextVar("user", default="nobody")


def call(app: App, path: str) -> tuple[int, dict[str, str], bytes]:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "http_version": "1.1", "method": "GET", "path": path, "query_string": b"", "headers": []}
    asyncio.run(app.asgi(scope, receive, send))
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, b"".join(message["body"] for message in sent[1:])


def test_a_handler_in_a_thread_and_its_middleware_see_each_others_context_variables() -> None:
    app = App()

    @app.middleware
    def identify() -> Middleware:
        user.set("known to the middleware")
        response = yield
        response.headers["x-user"] = user.get()

    @app.get("/")
    def handler() -> str:
        seen = user.get()
        user.set("set by the handler")
        return seen

    status, headers, body = call(app, "/")
    assert (status, body) == (200, b"known to the middleware")
    assert headers["x-user"] == "set by the handler"
    assert user.get() == "nobody"


def test_what_a_failing_handler_set_is_seen_too() -> None:
    app = App()

    @app.middleware
    def identify() -> Middleware:
        response = yield
        response.headers["x-user"] = user.get()

    @app.get("/")
    def handler() -> str:
        user.set("set before the failure")
        raise ValueError

    status, headers, _ = call(app, "/")
    assert (status, headers["x-user"]) == (500, "set before the failure")
