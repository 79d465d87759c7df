"""The contract: every test here runs on every installed backend, each as the only argument of the fixture `client_for`.

A test that needs a Feature says so, with the reason, and is skipped where the backend lacks it:

    @pytest.mark.needs(Feature.WEBSOCKET, "the handler speaks it")
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from hinge import App
from hinge.backend import Backend, installed_backends, load_backend
from hinge.testing import Client


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(feature, reason): skip on a backend that lacks the Feature")


@pytest.fixture(params=list(installed_backends()))
def backend(request: pytest.FixtureRequest) -> Backend:
    """One of the installed backends."""
    found = load_backend(request.param)
    for marker in request.node.iter_markers("needs"):
        feature, reason = marker.args
        if feature not in found.features:
            pytest.skip(f"backend {found.name!r} lacks {feature.value} ({feature}): {reason}")
    return found


@pytest.fixture
def client_for(backend: Backend) -> Iterator[Callable[..., Client]]:
    """Return `client_for(app, **options)`: a client of the app on this backend, open until the test ends."""
    with ExitStack() as stack:

        def open_client(app: App, **options: object) -> Client:
            return stack.enter_context(Client(app, backend.name, **options))

        yield open_client
