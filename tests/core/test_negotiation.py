"""Weighted lists: every header gives an answer, and the same one as a slow, literal reading of the rules."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinge.negotiation import MOST_MEMBERS, choose_coding, weighted


@pytest.mark.parametrize(
    ("value", "members"),
    [
        ("", []),
        ("gzip", [("gzip", 1.0)]),
        ("gzip;q=0.5, br ; q = 1", [("gzip", 0.5), ("br", 1.0)]),
        ("GZIP;Q=0.001", [("gzip", 0.001)]),
        ("a;q=1.001, b;q=0.1234, c;q=, d;q=-1, e;q=1.000, f;q=0.", [("e", 1.0), ("f", 0.0)]),
        ("a;x=1, b;q=0.5;x=1, ,,", []),
    ],
)
def test_members(value: str, members: list[tuple[str, float]]) -> None:
    assert weighted(value) == members


@given(st.text(alphabet='abgzip*;q=0.15, "\\\t', max_size=200))
def test_any_text_has_an_answer(value: str) -> None:
    for name, weight in weighted(value):
        assert name == name.strip().lower()
        assert 0 <= weight <= 1
    assert choose_coding(value, ("br", "gzip")) in {None, "br", "gzip"}


WEIGHTS = st.sampled_from([0.0, 0.5, 1.0])


@given(st.dictionaries(st.sampled_from(["br", "gzip", "identity", "*", "zstd"]), WEIGHTS, min_size=1))
def test_the_best_offer_is_chosen(wishes: dict[str, float]) -> None:
    chosen = choose_coding(", ".join(f"{name};q={weight}" for name, weight in wishes.items()), ("br", "gzip"))
    weights = {name: wishes.get(name, wishes.get("*", 0.0)) for name in ("br", "gzip")}
    best = max(weights.values())
    if best == 0 or best < wishes.get("identity", 0.0):
        assert chosen is None
    else:
        assert chosen == next(name for name, weight in weights.items() if weight == best)


def test_a_hostile_list_is_cut() -> None:
    began = time.perf_counter()
    assert len(weighted("a;q=0.5," * 100_000)) == MOST_MEMBERS
    assert time.perf_counter() - began < 5
