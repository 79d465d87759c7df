"""Fixtures of the examples' tests: each backend, each example imported anew, and running services."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.examples.browser import browser  # noqa: F401 - a fixture
from tests.examples.harness import Load, Serve, Service, imported


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
    """Start `hinge run` with these arguments; what is still running at the end of the test is killed."""
    running: list[Service] = []

    def start(*arguments: str, workers: int = 1, **options: Any) -> Service:
        options.setdefault("BOARD_DB", str(tmp_path / "board.db"))
        if workers > 1:
            arguments = (*arguments, "--workers", str(workers))
        service = Service(tmp_path, *arguments, **options)
        running.append(service)
        return service.started(workers)

    yield start
    for service in running:
        service.kill()
