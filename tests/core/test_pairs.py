"""The rows of large matrices that are left to the gate: without them each two values still meet."""

import itertools
import math

import pytest
from tests.support.pairs import SMALL, pairs


def matrix(*sizes: int) -> list[dict[str, str]]:
    values = [[f"{name}{number}" for number in range(size)] for name, size in zip("abcdefg", sizes, strict=False)]
    return [dict(zip("abcdefg", row, strict=False)) for row in itertools.product(*values)]


def met(rows: list[dict[str, str]]) -> set[tuple[str, str]]:
    return {pair for row in rows for pair in itertools.combinations(row.values(), 2)}


@pytest.mark.parametrize(
    "sizes",
    [(3, 2, 2), (2, 2, 3), (5, 3, 2, 2), (2, 2, 2, 2), (2, 2, 2, 2, 2), (12, 2, 2), (2, 9, 2), (4, 4, 4), (2, 3, 4, 5)],
    ids=str,
)
def test_each_two_values_meet_in_fewer_rows(sizes: tuple[int, ...]) -> None:
    rows = matrix(*sizes)
    kept = list(itertools.compress(rows, pairs(rows)))
    assert met(kept) == met(rows)
    assert len(kept) <= math.ceil(len(rows) * 0.6)


WHOLE = {
    "nothing": [],
    "two parameters": matrix(20, 20),
    "few rows": matrix(2, 2, 2),
    "not every combination": matrix(3, 3, 3)[1:],
    "what changes together is one parameter": [{**row, "c": row["a"].upper()} for row in matrix(5, 5)],
}


@pytest.mark.parametrize("rows", WHOLE.values(), ids=WHOLE)
def test_others_are_taken_as_a_whole(rows: list[dict[str, str]]) -> None:
    assert pairs(rows) == [True] * len(rows)


def test_what_is_there_twice_is_taken_twice() -> None:
    rows = matrix(3, 3, 3)
    assert pairs([*rows, *rows]) == pairs(rows) * 2


def test_the_matrices_here_are_large_enough() -> None:
    assert len(matrix(3, 2, 2)) >= SMALL
