"""Hanging up on the clients of a worker that stops."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from hinge.cli.connections import hang_up


def pair(listener: socket.socket) -> tuple[socket.socket, socket.socket]:
    """Return both ends of a connection, the client's first."""
    client = socket.socket(listener.family)
    client.settimeout(10)
    client.connect(listener.getsockname())
    return client, listener.accept()[0]


@pytest.fixture(params=["tcp", "unix"])
def listener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[socket.socket]:
    family = socket.AF_UNIX if request.param == "unix" else socket.AF_INET
    with socket.socket(family) as listening:
        listening.bind(str(tmp_path / "socket") if family == socket.AF_UNIX else ("127.0.0.1", 0))
        listening.listen()
        yield listening


def address(listener: socket.socket) -> tuple[int, str | None]:
    name = listener.getsockname()
    return (8000, name) if isinstance(name, str) else (name[1], None)


def test_those_who_came_to_the_address_are_hung_up_on(listener: socket.socket) -> None:
    first, second = pair(listener), pair(listener)
    try:
        hang_up(*address(listener))
        assert first[0].recv(1) == second[0].recv(1) == b""
        later = pair(listener)  # the listening socket itself goes on
        later[0].sendall(b"x")
        assert later[1].recv(1) == b"x"
        for end in later:
            end.close()
    finally:
        for end in (*first, *second):
            end.close()


def test_others_are_left_in_peace(listener: socket.socket, tmp_path: Path) -> None:
    """What the process has connected to elsewhere, or accepted elsewhere, such as its database."""
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        other = pair(elsewhere)
        mine = pair(listener)
        try:
            hang_up(*address(listener))
            other[1].sendall(b"x")
            assert other[0].recv(1) == b"x"
            other[0].sendall(b"y")
            assert other[1].recv(1) == b"y"
        finally:
            for end in (*other, *mine):
                end.close()


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="open files cannot be counted here")
def test_it_leaves_nothing_open(listener: socket.socket, tmp_path: Path) -> None:
    with (tmp_path / "file").open("w"):
        before = len(list(Path("/dev/fd").iterdir()))
        hang_up(*address(listener))
        assert len(list(Path("/dev/fd").iterdir())) == before
