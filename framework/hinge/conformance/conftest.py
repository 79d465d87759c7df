"""Pytest's way into the kit: fixtures here, everything else in the plugin, whichever way the kit was named."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from hinge.conformance import plugin
from hinge.conformance.fixtures import backend, client_for, coloured, pytest_generate_tests
from hinge.conformance.streams import cut_off, layers, log, serve, source

collect_ignore = [] if find_spec("multipart") else ["test_form_files.py"]

__all__ = ["backend", "client_for", "coloured", "cut_off", "layers", "log", "pytest_generate_tests", "serve", "source"]


_KIT = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Bring in the plugin with its option, unless `--pyargs` has (hinge.testing.plugin)."""
    if not pluginmanager.has_plugin(plugin.__name__):
        pluginmanager.register(plugin, plugin.__name__)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a check that stands for no clause."""
    for item in items:
        if item.path.parent == _KIT:
            plugin.clause_of(item)
