"""Types whose sets can hold no item, and whose maps no key, are found by their definition."""

import dataclasses
import datetime as dt
import decimal
import enum
import uuid
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, TypedDict, TypeVar

import attrs
import msgspec
import pytest

from hinge import App, Body, ConfigurationError, Form, Query
from hinge.inspection.hashable import never_hashed

T = TypeVar("T")


class Loose(msgspec.Struct):
    a: int


class Tight(msgspec.Struct, frozen=True):
    a: int


class ById(msgspec.Struct, eq=False):
    a: int


class Own(msgspec.Struct):
    a: list[int]

    def __hash__(self) -> int:
        return 1


class Compared(msgspec.Struct, frozen=True):  # noqa: PLW1641 - the mistake
    a: int

    def __eq__(self, other: object) -> bool:
        return True


class Holding(msgspec.Struct, frozen=True):
    a: list[int] = []


class Row(msgspec.Struct, frozen=True, array_like=True):
    a: "Row | None"
    b: Loose


class Self(msgspec.Struct, frozen=True):
    next: "Self | None" = None


class Box(msgspec.Struct, Generic[T], frozen=True):
    of: T


@dataclasses.dataclass
class LooseData:
    a: int


@dataclasses.dataclass(frozen=True)
class TightData:
    a: int
    b: list[int] = dataclasses.field(default_factory=list, hash=False)


@dataclasses.dataclass(frozen=True)
class HoldingData:
    a: dict[str, int]


@dataclasses.dataclass(eq=False)
class DataById:
    a: list[int]


@dataclasses.dataclass(frozen=True)
class OwnData:
    a: list[int]

    def __hash__(self) -> int:
        return 1


@attrs.define
class LooseAttrs:
    a: int


@attrs.frozen
class TightAttrs:
    a: int


@attrs.frozen
class HoldingAttrs:
    a: set[int]


class Typed(TypedDict):
    a: int


class Pair(NamedTuple):
    a: int
    b: Loose


class Level(enum.Enum):  # noqa: PLW1641 - as above
    LOW = 1

    def __eq__(self, other: object) -> bool:
        return True


class Team(msgspec.Struct):
    name: str
    members: set[Loose] = set()


Named = NewType("Named", list[int])

NEVER: list[tuple[Any, str, str]] = [
    (set[Loose], "a Loose", "class Loose(msgspec.Struct, frozen=True)"),
    (frozenset[Loose], "a Loose", "frozen=True"),
    (set[Loose | int], "a Loose", "frozen=True"),
    (set[Annotated[Loose, msgspec.Meta(title="x")]], "a Loose", "frozen=True"),
    (Annotated[set[Loose], msgspec.Meta(max_length=3)], "a Loose", "frozen=True"),
    (list[dict[str, tuple[set[Loose], ...]]] | None, "a Loose", "frozen=True"),
    (Team, "a Loose", "frozen=True"),
    (set[LooseData], "a LooseData", "@dataclass(frozen=True)"),
    (set[LooseAttrs], "a LooseAttrs", "@attrs.frozen"),
    (set[Compared], "a Compared", "a __hash__ beside the __eq__ of Compared"),
    (set[Level], "a Level", "a __hash__ beside the __eq__ of Level"),
    (set[list[int]], "a list", "tuple[..., ...]"),
    (set[Named], "a list", "tuple[..., ...]"),
    (set[dict[str, int]], "a dict", "a list of it"),
    (set[set[int]], "a set", "frozenset[...]"),
    (frozenset[frozenset[list[int]]], "a list", "tuple"),
    (set[tuple[int, list[int]]], "a list", "tuple"),
    (set[tuple[Loose, ...]], "a Loose", "frozen=True"),
    (set[Typed], "a TypedDict", "a Struct with frozen=True"),
    (set[bytearray], "a bytearray", "bytes"),
    (set[msgspec.Raw], "a msgspec.Raw", "a list of it"),
    (set[msgspec.msgpack.Ext], "a msgpack.Ext", "a list of it"),
    (set[Holding], "a list", "tuple"),
    (set[HoldingData], "a dict", "frozen=True"),
    (set[HoldingAttrs], "a set", "frozenset"),
    (set[Row], "a Loose", "frozen=True"),
    (set[Pair], "a Loose", "frozen=True"),
    (set[Box[list[int]]], "a list", "tuple"),
    (dict[Loose, int], "Loose is none", "a list of pairs"),
    (dict[Tight, int], "Tight is none", "a list of pairs"),
    (dict[TightData, int], "TightData is none", "a list of pairs"),
    (dict[tuple[int, int], str], "a tuple or a frozenset is none", "a list of pairs"),
    (dict[frozenset[int], str], "a tuple or a frozenset is none", "a list of pairs"),
    (dict[Pair, str], "Pair is none", "a list of pairs"),
    (dict[list[int], str], "a list is none", "a list of pairs"),
    (dict[str | tuple[int, ...], str], "a tuple or a frozenset is none", "a list of pairs"),
]


@pytest.mark.parametrize(("kind", "what", "fix"), NEVER, ids=range(len(NEVER)))
def test_what_can_never_be_hashed(kind: Any, what: str, fix: str) -> None:
    found = never_hashed(kind)
    assert found is not None
    assert what in found.why
    assert fix in found.fix


FINE: list[Any] = [
    *(set[Any], set[object], set, frozenset, dict, dict[Any, Any], set[int], set[str | None], set[bytes], set[float]),
    *(set[Tight], set[ById], set[Own], set[Self], set[Box[int]], set[TightData], set[DataById], set[OwnData]),
    *(set[TightAttrs], set[tuple[int, str]], set[frozenset[int]], set[tuple[Any, ...]], set[uuid.UUID]),
    *(set[decimal.Decimal], set[dt.datetime], set[Literal["a"]], set[memoryview]),
    *(dict[int, Loose], dict[str, list[Loose]], dict[uuid.UUID, int], dict[dt.date, int], dict[Literal["a"], int]),
    *(int, list[Loose], Loose, LooseData, str | int | None),
]


@pytest.mark.parametrize("kind", FINE, ids=range(len(FINE)))
def test_what_can_be_hashed(kind: Any) -> None:
    assert never_hashed(kind) is None


def test_metadata_that_cannot_be_hashed_is_no_obstacle() -> None:
    assert never_hashed(Annotated[set[Loose], msgspec.Meta(extra={"a": []})]) is not None


class Search(msgspec.Struct):
    levels: set[Level] = set()


@pytest.mark.parametrize("backend", ["wsgi", "asgi"])
@pytest.mark.parametrize("kind", [Body[set[Loose]], Body[Team], Query[set[Level]], Query[Search], Form[Search]])
def test_it_is_a_mistake_before_the_first_request(backend: str, kind: Any) -> None:
    app = App()

    def save(found: Any) -> None: ...

    save.__annotations__["found"] = kind
    app.post("/")(save)
    with pytest.raises(ConfigurationError) as caught:
        app.compile(backend)
    message = str(caught.value)
    assert "save (" in message
    assert "test_hashable.py:" in message
    assert "parameter 'found': the items of a set are hashed, and a Le" in message or "a Loose cannot be" in message
    assert "Fix: class Loose(msgspec.Struct, frozen=True)" in message or "Fix: a __hash__ beside" in message
