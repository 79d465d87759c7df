"""Records from flat fields: each field as a single parameter, every error, and what the record itself demands."""

import dataclasses
import datetime as dt
import decimal
import enum
import uuid
from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from typing import Annotated, Any, ClassVar, Generic, Literal, NewType, NotRequired, Required, TypedDict, TypeVar

import attrs
import msgspec
import pytest

from hinge.binding.records import RecordReader, collection_reader, grouped
from hinge.errors import ConfigurationError, RequestInvalid

T = TypeVar("T")


class Size(enum.Enum):
    SMALL = "s"
    LARGE = "l"


class Search(msgspec.Struct):
    word: str
    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
    size: Size | None = None
    tags: list[str] = []
    since: dt.date | None = None


def read(kind: Any, raw: str) -> Any:
    """Read `a=1&b=2` as a record."""
    pairs = [field.split("=") for field in raw.split("&") if field]
    return RecordReader(kind, "query")(grouped([(key, value) for key, value in pairs]))


def faults(kind: Any, raw: str) -> list[tuple[str, str]]:
    with pytest.raises(RequestInvalid) as caught:
        read(kind, raw)
    assert {error.source for error in caught.value.errors} == {"query"}
    return [(error.where, error.message) for error in caught.value.errors]


# -- records -----------------------------------------------------------------------------------------------------------


def test_each_field_is_converted_and_the_rest_has_its_default() -> None:
    assert read(Search, "word=x") == Search("x")
    assert read(Search, "word=x&limit=5&size=l&tags=a&tags=b&since=2024-02-29&other=1") == Search(
        "x", 5, Size.LARGE, ["a", "b"], dt.date(2024, 2, 29)
    )


def test_defaults_are_of_the_record_and_not_shared() -> None:
    first, second = read(Search, "word=x"), read(Search, "word=x")
    first.tags.append("mine")
    assert second.tags == []


def test_every_fault_is_found() -> None:
    assert faults(Search, "limit=x&size=m&tags=a&since=today&since=now") == [
        ("limit", "expected an integer"),
        ("size", "expected one of 's', 'l'"),
        ("since", "must be given once"),
        ("word", "is required"),
    ]
    assert faults(Search, "word=x&limit=0") == [("limit", "must be at least 1")]


class Numbers(msgspec.Struct):
    many: list[int]
    few: Annotated[list[int], msgspec.Meta(max_length=2)] = []


def test_every_bad_item_is_named_by_its_index() -> None:
    assert faults(Numbers, "many=1&many=x&many=3&many=y&few=1&few=2&few=3") == [
        ("many.1", "expected an integer"),
        ("many.3", "expected an integer"),
        ("few", "must have at most 2 items"),
    ]


class Renamed(msgspec.Struct, rename="camel"):
    page_size: int
    with_tags: list[str] = []


def test_a_field_has_its_name_on_the_wire() -> None:
    assert read(Renamed, "pageSize=5&withTags=a") == Renamed(5, ["a"])
    assert faults(Renamed, "page_size=5") == [("pageSize", "is required")]
    assert faults(Renamed, "pageSize=x") == [("pageSize", "expected an integer")]


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    word: str = ""


def test_unknown_fields_are_ignored_unless_the_record_forbids_them() -> None:
    assert read(Search, "word=x&utm_source=mail&utm_source=again") == Search("x")
    assert faults(Strict, "utm_source=mail&utm_source=again") == [("utm_source", "is not a known field")]


class Range(msgspec.Struct):
    first: int
    last: int = 10

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise ValueError("first is above last")


def test_what_the_record_objects_to_is_a_fault_of_the_whole() -> None:
    assert faults(Range, "first=20") == [("", "first is above last")]
    assert faults(Range, "first=20&utm_source=mail") == [("", "first is above last")]


def test_the_whole_is_not_judged_by_a_default_that_stands_in_for_a_bad_field() -> None:
    assert faults(Range, "first=20&last=x") == [("last", "expected an integer")]


