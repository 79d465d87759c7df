"""A Router collects routes below its prefix, and an include puts them below a further one."""

from http import HTTPMethod
from typing import Any

import pytest

from hinge import App, ConfigurationError, Middleware, Request, Route, Router
from hinge.routing.route import RouteOptions, WebSocketOptions
from hinge.routing.router import Registrar


def handler() -> str:
    return ""


def paths(app: App) -> list[str]:
    return [route.template.text for route in app.routes]


def test_paths_are_below_the_prefix_of_the_router_and_of_the_include() -> None:
    app, router = App(), Router("/items")
    router.get("/all")(handler)
    app.include(router, "/v1")
    assert paths(app) == ["/v1/items/all"]


def test_the_empty_path_is_the_prefix_itself() -> None:
    """A collection's own URL has no trailing slash: `/items`, not `/items/`."""
    app, router = App(), Router("/items")
    router.get("")(handler)
    router.post("/")(handler)
    app.include(router)
    assert paths(app) == ["/items", "/items/"]


def test_prefixes_of_nested_routers_add_up_in_order() -> None:
    app, outer, inner = App(), Router("/outer"), Router("/inner")
    inner.get("")(handler)
    outer.include(inner, "/between")
    outer.get("")(handler)
    app.include(outer, "/top")
    assert paths(app) == ["/top/outer/between/inner", "/top/outer"]


def test_a_websocket_is_below_the_prefix_too() -> None:
    app, router = App(), Router("/live")
    router.websocket("")(handler)
    app.include(router)
    assert paths(app) == ["/live"]


@pytest.mark.parametrize(("prefix", "path"), [("", ""), ("", "items"), ("/items", "all")])
def test_a_path_that_neither_is_empty_below_a_prefix_nor_begins_with_a_slash_is_refused(prefix: str, path: str) -> None:
    with pytest.raises(ConfigurationError, match="must begin with '/'"):
        Router(prefix).get(path)(handler)


def test_an_app_has_no_empty_path() -> None:
    with pytest.raises(ConfigurationError, match="must begin with '/'"):
        App().get("")(handler)


def test_a_message_about_a_path_names_the_whole_path() -> None:
    with pytest.raises(ConfigurationError, match=r"/items/\{a\}/\{a\}"):
        Router("/items/{a}").get("/{a}")(handler)


def test_a_router_is_closed_once_it_is_included() -> None:
    app, router = App(), Router("/items")
    app.include(router)
    with pytest.raises(ConfigurationError, match="included at"):
        router.get("/late")(handler)


def test_what_comes_late_names_where_the_router_was_included() -> None:
    app, router = App(), Router("/items")
    app.include(router)

    def late(request: Request) -> Middleware:
        yield
        return None

    for again in (
        lambda: router.include(Router()),
        lambda: router.middleware(late),
        lambda: router.websocket("/late")(handler),
    ):
        with pytest.raises(
            ConfigurationError, match=r"included at .*test_router\.py:\d+\. Fix: include the router last"
        ):
            again()


def once_more(app: App, router: Router) -> None:
    app.include(router, "/b")


def once_more_in_a_router(app: App, router: Router) -> None:
    outer = Router()
    outer.include(router)
    outer.include(router, "/b")


def once_more_within_another(app: App, router: Router) -> None:
    outer = Router("/outer")
    outer.include(router)
    app.include(outer)


def once_more_of_one_name(app: App, router: Router) -> None:
    app.include(router, "/b", name="b")
    app.include(router, "/c", name="b")


def mounted_before(app: App, router: Router) -> None:
    app.mount("/m", App(), name="b")
    app.include(router, "/b", name="b")


def mounted_behind(app: App, router: Router) -> None:
    app.include(router, "/b", name="b")
    app.mount("/m", App(), name="b")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (once_more, r"'handler' is the name of /items already, .* /b/items too\. Fix: include\(\.\.\., name='other'\)"),
        (once_more_in_a_router, r"name of /items already"),
        (once_more_within_another, r"name of /items already, .* /outer/items"),
        (once_more_of_one_name, r"'b:handler' is the name of /b/items already"),
        (mounted_before, r"'b' is the name of the mount at .*Fix: another name"),
        (mounted_behind, r"'b' is the name of included routes, such as handler .*Fix: another name"),
        (lambda app, router: app.include(router), r"GET /items matches the same requests"),
        (lambda app, router: app.include(router, "/b", name=""), "name='' is no name"),
        (lambda app, router: app.include(router, "/b", name="a:b"), "name='a:b' is no name"),
        (lambda app, router: app.include(router, "/b", name=5), "name"),
    ],
)
def test_an_include_whose_names_are_taken_is_refused_where_it_stands(wrong: Any, message: str) -> None:
    app, router = App(), Router("/items")
    router.get("")(handler)
    app.include(router)
    with pytest.raises(ConfigurationError, match=message) as told:
        wrong(app, router)
    assert "test_router.py:" in str(told.value)


