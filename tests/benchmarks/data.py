"""What forms, uploads and files cost over sockets: one Granian worker for each stack, all up together, in turn.

A large upload is one multipart form of 200 MB, timed from its first byte to the whole answer; the worker's memory is
its peak meanwhile, on top of what it held before. Small forms and files are loaded with wrk. nginx stands beside the
files.
"""

import json
import shutil
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from cases import Case
from data_apps import STACKS
from interfaces import INTERFACES
from load import wrk
from roster import Peer

from servers import Server, free_port, granian, peak, started

ROUNDS, QUICK_ROUNDS = 3, 1
LARGE = 200 * 10**6
_PIECE = bytes(10**6)
_BOUNDARY = "----benchmark7MA4YWxkTrZu0gW"
_MULTIPART = f"multipart/form-data; boundary={_BOUNDARY}"
_FILES = {"64 KiB": 64 * 1024, "10 MiB": 10 * 2**20}
_CONNECTIONS = {"64 KiB": 64, "10 MiB": 8}

Stack = tuple[str, str]
"""Who, and on which interface."""


def measure(rounds: int, peers: Iterable[Peer] = ()) -> dict[str, Any]:
    """Return rows of large uploads, of small forms and of files.

    Raises:
        RuntimeError: a stack answers something else than the others.

    """
    stacks = [("hinge", interface) for interface in INTERFACES]
    named = {peer.name.lower() for peer in peers}
    stacks += [(who, interface) for who, interfaces in STACKS.items() for interface in interfaces if who in named]
    with tempfile.TemporaryDirectory() as name, ExitStack() as running:
        folder = Path(name)
        for file, size in _FILES.items():
            (folder / file.replace(" ", "")).write_bytes(bytes(size))
        environment = {"BENCHMARK_FILES": name}
        servers = {
            (who, interface): running.enter_context(
                granian(who, interface, target="data_apps:app", environment=environment)
            )
            for who, interface in stacks
        }
        rows = {"uploads": _uploads(servers, rounds), "forms": _forms(servers, rounds)}
        beside = running.enter_context(_file_servers(folder)) if peers else {}
        return rows | {"files": _files({**servers, **beside}, rounds)}


# -- a large upload ----------------------------------------------------------------------------------------------------


def _uploads(servers: dict[Stack, Server], rounds: int) -> list[dict[str, Any]]:
    seconds: dict[Stack, list[float]] = {stack: [] for stack in servers}
    memory: dict[Stack, list[float]] = {stack: [] for stack in servers}
    for stack, server in servers.items():
        _upload(server.port, 10**6, stack)  # what is imported and allocated once
    for _ in range(rounds):
        for stack, server in servers.items():
            with peak(server.worker) as grown:
                seconds[stack].append(_upload(server.port, LARGE, stack))
            memory[stack].append(grown())
    sys.stderr.write("data: uploads\n")
    return [
        {
            "who": who,
            "backend": interface,
            "seconds": round(statistics.median(seconds[who, interface]), 3),
            "mib": round(max(memory[who, interface]) / 1024, 1),
        }
        for who, interface in servers
    ]


def _upload(port: int, size: int, stack: Stack) -> float:
    """Send a file of so many bytes, and return the seconds until its answer is there."""
    head, tail = _around(f"large-{size}.bin")
    length = len(head) + size + len(tail)
    lines = f"host: 127.0.0.1\r\ncontent-type: {_MULTIPART}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        begun = time.perf_counter()
        client.sendall(f"POST /upload HTTP/1.1\r\n{lines}".encode() + head)
        for _ in range(size // len(_PIECE)):
            client.sendall(_PIECE)
        client.sendall(tail)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
        took = time.perf_counter() - begun
    expected = {"title": "benchmark", "name": f"large-{size}.bin", "size": size}
    if not answer.startswith(b"HTTP/1.1 20") or json.loads(_body(answer)) != expected:
        raise RuntimeError(f"{stack} answers {answer[:500]!r}")
    return took


def _around(filename: str) -> tuple[bytes, bytes]:
    """Return what stands before and behind the file's content."""
    head = (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="title"\r\n\r\nbenchmark\r\n'
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return head.encode(), f"\r\n--{_BOUNDARY}--\r\n".encode()


def _body(answer: bytes) -> bytes:
    content = answer.partition(b"\r\n\r\n")[2]
    return content if content.startswith(b"{") else content[content.index(b"{") : content.rindex(b"}") + 1]


# -- small forms -------------------------------------------------------------------------------------------------------


def _forms(servers: dict[Stack, Server], rounds: int) -> list[dict[str, Any]]:
    head, tail = _around("small.txt")
    body = (head + b"0123456789abcde\n" * 256 + tail).decode()
    case = Case("a text and a file of 4 KiB", "/upload", "POST", body=body.encode(), content_type=_MULTIPART)
    return [row | {"case": case.name} for row in _load(servers, case, rounds, 64)]


# -- files -------------------------------------------------------------------------------------------------------------


def _files(servers: dict[Stack, Server], rounds: int) -> list[dict[str, Any]]:
    rows = []
    for name in _FILES:
        case = Case(name, f"/files/{name.replace(' ', '')}")
        rows += [row | {"case": name} for row in _load(servers, case, rounds, _CONNECTIONS[name])]
    return rows


@contextmanager
def _file_servers(folder: Path) -> Iterator[dict[Stack, Server]]:
    """Run what sends files without an app: Granian's own, and nginx where it is installed."""
    with ExitStack() as running:
        options = ("--static-path-route", "/files", "--static-path-mount", str(folder))
        found = {("Granian's own", ""): running.enter_context(granian("hand", "asgi", *options))}
        if nginx := shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin"):
            found["nginx", ""] = running.enter_context(_nginx(nginx, folder))
        yield found


@contextmanager
def _nginx(program: str, folder: Path) -> Iterator[Server]:
    port = free_port()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o755)
        settings = place / "nginx.conf"
        temporary = "\n".join(
            f"{kind}_temp_path {place};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        settings.write_text(
            f"daemon off; master_process off; worker_processes 1; pid {place}/pid; error_log {place}/log;\n"
            f"events {{ worker_connections 1024; }}\n"
            f"http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 10000000; {temporary}\n"
            f"server {{ listen 127.0.0.1:{port}; location /files/ {{ alias {folder}/; }} }} }}\n",
            encoding="ascii",
        )
        with started([program, "-p", name, "-c", str(settings)], port, "nginx", "") as server:
            yield server


# -- what both load ----------------------------------------------------------------------------------------------------


def _load(servers: dict[Stack, Server], case: Case, rounds: int, connections: int) -> list[dict[str, Any]]:
    rates: dict[Stack, list[float]] = {stack: [] for stack in servers}
    for number in range(rounds):
        for stack in reversed(servers) if number % 2 else servers:
            found = wrk(servers[stack].port, case, connections=connections)
            if found["errors"]:
                raise RuntimeError(f"{stack}: {found['errors']} errors with {case.name}")
            rates[stack].append(found["rate"])
    sys.stderr.write(f"data: {case.name}\n")
    return [
        {"who": who, "backend": interface, "rate": round(statistics.median(found))}
        for (who, interface), found in rates.items()
    ]
