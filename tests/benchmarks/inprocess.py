"""What a request costs in process, against hand-written callables: `python tests/benchmarks/inprocess.py`.

A loop calls the compiled callable with a synthetic environ or scope; no server, no socket. Both sides are first checked
to give the same answers byte for byte. Then each round times all cases of both sides in turn, so that whatever else the
machine does falls on all alike; a ratio is the median of the rounds' ratios. Processor time is counted: a process that
waits for its core is not slower.

`--quick` takes a second, `--features` adds what middleware and other features cost, `--json FILE` writes what was
measured (`-`: to standard output, in place of the tables).
"""

import argparse
import asyncio
import gc
import json
import os
import platform
import statistics
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import repeat
from pathlib import Path
from time import process_time
from typing import Any

import handwritten
import msgspec
from cases import CASES, REFUSED, Case, asgi_app, featured, wsgi_app

Answer = tuple[int, list[tuple[str, str]], bytes]
Samples = dict[str, list[float]]

# Short turns, so that most of them are not interrupted, and the caches that an interruption empties cost few of them.
ROUNDS, CALLS = 750, 200
QUICK_ROUNDS, QUICK_CALLS = 125, 200


# -- synthetic requests ------------------------------------------------------------------------------------------------


class _Input:
    """A `wsgi.input` that never runs dry, so that one environ serves many requests."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def read(self, size: int) -> bytes:
        return self._body


def environ_of(case: Case) -> dict[str, Any]:
    """Return a WSGI environ as servers make it."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": case.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": case.path,
        "QUERY_STRING": case.query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "203.0.113.7",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": _Input(case.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in case.headers:
        key = name.upper().replace("-", "_")
        environ[key if name in ("content-type", "content-length") else "HTTP_" + key] = value
    return environ


def scope_of(case: Case) -> dict[str, Any]:
    """Return an ASGI scope as servers make it."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 8000),
        "client": ("203.0.113.7", 40000),
        "scheme": "http",
        "method": case.method,
        "root_path": "",
        "path": case.path,
        "raw_path": case.path.encode(),
        "query_string": case.query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in case.headers],
        "state": {},
    }


# -- the same answers --------------------------------------------------------------------------------------------------


def wsgi_answer(application: Callable[..., Any], case: Case) -> Answer:
    """Return a WSGI callable's answer."""
    started: list[Any] = []
    parts = application(environ_of(case), lambda *arguments: started.extend(arguments))
    return int(started[0][:3]), started[1], b"".join(parts)


async def asgi_answer(application: Callable[..., Any], case: Case) -> Answer:
    """Return an ASGI callable's answer."""
    sent: list[dict[str, Any]] = []
    request = {"type": "http.request", "body": case.body, "more_body": False}

    async def receive() -> dict[str, Any]:
        return request

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await application(scope_of(case), receive, send)
    headers = [(name.decode(), value.decode()) for name, value in sent[0]["headers"]]
    return sent[0]["status"], headers, b"".join(message["body"] for message in sent[1:])


async def check(wsgi: Callable[..., Any], asgi: Callable[..., Any]) -> None:
    """Make sure that all four callables answer alike: byte for byte, but for the wording of a refusal.

    Raises:
        SystemExit: two differ.

    """
    for case in (*CASES, *REFUSED):
        of = _without_wording if case in REFUSED else _as_it_is
        expected = of(wsgi_answer(handwritten.wsgi, case))
        answers = {
            "Hinge on WSGI": wsgi_answer(wsgi, case),
            "hand-written ASGI": await asgi_answer(handwritten.asgi, case),
            "Hinge on ASGI": await asgi_answer(asgi, case),
        }
        for who, answer in answers.items():
            if of(answer) != expected:
                raise SystemExit(f"{case.name}: {who} answers\n  {of(answer)}\nthe hand-written WSGI\n  {expected}")


def _as_it_is(answer: Answer) -> Any:
    return answer


def _without_wording(answer: Answer) -> Any:
    status, headers, body = answer
    members = list(json.loads(body)) if body.startswith(b"{") else body
    return status, [line for line in headers if line[0] != "content-length"], members


# -- timing ------------------------------------------------------------------------------------------------------------


def _start_response(status: str, headers: list[tuple[str, str]]) -> None:
    pass


async def _send(message: dict[str, Any]) -> None:
    pass


Timer = Callable[[int], Any]
"""Call the application so many times and return (or await) the seconds that it took."""


def wsgi_timer(application: Callable[..., Any], case: Case) -> Timer:
    """Return what times a WSGI callable."""
    environ = environ_of(case)

    async def run(calls: int) -> float:
        started = process_time()
        for _ in repeat(None, calls):
            application(environ, _start_response)
        return process_time() - started

    return run


