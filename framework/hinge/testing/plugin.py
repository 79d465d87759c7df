"""The pytest plugin: the fixture `each_backend`, and the way to the kit for backends, `hinge.conformance`.

Law: only glue. A test that asks for the fixture is run once for each installed backend, and `hinge.testing.differences`
compares the runs. Loading the plugin loads no backend.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

_KIT = "hinge.conformance"
_NAMES: pytest.StashKey[list[str]] = pytest.StashKey()
_TRANSCRIPTS: pytest.StashKey[dict[Any, Any]] = pytest.StashKey()


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    """Bring in the kit's options where a run names the kit: a package's conftest is not read as early as that."""
    if any(argument.partition("::")[0].startswith(_KIT) for argument in args):
        early_config.pluginmanager.import_plugin(f"{_KIT}.plugin")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes `each_backend` once for each installed backend."""
    if "each_backend" in metafunc.fixturenames:
        metafunc.parametrize("each_backend", _usable(metafunc.config), indirect=True)


def _usable(config: pytest.Config) -> list[str]:
    """Return the names of the backends that can be loaded; the first call warns of the others."""
    names = config.stash.get(_NAMES, None)
    if names is None:
        from hinge.backend.installed import installed_backends, usable_backends  # noqa: PLC0415 - only users pay for it

        names = config.stash[_NAMES] = list(usable_backends())
        left_out = [name for name in installed_backends() if name not in names]
        if left_out:
            said = f"each_backend leaves out {', '.join(left_out)}: it cannot be loaded, see hinge explain --backend"
            with suppress(pytest.PytestWarning):  # where warnings are errors, it would be everybody's
                config.issue_config_time_warning(pytest.PytestWarning(said), stacklevel=2)
    return names


@pytest.fixture
def each_backend(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Run the test on every installed backend; it fails if two of them answer differently.

    with each_backend(app) as client:
        assert client.get("/").status_code == 200

    Where the app does not compile for lack of a feature, the test is skipped with that reason.
    """
    from hinge.testing.differences import EachBackend, run_key  # noqa: PLC0415 - as above

    transcripts = request.config.stash.setdefault(_TRANSCRIPTS, {})
    key = run_key(request.node.nodeid.partition("[")[0], request.node.callspec.indices)
    reference = transcripts.get(key)
    if reference is not None and reference.backend == request.param:
        reference = None  # a second run on the same backend, by a plugin that repeats tests
    runs = EachBackend(request.param, reference, pytest.skip)
    yield runs
    if reference is None and runs.transcript.sound:
        transcripts[key] = runs.transcript
