"""Every fault is found, at its place, in Hinge's words; and nothing that msgspec accepts is called a fault."""

import dataclasses
import datetime as dt
import decimal
import enum
import json
import uuid
from typing import Annotated, Any, Literal, NamedTuple, NewType, Optional, Required, TypedDict

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec import Meta, Struct, convert

from hinge.errors import FieldError
from hinge.validation.errors import collect_errors, rejection_errors

attrs = pytest.importorskip("attrs")


def faults(type_: Any, value: Any, **options: Any) -> list[tuple[str, str]]:
    found = collect_errors(type_, value, **options)
    assert all(isinstance(error, FieldError) and error.source == options.get("source", "body") for error in found)
    return [(error.where, error.message) for error in found]


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1


LEAVES: list[tuple[Any, Any, str]] = [
    (int, "x", "expected an integer, got a string"),
    (int, 1.5, "expected an integer, got a floating-point number"),
    (int, True, "expected an integer, got a boolean"),
    (int, None, "expected an integer, got null"),
    (int, [], "expected an integer, got an array"),
    (int, {}, "expected an integer, got an object"),
    (float, "1", "expected a number, got a string"),
    (str, 1, "expected a string, got an integer"),
    (str, b"x", "expected a string, got binary data"),
    (bool, 1, "expected a boolean, got an integer"),
    (None, 1, "expected null, got an integer"),
    (bytes, "%", "expected base64 data"),
    (bytes, 1, "expected base64 data, got an integer"),
    (dt.datetime, "x", "expected an RFC 3339 date and time"),
    (dt.datetime, 1, "expected an RFC 3339 date and time, got an integer"),
    (dt.date, "2020-13-01", "expected an RFC 3339 date"),
    (dt.time, "25:00", "expected an RFC 3339 time"),
    (dt.timedelta, "x", "expected an ISO 8601 duration"),
    (uuid.UUID, "x", "expected a UUID"),
    (decimal.Decimal, "x", "expected a decimal number"),
    (decimal.Decimal, None, "expected a decimal number, got null"),
    (Colour, "green", "expected one of 'red', 'blue'"),
    (Colour, 1, "expected one of 'red', 'blue'"),
    (Level, 2, "expected 1"),
    (Literal["a"], "b", "expected 'a'"),
    (Literal["a", None], 1, "expected one of null, 'a'"),  # noqa: PYI061 - msgspec describes it in its own way
    (Annotated[int, Meta(ge=1)], 0, "must be at least 1"),
    (Annotated[int, Meta(gt=1)], 1, "must be greater than 1"),
    (Annotated[int, Meta(le=1)], 2, "must be at most 1"),
    (Annotated[int, Meta(lt=1)], 1, "must be less than 1"),
    (Annotated[int, Meta(ge=1, lt=9)], 9, "must be less than 9"),
    (Annotated[int, Meta(multiple_of=3)], 4, "must be a multiple of 3"),
    (Annotated[float, Meta(ge=0.5)], 0, "must be at least 0.5"),
    (Annotated[float, Meta(multiple_of=0.5)], 0.7, "must be a multiple of 0.5"),
    (Annotated[str, Meta(min_length=1)], "", "must have at least 1 character"),
    (Annotated[str, Meta(max_length=2)], "abc", "must have at most 2 characters"),
    (Annotated[str, Meta(pattern="^a")], "b", "must match the pattern ^a"),
    (Annotated[bytes, Meta(min_length=2)], "aA==", "must have at least 2 bytes"),
    (Annotated[dt.datetime, Meta(tz=True)], "2020-01-01T00:00:00", "must have a time zone"),
    (Annotated[dt.datetime, Meta(tz=False)], "2020-01-01T00:00:00Z", "must not have a time zone"),
    (Annotated[dt.time, Meta(tz=True)], "x", "expected an RFC 3339 time"),
    (NewType("Id", int), "x", "expected an integer, got a string"),
    (list, 1, "expected an array, got an integer"),
    (set[int], {}, "expected an array, got an object"),
    (tuple[int, ...], "x", "expected an array, got a string"),
    (dict, [], "expected an object, got an array"),
    (Annotated[list[int], Meta(min_length=1)], [], "must have at least 1 item"),
    (Annotated[dict[str, int], Meta(max_length=1)], {"a": 1, "b": 2}, "must have at most 1 member"),
    (int | None, "x", "expected an integer or null, got a string"),
    (int | str | list[int] | None, 1.5, "expected an integer, a string, an array or null, got a floating-point number"),
    (int | Literal["a"], "b", "expected 'a'"),
    (Annotated[int, Meta(ge=1)] | None, 0, "must be at least 1"),
    (Annotated[int, Meta(ge=1, description="Described")], 0, "must be at least 1"),
]


