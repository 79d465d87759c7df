"""What needs the distribution hinge-rsgi is skipped as a whole where it is not installed."""

import pytest

from hinge.backend.installed import installed_backends

IS_INSTALLED = "rsgi" in installed_backends()
NEEDS_NOTHING = ("test_package.py",)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = "the distribution hinge-rsgi is not installed: pip install ./backends/hinge_rsgi"
    for item in items:
        if item.path.parent.name == "rsgi" and item.path.name not in NEEDS_NOTHING and not IS_INSTALLED:
            item.add_marker(pytest.mark.skip(reason=reason))
