"""What needs the distribution hinge-lambda is skipped as a whole where it is not installed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hinge.backend.installed import installed_backends

IS_INSTALLED = "lambda" in installed_backends()
NEEDS_NOTHING = ("test_package.py",)
EVENTS = {file.stem: file.read_text("utf-8") for file in sorted((Path(__file__).parent / "events").glob("*.json"))}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = "the distribution hinge-lambda is not installed: pip install ./backends/hinge_lambda"
    for item in items:
        if item.path.parent.name == "lambda" and item.path.name not in NEEDS_NOTHING and not IS_INSTALLED:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def event() -> Callable[..., dict[str, Any]]:
    """Return `event(name, **changes)`: one of events/, with other values at its top."""
    return lambda name, **changes: json.loads(EVENTS[name]) | changes
