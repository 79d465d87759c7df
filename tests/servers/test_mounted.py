"""Applications of other frameworks inside Hinge, under real servers: `mounted_app`."""

import time
from pathlib import Path

import httpx
import pytest
from tests.servers.conftest import Pool
from tests.servers.mounted_app import LIMIT
from tests.support.servers import KINDS, SERVERS, Server, kinds, running
from tests.support.services import services
from tests.support.wire import chunked, format_request, trusting
from websockets.sync.client import connect

pytestmark = [pytest.mark.server, pytest.mark.gate]
NOTICE = 8.0
MOUNTS = pytest.mark.parametrize("mount", ["/wsgi", "/asgi", "/in-wsgi", "/in-asgi"])


@pytest.fixture(params=kinds(among=KINDS))
def mounted(request: pytest.FixtureRequest, pool: Pool) -> Server:
    return pool(request.param, "mounted_app:app")


@MOUNTS
def test_it_sees_the_request_as_it_was_sent(mounted: Server, mount: str) -> None:
    answer = mounted.get(f"{mount}/a%20b/stra%C3%9Fe?q=%41&q=b", **{"x-asked": "yes"})
    told = answer.json()
    path = told["path"] if "asgi" in mount else told["path"].encode("latin-1").decode()
    assert (path, told["root"], told["query"]) == ("/a b/straße", mount, "q=%41&q=b")
    assert (told["x"], told["leak"], told["db"], told["protocol"]) == ("yes", None, "outer", "HTTP/1.1")
    assert answer["x-mounted"] == mount[-4:]
    assert mounted.request("HEAD", f"{mount}/x").body == b""


@MOUNTS
def test_bodies_of_every_length_go_through(mounted: Server, mount: str) -> None:
    for size in (0, 10, 65536, 65537, 1_000_000):
        body = (b"0123456789\n" * (size // 11 + 1))[:size]
        assert mounted.request("POST", f"{mount}/echo", body=body).body == body
        assert mounted.request("POST", f"{mount}/lines", body=body).body == b"%d" % _lines(body, mount)


def _lines(body: bytes, mount: str) -> int:
    return len(body.splitlines()) if "wsgi" in mount else body.count(b"\n")


@MOUNTS
def test_chunked_bodies_go_through(mounted: Server, mount: str) -> None:
    pieces = [b"a" * 70_000, b"b", b"c" * 5]
    with mounted.wire() as wire:
        head = format_request("POST", f"{mount}/echo", [("transfer-encoding", "chunked")])
        wire.send(head + chunked(*pieces))
        assert wire.answer("POST").body == b"".join(pieces)


@pytest.mark.parametrize("mount", ["/in-wsgi", "/in-asgi"])
@pytest.mark.parametrize("kind", kinds(among=KINDS))
def test_its_limit_is_kept(pool: Pool, kind: str, mount: str) -> None:
    mounted = pool(kind, "mounted_app:app")
    # Sent whole: some servers call nobody before.
    assert mounted.request("POST", f"{mount}/lines", body=b"x" * (LIMIT + 1)).status == 413


@MOUNTS
def test_it_ends_when_its_client_leaves(mounted: Server, mount: str, name: str) -> None:
    with mounted.wire() as wire:
        wire.get(f"{mount}/endless/{name}{mount[1:]}")
        assert wire.read_some(wire.head())
    left = time.monotonic()
    (closed,) = mounted.wait_for(f"closed /endless/{name}{mount[1:]}")
    assert closed.time - left < NOTICE


@pytest.mark.parametrize("mount", ["/asgi", "/in-asgi"])
@pytest.mark.parametrize("kind", kinds(lambda kind: kind.interface == "asgi", among=KINDS))
def test_websockets(pool: Pool, kind: str, mount: str) -> None:
    server = pool(kind, "mounted_app:app")
    tls = trusting("http/1.1") if server.kind.tls else None
    with connect(server.websocket_url(f"{mount}/live"), ssl=tls) as ws:
        ws.send("hello")
        assert ws.recv(10) == "/live hello"
    server.wait_for("socket 1")  # which code servers make of 1000 differs


@pytest.mark.parametrize("kind", kinds(lambda kind: kind.stops, among=KINDS))
def test_its_lifespan_is_the_worker_s(kind: str, tmp_path: Path) -> None:
    with running(kind, "mounted_app:app", tmp_path) as server:
        assert server.get("/asgi/x").status == 200
        (started,) = server.wait_for("starts outer")
        server.stop()
        (stopped,) = server.wait_for("stops")
    assert started.pid == stopped.pid


@MOUNTS
@pytest.mark.parametrize("backend", ["wsgi", "asgi"])
def test_its_streams_end_with_the_worker(backend: str, mount: str, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    arguments = ("mounted_app:app", "--backend", backend)
    with services(tmp_path) as serve:
        service = serve(*arguments, cwd=SERVERS, SERVED_JOURNAL=str(journal)).started()
        with httpx.stream("GET", f"{service.url}{mount}/endless/stopped", timeout=20) as response:
            next(response.iter_raw())
            begun = time.monotonic()
            assert service.stop() == 0
            assert time.monotonic() - begun < NOTICE
    notes = [line.split(" ", 2)[2] for line in journal.read_text().splitlines()]
    assert notes == ["starts outer", "closed /endless/stopped", "stops"]
