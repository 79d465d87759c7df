"""CSRF: what a page of another site makes a browser send is refused, whatever it says of itself."""

from typing import Any

from hinge import App, Depends, Router, WebSocket
from hinge.middleware import CSRF, ProxyHeaders
from hinge.security import AnyOf, APIKeyCookie, APIKeyHeader, APIKeyQuery, HTTPBasic, HTTPBearer

OURS, OTHER = "https://shop.example", "https://evil.example"
FRIEND = "https://pay.example"


def shop(**options: Any) -> App:
    app = App(middleware=[CSRF(**options)])
    app.route("/", methods=["GET", "POST", "PUT", "PATCH", "DELETE", "PURGE", "TRACE"])(lambda: "in")
    app.post("/hook", csrf=False)(lambda: "in")
    return app


# (what the request has) -> whether it passes: `site` is Sec-Fetch-Site, `origin` Origin; None: it is not there.
UNSAFE: list[tuple[str | None, str | None, bool]] = [
    # Fetch Metadata, every value (W3C "Fetch Metadata Request Headers" section 2.3)
    ("same-origin", OURS, True),
    ("same-origin", None, True),
    ("none", None, True),
    ("none", "null", True),
    ("same-site", OURS, False),
    ("same-site", None, False),
    ("same-site", OTHER, False),
    ("cross-site", OTHER, False),
    ("cross-site", None, False),
    ("cross-site", OURS, False),
    ("cross-site", "null", False),
    ("cross-site", FRIEND, True),
    ("same-site", FRIEND, True),
    # what no browser sends
    ("Same-Origin", OURS, False),
    ("", OURS, False),
    ("same-origin,cross-site", OURS, False),
    ("other", OURS, False),
    # older browsers, and plain http
    (None, OURS, True),
    (None, "https://shop.example:443", True),
    (None, FRIEND, True),
    (None, OTHER, False),
    (None, "null", False),
    (None, "", False),
    (None, "http://shop.example", False),
    (None, "https://shop.example:8443", False),
    (None, "https://shop.example.evil.example", False),
    (None, "https://evilshop.example", False),
    (None, "shop.example", False),
    (None, f"{OURS}, {OTHER}", False),
    (None, f"{OURS}/path", False),
    (None, "https://sub.pay.example", False),
    # no browser
    (None, None, True),
]


def lines(site: str | None, origin: str | None) -> dict[str, str]:
    found = {"sec-fetch-site": site, "origin": origin}
    return {name: value for name, value in found.items() if value is not None}


def test_every_row(client_for: Any) -> None:
    client = client_for(shop(trusted_origins=[FRIEND]), scheme="https", host="shop.example")
    found = [(site, origin, client.post("/", headers=lines(site, origin)).status_code) for site, origin, _ in UNSAFE]
    assert found == [(site, origin, 200 if passes else 403) for site, origin, passes in UNSAFE]


def test_methods_routes_and_hosts(client_for: Any) -> None:
    client = client_for(shop(), host="shop.example:8000")
    cross = lines("cross-site", OTHER)
    found = {method: client.request(method, "/", headers=cross).status_code for method in ("GET", "HEAD", "TRACE")}
    assert found == {"GET": 200, "HEAD": 200, "TRACE": 200}
    assert client.options("/", headers=cross).status_code == 204
    for method in ("POST", "PUT", "PATCH", "DELETE", "PURGE"):
        answer = client.request(method, "/", headers=cross)
        assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")
    assert client.post("/hook", headers=cross).text == "in"
    assert client.post("/nowhere", headers=cross).status_code == 403
    # A proxy may have ended the encryption: the page is https, the request is not.
    assert client.post("/", headers=lines(None, "https://shop.example:8000")).status_code == 200
    assert client.post("/", headers=lines(None, "http://shop.example:8000")).status_code == 200
    assert client.post("/", headers=lines(None, "http://shop.example")).status_code == 403
    assert client.post("/", headers={"origin": OURS, "host": "a b"}).status_code == 400