@pytest.mark.parametrize(("type_", "value", "message"), LEAVES, ids=lambda part: repr(part)[:40])
def test_one_fault_and_its_message(type_: Any, value: Any, message: str) -> None:
    assert faults(type_, value) == [("", message)]
    assert faults(dict[str, list[type_]], {"a": [value]}) == [("/a/0", message)]


class Address(Struct, rename="camel", forbid_unknown_fields=True):
    street_name: str
    zip_code: Annotated[str, Meta(pattern=r"^\d{5}$")] = "00000"


class Person(Struct):
    name: Annotated[str, Meta(min_length=1)]
    age: int | None = None
    homes: list[Address] = []
    friends: "dict[str, Person]" = {}
    spouse: Optional["Person"] = None
    note: str | msgspec.UnsetType = msgspec.UNSET


def test_all_faults_of_a_nested_value_in_order() -> None:
    value = {
        "name": "",
        "age": "x",
        "homes": [{"streetName": 1}, {"streetName": "a", "zipCode": "x", "zip_code": "1"}, None, {}],
        "friends": {"a/b~c": {"name": 1}, "": {"age": 1}},
        "spouse": {"name": "ok", "spouse": {"name": "ok", "homes": 1}},
        "note": None,
    }
    assert faults(Person, value) == [
        ("/name", "must have at least 1 character"),
        ("/age", "expected an integer or null, got a string"),
        ("/homes/0/streetName", "expected a string, got an integer"),
        ("/homes/1/zipCode", r"must match the pattern ^\d{5}$"),
        ("/homes/1/zip_code", "is not a known field"),
        ("/homes/2", "expected an object, got null"),
        ("/homes/3/streetName", "is required"),
        ("/friends/a~1b~0c/name", "expected a string, got an integer"),
        ("/friends//name", "is required"),
        ("/spouse/spouse/homes", "expected an array, got an integer"),
        ("/note", "expected a string, got null"),
    ]


class Cat(Struct, tag="cat"):
    lives: int


class Dog(Struct, tag="dog"):
    tricks: list[str]


class One(Struct, tag=1, tag_field="kind"):
    a: int


class Two(Struct, tag=2, tag_field="kind"):
    b: int


class Point(Struct, array_like=True, forbid_unknown_fields=True):
    x: int
    y: int
    label: str = ""


class Circle(Struct, array_like=True, tag="circle"):
    radius: float


class Square(Struct, array_like=True, tag="square"):
    side: float
    colour: Colour = Colour.RED


class Pair(NamedTuple):
    left: int
    right: str = ""


class Options(TypedDict, total=False):
    size: Required[int]
    names: list[str]


@dataclasses.dataclass
class Range:
    low: int
    high: int = 0
    inner: "Range | None" = None

    def __post_init__(self) -> None:
        if self.high < self.low:
            raise ValueError("high must not be below low")


@attrs.define
class Measured:
    size: int = attrs.field(validator=attrs.validators.lt(5))
    unit: str = "m"


