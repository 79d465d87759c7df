"""The public types hold under mypy and pyright, and what is wrong is found by both, where it is wrong."""

import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import msgspec
import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
BAD = "mistakes.py"
FILES = [str(HERE / name) for name in ("clients.py", "declarations.py", "parameters.py", BAD)]


def check(checker: str, *arguments: str) -> str:
    """Return what a checker, which must be installed, says about the files."""
    if importlib.util.find_spec(checker) is None:
        pytest.skip(f"{checker} is not installed here")
    command = [sys.executable, "-m", checker, *arguments]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 1, run.stdout + run.stderr
    return run.stdout


def expected() -> set[tuple[int, str]]:
    """Return the line and the code of every error that the comments of the bad file announce."""
    found = set()
    for number, line in enumerate((HERE / BAD).read_text("utf-8").splitlines(), 1):
        comment = re.search(r"# E: ([a-z-]+)$", line)
        if comment is not None:
            found.add((number, comment[1]))
    return found


def test_the_comments_are_found() -> None:
    assert len(expected()) == 34


def test_mypy_finds_every_mistake_and_no_other(tmp_path: Path) -> None:
    output = check("mypy", "--no-error-summary", "--cache-dir", str(tmp_path), *FILES)
    errors = re.findall(r"^(\S+?):(\d+): error: .*\[([a-z-]+)\]$", output, re.MULTILINE)
    assert {Path(file).name for file, _, _ in errors} == {BAD}, output
    assert {(int(line), code) for _, line, code in errors} == expected()


def test_pyright_finds_every_mistake_and_no_other(tmp_path: Path) -> None:
    # It passes over a file that the project excludes even if it is named: so a project of its own.
    for file in FILES:
        shutil.copy(file, tmp_path)
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["pyright"]
    paths = [str(ROOT / path) for path in settings["extraPaths"]]
    project = {"extraPaths": paths, "typeCheckingMode": settings["typeCheckingMode"]}
    (tmp_path / "pyrightconfig.json").write_bytes(msgspec.json.encode(project))
    output = check("pyright", "--pythonpath", sys.executable, "--project", str(tmp_path))
    errors = re.findall(r"([\w]+\.py):(\d+):\d+ - error", output)
    assert {file for file, _ in errors} == {BAD}, output
    assert {int(line) for _, line in errors} == {line for line, _ in expected()}
