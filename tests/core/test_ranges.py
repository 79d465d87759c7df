"""Byte ranges against a literal reading of RFC 9110 section 14, and within a bounded time."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hinge.http.ranges import MOST_RANGES, RangeNotSatisfiable, multipart_heads, parse_ranges


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("bytes=0-499", [(0, 500)]),
        ("bytes=500-", [(500, 1000)]),
        ("bytes=-1", [(999, 1000)]),
        ("bytes=-5000", [(0, 1000)]),
        ("bytes=0-0,-1", [(0, 1), (999, 1000)]),
        ("bytes=900-5000", [(900, 1000)]),
        ("BYTES = 1-2 ,, 5-6", [(1, 3), (5, 7)]),
        ("bytes=500-600,601-999", [(500, 1000)]),
        ("bytes=600-700, 0-10, 650-800", [(600, 801), (0, 11)]),
        ("bytes=2000-3000, 1-1", [(1, 2)]),
        ("bytes=0-9999999999999999999", [(0, 1000)]),
    ],
)
def test_parts(value: str, parts: list[tuple[int, int]]) -> None:
    assert parse_ranges(value, 1000) == parts


@pytest.mark.parametrize(
    "value",
    ["", "bytes", "bytes=", "bytes=,", "items=0-1", "bytes=5-1", "bytes=a-b", "bytes=--1", "bytes=1--2", "bytes=+1-2",
     "bytes=1-2;3-4", "bytes=1.0-2", "bytes=\u0661-\u0662", "bytes=0-1, x", "bytes=-", "bytes=1 - 2",
     "bytes=0-" + "9" * 20],
)  # fmt: skip
def test_what_is_ignored(value: str) -> None:
    assert parse_ranges(value, 1000) == []


@pytest.mark.parametrize("value", ["bytes=1000-", "bytes=1000-2000", "bytes=-0", "bytes=5000-6000,1000-1001"])
def test_what_does_not_exist(value: str) -> None:
    with pytest.raises(RangeNotSatisfiable):
        parse_ranges(value, 1000)


def test_an_empty_file_has_no_ranges() -> None:
    for value in ("bytes=0-", "bytes=0-0", "bytes=-1"):
        with pytest.raises(RangeNotSatisfiable):
            parse_ranges(value, 0)


specs = st.one_of(
    st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda pair: f"{pair[0]}-{pair[1]}"),
    st.integers(0, 60).map(lambda first: f"{first}-"),
    st.integers(0, 60).map(lambda last: f"-{last}"),
)


def literally(spec: str, size: int) -> set[int] | None:
    first, _, last = spec.partition("-")
    if not first:
        return set(range(size)[-int(last) :]) if int(last) else set()
    if last and int(last) < int(first):
        return None
    return set(range(size)[int(first) : int(last) + 1 if last else None])


@given(st.lists(specs, min_size=1, max_size=12), st.integers(0, 50))
@example(["0-10", "5-7", "3-20"], 50)
def test_the_same_bytes_as_a_literal_reading(wanted: list[str], size: int) -> None:
    sets = [literally(spec, size) for spec in wanted]
    value = "bytes=" + ", ".join(wanted)
    if any(found is None for found in sets):
        assert parse_ranges(value, size) == []
        return
    union: set[int] = set().union(*(found or set() for found in sets))
    if not union:
        with pytest.raises(RangeNotSatisfiable):
            parse_ranges(value, size)
        return
    parts = parse_ranges(value, size)
    covered = [byte for start, stop in parts for byte in range(start, stop)]
    assert sorted(covered) == sorted(union)  # each byte once
    assert all(a[1] < b[0] or b[1] < a[0] for i, a in enumerate(parts) for b in parts[:i])  # none touch


@given(st.text(alphabet="bytes=0123456789-, \t", max_size=300), st.integers(0, 1 << 40))
def test_any_text_has_an_answer(value: str, size: int) -> None:
    try:
        parts = parse_ranges(value, size)
    except RangeNotSatisfiable:
        return
    assert all(0 <= start < stop <= size for start, stop in parts)


def test_many_ranges_cost_little_and_are_not_obeyed() -> None:
    began = time.process_time()
    assert parse_ranges("bytes=" + ",".join(f"{n * 2}-{n * 2}" for n in range(MOST_RANGES + 1)), 10_000) == []
    assert parse_ranges("bytes=" + "0-," * 100_000, 10_000) == []
    assert parse_ranges("bytes=" + "," * 100_000, 10_000) == []
    assert len(parse_ranges("bytes=" + ",".join(f"{n * 2}-{n * 2}" for n in range(MOST_RANGES)), 10_000)) == MOST_RANGES
    assert time.process_time() - began < 1


def test_heads_of_parts() -> None:
    heads = list(multipart_heads([(0, 5), (10, 12)], 99, "text/plain", "xyz"))
    assert heads == [
        b"--xyz\r\ncontent-type: text/plain\r\ncontent-range: bytes 0-4/99\r\n\r\n",
        b"\r\n--xyz\r\ncontent-type: text/plain\r\ncontent-range: bytes 10-11/99\r\n\r\n",
        b"\r\n--xyz--\r\n",
    ]
    assert b"content-type" not in b"".join(multipart_heads([(0, 5)], 99, None, "xyz"))
