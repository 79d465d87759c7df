"""Uploads under `hinge run`, on every backend: memory does not grow with them, and no file stays behind."""

import hashlib
import os
import sys
from pathlib import Path

import pytest
from tests.contract.forms import MULTIPART, closed, file
from tests.support.servers import Kind, Server, running
from tests.support.waiting import until

from hinge.backend.installed import installed_backends

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what a process holds is read from /proc"),
]
if os.environ.get("CI") != "true":
    pytest.importorskip("multipart")

SIZE = 30 * 2**20
GROWTH = 12 * 1024
"""KiB that a process may grow by, whatever the upload's size: what is held, what is on its way, what Python keeps."""


def hinge_run(backend: str) -> Kind:
    return Kind(
        f"hinge-{backend}",
        backend,
        lambda port, target: ["hinge", "run", "--backend", backend, "--port", str(port), target],
    )


def peak(server: Server) -> int:
    return int(server.get("/peak").text)


def send_head(wire, path: str, length: int) -> None:
    wire.send(
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {MULTIPART['content-type']}\r\n"
        f"Content-Length: {length}\r\n\r\n".encode()
    )


@pytest.mark.parametrize("backend", installed_backends())
def test_an_upload_does_not_fill_the_memory_and_leaves_nothing_behind(backend: str, tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    begin, end = closed(file("f", "large", b"@")).split(b"@")
    piece = os.urandom(2**20)
    digest = hashlib.sha256(piece * (SIZE // len(piece))).hexdigest()
    length = len(begin) + SIZE + len(end)
    with running(hinge_run(backend), "uploads:app", tmp_path, environ={"TMPDIR": str(temporary)}) as server:
        for path in ("/def", "/async"):
            small = closed(file("f", "small", b"abc" * 10**6))  # what is imported and allocated once
            assert server.request("POST", path, MULTIPART, small).json()[:2] == ["small", 3 * 10**6]
        before = peak(server)
        for path in ("/def", "/async"):
            with server.wire() as wire:
                send_head(wire, path, length)
                wire.send(begin)
                for _ in range(SIZE // len(piece)):
                    wire.send(piece)
                wire.send(end)
                assert wire.answer("POST").json() == ["large", SIZE, digest]
        grown = peak(server) - before
        assert grown < GROWTH, f"{grown} KiB for an upload of {SIZE // 1024}"
        with server.wire() as wire:  # one that leaves in the middle
            send_head(wire, "/def", length)
            wire.send(begin)
            for _ in range(4):
                wire.send(piece)
            until(lambda: server.get("/temporary").text == "1", "a part of the upload is on the disk", server.log)
            wire.abort()
        until(lambda: server.get("/temporary").text == "0", "the temporary files are gone", server.log)
        assert [*temporary.iterdir()] == []
        assert "Traceback" not in server.log()
    assert [*temporary.iterdir()] == []
