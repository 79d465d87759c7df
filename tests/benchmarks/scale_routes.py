"""What a request costs in an app of 10, 500 and 5,000 routes: the first, the last, and a path that no route has."""

import statistics
from collections.abc import Callable, Iterable
from typing import Any

from apps import many
from cases import HELLO, Case
from inprocess import measure
from interfaces import INTERFACES
from roster import Peer

COUNTS = (10, 500, 5000)
PEER_COUNTS = (10, 500)
"""Some of the others need minutes to build an app of 5,000 routes."""

ROUNDS, QUICK_ROUNDS = 40, 10


def measure_routes(rounds: int, peers: Iterable[Peer] = ()) -> list[dict[str, Any]]:
    """Return a row for each interface, stack, number of routes and place of the route."""
    timers: dict[str, Callable[[int], float]] = {}
    for interface in INTERFACES:
        _add(timers, interface, "hinge", lambda of, count: many(of, count).compile(of), COUNTS)
    for peer in peers:
        if peer.many is not None:
            _add(timers, peer.interface, peer.name, peer.many, PEER_COUNTS)
    rows = []
    for name, times in measure(timers, rounds).items():
        interface, who, count, place = name.split("|")
        cost = round(statistics.median(times), 3)
        rows.append({"backend": interface, "who": who, "routes": int(count), "place": place, "us": cost})
    return rows


def _add(
    timers: dict[str, Callable[[int], float]],
    interface: str,
    who: str,
    build: Callable[[str, int], Any],
    counts: Iterable[int],
) -> None:
    for count in counts:
        application = build(interface, count)
        for place, index, status in (("first", 0, 200), ("last", count - 1, 200), ("miss", count, 404)):
            case = Case(place, f"/r{index}/7/detail")
            found, _headers, body = INTERFACES[interface].answer(application, case)
            if found != status or (status == 200 and body != HELLO.encode()):
                raise RuntimeError(f"{who} on {interface}, {count} routes, {place}: {found} {body!r}")
            timers[f"{interface}|{who}|{count}|{place}"] = INTERFACES[interface].timer(application, case)
