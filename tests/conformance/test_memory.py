"""The example backend: it is what docs/backends.md shows, it is installed by its metadata alone, and the kit passes."""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.conformance.kit import MEMORY, ROOT, Check, halves, installed, run_kit

from hinge.backend.contract import Feature

pytestmark = pytest.mark.gate

FILE = MEMORY / "hinge_memory.py"


@pytest.mark.flaky(reruns=1)  # as tests of other processes are: it shares its cores with whatever else runs
def test_the_kit_passes(tmp_path: Path) -> None:
    path = (installed(tmp_path / "site", "memory", "hinge_memory:backend"), MEMORY)

    def run(modules: list[str]) -> list[Check]:
        done = run_kit(tmp_path / modules[0], *modules, "--backend", "memory", "-q", path=path)
        assert done.failed() == {}, done.output[-5000:]
        assert done.exit == 0, done.output[-5000:]
        return done.checks

    with ThreadPoolExecutor() as pool:
        checks = [check for found in pool.map(run, halves()) for check in found]
    outcomes = [check.outcome for check in checks]
    assert outcomes.count("passed") > 1000
    skipped = [check for check in checks if check.outcome == "skipped"]
    assert skipped
    for check in skipped:
        assert f"backend 'memory' lacks {Feature.WEBSOCKET.value}" in check.report


def test_the_page_shows_the_file() -> None:
    page = (ROOT / "docs" / "backends.md").read_text()
    (shown,) = re.findall(r"<!-- file: hinge_memory\.py -->\n```python\n(.*?)```\n", page, re.DOTALL)
    assert shown == FILE.read_text()


def test_it_is_short() -> None:
    lines = FILE.read_text().splitlines()
    assert len([line for line in lines if line.strip() and not line.strip().startswith(("#", '"""'))]) <= 110


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (("check", "shop:app", "--backend", "memory"), "memory"),
        (("explain", "shop:app"), "a worker thread"),
    ],
)
def test_the_command_line_knows_it(tmp_path: Path, command: tuple[str, ...], shown: str) -> None:
    (tmp_path / "shop.py").write_text(
        "from hinge import App\napp = App()\n\n\n@app.get('/')\ndef index() -> str: ...\n"
    )
    site = installed(tmp_path / "site", "memory", "hinge_memory:backend")
    environ = {"PYTHONPATH": ":".join(map(str, (site, MEMORY, *filter(None, sys.path))))}
    done = subprocess.run(
        [sys.executable, "-m", "hinge", *command],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert shown in done.stdout
