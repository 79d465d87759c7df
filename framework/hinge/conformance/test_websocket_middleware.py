"""WebSockets inside middleware."""

from collections.abc import Callable

import anyio
import pytest

from hinge import (
    App,
    AsyncMiddleware,
    Middleware,
    WebSocket,
)
from hinge.conformance.websockets import PATIENCE, closed, refusal, websockets
from hinge.testing import Client

pytestmark = pytest.mark.clause("websocket.messages")


@pytest.mark.clause("websocket.middleware")
@websockets
def test_middleware_is_around_the_whole_connection(client_for: Callable[..., Client]) -> None:
    notes: list[str] = []

    def layer(ws: WebSocket) -> Middleware:
        notes.append(f"in {ws.path}")
        ws.state.user = ws.headers.get("x-user")
        yield
        notes.append("out")

    async def async_layer(ws: WebSocket) -> AsyncMiddleware:
        with anyio.CancelScope():
            notes.append("async in")
            yield
        notes.append("async out")

    app = App(middleware=[layer, async_layer])

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send(ws.state.user)
        async for _ in ws:
            pass
        notes.append("handler")

    with client_for(app).websocket("/", headers={"x-user": "ada"}) as ws:
        assert ws.receive(PATIENCE) == "ada"
        assert notes == ["in /", "async in"]
    assert notes == ["in /", "async in", "handler", "async out", "out"]


@pytest.mark.clause("websocket.middleware")
@websockets
def test_a_failure_after_accept_is_thrown_in_at_every_yield(client_for: Callable[..., Client]) -> None:
    notes: list[str] = []

    def guarded() -> Middleware:
        try:
            yield
        except ValueError:
            notes.append("seen")
            raise

    def unguarded() -> Middleware:
        yield
        notes.append("never")

    app = App(middleware=[guarded, unguarded])

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        raise ValueError

    with client_for(app).websocket("/") as ws:
        assert closed(ws)[0] == 1011
    assert notes == ["seen"]


@pytest.mark.clause("websocket.middleware")
@websockets
def test_the_answer_to_an_unknown_path_passes_the_middleware(client_for: Callable[..., Client]) -> None:
    notes: list[str] = []

    def layer(ws: WebSocket) -> Middleware:
        response = yield
        notes.append(f"{ws.path} {response.status}")
        response.headers["x-layer"] = "seen"

    app = App(middleware=[layer])
    app.get("/")(lambda: "x")
    response = refusal(client_for(app), "/nowhere")
    assert (response.status_code, response.headers["x-layer"]) == (404, "seen")
    assert notes == ["/nowhere 404"]
