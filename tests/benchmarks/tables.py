"""The tables of a report, in Markdown."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from bars import added, bars, dependencies
from cases import HEADLINE

_NAMES = {"hand": "hand-written", "hinge": "**Hinge**", "hinge run": "**`hinge run`**"}


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table whose first column is text and whose others are numbers."""
    marks = ["---", *["---:"] * (len(columns) - 1)]
    return "\n".join("| " + " | ".join(line) + " |" for line in (columns, marks, *rows))


def page(report: dict[str, Any]) -> str:
    """Return the page that holds all tables of a report."""
    said = (
        "Written by `python tests/benchmarks`; [Performance](performance.md) says what is measured and how to read it. "
        "The figures for machines are in [benchmarks.json](plots/benchmarks.json)."
    )
    parts = ["# Benchmark results", said]
    layers = ("realistic", _realistic), ("newer", _newer), ("composed", _composed), ("mounted", _mounted)
    for name, render in (*layers, ("inprocess", _inprocess), ("sockets", _sockets), ("data", _data), ("scale", _scale)):
        if name in report:
            parts += render(report[name])
    return "\n\n".join(parts) + "\n"


def aims(report: dict[str, Any]) -> str:
    """Return what was aimed at and what came of it."""
    return table(["aim", "bar", "found", ""], [bar.cells() for bar in bars(report)])


_REALISTIC = ("realistic", "realistic, 404", "realistic, 422", "ready-made middleware", "Request alone")
_STACK = ("whole stack", "whole stack, session changed")


def headline(report: dict[str, Any], plots: str) -> str:
    """Return the first tables and plot: what people run, then bare routes; ours and the fastest of the others."""
    real, stack, bare = report["realistic"], report["composed"], report["inprocess"]
    means = ["mean"]
    for backend in _backends(bare):
        ratios = [row["ratio"] for row in bare["ratios"] if row["backend"] == backend and row["case"] in HEADLINE]
        means += [f"**{statistics.mean(ratios):.2f}**", ""]
    return "\n\n".join(
        [
            table(
                _headline_columns(real, "what people run"),
                [*_headline_rows(real, _REALISTIC), *_headline_rows(stack, _STACK)],
            ),
            f"![Time that a realistic request takes in process]({plots}/benchmark-realistic.svg)",
            table(_headline_columns(bare, "bare routes"), [*_headline_rows(bare, HEADLINE), means]),
            " ".join(_places({"": real, "Whole stack: ": stack, "Bare routes: ": bare})),
        ]
    )


def _places(layers: dict[str, dict[str, Any]]) -> list[str]:
    """Return where and when layers were measured, each place once."""
    places: dict[str, str] = {}
    for what, layer in layers.items():
        places.setdefault(_place(layer), what)
    return [what + place for place, what in places.items()]


def _backends(layer: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys(row["backend"] for row in layer["ratios"]))


def _headline_columns(layer: dict[str, Any], what: str) -> list[str]:
    columns = [f"{what}, times hand-written"]
    for backend in _backends(layer):
        columns += [f"Hinge, {backend.upper()}", "fastest other"]
    return columns


def _headline_rows(layer: dict[str, Any], names: Iterable[str]) -> list[list[str]]:
    return [[name, *_headline_cells(layer, name, _backends(layer))] for name in names]


def _headline_cells(layer: dict[str, Any], name: str, backends: list[str]) -> list[str]:
    cells = []
    for backend in backends:
        row = next(row for row in layer["ratios"] if row["backend"] == backend and row["case"] == name)
        peers = sorted((peer["ratio"], who) for who, peer in row["peers"].items())
        cells += [f"**{row['ratio']:.2f}**", f"{peers[0][0]:.1f} ({peers[0][1]})" if peers else ""]
    return cells


def _place(layer: dict[str, Any]) -> str:
    place = layer["place"]
    versions = ", ".join(f"{name} {found}" for name, found in place["versions"].items())
    short = " A quick run." if layer["quick"] else ""
    return f"{place['date']}, {place['python']}, {place['machine']}; {versions}.{short}"


_RATIOS = "Microseconds of the hand-written callable and of Hinge, and everybody's ratio to the hand-written one."


