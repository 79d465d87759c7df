"""The names of the OpenAPI document's components: distinct, legal, readable, the same whatever the order of routes."""

import dataclasses
import enum
import itertools
import re
from collections.abc import Callable
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, TypedDict, TypeVar

import msgspec
import pytest
from openapi_spec_validator import validate

from hinge import App
from hinge.openapi import describe

T = TypeVar("T")
U = TypeVar("U")
ItemId = NewType("ItemId", int)


class Page(msgspec.Struct, Generic[T]):
    items: list[T]


class Pair(msgspec.Struct, Generic[T, U]):
    first: T
    second: U


@dataclasses.dataclass
class Box(Generic[T]):
    inside: T


class Node(msgspec.Struct, Generic[T]):
    value: T
    children: "list[Node[T]]" = []


def struct_in(module: str, name: str = "Item", **fields: Any) -> Any:
    return msgspec.defstruct(name, list((fields or {"x": int}).items()), module=module)


def item_class(kind: Any) -> Any:
    class Item(msgspec.Struct):
        value: kind

    return Item


def dict_in(module: str) -> Any:
    class Item(TypedDict):
        x: int

    Item.__module__, Item.__qualname__ = module, "Item"
    return Item


def tuple_in(module: str) -> Any:
    class Item(NamedTuple):
        x: int

    Item.__module__, Item.__qualname__ = module, "Item"
    return Item


def record_in(module: str) -> Any:
    found: Any = dataclasses.make_dataclass("Item", [("x", int)])
    found.__module__ = module
    return found


def choice_in(module: str) -> Any:
    return enum.Enum("Item", {"A": module}, module=module)


def made(kinds: Any) -> dict[str, Any]:
    """Return the document of an app that has a route for each of the types."""
    app = App()
    for number, kind in enumerate(kinds):

        def handler() -> None: ...

        handler.__annotations__ = {"return": kind}
        app.get(f"/{number}", name=f"n{number}")(handler)
    document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(describe(app)))
    return document


def names_of(document: dict[str, Any]) -> set[str]:
    return {*document["components"]["schemas"]} - {"Problem", "InvalidValue"}


A, B, DEEP = struct_in("shop.a"), struct_in("shop.b"), struct_in("other.shop.a")
INTS, TEXTS = item_class(int), item_class(str)

CASES: dict[str, tuple[list[Any], set[str]]] = {
    "one": ([A], {"Item"}),
    "generic": ([Page[A]], {"Page_Item", "Item"}),
    "two-modules": ([A, B], {"a.Item", "b.Item"}),
    "behind-a-generic": ([Page[A], Page[B]], {"a.Item", "b.Item", "Page_a.Item", "Page_b.Item"}),
    "only-behind-a-generic": ([Box[A], Box[B]], {"a.Item", "b.Item", "Box_a.Item", "Box_b.Item"}),
    "as-much-as-needed": ([A, B, DEEP], {"shop.a.Item", "shop.b.Item", "other.shop.a.Item"}),
    "of-generics": (
        [Page[Pair[A, int]], Page[Pair[B, int]]],
        {"a.Item", "b.Item", "Pair_a.Item_int", "Pair_b.Item_int", "Page_Pair_a.Item_int", "Page_Pair_b.Item_int"},
    ),
    "of-plain-types": (
        [Page[int], Page[list[str]], Page[A | None], Page[dict[str, A]], Page[Literal["a", 1]]],
        {"Item", "Page_int", "Page_list_str", "Page_Item_None", "Page_dict_str_Item", "Page_a_1"},
    ),
    "of-constraints": (
        [Page[int], Page[Annotated[int, msgspec.Meta(ge=1)]], Page[ItemId]],
        {"Page_int", "Page_int_2", "Page_ItemId"},
    ),
    "unfilled": ([Page], {"Page"}),
    "local": ([item_class(int)], {"Item"}),
    "local-beside-global": ([INTS, A], {"item_class.Item", "a.Item"}),
    "local-twice": ([INTS, TEXTS], {"Item", "Item_2"}),
    "local-twice-behind-a-generic": ([Page[INTS], Page[TEXTS]], {"Item", "Item_2", "Page_Item", "Page_Item_2"}),
    "recursive": ([Node[A], Node[B]], {"a.Item", "b.Item", "Node_a.Item", "Node_b.Item"}),
    "typed-dicts": ([Page[dict_in("a")], Page[dict_in("b")]], {"a.Item", "b.Item", "Page_a.Item", "Page_b.Item"}),
    "named-tuples": ([Page[tuple_in("a")], Page[tuple_in("b")]], {"a.Item", "b.Item", "Page_a.Item", "Page_b.Item"}),
    "dataclasses": ([Page[record_in("a")], Page[record_in("b")]], {"a.Item", "b.Item", "Page_a.Item", "Page_b.Item"}),
    "enums": ([Page[choice_in("a")], Page[choice_in("b")]], {"a.Item", "b.Item", "Page_a.Item", "Page_b.Item"}),
    "kinds": ([A, dict_in("b"), choice_in("c")], {"a.Item", "b.Item", "c.Item"}),
    "that-generics-have": ([Page[A], struct_in("shop", "Page_Item")], {"Item", "Page_Item", "Page_Item_2"}),
    "letters": (
        [struct_in("m", "Größe"), struct_in("m", "Élan"), Page[struct_in("m", "Ü")]],
        {"Gro_e", "Elan", "U", "Page_U"},
    ),
    "no-letters": ([struct_in("m", "商品"), struct_in("m", "顧客", y=str)], {"__", "___2"}),
    "letters-of-modules": ([struct_in("größe.a"), struct_in("größe.b")], {"a.Item", "b.Item"}),
}