def test_a_router_or_a_route_alone_and_trusted_subdomains(client_for: Any) -> None:
    app, router = App(), Router("/in", middleware=[CSRF(trusted_origins=["https://*.pay.example"])])
    router.post("/a")(lambda: "a")
    router.post("/b", csrf=False)(lambda: "b")
    app.post("/out")(lambda: "out")
    app.include(router)
    client = client_for(app)
    cross = lines("cross-site", OTHER)
    found = [client.post(path, headers=cross).status_code for path in ("/in/a", "/in/b", "/out")]
    assert found == [403, 200, 200]
    assert client.post("/in/a", headers=lines("cross-site", "https://x.pay.example")).status_code == 200
    assert client.post("/in/a", headers=lines("cross-site", "https://pay.example")).status_code == 403


def test_ours_is_what_a_trusted_proxy_says(client_for: Any, backend: Any) -> None:
    app = App(middleware=[ProxyHeaders("x-forwarded", hops=1), CSRF()])
    app.post("/")(lambda: "in")
    # The gateway of AWS appends its own scheme, if that is not https.
    client = client_for(app, host="inside:8000", scheme="https" if backend.name == "lambda" else "http")
    told = {"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https", "x-forwarded-host": "shop.example"}
    assert client.post("/", headers=told | {"origin": OURS}).status_code == 200
    assert client.post("/", headers=told | {"origin": "http://shop.example"}).status_code == 403
    assert client.post("/", headers=told | {"origin": "http://inside:8000"}).status_code == 403


def test_websockets_are_left_to_the_origin_check(each_backend: Any) -> None:
    app = shop()

    @app.websocket("/live")
    async def live(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send("hello")

    with each_backend(app) as client, client.websocket("/live", headers={"sec-fetch-site": "cross-site"}) as ws:
        assert ws.receive() == "hello"


HEADER, COOKIE = APIKeyHeader("x-key"), APIKeyCookie("session")
INSTEAD, SAME = HTTPBearer(title="instead"), HTTPBearer(title="same")
# (what a route wants) -> whether pages of other sites may ask, since they cannot serve it.
WANTED: dict[str, tuple[list[Any], bool]] = {
    "a token": ([HTTPBearer()], True),
    "a key in a header": ([HEADER], True),
    "one of two headers": ([AnyOf(HTTPBearer(), HEADER)], True),
    "a token beside a cookie": ([HTTPBearer(), COOKIE], True),
    "a cookie": ([COOKIE], False),
    "a query": ([APIKeyQuery("key")], False),
    "a name and a password (Basic), which browsers send": ([HTTPBasic()], False),
    "a token or a cookie": ([AnyOf(HTTPBearer(), COOKIE)], False),
    "a token that may be left out": ([HTTPBearer(optional=True)], False),
    "a ticket of Kerberos (Negotiate), which browsers send": ([HTTPBearer(scheme="Negotiate")], False),
    "a token (NTLM), which browsers send": ([HTTPBearer(scheme="ntlm")], False),
    "a key where browsers have something": ([APIKeyHeader("Origin")], False),
    "a key that a proxy writes": ([APIKeyHeader("x-forwarded-user")], False),
    "a header or one that browsers have": ([AnyOf(HEADER, APIKeyHeader("origin"))], False),
    "a token in whose place is a cookie": ([INSTEAD], False),
    "a token in whose place is another one": ([SAME], True),
    "nothing": ([], False),
}


def test_routes_for_credentials_that_no_browser_sends(client_for: Any) -> None:
    app = App(middleware=[CSRF()], overrides={INSTEAD: AnyOf(HTTPBearer(), COOKIE), SAME: HTTPBearer()})
    for number, (schemes, _) in enumerate(WANTED.values()):
        app.post(f"/{number}", name=str(number), dependencies=[Depends(one) for one in schemes])(lambda: "in")
    client = client_for(app)
    serving = {"authorization": "Bearer t", "x-key": "k", "cookie": "session=s", "x-forwarded-user": "ada"}
    for number, (what, (_, passes)) in enumerate(WANTED.items()):
        headers = lines("cross-site", OTHER) | serving
        headers |= {"authorization": f"{word} YTpi" for word in ("Basic", "Negotiate", "NTLM") if f"({word})" in what}
        assert client.post(f"/{number}?key=k", headers=headers).status_code == (200 if passes else 403), what
