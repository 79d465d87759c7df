"""Modules with apps, written into a folder that is the working directory as long as a test lasts."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def working_directory(folder: Path, monkeypatch: pytest.MonkeyPatch, modules: Mapping[str, str]) -> Iterator[Path]:
    """Write modules into a folder and go there; no HINGE_ variable is set, and what is imported is forgotten again."""
    monkeypatch.chdir(folder)
    for name in [name for name in os.environ if name.startswith("HINGE_")]:
        monkeypatch.delenv(name)
    for name, source in modules.items():
        (folder / f"{name}.py").write_text(source)
    path, loaded = list(sys.path), set(sys.modules)
    yield folder
    sys.path[:] = path
    for name in set(sys.modules) - loaded:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
            del sys.modules[name]
