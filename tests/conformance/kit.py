"""Running the kit as an outside distribution does: in a process of its own, by its name, from another folder."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import hinge.conformance

ROOT = Path(__file__).parents[2]
MEMORY = ROOT / "examples" / "backend"

RECORDER = """
import json, pathlib
import pytest

found = {}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    for item in items:
        marker = item.get_closest_marker("clause")
        found[item.nodeid] = {"clause": marker and marker.args[0], "outcome": "collected", "report": ""}


def pytest_runtest_logreport(report):
    entry = found[report.nodeid]
    if report.when == "call" or report.outcome != "passed":
        entry["outcome"] = report.outcome
        entry["report"] = report.longreprtext + "".join(map("\\n".join, report.sections))


def pytest_sessionfinish():
    pathlib.Path("found.json").write_text(json.dumps(found))
"""
"""A pytest plugin that writes down what happened to each check."""


@dataclass(frozen=True)
class Check:
    """What became of one check."""

    test: str
    clause: str | None
    outcome: str
    report: str


@dataclass(frozen=True)
class Run:
    """One run of the kit."""

    exit: int
    output: str
    checks: list[Check]

    def failed(self) -> dict[str, set[str | None]]:
        """Return the names of the checks that failed, without parameters, each with its clauses."""
        found: dict[str, set[str | None]] = {}
        for check in self.checks:
            if check.outcome == "failed":
                found.setdefault(check.test.partition("::")[2].partition("[")[0], set()).add(check.clause)
        return found


def installed(folder: Path, name: str, entry: str) -> Path:
    """Return a folder that is on the path of a process to which a backend is installed by metadata alone."""
    info = folder / f"hinge_{name}-1.0.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: hinge-{name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[hinge.backends]\n{name} = {entry}\n")
    return folder


def halves() -> list[list[str]]:
    """Return the kit's modules in two lists that take about the same time: most of it is waiting."""
    names = sorted(path.stem for path in Path(hinge.conformance.__file__).parent.glob("test_*.py"))
    long = ["test_streams", "test_stream_endings", "test_body_stream", "test_limits"]
    return [[f"hinge.conformance.{name}" for name in names if (name in long) is half] for half in (True, False)]


def run_kit(folder: Path, *arguments: str, path: tuple[Path, ...] = (), optimised: bool = False) -> Run:
    """Run `pytest --pyargs ...` in an empty folder."""
    home = folder / "elsewhere"
    home.mkdir(parents=True, exist_ok=True)
    (home / "recorder.py").write_text(RECORDER)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("HINGE_", "PYTEST"))}
    ours = [str(place) for place in (home, *path)] + [entry for entry in sys.path if entry]
    environ["PYTHONPATH"] = os.pathsep.join(ours)
    flags = ["-O"] if optimised else []
    done = subprocess.run(
        [sys.executable, *flags, "-m", "pytest", "-p", "recorder", "-p", "no:cacheprovider", "--pyargs", *arguments],
        cwd=home,
        env=environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    file = home / "found.json"
    found = json.loads(file.read_text()) if file.exists() else {}
    checks = [Check(_named(test), **entry) for test, entry in found.items()]
    return Run(done.returncode, done.stdout + done.stderr, checks)


def _named(node: str) -> str:
    path, _, test = node.partition("::")
    return f"{Path(path).name}::{test}"
