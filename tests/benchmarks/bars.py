"""What was aimed at and what a report has of it: `python tests/benchmarks/bars.py [benchmarks.json]` prints it.

An aim that its report has no figures for is left out.
"""

import json
import statistics
import sys
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from cases import HEADLINE

_REPORT = Path(__file__).resolve().parents[2] / "docs" / "plots" / "benchmarks.json"


class Bar(NamedTuple):
    """One aim: what was found, what it should be at least (or at most), and whether it is."""

    aim: str
    found: float
    bar: float
    at_least: bool
    unit: str
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether what was found is what was aimed at."""
        return self.found >= self.bar if self.at_least else self.found <= self.bar

    def cells(self) -> list[str]:
        """Return the line of a table: the aim, the bar, what was found, whether that is met."""
        sign = "at least" if self.at_least else "at most"
        note = f" ({self.note})" if self.note else ""
        return [
            self.aim,
            f"{sign} {self.bar:g} {self.unit}",
            f"{self.found:.2f}{note}",
            "met" if self.met else "not met",
        ]


Row = dict[str, Any]
_TIMES = "times as fast as the fastest other framework"
_HAND = "times the hand-written"


def bars(report: dict[str, Any]) -> list[Bar]:
    """Return the aims that a report has figures for."""
    rows = [row for layer in ("realistic", "composed", "inprocess") for row in report.get(layer, {}).get("ratios", ())]
    found = list(_inprocess({(row["backend"], row["case"]): row for row in rows}))
    found += _composed({(row["backend"], row["case"]): row for row in rows})
    found += _mounted(report.get("mounted", {}).get("rows", ()))
    found += _sockets(report.get("sockets", {}).get("rows", ()))
    found += _idle(report.get("scale", {}).get("idle", ()))
    return found


def _inprocess(rows: dict[tuple[str, str], Row]) -> Iterator[Bar]:
    for backend, lead, cost, alone, first, further in (
        ("wsgi", 1.4, 2.6, 2.2, 1.0, 0.35),
        ("asgi", 1.25, 2.2, 1.6, 1.6, 0.4),
    ):
        of = backend.upper()
        if realistic := rows.get((backend, "realistic")):
            yield from _lead(f"{of}: the realistic request", realistic, lead)
            yield Bar(f"{of}: the realistic request", realistic["ratio"], cost, False, _HAND)
        for case, bar in (("ready-made middleware", 2.0), ("Request alone", alone)):
            if row := rows.get((backend, case)):
                yield from _lead(f"{of}: {case}", row, bar)
        if (backend, "plain text") in rows:
            yield from _bare(of, [rows[backend, case] for case in HEADLINE])
            one, five = added(rows[backend, "plain text"], *(rows[backend, f"{n} middleware{s}"] for n, s in _COUNTS))
            yield Bar(f"{of}: the first middleware adds", one, first, False, "us")
            yield Bar(f"{of}: each further middleware adds", five, further, False, "us")
            for case in ("64 KiB in 16 chunks", "100 server-sent events", "100 values as events"):
                yield from _lead(f"{of}: {case}", rows[backend, case], 1.0)


def _composed(rows: dict[tuple[str, str], Row]) -> Iterator[Bar]:
    for backend in ("wsgi", "asgi"):
        of = backend.upper()
        if (backend, "three dependencies") not in rows:
            continue
        yield Bar(f"{of}: three dependencies add", dependencies(rows, backend), 2.5, False, "us")
        for case in ("whole stack", "whole stack, session changed"):
            row = rows[backend, case]
            yield from _lead(f"{of}: {case}, beside those with dependencies", row, 3.0, WITH_DEPENDENCIES)
            yield from _lead(f"{of}: {case}, beside those without", row, 1.0, WITHOUT)
    if ("asgi", "other colour, three dependencies") in rows:
        one, none = (rows["asgi", f"other colour, {count} dependencies"] for count in ("three", "no"))
        found = one["hinge_us"] / none["hinge_us"]
        yield Bar("ASGI: three plain dependencies of a plain handler", found, 1.4, False, "times none: one hop")


def _mounted(rows: Iterable[Row]) -> Iterator[Bar]:
    """Yield what Hinge adds to a mounted application, beside the adapter that adds the least."""
    for row in rows:
        adapters = {who: found for who, found in row["added"].items() if who in ("a2wsgi", "asgiref")}
        if adapters:
            least = min(adapters, key=adapters.__getitem__)
            found, aim = row["added"]["hinge"] / adapters[least], f"{row['direction']}: {row['case']}"
            yield Bar(aim, found, 0.5, False, "of what the cheapest adapter adds", least)


WITH_DEPENDENCIES, WITHOUT = ("FastAPI", "Litestar", "Flask"), ("Falcon", "BlackSheep")


def dependencies(rows: dict[tuple[str, str], Row], backend: str, who: str = "hinge") -> float:
    """Return what three dependencies add to a route, in microseconds of the fastest rounds."""
    three, none = (_least(rows[backend, f"{count} dependencies"], who) for count in ("three", "no"))
    return three - none


_COUNTS = (("one", ""), ("five", "s"))


def added(plain: Row, one: Row, five: Row, who: str = "hinge") -> tuple[float, float]:
    """Return what the first middleware adds to plain text and what each further one, in microseconds.

    Of the fastest rounds: a difference of medians of a machine that others use as well says little.
    """
    times = [_least(row, who) for row in (plain, one, five)]
    return times[1] - times[0], (times[2] - times[1]) / 4


def _least(row: Row, who: str) -> float:
    least: float = row[f"{who}_least_us"] if who in ("hinge", "hand") else row["peers"][who]["least_us"]
    return least


def _bare(of: str, rows: list[Row]) -> Iterator[Bar]:
    yield Bar(f"{of}: bare routes, mean", statistics.mean(row["ratio"] for row in rows), 1.35, False, _HAND)
    for row in rows:
        yield from _lead(f"{of}: {row['case']}", row, 2.5)


def _lead(aim: str, row: Row, bar: float, of: Collection[str] = ()) -> Iterator[Bar]:
    """Yield how many times as long the fastest of the others takes, or of some of them, if there are others."""
    others = sorted((peer["ratio"], name) for name, peer in row["peers"].items() if not of or name in of)
    if others:
        ratio, name = others[0]
        yield Bar(aim, ratio / row["ratio"], bar, True, _TIMES, name)


def _sockets(rows: list[Row]) -> Iterator[Bar]:
    for backend in ("wsgi", "asgi"):
        case = [row for row in rows if row["backend"] == backend and row["case"] == "realistic"]
        by = {row["who"]: row for row in case}
        if not by:
            continue
        of = f"{backend.upper()}, sockets: the realistic request"
        ours, hand = by.pop("hinge"), by.pop("hand")
        others = sorted((row["rate"], name) for name, row in by.items())
        if others:
            rate, name = others[-1]
            yield Bar(of, ours["rate"] / rate, 1.0, True, _TIMES, name)
        yield Bar(of, ours["ratio"], 0.9, True, f"{_HAND}'s requests a second")
        yield Bar(f"{of}, p99", ours["p99_us"] / hand["p99_us"], 1.15, False, _HAND)


def _idle(rows: list[Row]) -> Iterator[Bar]:
    kib = {(row["backend"], row["kind"], row["who"]): row["kib"] for row in rows}
    for (backend, kind, who), found in kib.items():
        if who == "hinge":
            over = found - kib[backend, kind, "hand"]
            yield Bar(f"{backend.upper()}: an idle {kind}, over the hand-written", over, 2.0, False, "KiB")


def main() -> None:
    """Print the aims of a report."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else _REPORT
    found = bars(json.loads(path.read_text(encoding="utf-8")))
    for bar in found:
        aim, wanted, value, met = bar.cells()
        sys.stdout.write(f"{met:8}{aim:55} {wanted:62} {value}\n")
    sys.stdout.write(f"{sum(bar.met for bar in found)} of {len(found)} met\n")


if __name__ == "__main__":
    main()
