"""Which fields of a result leave: no more than the annotation names, and values of exactly its class untouched."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Generic, TypedDict, TypeVar

import msgspec
import pytest

from hinge.projection import projection

T = TypeVar("T")


class Public(msgspec.Struct):
    name: str


class Secret(Public):
    secret: str = "s"


class Other(msgspec.Struct):
    name: str
    secret: str = "s"


class Leaf(msgspec.Struct):
    x: int


class Branch(msgspec.Struct):
    leaf: Leaf
    leaves: list[Leaf] = []


class Page(msgspec.Struct, Generic[T]):
    items: list[T]
    total: int = 0


class Open(msgspec.Struct):
    """Its field names a class that has a subclass."""

    user: Public
    users: list[Public] = []


class Tree(msgspec.Struct, omit_defaults=True):
    name: str
    below: "list[Tree]" = []


class BigTree(Tree):
    secret: int = 1


class Camel(msgspec.Struct, rename="camel", tag="c"):
    user_name: str
    some: int | msgspec.UnsetType = msgspec.UNSET


class BigCamel(Camel):
    secret_word: str = "s"


class Row(msgspec.Struct, array_like=True):
    a: int
    b: int = 2


class BigRow(Row):
    c: int = 3


class One(msgspec.Struct, tag=True):
    a: int


class Two(msgspec.Struct, tag=True):
    b: int


class Three(Two):
    secret: int = 1


@dataclasses.dataclass
class Data:
    name: str


@dataclasses.dataclass
class BigData(Data):
    secret: str = "s"


class Typed(TypedDict, total=False):
    name: str
    user: Public


C = {"name": "c"}


def sent(returns: Any, value: Any) -> Any:
    project = projection(returns)(type(value))
    return msgspec.json.decode(msgspec.json.encode(value if project is None else project(value)))


@pytest.mark.parametrize(
    ("returns", "value", "left"),
    [
        (Public, Secret("a"), {"name": "a"}),
        (Public, Other("a"), {"name": "a"}),
        (Public, {"name": "a", "secret": 1}, {"name": "a"}),
        (Public | None, Secret("a"), {"name": "a"}),
        (Annotated[Public, "note"], Secret("a"), {"name": "a"}),
        (list[Public], [Secret("a"), Other("b"), Public("c")], [{"name": "a"}, {"name": "b"}, {"name": "c"}]),
        (Sequence[Public], (Secret("a"),), [{"name": "a"}]),
        (tuple[int, Public], (1, Secret("a")), [1, {"name": "a"}]),
        (tuple[Public, ...], (Secret("a"),), [{"name": "a"}]),
        (list[Public | int | None], [Secret("a"), 1, None], [{"name": "a"}, 1, None]),
        (list[list[Public]], [[Secret("a")]], [[{"name": "a"}]]),
        (dict[str, Public], {"k": Secret("a")}, {"k": {"name": "a"}}),
        (Mapping[str, list[Public]], {"k": [Secret("a")]}, {"k": [{"name": "a"}]}),
        (Open, Open(Secret("a"), [Secret("b")]), {"user": {"name": "a"}, "users": [{"name": "b"}]}),
        (tuple[Public, int], (Secret("a"), 1, Secret("c")), [{"name": "a"}, 1]),
        (Page[Public], Page([Secret("a")]), {"items": [{"name": "a"}], "total": 0}),
        (Page[Leaf], Page([Leaf(1)]), {"items": [{"x": 1}], "total": 0}),
        (Tree, Tree("a", [BigTree("b", [BigTree("c")])]), {"name": "a", "below": [{"name": "b", "below": [C]}]}),
        (Camel, BigCamel("a"), {"type": "c", "userName": "a"}),
        (Camel, {"userName": "a", "some": 1, "x": 2}, {"type": "c", "userName": "a", "some": 1}),
        (Row, BigRow(1), [1, 2]),
        (One | Two, Two(1), {"type": "Two", "b": 1}),
        (One | Two, Three(1), {"type": "Two", "b": 1}),
        (Data, BigData("a"), {"name": "a"}),
        (Public, BigData("a"), {"name": "a"}),
        (Data, Secret("a"), {"name": "a"}),
        (Typed, {"name": "a", "secret": 1, "user": Secret("b")}, {"name": "a", "user": {"name": "b"}}),
        (Typed, Secret("a"), {"name": "a"}),
        (list[Typed], [{"name": "a", "secret": 1}], [{"name": "a"}]),
        (Public | dict[str, Any], {"any": 1}, {"any": 1}),
        (Public, 5, 5),
        (Public | list[int], [1], [1]),
    ],
)  # fmt: skip
def test_only_what_is_annotated_leaves(returns: Any, value: Any, left: Any) -> None:
    before = msgspec.json.encode(value)
    assert sent(returns, value) == left
    assert msgspec.json.encode(value) == before, "the handler's object is not touched"


@pytest.mark.parametrize(
    ("returns", "value"),
    [
        (Any, Secret("a")),
        (object, Secret("a")),
        (dict[str, Any], {"a": Secret("a")}),
        (list[Any], [Secret("a")]),
        (list, [Secret("a")]),
        (T, Secret("a")),
        (Public | Any, Secret("a")),
        (Secret, Secret("a")),
        (Public, Public("a")),
        (Branch, Branch(Leaf(1), [Leaf(2)])),
        (Public | Secret, Secret("a")),
        (int, 1),
    ],
)
def test_what_is_of_its_class_costs_nothing(returns: Any, value: Any) -> None:
    project = projection(returns)(type(value))
    assert project is None


@pytest.mark.parametrize(
    ("returns", "value"),
    [
        (list[Leaf], [Leaf(1), Leaf(2)]),
        (list[Leaf | None], [Leaf(1), None]),
        (dict[str, Leaf], {"a": Leaf(1)}),
        (Open, Open(Public("a"), [Public("b")])),
        (Typed, {"name": "a", "user": Public("b")}),
        (Tree, Tree("a", [Tree("b")])),
    ],
)
def test_what_holds_only_values_of_their_classes_is_not_copied(returns: Any, value: Any) -> None:
    project: Callable[[Any], Any] | None = projection(returns)(type(value))
    assert project is not None
    assert project(value) is value


@pytest.mark.parametrize(
    ("returns", "value", "said"),
    [
        (Public, [Secret("a")], "annotation does not say"),
        (One | Leaf, Other("a"), "annotation does not say"),
        (list[Public], {"a": Secret("a")}, "annotation does not say"),
        (list[Public] | list[Leaf], Other("a"), "annotation does not say"),
        (Public, {}, "has no 'name'"),
        (Public, object(), "has no 'name'"),
    ],
)
def test_what_it_has_no_place_for_is_an_error(returns: Any, value: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        sent(returns, value)
