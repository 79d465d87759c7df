"""ProxyHeaders: what trusted proxies say of a request counts, and not a word more."""

import time
from typing import Any, NamedTuple

import pytest

from hinge import App, ConfigurationError, Middleware, Request, Router, WebSocket
from hinge.middleware import ProxyHeaders, TrustedHosts
from hinge.testing import Client, WebSocketDenied

PROXY, OTHER, CLIENT, SPOOFED = "10.0.0.1", "10.0.0.2", "203.0.113.9", "198.51.100.7"
FOR, PROTO, HOST = "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"
NETWORK: dict[str, Any] = {"trusted": ["10.0.0.0/8", "2001:db8:1::/48"]}

Lines = list[tuple[str, str]]


class Case(NamedTuple):
    """A request, and what it sees: client, scheme and host; by default what the server says."""

    what: str
    options: dict[str, Any]
    lines: Lines
    client: str | None = PROXY
    scheme: str = "http"
    host: str = "inside"
    status: int = 200
    peer: str | None = PROXY


X: list[Case] = [
    Case("no header: the peer asks for itself", NETWORK, []),
    Case(
        "one proxy", NETWORK, [(FOR, CLIENT), (PROTO, "https"), (HOST, "shop.example")], CLIENT, "https", "shop.example"
    ),
    Case("peer not trusted", NETWORK, [(FOR, SPOOFED), (PROTO, "https"), (HOST, "a")], CLIENT, peer=CLIENT),
    Case("spoofed, the proxy appends", NETWORK, [(FOR, f"{SPOOFED}, {CLIENT}")], CLIENT),
    Case("spoofed as a proxy", NETWORK, [(FOR, f"{SPOOFED}, {OTHER}, {CLIENT}")], CLIENT),
    Case("spoofed in a line of its own", NETWORK, [(FOR, SPOOFED), (FOR, CLIENT)], CLIENT),
    Case("chained", NETWORK, [(FOR, f"{SPOOFED},{CLIENT},{OTHER}")], CLIENT),
    Case("chained over lines", NETWORK, [(FOR, SPOOFED), (FOR, f"{CLIENT} , {OTHER}")], CLIENT),
    Case("all are trusted: the first one asks", NETWORK, [(FOR, f"10.9.9.9, {OTHER}")], "10.9.9.9"),
    Case("port", NETWORK, [(FOR, f"{CLIENT}:4711")], f"{CLIENT}:4711"),
    Case("odd port", NETWORK, [(FOR, f"{CLIENT}:99999")], CLIENT),
    Case("IPv6", NETWORK, [(FOR, "2001:DB8::0009")], "2001:db8::9"),
    Case("IPv6 in brackets", NETWORK, [(FOR, "[2001:db8::9]")], "2001:db8::9"),
    Case("IPv6 with a port", NETWORK, [(FOR, "[2001:db8::9]:4711")], "2001:db8::9:4711"),
    Case("IPv6 proxies", NETWORK, [(FOR, f"{CLIENT}, 2001:db8:1::5")], CLIENT, peer="2001:db8:1::7"),
    Case("IPv4 as IPv6", NETWORK, [(FOR, f"::ffff:{CLIENT}, ::ffff:{OTHER}")], CLIENT, peer=f"::ffff:{PROXY}"),
    Case("unknown", NETWORK, [(FOR, "unknown")], None),
    Case("unknown behind a proxy", NETWORK, [(FOR, f"{SPOOFED}, unknown, {OTHER}")], None),
    Case("garbage that a client sent", NETWORK, [(FOR, f"<script>, {CLIENT}")], CLIENT),
    Case("leading zeros are no address", NETWORK, [(FOR, "010.0.0.1")], None),
    Case("a zone is no address of ours", NETWORK, [(FOR, "fe80::1%eth0")], None),
    Case("a name is no address", NETWORK, [(FOR, "localhost")], None),
    Case("empty entry", NETWORK, [(FOR, f"{CLIENT},")], None),
    Case("empty", NETWORK, [(FOR, "")], status=400),
    Case("not ASCII", NETWORK, [(FOR, f"\xe9, {CLIENT}")], status=400),
    Case("scheme alone", NETWORK, [(PROTO, "HTTPS")], PROXY, "https"),
    Case("scheme of a socket", NETWORK, [(FOR, CLIENT), (PROTO, "wss")], CLIENT, "https"),
    Case("scheme appended", NETWORK, [(FOR, CLIENT), (PROTO, "http, https")], CLIENT, "https"),
    Case("scheme of the outer proxy", NETWORK, [(FOR, f"{CLIENT}, {OTHER}"), (PROTO, "https, http")], CLIENT, "https"),
    Case("scheme of one of two", NETWORK, [(FOR, f"{CLIENT}, {OTHER}"), (PROTO, "https")], CLIENT, "https"),
    Case("schemes of two of three", NETWORK, [(FOR, f"{CLIENT},{OTHER},{OTHER}"), (PROTO, "https,https")], CLIENT),
    Case("odd scheme", NETWORK, [(FOR, CLIENT), (PROTO, "gopher")], status=400),
    Case("odd host", NETWORK, [(FOR, CLIENT), (HOST, "a b")], status=400),
    Case(
        "hosts appended",
        NETWORK,
        [(FOR, CLIENT), (HOST, "evil.example, shop.example:8443")],
        CLIENT,
        host="shop.example:8443",
    ),
    Case("the other family", NETWORK, [("forwarded", f"for={SPOOFED};proto=https;host=a")]),
    Case("a name with _", NETWORK, [("x-real-ip", SPOOFED), ("forwarded-for", SPOOFED)]),
    Case("hops", {"hops": 1}, [(FOR, f"{SPOOFED}, {CLIENT}"), (PROTO, "https")], CLIENT, "https"),
    Case("hops, whatever the peer", {"hops": 1}, [(FOR, CLIENT)], CLIENT, peer="192.0.2.200"),
    Case("two hops", {"hops": 2}, [(FOR, f"{SPOOFED}, {CLIENT}, {SPOOFED}"), (PROTO, "https,http")], CLIENT, "https"),
    Case("not by all hops", {"hops": 2}, [(FOR, SPOOFED), (PROTO, "https"), (HOST, "a")]),
    Case("no hop", {"hops": 1}, [(PROTO, "https"), (HOST, "a")]),
    Case("Unix socket", {"trusted": ["unix"]}, [(FOR, CLIENT), (PROTO, "https")], CLIENT, "https", peer=None),
    Case("Unix socket, not trusted", NETWORK, [(FOR, SPOOFED), (PROTO, "https")], None, peer=None),
    Case("an address where unix is trusted", {"trusted": ["unix"]}, [(FOR, SPOOFED)], PROXY),
    Case(
        "Unix socket, then an address", {"trusted": ["unix", PROXY]}, [(FOR, f"{CLIENT}, {PROXY}")], CLIENT, peer=None
    ),
    Case("Unix socket and hops", {"hops": 1}, [(FOR, CLIENT)], CLIENT, peer=None),
    Case("one address", {"trusted": [PROXY]}, [(FOR, f"{SPOOFED}, {OTHER}")], OTHER),
    Case("peer is no address", NETWORK, [(FOR, SPOOFED)], "testclient", peer="testclient"),
]


