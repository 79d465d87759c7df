"""CORS: pages of other origins get what was allowed, on every answer, and nothing else."""

from typing import Any

import pytest

from hinge import App, ConfigurationError, HTTPError, Response, WebSocket
from hinge.middleware import CORS

PAGE = "https://shop.example"


def shop(**options: Any) -> App:
    app = App()
    app.middleware(CORS(**{"origins": [PAGE, "https://*.shop.example", "http://localhost:5173"], **options}))

    @app.get("/items")
    def items() -> list[str]:
        return ["a"]

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("no")

    @app.get("/teapot")
    def teapot() -> None:
        raise HTTPError(418)

    @app.get("/own")
    def own() -> Response:
        return Response("x", headers={"vary": "accept", "access-control-allow-origin": "https://other.example"})

    return app


def preflight(method: str = "GET", headers: str | None = None, origin: str = PAGE, **more: str) -> dict[str, str]:
    asked = {"origin": origin, "access-control-request-method": method, **more}
    return asked if headers is None else {**asked, "access-control-request-headers": headers}


def cors_lines(answer: Any) -> dict[str, str]:
    return {name: value for name, value in answer.headers.multi_items() if name.startswith("access-control-")}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/items", 200),
        ("HEAD", "/items", 200),
        ("GET", "/items/", 308),
        ("GET", "/nothing", 404),
        ("DELETE", "/items", 405),
        ("GET", "/teapot", 418),
        ("GET", "/broken", 500),
        ("OPTIONS", "/items", 204),
        ("GET", "/own", 200),
    ],
)
def test_every_answer_tells(each_backend: Any, method: str, path: str, status: int) -> None:
    with each_backend(shop(), follow_redirects=False) as client:
        answer = client.request(method, path, headers={"origin": PAGE})
        assert answer.status_code == status
        assert cors_lines(answer) == {"access-control-allow-origin": PAGE}
        assert "origin" in answer.headers["vary"]


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://shop.example",
        "https://shop.example.evil.example",
        "https://shop.example:8443",
        "https://evilshop.example",
        "https://.shop.example",
        "https://evil.example/.shop.example",
        "https://evil.example#.shop.example",
        "https://user@x.shop.example",
        "null",
        "",
        "https://shop.example, https://evil.example",
        "HTTPS://SHOP.EXAMPLE",
    ],
)
def test_other_origins_get_nothing(each_backend: Any, origin: str) -> None:
    with each_backend(shop()) as client:
        answer = client.get("/items", headers={"origin": origin})
        assert (answer.status_code, cors_lines(answer)) == (200, {})
        assert answer.headers["vary"] == "origin"
        answer = client.options("/items", headers=preflight(origin=origin))
        assert (answer.status_code, cors_lines(answer)) == (403, {})
        assert answer.json()["detail"] == "Pages of this origin may not use this resource."
        assert "origin" in answer.headers["vary"]


@pytest.mark.parametrize("origin", ["https://a.shop.example", "https://a.b.shop.example", "http://localhost:5173"])
def test_subdomains_and_ports(each_backend: Any, origin: str) -> None:
    with each_backend(shop()) as client:
        assert cors_lines(client.get("/items", headers={"origin": origin}))["access-control-allow-origin"] == origin


def test_without_an_origin_there_is_nothing_to_tell_but_vary(each_backend: Any) -> None:
    with each_backend(shop()) as client:
        answer = client.get("/items")
        assert cors_lines(answer) == {}
        assert answer.headers["vary"] == "origin"


def test_the_answer_is_another_one_for_others_also_where_the_handler_says_so(each_backend: Any) -> None:
    with each_backend(shop()) as client:
        answer = client.get("/own", headers={"origin": PAGE})
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert [part.strip() for part in answer.headers["vary"].split(",")] == ["accept", "origin"]


