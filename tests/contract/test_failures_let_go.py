"""What a failed request held is let go of with it, not by the garbage collector: a body may be large."""

import gc
import logging
from collections.abc import Callable, Iterator
from typing import Any
from weakref import ref

import pytest

from hinge import App, Middleware
from hinge.observability import AccessLog
from hinge.testing import Client


class Held:
    """Something large."""


@pytest.fixture(autouse=True)
def _without_help() -> Iterator[None]:
    logging.disable(logging.CRITICAL)  # pytest keeps each record, and so the failure
    gc.collect()
    gc.disable()
    yield
    gc.enable()
    logging.disable(logging.NOTSET)


def plain() -> Middleware:
    try:
        yield
    finally:
        pass


@pytest.mark.parametrize("has_page", [False, True], ids=["document", "page"])
@pytest.mark.parametrize("layers", [[], [plain]], ids=["none", "plain"])
@pytest.mark.parametrize("is_observed", [False, True], ids=["unobserved", "observed"])
def test_a_failure_keeps_nothing_alive(
    client_for: Callable[..., Client], coloured: Any, layers: list[Any], has_page: bool, is_observed: bool
) -> None:
    app, seen = App(middleware=layers), []
    if is_observed:
        app.observe(AccessLog())
    if has_page:
        app.error(500)(lambda request, error: f"sorry: {error.__cause__}")

    @app.get("/")
    @coloured
    def fail() -> None:
        held = Held()
        seen.append(ref(held))
        raise ValueError

    client = client_for(app)
    if client.backend == "lambda":
        pytest.skip("a process has one request at a time")
    for _ in range(2):
        assert client.get("/").status_code == 500
    assert seen[0]() is None
