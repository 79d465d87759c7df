"""Text to value: one plain ASCII form per type, bounded work, messages of Hinge's own."""

import datetime as dt
import enum
import gc
import math
import sys
import time
import uuid
import weakref
from decimal import Decimal
from typing import Annotated, Any, Literal, NewType, Optional, TypeVar, Union

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from hinge.binding.convert import converter
from hinge.errors import ConfigurationError
from hinge.validation.numbers import MAX_DIGITS


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"
    ROT = "red"  # noqa: PIE796 - an alias


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 2


class Tone(enum.StrEnum):
    LOW = "low"

    @classmethod
    def _missing_(cls, value):
        return cls.LOW if value == "deep" else None


class Mixed(enum.Enum):
    ONE = 1
    TWO = "two"


class Record(msgspec.Struct):
    a: int


Number = NewType("Number", int)
UUID_TEXT = "12345678-1234-5678-1234-567812345678"
SIMPLE = [str, int, float, bool, uuid.UUID, dt.date, dt.datetime, dt.time, dt.timedelta, Decimal, Colour, Size]


def fault(kind, text):
    with pytest.raises(ValueError) as caught:
        converter(kind)(text)
    assert type(caught.value) is ValueError  # not a subclass that says more than it should
    assert text not in str(caught.value) or len(text) < 3
    return str(caught.value)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (str, "", ""),
        (str, " ü\0", " ü\0"),
        (Any, "x", "x"),
        (object, "x", "x"),
        (int, "0", 0),
        (int, "-12", -12),
        (int, "007", 7),
        (int, "9" * 30, int("9" * 30)),
        (float, "1", 1.0),
        (float, "-1.5", -1.5),
        (float, ".5", 0.5),
        (float, "5.", 5.0),
        (float, "1e3", 1000.0),
        (float, "1E-3", 0.001),
        (float, "1.5e+3", 1500.0),
        (float, "1e-999", 0.0),
        (bool, "true", True),
        (bool, "False", False),
        (bool, "1", True),
        (bool, "0", False),
        (bool, "ON", True),
        (bool, "off", False),
        (bool, "Yes", True),
        (bool, "no", False),
        (uuid.UUID, UUID_TEXT, uuid.UUID(UUID_TEXT)),
        (uuid.UUID, UUID_TEXT.replace("-", "").upper(), uuid.UUID(UUID_TEXT)),
        (dt.date, "2026-02-28", dt.date(2026, 2, 28)),
        (dt.datetime, "2026-02-28T01:02:03Z", dt.datetime(2026, 2, 28, 1, 2, 3, tzinfo=dt.UTC)),
        (dt.datetime, "2026-02-28T01:02:03.5", dt.datetime.fromisoformat("2026-02-28T01:02:03.5")),
        (dt.time, "01:02:03", dt.time(1, 2, 3)),
        (dt.timedelta, "PT1H30M", dt.timedelta(hours=1, minutes=30)),
        (dt.timedelta, "-P1D", dt.timedelta(days=-1)),
        (Decimal, "1.50", Decimal("1.50")),
        (Decimal, "-1e3", Decimal("-1E+3")),
        (Colour, "red", Colour.RED),
        (Size, "2", Size.LARGE),
        (Tone, "low", Tone.LOW),
        (Tone, "deep", Tone.LOW),
        (Literal["a", "b"], "b", "b"),
        (Literal[1, 2], "2", 2),
        (Literal["1", 1], "1", "1"),
        (Literal["a", None], "a", "a"),  # noqa: PYI061 - the form under test
        (Literal["a"] | None, "a", "a"),
        (Literal[True], "yes", True),
        (Literal[True], "1", True),
        (int | None, "5", 5),
        (Optional[int], "5", 5),  # noqa: UP045 - the form under test
        (Union[int, str], "5", 5),  # noqa: UP007 - the form under test
        (str | int, "5", 5),
        (str | int, "five", "five"),
        (bool | int, "1", True),
        (int | bool, "1", 1),
        (int | float, "1.5", 1.5),
        (dt.date | dt.datetime | None, "2026-02-28", dt.date(2026, 2, 28)),
        (Any | None, "5", "5"),
        (Number, "5", 5),
        (Annotated[int, Meta(ge=1)], "1", 1),
        (Annotated[int | None, Meta(ge=1)], "1", 1),
        (Annotated[int, Meta(ge=1)] | None, "1", 1),
        (Annotated[Annotated[int, Meta(ge=1)], Meta(le=3)], "3", 3),
        (Annotated[int, "a note", Meta(description="x")], "3", 3),
        (Annotated[str, Meta(max_length=2, pattern="^a")], "ab", "ab"),
        (Annotated[Any, Meta(description="x")], "ab", "ab"),
        (
            Annotated[dt.datetime, Meta(tz=False)],
            "2026-02-28T01:02:03",
            dt.datetime.fromisoformat("2026-02-28T01:02:03"),
        ),
    ],
    ids=str,
)
def test_values(kind, text, value):
    converted = converter(kind)(text)
    assert converted == value
    assert type(converted) is type(value)


