"""A Router collects routes below its prefix, and an include puts them below a further one."""

import pytest

from hinge import App, ConfigurationError, Router


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