def forwarded(what: str, value: str | list[str], *told: Any, options: dict[str, Any] = NETWORK, **more: Any) -> Case:
    values = [value] if isinstance(value, str) else value
    return Case(what, options, [("forwarded", one) for one in values], *told, **more)


FORWARDED: list[Case] = [
    forwarded("one proxy", f"for={CLIENT};proto=https;host=shop.example", CLIENT, "https", "shop.example"),
    forwarded("any order and case", f"HOST=a; By=10.0.0.1 ;Proto=https;FOR={CLIENT}", CLIENT, "https", "a"),
    forwarded("peer not trusted", f"for={SPOOFED};proto=https;host=a", CLIENT, peer=CLIENT),
    forwarded("spoofed, the proxy appends", f"for={SPOOFED};host=evil, for={CLIENT};host=shop", CLIENT, "http", "shop"),
    forwarded("in lines", [f"for={SPOOFED}", f"for={CLIENT};proto=https", f"for={OTHER}"], CLIENT, "https"),
    forwarded("scheme of the inner proxy alone", f"for={CLIENT}, for={OTHER};proto=https", CLIENT),
    forwarded("quoted", f'for="{CLIENT}:4711"', f"{CLIENT}:4711"),
    forwarded("IPv6", 'for="[2001:db8::9]"', "2001:db8::9"),
    forwarded("IPv6 with a port", 'for="[2001:db8::9]:80"', "2001:db8::9:80"),
    forwarded("not quoted, as some do", f"for={CLIENT}:80;host=a:81", f"{CLIENT}:80", "http", "a:81"),
    forwarded("escaped", r'for="203.0.\113.9"', CLIENT),
    forwarded("comma and semicolon in quotes", f'for="a,b;c", for={CLIENT}', CLIENT),
    forwarded("obfuscated", 'for="_gazonk"', None),
    forwarded("obfuscated port", f'for="{CLIENT}:_x"', CLIENT),
    forwarded("unknown", "for=unknown;proto=https", None, "https"),
    forwarded("no for", "proto=https;host=a", None, "https", "a"),
    forwarded("empty elements", f", ,for={CLIENT},;,", CLIENT),
    forwarded("extension", f"for={CLIENT};secret=x", CLIENT),
    # a quote that a client leaves open would swallow what the proxy wrote
    forwarded("open quote", [f'for="{SPOOFED}', f"for={CLIENT}"], status=400),
    forwarded("open quote, closed by the proxy's", [f'for={SPOOFED};host="', 'for="[2001:db8::9]"'], status=400),
    forwarded("escaped quote", [f'for="{SPOOFED}\\', f'for="{CLIENT}"'], status=400),
    forwarded("twice", f"for={SPOOFED};for={CLIENT}", status=400),
    forwarded("no pair", "203.0.113.9", status=400),
    forwarded("space around =", f"for = {CLIENT}", status=400),
    forwarded("no value", "for=", status=400),
    forwarded("empty", "", status=400),
    forwarded("nothing but commas", ", ;,", status=400),
    forwarded("not ASCII", f"for=\xe9, for={CLIENT}", status=400),
    forwarded("odd scheme", f"for={CLIENT};proto=gopher", status=400),
    forwarded("odd host", f'for={CLIENT};host="a b"', status=400),
    forwarded("hops", f"for={SPOOFED}, for={CLIENT}, for={OTHER}", CLIENT, options={"hops": 2}),
    forwarded("not by all hops", f"for={SPOOFED};proto=https", options={"hops": 2}),
    forwarded("Unix socket", f"for={CLIENT}", CLIENT, options={"trusted": ["unix"]}, peer=None),
    Case("the other family", NETWORK, [(FOR, SPOOFED), (PROTO, "https"), (HOST, "a")]),
]


