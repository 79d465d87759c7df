"""What a request costs in process, against hand-written callables: `python tests/benchmarks/inprocess.py`.

A loop calls the compiled callable with a synthetic environ or scope; no server, no socket. All sides are first checked
to give the same answers. Then each round times all cases of all sides in turn, so that whatever else the machine does
falls on all alike; a ratio is the median of the rounds' ratios. Processor time is counted: a process that waits for its
core is not slower. Only where another thread takes part the clock on the wall counts.

`--quick` takes some seconds, `--peers` times the installed other frameworks as well, `--json FILE` writes what was
measured (`-`: to standard output, in place of the tables).
`--case realistic` times the cases alone whose names hold that, `--backend wsgi` one interface; both may be given again.
"""

import argparse
import gc
import json
import statistics
import sys
from collections.abc import Callable, Collection, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from agreement import check_hinge, check_peer
from cases import CASES, Around, Case, cases_of
from interfaces import INTERFACES, hand, hinge, signed_in
from place import place
from roster import MODULES, NEWER, Peer, installed

Samples = dict[str, list[float]]
Timer = Callable[[int], float]
"""Call the application so many times and return the seconds that it took."""

# Short turns, so that most of them are not interrupted, and the caches that an interruption empties cost few of them.
TURN = 0.0004
MOST_CALLS = 400
ROUNDS, QUICK_ROUNDS = 250, 120


# -- timing ------------------------------------------------------------------------------------------------------------


def measure(timers: dict[str, Timer], rounds: int) -> Samples:
    """Return the microseconds a call of each timer over all rounds; every second round goes the other way round."""
    samples: Samples = {name: [] for name in timers}
    calls = {name: _calls(timer) for name, timer in timers.items()}
    gc.collect()
    gc.freeze()
    gc.disable()  # as timeit does: no collection falls on one side by chance
    try:
        for number in range(rounds):
            order: Iterable[str] = reversed(timers) if number % 2 else timers
            for name in order:
                samples[name].append(timers[name](calls[name]) / calls[name] * 1e6)
            gc.collect()
    finally:
        gc.enable()
        gc.unfreeze()
    return samples


def _calls(timer: Timer) -> int:
    """Return how many calls fill a turn, after some that warm up."""
    timer(20)
    once = min(timer(5) for _ in range(3)) / 5
    return max(1, min(MOST_CALLS, int(TURN / max(once, 1e-7))))


# -- reports -----------------------------------------------------------------------------------------------------------


def compare(
    rounds: int, peers: Iterable[Peer], cases: Collection[Case], backends: Collection[str] = INTERFACES
) -> list[dict[str, Any]]:
    """Return a row for each backend and case: medians, the median ratio of the rounds, minima and their ratio."""

    def wanted(there: Iterable[Case]) -> list[Case]:
        return [case for case in there if case in cases]

    timers: dict[str, Timer] = {}
    for interface in backends:
        check_hinge(interface)
        _add(timers, interface, "hand", partial(hand, interface), wanted(cases_of(interface)))
        _add(timers, interface, "hinge", partial(hinge, interface), wanted(cases_of(interface)))
    for peer in peers:
        if peer.interface in backends:
            check_peer(peer.interface, peer.name, peer.build, wanted(peer.cases))
            _add(timers, peer.interface, peer.name, peer.build, wanted(peer.cases))
    # All sides of a case in a row: a machine that others use as well changes its pace within a round.
    rows = [(interface, case) for interface in backends for case in wanted(cases_of(interface))]
    order = {f"{interface}|{case.name}": place for place, (interface, case) in enumerate(rows)}
    samples = measure({name: timers[name] for name in sorted(timers, key=lambda name: order[_case(name)])}, rounds)
    return [_row(samples, interface, case) for interface, case in rows]


def _case(timer: str) -> str:
    return timer.rpartition("|")[0]


def _add(timers: dict[str, Timer], interface: str, who: str, build: Callable[[Around], Any], cases: list[Case]) -> None:
    applications = {around: build(around) for around in dict.fromkeys(case.around for case in cases)}
    for case in cases:
        application = applications[case.around]
        timer = INTERFACES[interface].timer(application, signed_in(interface, application, case))
        timers[f"{interface}|{case.name}|{who}"] = timer


def _row(samples: Samples, interface: str, case: Case) -> dict[str, Any]:
    found = {
        name.rpartition("|")[2]: times
        for name, times in samples.items()
        if name.startswith(f"{interface}|{case.name}|")
    }
    hand_times, hinge_times = found.pop("hand"), found.pop("hinge")
    return {
        "backend": interface,
        "case": case.name,
        "hops": case.hops,
        "hand_us": round(statistics.median(hand_times), 3),
        "hinge_us": round(statistics.median(hinge_times), 3),
        "hand_least_us": round(min(hand_times), 3),
        "hinge_least_us": round(min(hinge_times), 3),
        "ratio": _ratio(hinge_times, hand_times),
        "ratio_of_minima": round(min(hinge_times) / min(hand_times), 3),
        "peers": {
            name: {
                "us": round(statistics.median(times), 3),
                "least_us": round(min(times), 3),
                "ratio": _ratio(times, hand_times),
            }
            for name, times in found.items()
        },
    }


def _ratio(times: list[float], to: list[float]) -> float:
    return round(statistics.median(one / other for one, other in zip(times, to, strict=True)), 3)


def _tables(report: dict[str, Any]) -> str:
    lines = [
        report["place"]["summary"],
        "",
        "| backend | case | hand-written, us | Hinge, us | ratio | peers, ratio |",
        "| --- | --- | ---: | ---: | ---: | --- |",
    ]
    for row in report["ratios"]:
        peers = sorted((peer["ratio"], name) for name, peer in row["peers"].items())
        lines.append(
            f"| {row['backend']} | {row['case']} | {row['hand_us']:.2f} | {row['hinge_us']:.2f} | {row['ratio']:.2f} | "
            + ", ".join(f"{name} {ratio:.1f}" for ratio, name in peers)
            + " |"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--peers", action="store_true", help="also measure the other frameworks that are installed")
    parser.add_argument("--json", metavar="FILE", help="write the figures there; - is standard output")
    parser.add_argument("--case", action="append", metavar="NAME", help="only cases whose names hold this")
    parser.add_argument("--backend", action="append", choices=INTERFACES, help="only this interface")
    options = parser.parse_args(arguments)
    rounds = QUICK_ROUNDS if options.quick else ROUNDS
    report = {
        "place": place(),
        "ratios": compare(
            rounds,
            installed((*MODULES, *NEWER)) if options.peers else (),
            [case for case in CASES if any(name in case.name for name in options.case or ("",))],
            options.backend or INTERFACES,
        ),
    }
    text = json.dumps(report, indent=2)
    if options.json == "-":
        sys.stdout.write(text + "\n")
        return
    sys.stdout.write(_tables(report) + "\n")
    if options.json:
        Path(options.json).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