@pytest.mark.parametrize(
    "text", ["", " ", "-", "--1", "+1", " 1", "1 ", "1\n", "1_0", "1.0", "0x1", "1e3", "a", "1\0", "²", "½"]
)
def test_what_is_no_integer(text):
    assert fault(int, text) == "expected an integer"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nan",
        "NaN",
        "inf",
        "-inf",
        "Infinity",
        "1_0",
        " 1",
        "1 ",
        "1\n",
        "+1",
        ".",
        "-",
        "e3",
        "1e",
        "1e5.0",
        "0x1p3",
        "1e999",
        "-1e999",
        "1.2.3",
        "1,5",
    ],
)
def test_what_is_no_number(text):
    assert fault(float, text) == "expected a number"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "NaN",
        "sNaN",
        "Infinity",
        "-inf",
        "1_0",
        " 1",
        "1\n",
        "+1",
        "1e999999999",
        "1e-999999999",
        "1e99999999999999999999",
    ],
)
def test_what_is_no_decimal(text):
    assert fault(Decimal, text) == "expected a decimal number"


@pytest.mark.parametrize(
    "kind", [int, float, Decimal, uuid.UUID, dt.date, dt.datetime, dt.time, dt.timedelta, bool, Size, Literal[1]]
)
@pytest.mark.parametrize(
    "zero", ["\u0660", "\u0966", "\uff10", "\U0001d7ce"], ids=["arabic", "devanagari", "fullwidth", "bold"]
)
def test_unicode_digits(kind, zero):
    shift = {digit: chr(ord(zero) + digit - ord("0")) for digit in range(ord("0"), ord("9") + 1)}
    forms = {
        uuid.UUID: UUID_TEXT,
        dt.date: "2026-02-28",
        dt.datetime: "2026-02-28T01:02:03",
        dt.time: "01:02:03",
        dt.timedelta: "PT1H",
    }
    text = forms.get(kind, "1")
    converter(kind)(text)
    assert fault(kind, text.translate(shift)).startswith("expected ")


def test_int_parsing_dos_5000_digits():
    assert fault(int, "1" * 5000) == "expected an integer"
    assert fault(int, "-" + "1" * 5000) == "expected an integer"
    assert fault(float, "1" * 5000) == "expected a number"
    assert fault(Decimal, "1" * 5000) == "expected a decimal number"
    assert fault(Size, "1" * 5000) == "expected one of 1, 2"
    assert fault(Literal[1], "1" * 5000) == "expected 1"
    assert fault(int | None, "1" * 5000) == "expected an integer"
    assert converter(int)("-" + "1" * MAX_DIGITS) == -int("1" * MAX_DIGITS)


def test_the_limit_stands_where_the_interpreter_has_none():
    previous = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        assert fault(int, "1" * 5000) == "expected an integer"
    finally:
        sys.set_int_max_str_digits(previous)


def test_a_lower_limit_of_the_interpreter_is_a_value_error_of_ours():
    previous = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    try:
        assert fault(int, "1" * 641) == "expected an integer"
    finally:
        sys.set_int_max_str_digits(previous)


@pytest.mark.parametrize("kind", SIMPLE[1:], ids=str)
@pytest.mark.parametrize("unit", ["1", "-", ".", "e", "1.", "1e", " ", "a", "T", ":", "\u0661", "_"])
def test_hostile_texts_take_linear_time(kind, unit):
    text = unit * 200_000
    convert = converter(kind)
    started = time.process_time()
    with pytest.raises(ValueError):
        convert(text)
    # Quadratic work on this size takes far longer.
    assert time.process_time() - started < 5


@pytest.mark.parametrize("text", ["", "2", "tru", "true ", "y", "t", "null", "\uff54\uff52\uff55\uff45", "-1", "01"])
def test_what_is_no_boolean(text):
    assert fault(bool, text) == "expected a boolean"


