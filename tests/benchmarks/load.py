"""Requests from outside: wrk for HTTP/1.1, h2load for HTTP/2, loopback only, a bounded time each."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from cases import BROWSER, Case

_SCRIPT = Path(__file__).with_name("load.lua")


def missing() -> list[str]:
    """Return which of the programs are not installed (Debian: wrk, nghttp2-client)."""
    return [name for name in ("wrk", "h2load") if shutil.which(name) is None]


def wrk(port: int, case: Case, *, connections: int = 64, seconds: int = 1) -> dict[str, float]:
    """Return requests, requests a second, the median and 99th percentile of the latency in microseconds, and errors."""
    told = {"METHOD": case.method, "BODY": case.body.decode(), "TYPE": case.content_type}
    told["HEADERS"] = "\n".join(f"{name}: {value}" for name, value in case.headers if (name, value) in BROWSER)
    environment = os.environ | {f"BENCHMARK_{name}": value for name, value in told.items()}
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "5s", "-s", str(_SCRIPT)]
    output = _run([*command, f"http://127.0.0.1:{port}{_target(case)}"], environment)
    found: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
    found["rate"] = found["requests"] / found.pop("seconds")
    return found


def h2load(port: int, case: Case, *, connections: int = 8, streams: int = 8, seconds: int = 1) -> dict[str, float]:
    """Return requests a second over HTTP/2 without TLS, so many streams at once on each connection."""
    command = ["h2load", "-t1", f"-c{connections}", f"-m{streams}", f"-D{seconds}"]
    command += [option for name, value in case.headers if name != "host" for option in ("-H", f"{name}: {value}")]
    output = _run([*command, f"http://127.0.0.1:{port}{_target(case)}"], dict(os.environ))
    rate = re.search(r"finished in .*?, ([\d.]+) req/s", output)
    codes = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", output)
    if rate is None or codes is None:
        raise RuntimeError(output)
    return {"rate": float(rate[1]), "errors": sum(int(codes[number]) for number in (2, 3, 4))}


def _target(case: Case) -> str:
    return f"{case.path}?{case.query}" if case.query else case.path


def _run(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout
