"""The contract: every test here runs on every installed backend, each as the only argument of the fixture `client_for`.

A test that needs a Feature says so, with the reason, and is skipped where the backend lacks it:

    @pytest.mark.needs(Feature.WEBSOCKET, "the handler speaks it")
"""

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

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
    """Return `client_for(app, **options)`: a client of the app on this backend, open until the test ends.

    At its end nothing that the application opened is left open.
    """
    with ExitStack() as stack:

        def open_client(app: App, **options: object) -> Client:
            client = stack.enter_context(Client(app, backend.name, **options))
            stack.callback(_expect_nothing_open, client)
            return client

        yield open_client


def _expect_nothing_open(client: Client) -> None:
    runtime = client._application.runtime
    end = time.monotonic() + 5
    while left := [*getattr(runtime, "open", ()), *getattr(runtime, "streams", ())]:
        assert time.monotonic() < end, f"left open: {left}"
        time.sleep(0.001)


@pytest.fixture(params=["def", "async def"])
def coloured(request: pytest.FixtureRequest) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return what gives a plain function this run's colour: itself, or a coroutine function with the same signature."""

    def colour(function: Callable[..., Any]) -> Callable[..., Any]:
        if request.param == "def":
            return function

        @functools.wraps(function)
        async def coroutine(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return coroutine

    return colour
