"""Which fields of a result leave: no more than the annotation names, and values of exactly its class untouched."""

import dataclasses
from collections import OrderedDict, deque
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Callable,
    Collection,
    Container,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Reversible,
    Sequence,
    ValuesView,
)
from collections.abc import Set as AbstractSet
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    Protocol,
    Self,
    TypedDict,
    TypeVar,
)

import attrs
import msgspec
import pytest

from hinge.errors import ConfigurationError
from hinge.results.projection import projection

if TYPE_CHECKING:
    from datetime import date as OnlyForCheckers

T = TypeVar("T")


class Public(msgspec.Struct):
    name: str


B = TypeVar("B", bound=Public)
C = TypeVar("C", Public, int)


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


class Late(TypedDict):
    name: str
    age: "NotRequired[int]"


class Pair(NamedTuple):
    user: Public
    number: int = 1


class Paired(msgspec.Struct):
    pair: Pair


class Iterated(msgspec.Struct):
    users: Iterable[Public]


class Either(msgspec.Struct):
    """As msgspec can encode but not decode it."""

    user: Public | Other


class Publics(list[Public]):
    pass


class Listed(list[T]):
    pass


class PublicPage(Page[Public]):
    pass


class BoundPage(msgspec.Struct, Generic[B]):
    items: list[B]


class Twice(PublicPage, Generic[T]):
    """The T of its own is none of the base's."""

    more: T | None = None


class Mine(msgspec.Struct):
    own: "list[Self]" = []


class BigMine(Mine):
    secret: int = 1


class Plain:
    """Declares no field."""


class OfPlain(Plain, msgspec.Struct):
    secret: str = "s"


class Named(Protocol):
    name: str


class Does(Protocol):
    def do(self) -> None: ...


@attrs.define(slots=False)
class Attrs:
    name: str
    _hidden: int = 1


@attrs.define(slots=False)
class BigAttrs(Attrs):
    more: int = 1


@dataclasses.dataclass
class Hashed:
    """As msgspec would send the attribute: it is of the name of a pseudo-field."""

    name: str
    secret: dataclasses.InitVar[str]

    def __post_init__(self, secret: str) -> None:
        vars(self)["secret"] = secret[::-1]


class Key(msgspec.Struct, frozen=True):
    name: str


class BigKey(Key, frozen=True):
    secret: int = 1


Publicly = NewType("Publicly", list[Public])


def told(value: Any) -> Any:
    """Return a value with an attribute that its class does not declare."""
    value.secret = "s"
    return value