def _realistic(layer: dict[str, Any]) -> list[str]:
    said = (
        "Three middlewares that set a header each, a `Request`, one header, one cookie, a validated JSON body, a JSON "
        f"answer; a 404 and a 422 behind the same; ready-made CORS and request id. {_RATIOS}"
    )
    plot = "![Times of the realistic request](plots/benchmark-realistic.svg)"
    return ["## What people run", _place(layer), said, plot, *_ratios(layer)]


def _composed(layer: dict[str, Any]) -> list[str]:
    said = (
        "Three dependencies, one of them a generator, beside the same route without any; in the colour the backend "
        "calls directly and in the other one. The whole stack: ready-made CORS and request id, a session in a cookie, "
        "the three dependencies, a validated JSON body. "
    )
    rows = {(row["backend"], row["case"]): row for row in layer["ratios"]}
    lines = [
        [f"{_NAMES.get(who, who)}, {backend.upper()}", f"{dependencies(rows, backend, who):.2f}"]
        for backend in _backends(layer)
        for who in ("hand", "hinge", *rows[backend, "three dependencies"]["peers"])
    ]
    added_by = ["What the three add to the route, in the fastest rounds.", table(["added, us", "dependencies"], lines)]
    return ["## Dependencies and sessions", _place(layer), said + _RATIOS, *_ratios(layer), *added_by]


def _mounted(layer: dict[str, Any]) -> list[str]:
    said = (
        "What it adds to an application to be called by the other protocol, in microseconds of the fastest rounds: "
        "mounted in Hinge, or wrapped by an adapter; and what a mount adds where the protocols agree, with nothing "
        "around it and inside a middleware."
    )
    names = {"hinge": "**Hinge**", "inside": "Hinge, inside a middleware"}
    parts = []
    for across in (True, False):
        rows = [row for row in layer["rows"] if (row["direction"][:4] != row["direction"][-4:]) is across]
        sides = list(dict.fromkeys(who for row in rows for who in row["added"]))
        lines = [
            [
                f"{row['case']}, {row['direction']}",
                f"{row['alone_us']:.1f}",
                *[f"{row['added'][who]:.1f}" if who in row["added"] else "" for who in sides],
            ]
            for row in rows
        ]
        parts.append(table(["added, us", "alone, us", *[names.get(who, who) for who in sides]], lines))
    return ["## Mounted applications", _place(layer), said, *parts]


def _newer(layer: dict[str, Any]) -> list[str]:
    return [f"### {layer['place']['python']}", _place(layer), *_ratios(layer)]


def _inprocess(layer: dict[str, Any]) -> list[str]:
    plot = "![Ratios in process](plots/benchmark-inprocess.svg)"
    return ["## Bare routes", _place(layer), _RATIOS, plot, *_ratios(layer), *_middleware(layer), *_pieces(layer)]


def _middleware(layer: dict[str, Any]) -> list[str]:
    """Return what a middleware costs each framework."""
    rows = {(row["backend"], row["case"]): row for row in layer["ratios"]}
    lines = []
    for backend in _backends(layer):
        plain, one, five = (rows[backend, case] for case in ("plain text", "one middleware", "five middlewares"))
        for who in ("hand", "hinge", *one["peers"]):
            first, further = added(plain, one, five, who)
            lines.append([f"{_NAMES.get(who, who)}, {backend.upper()}", f"{first:.2f}", f"{further:.2f}"])
    said = "What middleware that lets everything through adds to plain text, in the fastest rounds."
    return ["### Middleware", said, table(["added, us", "the first", "each further"], lines)]


def _ratios(layer: dict[str, Any]) -> list[str]:
    parts = []
    for backend in _backends(layer):
        rows = [row for row in layer["ratios"] if row["backend"] == backend]
        peers = list(dict.fromkeys(name for row in rows for name in row["peers"]))
        columns = [backend.upper(), "hand-written, us", "Hinge, us", "**Hinge**", *peers]
        lines = [
            [
                row["case"],
                f"{row['hand_us']:.2f}",
                f"{row['hinge_us']:.2f}",
                f"**{row['ratio']:.2f}**",
                *[_ratio(row["peers"].get(name)) for name in peers],
            ]
            for row in rows
        ]
        parts.append(table(columns, lines))
    return parts


