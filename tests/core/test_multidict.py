"""The multi-dict: a mapping of first values, with the rest behind it."""

import sys
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinge.http.multidict import MultiDict

PAIRS = st.lists(st.tuples(st.sampled_from(["a", "b", "c", ""]), st.text(max_size=3)))


def steps(function, *arguments):
    """Count the lines and calls that Python executes: a measure of work that no busy machine disturbs."""
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        count += 1
        return trace

    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        function(*arguments)
    finally:
        sys.settrace(previous)
    return count


def test_it_is_a_mapping_of_first_values():
    pairs = MultiDict([("a", "1"), ("b", "2"), ("a", "3")])
    assert isinstance(pairs, Mapping)
    assert pairs["a"] == "1"
    assert dict(pairs) == {"a": "1", "b": "2"}
    assert list(pairs) == ["a", "b"]
    assert len(pairs) == 2
    assert "a" in pairs
    assert "c" not in pairs
    assert 5 not in pairs
    assert list(pairs.keys()) == ["a", "b"]
    assert list(pairs.values()) == ["1", "2"]
    assert list(pairs.items()) == [("a", "1"), ("b", "2")]
    with pytest.raises(KeyError):
        pairs["c"]


def test_get_and_get_all():
    pairs = MultiDict([("a", "1"), ("b", ""), ("a", "3")])
    assert pairs.get("a") == "1"
    assert pairs.get("b", "x") == ""
    assert pairs.get("c") is None
    assert pairs.get("c", 7) == 7
    assert pairs.get_all("a") == ["1", "3"]
    assert pairs.get_all("b") == [""]
    assert pairs.get_all("c") == []
    assert MultiDict([("a", "1")]).get_all("a") == ["1"]
    assert pairs.multi_items() == [("a", "1"), ("b", ""), ("a", "3")]


def test_what_it_hands_out_is_not_what_it_holds():
    source = [("a", "1"), ("a", "2")]
    pairs = MultiDict(source)
    source.append(("b", "3"))
    pairs.multi_items().clear()
    pairs.get_all("a").clear()
    assert pairs.multi_items() == [("a", "1"), ("a", "2")]
    assert pairs.get_all("a") == ["1", "2"]
    assert "b" not in pairs


def test_it_is_immutable():
    pairs = MultiDict([("a", "1")])
    with pytest.raises(TypeError):
        pairs["a"] = "2"
    with pytest.raises(TypeError):
        del pairs["a"]
    with pytest.raises(AttributeError):
        pairs.extra = 1
    with pytest.raises(TypeError):
        hash(pairs)


def test_equality():
    pairs = MultiDict([("a", "1"), ("b", "2"), ("a", "3")])
    assert pairs == MultiDict([("b", "2"), ("a", "1"), ("a", "3")])
    assert pairs != MultiDict([("a", "3"), ("b", "2"), ("a", "1")])
    assert pairs != MultiDict([("a", "1"), ("b", "2")])
    assert pairs != {"a": "1", "b": "2"}
    assert MultiDict([("a", "1")]) == {"a": "1"}
    assert {"a": "1"}.__eq__(MultiDict()) is NotImplemented  # so the multi-dict decides from either side
    assert MultiDict() == {}
    assert MultiDict([("a", "1")]) != [("a", "1")]


def test_repr_shows_every_pair():
    assert repr(MultiDict([("a", "1"), ("a", "2")])) == "MultiDict([('a', '1'), ('a', '2')])"
    assert not MultiDict()


@given(PAIRS)
def test_it_agrees_with_a_list_of_pairs(pairs):
    multi = MultiDict(iter(pairs))
    assert multi.multi_items() == pairs
    assert list(multi) == list(dict.fromkeys(name for name, _ in pairs))
    for name in ["a", "b", "c", "", "d"]:
        values = [value for present, value in pairs if present == name]
        assert multi.get_all(name) == values
        assert multi.get(name) == (values[0] if values else None)
        assert (name in multi) == bool(values)
    assert multi == MultiDict(pairs)


@pytest.mark.parametrize("lines", [1, 2, 100, 2000])
def test_param_floods_cost_linear_work(lines):
    def read(count):
        pairs = [(str(index // lines), "v") for index in range(count)]

        def work():
            multi = MultiDict(pairs)
            multi.multi_items()
            for name in multi:
                multi.get_all(name)

        return steps(work)

    assert read(4000) < 2.2 * read(2000) + 100