def told_by(header: Any, options: dict[str, Any]) -> App:
    app = App(middleware=[ProxyHeaders(header, **options)])

    @app.get("/")
    def index(request: Request) -> list[str | None]:
        client = request.client
        shown = client and (client.host if client.port is None else f"{client.host}:{client.port}")
        return [shown, request.scheme, request.host]

    return app


@pytest.mark.parametrize(("header", "cases"), [("x-forwarded", X), ("forwarded", FORWARDED)], ids=["x", "forwarded"])
def test_every_row(client_for: Any, backend: Any, header: str, cases: list[Case]) -> None:
    found, wanted = [], []
    clients: dict[str, Any] = {}
    for case in cases:
        key = f"{case.options}{case.peer}"
        if key not in clients:
            peer = None if case.peer is None else (case.peer, None)
            clients[key] = client_for(told_by(header, case.options), client=peer, host="inside", scheme=plain(backend))
        answer = clients[key].get("/", headers=case.lines)
        wanted.append([case.what, case.status, [case.client, case.scheme, case.host]])
        found.append([case.what, answer.status_code, answer.json()])
        if case.status != 200:
            found[-1][2], wanted[-1][2] = answer.headers["content-type"], "application/problem+json"
        elif backend.name == "lambda" and case.scheme == "http":
            found[-1][2][1] = "http"  # which its gateway would append
    assert found == wanted


