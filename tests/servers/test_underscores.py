"""X_Token beside X-Token: CGI's names make one of the two, and a client must not speak in its proxy's place.

What stands here is in docs/deployment.md, and holds for `hinge run` as for Granian.
"""

import contextlib
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.servers.conftest import Pool
from tests.servers.harness import H2, PATIENCE, Pairs, Server, Wire, format_request, free_port, until

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
    with H2(h2_server.port) as connection:
        found = connection.request("GET", "/items/1", headers).json()["token"]
    assert found == "true" or h2_server.name in LETS_THEM_THROUGH


NGINX = """\
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
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
    executable = shutil.which("nginx")
    if executable is None:
        pytest.skip("nginx is not installed")
    behind, port = pool("granian-wsgi", "served:app").port, free_port()
    config = tmp_path / "nginx.conf"
    config.write_text(NGINX.format(folder=tmp_path, port=port, behind=behind))
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([executable, "-p", str(tmp_path), "-c", str(config)], stderr=log)
    try:
        answers = until(lambda: ask(port), "nginx listens", (tmp_path / "log").read_text)
        assert answers == "true"
    finally:
        process.terminate()
        process.wait(PATIENCE)


def ask(port: int) -> str | None:
    """Return the token that arrives behind the proxy, None while it does not listen."""
    with contextlib.suppress(OSError), Wire(port) as wire:
        wire.send(format_request("GET", "/items/1", [FORGED]))
        found: str = wire.answer().json()["token"]
        return found
    return None
