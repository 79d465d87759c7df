"""TrustedHosts: other hosts are refused, however they are written."""

from typing import Any

import pytest

from hinge import App, ConfigurationError, WebSocket
from hinge.middleware import ProxyHeaders, TrustedHosts
from hinge.testing import WebSocketDenied

HOSTS = [
    "shop.example",
    "*.Example.COM",
    "[::1]",
    "127.0.0.1",
    "api.example:8443",
    "*.in.example:81",
    "root.example.",
    "*.root.example.:82",
]

CASES = {
    "shop.example": 200,
    "SHOP.example": 200,
    "shop.example:8000": 200,
    "shop.example.": 200,
    "shop.example.:8000": 200,
    "a.example.com": 200,
    "a.b.example.com:1": 200,
    "example.com": 400,
    "evilexample.com": 400,
    "a.exampleXcom": 400,
    "shopXexample": 400,
    "shop.example.evil": 400,
    "evil-shop.example": 400,
    "shop.example@evil": 400,
    "shop.example, evil.example": 400,
    "evil.example/shop.example": 400,
    "[::1]": 200,
    "[::1]:80": 200,
    "[::2]": 400,
    "127.0.0.1:9": 200,
    "api.example:8443": 200,
    "api.example.:8443": 200,
    "api.example": 400,
    "api.example:8444": 400,
    "x.in.example:81": 200,
    "x.in.example": 400,
    "x.in.example:8": 400,
    "root.example": 200,
    "root.example.": 200,
    "root.example:1": 200,
    "x.root.example:82": 200,
    "x.root.example": 400,
    "": 400,
    "shop.example:": 400,
    "shop.example:x": 400,
    "shop.example..": 400,
    ".example.com": 400,
}


def app_with(*middleware: Any) -> App:
    app = App(middleware=list(middleware))
    app.get("/")(lambda: "in")
    return app


def test_every_row(client_for: Any) -> None:
    client = client_for(app_with(TrustedHosts(HOSTS)))
    assert {host: client.get("/", headers={"host": host}).status_code for host in CASES} == CASES
    assert client.get("/nowhere", headers={"host": "evil.example"}).status_code == 400


def test_a_proxy_s_word_counts_only_if_it_is_trusted(client_for: Any) -> None:
    app = app_with(ProxyHeaders("x-forwarded", trusted=["192.0.2.1"]), TrustedHosts(["shop.example"]))
    lines = {"host": "inside", "x-forwarded-for": "203.0.113.9", "x-forwarded-host": "shop.example"}
    assert client_for(app, client=("192.0.2.1", 1)).get("/", headers=lines).status_code == 200
    assert client_for(app, client=("192.0.2.2", 1)).get("/", headers=lines).status_code == 400


def test_websockets_are_covered(each_backend: Any) -> None:
    app = app_with(TrustedHosts(["shop.example"]))

    @app.websocket("/live")
    async def live(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send("hello")

    with each_backend(app, host="shop.example") as client, client.websocket("/live") as ws:
        assert ws.receive() == "hello"
    with each_backend(app) as client, pytest.raises(WebSocketDenied), client.websocket("/live"):
        pass


def test_a_name_is_written_as_browsers_send_it() -> None:
    fix = r"it is no host\. Fix: hosts=\['xn--bcher-kva\.example'\], as browsers send it"
    with pytest.raises(ConfigurationError, match=fix):
        TrustedHosts(["b\u00fccher.example"])