class Judge(Struct):
    score: int
    deep: "Judge | None" = None

    def __post_init__(self) -> None:
        if self.score < 0:
            raise ValueError("score must not be negative")
        if self.score == 13:
            raise TypeError("an internal slip")


SHAPES: list[tuple[Any, Any, list[tuple[str, str]]]] = [
    (Cat | Dog, {"lives": 1}, [("/type", "is required")]),
    (Cat | Dog, {"type": "cow"}, [("/type", "expected one of 'cat', 'dog'")]),
    (Cat | Dog, {"type": []}, [("/type", "expected one of 'cat', 'dog'")]),
    (
        Cat | Dog,
        {"type": "dog", "tricks": [1, "x", None]},
        [("/tricks/0", "expected a string, got an integer"), ("/tricks/2", "expected a string, got null")],
    ),
    (Cat | Dog | int, "x", [("", "expected an object or an integer, got a string")]),
    (
        Cat | None,
        {"type": "dog", "lives": "x"},
        [("/type", "expected 'cat'"), ("/lives", "expected an integer, got a string")],
    ),
    (Cat, {"lives": None}, [("/lives", "expected an integer, got null")]),
    (One | Two, {"kind": True}, [("/kind", "expected one of 1, 2")]),
    (One | Two, {"kind": 2}, [("/b", "is required")]),
    (Point, [1], [("/1", "is required")]),
    (Point, ["a", None], [("/0", "expected an integer, got a string"), ("/1", "expected an integer, got null")]),
    (Point, [1, 2, "x", 4], [("", "must have at most 3 items")]),
    (Point, {"x": 1}, [("", "expected an array, got an object")]),
    (Circle | Square, [], [("/0", "is required")]),
    (Circle | Square, ["oval", 1], [("/0", "expected one of 'circle', 'square'")]),
    (
        Circle | Square,
        ["square", "x", "green"],
        [("/1", "expected a number, got a string"), ("/2", "expected one of 'red', 'blue'")],
    ),
    (Circle | Square, {}, [("", "expected an array, got an object")]),
    (Circle, ["square", 1], [("/0", "expected 'circle'")]),
    (Pair, ["x", 1], [("/0", "expected an integer, got a string"), ("/1", "expected a string, got an integer")]),
    (Pair, [], [("/0", "is required")]),
    (Options, {"names": [1]}, [("/names/0", "expected a string, got an integer"), ("/size", "is required")]),
    (tuple[int, str], [1], [("/1", "is required")]),
    (
        tuple[int, str],
        ["x", 1, 2],
        [
            ("/0", "expected an integer, got a string"),
            ("/1", "expected a string, got an integer"),
            ("", "must have at most 2 items"),
        ],
    ),
    (dict[int, int], {"1": 1, "x": 2}, [("/x", "has an invalid name: expected an integer")]),
    (
        dict[Annotated[int, Meta(ge=0)], int],
        {"-1": "a"},
        [("/-1", "has an invalid name: must be at least 0"), ("/-1", "expected an integer, got a string")],
    ),
    (
        dict[Annotated[str, Meta(min_length=2)], int],
        {"a": 1},
        [("/a", "has an invalid name: must have at least 2 characters")],
    ),
    (dict[uuid.UUID, int], {"a": 1}, [("/a", "has an invalid name: expected a UUID")]),
    (dict[Colour, int], {"green": 1}, [("/green", "has an invalid name: expected one of 'red', 'blue'")]),
    (Range, {"low": 2, "high": 1}, [("", "high must not be below low")]),
    (
        list[Range],
        [{"low": 2, "high": 1}, {"low": "x"}, {"low": 0, "inner": {"low": 9}}],
        [
            ("/0", "high must not be below low"),
            ("/1/low", "expected an integer, got a string"),
            ("/2/inner", "high must not be below low"),
        ],
    ),
    (
        list[Measured],
        [{"size": 9}, {"size": 1, "unit": 1}],
        [("/0", "is invalid"), ("/1/unit", "expected a string, got an integer")],
    ),
    (Judge, {"score": -1}, [("", "score must not be negative")]),
    (
        dict[str, Judge],
        {"a": {"score": 1, "deep": {"score": -1}}, "b": {"score": 13}, "c": {}},
        [("/a/deep", "score must not be negative"), ("/b", "is invalid"), ("/c/score", "is required")],
    ),
    (Person | None, 3, [("", "expected an object or null, got an integer")]),
]