@pytest.mark.parametrize("case", CASES)
def test_components_have_short_and_distinct_names(case: str) -> None:
    kinds, names = CASES[case]
    documents = [made(order) for order in itertools.permutations(kinds)]
    validate(documents[0])
    for document in documents:
        assert names_of(document) == names
        assert all(re.fullmatch("[a-zA-Z0-9._-]+", name) for name in names)
    schemas = [document["components"]["schemas"] for document in documents]
    assert all(one == schemas[0] for one in schemas), "a name depends on the order of routes"


def test_each_reference_leads_to_its_own_type() -> None:
    document = made([Page[A], Page[struct_in("shop.b", y=str)]])
    schemas = document["components"]["schemas"]
    for path, module, field in (("/0", "a", "x"), ("/1", "b", "y")):
        content = document["paths"][path]["get"]["responses"]["200"]["content"]
        assert content["application/json"]["schema"] == {"$ref": f"#/components/schemas/Page_{module}.Item"}
        items = schemas[f"Page_{module}.Item"]["properties"]["items"]["items"]
        assert items == {"$ref": f"#/components/schemas/{module}.Item"}
        assert [*schemas[f"{module}.Item"]["properties"]] == [field]


def test_a_union_of_two_of_one_name_is_told_apart_by_its_tags() -> None:
    one = msgspec.defstruct("Item", [("x", int)], module="a", tag="one")
    two = msgspec.defstruct("Item", [("x", int)], module="b", tag=2)
    three = msgspec.defstruct("Item", [("x", int)], module="b", tag="two")
    found = made([list[one | three]])["paths"]["/0"]["get"]["responses"]["200"]["content"]["application/json"]
    assert found["schema"]["items"]["discriminator"]["mapping"] == {
        "one": "#/components/schemas/a.Item",
        "two": "#/components/schemas/b.Item",
    }
    assert two.__struct_config__.tag == 2


def test_a_class_called_problem_is_not_that_of_the_errors() -> None:
    document = made([struct_in("shop", "Problem", x=int), struct_in("shop", "InvalidValue", x=int)])
    validate(document)
    schemas = document["components"]["schemas"]
    assert {*schemas} == {"shop.Problem", "shop.InvalidValue", "hinge.Problem", "hinge.InvalidValue"}
    refusal = document["paths"]["/0"]["get"]["responses"]["4XX"]["content"]["application/problem+json"]
    assert refusal["schema"] == {"$ref": "#/components/schemas/hinge.Problem"}
    assert "detail" in schemas["hinge.Problem"]["properties"]


@pytest.mark.parametrize("make", [dict_in, record_in, tuple_in, choice_in, struct_in], ids=lambda make: make.__name__)
def test_names_do_not_depend_on_the_process(make: Callable[[str], Any]) -> None:
    kinds = [make("a"), make("b")]
    assert names_of(made(kinds)) == names_of(made(reversed(kinds))) == {"a.Item", "b.Item"}