A = {"name": "a"}
KINDS: tuple[Any, ...] = (
    Iterable,
    Iterator,
    AsyncIterator,
    AsyncIterable,
    Collection,
    Reversible,
    Container,
    ValuesView,
    AbstractSet,
    deque,
)
OF_B: Any = B


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
        (Tree, Tree("a", [BigTree("b", [BigTree("a")])]), {"name": "a", "below": [{"name": "b", "below": [A]}]}),
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
        *[(kind[Public], [Secret("a")], [A]) for kind in KINDS],
        (Generator[Public, Any, None], [Secret("a")], [A]),
        (Iterable[Public] | None, [Secret("a")], [A]),
        (list[int] | list[Public], [1, Secret("a")], [1, A]),
        (dict[str, int] | dict[str, Public], {"k": Secret("a")}, {"k": A}),
        (OrderedDict[str, Public], {"k": Secret("a")}, {"k": A}),
        (tuple[int, *tuple[Public, ...]], (1, Secret("a")), [1, A]),  # type: ignore[misc]
        (tuple[Public | int, ...], Pair(Secret("a")), [A, 1]),
        (Public | Literal["none"], Other("a"), A),
        (Publicly, [Secret("a")], [A]),
        (OF_B, Secret("a"), A),
        (C, Secret("a"), A),
        (list[OF_B], [Secret("a")], [A]),
        (BoundPage, BoundPage([Secret("a")]), {"items": [A]}),
        (PublicPage, PublicPage([Secret("a")]), {"items": [A], "total": 0}),
        (Twice[int], Twice([Secret("a")], more=1), {"items": [A], "total": 0, "more": 1}),
        (Mine, Mine([BigMine()]), {"own": [{"own": []}]}),
        (Pair, Pair(Secret("a")), [A, 1]),
        (list[Pair], [Pair(Secret("a"))], [[A, 1]]),
        (Paired, Paired(Pair(Secret("a"))), {"pair": [A, 1]}),
        (Iterated, Iterated([Secret("a")]), {"users": [A]}),
        (Either, Either(Secret("a")), {"user": A}),
        (Publics, Publics([Secret("a")]), [A]),
        (Listed[Public], Listed([Secret("a")]), [A]),
        (Named, Secret("a"), A),
        (list[Named], [Secret("a"), Data("b")], [A, {"name": "b"}]),
        (Attrs, told(Attrs("a")), A),
        (Attrs, told(BigAttrs("a")), A),
        (list[Attrs], [told(Attrs("a"))], [A]),
        (Hashed, Hashed("a", "s"), A),
        (list[Hashed], [Hashed("a", "s")], [A]),
        (Late, {"name": "a", "secret": 1}, A),
        (Late | Typed, {"name": "a", "age": 1, "secret": 1}, {"name": "a", "age": 1}),
        (Late | Typed, {"user": Secret("a"), "secret": 1}, {"user": A}),
        (Late | dict[str, int], {"name": "a", "secret": 1}, A),
        (Late | dict[str, int], {"any": 1}, {"any": 1}),
        (Public | dict[str, Any], {"any": 1}, {"any": 1}),
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
        (Branch, Branch(Leaf(1), [Leaf(2)])),
        (Either, Either(Other("a"))),
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
        (Plain, OfPlain(), "annotation does not say"),
        (list[Plain], [OfPlain()], "annotation does not say"),
        (Public | Plain, [OfPlain()], "annotation does not say"),
        (Public, 5, "annotation does not say"),
        (Does, Secret("a"), "annotation does not say"),
        (deque[Public], deque([Secret("a")]), "annotation does not say"),
    ],
)
def test_what_it_has_no_place_for_is_an_error(returns: Any, value: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        sent(returns, value)


class Linked(msgspec.Struct):
    up: "Linked | None" = None
    below: "list[Linked]" = []


def test_what_holds_itself_is_looked_at_once_and_for_the_encoder_to_refuse() -> None:
    top = Linked()
    top.below = [Linked(up=top) for _ in range(100)]
    project: Any = projection(Linked)(Linked)
    assert project(top) is top
    with pytest.raises(RecursionError):
        msgspec.json.encode(project(top))


def test_a_deep_result_is_no_deeper_for_the_filter() -> None:
    top = Linked()
    for _ in range(5000):
        top = Linked(below=[top])
    project: Any = projection(Linked)(Linked)
    assert project(top) is top


def test_a_key_is_a_record_too() -> None:
    value = {BigKey("a"): 1}
    project = projection(dict[Key, int])(dict)
    assert project is not None
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(project(value)), type=dict[Key, int]) == {Key("a"): 1}
    assert b"secret" not in msgspec.msgpack.encode(project(value))


def test_a_class_that_is_made_after_the_first_answer_is_seen() -> None:
    class Inner(msgspec.Struct):
        x: int

    class Outer(msgspec.Struct):
        inner: Inner

    inner: Any = projection(list[Inner])(list)
    outer: Any = projection(list[Outer])(list)
    one: Any = projection(Outer)(Outer)
    for _ in range(2):
        assert inner([Inner(1)]) == [Inner(1)]
        assert outer([Outer(Inner(1))]) == [Outer(Inner(1))] == [one(Outer(Inner(1)))]

    class More(Inner):
        secret: int = 1

    assert inner([More(1)]) == [Inner(1)]
    assert outer([Outer(More(1))]) == [Outer(Inner(1))] == [one(Outer(More(1)))]


class Unresolved(msgspec.Struct):
    user: "OnlyForCheckers"


class Above(msgspec.Struct):
    below: list[Unresolved]


U: Any = TypeVar("U", bound="OnlyForCheckers")  # type: ignore[misc]


@pytest.mark.parametrize("returns", [Unresolved, list[Unresolved], Above, U, list[U]])
def test_what_cannot_be_resolved_is_an_error_at_compile(returns: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"OnlyForCheckers.*Fix: "):
        projection(returns)
