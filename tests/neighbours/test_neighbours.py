"""What people have beside Hinge, and how it meets Hinge: one real package a row.

Law: the table is `rows.ROWS`; docs/neighbours.md shows it, and each row there has a proof that runs here.
"""

import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from tests.neighbours.rows import ROWS, Row
from tests.neighbours.table import PAGE, ROOT, written

SERVERS = ("cheroot", "uvicorn")
"""What `served` serves with."""


@pytest.mark.gate
@pytest.mark.filterwarnings("ignore")  # theirs to settle, not this table's
@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in ROWS])
def test_it_works(row: Row, tmp_path: Path) -> None:
    _need(row)
    if not row.alone:
        row.proof(tmp_path)
        return
    command = [sys.executable, "-m", "tests.neighbours", row.name, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _need(row: Row) -> None:
    """Skip where a package is not installed; the gate installs it, and fails."""
    if os.environ.get("CI"):
        return
    for package in (*SERVERS, *row.package.split()):
        try:
            version(package)
        except PackageNotFoundError:
            pytest.skip(f"{package} is not installed (the extra `neighbours`)")


def test_the_page_shows_the_table() -> None:
    text = PAGE.read_text("utf-8")
    assert written(text) == text, "python -m tests.neighbours.table"


def test_names_are_unique() -> None:
    names = [row.name for row in ROWS]
    assert sorted(set(names)) == sorted(names)
