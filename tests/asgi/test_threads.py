"""Plain functions in worker threads: what crosses, and what does not."""

from collections.abc import Iterator
from contextvars import ContextVar

from tests.support.asgi import ask

from hinge import App, Middleware, Request

user: ContextVar[str] = ContextVar("user", default="nobody")


def call(app: App, path: str) -> tuple[int, dict[str, str], bytes]:
    peer = ask(app.asgi, path)
    return peer.status, peer.headers, peer.body


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


def test_what_a_plain_stream_set_is_seen_by_what_runs_after_the_response() -> None:
    app = App()
    seen: list[str] = []

    @app.get("/")
    def handler(request: Request) -> Iterator[str]:
        request.after_response(lambda: seen.append(user.get()))
        yield "one"
        user.set("set by the stream")
        yield "two"

    assert call(app, "/")[2] == b"onetwo"
    assert seen == ["set by the stream"]
