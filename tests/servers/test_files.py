"""Large files over sockets, under the WSGI servers that send them themselves (`wsgi.file_wrapper`)."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.servers import Server, running
from tests.support.waiting import until
from tests.support.wire import Answer, Pairs, Wire, format_request

pytestmark = [
    pytest.mark.gate,
    pytest.mark.server,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what a process holds is read from /proc"),
]

SIZE = 2**20
ENDLESS = 64 * 2**20
"""More than the buffers between a server and a client who does not read."""


@dataclass(frozen=True)
class Site:
    """A running server and what it serves."""

    server: Server
    address: int | str
    folder: Path
    bodies: frozenset[str]
    """The types of a body that the server may send itself: one of its own, or ours if it does not any more."""

    def wire(self) -> Wire:
        return Wire(self.address)

    def ask(self, method: str, target: str, headers: Pairs = ()) -> Answer:
        with self.wire() as wire:
            wire.send(format_request(method, target, headers))
            return wire.answer(method)

    def content(self) -> bytes:
        content = os.urandom(SIZE)
        (self.folder / "file").write_bytes(content)
        return content

    def endless(self) -> Path:
        path = self.folder / "file"
        path.write_bytes(b"")
        os.truncate(path, ENDLESS)
        return path


OURS = ("generator", "Stream")
"""What is iterated where Hinge sends a file."""


@pytest.fixture(scope="module", params=["gunicorn", "waitress"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    place = tmp_path_factory.mktemp("f")
    folder = place / "site"
    folder.mkdir()
    socket = str(place / "s")
    by_socket = request.param == "gunicorn"
    extra = ("-b", f"unix:{socket}") if by_socket else ()
    with running(request.param, "files:app", place, *extra, environ={"SERVED_FOLDER": str(folder)}) as server:
        body = "FileWrapper" if by_socket else "ReadOnlyFileBasedBuffer"
        yield Site(server, socket if by_socket else server.port, folder, frozenset({body, *OURS}))


def test_a_file_and_its_parts_arrive_on_one_connection(site: Site) -> None:
    content = site.content()
    with site.wire() as wire:
        for headers, status, expected in (
            ({}, 200, content),
            ({"Range": f"bytes=1000-{SIZE - 1001}"}, 206, content[1000:-1000]),
            ({"Range": f"bytes=-{SIZE // 2}"}, 206, content[SIZE // 2 :]),
            ({}, 200, content),
        ):
            wire.send(format_request("GET", "/static/file", headers))
            answer = wire.answer()
            assert (answer.status, answer.framing) == (status, "length")
            assert answer["x-body"] in site.bodies
            assert answer.body == expected


def test_what_has_no_body_or_a_small_one_or_work_behind_it_is_sent_from_here(site: Site) -> None:
    content = site.content()
    head = site.ask("HEAD", "/static/file")
    assert (head.status, head["content-length"], head["x-body"] in OURS, head.body) == (200, str(SIZE), True, b"")
    assert site.ask("GET", "/static/file", {"If-None-Match": head["etag"] or ""}).status == 304
    part = site.ask("GET", "/static/file", {"Range": "bytes=5-9"})
    assert (part.status, part["x-body"] in OURS, part.body) == (206, True, content[5:10])
    after = site.ask("GET", "/after/file")
    assert (after["x-body"] in OURS, after.body) == (True, content)


def test_over_tcp_gunicorn_sends_no_file_itself(site: Site) -> None:
    content = site.content()
    answer = site.server.get("/static/file")
    assert answer["x-body"] in (OURS if site.server.name == "gunicorn" else site.bodies)
    assert answer.body == content


def test_what_is_appended_while_it_is_sent_is_left_out(site: Site) -> None:
    path = site.endless()
    with site.wire() as wire:
        wire.get("/static/file")
        wire.head()
        with path.open("ab") as file:
            file.write(b"more")
        for _ in range(ENDLESS // SIZE):
            assert wire.exactly(SIZE) == bytes(SIZE)
        wire.get("/open")  # what follows is the next answer
        assert wire.answer().status == 200


def test_a_file_that_becomes_shorter_cuts_the_connection(site: Site) -> None:
    path = site.endless()
    with site.wire() as wire:
        wire.get("/static/file")
        wire.head()
        os.truncate(path, ENDLESS // 2)
        received = 0
        while data := wire.exactly(SIZE):
            received += len(data)
        assert received < ENDLESS
    site.server.wait_for_log("became shorter while it was sent")
    until(lambda: site.server.get("/open").text == "0", "the file is closed", site.server.log)


def test_a_client_that_leaves_leaves_no_file_open(site: Site) -> None:
    site.endless()
    with site.wire() as wire:
        wire.get("/static/file")
        wire.head()
        assert site.server.get("/open").text == "1"
    until(lambda: site.server.get("/open").text == "0", "the file is closed", site.server.log)
