"""What an application around the app has put into the scope's state is where `request.state` and `ws.state` begin."""

from collections.abc import Iterator
from typing import Any

from tests.support.asgi import ask

from hinge import App, Request, State, WebSocket
from hinge.testing import Client


def around(application: Any, state: Any) -> Any:
    async def outer(scope: Any, receive: Any, send: Any) -> None:
        await application({**scope, "state": {**scope.get("state", {}), **state}}, receive, send)

    return outer


def make(state: dict[str, Any]) -> App:
    app, mounted = App(asgi_middleware=[(around, {"state": state})]), App()

    @app.lifespan
    def life() -> Iterator[dict[str, str]]:
        yield {"own": "own"}

    @app.get("/state")
    @mounted.get("/state")
    async def read(request: Request) -> dict[str, str]:
        request.state.added = "here"
        return dict(request.state)

    @app.get("/headers")
    def of_many_headers(request: Request, state: State) -> list[str]:
        return [str(len(request.headers) > 0), *state]

    @app.websocket("/live")
    async def live(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send_json(dict(ws.state))

    app.mount("/below", mounted)
    return app


def test_it_is_seen_and_the_app_s_own_wins() -> None:
    state = {"pool": "outer", "own": "outer"}
    with Client(make(state), "asgi") as client:
        for path in ("/state", "/below/state"):
            assert client.get(path).json() == {"pool": "outer", "own": "own", "added": "here"}
        assert sorted(client.get("/headers").json()) == ["True", "own", "pool"]
        with client.websocket("/live") as ws:
            assert ws.receive_json() == {"pool": "outer", "own": "own"}
    assert state == {"pool": "outer", "own": "outer"}, "which each request has copied"


def test_a_server_may_have_none() -> None:
    app = App()

    @app.get("/")
    async def read(state: State) -> int:
        return len(state)

    for more in ({}, {"state": None}, {"state": {}}):
        assert ask(app.asgi, **more).body == b"0"
