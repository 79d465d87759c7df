"""hinge_rsgi.backpressure: a stream waits while too much of it is not acknowledged by the client's machine."""

import asyncio
import socket
import sys
from collections.abc import Iterator

import pytest

backpressure = pytest.importorskip("hinge_rsgi.backpressure", reason="the distribution hinge-rsgi is not installed")
AHEAD, Pace = backpressure.AHEAD, backpressure.Pace
PIECE = 256 * 1024

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems tell nothing of a connection's progress")


@pytest.fixture
def connection() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Return the server's and the client's end of a TCP connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
    with client, server:
        yield server, client


def peer(server: socket.socket) -> str:
    host, port = server.getpeername()[:2]
    return f"{host}:{port}"


async def sent(pace: Pace, size: int) -> None:
    pace.handed += size
    await pace.room()


def bounded(test: object) -> None:
    async def run() -> None:
        async with asyncio.timeout(30):
            await test()  # type: ignore[operator]

    asyncio.run(run())


def test_what_nobody_acknowledges_holds_the_stream_up(connection: tuple[socket.socket, socket.socket]) -> None:
    server, client = connection

    async def test() -> None:
        pace = Pace(peer(server))
        handed = 0
        server_holds: asyncio.Queue[bytes] = asyncio.Queue()

        async def hand_over() -> None:
            nonlocal handed
            while handed < 10 * AHEAD:
                handed += PIECE
                server_holds.put_nowait(bytes(PIECE))
                await sent(pace, PIECE)

        task = asyncio.create_task(hand_over())
        while handed <= 2 * AHEAD:  # noqa: ASYNC110 - what was under way at the first look is not known
            await asyncio.sleep(0)
        for _ in range(200):
            await asyncio.sleep(0.001)
        held_up_at = handed
        assert held_up_at <= 2 * AHEAD + 2 * PIECE
        # Now the client reads what the server sends.
        loop = asyncio.get_running_loop()
        server.setblocking(False)
        client.setblocking(False)
        others = [
            asyncio.create_task(send_on(loop, server, server_holds)),
            asyncio.create_task(read_on(loop, client)),
        ]
        await task
        assert handed == 10 * AHEAD
        for other in others:
            other.cancel()
        await asyncio.wait(others)
        pace.close()

    bounded(test)


async def send_on(loop: asyncio.AbstractEventLoop, server: socket.socket, pieces: asyncio.Queue[bytes]) -> None:
    while True:
        await loop.sock_sendall(server, await pieces.get())


async def read_on(loop: asyncio.AbstractEventLoop, client: socket.socket) -> None:
    while await loop.sock_recv(client, 1 << 20):
        pass


def test_a_short_stream_does_not_look(connection: tuple[socket.socket, socket.socket]) -> None:
    server, _ = connection

    async def test() -> None:
        pace = Pace(peer(server))
        await sent(pace, AHEAD)
        assert not pace._has_looked

    bounded(test)


@pytest.mark.parametrize("unknown", [None, "203.0.113.9:1", "203.0.113.9"])
def test_an_unknown_connection_holds_nobody_up(unknown: str | None) -> None:
    async def test() -> None:
        pace = Pace(unknown)
        for _ in range(20):
            await sent(pace, AHEAD)
        pace.close()

    bounded(test)


def test_a_closed_connection_holds_nobody_up(connection: tuple[socket.socket, socket.socket]) -> None:
    server, _ = connection

    async def test() -> None:
        pace = Pace(peer(server))
        waiting = asyncio.create_task(_sent(pace))
        while not pace._has_looked:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0)
        pace.close()
        await waiting
        assert pace._connection is None

    bounded(test)


async def _sent(pace: Pace) -> None:
    for _ in range(20):
        await sent(pace, AHEAD)
