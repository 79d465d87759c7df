"""Fixtures and rules for the whole suite."""

import gc
import os
import signal
from collections import Counter
from collections.abc import Generator
from typing import Any

import pytest
from tests.support.pairs import pairs

from hinge.backend.installed import load_backend

try:
    from hypothesis import settings
except ImportError:  # tests/rsgi do without
    pass
else:
    # How long an example takes is the machine's; what has to be fast is measured by tests that say so. The gate's three
    # Pythons draw examples of their own.
    settings.register_profile("any machine", deadline=None, max_examples=60)
    settings.load_profile("any machine")

ELSEWHERE = {
    "gate": "take long: other servers, browsers, other people's backends, stops at their bound, large matrices",
    "upstream": "pin what releases of others do",
}
"""Markers of the tests that a run leaves to .ci/run unless its own `-m` names them, and what these tests do."""

BETWEEN = {"layer", "async layer"}
"""Of what stands around a handler (hinge.conformance.layers): what lies between nothing and everything."""

MATRICES: dict[str, dict[str, set[str]]] = {
    "test_base_exceptions.py": {},
    "test_lifespan_exceptions.py": {},
    "test_irregular_errors.py": {},
    "test_callbacks.py": {},
    "test_dependency_pool.py": {},
    "test_after_response.py": {"work": {"callable", "returns a coroutine"}},
    "test_body_stream.py": {"layers": BETWEEN},
    "test_error_bodies.py": {"layers": BETWEEN},
    "test_streams.py": {"serve": {"in a response"}},
    "test_sessions.py": {"coloured": {"async def"}},
}
"""Files of a great many small cases, and which of them are the gate's as well: parameters' values, or all of them."""

THRESHOLDS = (4000, 10, 50)
"""When the garbage collector runs: each test leaves a compiled app, and most of it is garbage a few tests later."""

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


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the garbage collector away from the tests themselves: hundreds of thousands of objects, which all stay.

    Searched whenever there is something to collect, they would be a third of the time to collect the tests, and some
    tenths of a second for each `gc.collect()` of a test. What tests leave is searched less often than by default, where
    that is a fifth of a run.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(*THRESHOLDS)
        gc.enable()


def is_left_to_the_gate(item: pytest.Item) -> bool:
    """Tell whether a test is one of the `MATRICES`' cases that a run leaves out."""
    rows = MATRICES.get(item.path.name)
    if rows is None or not rows:
        return rows is not None
    callspec = getattr(item, "callspec", None)
    return callspec is not None and any(callspec.params.get(name) in values for name, values in rows.items())


def mark_rows(items: list[pytest.Item]) -> None:
    """Leave to the gate those rows of large matrices without which each two values of parameters still meet."""
    matrices: dict[str, list[pytest.Item]] = {}
    for item in items:
        elsewhere = any(item.get_closest_marker(name) for name in ELSEWHERE)
        if hasattr(item, "callspec") and not elsewhere and is_run(item):
            matrices.setdefault(item.nodeid.partition("[")[0], []).append(item)
    for rows in matrices.values():
        for item, is_taken in zip(rows, pairs([row_of(item) for item in rows]), strict=True):
            if not is_taken:
                item.add_marker(pytest.mark.gate)


def is_run(item: Any) -> bool:
    """Tell whether the backend of a test has what it needs: where it is skipped no values meet."""
    needed = {marker.args[0] for marker in item.iter_markers("needs")}
    name = item.callspec.params.get("backend")
    return not needed or name is None or needed <= load_backend(name).features


def row_of(item: Any) -> dict[str, int]:
    """Return which values a test has; the answers of each two backends are compared, whatever the other values are."""
    return {name: id(value) for name, value in item.callspec.params.items() if name != "each_backend"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave to the gate what is the gate's, and give a test of real processes a second try.

    The closing summary shows a second try as rerun: a browser or a server of somebody else's may miss a deadline on a
    machine that is busy with other work. What is in process has no such excuse: it has to pass the first time.
    """
    elsewhere = [name for name in ELSEWHERE if name not in config.getoption("markexpr")]
    kept: list[pytest.Item] = []
    left: list[pytest.Item] = []
    for item in items:
        if is_left_to_the_gate(item):
            item.add_marker(pytest.mark.gate)
    mark_rows(items)
    for item in items:
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
