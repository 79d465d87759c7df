"""Preconditions: the order of RFC 9110 section 13.2.2, strong and weak comparison, and dates in three forms."""

import email.utils
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinge.http.conditional import Verdict, evaluate, range_applies
from hinge.http.dates import parse_date
from hinge.responses.files import last_modified

ETAG, MODIFIED = '"v2"', 1_000_000_000
BEFORE, SAME, LATER = (last_modified(MODIFIED + delta) for delta in (-60, 0, 60))
GO_ON, NOT_MODIFIED, FAILED = Verdict.GO_ON, Verdict.NOT_MODIFIED, Verdict.FAILED


@pytest.mark.parametrize(
    ("headers", "verdict"),
    [
        ({}, GO_ON),
        ({"if-none-match": '"v2"'}, NOT_MODIFIED),
        ({"if-none-match": 'W/"v2"'}, NOT_MODIFIED),
        ({"if-none-match": '"v1", "v2"'}, NOT_MODIFIED),
        ({"if-none-match": "*"}, NOT_MODIFIED),
        ({"if-none-match": '"v1"'}, GO_ON),
        ({"if-none-match": "v2"}, GO_ON),
        ({"if-none-match": ""}, GO_ON),
        ({"if-modified-since": SAME}, NOT_MODIFIED),
        ({"if-modified-since": LATER}, NOT_MODIFIED),
        ({"if-modified-since": BEFORE}, GO_ON),
        ({"if-modified-since": "yesterday"}, GO_ON),
        ({"if-none-match": '"v1"', "if-modified-since": LATER}, GO_ON),
        ({"if-match": '"v2"'}, GO_ON),
        ({"if-match": "*"}, GO_ON),
        ({"if-match": '"v1"'}, FAILED),
        ({"if-match": 'W/"v2"'}, FAILED),
        ({"if-match": "rubbish"}, FAILED),
        ({"if-match": '"v1"', "if-none-match": '"v2"'}, FAILED),
        ({"if-match": '"v2"', "if-none-match": '"v2"'}, NOT_MODIFIED),
        ({"if-match": '"v2"', "if-unmodified-since": BEFORE}, GO_ON),
        ({"if-unmodified-since": SAME}, GO_ON),
        ({"if-unmodified-since": BEFORE}, FAILED),
        ({"if-unmodified-since": "yesterday"}, GO_ON),
    ],
)
def test_verdicts(headers: dict[str, str], verdict: Verdict) -> None:
    assert evaluate(headers.get, ETAG, MODIFIED) is verdict


def test_without_validators() -> None:
    assert evaluate({"if-none-match": '"a"'}.get, None, None) is GO_ON
    assert evaluate({"if-match": '"a"'}.get, None, None) is FAILED
    assert evaluate({"if-modified-since": LATER}.get, None, None) is GO_ON
    assert evaluate({"if-unmodified-since": LATER}.get, None, None) is FAILED


@pytest.mark.parametrize(
    ("if_range", "etag", "applies"),
    [
        (None, ETAG, True),
        ('"v2"', ETAG, True),
        ('"v1"', ETAG, False),
        ('W/"v2"', 'W/"v2"', False),
        ('"v2"', None, False),
        (SAME, ETAG, True),
        (LATER, ETAG, False),
        ("rubbish", ETAG, False),
    ],
)
def test_if_range(if_range: str | None, etag: str | None, applies: bool) -> None:
    assert range_applies(if_range, etag, MODIFIED) is applies


@pytest.mark.parametrize(
    "value",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    ],
)
def test_three_forms_of_a_date(value: str) -> None:
    assert parse_date(value) == 784111777


@pytest.mark.parametrize(
    "value",
    ["", "0", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Now 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
     "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 06 Nov 1994 08:49:37", "Sun, \u0660\u0666 Nov 1994 08:49:37 GMT",
     "Sun, 06 Nov 0000 08:49:37 GMT", "Sun Nov    08:49:37 1994"],
)  # fmt: skip
def test_what_is_no_date(value: str) -> None:
    assert parse_date(value) is None


@given(st.integers(0, int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())))
def test_dates_that_are_written_are_read(moment: int) -> None:
    assert parse_date(last_modified(moment)) == moment == parse_date(email.utils.formatdate(moment, usegmt=True))


@given(st.text(alphabet='"W/*, v2\\', max_size=60))
def test_any_text_has_an_answer(value: str) -> None:
    assert evaluate({"if-none-match": value}.get, ETAG, MODIFIED) in {GO_ON, NOT_MODIFIED}
    assert evaluate({"if-match": value}.get, ETAG, MODIFIED) in {GO_ON, FAILED}
    range_applies(value, ETAG, MODIFIED)