def _pieces(layer: dict[str, Any]) -> list[str]:
    said = "On WSGI, microseconds of each piece by itself; the rest is passing things on, the context, the headers."
    return ["### Where the time goes", said, pieces(layer["pieces"])]


def pieces(rows: list[dict[str, Any]]) -> str:
    """Return the table of what requests spend on what."""
    names = [name for name in rows[0] if name != "case"]
    return table(["WSGI, us", *names], [[row["case"], *[f"{row[name]:.2f}" for name in names]] for row in rows])


def _ratio(peer: dict[str, float] | None) -> str:
    return "" if peer is None else f"{peer['ratio']:.1f}" if peer["ratio"] < 100 else f"{peer['ratio']:.0f}"


def _sockets(layer: dict[str, Any]) -> list[str]:
    parts = ["## Over sockets", _place(layer), "![Requests a second](plots/benchmark-sockets.svg)"]
    for http in dict.fromkeys(row["http"] for row in layer["rows"]):
        for backend in dict.fromkeys(row["backend"] for row in layer["rows"]):
            rows = [row for row in layer["rows"] if row["http"] == http and row["backend"] == backend]
            parts.append(f"### {backend.upper()}, {http}")
            columns = ["", "requests/s", "x hand-written"]
            if http == "HTTP/1.1":
                columns += ["p50, ms", "p99, ms", "processor, us"]
            for case in dict.fromkeys(row["case"] for row in rows):
                lines = [_socket_cells(row) for row in rows if row["case"] == case]
                parts.append(table([case, *columns[1:]], lines))
    if layer.get("servers"):
        columns = ["", "requests/s", "x hand-written", "p50, ms", "p99, ms", "processor, us"]
        lines = [
            [f"{_SERVERS[row['server']]}, {row['backend'].upper()}, {row['case']}: {cells[0]}", *cells[1:]]
            for row in layer["servers"]
            for cells in (_socket_cells(row),)
        ]
        parts += ["### Other servers", table(columns, lines)]
    return parts


_SERVERS = {"peregrine": "Peregrine", "fastpysgi": "FastPySGI"}


def _socket_cells(row: dict[str, Any]) -> list[str]:
    cells = [_NAMES.get(row["who"], row["who"]), f"{row['rate']:,}", f"{row['ratio']:.2f}"]
    if "p50_us" in row:
        cells += [f"{row['p50_us'] / 1e3:.1f}", f"{row['p99_us'] / 1e3:.1f}", f"{row['cpu_us']:.0f}"]
    if row["errors"]:
        cells[1] += f" ({row['errors']:.0f} errors)"
    return cells


def _data(layer: dict[str, Any]) -> list[str]:
    uploads = [[_who(row), f"{row['seconds']:.2f}", f"{row['mib']:.0f}"] for row in layer["uploads"]]
    forms = [[_who(row), f"{row['rate']:,}"] for row in layer["forms"]]
    sizes = list(dict.fromkeys(row["case"] for row in layer["files"]))
    rates = {(row["who"], row["backend"], row["case"]): row["rate"] for row in layer["files"]}
    files = [
        [_who(row), *[f"{rates[row['who'], row['backend'], size]:,}" for size in sizes]]
        for row in layer["files"]
        if row["case"] == sizes[0]
    ]
    return [
        "## Forms and files",
        _place(layer),
        "A multipart form with a file of 200 MB: seconds until the answer, and the most memory it took of the worker.",
        table(["upload of 200 MB", "s", "MiB"], uploads),
        "A multipart form with a text and a file of 4 KiB, 64 connections.",
        table(["small forms", "requests/s"], forms),
        "Files of a directory, requests a second, 64 connections for the small and 8 for the large one.",
        table(["files", *sizes], files),
    ]


def _who(row: dict[str, Any]) -> str:
    name = _NAMES.get(row["who"], row["who"] if row["who"] == "nginx" else row["who"].capitalize())
    return f"{name}, {row['backend'].upper()}" if row["backend"] else name


