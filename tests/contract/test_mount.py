"""App.mount: an app below a prefix of another one keeps what is its own, on every backend."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from hinge import (
    App,
    Body,
    Config,
    ConfigurationError,
    HTTPError,
    JSONResponse,
    Request,
    Response,
    Router,
    State,
    WebSocket,
)
from hinge.backend.contract import Feature
from hinge.testing import EachBackend


def make_inner() -> App:
    inner = App("inner", docs_path=None, config=Config(max_body_size=10))

    @inner.get("/")
    def index() -> str:
        return "the inner index"

    @inner.get("/items/{item_id}", name="item")
    def item(request: Request, item_id: int) -> list[Any]:
        return [item_id, request.path, request.url_for("item", item_id=7)]

    @inner.post("/items")
    async def add(item: Body[dict[str, Any]]) -> dict[str, Any]:
        return item

    @inner.get("/fail")
    def fail() -> None:
        raise KeyError("inner")

    @inner.error(KeyError)
    def missing(request: Request, error: KeyError) -> JSONResponse:
        return JSONResponse({"inner": "missing"}, status=418)

    return inner


def make_app(inner: App | None = None) -> App:
    app = App()

    @app.get("/items/{item_id}", name="item")
    def item(item_id: int) -> str:
        return f"outer {item_id}"

    @app.get("/admin/health")
    def health() -> str:
        return "outer health"

    @app.error(KeyError)
    def missing(request: Request, error: KeyError) -> JSONResponse:
        return JSONResponse({"outer": "missing"}, status=400)

    app.mount("/admin", inner or make_inner(), name="admin")
    return app


def test_requests_below_the_prefix_are_the_mounted_app_s(each_backend: EachBackend) -> None:
    with each_backend(make_app()) as client:
        assert client.get("/items/1").text == "outer 1"
        assert client.get("/admin/").text == "the inner index"
        assert client.get("/admin/items/1").json() == [1, "/admin/items/1", "/admin/items/7"]
        assert client.get("/admin/health").text == "outer health", "the more specific path wins"
        assert client.head("/admin/").headers["content-length"] == "15"
        assert client.get("/admin/items/x").status_code == 404


def test_errors_limits_and_absence_are_its_own(each_backend: EachBackend) -> None:
    inner = make_inner()

    @inner.error(HTTPError)
    def told(request: Request, error: HTTPError) -> JSONResponse:
        return JSONResponse({"inner": error.status}, status=error.status)

    with each_backend(make_app(inner)) as client:
        assert client.get("/admin/fail").json() == {"inner": "missing"}
        assert client.get("/admin/nowhere").json() == {"inner": 404}
        assert client.get("/admin/a/b/c").json() == {"inner": 404}
        assert client.put("/admin/items").json() == {"inner": 405}
        assert client.options("/admin/items").headers["allow"] == "OPTIONS, POST"
        assert client.post("/admin/items", json={"a": 1}).json() == {"a": 1}
        assert client.post("/admin/items", json={"a": "1" * 10}).status_code == 413
        assert client.get("/nowhere").json()["status"] == 404, "the outer app's is a problem document"


def test_slashes_are_judged_by_the_app_below(each_backend: EachBackend) -> None:
    strict = App(slashes="strict", openapi_path=None)

    @strict.get("/a")
    def a() -> str:
        return "a"

    app = make_app()
    app.mount("/strict", strict)
    with each_backend(app) as client:
        assert client.get("/admin?q=1").headers["location"] == "/admin/?q=1"
        assert client.get("/admin/items/1/").headers["location"] == "/admin/items/1"
        assert (
            client.get("/strict/a/").status_code
            == client.get("/strict").status_code
            == client.get("/strict/").status_code
            == 404
        )
        assert client.get("/strict/a").text == "a"


def test_middleware_of_the_outer_app_is_around_that_of_the_inner(each_backend: EachBackend) -> None:
    inner, seen = make_inner(), []

    @inner.middleware
    def within(request: Request) -> Iterator[None]:
        seen.append("inner")
        response: Response = yield
        response.headers["x-inner"] = "1"

    app = make_app(inner)

    @app.middleware
    async def around(request: Request) -> AsyncIterator[None]:
        seen.append("outer")
        response: Response = yield
        response.headers["x-outer"] = "1"

    with each_backend(app) as client:
        for path in ("/admin/", "/admin/nowhere"):
            seen.clear()
            response = client.get(path)
            assert response.headers["x-inner"] == response.headers["x-outer"] == "1"
            assert seen == ["outer", "inner"]
        assert "x-inner" not in client.get("/items/1").headers


def test_lifespans_start_outermost_first_and_the_state_is_the_app_s_own(each_backend: EachBackend) -> None:
    events: list[str] = []
    app, inner = App(), App()

    @app.lifespan
    def outer_life(started: App) -> Iterator[dict[str, str]]:
        assert started is app
        events.append("outer starts")
        yield {"db": "outer", "shared": "outer"}
        events.append("outer stops")

    @inner.lifespan
    async def inner_life(started: App) -> AsyncIterator[dict[str, str]]:
        assert started is inner
        events.append("inner starts")
        yield {"db": "inner"}
        events.append("inner stops")

    @app.get("/state")
    def outer_state(state: State) -> dict[str, Any]:
        return dict(state)

    @inner.get("/state")
    def inner_state(request: Request) -> dict[str, Any]:
        return dict(request.state)

    app.mount("/one", inner)
    app.mount("/two", inner)
    with each_backend(app) as client:
        assert client.get("/state").json() == {"db": "outer", "shared": "outer"}
        assert client.get("/one/state").json() == {"db": "inner", "shared": "outer"}
        assert client.get("/two/state").json() == {"db": "inner", "shared": "outer"}
        assert events == ["outer starts", "inner starts"], "once, though it is mounted twice"
    assert events == ["outer starts", "inner starts", "inner stops", "outer stops"]


def test_mounts_nest_and_are_named(each_backend: EachBackend) -> None:
    middle, app = App(openapi_path=None), App()
    middle.mount("/b", make_inner(), name="deep")
    app.mount("/a", middle, name="mid")

    @app.get("/where")
    def where(request: Request) -> str:
        return request.url_for("mid:deep:item", item_id=3)

    with each_backend(app) as client:
        assert client.get("/a/b/fail").status_code == 418
        assert client.get("/a/b/nowhere").status_code == 404
        assert client.get("/where").text == "/a/b/items/3" == app.url_for("mid:deep:item", item_id=3)


def test_each_app_has_its_own_document(each_backend: EachBackend) -> None:
    with each_backend(make_app()) as client:
        outer, inner = client.get("/openapi.json").json(), client.get("/admin/openapi.json").json()
        assert sorted(outer["paths"]) == ["/admin/health", "/items/{item_id}"]
        assert sorted(inner["paths"]) == ["/", "/fail", "/items", "/items/{item_id}"]
        assert inner["info"]["title"] == "inner"
        assert inner["servers"] == [{"url": "/admin"}]


def test_its_document_knows_a_prefix_of_the_server_too(each_backend: EachBackend) -> None:
    if Feature.PREFIX not in each_backend.features:
        pytest.skip(f"{each_backend.name} lacks {Feature.PREFIX.value} (Feature.PREFIX)")
    with each_backend(make_app(), prefix="/below") as client:
        assert client.get("/admin/openapi.json").json()["servers"] == [{"url": "/below/admin"}]


def test_a_mount_at_the_root_answers_what_the_outer_app_does_not(each_backend: EachBackend) -> None:
    app = App(openapi_path=None)

    @app.get("/own")
    def own() -> str:
        return "own"

    app.mount("/", make_inner())
    with each_backend(app) as client:
        assert client.get("/own").text == "own"
        assert client.get("/").text == "the inner index"
        assert client.get("/fail").status_code == 418


def test_the_documents_of_two_apps_at_one_path_are_the_outer_one_s(each_backend: EachBackend) -> None:
    app = App("outer")
    app.mount("/", App("inner"))
    with each_backend(app) as client:
        assert client.get("/openapi.json").json()["info"]["title"] == "outer"
        assert "<title>outer" in client.get("/docs").text
        assert client.get("/docs/start.js").status_code == 200
        assert client.post("/docs").status_code == 405
        assert client.get("/nowhere").status_code == 404


@pytest.mark.parametrize("declared", ["outer", "inner"])
@pytest.mark.parametrize("prefix", ["", "/below"])
def test_a_declared_route_goes_before_the_document_of_any_app(
    each_backend: EachBackend, declared: str, prefix: str
) -> None:
    """Whoever declares it: what nobody wrote down gives way."""
    app, inner = App("outer"), App("inner")
    for path in ("/openapi.json", "/docs"):
        owner, whole = (app, prefix + path) if declared == "outer" else (inner, path)
        owner.get(whole, name=path[1:5])(lambda: "declared")
    app.mount(prefix or "/", inner)
    with each_backend(app) as client:
        assert [client.get(prefix + path).text for path in ("/openapi.json", "/docs")] == ["declared", "declared"]
        # Methods are those of the one who has the path.
        assert client.post(prefix + "/docs").status_code == 405


def test_files_at_the_root_leave_the_app_s_own_paths_alone(each_backend: EachBackend, tmp_path: Path) -> None:
    for name in ("index.html", "openapi.json", "docs", "own"):
        (tmp_path / name).write_text("a file")
        os.utime(tmp_path / name, (0, 0))  # the same for every backend
    app = App("outer")
    app.get("/own")(lambda: "own")
    app.static("/", tmp_path)
    with each_backend(app) as client:
        assert client.get("/").text == "a file"
        assert client.get("/own").text == "own"
        assert client.get("/openapi.json").json()["info"]["title"] == "outer"
        assert "<title>outer" in client.get("/docs").text
        assert client.get("/nowhere").status_code == 404


def test_files_of_an_app_at_the_root(each_backend: EachBackend, tmp_path: Path) -> None:
    for name in ("index.html", "openapi.json"):
        (tmp_path / name).write_text("a file")
        os.utime(tmp_path / name, (0, 0))  # the same for every backend
    app, inner = App("outer"), App("inner")
    app.get("/own")(lambda: "own")
    inner.static("/", tmp_path)
    app.mount("/", inner)
    with each_backend(app) as client:
        assert [client.get(path).text for path in ("/", "/own")] == ["a file", "own"]
        assert client.get("/openapi.json").json()["info"]["title"] == "outer"


def test_websockets_below_a_mount(each_backend: EachBackend) -> None:
    inner = make_inner()

    @inner.websocket("/ws/{name}")
    async def live(ws: WebSocket, name: str) -> None:
        await ws.accept()
        await ws.send(name)

    with each_backend(make_app(inner)) as client, client.websocket("/admin/ws/n") as ws:
        assert ws.receive() == "n"


def test_a_websocket_below_a_mount_is_named_where_there_are_none() -> None:
    inner = App()

    @inner.websocket("/ws")
    async def live(ws: WebSocket) -> None:
        raise NotImplementedError

    app = make_app(inner)
    (line,) = app.unmet("wsgi")
    assert "live" in line
    assert "test_mount.py:" in line
    assert "/admin/ws" in line
    app.compile("wsgi", skip_unsupported=True)


def test_what_is_listed() -> None:
    app = make_app()
    listed = {(route.name, route.template.text) for route in app.routes}
    assert {("item", "/items/{item_id}"), ("admin:item", "/admin/items/{item_id}")} <= listed


def test_mistakes_of_a_mounted_app_are_the_outer_app_s() -> None:
    inner = App()

    @inner.get("/{missing}")
    def handler(other: WebSocket) -> None:
        raise NotImplementedError

    with pytest.raises(ConfigurationError, match=r"handler .*handler \(.*test_mount\.py:\d+\)"):
        make_app(inner).compile("wsgi")


def test_an_app_that_is_compiled_takes_no_more(recwarn: pytest.WarningsRecorder) -> None:
    inner = make_inner()
    app = make_app(inner)
    inner.get("/late")(lambda: "late")
    app.compile("wsgi")
    with pytest.raises(ConfigurationError, match="comes too late"):
        app.mount("/b", App())
    with pytest.raises(ConfigurationError, match="comes too late"):
        inner.get("/later")(lambda: "later")


def clashing_route(app: App) -> None:
    inner = App(slashes="strict")

    @inner.get("/docs")
    @app.get("/items/docs")
    def docs() -> None:
        raise NotImplementedError

    app.mount("/items", inner)

    app.compile("wsgi")


def clashing_mount(app: App) -> None:
    app.mount("/admin", App(openapi_path=None))
    app.compile("wsgi")


def inside_itself(app: App) -> None:
    middle = App()
    middle.mount("/x", app)
    app.mount("/y", middle)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda app: app.mount("/a", app), "inside itself"),
        (inside_itself, "inside itself"),
        (lambda app: app.mount("/a", Router()), r"is no App\. Fix: app\.include"),
        (lambda app: app.mount("/a", App(), interface="wsgi"), r"interface= is for .*Fix: leave it out"),
        (lambda app: app.mount("/a", App(), max_body_size=1), r"max_body_size= is for .*Fix: App\(config="),
        (lambda app: app.mount("a", App()), "is no prefix"),
        (lambda app: app.mount("/a/", App()), "is no prefix"),
        (lambda app: app.mount("/a/{rest:path}", App()), "takes the whole remainder"),
        (lambda app: app.mount("/a/{tenant}", App()), "every handler of the app would have to take the parameter"),
        (lambda app: app.mount("/a", App(), name="a:b"), "is no name"),
        (lambda app: app.mount("/a", App(asgi_middleware=[lambda inner: inner])), "asgi_middleware"),
        (clashing_route, r"matches the same paths as handler .*docs"),
        (clashing_mount, "matches the same paths as those of another mount"),
    ],
)
def test_what_is_no_mount(wrong: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as told:
        wrong(make_app())
    assert "test_mount.py:" in str(told.value)


def test_what_the_command_line_set_holds_for_mounted_apps_too() -> None:
    app = make_app()
    app.configure(Config(max_query_fields=3, debug=True))
    inner = app.parts()[1].frame.config
    assert inner.max_query_fields == 3
    assert inner.debug
    assert inner.max_body_size == 10, "its own"