def plain(backend: Any) -> str:
    """Return the scheme of a client that sends no header of its own: on AWS the gateway appends any but https."""
    return "https" if backend.name == "lambda" else "http"


def test_all_that_comes_later_sees_it(client_for: Any) -> None:
    app = App()
    seen: list[Any] = []
    app.middleware(ProxyHeaders("x-forwarded", hops=1))

    @app.middleware
    def note(request: Request) -> Middleware:
        seen.append((request.client and request.client.host, request.host))
        response = yield
        seen.append((request.client and request.client.host, response.status))

    client = client_for(app)
    assert client.get("/nowhere", headers=[(FOR, CLIENT), (HOST, "shop.example")]).status_code == 404
    assert seen == [(CLIENT, "shop.example"), (CLIENT, 404)]


def test_a_websocket_is_wss(each_backend: Any) -> None:
    app = App(middleware=[ProxyHeaders("forwarded", hops=1)])

    @app.websocket("/live")
    async def live(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send(f"{ws.client and ws.client.host} {ws.scheme} {ws.host}")

    headers = {"forwarded": f"for={CLIENT};proto=https;host=shop.example"}
    with each_backend(app) as client, client.websocket("/live", headers=headers) as ws:
        assert ws.receive() == f"{CLIENT} wss shop.example"
    # Pages are compared with the host and the scheme that the proxy tells.
    with each_backend(app) as client:
        with client.websocket("/live", headers=headers | {"origin": "https://shop.example"}) as ws:
            assert ws.receive() == f"{CLIENT} wss shop.example"
        for origin in ("http://shop.example", "http://testserver", "https://evil.example", "null"):
            with (
                pytest.raises(WebSocketDenied) as denied,
                client.websocket("/live", headers=headers | {"origin": origin}),
            ):
                pass
            assert denied.value.response.status_code == 403
        malformed = {"forwarded": 'for="', "origin": "http://testserver"}
        with pytest.raises(WebSocketDenied) as denied, client.websocket("/live", headers=malformed):
            pass
        assert denied.value.response.status_code == 400


@pytest.mark.parametrize("header", ["x-forwarded", "forwarded"])
@pytest.mark.parametrize("piece", ["10.0.0.2,", "for=10.0.0.2,", ",", ";", 'for="', "\\", '"\\', "for=a;", "[", " "])
def test_long_ones_cost_linear_time(header: str, piece: str) -> None:
    """A field of 200 kB is read in milliseconds; what is quadratic takes minutes."""
    app = told_by(header, NETWORK)
    with Client(app, "asgi", client=(PROXY, 1)) as client:
        began = time.perf_counter()
        value = piece * (200_000 // len(piece)) + CLIENT
        client.get("/", headers=[(FOR if header == "x-forwarded" else "forwarded", value.strip())])
    assert time.perf_counter() - began < 10


def placed(where: str) -> App:
    proxies = ProxyHeaders("forwarded", hops=1)
    app, router = App(), Router(middleware=[proxies] if where == "router" else [])
    if where == "second":
        app = App(middleware=[TrustedHosts(["a.example"]), proxies])
    router.get("/", middleware=[proxies] if where == "route" else [])(lambda: "in")
    app.include(router)
    if where == "mounted":
        outer = App()
        outer.mount("/in", app)
        app.middleware(proxies)
        return outer
    return app


@pytest.mark.parametrize("options", [{}, {"hops": 1, "trusted": [PROXY]}])
def test_who_is_trusted_is_said_once(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"says? .*who is trusted. Fix: trusted=\['10.0.0.0/8'\], or hops=1"):
        ProxyHeaders("forwarded", **options)


@pytest.mark.parametrize("where", ["second", "router", "route", "mounted"])
def test_it_is_the_outermost(where: str) -> None:
    with pytest.raises(ConfigurationError, match=r"ProxyHeaders .*Fix: App\(middleware=\[ProxyHeaders\(...\), ...\]\)"):
        placed(where).compile("asgi")
