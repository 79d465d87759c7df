"""What the kit adds to pytest: the options, the markers, and the clause in every report.

Law: a check that names no clause, or one that is not in the table, is no check: the run ends before it begins.
"""

from collections.abc import Generator
from typing import Any

import pytest

from hinge.backend.installed import load_backend
from hinge.conformance.clauses import CLAUSES
from hinge.conformance.hanging import SECONDS, Tally, bounded, give_up
from hinge.errors import ConfigurationError

_PROPERTY = "clause"
_TALLIES: pytest.StashKey[dict[str, Tally]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--backend` and `--hinge-timeout`."""
    parser.getgroup("hinge.conformance").addoption(
        "--backend",
        action="append",
        dest="conformance_backends",
        metavar="NAME",
        help="check this installed backend (may be given again; by default all of them)",
    )
    parser.getgroup("hinge.conformance").addoption(
        "--hinge-timeout",
        type=_seconds,
        default=SECONDS,
        dest="conformance_timeout",
        metavar="SECONDS",
        help=f"how long a check waits for an answer (default {SECONDS:g}); a backend that hangs is given up",
    )


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise ValueError(text)
    return seconds


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, and refuse backends that cannot be loaded.

    Raises:
        UsageError: no such backend.

    """
    declare_markers(config)
    config.stash[_TALLIES] = {}
    for name in config.getoption("conformance_backends", default=None) or ():
        try:
            load_backend(name)
        except ConfigurationError as error:
            raise pytest.UsageError(str(error)) from None


def declare_markers(config: pytest.Config) -> None:
    """Declare the kit's markers."""
    config.addinivalue_line("markers", "clause(name): the clause of the contract that a check stands for")
    config.addinivalue_line("markers", "needs(feature, reason): skip on a backend that lacks the Feature")


def clause_of(item: pytest.Item) -> str:
    """Return the name of the clause that a check stands for.

    Raises:
        UsageError: it names none, or none that there is.

    """
    marker = item.get_closest_marker("clause")
    if marker is None or len(marker.args) != 1 or marker.args[0] not in CLAUSES:
        named = "no clause" if marker is None else f"{', '.join(map(repr, marker.args))}, which is no clause"
        raise pytest.UsageError(f"{item.nodeid} names {named} of hinge.conformance.clauses")
    return str(marker.args[0])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, Any, Any]:
    """Bound what a check waits for before it begins: a connection may be made in a fixture."""
    with bounded(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Bound the check itself."""
    with bounded(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, Any, Any]:
    """Bound its end."""
    with bounded(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Put the clause into the report, and into what is shown of a failure."""
    report = yield
    marker = item.get_closest_marker("clause")
    if marker is not None:
        name = marker.args[0]
        report.user_properties.append((_PROPERTY, name))
        give_up(item, report, item.config.stash[_TALLIES])
        if report.failed:
            report.sections.append(("Clause of the contract", f"{name}: {CLAUSES[name]}"))
    return report


@pytest.hookimpl(wrapper=True)
def pytest_report_teststatus(report: Any) -> Generator[None, Any, Any]:
    """Show the clause beside the outcome with `-v`.

    Not beside a skip: the summary of `-rs` shows all of them with the word of the first.
    """
    status = yield
    if report.skipped:
        return status
    name = dict(getattr(report, "user_properties", ())).get(_PROPERTY)
    if name is None or not status or not isinstance(status[2], str) or not status[2]:
        return status
    return status[0], status[1], f"{status[2]} [{name}]"