def _scale(layer: dict[str, Any]) -> list[str]:
    parts = ["## Scale", _place(layer), "### Many routes", "![Many routes](plots/benchmark-routes.svg)"]
    parts += ["Microseconds of a request, in process.", _routes(layer["routes"])]
    parts += ["### Connections", "![Connections](plots/benchmark-connections.svg)", "Requests a second, JSON."]
    parts.append(_pivot(layer["connections"], "connections", "rate", lambda value: f"{value:,}"))
    parts += [
        "### Handlers that wait",
        "200 connections to a handler that waits 100 ms: 2,000 requests a second at most.",
    ]
    columns = ["", "handler", "threads", "requests/s", "p99, ms", "processor, us"]
    parts.append(
        table(
            columns,
            [
                [
                    f"{_NAMES[row['who']]}, {row['backend'].upper()}",
                    row["handler"],
                    str(row["threads"] or ""),
                    f"{row['rate']:,}",
                    str(row["p99_ms"]),
                    str(row["cpu_us"]),
                ]
                for row in layer["waiting"]
            ],
        )
    )
    return parts + _memory(layer) + _start(layer)


def _routes(rows: list[dict[str, Any]]) -> str:
    columns = list(dict.fromkeys((row["routes"], row["place"]) for row in rows))
    columns.sort(key=lambda column: column[0])
    cells = {(row["who"], row["backend"], row["routes"], row["place"]): row["us"] for row in rows}
    lines = [
        [
            f"{_NAMES.get(who, who)}, {backend.upper()}",
            *[_number(cells.get((who, backend, *column)), lambda value: f"{value:.2f}") for column in columns],
        ]
        for who, backend in dict.fromkeys((row["who"], row["backend"]) for row in rows)
    ]
    return table(["", *[f"{count:,}, {place}" for count, place in columns]], lines)


def _pivot(rows: list[dict[str, Any]], column: str, value: str, show: Callable[[Any], str]) -> str:
    columns = sorted({row[column] for row in rows})
    cells = {(row["who"], row["backend"], row[column]): row[value] for row in rows}
    lines = [
        [
            f"{_NAMES.get(who, who)}, {backend.upper()}",
            *[_number(cells.get((who, backend, one)), show) for one in columns],
        ]
        for who, backend in dict.fromkeys((row["who"], row["backend"]) for row in rows)
    ]
    return table(["", *[f"{one:,}" for one in columns]], lines)


def _number(value: Any, show: Callable[[Any], str]) -> str:
    return "" if value is None else show(value)


def _memory(layer: dict[str, Any]) -> list[str]:
    workers = [
        [f"{_NAMES.get(row['who'], row['who'])}, {row['backend'].upper()}", f"{row['kib'] / 1024:.1f}"]
        for row in layer["workers"]
    ]
    idle = [
        [f"{_NAMES[row['who']]}, {row['backend'].upper()}", row["kind"], f"{row['kib']:.1f}"] for row in layer["idle"]
    ]
    return [
        "### Memory",
        "Private pages of a worker after some thousand requests, and of what idles in it.",
        table(["worker", "MiB"], workers),
        table(["idle connection", "kind", "KiB each"], idle),
    ]


def _start(layer: dict[str, Any]) -> list[str]:
    imports = [[row["import"], f"{row['ms']:.0f}"] for row in layer["imports"]]
    compiles = [
        [
            f"{row['backend'].upper()}, {row['routes']:,} typed routes",
            f"{row['declare_ms']:.0f}",
            f"{row['compile_ms']:.0f}",
        ]
        for row in layer["compile"]
    ]
    answers = [
        [f"{_NAMES.get(row['who'], row['who'])}, {row['backend'].upper()}", str(row["ms"])]
        for row in layer["first_answer"]
    ]
    documents = [
        [f"{row['backend'].upper()}, {row['routes']:,} routes", f"{row['first_ms']:.0f}", f"{row['later_ms']:.2f}"]
        for row in layer.get("document", ())
    ]
    said = (
        "Milliseconds: of processor time for imports (Python itself included) and for compiling; on the clock from the "
        "command to the first answer, for Granian around each stack and for `hinge run`."
    )
    return [
        "### Start",
        said,
        table(["import", "ms"], imports),
        table(["typed routes", "declare, ms", "compile, ms"], compiles),
        table(["OpenAPI document", "first request, ms", "later, ms"], documents),
        table(["first answer", "ms"], answers),
    ]
