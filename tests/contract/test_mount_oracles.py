"""What is mounted answers as the adapters that people have for it: a2wsgi and asgiref."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from tests.contract.test_mount_foreign import asgi_app, mounted, wsgi_app, wsgi_corners
from tests.support import asgi, wsgi

from hinge.testing import Client

pytestmark = pytest.mark.gate
BODY = b"a\nb\n" * 20_000
FRAMING = {"content-length", "transfer-encoding"}
ASKS = [
    ("GET", "/stream", b""),
    ("GET", "/teapot", b""),
    ("PROPFIND", "/teapot", b""),
    ("POST", "/echo", b""),
    ("POST", "/echo", b"short"),
    ("POST", "/echo", BODY),
    ("POST", "/lines", BODY),
]
"""What the application of each protocol in test_mount_foreign is asked."""
CORNERS = ["/late", "/written", "/closing"]
Told = tuple[int, list[tuple[str, str]], bytes]


def under_asgi(application: Any, method: str, path: str, body: bytes) -> Told:
    more = {"root_path": "/old", "method": method, "scheme": "http", "server": ("testserver", 80)}
    more |= {"headers": [(b"host", b"testserver"), (b"content-length", b"%d" % len(body))], "client": None}
    peer = asgi.ask(application, f"/old{path}", {"type": "http.request", "body": body, "more_body": False}, **more)
    lines = [(name.decode().lower(), value.decode()) for name, value in peer.sent[0]["headers"]]
    return peer.status, sorted(line for line in lines if line[0] not in FRAMING), peer.body


def under_wsgi(application: Any, method: str, path: str, body: bytes) -> Told:
    lines: list[Any] = []
    more = {"SCRIPT_NAME": "/old", "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}
    more |= {"SERVER_NAME": "testserver", "SERVER_PORT": "80", "REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "testserver"}
    answer = application(wsgi.environ(path, method, **more), lambda *told: lines.extend(told))
    try:
        content = b"".join(answer)
    finally:
        answer.close()
    found = [(name.lower(), value) for name, value in lines[1]]
    return int(lines[0][:3]), sorted(line for line in found if line[0] not in FRAMING), content


def in_hinge(application: Any, interface: str, backend: str, around: str, ask: tuple[str, str, bytes]) -> Told:
    method, path, body = ask
    with Client(mounted(interface, around, app=application), backend) as client:
        response = client.request(method, f"/old{path}", content=body)
    lines = [line for line in response.headers.multi_items() if line[0] not in FRAMING]
    return response.status_code, sorted(lines), response.content


def a2wsgi_of_wsgi(application: Any) -> Any:
    from a2wsgi import WSGIMiddleware

    return WSGIMiddleware(application)


def asgiref_of_wsgi(application: Any) -> Any:
    from asgiref.wsgi import WsgiToAsgi

    return WsgiToAsgi(application)


def a2wsgi_of_asgi(application: Any) -> Any:
    from a2wsgi import ASGIMiddleware

    return ASGIMiddleware(application)


@pytest.mark.parametrize("around", ["nothing", "limit"])
@pytest.mark.parametrize("adapter", [a2wsgi_of_wsgi, asgiref_of_wsgi])
@pytest.mark.parametrize("ask", [*ASKS, *(("GET", path, b"") for path in CORNERS)])
def test_a_wsgi_application(adapter: Callable[[Any], Any], around: str, ask: tuple[str, str, bytes]) -> None:
    application = wsgi_corners([]) if ask[1] in CORNERS else wsgi_app
    around = "nothing" if len(ask[2]) > 1000 else around  # which is the limit
    if adapter is asgiref_of_wsgi and ask[1] == "/written":
        pytest.skip("asgiref has no write()")
    expected = under_asgi(adapter(application), *ask)
    for backend in ("wsgi", "asgi"):
        assert in_hinge(application, "wsgi", backend, around, ask) == expected, backend


@pytest.mark.parametrize("around", ["nothing", "limit"])
@pytest.mark.parametrize("ask", ASKS)
def test_an_asgi_application(around: str, ask: tuple[str, str, bytes]) -> None:
    around = "nothing" if len(ask[2]) > 1000 else around
    expected = under_wsgi(a2wsgi_of_asgi(asgi_app), *ask)
    for backend in ("wsgi", "asgi"):
        assert in_hinge(asgi_app, "asgi", backend, around, ask) == expected, backend
