"""CORS: pages of other origins get what was allowed, on every answer, and nothing else."""

from typing import Any

import pytest

from hinge import App, ConfigurationError, HTTPError, Middleware, Request, Response, Router, WebSocket
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
        # So a cache may hand what it keeps for one to another.
        assert cors_lines(client.get("/items")) == {"access-control-allow-origin": "*"}
        answer = client.options("/items", headers=preflight("GET", origin="null"))
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, "*")


@pytest.mark.parametrize(
    ("listed", "asked", "status"),
    [
        ("put", "PUT", 204),  # browsers write the six standard methods in capitals
        ("delete", "DELETE", 204),
        ("bar", "bar", 204),
        ("bar", "BAR", 403),
        ("patch", "PATCH", 403),  # not one of the six
        ("patch", "patch", 204),
    ],
)
def test_methods_keep_their_case(each_backend: Any, listed: str, asked: str, status: int) -> None:
    with each_backend(shop(methods=[listed])) as client:
        answer = client.options("/items", headers=preflight(asked))
        assert (answer.status_code, answer.headers.get("access-control-allow-methods")) == (
            status,
            asked if status == 204 else None,
        )


def routed() -> App:
    """Return an app with CORS on a router, on a route and on neither, some at one path."""
    app, router = App(), Router("/api", middleware=[CORS(origins=[PAGE], methods=["GET", "PUT"], headers=["x-token"])])
    other = CORS(origins=["https://other.example"], methods=["POST"])

    @router.get("/items")
    def items() -> str:
        return "items"

    @router.put("/items/{name}")
    def item(name: int) -> str:
        return str(name)

    @app.post("/api/items", middleware=[other])
    def more() -> str:
        return "more"

    @app.delete("/api/items")
    def fewer() -> str:
        return "fewer"

    @app.get("/plain")
    def plain() -> str:
        return "plain"

    @app.get("/own", middleware=[CORS(origins=[PAGE])])
    def own() -> str:
        return "own"

    @app.options("/own")
    def own_options() -> str:
        return "mine"

    app.include(router)
    return app


@pytest.mark.parametrize(
    ("path", "method", "origin", "status", "allowed"),
    [
        ("/api/items", "GET", PAGE, 204, PAGE),
        ("/api/items", "HEAD", PAGE, 403, None),
        ("/api/items", "GET", "https://other.example", 403, None),
        ("/api/items", "POST", "https://other.example", 204, "https://other.example"),
        ("/api/items", "POST", PAGE, 403, None),
        ("/api/items", "DELETE", PAGE, 204, None),
        ("/api/items", "PURGE", PAGE, 204, None),
        ("/api/items/7", "PUT", PAGE, 204, PAGE),
        ("/api/items/x", "PUT", PAGE, 204, PAGE),
        ("/plain", "GET", PAGE, 204, None),
        ("/own", "GET", PAGE, 204, PAGE),
    ],
)
def test_a_preflight_is_answered_by_the_route_that_it_asks_for(
    each_backend: Any, path: str, method: str, origin: str, status: int, allowed: str | None
) -> None:
    with each_backend(routed()) as client:
        answer = client.options(path, headers=preflight(method, origin=origin))
        assert (answer.status_code, answer.headers.get("access-control-allow-origin")) == (status, allowed)
        if allowed is None and status == 204:
            assert "allow" in answer.headers  # nobody is asked, so it is an OPTIONS request like others


def test_a_route_with_cors_keeps_its_own_answer_to_options(each_backend: Any) -> None:
    with each_backend(routed()) as client:
        assert client.options("/own", headers={"origin": PAGE}).text == "mine"
        answer = client.options("/api/items")
        assert (answer.status_code, answer.headers["allow"]) == (204, "DELETE, GET, HEAD, OPTIONS, POST")


def test_a_preflight_passes_the_route_s_other_middleware_by(each_backend: Any) -> None:
    app = App()

    def signed_in(request: Request) -> Middleware:
        if "authorization" not in request.headers:
            raise HTTPError(401)
        yield

    @app.get("/items", middleware=[signed_in, CORS(origins=[PAGE], headers=["authorization"])])
    def items() -> str:
        return "items"

    with each_backend(app) as client:
        assert client.options("/items", headers=preflight("GET", "authorization")).status_code == 204
        assert client.get("/items", headers={"origin": PAGE}).status_code == 401


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
        ({"origins": "https://a.example"}, "list of texts"),
        ({"origins": ["https://a.example/"]}, "without a path"),
        ({"origins": ["a.example"]}, "scheme://host"),
        ({"origins": ["null"]}, "scheme://host"),
        ({"origins": ["https://*"]}, "scheme://host"),
        ({"origins": ["*"], "credentials": True}, "list the origins"),
        ({"origins": [], "credentials": True, "expose": ["*"]}, "list the headers"),
        ({"origins": [], "methods": "GET"}, "list of texts"),
        ({"origins": [], "headers": ["X Y"]}, "no name"),
        ({"origins": [], "max_age": -1}, "whole number from 0"),
    ],
)
def test_mistakes_are_found_at_once(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        CORS(**options)


@pytest.mark.parametrize("origin", ["*", "null", ""])
def test_a_star_that_is_sent_is_no_origin(each_backend: Any, origin: str) -> None:
    with each_backend(shop(credentials=True)) as client:
        answer = client.get("/items", headers={"origin": origin})
    assert (cors_lines(answer), answer.headers["vary"]) == ({}, "origin")