def asgi_timer(application: Callable[..., Any], case: Case) -> Timer:
    """Return what times an ASGI callable."""
    scope = scope_of(case)
    message = {"type": "http.request", "body": case.body, "more_body": False}

    async def receive() -> dict[str, Any]:
        return message

    async def run(calls: int) -> float:
        started = process_time()
        for _ in repeat(None, calls):
            await application(scope, receive, _send)
        return process_time() - started

    return run


async def measure(timers: dict[str, Timer], rounds: int, calls: int) -> Samples:
    """Return the microseconds a call of each timer over all rounds; every second round goes the other way round."""
    samples: Samples = {name: [] for name in timers}
    for timer in timers.values():
        await timer(calls)
    gc.collect()
    gc.freeze()
    gc.disable()  # as timeit does: no collection falls on one side by chance
    try:
        for number in range(rounds):
            order: Iterable[str] = reversed(timers) if number % 2 else timers
            for name in order:
                samples[name].append(await timers[name](calls) / calls * 1e6)
    finally:
        gc.enable()
        gc.unfreeze()
    return samples


# -- reports -----------------------------------------------------------------------------------------------------------


async def compare(rounds: int, calls: int) -> list[dict[str, Any]]:
    """Return a row for each backend and case: medians, the median ratio of the rounds, the ratio of minima."""
    wsgi, asgi = wsgi_app().compile("wsgi"), asgi_app().compile("asgi")
    await check(wsgi, asgi)
    timers: dict[str, Timer] = {}
    for case in CASES:
        timers[f"wsgi|{case.name}|hand"] = wsgi_timer(handwritten.wsgi, case)
        timers[f"wsgi|{case.name}|hinge"] = wsgi_timer(wsgi, case)
        timers[f"asgi|{case.name}|hand"] = asgi_timer(handwritten.asgi, case)
        timers[f"asgi|{case.name}|hinge"] = asgi_timer(asgi, case)
    samples = await measure(timers, rounds, calls)
    rows = []
    for backend in ("wsgi", "asgi"):
        for case in CASES:
            hand, hinge = samples[f"{backend}|{case.name}|hand"], samples[f"{backend}|{case.name}|hinge"]
            ratios = [ours / theirs for ours, theirs in zip(hinge, hand, strict=True)]
            rows.append(
                {
                    "backend": backend,
                    "case": case.name,
                    "hand_us": round(statistics.median(hand), 3),
                    "hinge_us": round(statistics.median(hinge), 3),
                    "ratio": round(statistics.median(ratios), 3),
                    "ratio_of_minima": round(min(hinge) / min(hand), 3),
                }
            )
    return rows


async def features(rounds: int, calls: int) -> list[dict[str, Any]]:
    """Return what each feature costs on each backend, in microseconds a request."""
    timers: dict[str, Timer] = {}
    for name, (app, case) in featured("def").items():
        timers[f"wsgi|{name}"] = wsgi_timer(app.compile("wsgi"), case)
    for name, (app, case) in featured("async def").items():
        timers[f"asgi|{name}"] = asgi_timer(app.compile("asgi"), case)
    samples = await measure(timers, rounds, calls)
    medians = {name: round(statistics.median(found), 2) for name, found in samples.items()}
    names = dict.fromkeys(name.partition("|")[2] for name in timers)
    return [
        {"feature": name, "wsgi_us": medians.get(f"wsgi|{name}"), "asgi_us": medians.get(f"asgi|{name}")}
        for name in names
    ]


def _tables(report: dict[str, Any]) -> str:
    lines = [
        f"{report['date']}, {report['python']}, {report['machine']}",
        "",
        "| backend | case | hand-written, us | Hinge, us | ratio |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {row['backend']} | {row['case']} | {row['hand_us']:.2f} | {row['hinge_us']:.2f} | {row['ratio']:.2f} |"
        for row in report["ratios"]
    ]
    if report.get("features"):
        lines += ["", "| feature | WSGI, us | ASGI, us |", "| --- | ---: | ---: |"]
        lines += [
            f"| {row['feature']} | {_number(row['wsgi_us'])} | {_number(row['asgi_us'])} |"
            for row in report["features"]
        ]
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def main(arguments: list[str] | None = None) -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--features", action="store_true", help="also measure middleware, 404, 405, many routes")
    parser.add_argument("--json", metavar="FILE", help="write the figures there; - is standard output")
    options = parser.parse_args(arguments)
    effort = (QUICK_ROUNDS, QUICK_CALLS) if options.quick else (ROUNDS, CALLS)
    report = {
        "date": datetime.now(UTC).date().isoformat(),
        "python": f"{platform.python_implementation()} {platform.python_version()}, msgspec {msgspec.__version__}",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "ratios": asyncio.run(compare(*effort)),
        "features": asyncio.run(features(*effort)) if options.features else [],
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
