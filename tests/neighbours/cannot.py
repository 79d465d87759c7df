"""What does not work between a package and Hinge, and why: a proof holds as long as it does not.

Law: a row here says whose limit it is, and what to write instead. Once a proof fails, the page has good news to tell.
"""

from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.neighbours import django_site
from tests.neighbours.inner import PREFIX, Inner
from tests.neighbours.rows import row
from tests.neighbours.served import served

from hinge import App, Body
from hinge.testing import Client

TABLE = "cannot"
MOUNT = "`Mount` of starlette around both, or `app.mount` the other way around"


@row(
    TABLE,
    "channels",
    "`URLRouter` around Hinge",
    "it keeps what is left of a path to itself (`path_remaining`): the app is told neither prefix nor rest",
    MOUNT,
    alone=True,
)
def url_router(folder: Path) -> None:
    django_site.configure(folder)
    from channels.routing import URLRouter
    from django.urls import re_path

    with served(URLRouter([re_path("^new", Inner().app)]), "asgi") as url:
        assert httpx.get(f"{url}/new/items/3").status_code == 404


@row(
    TABLE,
    "litestar",
    "`asgi(path, is_mount=True)` around Hinge",
    "it tells no `root_path`, and puts a slash behind each path",
    MOUNT,
)
def litestar(folder: Path) -> None:
    from litestar import Litestar, asgi

    app = Inner().app

    @asgi(PREFIX, is_mount=True, copy_scope=True)
    async def new(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)

    with served(Litestar([new]), "asgi") as url:
        answer = httpx.get(f"{url}{PREFIX}/items/3")
    assert (answer.status_code, answer.headers["location"]) == (308, "/items/3")


@row(
    TABLE,
    "bottle",
    "`mount` around Hinge",
    "its `PATH_INFO` is decoded, where PEP 3333 wants the bytes as latin-1: paths beyond ASCII are a 400",
    "`DispatcherMiddleware` of werkzeug",
)
def bottle(folder: Path) -> None:
    from bottle import Bottle

    old = Bottle()
    old.mount(PREFIX, Inner().app.wsgi)
    with served(old, "wsgi") as url:
        assert httpx.get(f"{url}{PREFIX}/items/3").status_code == 200
        assert httpx.get(f"{url}{PREFIX}/g\u00e4ste/eve").status_code == 400


@row(
    TABLE,
    "falcon",
    "`falcon.asgi.App` below a prefix",
    "it routes by the whole path, of which ASGI's `root_path` is a part",
    '`app.mount("/", falcon_app)`',
)
def falcon(folder: Path) -> None:
    import falcon.asgi

    class Old:
        async def on_get(self, request: Any, response: Any) -> None:
            response.text = "old"

    old, app = falcon.asgi.App(), App()
    old.add_route("/a", Old())
    app.mount("/old", old)
    with Client(app, "asgi") as client:
        assert client.get("/old/a").status_code == 404


@row(
    TABLE,
    "slowapi",
    "`SlowAPIASGIMiddleware`",
    'it looks for a limiter, and for the endpoint of a Starlette route, in `scope["app"]`',
    "[`RateLimit`](ratelimits.md)",
)
def slowapi(folder: Path) -> None:
    from slowapi.middleware import SlowAPIASGIMiddleware

    app = App(asgi_middleware=[SlowAPIASGIMiddleware])
    app.get("/")(lambda: "x")
    with Client(app, "asgi", raise_server_exceptions=True) as client, pytest.raises(KeyError, match="'app'"):
        client.get("/")


@row(
    TABLE,
    "schemathesis",
    "`1.0` for an integer",
    "JSON Schema takes it for one; msgspec takes it for a float, and the answer is a 422",
    "`case.call_and_validate(excluded_checks=[positive_data_acceptance])`",
)
def integers(folder: Path) -> None:
    import jsonschema

    app = App()

    @app.post("/")
    def total(numbers: Body[list[int]]) -> int:
        return sum(numbers)

    with Client(app) as client:
        document = client.get("/openapi.json").json()
        schema = document["paths"]["/"]["post"]["requestBody"]["content"]["application/json"]["schema"]
        jsonschema.validate([1.0], schema)
        assert client.post("/", content="[1.0]", headers={"content-type": "application/json"}).status_code == 422


@row(
    TABLE,
    "authlib flask httpx",
    "`flask_client.OAuth` in Hinge's routes",
    "it reads `flask.request` and `flask.session`, which only Flask makes",
    "[`starlette_client.OAuth`](native-middleware.md#authlib), on both backends",
)
def authlib_flask(folder: Path) -> None:
    from authlib.integrations.flask_client import OAuth
    from flask import Flask

    oauth: Any = OAuth(Flask("shop"))
    oauth.register("shop", client_id="me", authorize_url="https://login.example/authorize")
    app = App()

    @app.get("/login")
    def login() -> str:
        return str(oauth.shop.authorize_redirect("https://app.example/callback"))

    with Client(app, "wsgi", raise_server_exceptions=True) as client, pytest.raises(RuntimeError, match="context"):
        client.get("/login")
