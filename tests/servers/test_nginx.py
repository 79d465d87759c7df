"""The recipes of docs/deploy/nginx.md as they are run: nginx as its own user, in front of Unix sockets."""

import contextlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.fronts import USER, may_change_user, nginx, page_file, public_folder
from tests.support.ports import free_port
from tests.support.servers import Kind, running
from tests.support.wire import Wire, format_request
from websockets.sync.client import connect

DEPLOY = Path(__file__).parents[2] / "docs/deploy"
PAGE, GUNICORN = ((DEPLOY / page).read_text("utf-8") for page in ("nginx.md", "gunicorn.md"))

APP = """\
from hinge import App, WebSocket

app = App()


@app.get("/")
def home() -> str:
    return "home"


@app.websocket("/live/{room}")
async def live(ws: WebSocket, room: str) -> None:
    await ws.accept()
    await ws.send(room)
"""


pytestmark = [
    pytest.mark.server,
    pytest.mark.gate,
    pytest.mark.skipif(
        not may_change_user(),
        reason=f"nginx changes to its own user ({USER}) only for root",
    ),
]


@pytest.fixture
def folder() -> Iterator[Path]:
    path = public_folder()
    (path / "shop.py").write_text(APP)
    yield path
    shutil.rmtree(path)


def hinge_run(folder: Path, name: str, *arguments: str) -> Kind:
    """Return `hinge run` on a socket in the folder, in nginx's group, as the page's systemd unit has it."""
    command = [str(folder / "shop.py"), "--uds", str(folder / name), *arguments]
    return Kind("hinge", "", lambda port, target: ["hinge", "run", *command], uds=str(folder / name), group=USER)


def status(port: int) -> int:
    with Wire(port) as wire:
        wire.send(format_request("GET", "/"))
        return wire.answer().status


def said(port: int) -> object:
    with connect(f"ws://127.0.0.1:{port}/live/hall", origin=f"http://127.0.0.1:{port}") as ws:
        return ws.recv(20)


@pytest.mark.parametrize("mode", [(), ("--uds-mode", "660"), ("--uds-mode", "0600")], ids=["none", "660", "0600"])
def test_nginx_in_front_of_a_socket_needs_its_mode(folder: Path, mode: tuple[str, ...]) -> None:
    port = free_port()
    config = page_file("nginx.md", "nginx.conf").replace("/run/shop", str(folder)).replace("8080", f"127.0.0.1:{port}")
    with (
        running(hinge_run(folder, "shop.sock", *mode), "", folder),
        nginx(config, port, folder, f"user {USER}"),
    ):
        if mode == ("--uds-mode", "660"):
            assert (folder / "shop.sock").stat().st_mode & 0o777 == 0o660
            assert (status(port), said(port)) == (200, "hall")
        else:
            assert status(port) == 502


def test_gunicorns_umask_lets_nginx_in(folder: Path) -> None:
    port, socket = free_port(), folder / "shop.sock"
    words = [
        "--umask",
        "007",
        "--bind",
        f"unix:{socket}",
        "--worker-class",
        "gthread",
        "--chdir",
        str(folder),
        "shop:app",
    ]
    assert "gunicorn --umask 007 --bind unix:shop.sock --worker-class gthread" in GUNICORN
    kind = Kind("gunicorn", "wsgi", lambda port, target: ["gunicorn", *words], uds=str(socket), group=USER)
    config = page_file("nginx.md", "nginx.conf").replace("/run/shop", str(folder)).replace("8080", f"127.0.0.1:{port}")
    with (
        running(kind, "", folder, environ={"HINGE_SKIP_UNSUPPORTED": "true"}),
        nginx(config, port, folder, f"user {USER}"),
    ):
        assert socket.stat().st_mode & 0o777 == 0o770
        assert status(port) == 200


def test_one_app_on_two_sockets(folder: Path) -> None:
    port = free_port()
    locations = page_file("nginx.md", "split.conf").replace("/run/shop", str(folder))
    config = f"events {{}}\nhttp {{\n    server {{\n        listen 127.0.0.1:{port};\n{locations}    }}\n}}\n"
    commands = re.findall(r"hinge run shop:app (.*) --uds (\S+) (.*)", PAGE)
    assert [name for _, name, _ in commands] == ["http.sock", "live.sock"]
    with contextlib.ExitStack() as stack:
        for before, name, after in commands:
            stack.enter_context(running(hinge_run(folder, name, *before.split(), *after.split()), "", folder))
        stack.enter_context(nginx(config, port, folder, f"user {USER}"))
        assert (status(port), said(port)) == (200, "hall")
