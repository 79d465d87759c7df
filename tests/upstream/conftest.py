"""What releases that are not ours do, and how a change of theirs is told.

Law: nothing fails here because somebody else released something. The marker `upstream` of a test names the versions
that it was seen with. If it fails with another version, that is news: an expected failure whose reason names both. If
it fails with the versions that it names, it is a failure.
"""

import platform
from collections.abc import Generator
from importlib.metadata import version

import pytest
from tests.servers import conftest as servers
from tests.servers.conftest import Pool
from tests.support.servers import KINDS, Server

name, pool = servers.name, servers.pool


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have every test of this folder say what it was seen with."""
    for item in items:
        if item.path.parent.name == "upstream" and not _seen(item):
            raise pytest.UsageError(f"{item.nodeid} does not say which versions it was seen with")


def _seen(item: pytest.Item) -> dict[str, str]:
    """Return the versions that a test was seen with, by distribution: of the server that it is run on, or all."""
    seen: dict[str, str] = {}
    for marker in item.iter_markers("upstream"):
        seen = marker.kwargs | seen  # the closest comes first
    parameters = (
        item.callspec.params.values() if isinstance(item, pytest.Function) and hasattr(item, "callspec") else ()
    )
    named = {str(value).partition("-")[0] for value in parameters} & seen.keys()
    return {key: seen[key] for key in (named | ({"python"} & seen.keys()) if named else seen)}


def _news(item: pytest.Item) -> str:
    """Return which versions are others than those that a test was seen with, empty if there are none."""
    found = []
    for what, seen in _seen(item).items():
        here = platform.python_version() if what == "python" else version(what)
        if here != seen and not here.startswith(f"{seen}."):
            found.append(f"seen with {what} {seen}, this is {here}")
    return "; ".join(found)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a failure with another version into news."""
    report = yield
    if report.failed and call.excinfo is not None and (news := _news(item)):
        report.outcome = "skipped"
        report.wasxfail = f"news: {news}: {call.excinfo.exconly().splitlines()[0]}"
    return report


@pytest.fixture
def granian(pool: Pool) -> Server:
    """Granian with the raw WSGI application."""
    return pool("granian-wsgi", "raw:wsgi")


@pytest.fixture
def granian_asgi(pool: Pool) -> Server:
    """Granian with the raw ASGI application."""
    return pool("granian-asgi", "raw:asgi")


@pytest.fixture(params=[kind.name for kind in KINDS.values() if kind.interface == "wsgi"])
def wsgi(request: pytest.FixtureRequest, pool: Pool) -> Server:
    """Every WSGI server with the raw application."""
    return pool(request.param, "raw:wsgi")


@pytest.fixture(params=[kind.name for kind in KINDS.values() if kind.interface == "asgi"])
def asgi(request: pytest.FixtureRequest, pool: Pool) -> Server:
    """Every ASGI server with the raw application."""
    return pool(request.param, "raw:asgi")
