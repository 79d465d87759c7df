"""What a request may cost: the recorded ratios to hand-written callables, in recorded.json.

`python tests/benchmarks/record.py` records them anew, the medians of several short runs. Do so after a change that
makes requests cheaper, so that the guard holds what was won; after one that makes them dearer only with a reason.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

RUNS = 7
_FILE = Path(__file__).with_name("recorded.json")


def measured(names: Iterable[str] = ()) -> dict[str, tuple[float, float]]:
    """Return, by "backend, case", the median ratio and the ratio of minima of a short run in a process of its own.

    Of these only, if some are named.

    Nothing traces there and nothing is rewritten. Cases that wake another thread are left out: what a wake-up takes is
    the machine's.
    """
    only = [f"--case={case}" for case in dict.fromkeys(name.partition(", ")[2] for name in names)]
    return {
        f"{row['backend']}, {row['case']}": (row["ratio"], row["ratio_of_minima"])
        for row in rows_of(only)
        if not row["hops"]
    }


def rows_of(options: Iterable[str]) -> list[dict[str, Any]]:
    """Return the rows of a short run with these options of inprocess.py."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("inprocess.py"), "--quick", "--json", "-", *options],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    rows: list[dict[str, Any]] = json.loads(done.stdout)["ratios"]
    return rows


def recorded() -> dict[str, list[float]]:
    """Return the recorded ratios, as `measured` does."""
    found: dict[str, list[float]] = json.loads(_FILE.read_text(encoding="utf-8"))
    return found


def main() -> None:
    """Record what is measured now."""
    runs = [measured() for _ in range(RUNS)]
    medians = {
        name: [round(statistics.median(run[name][measure] for run in runs), 2) for measure in (0, 1)]
        for name in runs[0]
    }
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(pair)}" for name, pair in medians.items())
    _FILE.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
    sys.stdout.write(_FILE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
