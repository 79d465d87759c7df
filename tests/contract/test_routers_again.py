"""A router may be included as often as somebody likes, and an app be made twice: none knows of the other."""

from collections.abc import Callable
from typing import Any

from hinge import App, HTTPError, Middleware, Request, Router, TextResponse
from hinge.testing import Client

ClientFor = Callable[..., Client]

inner = Router("/inner")
items = Router("/items", tags=["items"])


@items.middleware
def marked(request: Request) -> Middleware:
    response = yield
    response.headers["x-marked"] = request.path
    return response


@items.get("/{number}", name="one")
def one(request: Request, number: int) -> str:
    if number > 9:
        raise HTTPError(404)
    return f"{number} of {getattr(request.state, 'name', 'nobody')}"


@inner.get("")
def deep() -> str:
    return "deep"


items.include(inner)


def create_app(name: str = "first") -> App:
    """As servers call it: what it includes stands at the level of modules."""
    app = App(title=name)

    @app.middleware
    def named(request: Request) -> Middleware:
        request.state.name = name
        return (yield)

    @app.error(HTTPError)
    def refused(request: Request, error: HTTPError) -> TextResponse:
        return TextResponse(f"{error.status} of {name}", status=error.status)

    app.include(items)
    return app


def test_an_app_made_twice_answers_twice(client_for: ClientFor) -> None:
    for name in ("first", "second"):
        client = client_for(create_app(name))
        answer = client.get("/items/1")
        assert (answer.text, answer.headers["x-marked"]) == (f"1 of {name}", "/items/1")
        assert client.get("/items/10").text == f"404 of {name}"
        assert client.get("/items/inner").text == "deep"


def test_a_router_at_several_places_of_one_app(client_for: ClientFor) -> None:
    app, outer = App(), Router("/outer")
    app.include(items)
    app.include(items, "/v2", name="v2")
    outer.include(items, name="again")
    app.include(outer, name="outer")
    client = client_for(app)
    for path, name in {"/items/1": "one", "/v2/items/1": "v2:one", "/outer/items/1": "outer:again:one"}.items():
        answer = client.get(path)
        assert (answer.status_code, answer.headers["x-marked"]) == (200, path)
        assert app.url_for(name, number=1) == path
    assert app.url_for("v2:deep") == "/v2/items/inner"
    document: dict[str, Any] = client.get("/openapi.json").json()
    ids = [item["get"]["operationId"] for item in document["paths"].values()]
    assert len(set(ids)) == len(ids) == 6