@pytest.mark.parametrize(("type_", "value", "expected"), SHAPES, ids=lambda part: repr(part)[:40])
def test_shapes(type_: Any, value: Any, expected: list[tuple[str, str]]) -> None:
    assert sorted(faults(type_, value)) == sorted(expected)


def test_valid_wholes_are_not_blamed_for_their_neighbours() -> None:
    class Whole(Struct):
        raw: msgspec.Raw
        judge: Judge
        pets: list[Cat | Dog]
        ranges: dict[int, Range]
        last: int

    value = {"raw": {"x": 1}, "judge": {"score": 1}, "pets": [{"type": "cat", "lives": 9}], "ranges": {"1": {"low": 0}}}
    assert faults(Whole, value | {"last": "x"}) == [("/last", "expected an integer, got a string")]


def test_parts_of_plain_fields_have_all_their_faults_told() -> None:
    class Plain(Struct):
        name: str
        size: float = 0.0

    class Strict(Struct, forbid_unknown_fields=True):
        name: str

    class Heard(Struct):
        name: str

        def __post_init__(self) -> None:
            raise ValueError("no such thing")

    class Whole(Struct):
        plain: list[Plain]
        strict: list[Strict]
        heard: list[Heard]

    valid, absent = {"name": "a", "size": 1.5}, {"name": "a"}
    value = {
        "plain": [valid, absent, {"name": "a", "size": 2}, {"name": "a", "more": 1}, {"size": 1.5}, {"name": 1}],
        "strict": [absent, {"more": "a"}, valid],
        "heard": [absent],
    }
    assert faults(Whole, value) == [
        ("/plain/4/name", "is required"),
        ("/plain/5/name", "expected a string, got an integer"),
        ("/strict/1/name", "is required"),
        ("/strict/1/more", "is not a known field"),
        ("/strict/2/size", "is not a known field"),
        ("/heard/0", "no such thing"),
    ]


def test_named_sources() -> None:
    value = {"page": "x", "filter": {"tags": [1]}}

    class Filter(Struct):
        tags: list[str]

    class Search(Struct):
        page: int
        filter: Filter

    expected = [("page", "expected an integer, got a string"), ("filter.tags.0", "expected a string, got an integer")]
    assert faults(Search, value, source="query") == expected
    assert faults(Search, value, source="query", prefix="q") == [(f"q.{where}", message) for where, message in expected]
    assert faults(Search, value, prefix="/q")[0][0] == "/q/page"
    assert faults(int, "x", source="header", prefix="x-count") == [("x-count", "expected an integer, got a string")]


def test_lax_reading_of_strings() -> None:
    class Search(Struct):
        page: Annotated[int, Meta(ge=1)] = 1
        exact: bool | None = None

    assert faults(Search, {"page": "2", "exact": "true"}, strict=False) == []
    assert [where for where, _ in faults(Search, {"page": "x", "exact": "?"}, strict=False)] == ["/page", "/exact"]
    assert faults(Search, {"page": "0"}, strict=False) == [("/page", "must be at least 1")]


def test_the_answer_is_bounded() -> None:
    assert len(collect_errors(list[int], ["x"] * 1000)) == 100
    (error,) = collect_errors(dict[str, int], {"k" * 100_000: "x"})
    assert len(error.where) < 100
    value: Any = "x"
    type_: Any = int
    for _ in range(60):
        value, type_ = {"key" * 30: value}, dict[str, type_]
    (error,) = collect_errors(type_, value)
    assert len(error.where) <= 1024
    secret = "s3cret" * 100
    for kind in (int, Colour, uuid.UUID, Cat | Dog, Annotated[str, Meta(pattern="^a")]):
        assert all("s3cret" not in error.message for error in collect_errors(kind, secret))


