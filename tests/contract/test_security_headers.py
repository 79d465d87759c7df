"""SecurityHeaders: every answer has them, and a handler's own stay."""

from typing import Any

from hinge import App, Response
from hinge.middleware import SecurityHeaders

ALWAYS = {
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "strict-origin-when-cross-origin",
    "x-frame-options": "DENY",
}
OFF: dict[str, Any] = {"cross_origin_opener_policy": None, "referrer_policy": None, "x_frame_options": None}
NOSNIFF = {"x-content-type-options": "nosniff"}
POLICY = "default-src 'self'"

# (options, scheme, path) -> headers
CASES: list[tuple[dict[str, Any], str, str, dict[str, str]]] = [
    ({}, "http", "/", ALWAYS),
    ({}, "https", "/", ALWAYS),
    ({}, "http", "/nowhere", ALWAYS),
    ({}, "http", "/broken", ALWAYS),
    ({}, "http", "/own", ALWAYS | {"x-frame-options": "SAMEORIGIN"}),
    (OFF, "https", "/", NOSNIFF),
    (OFF | {"hsts": 60}, "http", "/", NOSNIFF),
    (OFF | {"hsts": 60}, "https", "/", NOSNIFF | {"strict-transport-security": "max-age=60"}),
    (OFF | {"hsts": 0}, "https", "/", NOSNIFF | {"strict-transport-security": "max-age=0"}),
    (
        OFF | {"hsts": 60, "hsts_subdomains": True},
        "https",
        "/",
        NOSNIFF | {"strict-transport-security": "max-age=60; includeSubDomains"},
    ),
    (
        OFF | {"content_security_policy": POLICY, "permissions_policy": "camera=()"},
        "http",
        "/",
        NOSNIFF | {"content-security-policy": POLICY, "permissions-policy": "camera=()"},
    ),
]
NAMES = {name for *_, headers in CASES for name in headers}


def test_every_row(client_for: Any) -> None:
    found = []
    for options, scheme, path, _ in CASES:
        app = App(middleware=[SecurityHeaders(**options)])
        app.get("/")(lambda: "in")
        app.get("/own")(lambda: Response("x", headers={"x-frame-options": "SAMEORIGIN"}))
        app.get("/broken")(lambda: 1 / 0)
        headers = client_for(app, scheme=scheme).get(path).headers
        found.append((options, scheme, path, {name: headers[name] for name in NAMES if name in headers}))
    assert found == CASES
