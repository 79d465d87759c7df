"""Measure Hinge against hand-written callables and other frameworks, and write tables and plots.

`python tests/benchmarks` takes some 15 minutes, needs the extra `benchmarks` (for the other frameworks), wrk and
h2load, and writes docs/benchmarks.md, docs/plots/benchmarks.json, docs/plots/*.svg and the first tables of README.md
and docs/performance.md. A layer that is measured alone replaces its part of the report; `--layer realistic`,
`--layer composed` and `--layer mounted` take a minute each. `--newer PYTHON` measures the realistic requests once more
with another interpreter, where frameworks are installed that need it. `--quick` writes to build/benchmarks instead.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import data
import inprocess
import oversockets
import pieces
import scale_concurrency
import scale_memory
import scale_routes
import startup
from cases import BARE_CASES, COMPOSED_CASES, REAL_CASES
from load import missing
from place import place
from plots import plots
from roster import Peer, installed
from tables import aims, headline, page

_ROOT = Path(__file__).resolve().parents[2]
_BEGIN, _END = "<!-- [what python tests/benchmarks writes -->", "<!-- ] -->"
_AIMS = "<!-- [aims, written by python tests/benchmarks -->"
LAYERS = ("realistic", "composed", "mounted", "inprocess", "sockets", "data", "scale")


def _realistic(peers: list[Peer], *, quick: bool) -> dict[str, Any]:
    rounds = inprocess.QUICK_ROUNDS if quick else inprocess.ROUNDS
    return {"ratios": inprocess.compare(rounds, peers, REAL_CASES)}


def _composed(peers: list[Peer], *, quick: bool) -> dict[str, Any]:
    rounds = inprocess.QUICK_ROUNDS if quick else inprocess.ROUNDS
    return {"ratios": inprocess.compare(rounds, peers, COMPOSED_CASES)}


def _mounted(peers: list[Peer], *, quick: bool) -> dict[str, Any]:
    import mounted

    return {"rows": mounted.compare(mounted.QUICK_ROUNDS if quick else mounted.ROUNDS)}


def _newer(python: Path, *, quick: bool) -> dict[str, Any]:
    """Measure the realistic requests with another interpreter."""
    command = [python, Path(inprocess.__file__), "--peers", "--json", "-"]
    command += ["--case=realistic", "--case=ready-made", "--case=Request alone", *(["--quick"] if quick else [])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def _inprocess(peers: list[Peer], *, quick: bool) -> dict[str, Any]:
    rounds = inprocess.QUICK_ROUNDS if quick else inprocess.ROUNDS
    return {
        "ratios": inprocess.compare(rounds, peers, BARE_CASES),
        "pieces": pieces.measure(pieces.QUICK_ROUNDS if quick else pieces.ROUNDS),
    }


def _sockets(peers: list[Peer], *, quick: bool) -> dict[str, Any]:
    rounds = oversockets.QUICK_ROUNDS if quick else oversockets.ROUNDS
    return {"rows": oversockets.measure(rounds, peers), "servers": oversockets.measure_servers(rounds)}


def _data(peers: list[Peer], *, quick: bool) -> dict[str, Any]:
    return data.measure(data.QUICK_ROUNDS if quick else data.ROUNDS, peers)


def _scale(peers: list[Peer], *, quick: bool) -> dict[str, Any]:
    repeat = 3 if quick else 10
    return {
        "routes": scale_routes.measure_routes(scale_routes.QUICK_ROUNDS if quick else scale_routes.ROUNDS, peers),
        "imports": startup.measure_imports(repeat, peers),
        "compile": startup.measure_compile(1 if quick else 3),
        "document": startup.measure_document(1 if quick else 3),
        "first_answer": startup.measure_first_answer(1 if quick else 3, peers),
        "workers": scale_memory.measure_workers(peers),
        "idle": scale_memory.measure_idle(),
        "connections": scale_concurrency.measure_connections(1, peers),
        "waiting": scale_concurrency.measure_waiting(),
    }


def _write(report: dict[str, Any], out: Path) -> None:
    (out / "plots").mkdir(parents=True, exist_ok=True)
    (out / "plots" / "benchmarks.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    (out / "benchmarks.md").write_text(page(report), encoding="utf-8")
    for name, text in plots(report).items():
        (out / name).write_text(text, encoding="utf-8")
    if out == _ROOT / "docs" and {"realistic", "composed", "inprocess"} <= set(report):
        _between(_ROOT / "README.md", _BEGIN, headline(report, "docs/plots"))
        _between(out / "performance.md", _BEGIN, headline(report, "plots"))
        _between(out / "performance.md", _AIMS, aims(report))


def _between(path: Path, begin: str, text: str) -> None:
    """Write a text between a mark of its own and the next end."""
    before, rest = path.read_text(encoding="utf-8").split(begin)
    after = rest.partition(_END)[2]
    path.write_text(f"{before}{begin}\n{text}\n{_END}{after}", encoding="utf-8")


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser("python tests/benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("--layer", choices=LAYERS, action="append", help="only this layer; may be given again")
    parser.add_argument("--peers", action=argparse.BooleanOptionalAction, default=True, help="other frameworks too")
    parser.add_argument("--newer", type=Path, metavar="PYTHON", help="the realistic requests with this Python as well")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: figures to look at, not to keep")
    parser.add_argument("--out", type=Path, help="directory for the report (docs; build/benchmarks with --quick)")
    parser.add_argument("--render", action="store_true", help="measure nothing: write the report again from its JSON")
    options = parser.parse_args()
    layers = () if options.render else options.layer or LAYERS
    if lacking := missing() if set(layers) - {"realistic", "composed", "mounted", "inprocess"} else []:
        parser.error(f"not installed: {', '.join(lacking)} (Debian: apt-get install wrk nghttp2-client)")
    peers = list(installed()) if options.peers else []
    if options.peers and not peers:
        parser.error("no other framework is installed: pip install -e '.[benchmarks]', or --no-peers")
    out = (options.out or _ROOT / ("build/benchmarks" if options.quick else "docs")).resolve()
    written = out / "plots" / "benchmarks.json"
    report: dict[str, Any] = json.loads(written.read_text(encoding="utf-8")) if written.exists() else {}
    for name, measure in zip(
        LAYERS, (_realistic, _composed, _mounted, _inprocess, _sockets, _data, _scale), strict=True
    ):
        if name in layers:
            started = time.monotonic()
            report[name] = {"place": place(), "quick": options.quick, **measure(peers, quick=options.quick)}
            sys.stderr.write(f"{name}: {time.monotonic() - started:.0f} s\n")
            _write(report, out)  # after each layer: what was measured is kept
    if options.newer:
        report["newer"] = {"quick": options.quick, **_newer(options.newer, quick=options.quick)}
    _write(report, out)
    sys.stdout.write(f"{out / 'benchmarks.md'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
