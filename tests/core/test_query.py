"""Query strings: `&` alone separates, nothing that stands in one field costs another, their number is bounded."""

import contextlib
import time
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinge.errors import HTTPError
from hinge.http.multidict import MultiDict
from hinge.http.query import QueryParams, parse_query

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=8)


def refused(raw, max_fields=100):
    with pytest.raises(HTTPError) as caught:
        parse_query(raw, max_fields)
    assert caught.value.status == 400
    return caught.value.detail


@pytest.mark.parametrize(
    ("raw", "pairs"),
    [
        ("", []),
        ("a=1", [("a", "1")]),
        ("a=1&b=2&a=3", [("a", "1"), ("b", "2"), ("a", "3")]),
        ("a", [("a", "")]),
        ("a=", [("a", "")]),
        ("=1", [("", "1")]),
        ("=", [("", "")]),
        ("a=b=c", [("a", "b=c")]),
        ("&&a=1&&&b=2&", [("a", "1"), ("b", "2")]),
        ("a=1+2", [("a", "1 2")]),
        ("a+b=+", [("a b", " ")]),
        ("a=1%2B2", [("a", "1+2")]),
        ("a=1%2B2+3", [("a", "1+2 3")]),
        ("a%3Db=c%26d", [("a=b", "c&d")]),
        ("n=%C3%A9", [("n", "é")]),
        ("n=%c3%a9", [("n", "é")]),
        ("n=%F0%9F%8E%89", [("n", "🎉")]),
        ("a=%00", [("a", "\0")]),
        ("a=?/:@-._~!$'()*,", [("a", "?/:@-._~!$'()*,")]),
        ("a=#", [("a", "#")]),
        ("a[]=1&a[]=2", [("a[]", "1"), ("a[]", "2")]),
    ],
)
def test_fields(raw, pairs):
    assert parse_query(raw, 100) == pairs


@pytest.mark.parametrize("raw", ["a=1;b=2", "a=1%3Bb=2", "a=1;b=2&c=%41"])
def test_query_separator_semicolon_never_separates(raw):
    first = parse_query(raw, 100)[0]
    assert first == ("a", "1;b=2")


def test_bytes_sent_without_percent_encoding_are_utf_8():
    raw = "näme=wört".encode().decode("latin-1")
    assert parse_query(raw, 100) == [("näme", "wört")]


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("a=%", "%"),
        ("a=%4", "%4"),
        ("a=%zz", "%zz"),
        ("a=50%&b=2", "50%"),
        ("a=%%41", "%A"),
        ("a=%u0041", "%u0041"),
        ("a=%+41", "% 41"),
        ("a=%-1", "%-1"),
    ],
)
def test_a_stray_percent_sign_stays_as_it_is(raw, value):
    assert parse_query(raw, 100)[0] == ("a", value)


@pytest.mark.parametrize(
    ("raw", "pairs"),
    [
        ("a=%ff", [("a", "\ufffd")]),
        ("%C3=%A9", [("\ufffd", "\ufffd")]),  # half a character in the name, half in the value
        ("a=%C3&b=%41", [("a", "\ufffd"), ("b", "A")]),
        ("a=%ED%A0%80", [("a", "\ufffd" * 3)]),  # a surrogate
        ("a=%C0%AF", [("a", "\ufffd" * 2)]),  # an overlong slash
        ("a=x\xffy", [("a", "x\ufffdy")]),
    ],
)
def test_what_is_not_utf_8_is_replaced(raw, pairs):
    assert parse_query(raw, 100) == pairs


def test_param_floods_8000_query_keys_are_refused_before_they_are_decoded():
    raw = "&".join(f"k{index}=%zz" for index in range(8000))
    assert refused(raw, 1000) == "The query string has more than 1000 fields."
    assert refused("&".join(["a=1"] * 8000), 1000)


def test_the_limit_counts_fields():
    assert len(parse_query("a=1&b=2", 2)) == 2
    assert len(parse_query("&a=1&&b=2&", 2)) == 2
    assert refused("a=1&b=2&c", 2)
    assert refused("a=1&b=2&c=%41", 2)
    assert refused("a", 0)
    assert parse_query("", 0) == []


def test_query_params_is_a_multi_dict():
    query = QueryParams(parse_query("a=1&a=2&b=+", 10))
    assert isinstance(query, MultiDict)
    assert query.get_all("a") == ["1", "2"]
    assert query["b"] == " "
    assert repr(query) == "QueryParams([('a', '1'), ('a', '2'), ('b', ' ')])"


@given(st.lists(st.tuples(TEXT, TEXT), max_size=6))
def test_what_a_browser_encodes_comes_back(pairs):
    assert parse_query(urlencode(pairs), 10) == pairs
    assert parse_query(urlencode(pairs, quote_via=quote), 10) == pairs
    upper = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs)
    assert parse_query(upper, 10) == pairs


def naive(raw, max_fields):
    """Decode byte by byte, as the rules are written."""
    fields = [field for field in raw.split("&") if field]
    if len(fields) > max_fields:
        return None
    pairs = []
    for field in fields:
        name, value = field.split("=", 1) if "=" in field else (field, "")
        pairs.append((naive_decode(name), naive_decode(value)))
    return pairs


def naive_decode(text):
    data = bytearray()
    index = 0
    while index < len(text):
        character = text[index]
        if character == "%":
            digits = text[index + 1 : index + 3]
            if len(digits) == 2 and all(digit in "0123456789abcdefABCDEF" for digit in digits):
                data.append(int(digits, 16))
                index += 3
                continue
            data.append(ord("%"))
            index += 1
        else:
            data.append(0x20 if character == "+" else ord(character))
            index += 1
    return data.decode(errors="replace")


@given(
    st.one_of(
        st.text(alphabet="ab=&;+%4cC3aA9 é\xff", max_size=24),
        st.lists(st.sampled_from(["a", "=", "&", ";", "+", "%C3%A9", "%41", "%", "%26", "%3D", "\xc3\xa9", ""])).map(
            "".join
        ),
    ),
    st.integers(0, 6),
)
def test_it_agrees_with_a_naive_model(raw, max_fields):
    expected = naive(raw, max_fields)
    if expected is None:
        refused(raw, max_fields)
    else:
        assert parse_query(raw, max_fields) == expected


@pytest.mark.parametrize("unit", ["&", "=", "+", "%41", "%", "%C3%A9", "a=", "é"], ids=repr)
def test_hostile_queries_take_linear_time(unit):
    raw = ("a=" + unit * 300_000).encode().decode("latin-1")
    started = time.process_time()
    with contextlib.suppress(HTTPError):
        parse_query(raw, 1000)
    # Quadratic work on this size takes far longer.
    assert time.process_time() - started < 5
