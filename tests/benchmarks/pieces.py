"""Where a request's time goes on WSGI, piece by piece: `python tests/benchmarks/pieces.py`.

Each piece is the compiled app's own, called by itself; what is left of the whole is passing things on, the request's
context, the headers, and the loop that calls. All pieces and the whole are timed in turn.
"""

import statistics
import sys
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any

import over_wsgi
from apps import wsgi_app
from cases import HEADLINE, Case, cases_of
from interfaces import hand
from msgspec.structs import replace
from tables import pieces

from hinge_wsgi import environ as reader

ROUNDS, QUICK_ROUNDS = 60, 15
CALLS = 300
PIECES = ("find the route", "arguments", "handler", "encode", "rest", "whole", "hand-written")


def measure(rounds: int) -> list[dict[str, Any]]:
    """Return the microseconds of each piece of the headline's cases."""
    app = wsgi_app()
    application, frozen = app.compile("wsgi"), app.freeze("wsgi")
    return [
        {"case": case.name, **_case(case, application, frozen, rounds)}
        for case in cases_of("wsgi")
        if case.name in HEADLINE
    ]


def _case(case: Case, application: Any, frozen: Any, rounds: int) -> dict[str, float]:
    environ = over_wsgi.environ_of(case)
    leaf, values = frozen.table.find(case.path)
    endpoint = leaf.methods[case.method]
    given: list[Any] = []
    catch = replace(endpoint, plan=replace(endpoint.plan, handler=lambda *found: given.append(found)))
    catch.bind(reader)(environ, values, case.body, None)
    arguments = given[0]
    result = endpoint.plan.handler(*arguments)
    timers = {
        "find the route": _timer(partial(frozen.table.find, case.path)),
        "bound": _timer(partial(endpoint.bind(reader), environ, values, case.body, None)),
        "handler": _timer(partial(endpoint.plan.handler, *arguments)),
        "encode": _timer(partial(endpoint.plan.returned.plain(type(result))[0], result)),
        "nothing": _timer(partial(int)),
        "whole": over_wsgi.timer(application, case),
        "hand-written": over_wsgi.timer(hand("wsgi", 0), case),
    }
    samples: dict[str, list[float]] = {name: [] for name in timers}
    for _ in range(rounds):
        for name, timer in timers.items():
            samples[name].append(timer(CALLS) / CALLS * 1e6)
    found = {name: statistics.median(times) for name, times in samples.items()}
    nothing = found.pop("nothing")
    for name in ("find the route", "bound", "handler", "encode"):
        found[name] = max(0.0, found[name] - nothing)
    found["arguments"] = max(0.0, found.pop("bound") - found["handler"])
    parts = sum(found[name] for name in ("find the route", "arguments", "handler", "encode"))
    found["rest"] = max(0.0, found["whole"] - parts)
    return {name: round(found[name], 3) for name in PIECES}


def _timer(call: Callable[[], Any]) -> Callable[[int], float]:
    def run(calls: int) -> float:
        started = perf_counter()
        for _ in range(calls):
            call()
        return perf_counter() - started

    return run


if __name__ == "__main__":
    sys.stdout.write(pieces(measure(ROUNDS)) + "\n")
