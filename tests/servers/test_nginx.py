"""The recipes of docs/deployment.md as they are run: nginx as its own user, in front of Unix sockets."""

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.servers.nginx import nginx
from tests.support.ports import free_port
from tests.support.servers import Kind, running
from tests.support.wire import Wire, format_request
from websockets.sync.client import connect

USER = "www-data"
PAGE = (Path(__file__).parents[2] / "docs" / "deployment.md").read_text("utf-8")

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


def _has_user() -> bool:
    import pwd

    with contextlib.suppress(KeyError):
        return bool(pwd.getpwnam(USER))
    return False


pytestmark = [
    pytest.mark.server,
    pytest.mark.gate,
    pytest.mark.skipif(
        os.name != "posix" or os.geteuid() != 0 or not _has_user(),
        reason=f"nginx changes to its own user ({USER}) only for root",
    ),
]


def recipe(name: str) -> str:
    """Return a file that the page shows."""
    found = re.search(rf"<!-- file: {re.escape(name)} -->\n```nginx\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder that everybody may search, which pytest's are not."""
    path = Path(tempfile.mkdtemp(dir="/tmp"))
    path.chmod(0o755)
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
    config = recipe("nginx.conf").replace("/run/shop", str(folder)).replace("8080", f"127.0.0.1:{port}")
    with (
        running(hinge_run(folder, "shop.sock", *mode), "", folder),
        nginx(config, port, folder, f"user {USER}"),
    ):
        if mode == ("--uds-mode", "660"):
            assert (folder / "shop.sock").stat().st_mode & 0o777 == 0o660
            assert (status(port), said(port)) == (200, "hall")
        else:
            assert status(port) == 502


def test_one_app_on_two_sockets(folder: Path) -> None:
    port = free_port()
    locations = recipe("split.conf").replace("/run/shop", str(folder))
    config = f"events {{}}\nhttp {{\n    server {{\n        listen 127.0.0.1:{port};\n{locations}    }}\n}}\n"
    commands = re.findall(r"hinge run shop:app (.*) --uds (\S+) (.*)", PAGE)
    assert [name for _, name, _ in commands] == ["http.sock", "live.sock"]
    with contextlib.ExitStack() as stack:
        for before, name, after in commands:
            stack.enter_context(running(hinge_run(folder, name, *before.split(), *after.split()), "", folder))
        stack.enter_context(nginx(config, port, folder, f"user {USER}"))
        assert (status(port), said(port)) == (200, "hall")
