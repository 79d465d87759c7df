"""Real servers as fixtures: each starts when the first test asks for it, and serves until the session ends."""

import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.matrix import MATRIX, Kind
from tests.support.redis import redis
from tests.support.servers import Server, kinds, start
from tests.support.services import Serve, services

__all__ = ["redis"]

Pool = Callable[[str, str], Server]

_numbers = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Expect the faults of the servers of others, from the versions that have them (tests/support/matrix.py)."""
    here = Path(__file__).parent
    for item in items:  # those of the whole run
        callspec = getattr(item, "callspec", None) if item.path.is_relative_to(here) else None
        for kind in map(MATRIX.get, map(str, callspec.params.values() if callspec else ())):
            if kind is not None and (fault := kind.fault(item.name)):
                strict = kind.is_as_seen() and not fault.sometimes
                versions = ", ".join(f"{name} {seen}" for name, seen in kind.seen.items())
                reason = f"{versions}: {fault.what}"
                item.add_marker(pytest.mark.xfail(reason=reason, strict=strict, run=not fault.hangs))


@pytest.fixture(scope="session")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """Return a function that gives the running server of a name and a target."""
    servers: dict[tuple[str, str], Server] = {}
    folder = tmp_path_factory.mktemp("servers")

    def get(name: str, target: str) -> Server:
        key = (name, target)
        if key not in servers:
            # A variable that looks like a header: Granian puts the whole environment into each environ.
            servers[key] = start(name, target, folder, environ={"HTTP_X_LEAK": "from the environment"})
        return servers[key]

    yield get
    failures = []
    for server in servers.values():
        try:
            server.stop()
        except RuntimeError as error:
            failures.append(str(error))
    if failures:
        raise RuntimeError("\n".join(failures))


@pytest.fixture(params=kinds())
def server(request: pytest.FixtureRequest, pool: Pool) -> Server:
    """Every server in turn, serving `served:app`."""
    return pool(request.param, "served:app")


def _has_websockets(kind: Kind) -> bool:
    """Leave out WebSockets over TLS on 3.13: the client of websockets waited for ever there, on CPython 3.13.0."""
    return kind.websocket and not (kind.tls and sys.version_info >= (3, 13))


@pytest.fixture(params=kinds(_has_websockets))
def asgi_server(request: pytest.FixtureRequest, pool: Pool) -> Server:
    """Every server with WebSockets in turn."""
    return pool(request.param, "served:app")


@pytest.fixture(params=kinds(lambda kind: kind.interface == "wsgi"))
def wsgi_server(request: pytest.FixtureRequest, pool: Pool) -> Server:
    """Every WSGI server in turn."""
    return pool(request.param, "served:app")


@pytest.fixture(params=kinds(lambda kind: kind.h2c))
def h2_server(request: pytest.FixtureRequest, pool: Pool) -> Server:
    """Every server that speaks HTTP/2 without TLS."""
    return pool(request.param, "served:app")


@pytest.fixture
def serve(folder: Path) -> Iterator[Serve]:
    """Start `hinge run` with these arguments in the module's folder; what still runs in the end is killed."""
    with services(folder) as serve:
        yield serve


@pytest.fixture
def name() -> str:
    """Return a word that no other test uses, for gates and the journal."""
    return f"n{next(_numbers)}"
