"""The settings `trusted_proxies` and `proxy_headers`: what `ProxyHeaders` does, for an app that has none."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.support.apps import working_directory

from hinge import App, Config, ConfigurationError, Request, WebSocket
from hinge.cli import main
from hinge.config import resolve_config
from hinge.middleware import ProxyHeaders, TrustedHosts
from hinge.testing import Client, WebSocketDenied

TOLD = {"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https", "x-forwarded-host": "shop.example"}
OTHER = {"forwarded": "for=198.51.100.7;proto=https;host=other.example"}
SEEN = ["203.0.113.9", "https", "shop.example"]
PEER: Any = {"client": ("10.0.0.1", 4711)}


def app_with(config: Config, **options: Any) -> App:
    app = App(config=config, **options)

    @app.get("/")
    def index(request: Request) -> list[str | None]:
        return [request.client and request.client.host, request.scheme, request.host]

    return app


@pytest.mark.parametrize(
    ("config", "peer", "seen"),
    [
        ({"trusted_proxies": ["10.0.0.0/8"]}, ("10.0.0.1", 1), SEEN),
        ({"trusted_proxies": ["unix", "192.0.2.1"]}, None, SEEN),
        ({"trusted_proxies": ["10.0.0.2"]}, ("10.0.0.1", 1), ["10.0.0.1", "http", "inside"]),
        ({}, ("10.0.0.1", 1), ["10.0.0.1", "http", "inside"]),
        (
            {"trusted_proxies": ["10.0.0.1"], "proxy_headers": "forwarded"},
            ("10.0.0.1", 1),
            ["198.51.100.7", "https", "other.example"],
        ),
    ],
)
def test_a_trusted_proxy_is_believed(each_backend: Any, config: dict[str, Any], peer: Any, seen: list[str]) -> None:
    scheme = seen[1] if each_backend.name == "lambda" else "http"  # AWS itself tells it there, in that header
    with each_backend(app_with(Config(**config)), client=peer, scheme=scheme) as client:
        assert client.get("/", headers=TOLD | OTHER | {"host": "inside"}).json() == seen


def test_it_is_around_all_other_middleware_and_mounted_apps(each_backend: Any) -> None:
    config = Config(trusted_proxies=["10.0.0.0/8"])
    app = app_with(config, middleware=[TrustedHosts(["shop.example"])])
    app.mount("/inner", app_with(config))  # its own word is the outer app's, once
    with each_backend(app, **PEER, scheme="https") as client:
        assert client.get("/inner/", headers=TOLD).json() == SEEN
        assert client.get("/nothing", headers=TOLD).status_code == 404
        assert client.get("/").status_code == 400


def test_websockets_are_of_the_host_that_the_proxy_tells() -> None:
    app = App(config=Config(trusted_proxies=["10.0.0.1"]))

    @app.websocket("/live")
    async def live(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send(f"{ws.scheme} {ws.host}")

    page = {"origin": "https://shop.example"}
    with Client(app, **PEER) as client, client.websocket("/live", headers=TOLD | page) as ws:
        assert ws.receive() == "wss shop.example"
    with Client(app, client=("10.0.0.2", 1)) as client:
        connection = client.websocket("/live", headers=TOLD | page)
        with pytest.raises(WebSocketDenied), connection:
            pass


def test_an_app_that_says_it_itself_is_refused(backend: Any) -> None:
    app = app_with(Config(trusted_proxies=["unix"]), middleware=[ProxyHeaders("forwarded", hops=1)])
    with pytest.raises(ConfigurationError) as caught:
        app.compile(backend.name)
    said = str(caught.value)
    assert "ProxyHeaders (" in said
    assert "so does the setting trusted_proxies. Fix: keep one of the two" in said


def test_a_mounted_app_is_not_believed_alone(backend: Any) -> None:
    app = App()
    app.mount("/inner", app_with(Config(trusted_proxies=["unix"])))
    with pytest.raises(ConfigurationError, match="those around it believe nobody"):
        app.compile(backend.name)


def test_explain_shows_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "from hinge import App\napp = App()\n@app.get('/')\ndef index() -> str: ...\n"
    with working_directory(tmp_path, monkeypatch, {"explained": source}):
        monkeypatch.setenv("HINGE_TRUSTED_PROXIES", "unix")
        result = CliRunner().invoke(main, ["explain", "explained"])
    assert "middleware  ProxyHeaders (the setting trusted_proxies)" in result.output


WRONG = [
    ("*", "'*': anybody could say who they are"),
    ("0.0.0.0/0", "'0.0.0.0/0': anybody could say who they are"),
    ("::/0", "anybody could say who they are"),
    ("fe80::1%eth0", "the zone of an address is not compared"),
    ("10.0.0.1/8", "10.0.0.1/8 has host bits set"),
    ("proxy.local", "'proxy.local' does not appear to be an IPv4 or IPv6 network"),
    ("127.0.0.1,UNIX", "'UNIX'"),
]


@pytest.mark.parametrize(("entries", "why"), WRONG)
def test_what_is_no_proxy_is_refused_where_it_was_set(entries: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for say in (
        lambda: resolve_config(None, environ={"HINGE_TRUSTED_PROXIES": entries}),
        lambda: resolve_config(None, environ={}, overrides={"trusted_proxies": entries}),
        lambda: Config(trusted_proxies=entries.split(",")),
    ):
        with pytest.raises(ConfigurationError, match="Fix: addresses or networks, as in 10") as caught:
            say()
        assert why in str(caught.value)
