"""What a worker process, an idle WebSocket and an idle event stream hold of memory: private pages, in KiB.

A worker has answered some thousand requests. What idles is measured on event loops: on WSGI an open
stream holds a thread.
"""

import os
import socket
import time
from collections.abc import Iterable
from typing import Any

from cases import PLAIN
from interfaces import INTERFACES
from load import wrk
from roster import Peer

from servers import granian, resident

CONNECTIONS = 400
_UPGRADE = (
    b"GET /ws HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
_IDLE = b"GET /idle HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
_SAID = {_UPGRADE: b"101 ", _IDLE: b"data: here"}


def measure_workers(peers: Iterable[Peer] = ()) -> list[dict[str, Any]]:
    """Return the memory of a worker of each stack."""
    stacks = [(who, interface, who) for interface in INTERFACES for who in ("hand", "hinge")]
    stacks += [(peer.name, peer.interface, peer.module) for peer in peers]
    rows = []
    for who, interface, module in stacks:
        with granian(module, interface) as server:
            wrk(server.port, PLAIN)
            rows.append({"backend": interface, "who": who, "kib": resident(server.worker)})
    return rows


def measure_idle() -> list[dict[str, Any]]:
    """Return the memory of one idle connection of each kind, by hand and on Hinge."""
    rows = []
    for interface in INTERFACES:
        if interface == "wsgi":
            continue
        kinds = {"WebSocket": _UPGRADE} if interface == "asgi" else {}
        for kind, request in {**kinds, "event stream": _IDLE}.items():
            for who in ("hand", "hinge"):
                rows.append({"backend": interface, "kind": kind, "who": who, "kib": _idle(who, interface, request)})
    return rows


def _idle(who: str, interface: str, request: bytes) -> float:
    # One arena for malloc: pages that threads keep for later would count as the connections'.
    environment = {"MALLOC_ARENA_MAX": "1"}
    with granian(who, interface, "--backpressure", "4096", target="waiting:app", environment=environment) as server:
        first = _opened(server.port, request, CONNECTIONS // 4)  # they stay: what they gave back would be used again
        time.sleep(0.5)
        before = resident(server.worker)
        clients = _opened(server.port, request, CONNECTIONS)
        time.sleep(0.5)
        after = resident(server.worker)
        _closed([*first, *clients])
    return round((after - before) / CONNECTIONS, 2)


def _opened(port: int, request: bytes, count: int) -> list[socket.socket]:
    clients = []
    for _ in range(count):
        client = socket.create_connection(("127.0.0.1", port), timeout=10)
        client.sendall(request)
        answer = b""
        while _SAID[request] not in answer:
            piece = client.recv(4096)
            if not piece:
                raise RuntimeError(f"process {os.getpid()}: a connection was refused: {answer!r}")
            answer += piece
        clients.append(client)
    return clients


def _closed(clients: list[socket.socket]) -> None:
    for client in clients:
        client.close()