def test_an_optional_record_is_read_like_the_record() -> None:
    assert read(Search | None, "word=x") == Search("x")
    assert faults(Search | None, "limit=1") == [("word", "is required")]


def test_a_record_is_absent_if_none_of_the_fields_is_its_own() -> None:
    reader = RecordReader(Search | None, "query")
    assert reader.is_absent({})
    assert reader.is_absent({"utm_source": ["mail"]})
    assert not reader.is_absent({"limit": ["1"]})
    assert RecordReader(Data, "query").is_absent({"utm_source": ["mail"]})
    strict = RecordReader(Strict, "query")
    assert strict.is_absent({})
    assert not strict.is_absent({"utm_source": ["mail"]}), "what is forbidden must be told"


@dataclasses.dataclass
class Data:
    word: str
    limit: int = 1
    kind: ClassVar[int] = 0
    tags: list[str] = dataclasses.field(default_factory=list)


@attrs.define
class Attrs:
    word: str
    limit: int = 1
    tags: list[str] = attrs.field(factory=list)


class Typed(TypedDict):
    word: str
    limit: NotRequired[int]
    tags: NotRequired[list[str]]


class Partial(TypedDict, total=False):
    word: Required[str]
    limit: int
    tags: list[str]


@pytest.mark.parametrize("kind", [Data, Attrs, Typed, Partial])
def test_every_kind_of_record_is_read(kind: Any) -> None:
    expected = {"word": "x", "limit": 2, "tags": ["a", "b"]}
    record = read(kind, "word=x&limit=2&tags=a&tags=b")
    assert (record if isinstance(record, dict) else msgspec.to_builtins(record)) == expected
    assert faults(kind, "limit=x") == [("limit", "expected an integer"), ("word", "is required")]


class Page(msgspec.Struct, Generic[T]):
    one: T
    many: list[T] = []
    perhaps: T | None = None


class IntPage(Page[int]):
    extra: str = ""


@dataclasses.dataclass
class DataPage(Generic[T]):
    one: T


def test_the_parameters_of_a_generic_record_are_filled_in() -> None:
    assert read(Page[int], "one=1&many=2&many=3&perhaps=4") == Page(1, [2, 3], 4)
    assert faults(Page[int], "one=x&many=y") == [("one", "expected an integer"), ("many.0", "expected an integer")]
    assert read(Page[dt.date], "one=2024-01-01").one == dt.date(2024, 1, 1)
    assert read(DataPage[bool], "one=yes") == DataPage(True)


UserId = NewType("UserId", int)
Identifiers = NewType("Identifiers", list[UserId])  # type: ignore[valid-newtype]


class Patch(msgspec.Struct):
    limit: int | msgspec.UnsetType = msgspec.UNSET
    tags: list[int] | msgspec.UnsetType | None = msgspec.UNSET
    user: UserId | None = None
    users: Identifiers = []


def test_unset_and_named_types_are_read_as_what_they_stand_for() -> None:
    assert read(Patch, "") == Patch()
    assert read(Patch, "limit=3&tags=1&user=7&users=8&users=9") == Patch(3, [1], UserId(7), [8, 9])
    assert faults(Patch, "limit=x") == [("limit", "expected an integer")]


class Every(msgspec.Struct):
    """A field of every type that a text becomes: what is converted must pass the record's own check."""

    a: str
    b: int
    c: float
    d: bool
    e: uuid.UUID
    f: dt.date
    g: dt.datetime
    h: dt.time
    i: dt.timedelta
    j: decimal.Decimal
    k: Size
    l: Literal["x", 1]  # noqa: E741
    m: Annotated[str, msgspec.Meta(pattern="^a")]


def test_every_type_of_a_field_passes() -> None:
    record = read(
        Every,
        "a=x&b=1&c=1.5&d=on&e=6ba7b810-9dad-11d1-80b4-00c04fd430c8&f=2024-01-01&g=2024-01-01T00:00:00Z"
        "&h=12:00:00&i=PT1H&j=1.50&k=s&l=1&m=abc",
    )
    assert record == Every(
        "x",
        1,
        1.5,
        True,
        uuid.UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
        dt.date(2024, 1, 1),
        dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
        dt.time(12),
        dt.timedelta(hours=1),
        decimal.Decimal("1.50"),
        Size.SMALL,
        1,
        "abc",
    )