def test_a_router_that_includes_itself_is_refused() -> None:
    router = Router("/items")
    router.get("/x")(handler)
    with pytest.raises(ConfigurationError, match="included at"):
        router.include(router)


def test_an_include_that_fails_leaves_the_router_open() -> None:
    app, router = App(), Router("/{a}")
    router.get("/x")(handler)
    with pytest.raises(ConfigurationError, match="twice"):
        app.include(router, "/{a}")
    app.include(router, "/b")
    assert paths(app) == ["/b/{a}/x"]


@pytest.mark.parametrize("prefix", ["items", "/items/", "/", "/a//b", "/{a", "/{rest:path}", "/a?b", "/%41", 5, None])
def test_a_prefix_is_checked_where_it_is_written(prefix: Any) -> None:
    for make in (
        lambda: Router(prefix),
        lambda: App().include(Router(), prefix),
        lambda: Router().include(Router(), prefix),
    ):
        with pytest.raises(ConfigurationError, match=r"\(prefix=\.\.\.\) \(.*test_router\.py:\d+\)"):
            make()


def test_a_prefix_may_have_parameters() -> None:
    app, router = App(), Router("/shops/{shop}")

    def named(shop: str, item: int) -> list[Any]:
        return [shop, item]

    router.get("/items/{item}")(named)
    app.include(router, "/{region}-eu")
    assert app.routes[0].template.names == ("region", "shop", "item")


# -- declarations ------------------------------------------------------------------------------------------------------


def test_a_route_with_several_methods() -> None:
    for methods in (
        ["GET", "PUT"],
        ("PUT", "GET"),
        {"GET", "PUT"},
        iter(["GET", "PUT"]),
        [HTTPMethod.GET, HTTPMethod.PUT],
    ):
        app = App()
        app.route("/x", methods=methods)(handler)
        assert app.routes[0].methods == {"GET", "PUT"}
        assert {type(method) for method in app.routes[0].methods} == {str}
    app = App()
    app.route("/x", methods="GET")(handler)
    assert app.routes[0].methods == {"GET"}


def test_one_decorator_call_may_register_several_handlers_of_a_template() -> None:
    app = App()

    def other() -> None: ...

    app.get("/x")(handler)
    app.get("/x/")(other)
    assert paths(app) == ["/x", "/x/"]


def test_the_options_are_those_that_the_checkers_know() -> None:
    """`Unpack[RouteOptions]` is what a type checker sees; at run time each option must be a field of the route."""
    fields = set(Route.__struct_fields__)
    assert RouteOptions.__annotations__.keys() - fields == {"middleware"}
    assert RouteOptions.__annotations__.keys() > WebSocketOptions.__annotations__.keys()


def test_a_handler_may_be_registered_at_several_paths() -> None:
    app = App()
    for path in ("/a", "/b"):
        app.get(path)(handler)
    assert len(app.routes) == 2


def test_a_registrar_alone_is_nothing() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Registrar()  # type: ignore[abstract]


def test_of_what_is_said_of_the_document_the_nearest_counts() -> None:
    app, outer, inner = App(), Router("/outer", include_in_schema=False), Router("/inner", include_in_schema=True)
    outer.get("/unsaid")(handler)
    outer.get("/said", include_in_schema=True)(handler)
    inner.get("/unsaid")(handler)
    inner.get("/said", include_in_schema=False)(handler)
    outer.include(inner)
    silent = Router("/silent")
    silent.get("")(handler)
    outer.include(silent)
    app.include(outer)
    shown = {route.template.text for route in app.routes if route.include_in_schema}
    assert shown == {"/outer/said", "/outer/inner/unsaid"}
