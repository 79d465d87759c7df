"""Backends as they are found: distributions with an entry point, installed for one test."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hinge.backend.installed import _loaded

Install = Callable[..., None]

WHOLE = """\
from hinge.backend import CONTRACT, Feature


class Plain:
    name = interface = "plain"
    features = frozenset({Feature.DISCONNECT})
    contract = (2, 0)

    def compile(self, frozen):
        return Application()

    def placement(self, plan):
        return "somewhere"

    def connect(self, application, options):
        raise NotImplementedError


class Application:
    __slots__ = ()

    def __call__(self): ...
    def start(self): ...
    def drain(self, seconds): ...
    def stop(self): ...


backend = Plain()
"""
"""A backend that can be loaded and compiled; its application takes no attribute of somebody else's."""


@pytest.fixture
def whole() -> str:
    """Return the source of a backend named `plain`."""
    return WHOLE


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Return what installs `name` as a module with that source, for this process and those that it starts."""
    folders: list[str] = []
    modules, loaded = set(sys.modules), dict(_loaded)

    def install(name: str, source: str, *, distribution: str | None = None, module: str | None = None) -> None:
        distribution = distribution or f"hinge-{name}"
        module = module or f"{name}_from_{distribution.replace('-', '_')}"
        folder = tmp_path / distribution
        metadata = folder / f"{distribution.replace('-', '_')}-1.0.dist-info"
        metadata.mkdir(parents=True)
        (folder / f"{module}.py").write_text(source)
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(f"[hinge.backends]\n{name} = {module}:backend\n")
        folders.append(str(folder))
        monkeypatch.setattr(sys, "path", [*folders, *(one for one in sys.path if one not in folders)])
        inherited = [one for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one and one not in folders]
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([*folders, *inherited]))

    yield install
    _loaded.clear()
    _loaded.update(loaded)
    for module in set(sys.modules) - modules:
        if str(getattr(sys.modules[module], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[module]
