"""What backends share beyond the contract, with the kit's fixtures: every test here runs on every installed backend."""

import pytest
from tests.support.redis import redis

from hinge.conformance.fixtures import backend, client_for, coloured, pytest_generate_tests
from hinge.conformance.plugin import declare_markers

__all__ = ["backend", "client_for", "coloured", "pytest_generate_tests", "redis"]


def pytest_configure(config: pytest.Config) -> None:
    declare_markers(config)