class Nested(msgspec.Struct):
    search: Search


class Listed(msgspec.Struct):
    searches: list[Search]


class Foreign(msgspec.Struct):
    thing: complex


class Lost(msgspec.Struct):
    thing: "Nowhere"  # type: ignore[name-defined]  # noqa: F821


@dataclasses.dataclass
class WithInitVar:
    thing: dataclasses.InitVar[int]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Nested, "its field 'search': Search cannot be made from a text"),
        (Listed, "its field 'searches': Search cannot be made from a text"),
        (Foreign, "its field 'thing'"),
        (Lost, "name 'Nowhere' is not defined"),
        (WithInitVar, "msgspec cannot read it"),
        (Search | Range, "cannot tell the members of a union apart"),
    ],
)
def test_a_record_that_flat_fields_cannot_make_is_refused(kind: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        RecordReader(kind, "query")


# -- collections -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "texts", "expected"),
    [
        (list, ["a", "b"], ["a", "b"]),
        (list[int], ["1", "2"], [1, 2]),
        (list[int] | None, ["1"], [1]),
        (set[int], ["1", "1"], {1}),
        (frozenset[str], ["a"], frozenset({"a"})),
        (tuple[int, ...], ["1", "2"], (1, 2)),
        (tuple[int, str, bool], ["1", "2", "yes"], (1, "2", True)),
        (tuple, ["1"], ("1",)),
        (Sequence[int], ["1"], [1]),
        (Collection[int], ["1"], [1]),
        (AbstractSet[int], ["1"], {1}),
        (list[Size], ["s"], [Size.SMALL]),
        (list[int | str], ["1", "a"], [1, "a"]),
        (list[Annotated[int, msgspec.Meta(ge=1)]], ["1"], [1]),
        (Annotated[list[int], msgspec.Meta(min_length=1)], ["1"], [1]),
        (Identifiers, ["1"], [1]),
        (list[int] | msgspec.UnsetType, ["1"], [1]),
    ],
)
def test_texts_become_the_declared_collection(kind: Any, texts: list[str], expected: Any) -> None:
    value = collection_reader(kind, "query", "n")(texts)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("kind", "texts", "expected"),
    [
        (list[int], ["x", "1", "y"], [("n.0", "expected an integer"), ("n.2", "expected an integer")]),
        (tuple[int, bool], ["x", "y"], [("n.0", "expected an integer"), ("n.1", "expected a boolean")]),
        (tuple[int, str], ["1"], [("n.1", "is required")]),
        (tuple[int, str], ["1", "2", "3"], [("n", "must have at most 2 items")]),
        (Annotated[list[int], msgspec.Meta(max_length=1)], ["1", "2"], [("n", "must have at most 1 item")]),
        (list[Annotated[int, msgspec.Meta(ge=5)]], ["9", "1"], [("n.1", "must be at least 5")]),
    ],
)
def test_every_fault_of_a_collection_is_found(kind: Any, texts: list[str], expected: list[Any]) -> None:
    with pytest.raises(RequestInvalid) as caught:
        collection_reader(kind, "header", "n")(texts)
    assert [(error.where, error.message) for error in caught.value.errors] == expected


def test_the_list_of_faults_is_bounded() -> None:
    with pytest.raises(RequestInvalid) as caught:
        collection_reader(list[int], "query", "n")(["x"] * 1000)
    assert len(caught.value.errors) == 100
    with pytest.raises(RequestInvalid) as caught:
        read(Numbers, "&".join(["many=x"] * 90 + ["few=x"] * 90))
    assert len(caught.value.errors) == 100


@pytest.mark.parametrize("kind", [list[list[int]], list[Search], tuple[int, Search], list[complex]])
def test_a_collection_of_what_no_text_becomes_is_refused(kind: Any) -> None:
    with pytest.raises(ConfigurationError):
        collection_reader(kind, "query", "n")
