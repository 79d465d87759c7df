"""Which rows of a matrix of cases meet every two values of different parameters.

Law: what goes wrong depends on one value or on two that come together, hardly ever on three. So a run that is to be
short takes rows in which each two values come together once; the gate takes all rows.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

SMALL = 12
"""A matrix of fewer rows is taken as a whole."""


def pairs(rows: Sequence[Mapping[str, Hashable]]) -> list[bool]:
    """Return for each row of a matrix, its values by parameter, whether it is among those that meet every two values.

    All are where there are few rows, less than three parameters, or where some combination is missing.

    Two values are fixed; the numbers of the other parameters' values add up to every number from 0 to `others`. Their
    sum is thus once a multiple of `others + 1`, whatever the two add: these are the rows that are taken.
    """
    columns = _columns(rows)
    numbered = list(zip(*columns, strict=True))
    sizes = sorted(max(column) + 1 for column in columns)
    found = len(set(numbered))
    if found < SMALL or len(sizes) < 3 or math.prod(sizes) != found:
        return [True] * len(rows)
    others = sum(size - 1 for size in sizes[:-2])
    return [sum(numbers) % (others + 1) == 0 for numbers in numbered]


def _columns(rows: Sequence[Mapping[str, Any]]) -> list[tuple[int, ...]]:
    """Return the numbers of each parameter's values, row by row; parameters that change together count as one."""
    found: dict[tuple[int, ...], None] = {}
    for name in rows[0] if rows else ():
        numbers: dict[Any, int] = {}
        column = tuple(numbers.setdefault(row.get(name), len(numbers)) for row in rows)
        if len(numbers) > 1:
            found[column] = None
    return list(found)
