"""The examples as users run them: `hinge run`, real sockets, several workers, and a power cut."""

import contextlib
import json
import os
import re
import shlex
import signal
import sqlite3
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.examples.harness import EXAMPLES, ROOT, post
from tests.support.services import Serve, Service
from tests.support.waiting import PATIENCE, until
from websockets.sync.client import ClientConnection, connect

pytestmark = pytest.mark.server

BOARD = "examples/board/app.py"
WSGI = ("--backend", "wsgi")
ASGI = ("--backend", "asgi")

both = pytest.mark.parametrize("flags", [WSGI, ASGI], ids=["wsgi", "asgi"])
either = pytest.mark.parametrize("flags", [pytest.param(WSGI, marks=pytest.mark.gate), ASGI], ids=["wsgi", "asgi"])
"""For what the board and its database do, whatever serves it: the other one is the gate's."""


def commands(text: str) -> list[tuple[str, ...]]:
    """Return the arguments of every `hinge run` that a text tells its readers to type."""
    return [tuple(shlex.split(line)) for line in re.findall(r"hinge run (examples/[^\n`]+)", text)]


def told() -> list[Any]:
    texts = [EXAMPLES / "README.md", *sorted(EXAMPLES.glob("*.py")), EXAMPLES / "board/app.py"]
    found = dict.fromkeys(command for path in texts for command in commands(path.read_text("utf-8")))
    return [pytest.param(arguments, id=" ".join(arguments)) for arguments in found]


# -- each example, as its own first lines say --------------------------------------------------------------------------


@pytest.mark.gate
@pytest.mark.parametrize("arguments", told())
def test_what_the_examples_tell_to_type_works(serve: Serve, arguments: tuple[str, ...]) -> None:
    service = serve(*arguments)
    path = "/items" if "items.py" in arguments[0] else "/"
    assert service.client.get(path).status_code == 200
    assert service.stop() == 0
    assert "Traceback" not in service.log()


def test_each_example_tells_how_to_run_it() -> None:
    named = {command[0] for path in [*EXAMPLES.glob("*.py"), EXAMPLES / "board/app.py"]
             for command in commands(path.read_text("utf-8"))}  # fmt: skip
    assert named == {str(path.relative_to(ROOT)) for path in EXAMPLES.glob("*.py")} | {BOARD}


def test_a_module_and_an_attribute_name_the_board_too(serve: Serve) -> None:
    assert serve("examples.board.app:app").client.get("/api/posts").json() == {"posts": [], "more": False}


@pytest.mark.parametrize("backend", ["wsgi", "asgi"])
def test_streams_arrive_over_sockets_while_they_are_made(serve: Serve, backend: str) -> None:
    client = serve("examples/streaming.py", "--backend", backend).client
    with client.stream("GET", "/primes?count=100000") as response:
        assert list(islice(response.iter_lines(), 3)) == ["2", "3", "5"]
    with client.stream("GET", "/clock?pause=0.01", headers={"last-event-id": "7"}) as response:
        lines = list(islice((line for line in response.iter_lines() if line.startswith("id:")), 2))
        assert lines == ["id: 8", "id: 9"]


def test_the_board_is_refused_by_a_backend_without_websockets(tmp_path: Path) -> None:
    service = Service(tmp_path, BOARD, "--backend", "wsgi", "--no-skip-unsupported", cwd=ROOT)
    assert service.wait() == 1
    assert re.search(r"examples/board/app\.py:\d+\): /api/live needs WebSocket routes", service.log())
    assert "skip" in service.log(), "the message tells what to do"


# -- a power cut -------------------------------------------------------------------------------------------------------


