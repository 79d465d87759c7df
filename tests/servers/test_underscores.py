"""X_Token beside X-Token: CGI's names make one of the two, and a client must not speak in its proxy's place.

What stands here is in docs/deployment.md, and holds for `hinge run` as for Granian.
"""

from pathlib import Path

import pytest
from tests.servers.conftest import Pool
from tests.support.fronts import nginx
from tests.support.ports import free_port
from tests.support.servers import Server
from tests.support.wire import Pairs, Wire, format_request

pytestmark = pytest.mark.server

LETS_THEM_THROUGH = {"granian-wsgi"}
FORGED, TRUE = ("X_Token", "forged"), ("X-Token", "true")


def token(server: Server, *pairs: tuple[str, str]) -> str | None:
    found: str | None = server.request("GET", "/items/1", list(pairs)).json()["token"]
    return found


def test_who_takes_an_underscore_for_a_hyphen(server: Server) -> None:
    forged = {"forged"} if server.name in LETS_THEM_THROUGH else set[str]()
    assert token(server, FORGED) in {None} | forged
    # The later line replaces the earlier one: nothing in the environ shows that there were two.
    assert token(server, TRUE, FORGED) in {"true"} | forged
    assert token(server, FORGED, TRUE) == "true"


def test_who_does_over_http_2(h2_server: Server) -> None:
    headers: Pairs = [(name.lower(), value) for name, value in (TRUE, FORGED)]
    with h2_server.h2() as connection:
        found = connection.request("GET", "/items/1", headers).json()["token"]
    assert found == "true" or h2_server.name in LETS_THEM_THROUGH


NGINX = """\
events {{}}
http {{
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{behind};
            proxy_set_header X-Token true;
        }}
    }}
}}
"""


def test_nginx_drops_them_by_default(pool: Pool, tmp_path: Path) -> None:
    behind, port = pool("granian-wsgi", "served:app").port, free_port()
    with nginx(NGINX.format(port=port, behind=behind), port, tmp_path), Wire(port) as wire:
        wire.send(format_request("GET", "/items/1", [FORGED]))
        assert wire.answer().json()["token"] == "true"