def test_a_preflight_never_reaches_a_handler(each_backend: Any) -> None:
    app = shop(methods=["GET", "PUT"], headers=["X-Token"], max_age=60)
    called = []

    @app.options("/own-options")
    def own_options() -> str:
        called.append(1)
        return "mine"

    with each_backend(app) as client:
        answer = client.options("/own-options", headers=preflight("PUT", "x-token, content-type"))
        assert (answer.status_code, answer.content) == (204, b"")
        assert cors_lines(answer) == {
            "access-control-allow-origin": PAGE,
            "access-control-allow-methods": "GET, PUT",
            "access-control-allow-headers": "x-token, accept, accept-language, content-language, content-type",
            "access-control-max-age": "60",
        }
        assert answer.headers["vary"] == "origin, access-control-request-method, access-control-request-headers"
        assert called == []
        # An OPTIONS request that is none is the app's own affair.
        assert client.options("/own-options", headers={"origin": PAGE}).text == "mine"


@pytest.mark.parametrize(
    ("asked", "detail"),
    [
        (preflight("DELETE"), "Pages of other origins may not use this method."),
        (preflight("GET", "x-other"), "Pages of other origins may not send these headers."),
        (preflight("GET", 'x-token, "a,b"'), "Pages of other origins may not send these headers."),
        (
            preflight("GET", **{"access-control-request-private-network": "true"}),
            "Pages of public sites may not reach this network.",
        ),
    ],
)
def test_a_refused_preflight_says_why(each_backend: Any, asked: dict[str, str], detail: str) -> None:
    with each_backend(shop(methods=["GET"], headers=["X-Token"])) as client:
        answer = client.options("/items", headers=asked)
        assert (answer.status_code, answer.json()["detail"]) == (403, detail)
        assert "access-control-allow-methods" not in answer.headers


def test_any_method_and_header(each_backend: Any) -> None:
    with each_backend(shop(methods=["*"], headers=["*"])) as client:
        lines = cors_lines(client.options("/items", headers=preflight("PURGE", "X-A, X-B")))
        assert (lines["access-control-allow-methods"], lines["access-control-allow-headers"]) == ("PURGE", "x-a, x-b")
        assert client.options("/items", headers=preflight("A B")).status_code == 403


def test_credentials_and_exposed_headers(each_backend: Any) -> None:
    with each_backend(shop(credentials=True, expose=["X-Total"])) as client:
        assert cors_lines(client.get("/items", headers={"origin": PAGE})) == {
            "access-control-allow-origin": PAGE,
            "access-control-allow-credentials": "true",
            "access-control-expose-headers": "x-total",
        }
        assert cors_lines(client.options("/items", headers=preflight()))["access-control-allow-credentials"] == "true"


def test_every_origin(each_backend: Any) -> None:
    with each_backend(shop(origins=["*"])) as client:
        answer = client.get("/items", headers={"origin": "null"})
        assert cors_lines(answer) == {"access-control-allow-origin": "*"}
        assert "vary" not in answer.headers  # the same for all


def test_private_networks(each_backend: Any) -> None:
    with each_backend(shop(private_network=True)) as client:
        asked = preflight(**{"access-control-request-private-network": "true"})
        answer = client.options("/items", headers=asked)
        assert cors_lines(answer)["access-control-allow-private-network"] == "true"
        assert "access-control-request-private-network" in answer.headers["vary"]
        assert "access-control-allow-private-network" not in client.options("/items", headers=preflight()).headers


def test_websockets_are_left_to_the_origin_check(each_backend: Any) -> None:
    app = shop()

    @app.websocket("/live")
    async def live(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send("hello")

    with each_backend(app) as client:
        headers = {"origin": "http://testserver", "access-control-request-method": "GET"}
        with client.websocket("/live", headers=headers) as ws:
            assert ws.receive() == "hello"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"origins": "https://a.example"}, "list of strings"),
        ({"origins": ["https://a.example/"]}, "without a path"),
        ({"origins": ["a.example"]}, "scheme://host"),
        ({"origins": ["null"]}, "scheme://host"),
        ({"origins": ["https://*"]}, "scheme://host"),
        ({"origins": ["*"], "credentials": True}, "list the origins"),
        ({"origins": [], "credentials": True, "expose": ["*"]}, "list the headers"),
        ({"origins": [], "methods": "GET"}, "list of strings"),
        ({"origins": [], "headers": ["X Y"]}, "no name"),
        ({"origins": [], "max_age": -1}, "seconds"),
    ],
)
def test_mistakes_are_found_at_once(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        CORS(**options)