def test_the_work_is_bounded_and_the_last_fault_still_found() -> None:
    bounded = Annotated[int, Meta(ge=0)]
    assert faults(list[bounded], [1] * 150_000 + [-1]) == [("/150000", "must be at least 0")]
    assert faults(list[int | None], [1] * 150_000 + ["x"]) == [("/150000", "expected an integer or null, got a string")]
    short = Annotated[str, Meta(max_length=1)]
    assert faults(list[short], ["a"] * 150_000 + ["ab"]) == [("/150000", "must have at most 1 character")]


def test_long_choices_are_cut() -> None:
    many = Literal.__getitem__(tuple(f"v{number}" for number in range(100)))  # type: ignore[attr-defined]
    ((_, message),) = faults(many, "x")
    assert message.endswith("...")
    assert len(message) < 300


def test_user_messages_are_cut() -> None:
    class Loud(Struct):
        a: int

        def __post_init__(self) -> None:
            raise ValueError("x" * 10_000 if self.a else "")

    assert faults(Loud, {"a": 1}) == [("", "x" * 300)]
    assert faults(Loud, {"a": 0}) == [("", "is invalid")]


def test_a_rejection_always_has_a_fault() -> None:
    body = b'{"lives":"x","lives":1}'
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(body, type=Cat)
    found = rejection_errors(Cat, json.loads(body), caught.value)
    assert [(error.where, error.message) for error in found] == [("/lives", "expected an integer, got a string")]


def test_programs_errors_pass_through() -> None:
    with pytest.raises(TypeError):
        collect_errors(bytes | str, 1)


# --- properties


SIMPLE_TYPES: list[Any] = [
    *(int, float, str, bool, None, bytes, Any, dt.datetime, dt.date, dt.time, dt.timedelta, uuid.UUID, decimal.Decimal),
    *(Colour, Level, Literal["a", "b"], Literal[1, None]),  # noqa: PYI061 - as above
    *(Annotated[int, Meta(ge=0, lt=3)], Annotated[float, Meta(gt=0.5)], Annotated[int, Meta(multiple_of=2)]),
    *(Annotated[str, Meta(min_length=1, max_length=2)], Annotated[str, Meta(pattern="[ab]")]),
    *(Address, Person, Cat, Cat | Dog, One | Two, Point, Circle | Square, Pair, Options, Range, Judge, Measured),
    *(
        Person | None,
        int | str | list[int] | None,
        Cat | Dog | int | None,
        dict[str, int] | Colour | bool,
        Square | float,
    ),
]
HASHABLE_TYPES: list[Any] = [int, str, bool, Colour, tuple[int, ...], Any, Annotated[str, Meta(min_length=1)]]
KEY_TYPES: list[Any] = [str, int, Colour, uuid.UUID, Any, Annotated[str, Meta(max_length=1)], float, int | str]


