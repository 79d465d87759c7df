"""Fixtures and rules for the whole suite."""

import os
import signal
from collections import Counter
from typing import Any

import pytest

try:
    from hypothesis import settings
except ImportError:  # tests/rsgi do without
    pass
else:
    # How long an example takes is the machine's; what has to be fast is measured by tests that say so.
    settings.register_profile("any machine", deadline=None)
    settings.load_profile("any machine")

ELSEWHERE = {
    "gate": "take long: other servers, browsers, other people's backends, stops at their bound, large matrices",
    "upstream": "pin what releases of others do",
}
"""Markers of the tests that a run leaves to .ci/run unless its own `-m` names them, and what these tests do."""

MATRICES = {"test_base_exceptions.py", "test_lifespan_exceptions.py", "test_irregular_errors.py", "test_callbacks.py"}
"""Files of a great many small cases, which are the gate's as well."""

_left: pytest.StashKey[Counter[str]] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    """Let servers be interrupted: what a shell starts in the background ignores SIGINT, and so would its children."""
    config.stash[_left] = Counter()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return how many processes `-n auto` means: more than there are cores, as tests of servers mostly wait."""
    return 1 + (os.cpu_count() or 1)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave to the gate what is the gate's, and give a test of real processes a second try.

    The closing summary shows a second try as rerun: a browser or a server of somebody else's may miss a deadline on a
    machine that is busy with other work. What is in process has no such excuse: it has to pass the first time.
    """
    elsewhere = [name for name in ELSEWHERE if name not in config.getoption("markexpr")]
    kept: list[pytest.Item] = []
    left: list[pytest.Item] = []
    for item in items:
        if item.path.name in MATRICES:
            item.add_marker(pytest.mark.gate)
        if item.get_closest_marker("server") or item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1))
        for name in elsewhere:
            if item.get_closest_marker(name):
                config.stash[_left][name] += 1
                left.append(item)
                break
        else:
            kept.append(item)
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = kept


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the process that prints the summary what this one has left out."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["left"] = dict(session.config.stash[_left])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what a process of `-n` has left out: each of them collects every test."""
    node.config.stash[_left] |= Counter(getattr(node, "workeroutput", {}).get("left", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was left out, and how to run it."""
    for name, count in config.stash[_left].items():
        terminalreporter.write_line(f"left to .ci/run: {count} tests that {ELSEWHERE[name]} (pytest -m {name})")
