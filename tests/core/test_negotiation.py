"""Weighted lists: every header gives an answer, and the same one as a slow, literal reading of the rules."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinge.http.accept import MOST_MEMBERS, choose_coding, choose_media_type, weighted


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
    began = time.process_time()
    assert len(weighted("a;q=0.5," * 100_000)) == MOST_MEMBERS
    assert time.process_time() - began < 5


# -- Accept ------------------------------------------------------------------------------------------------------------

JSON, YAML, CSV = "application/json", "application/yaml", "text/csv;header=present"


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        (None, JSON),
        ("", JSON),
        (", ,", JSON),
        ("*/*", JSON),
        ("application/yaml", YAML),
        ("Application/YAML;Q=0.5, application/json;q=0.4", YAML),
        ("application/*;q=0.9, application/json;q=0.1", YAML),
        ("application/json;q=0, */*", YAML),
        ("application/*;q=0, */*", CSV),
        ("*/*;q=0.1, application/*;q=0.2, text/csv;q=0.15", JSON),
        ("text/csv;q=0.1, text/csv;header=present;q=0.9, application/*;q=0.5", CSV),
        ('text/csv;q=0.1, text/csv;q=0.9;HEADER="Present", application/*;q=0.5', CSV),
        ("text/csv;header=absent, application/*;q=0.5", JSON),
        ("application/json;version=1", None),
        ("application/json;charset=UTF-8", JSON),
        ("application/json;charset=latin-1", None),
        ("image/png", None),
        ("*/*;q=0", None),
        # Malformed members say nothing.
        ("application, */json, application/, a/b/c, application/yaml;q=2, application/json;q=0.2", JSON),
        ("application/yaml;q=0.5;q=0.6", JSON),
        ("application/yaml q=1", JSON),
        ('application/yaml;a="', JSON),
        ("*;q=0.2, application/yaml;q=.5", JSON),
        ("application/yaml;;q=0.5;, application/json;q=0.4", YAML),
        ('application/json;a="x,\\"y";q=0.1, application/yaml', YAML),
    ],
)
def test_a_media_type_is_chosen(accepted: str | None, chosen: str | None) -> None:
    assert choose_media_type(accepted, (JSON, YAML, CSV)) == chosen


def test_nothing_offered_is_nothing_chosen() -> None:
    assert choose_media_type(None, ()) is None
    assert choose_media_type("*/*", ()) is None


RANGES = st.sampled_from(["*/*", "a/*", "b/*", "a/a", "a/b", "b/a", "a/a;x=1"])


def _literally(wishes: list[tuple[str, float]], offered: str) -> float:
    """RFC 9110 section 12.5.1, as it is written: the most specific reference has precedence."""
    bare = offered.partition(";")[0]
    for wanted in (offered, bare, bare.partition("/")[0] + "/*", "*/*"):
        for name, weight in wishes:
            if name == wanted:
                return weight
    return 0.0


@given(st.lists(st.tuples(RANGES, WEIGHTS), min_size=1), st.permutations(["a/a;x=1", "a/a", "a/b", "b/a", "c/c"]))
def test_the_most_specific_range_counts(wishes: list[tuple[str, float]], offered: list[str]) -> None:
    chosen = choose_media_type(", ".join(f"{name};q={weight}" for name, weight in wishes), offered)
    weights = {one: _literally(wishes, one) for one in offered}
    best = max(weights.values())
    assert chosen == (next(one for one in offered if weights[one] == best) if best else None)


@given(st.text(alphabet='ab/*;q=0.15, "\\\tx', max_size=200))
def test_any_accept_has_an_answer(value: str) -> None:
    assert choose_media_type(value, ("a/b", "b/a")) in {None, "a/b", "b/a"}


def test_a_hostile_accept_is_cut() -> None:
    began = time.process_time()
    for hostile in ("a/b;q=0.5," * 100_000, "a/b" + ";x" * 100_000, 'a/b;a="' + "\\" * 100_001, "a/b;" + " " * 100_000):
        choose_media_type(hostile, ("a/b", "b/a"))
    assert time.process_time() - began < 5


def test_what_python_takes_for_space_is_none_in_a_header() -> None:
    assert weighted("gzip;q=\x1f0.5, br;\x1fq=1, zstd; q=0.5") == [("zstd", 0.5)]
    assert choose_coding("gzip;q=\x1f\x1f0.15", ["gzip"]) is None
