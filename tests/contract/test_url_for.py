"""url_for: paths that lead back to their route, below whatever prefix the request came."""

import enum

import pytest

from hinge import App, ConfigurationError, Request, Router


class Color(enum.Enum):
    RED = "r/d"


def make_app() -> App:
    app, router = App(), Router("/group")

    @app.get("/items/{item_id}", name="item")
    def item(request: Request, item_id: str) -> list[str]:
        return [item_id]

    @app.get("/files/{rest:path}")
    def files(rest: str) -> list[str]:
        return [rest]

    @app.get("/v{version}/report-{name}.json", name="report")
    def report(version: int, name: str) -> list:
        raise NotImplementedError

    @app.get("/straße/{wo}", name="street")
    def street(wo: str) -> list[str]:
        return [wo]

    @router.get("", name="group")
    def group() -> str:
        return "group"

    app.include(router, prefix="/api")

    @app.post("/url/{name}")
    def url(request: Request, name: str) -> str:
        return request.url_for(name, **request.json())

    return app


def make_fitting_app() -> App:
    app = App()

    @app.get("/v{version}/{name}.json", name="report")
    def report(version: int, name: str) -> list:
        return [version, name]

    @app.get("/items/{item_id}", name="item")
    def item(item_id: str) -> list[str]:
        return [item_id]

    @app.get("/files/{rest:path}", name="files")
    def files(rest: str) -> list[str]:
        return [rest]

    @app.get("/straße/{wo}", name="street")
    def street(wo: str) -> list[str]:
        return [wo]

    @app.post("/url/{name}")
    def url(request: Request, name: str) -> str:
        return request.url_for(name, **request.json())

    return app


@pytest.mark.parametrize("prefix", ["", "/mount", "/mount/ü"])
@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("item", {"item_id": "7"}),
        ("item", {"item_id": "a b%2F?#ü\\;"}),
        ("item", {"item_id": "..."}),
        ("files", {"rest": "a/b c/ü"}),
        ("files", {"rest": ""}),
        ("street", {"wo": "straße"}),
        ("report", {"version": 2, "name": "q 1"}),
    ],
)
def test_a_url_leads_back_to_its_route(client_for, prefix, name, params):
    client = client_for(make_fitting_app(), prefix=prefix)
    url = client.post(f"/url/{name}", json=params).text
    assert url.isascii()
    from urllib.parse import quote

    start = quote(prefix)
    assert url.startswith((start + "/", prefix + "/"))
    below = url.removeprefix(start).removeprefix(prefix)
    assert client.get(below).json() == list(params.values())


def test_names_come_from_functions_and_options(client_for):
    app = App()
    router = Router("/group")

    @app.get("/one")
    def one() -> None: ...

    @router.get("", name="named")
    def two(request: Request) -> list[str]:
        return [request.url_for("one"), request.url_for("named"), app.url_for("named")]

    app.include(router, prefix="/api")
    assert client_for(app, prefix="/m").get("/api/group").json() == ["/m/one", "/m/api/group", "/api/group"]


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("unknown", {}),
        ("item", {}),
        ("item", {"item_id": "1", "more": "2"}),
        ("item", {"item_id": ""}),
        ("item", {"item_id": "a/b"}),
        ("item", {"item_id": ".."}),
        ("files", {"rest": "../x"}),
    ],
)
def test_what_leads_nowhere_is_refused(client_for, name, params):
    app = make_fitting_app()
    with pytest.raises(ConfigurationError):
        app.url_for(name, **params)
    assert client_for(app).post(f"/url/{name}", json=params).status_code == 500


def test_values_are_spelled_as_text():
    app = make_fitting_app()
    assert app.url_for("item", item_id=7) == "/items/7"
    with pytest.raises(ConfigurationError):
        app.url_for("item", item_id=Color.RED)
    with pytest.raises(ConfigurationError):
        app.url_for("item", item_id=None)