@pytest.mark.parametrize(
    "text", ["", "{" + UUID_TEXT + "}", "urn:uuid:" + UUID_TEXT, UUID_TEXT[:-1] + "_", UUID_TEXT + " ", UUID_TEXT[:-1]]
)
def test_what_is_no_uuid(text):
    assert fault(uuid.UUID, text) == "expected a UUID"


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (dt.date, "2026-02-30", "expected an RFC 3339 date"),
        (dt.date, "20260228", "expected an RFC 3339 date"),
        (dt.datetime, "2026-02-28", "expected an RFC 3339 date and time"),
        (dt.datetime, "1577836800", "expected an RFC 3339 date and time"),
        (dt.time, "25:00:00", "expected an RFC 3339 time"),
        (dt.timedelta, "3600", "expected an ISO 8601 duration"),
        (dt.timedelta, "P1Y", "expected an ISO 8601 duration"),
        (dt.timedelta, "P99999999999999999999D", "expected an ISO 8601 duration"),
        (Colour, "RED", "expected one of 'red', 'green'"),
        (Colour, "", "expected one of 'red', 'green'"),
        (Size, "3", "expected one of 1, 2"),
        (Size, "SMALL", "expected one of 1, 2"),
        (Size, "1.0", "expected one of 1, 2"),
        (Literal["a"], "b", "expected 'a'"),
        (Literal["a", 1], "2", "expected one of 'a', 1"),
        (Literal["a", None], "null", "expected 'a'"),  # noqa: PYI061 - the form under test
        (Literal[1], "true", "expected 1"),
        (int | None, "", "expected an integer"),
        (int | None, "null", "expected an integer"),
        (int | bool, "x", "expected an integer or a boolean"),
        (int | float | uuid.UUID, "x", "expected an integer or a number or a UUID"),
        (Annotated[int, Meta(ge=1)], "0", "must be at least 1"),
        (Annotated[int, Meta(gt=1)], "1", "must be greater than 1"),
        (Annotated[int, Meta(le=1)], "2", "must be at most 1"),
        (Annotated[int, Meta(lt=1)], "1", "must be less than 1"),
        (Annotated[int, Meta(multiple_of=5)], "7", "must be a multiple of 5"),
        (Annotated[int, Meta(ge=1)], "x", "expected an integer"),
        (Annotated[int | None, Meta(ge=1)], "0", "must be at least 1"),
        (Annotated[float, Meta(gt=0)], "0", "must be greater than 0"),
        (Annotated[str, Meta(min_length=3)], "ab", "must have at least 3 characters"),
        (Annotated[str, Meta(max_length=1)], "ab", "must have at most 1 character"),
        (Annotated[str, Meta(pattern="^x$")], "yy", "must match the pattern ^x$"),
        (Annotated[dt.datetime, Meta(tz=True)], "2026-02-28T01:02:03", "must have a time zone"),
        (Annotated[dt.datetime, Meta(tz=False)], "2026-02-28T01:02:03Z", "must not have a time zone"),
        (Annotated[dt.datetime, Meta(tz=True)], "yesterday", "expected an RFC 3339 date and time"),
    ],
    ids=str,
)
def test_messages(kind, text, message):
    assert fault(kind, text) == message


@pytest.mark.parametrize(
    "kind",
    [
        bytes,
        bytearray,
        memoryview,
        None,
        type(None),
        list,
        list[int],
        dict[str, int],
        tuple[int, int],
        set[int],
        Record,
        Mixed,
        complex,
        type,
        Literal[None],  # noqa: PYI061 - the form under test
        int | bytes,
        list[int] | None,
        TypeVar("TypeVar"),
        Annotated[int, Meta(pattern="x")],
        Annotated[str, Meta(ge=1)],
        Annotated[Colour, Meta(ge=1)],
        Annotated[Decimal, Meta(ge=1)],
        Annotated[bytes, Meta(max_length=1)],
        Annotated[int | str, Meta(ge=1)],
        msgspec.Raw,
    ],
    ids=str,
)
def test_types_that_no_text_becomes(kind):
    with pytest.raises(ConfigurationError):
        converter(kind)


def test_the_refusal_names_the_type():
    with pytest.raises(ConfigurationError, match=r"^bytes cannot be made from a text$"):
        converter(bytes)
    with pytest.raises(ConfigurationError, match="Record cannot be made from a text"):
        converter(Record | None)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the type statement came with CPython 3.12")
