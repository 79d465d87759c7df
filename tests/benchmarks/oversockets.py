"""What a request costs over sockets: one Granian worker for each stack, and wrk with 64 connections.

On WSGI the worker has the 32 threads of docs/deployment.md. Without a number Granian starts threads for as long as
requests wait, 70 to 250 for 64 connections, and that chance would be measured.

The realistic request first, then bare routes; the realistic one and JSON once more under other servers, where they are
installed: Peregrine and FastPySGI. All servers are up together, and take turns in every round, a second each; figures
are medians of the rounds, as ratios to the hand-written callable on the same interface. HTTP/2 is without TLS, 8
connections with 8 streams each.
"""

import statistics
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from typing import Any

from cases import CASES, REALISTIC, Around, Case
from interfaces import INTERFACES
from load import h2load, wrk
from roster import Peer

from servers import OTHER_SERVERS, Server, granian, other, processor_seconds

ROUNDS, QUICK_ROUNDS = 2, 1
_OPTIONS = {"wsgi": ("--blocking-threads", "32")}
_NAMES = ("plain text", "JSON", "typed path and query", "validated JSON body", "64 KiB in 16 chunks")
SOCKET_CASES = [case for case in CASES if case.name in (*_NAMES, "100 server-sent events")]
HTTP2_CASES = [case for case in CASES if case.name == "JSON"]


def measure(rounds: int, peers: Iterable[Peer] = ()) -> list[dict[str, Any]]:
    """Return a row for each interface, case and stack."""
    stacks = [(who, interface, who) for interface in INTERFACES for who in ("hand", "hinge")]
    stacks += [(peer.name, peer.interface, peer.module) for peer in peers]
    with _servers(stacks, REALISTIC.around) as servers:
        rows = _case(servers, REALISTIC, rounds)
    with _servers(stacks, 0) as servers:
        rows += [row for case in SOCKET_CASES for row in _case(servers, case, rounds)]
        return rows + [row for case in HTTP2_CASES for row in _http2(servers, case, rounds)]


@contextmanager
def _servers(stacks: list[tuple[str, str, str]], around: Around) -> Iterator[dict[tuple[str, str], Server]]:
    environment = {"BENCHMARK_AROUND": str(around)}
    with ExitStack() as running:
        yield {
            (who, interface): running.enter_context(
                granian(module, interface, *_OPTIONS.get(interface, ()), environment=environment)
            )
            for who, interface, module in stacks
        }


def measure_servers(rounds: int) -> list[dict[str, Any]]:
    """Return a row for each server that is installed, interface, case and stack: ours and by hand."""
    rows = []
    for case in (REALISTIC, *HTTP2_CASES):
        for name, interfaces in OTHER_SERVERS.items():
            if find_spec(name) is None:
                sys.stderr.write(f"sockets: {name} is not installed\n")
                continue
            for interface in interfaces:
                with ExitStack() as running:
                    servers = {
                        (who, interface): running.enter_context(other(name, who, interface, case.around))
                        for who in ("hand", "hinge")
                    }
                    rows += [{**row, "server": name} for row in _case(servers, case, rounds)]
    return rows


def _case(servers: dict[tuple[str, str], Server], case: Case, rounds: int) -> list[dict[str, Any]]:
    samples: dict[tuple[str, str], list[dict[str, float]]] = {stack: [] for stack in servers}
    # Ours and the hand-written ones are close to each other: they have four times as many turns.
    ours = [stack for stack in servers if stack[0] in ("hand", "hinge")]
    turns = [*ours, *ours, *ours, *ours, *(stack for stack in servers if stack not in ours)]
    for number in range(rounds):
        for stack in reversed(turns) if number % 2 else turns:
            samples[stack].append(_turn(servers[stack], case))
    sys.stderr.write(f"sockets: {case.name}\n")
    return _rows(samples, case, "HTTP/1.1")


def _turn(server: Server, case: Case) -> dict[str, float]:
    """Load one server; the worker's processor time a request is the figure that other processes disturb least."""
    worker = server.worker
    before = processor_seconds(worker)
    found = wrk(server.port, case)
    used = processor_seconds(worker) - before
    return found | {"cpu_us": used * 1e6 / max(1, found.pop("requests"))}


def _http2(servers: dict[tuple[str, str], Server], case: Case, rounds: int) -> list[dict[str, Any]]:
    samples: dict[tuple[str, str], list[dict[str, float]]] = {stack: [] for stack in servers}
    for _ in range(rounds):
        for stack, server in servers.items():
            samples[stack].append(h2load(server.port, case))
    sys.stderr.write(f"sockets: {case.name} over HTTP/2\n")
    return _rows(samples, case, "HTTP/2")


def _rows(samples: dict[tuple[str, str], list[dict[str, float]]], case: Case, http: str) -> list[dict[str, Any]]:
    medians = {
        stack: {key: statistics.median(run[key] for run in runs) for key in runs[0]} for stack, runs in samples.items()
    }
    return [
        {
            "backend": interface,
            "case": case.name,
            "http": http,
            "who": who,
            "rate": round(found["rate"]),
            "ratio": round(found["rate"] / medians["hand", interface]["rate"], 3),
            "errors": found["errors"],
            **{key: round(value, 1) for key, value in found.items() if key.endswith("_us")},
        }
        for (who, interface), found in medians.items()
    ]
