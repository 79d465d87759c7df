"""Security schemes under `hinge run`, on every backend: the order of refusals, challenges, uploads, handshakes."""

from pathlib import Path

import pytest
from tests.support.servers import Kind, running
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from hinge.backend.installed import installed_backends

pytestmark = [pytest.mark.server, pytest.mark.gate]

BEARER = 'Bearer realm="api"'
GRANTED, OTHER = "Bearer ada:write", "Bearer ada:read"
TICKETS = 'ApiKey in="cookie", name="session", ApiKey in="query", name="ticket"'
JSON = {"content-type": "application/json"}


def hinge_run(backend: str) -> Kind:
    return Kind(
        f"hinge-{backend}",
        backend,
        lambda port, target: ["hinge", "run", "--backend", backend, "--port", str(port), target],
    )


@pytest.mark.parametrize("backend", [name for name in ("wsgi", "asgi", "rsgi") if name in installed_backends()])
def test_who_is_let_in(backend: str, tmp_path: Path) -> None:
    with running(hinge_run(backend), "secured:app", tmp_path) as server:
        assert server.get("/me", authorization="Bearer ada:").text == "ada"
        for headers, challenge in (
            ({}, BEARER),
            ({"authorization": "Bearer eve"}, f'{BEARER}, error="invalid_token"'),
            ({"authorization": "Bearer a b"}, f'{BEARER}, error="invalid_token"'),
        ):
            answer = server.get("/me", **headers)
            assert (answer.status, answer["www-authenticate"]) == (401, challenge)
        for target, headers, body, status in (
            ("/items/x?size=y", {}, b"{", 404),
            ("/items/3?size=y", {}, b"x" * 60_000, 401),
            ("/items/3?size=y", {"authorization": GRANTED}, b"{", 422),
            ("/items/3?size=1", {"authorization": OTHER}, b"x" * 60_000, 403),
            ("/items/3?size=1", {"authorization": GRANTED}, b"{", 400),
            ("/items/3?size=1", {"authorization": GRANTED}, b'{"name":"lamp"}', 200),
        ):
            assert server.request("POST", target, {**JSON, **headers}, body).status == status, (target, headers)
        if backend == "asgi":
            with connect(server.websocket_url("/chat?ticket=t")) as ws:
                assert ws.recv(20) == "t"
            with connect(server.websocket_url("/chat"), additional_headers={"cookie": "session=s"}) as ws:
                assert ws.recv(20) == "s"
            with pytest.raises(InvalidStatus) as refused, connect(server.websocket_url("/chat")):
                pass
            response = refused.value.response
            assert response.status_code == 401
            assert ", ".join(response.headers.get_all("www-authenticate")) == TICKETS
