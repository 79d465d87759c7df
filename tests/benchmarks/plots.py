"""The plots of a report, by file name."""

import statistics
from typing import Any

from cases import HEADLINE
from svg import Panel, Series, bars, lines

_NAMES = {"hand": "hand-written", "hinge": "Hinge"}
_SOCKET_CASES = ("plain text", "JSON", "typed path and query", "validated JSON body")


def plots(report: dict[str, Any]) -> dict[str, str]:
    """Return what there are figures for."""
    found: dict[str, str] = {}
    if "realistic" in report:
        found["plots/benchmark-realistic.svg"] = _realistic(report["realistic"])
    if "inprocess" in report:
        found["plots/benchmark-inprocess.svg"] = _inprocess(report["inprocess"])
    if "sockets" in report:
        found["plots/benchmark-sockets.svg"] = _sockets(report["sockets"])
    if "scale" in report:
        found["plots/benchmark-routes.svg"] = _routes(report["scale"])
        found["plots/benchmark-connections.svg"] = _connections(report["scale"])
    return found


def _subtitle(layer: dict[str, Any], text: str) -> str:
    place = layer["place"]
    return f"{text} {place['date']}, {place['python']}, {place['machine']}."


def _realistic(layer: dict[str, Any]) -> str:
    rows = [row for row in layer["ratios"] if row["case"] == "realistic"]
    panels = []
    for row in rows:
        ratios = {"hand-written": 1.0, "Hinge": row["ratio"]}
        ratios |= {name: peer["ratio"] for name, peer in row["peers"].items()}
        panels.append(Panel(row["backend"].upper(), sorted(ratios.items(), key=lambda item: item[1])))
    subtitle = _subtitle(layer, "Three middlewares, a header, a cookie, a JSON body; logarithmic; less is better.")
    title = "Time that a realistic request takes in process, times hand-written"
    return bars(title, subtitle, panels, show=lambda value: f"{value:.3g} x", log=True)


def _inprocess(layer: dict[str, Any]) -> str:
    rows = [row for row in layer["ratios"] if row["case"] in HEADLINE]
    panels = []
    for backend in dict.fromkeys(row["backend"] for row in rows):
        ratios: dict[str, list[float]] = {"hand-written": [1.0]}
        for row in rows:
            if row["backend"] == backend:
                ratios.setdefault("Hinge", []).append(row["ratio"])
                for name, peer in row["peers"].items():
                    ratios.setdefault(name, []).append(peer["ratio"])
        means = {name: statistics.geometric_mean(found) for name, found in ratios.items()}
        panels.append(Panel(backend.upper(), sorted(means.items(), key=lambda item: item[1])))
    subtitle = _subtitle(layer, "Geometric mean of five kinds of request, logarithmic; less is better.")
    title = "Time that a request takes in process, times hand-written"
    return bars(title, subtitle, panels, show=lambda value: f"{value:.3g} x", log=True)


def _sockets(layer: dict[str, Any]) -> str:
    rows = [row for row in layer["rows"] if row["http"] == "HTTP/1.1" and row["rate"]]
    panels = []
    for what, cases in (("realistic", ("realistic",)), ("bare routes", _SOCKET_CASES)):
        for backend in dict.fromkeys(row["backend"] for row in rows if row["case"] in cases):
            rates: dict[str, list[float]] = {}
            for row in rows:
                if row["backend"] == backend and row["case"] in cases:
                    rates.setdefault(_NAMES.get(row["who"], row["who"]), []).append(row["rate"])
            means = {name: statistics.geometric_mean(found) for name, found in rates.items()}
            panels.append(Panel(f"{backend.upper()}, {what}", sorted(means.items(), key=lambda item: -item[1])))
    subtitle = _subtitle(layer, "The realistic request; the geometric mean of four bare routes. More is better.")
    title = "Requests a second: one Granian worker, wrk with 64 connections"
    return bars(title, subtitle, panels, show=lambda value: f"{value:,.0f}", log=False)


def _routes(layer: dict[str, Any]) -> str:
    rows = [row for row in layer["routes"] if row["place"] == "last"]
    counts = sorted({row["routes"] for row in rows})
    times = {(row["who"], row["backend"], row["routes"]): row["us"] for row in rows}
    series = [
        Series(_both(who, backend), [times.get((who, backend, count)) for count in counts])
        for who, backend in dict.fromkeys((row["who"], row["backend"]) for row in rows)
    ]
    title = "Microseconds of a request to the last of many routes"
    subtitle = _subtitle(layer, "In process, logarithmic; less is better.")
    return lines(title, subtitle, counts, series, x_name="routes", show=lambda value: f"{value:g}")


def _connections(layer: dict[str, Any]) -> str:
    rows = layer["connections"]
    counts = sorted({row["connections"] for row in rows})
    rates = {(row["who"], row["backend"], row["connections"]): row["rate"] for row in rows}
    series = [
        Series(_both(who, backend), [rates.get((who, backend, count)) for count in counts])
        for who, backend in dict.fromkeys((row["who"], row["backend"]) for row in rows)
    ]
    title = "Requests a second as connections grow: JSON, one Granian worker"
    subtitle = _subtitle(layer, "Logarithmic; more is better.")
    return lines(title, subtitle, counts, series, x_name="connections", show=lambda value: f"{value:,.0f}")


def _both(who: str, backend: str) -> str:
    return f"{_NAMES.get(who, who)}, {backend.upper()}"
