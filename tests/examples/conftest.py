"""Fixtures of the examples' tests: each backend, each example imported anew, and running services."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.examples.browser import browser  # noqa: F401 - a fixture
from tests.examples.harness import ROOT, Load, imported
from tests.examples.realworld_support import database_url, realworld, settings  # noqa: F401 - fixtures
from tests.support.postgres import postgres  # noqa: F401 - a fixture
from tests.support.services import Serve, Service, services
from tests.support.waiting import until


@pytest.fixture(params=["wsgi", "asgi"])
def backend(request: pytest.FixtureRequest) -> str:
    """Run the test once on each backend."""
    return str(request.param)


@pytest.fixture
def load() -> Iterator[Load]:
    """Import a module of examples/, as a process of its own would have it."""
    with ExitStack() as stack:
        yield lambda name: stack.enter_context(imported(name))


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start `hinge run` with these arguments and wait for all workers; what still runs in the end is killed."""
    with services(tmp_path, cwd=ROOT, BOARD_DB=str(tmp_path / "board.db")) as begin:

        def serve(*arguments: str, workers: int = 1, **options: Any) -> Service:
            service = begin(*arguments, *(("--workers", str(workers)) if workers > 1 else ()), **options).started()
            if workers > 1:
                until(lambda: len(service.workers()) == workers, "all workers", service.log)
            return service

        yield serve