def composed(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    # Only types that msgspec supports: making decoders for thousands of others corrupts its memory (0.22).
    return st.one_of(
        inner.map(lambda item: list[item]),
        inner.map(lambda item: tuple[item, ...]),
        st.tuples(inner, inner).map(lambda items: tuple[items[0], items[1]]),
        st.tuples(st.sampled_from(KEY_TYPES), inner).map(lambda pair: dict[pair[0], pair[1]]),
        st.sampled_from(HASHABLE_TYPES).map(lambda item: set[item]),
        st.sampled_from(HASHABLE_TYPES).map(lambda item: frozenset[item]),
        inner.map(lambda item: Annotated[list[item], Meta(min_length=1, max_length=2)]),
        inner.map(lambda item: Optional[item]),  # noqa: UP045 - `None | None` is no type
        st.tuples(inner, inner).map(
            lambda items: msgspec.defstruct(
                "Made", [("a", items[0]), ("b", items[1], msgspec.UNSET)], forbid_unknown_fields=True
            )
        ),
    )


TYPES = st.recursive(st.sampled_from(SIMPLE_TYPES), composed, max_leaves=5)

TEXTS = st.sampled_from(
    [
        "",
        "a",
        "ab",
        "abc",
        "1",
        "red",
        "cat",
        "dog",
        "circle",
        "aA==",
        "2020-01-01",
        "2020-01-01T00:00:00Z",
        "12:00:00",
        "P1D",
        str(uuid.UUID(int=1)),
    ]
) | st.text(max_size=3)
KEYS = st.sampled_from(
    ["a", "b", "name", "type", "kind", "lives", "score", "deep", "low", "high", "size", "streetName", "homes", "1", "x"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 14) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def is_accepted(type_: Any, value: Any) -> bool:
    try:
        convert(value, type_, str_keys=True)
    except (msgspec.ValidationError, TypeError):
        return False
    return True


@settings(max_examples=250, deadline=None)
@given(TYPES, VALUES)
def test_msgspec_accepts_exactly_what_has_no_faults(type_: Any, value: Any) -> None:
    assert is_accepted(type_, value) == (collect_errors(type_, value) == [])


def matching(type_: Any) -> st.SearchStrategy[Any]:
    """Make values of a closed world of types, as they are on the wire."""
    return GENERATORS[type_]


GENERATORS: dict[Any, st.SearchStrategy[Any]] = {
    "int": st.integers(0, 9),
    "str": st.sampled_from(["a", "bc"]),
    "judge": st.recursive(
        st.fixed_dictionaries({"score": st.integers(0, 9)}),
        lambda inner: st.fixed_dictionaries({"score": st.integers(0, 9), "deep": inner}),
        max_leaves=4,
    ),
    "pet": st.fixed_dictionaries({"type": st.just("cat"), "lives": st.integers(0, 9)})
    | st.fixed_dictionaries({"type": st.just("dog"), "tricks": st.lists(st.sampled_from(["sit", "roll"]))}),
}


class World(Struct):
    count: int
    names: list[str]
    judge: Judge
    pets: list[Cat | Dog]
    by_id: dict[int, Judge | None]
    pair: tuple[int, str]
    point: Point
    maybe: float | str | None = None


WORLDS = st.fixed_dictionaries(
    {
        "count": matching("int"),
        "names": st.lists(matching("str"), max_size=3),
        "judge": matching("judge"),
        "pets": st.lists(matching("pet"), max_size=3),
        "by_id": st.dictionaries(st.integers(0, 99).map(str), matching("judge") | st.none(), max_size=3),
        "pair": st.tuples(matching("int"), matching("str")).map(list),
        "point": st.tuples(matching("int"), matching("int")).map(list),
    },
    optional={"maybe": st.none() | st.floats(0, 1) | matching("str")},
)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    below = [place for key, item in parts for place in places(item, (*at, key))]
    return below or [at]


@settings(max_examples=120, deadline=None)
@given(WORLDS, st.data())
def test_each_of_several_planted_faults_is_found_where_it_is(world: Any, data: st.DataObject) -> None:
    assert collect_errors(World, world) == []
    spoilt = data.draw(st.lists(st.sampled_from(places(world)), min_size=1, max_size=4, unique=True))
    tags = [place for place in spoilt if place[-1] == "type"]
    assume(not tags)  # a wrong tag hides what it tags
    for place in spoilt:
        target = world
        for step in place[:-1]:
            target = target[step]
        target[place[-1]] = True  # nothing in this world is a boolean
    found = [error.where for error in collect_errors(World, world)]
    assert sorted(found) == sorted("".join(f"/{step}" for step in place) for place in spoilt)
