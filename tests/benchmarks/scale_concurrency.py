"""Throughput as the number of connections grows, and while handlers wait.

The JSON case at 1, 8, 64 and 512 connections; and 200 connections to a handler that waits 100 ms, of which 2,000
requests a second would be all that there is to have, with 8, 64 and 256 threads on WSGI and on the event loop.
"""

import statistics
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any

from cases import CASES, Case
from interfaces import INTERFACES
from load import wrk
from roster import Peer

from servers import granian, processor_seconds

CONNECTIONS = (1, 8, 64, 512)
THREADS = (8, 64, 256)
WAITERS = 200


def measure_connections(rounds: int, peers: Iterable[Peer] = ()) -> list[dict[str, Any]]:
    """Return a row for each stack and number of connections."""
    case = next(case for case in CASES if case.name == "JSON")
    stacks = [(who, interface, who) for interface in INTERFACES for who in ("hand", "hinge")]
    stacks += [(peer.name, peer.interface, peer.module) for peer in peers]
    with ExitStack() as running:
        servers = {
            (who, interface): running.enter_context(granian(module, interface)) for who, interface, module in stacks
        }
        samples: dict[tuple[str, str, int], list[float]] = {}
        for _ in range(rounds):
            for connections in CONNECTIONS:
                for (who, interface), server in servers.items():
                    found = wrk(server.port, case, connections=connections)
                    samples.setdefault((who, interface, connections), []).append(found["rate"])
    return [
        {"backend": interface, "who": who, "connections": connections, "rate": round(statistics.median(rates))}
        for (who, interface, connections), rates in samples.items()
    ]


def measure_waiting() -> list[dict[str, Any]]:
    """Return a row for each stack, handler and number of threads."""
    return [
        _waiting(interface, who, path, threads)
        for interface in INTERFACES
        for threads in (THREADS if interface == "wsgi" else (None,))
        for who, path in (("hand", "/wait"), ("hinge", "/wait"), ("hinge", "/other"))
    ]


def _waiting(interface: str, who: str, path: str, threads: int | None) -> dict[str, Any]:
    # A server each: requests that the last load left in the queue would be answered first.
    options = ["--blocking-threads", str(threads)] if threads else []
    with granian(who, interface, "--backpressure", "1024", *options, target="waiting:app") as server:
        worker = server.worker
        before = processor_seconds(worker)
        found = wrk(server.port, Case("waiting", path), connections=WAITERS, seconds=2)
        used = processor_seconds(worker) - before
    return {
        "backend": interface,
        "who": who,
        "handler": "native" if path == "/wait" else "other colour",
        "threads": threads,
        "rate": round(found["rate"]),
        "p99_ms": round(found["p99_us"] / 1e3),
        "cpu_us": round(used * 1e6 / max(1, found["requests"])),
        "errors": found["errors"],
    }