def test_type_aliases():
    names = {"Annotated": Annotated, "Meta": Meta}
    exec("type Age = int\ntype Limited = Annotated[Age, Meta(ge=1)]", names)
    assert converter(names["Age"])("5") == 5
    assert converter(names["Age"] | None)("5") == 5
    with pytest.raises(ValueError, match="must be at least 1"):
        converter(names["Limited"])("0")


@pytest.mark.parametrize("kind", [str, Annotated[str, "note"], Any, str | None], ids=str)
def test_a_plain_text_costs_no_call_of_ours(kind):
    assert converter(kind) is str


@given(st.integers())
def test_integers_come_back(value):
    assert converter(int)(str(value)) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_come_back(value):
    converted = converter(float)(repr(value))
    assert converted == value
    assert math.copysign(1, converted) == math.copysign(1, value)


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_decimals_come_back(value):
    if abs(value.adjusted()) <= MAX_DIGITS and len(str(value)) <= MAX_DIGITS:
        assert str(converter(Decimal)(str(value))) == str(value)


@given(st.one_of(st.uuids(), st.dates(), st.datetimes(), st.times(), st.datetimes(timezones=st.just(dt.UTC))))
def test_what_has_an_iso_form_comes_back(value):
    text = str(value) if isinstance(value, uuid.UUID) else value.isoformat()
    assert converter(type(value))(text) == value


@given(
    st.sampled_from(SIMPLE),
    st.one_of(st.text(), st.text(alphabet="0123456789-+.eE_: TZPD"), st.from_regex(r"-?\d+\s?")),
)
def test_any_text_gives_the_type_or_a_value_error(kind, text):
    outcome = outcome_of(kind, text)
    if isinstance(outcome, ValueError):
        assert type(outcome) is ValueError
        assert str(outcome).startswith("expected ")
    else:
        assert isinstance(outcome, kind)
        assert kind is str or text.isascii()


@given(st.text(alphabet="0123456789-+.eEnaif_", max_size=8))
def test_numbers_agree_with_what_json_and_python_share(text):
    convert = converter(float)
    try:
        value = convert(text)
    except ValueError:
        with pytest.raises((msgspec.MsgspecError, UnicodeDecodeError)):
            msgspec.json.decode(text.encode(), type=float)
    else:
        assert value == float(text)


@given(
    st.sampled_from(["ge", "gt", "le", "lt", "multiple_of"]),
    st.integers(1, 50),
    st.integers(-100, 100),
    st.sampled_from([int, float]),
)
def test_bounds_agree_with_msgspec(name, bound, value, kind):
    target = Annotated[kind, Meta(**{name: bound})]
    assert accepts(target, str(value)) == accepts_value(target, kind(value))


@given(st.integers(0, 4), st.integers(0, 4), st.text(alphabet="aé🎉", max_size=5))
def test_lengths_agree_with_msgspec(low, more, text):
    target = Annotated[str, Meta(min_length=low, max_length=low + more, pattern="a|^$|é")]
    assert accepts(target, text) == accepts_value(target, text)


def outcome_of(kind, text):
    try:
        return converter(kind)(text)
    except ValueError as error:
        return error


def accepts(kind, text):
    return not isinstance(outcome_of(kind, text), ValueError)


def accepts_value(kind, value):
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


# -- what is made once for each type -----------------------------------------------------------------------------------


def test_equal_constraints_of_other_types_are_told_apart():
    whole, fraction = Annotated[int, Meta(ge=1)], Annotated[int, Meta(ge=1.0)]
    assert [str(outcome_of(kind, "0")) for kind in (whole, fraction, whole)] == [
        str(outcome_of(Annotated[int, Meta(ge=bound), Meta(title=title)], "0"))
        for bound, title in ((1, "a"), (1.0, "b"), (1, "c"))
    ]
    assert converter(whole) is converter(Annotated[int, Meta(ge=1, description="another")])


def test_unions_that_are_equal_keep_their_order():
    assert type(converter(int | float)("1")) is int
    assert type(converter(float | int)("1")) is float
    assert type(converter(int | float)("1")) is int


def test_notes_that_cannot_be_hashed_say_the_same():
    kind = Annotated[int, Meta(le=5, extra_json_schema={"x": [1]})]
    assert converter(kind)("5") == 5
    assert not accepts(kind, "6")


def test_a_class_of_an_app_may_go():
    kind = enum.Enum("Kind", "A B")
    converter(kind)  # without `Annotated`, of which typing keeps the latest
    left = weakref.ref(kind)
    del kind
    gc.collect()
    assert left() is None
