"""The fixtures of the kit: a backend, a client on it, and a colour.

A check that needs a Feature says so, with the reason, and is skipped where the backend lacks it:

    @pytest.mark.needs(Feature.WEBSOCKET, "the handler speaks it")
"""

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from hinge import App
from hinge.backend import installed
from hinge.backend.contract import Backend, Feature
from hinge.backend.installed import installed_backends, load_backend
from hinge.conformance.driven import Driven
from hinge.conformance.hanging import timeout_of
from hinge.testing import Client

PATIENCE = 15.0
"""Seconds within which what an application holds open has to be closed after its response."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a check that takes `backend` once for each backend that `--backend` names, by default for all installed."""
    if "backend" in metafunc.fixturenames:
        names = metafunc.config.getoption("conformance_backends", default=None) or _installed()
        metafunc.parametrize("backend", names, indirect=True)


@functools.cache
def _installed() -> list[str]:
    """Return the names of the installed backends, looked for once and not for each check."""
    return list(installed_backends())


@pytest.fixture
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """One of the backends; whoever loads it meanwhile gets the same, whose connections the kit drives."""
    found = load_backend(request.param)
    for marker in request.node.iter_markers("needs"):
        feature, reason = marker.args
        if feature not in found.features:
            pytest.skip(f"backend {found.name!r} lacks {feature.value} ({feature}): {reason}")
    driven = Driven(found, timeout_of(request.config))
    monkeypatch.setitem(installed._loaded, found.name, driven)
    return driven


@pytest.fixture
def client_for(backend: Backend) -> Iterator[Callable[..., Client]]:
    """Return `client_for(app, **options)`: a client of the app on this backend, open until the check ends.

    At its end nothing that the application opened is left open, as far as it tells (`Application.still_open`).
    """
    with ExitStack() as stack:

        def open_client(app: App, **options: Any) -> Client:
            if options.get("prefix") and Feature.PREFIX not in backend.features:
                pytest.skip(f"backend {backend.name!r} lacks {Feature.PREFIX.value} ({Feature.PREFIX}): it is mounted")
            client = stack.enter_context(Client(app, backend.name, **options))
            stack.callback(_expect_nothing_open, client)
            return client

        yield open_client


def _expect_nothing_open(client: Client) -> None:
    still_open = getattr(client.application, "still_open", None)
    if still_open is None:
        return
    end = time.monotonic() + PATIENCE
    while left := still_open():
        if time.monotonic() > end:
            pytest.fail(f"left open: {left}")
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
