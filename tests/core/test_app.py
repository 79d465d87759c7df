"""The App: it collects until it is compiled, compiles once a backend, and is what every server can call."""

import gc
import inspect
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.support import asgi, wsgi

from hinge import (
    App,
    BodyStream,
    Config,
    ConfigurationError,
    Middleware,
    Query,
    Request,
    Route,
    Router,
    WebSocket,
)
from hinge.compiling.frozen import FrozenApp


@pytest.fixture(autouse=True)
def _no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep this project's own pyproject.toml and the caller's environment out of it."""
    monkeypatch.chdir(tmp_path)


def text() -> str:
    return "text"


async def live(ws: WebSocket) -> None:
    await ws.accept()


def timing(request: Request) -> Middleware:
    response = yield
    response.headers["x-timing"] = "1"


def get(application: Any, path: str = "/", method: str = "GET", **environ: Any) -> tuple[str, dict[str, str], bytes]:
    """Call a WSGI callable."""
    return wsgi.ask(application, path, method, **environ)


def asked(application: Any, path: str = "/") -> tuple[int, bytes]:
    """Call an ASGI callable."""
    peer = asgi.ask(application, path)
    return peer.status, peer.body


# -- collecting --------------------------------------------------------------------------------------------------------


def test_decorators_return_what_they_decorate() -> None:
    app, router = App(), Router()
    for registrar in (app, router):
        for decorate in (registrar.get, registrar.post, registrar.put, registrar.patch, registrar.delete):
            assert decorate("/x")(text) is text
        assert registrar.head("/x")(text) is text
        assert registrar.options("/x")(text) is text
        assert registrar.route("/y", methods=["GET", "POST"])(text) is text
        assert registrar.websocket("/x")(live) is live
        assert registrar.middleware(timing) is timing
        assert registrar.middleware(needs_body=True)(timing) is timing

    def lifespan() -> Iterator[None]:
        yield

    def handler(request: Any, error: Any) -> None: ...

    assert app.lifespan(lifespan) is lifespan
    assert app.error(KeyError)(handler) is handler


def test_routes_are_told_in_their_order_with_all_that_was_declared() -> None:
    app = App()
    app.get(
        "/items/{item_id}",
        name="item",
        status=203,
        inline=True,
        middleware=[timing],
        tags=["items"],
        summary="one",
        description="an item",
        deprecated=True,
        include_in_schema=False,
        responses={404: None},
        max_body_size=5,
    )(text)
    app.route("/items", methods=("POST", "PUT"))(text)
    app.websocket("/live", name="live", tags=["ws"])(live)
    first, second, third = app.routes
    assert isinstance(first, Route)
    assert (first.template.text, first.methods, first.handler, first.name) == (
        "/items/{item_id}",
        {"GET"},
        text,
        "item",
    )
    assert (first.status, first.inline, first.tags, first.summary) == (203, True, ("items",), "one")
    assert (first.description, first.deprecated, first.include_in_schema) == ("an item", True, False)
    assert (first.responses, first.max_body_size, first.websocket) == ({404: None}, 5, False)
    assert [layer.name.rpartition(".")[2] for layer in first.layers] == ["timing"]
    assert first.location.endswith(f"test_app.py:{text.__code__.co_firstlineno}")
    assert (second.methods, second.name, second.status) == ({"POST", "PUT"}, "text", None)
    assert (third.methods, third.websocket, third.tags) == (frozenset(), True, ("ws",))


def test_options_may_be_none_and_sizes_zero() -> None:
    app = App()
    app.get("/a", name=None, status=None, summary=None, description=None, responses=None, max_body_size=None)(text)
    app.post("/b", max_body_size=0)(text)
    first, second = app.routes
    assert (first.name, first.status, first.max_body_size, first.deprecated, first.include_in_schema) == (
        "text",
        None,
        None,
        False,
        True,
    )
    assert second.max_body_size == 0
    assert get(app.wsgi, "/b", "POST", CONTENT_LENGTH="1")[0].startswith("200"), "no parameter takes the body"


def test_a_route_may_be_a_key() -> None:
    """As in a table of counters by `request.route`; its options need not be hashable."""
    app = App()
    for path in ("/a", "/b"):
        app.get(path, responses={404: []})(text)
    first, second = app.routes
    assert {first: 1, second: 2}[app.routes[0]] == 1


def test_iterables_are_taken_once_for_all() -> None:
    """A generator given for an option must not be used up by the first of two handlers."""
    app = App()
    decorate = app.route("/x", methods=(method for method in ["GET"]), tags=iter(["a"]))
    decorate(text)
    assert app.routes[0].methods == {"GET"}
    assert app.routes[0].tags == ("a",)


def test_a_router_adds_its_own_to_each_of_its_routes() -> None:
    def outer(request: Request) -> Middleware:
        yield
        return None

    def inner(request: Request) -> Middleware:
        yield
        return None

    app, top, sub = App(), Router("/top", tags=["t"], middleware=[outer]), Router("/sub", tags=["s"])
    sub.get("/x", tags=["r"], middleware=[timing])(text)
    sub.middleware(inner)
    top.include(sub)
    app.include(top)
    (route,) = app.routes
    assert route.template.text == "/top/sub/x"
    assert route.tags == ("t", "s", "r")
    assert [layer.name.rpartition(".")[2] for layer in route.layers] == ["outer", "inner", "timing"]


# -- freezing ----------------------------------------------------------------------------------------------------------


def test_nothing_is_registered_behind_the_first_compile() -> None:
    app = App()
    app.get("/")(text)
    app.compile("wsgi")

    def lifespan() -> Iterator[None]:
        yield

    for late in (
        lambda: app.get("/late")(text),
        lambda: app.websocket("/late")(live),
        lambda: app.include(Router()),
        lambda: app.middleware(timing),
        lambda: app.error(KeyError)(lambda request, error: None),
        lambda: app.lifespan(lifespan),
        lambda: app.configure(Config()),
    ):
        with pytest.raises(ConfigurationError, match=r"comes too late: the app was compiled at .*test_app\.py:\d+"):
            late()
    assert [route.template.text for route in app.routes] == ["/"]


def test_an_include_that_comes_too_late_leaves_the_router_open() -> None:
    app, other, router = App(), App(), Router("/r")
    router.get("/x")(text)
    app.compile("wsgi")
    with pytest.raises(ConfigurationError, match="too late"):
        app.include(router)
    other.include(router)
    assert len(other.routes) == 1


def test_looking_at_an_app_does_not_freeze_it() -> None:
    app = App()
    app.get("/")(text)
    assert app.unmet("wsgi") == []
    assert app.url_for("text") == "/"
    assert app.config.backend == "asgi"
    app.get("/more")(text)


def test_a_compile_that_fails_does_not_freeze() -> None:
    app = App()
    app.websocket("/live")(live)
    with pytest.raises(ConfigurationError):
        app.compile("wsgi")
    app.get("/")(text)
    assert app.compile("asgi") is not None


# -- compiling ---------------------------------------------------------------------------------------------------------


def test_a_callable_is_compiled_once() -> None:
    app = App()
    app.get("/")(text)
    assert app.wsgi is app.wsgi is app.compile("wsgi")
    assert app.asgi is app.asgi is app.compile("asgi")
    assert app.wsgi is not app.asgi
    assert app.application is app.compile() is app.asgi


def test_threads_that_race_get_the_same_callable() -> None:
    app = App()
    app.get("/")(text)
    found: list[Any] = []
    barrier = threading.Barrier(8)

    def compile_it() -> None:
        barrier.wait(timeout=10)
        found.append(app.compile("wsgi"))

    threads = [threading.Thread(target=compile_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert len(found) == 8
    assert len(set(map(id, found))) == 1


def test_the_configured_backend_is_compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def application_of(**options: Any) -> Any:
        app = App(**options)
        app.get("/")(text)
        return app.application is app.wsgi

    assert not application_of()
    assert application_of(config=Config(backend="wsgi"))
    (tmp_path / "pyproject.toml").write_text('[tool.hinge]\nbackend = "wsgi"\n')
    assert application_of()
    monkeypatch.setenv("HINGE_BACKEND", "asgi")
    assert not application_of()
    assert not application_of(config=Config(backend="wsgi")), "the environment is stronger"


def test_configure_is_the_last_word() -> None:
    app = App(config=Config(debug=False))
    app.configure(Config(debug=True, backend="wsgi"))
    assert app.config.debug
    assert app.application is app.wsgi


def test_an_unknown_backend_is_named_beside_the_installed_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"no backend 'cgi' is installed; installed: asgi, .*wsgi\. Fix: "):
        App().compile("cgi")


class Body(msgspec.Struct):
    name: str


def untyped(thing: complex) -> None: ...


def lost(missing: int, both: Body, again: Body) -> None: ...


def test_every_mistake_is_told_at_once() -> None:
    app = App()
    app.get("/a")(untyped)
    app.get("/b")(lost)
    app.websocket("/c")(live)
    app.websocket("/d")(live)
    with pytest.raises(ConfigurationError) as caught:
        app.compile("wsgi")
    lines = str(caught.value).splitlines()
    assert len(lines) == 4
    assert lines == app.unmet("wsgi")
    assert "complex" in lines[0]
    assert "both take the body" in lines[1]
    assert "/c needs WebSocket routes" in lines[2]
    assert "/d needs WebSocket routes" in lines[3]
    assert len(app.unmet("wsgi", skip_unsupported=True)) == 2
    assert len(app.unmet("asgi")) == 2


def test_skip_unsupported_may_stand_in_the_configuration() -> None:
    app = App(config=Config(skip_unsupported=True))
    app.websocket("/live")(live)
    assert get(app.wsgi, "/live")[0].startswith("426")


def upload(body: BodyStream) -> None: ...


def test_a_stream_inside_a_middleware_that_reads_the_body_is_refused() -> None:
    """The middleware would take the body away from the handler, which would wait for it in vain."""

    def signed(request: Request) -> Middleware:
        yield
        return None

    for where in ("app", "router", "route"):
        app, router = App(), Router()
        if where == "app":
            app.middleware(needs_body=True)(signed)
        elif where == "router":
            router.middleware(needs_body=True)(signed)
        router.post("/", middleware=[signed] if where != "route" else [NeedsBody()])(upload)
        app.include(router)
        (line,) = app.unmet("asgi")
        assert "parameter 'body' reads the body as it arrives, but middleware" in line
        assert "test_app.py:" in line
        with pytest.raises(ConfigurationError):
            app.compile("wsgi")


class NeedsBody:
    needs_body = True

    def __call__(self, request: Request) -> Middleware:
        yield
        return None


# -- the frozen app ----------------------------------------------------------------------------------------------------


def test_the_frozen_app_has_every_endpoint_once_and_knows_no_app() -> None:
    app = App(openapi_path=None)
    app.get("/a")(text)
    app.post("/a")(text)
    app.websocket("/live")(live)
    frozen = app.freeze("asgi")
    assert isinstance(frozen, FrozenApp)
    endpoints = frozen.endpoints()
    assert len(set(map(id, endpoints))) == len(endpoints)
    assert {endpoint.route.template.text for endpoint in endpoints if endpoint.route} == {"/a", "/live"}
    leaf = frozen.table.static["/a"]
    assert set(leaf.methods) == {"GET", "HEAD", "POST", "OPTIONS"}
    assert leaf.methods["HEAD"].head_only
    assert not leaf.methods["GET"].head_only
    assert [template.text for template, _ in frozen.websockets] == ["/live"]
    assert len(app.freeze("wsgi", skip_unsupported=True).websockets) == 0


def test_a_redirect_of_slashes_stays_on_this_host() -> None:
    """CVE-2021-21330, CVE-2023-28370 and their kind: browsers read `//host` and `/\\host` as another site."""
    app = App()

    def rest(rest: str) -> str:
        return rest

    app.get("/{rest}/")(rest)
    status, headers, _ = get(app.wsgi, "/\\evil.example")
    assert (status[:3], headers["location"]) == ("308", "/%5Cevil.example/")
    assert get(app.wsgi, "//evil.example")[0].startswith("404")
    assert get(app.wsgi, "/x", SCRIPT_NAME="//evil.example")[1]["location"] == "/evil.example/x/"


# -- one object for every server ---------------------------------------------------------------------------------------


def test_the_app_is_both_callables() -> None:
    app = App()
    app.get("/")(text)
    assert get(app)[2] == b"text"
    assert asked(app) == (200, b"text")


def test_servers_that_look_at_the_instance_take_it_for_asgi() -> None:
    """uvicorn and hypercorn ask `iscoroutinefunction(app.__call__)`; daphne calls with these keywords."""
    app = App()
    app.get("/")(text)
    assert inspect.iscoroutinefunction(app.__call__)
    assert not inspect.iscoroutinefunction(type(app).__call__)
    assert asked(app.__call__) == (200, b"text")
    assert list(inspect.signature(App.__call__).parameters) == ["self", "scope", "receive", "send"]


# -- url_for -----------------------------------------------------------------------------------------------------------


def test_url_for_finds_a_route_by_its_name() -> None:
    app = App()

    def item(item_id: int, rest: str) -> None: ...

    app.get("/items/{item_id}/{rest:path}")(item)
    app.get("/x", name="named")(text)
    app.post("/x", name="named")(text)
    assert app.url_for("item", item_id=7, rest="a b/c") == "/items/7/a%20b/c"
    assert app.url_for("named") == "/x"


def test_a_name_that_no_or_several_paths_have_is_an_error_that_names_them() -> None:
    app = App()
    app.get("/a")(text)
    app.get("/b")(text)
    app.get("/c", name="other")(text)
    with pytest.raises(ConfigurationError, match="no route is named 'nope'; there are: other, text"):
        app.url_for("nope")
    with pytest.raises(ConfigurationError, match=r"stands for several routes: .*test_app\.py:\d+.* and .*Fix: name="):
        app.url_for("text")
    with pytest.raises(ConfigurationError, match="there are: none"):
        App().url_for("nope")


# -- handlers as they come ---------------------------------------------------------------------------------------------


class Shop:
    def __init__(self) -> None:
        self.stock = {"1": "one"}

    def read(self, item_id: str, size: Query[int] = 1) -> str:
        return self.stock[item_id] * size

    async def __call__(self) -> str:
        return "called"

    async def stream(self) -> AsyncIterator[str]:
        yield "a"
        yield "b"


def test_bound_methods_and_instances_are_handlers() -> None:
    app, shop = App(), Shop()
    app.get("/items/{item_id}")(shop.read)
    app.get("/")(shop)
    app.get("/stream")(shop.stream)
    assert [route.name for route in app.routes] == ["read", "Shop", "stream"]
    assert get(app.wsgi, "/items/1", QUERY_STRING="size=2")[2] == b"oneone"
    assert get(app.wsgi)[2] == b"called"
    assert get(app.wsgi, "/stream")[2] == b"ab"
    assert asked(app.asgi) == (200, b"called")
    assert asked(app.asgi, "/stream") == (200, b"ab")
    app.wsgi.stop()


def test_a_wrapper_that_forgot_to_await_is_awaited() -> None:
    async def handler() -> str:
        return "x"

    def wrapper() -> Any:
        return handler()

    app = App()
    app.get("/")(wrapper)
    assert get(app.wsgi)[2] == b"x"
    assert asked(app.asgi) == (200, b"x")


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("path", ["/{number}", "/{nobody}"])
def test_a_compile_leaves_the_garbage_collector_as_it_was(enabled: bool, path: str) -> None:
    app = App()

    @app.get(path)
    def read(number: int) -> int:
        return number

    was_enabled = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        with suppress(ConfigurationError):
            app.compile("wsgi")
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if was_enabled else gc.disable)()
