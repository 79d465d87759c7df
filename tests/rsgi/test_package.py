"""The distribution hinge-rsgi needs nothing but Granian and Hinge, and stays small."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "backends/hinge_rsgi/src/hinge_rsgi").glob("*.py"))
MOST_LINES = 421
"""Of code and prose; without what bounds a stream by the state of its socket."""


def trees() -> Iterator[tuple[str, ast.Module]]:
    for file in SOURCES:
        yield file.name, ast.parse(file.read_text("utf-8"))


def imported() -> Iterator[tuple[str, str, str]]:
    """Yield the file, the module and the name of every import."""
    for file, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                yield from ((file, alias.name, "") for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from ((file, node.module or "", alias.name) for alias in node.names)


def test_it_imports_the_standard_library_granian_and_hinge() -> None:
    tops = {module.partition(".")[0] for _, module, _ in imported()}
    assert {"hinge", "granian"} <= tops
    assert tops - set(sys.stdlib_module_names) == {"hinge", "granian", "hinge_rsgi"}


def test_it_is_small() -> None:
    lines = [
        line
        for file in SOURCES
        if file.name != "backpressure.py"
        for line in file.read_text("utf-8").splitlines()
        if line.strip()
    ]
    assert 200 < len(lines) <= MOST_LINES


def test_the_search_path_of_the_other_backends_does_not_make_it_importable() -> None:
    program = (
        "import hinge_asgi, hinge_wsgi\ntry:\n from hinge_rsgi import backend\nexcept ImportError: print('absent')"
    )
    path = os.pathsep.join((str(ROOT / "framework"), str(ROOT / "backends")))
    run = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path += {sys.path!r}\n{program}"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    installed = any("hinge_rsgi" in entry or Path(entry, "hinge_rsgi/__init__.py").exists() for entry in sys.path)
    assert run.stdout.strip() == ("" if installed else "absent")
