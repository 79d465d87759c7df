"""HTTPSRedirect: plain requests are sent to https, and nowhere else."""

from typing import Any

import pytest

from hinge import App, WebSocket
from hinge.middleware import HTTPSRedirect, ProxyHeaders
from hinge.testing import WebSocketDenied

# (options, Host, target) -> Location
CASES: list[tuple[dict[str, Any], str, str, str]] = [
    ({}, "shop.example", "/", "https://shop.example/"),
    ({}, "Shop.example:8000", "/a%20b/%C3%A9?x=1&y=%2F", "https://shop.example/a%20b/%C3%A9?x=1&y=%2F"),
    ({}, "[::1]:80", "/", "https://[::1]/"),
    ({}, "[::1]", "/", "https://[::1]/"),
    ({"port": 8443}, "shop.example", "/", "https://shop.example:8443/"),
    ({"host": "www.shop.example"}, "evil.example", "/in", "https://www.shop.example/in"),
    ({"host": "[::1]", "port": 444}, "x", "/", "https://[::1]:444/"),
    ({}, "shop.example", "//evil.example/", "https://shop.example/evil.example/"),
    ({}, "shop.example", "/nowhere", "https://shop.example/nowhere"),
]


def app_with(*middleware: Any) -> App:
    app = App(middleware=list(middleware))
    app.route("/", methods=["GET", "POST"])(lambda: "in")
    return app


def test_every_row(client_for: Any) -> None:
    found = []
    for options, host, target, _ in CASES:
        answer = client_for(app_with(HTTPSRedirect(**options))).get(target, headers={"host": host})
        found.append((options, host, target, answer.status_code, answer.headers.get("location")))
    assert found == [(options, host, target, 308, location) for options, host, target, location in CASES]


def test_what_is_not_redirected(client_for: Any, backend: Any) -> None:
    secure = client_for(app_with(HTTPSRedirect()), scheme="https")
    assert secure.post("/").text == "in"
    plain = client_for(app_with(HTTPSRedirect()))
    for host in ("", "a b", "a@b", "a, b", "a/b"):
        assert plain.get("/", headers={"host": host}).status_code == 400
    app = app_with(ProxyHeaders("x-forwarded", hops=1), HTTPSRedirect())
    behind = client_for(app, scheme="https" if backend.name == "lambda" else "http")  # whose gateway appends its own
    told = {"x-forwarded-for": "203.0.113.9", "x-forwarded-host": "shop.example"}
    assert behind.get("/", headers=told | {"x-forwarded-proto": "https"}).text == "in"
    answer = behind.get("/", headers=told | {"x-forwarded-proto": "http"})
    assert (answer.status_code, answer.headers["location"]) == (308, "https://shop.example/")


def test_a_mount_prefix_stays(client_for: Any) -> None:
    client = client_for(app_with(HTTPSRedirect()), prefix="/below")
    assert client.get("/x").headers["location"] == "https://testserver/below/x"


def test_a_plain_websocket_is_denied(each_backend: Any) -> None:
    app = app_with(HTTPSRedirect())

    @app.websocket("/live")
    async def live(ws: WebSocket) -> None:
        await ws.accept()

    with each_backend(app) as client, pytest.raises(WebSocketDenied) as denied, client.websocket("/live"):
        pass
    assert denied.value.response.status_code == 308
