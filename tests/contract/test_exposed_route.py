"""The route that matched is told to what is around the app, by the keys that its protocol's tools ask for."""

from collections.abc import Callable
from typing import Any

import pytest

from hinge import App, Config, Middleware, Request, Router, WebSocket
from hinge.backend.contract import Backend, Feature
from hinge.testing import Client


@pytest.fixture(autouse=True)
def wrappable(backend: Backend) -> None:
    if backend.interface not in ("wsgi", "asgi"):
        pytest.skip(f"nothing is around an app of the protocol {backend.interface!r}")


def told(native: Any) -> tuple[str, dict[str, str]] | None:
    """Return the path template and the parameters that a scope or an environ tells; None where it tells nothing."""
    if "hinge.route" in native:
        positional, named = native["wsgiorg.routing_args"]
        assert positional == ()
        return native["hinge.route"].path, named
    assert ("route" in native) == ("endpoint" in native) == ("path_params" in native)
    if "route" not in native:
        return None
    assert native["route"].path == native["route"].path_format
    return native["route"].path, native["path_params"]


def observed(seen: list[Any]) -> dict[str, Any]:
    """Return the native middleware that notes what it is told, of each protocol."""

    def wsgi(application: Any) -> Any:
        def around(environ: Any, start_response: Any) -> Any:
            answer = application(environ, start_response)
            seen.append(told(environ))
            return answer

        return around

    def asgi(application: Any) -> Any:
        async def around(scope: Any, receive: Any, send: Any) -> None:
            await application(scope, receive, send)
            if scope["type"] != "lifespan":
                seen.append(told(scope))

        return around

    return {"wsgi_middleware": [wsgi], "asgi_middleware": [asgi]}


def routed(**options: Any) -> App:
    app, inner, router = App(**options), App(), Router(prefix="/shops/{shop}")

    @app.get("/")
    def index() -> None: ...

    @app.get("/items/{item_id}")
    def item(item_id: int) -> int:
        return item_id

    @router.post("/orders")
    async def order(shop: str) -> str:
        return shop

    @inner.get("/files/{rest:path}")
    async def files(rest: str) -> Any:
        yield rest

    app.include(router)
    app.mount("/inner", inner)
    return app


REQUESTS: list[tuple[str, str, tuple[str, dict[str, str]] | None]] = [
    ("GET", "/", ("/", {})),
    ("GET", "/items/3?page=1", ("/items/{item_id}", {"item_id": "3"})),
    ("HEAD", "/items/3", ("/items/{item_id}", {"item_id": "3"})),
    ("GET", "/items/lamp", ("/items/{item_id}", {"item_id": "lamp"})),
    ("POST", "/shops/n%C3%BC/orders", ("/shops/{shop}/orders", {"shop": "nü"})),
    ("GET", "/inner/files/a/b", ("/inner/files/{rest:path}", {"rest": "a/b"})),
    ("GET", "/nowhere", None),
    ("DELETE", "/items/3", None),
    ("GET", "/items/3/", None),
    ("OPTIONS", "/items/3", None),
]


@pytest.mark.parametrize("prefix", ["", "/outer"])
def test_native_middleware_is_told(client_for: Callable[..., Client], prefix: str) -> None:
    seen: list[Any] = []
    client = client_for(routed(**observed(seen)), prefix=prefix)
    for method, target, _ in REQUESTS:
        client.request(method, target)
    assert seen == [expected for _, _, expected in REQUESTS]


@pytest.mark.parametrize("is_on", [False, True])
def test_what_else_is_around_is_told_on_wish(client_for: Callable[..., Client], is_on: bool) -> None:
    seen: list[Any] = []

    def first(request: Request) -> Middleware:
        seen.append(told(request.native))
        yield

    client = client_for(routed(middleware=[first], config=Config(expose_route=is_on)))
    client.get("/items/3")
    assert seen == [("/items/{item_id}", {"item_id": "3"}) if is_on else None]


@pytest.mark.needs(Feature.WEBSOCKET, "its route is what is told")
@pytest.mark.parametrize("layers", [0, 1])
def test_websockets_are_told(client_for: Callable[..., Client], layers: int) -> None:
    def layer(ws: WebSocket) -> Middleware:
        yield

    seen: list[Any] = []
    app = App(**observed(seen), middleware=[layer] * layers)

    @app.websocket("/rooms/{room}")
    async def talk(ws: WebSocket, room: str) -> None:
        assert ws.native["endpoint"] is talk
        await ws.accept()

    with client_for(app).websocket("/rooms/7"):
        pass
    assert seen == [("/rooms/{room}", {"room": "7"})]