@either
def test_what_was_answered_survives_a_power_cut(serve: Serve, flags: tuple[str, ...], tmp_path: Path) -> None:
    """Four write as fast as they can until all processes are killed: every answered post must be there afterwards."""
    service = serve(BOARD, *flags, workers=2)
    answered: list[dict[str, Any]] = []

    def write(writer: int) -> None:
        with httpx.Client(base_url=service.url, timeout=PATIENCE) as client:
            for number in range(100_000):
                try:
                    response = client.post("/api/posts", json={"author": f"writer {writer}", "text": f"{number}"})
                except httpx.HTTPError:
                    return
                assert response.status_code == 201
                answered.append(response.json())

    with ThreadPoolExecutor(4) as threads:
        writers = [threads.submit(write, number) for number in range(4)]
        until(lambda: len(answered) >= 100, "a hundred posts", service.log)
        service.kill()
        for writer in writers:
            writer.result(PATIENCE)

    again = serve(BOARD, *flags)
    kept: dict[int, dict[str, Any]] = {}
    while page := again.client.get("/api/posts", params={"after": max(kept, default=0), "limit": 100}).json()["posts"]:
        kept |= {one["id"]: one for one in page}
    for one in answered:
        assert kept.get(one["id"]) == one
    assert len(kept) - len(answered) <= 4, "at most the posts that were under way"
    with closing(sqlite3.connect(tmp_path / "board.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.skipif(sys.platform != "linux", reason="the workers of a service are found in /proc")
@either
def test_a_killed_worker_is_replaced_and_loses_nothing(serve: Serve, flags: tuple[str, ...]) -> None:
    service = serve(BOARD, *flags)
    created = post(service, "Ann", "before")
    (worker,) = service.workers()
    os.kill(worker, signal.SIGKILL)
    until(lambda: service.workers() not in ([], [worker]), "another worker", service.log)
    service.started()
    with httpx.Client(base_url=service.url, timeout=PATIENCE) as client:
        assert client.get("/api/posts").json()["posts"] == [created]
        assert client.post("/api/posts", json={"author": "Ann", "text": "after"}).json()["id"] == 2


# -- several workers ---------------------------------------------------------------------------------------------------


def worker_of(service: Service, local_port: int) -> int:
    """Return which worker process holds the other end of our connection from a local port."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ends = f":{service.port:04X}", f":{local_port:04X}"
    inode = next(row[9] for row in rows if row[1].endswith(ends[0]) and row[2].endswith(ends[1]))
    for pid in service.workers():
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                if str(entry.readlink()) == f"socket:[{inode}]":
                    return pid
    raise LookupError(f"no worker of {service.workers()} has the connection from port {local_port}")


def one_for_each_worker(service: Service, open_one: Callable[[], tuple[Any, int]]) -> dict[int, Any]:
    """Open connections until every worker has one, which is returned by the worker's process id."""
    found: dict[int, Any] = {}
    for _ in range(200):
        connection, local_port = open_one()
        found.setdefault(worker_of(service, local_port), connection)
        if len(found) == len(service.workers()):
            return found
    raise LookupError(f"all connections went to {set(found)}")


def test_a_post_reaches_the_sockets_of_all_workers(serve: Serve) -> None:
    service = serve(BOARD, *ASGI, workers=2)
    with contextlib.ExitStack() as opened:

        def open_socket() -> tuple[ClientConnection, int]:
            socket = opened.enter_context(connect(f"ws://127.0.0.1:{service.port}/api/live"))
            assert socket.recv(PATIENCE) == "[]"
            return socket, socket.socket.getsockname()[1]

        sockets = one_for_each_worker(service, open_socket)
        assert set(sockets) == set(service.workers())
        for number in range(3):
            created = post(service, "Ann", f"{number}")
            for socket in sockets.values():
                assert json.loads(socket.recv(PATIENCE)) == [created]


def test_a_post_reaches_the_polls_of_all_workers(serve: Serve) -> None:
    service = serve(BOARD, *WSGI, workers=2)

    def follow(client: httpx.Client) -> list[str]:
        texts: list[str] = []
        after = 0
        while len(texts) < 3:
            for one in client.get("/api/poll", params={"after": after}).json():
                after = one["id"]
                texts.append(one["text"])
        return texts

    with contextlib.ExitStack() as opened:

        def open_client() -> tuple[httpx.Client, int]:
            client = opened.enter_context(httpx.Client(base_url=service.url, timeout=PATIENCE))
            with client.stream("GET", "/api/poll?wait=0") as response:
                local_port = response.extensions["network_stream"].get_extra_info("client_addr")[1]
                response.read()
            return client, local_port

        clients = one_for_each_worker(service, open_client)
        with ThreadPoolExecutor(2) as threads:
            followers = [threads.submit(follow, client) for client in clients.values()]
            for number in range(3):
                post(service, "Ann", f"{number}")
            assert [follower.result(PATIENCE) for follower in followers] == [["0", "1", "2"]] * 2


def test_both_backends_can_share_one_board(serve: Serve) -> None:
    """As in a deployment that serves WebSockets beside a WSGI service."""
    wsgi, asgi = serve(BOARD, *WSGI), serve(BOARD, *ASGI)
    with connect(f"ws://127.0.0.1:{asgi.port}/api/live") as socket:
        assert socket.recv(PATIENCE) == "[]"
        created = post(wsgi, "Ann", "over there")
        assert json.loads(socket.recv(PATIENCE)) == [created]
    with ThreadPoolExecutor(1) as threads:
        poll = threads.submit(wsgi.client.get, "/api/poll?after=1")
        created = post(asgi, "Ben", "over here")
        assert poll.result(PATIENCE).json() == [created]


@pytest.mark.gate
@pytest.mark.parametrize("round_number", range(3))
def test_workers_that_start_together_on_a_new_file_all_start(serve: Serve, round_number: int) -> None:
    service = serve(BOARD, *ASGI, workers=4)
    assert service.stop() == 0, "a worker that does not start ends the service with another code"
    assert "Traceback" not in service.log()


@pytest.mark.gate
@both
def test_a_stop_answers_those_who_wait_for_posts(serve: Serve, flags: tuple[str, ...], tmp_path: Path) -> None:
    service = serve(BOARD, *flags)
    with ThreadPoolExecutor(1) as threads:
        poll = threads.submit(httpx.get, f"{service.url}/api/poll?after=0", timeout=PATIENCE)
        until(lambda: established(service.port), "the poll is connected")
        assert service.stop() == 0
        assert poll.result(PATIENCE).json() == []
    assert [path.name for path in tmp_path.glob("board.db*")] == ["board.db"], "and the file was closed"


def established(port: int) -> bool:
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(row[1].endswith(f":{port:04X}") and row[3] == "01" for row in rows)
