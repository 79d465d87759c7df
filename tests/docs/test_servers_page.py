"""docs/servers.md shows the table of servers, and each line of it is held by tests that exist."""

import ast

import pytest
from tests.docs.pages import ROOT
from tests.servers.table import PAGE, with_tables
from tests.support.matrix import MATRIX, Kind


def test_the_tables_are_those_of_the_matrix() -> None:
    page = PAGE.read_text("utf-8")
    assert page == with_tables(page), "write them with: python -m tests.servers.table"


@pytest.fixture(scope="module")
def tests() -> set[str]:
    trees = [ast.parse(file.read_text("utf-8")) for file in (ROOT / "tests/servers").glob("test_*.py")]
    return {node.name for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("kind", MATRIX.values(), ids=list(MATRIX))
def test_what_a_server_lacks_is_seen_by_a_test(kind: Kind, tests: set[str]) -> None:
    assert kind.title
    assert kind.seen
    for fault in kind.faults:
        assert fault.tests
        for name in fault.tests:
            function = name.partition("[")[0]
            assert any(test.startswith(function) for test in tests), function
