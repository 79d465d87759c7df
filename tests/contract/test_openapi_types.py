"""What the OpenAPI document says of types: nothing that it does not know costs what is around it."""

import dataclasses
import datetime as dt
import decimal
import enum
import json
import re
import typing
import uuid
from collections.abc import Hashable
from typing import Annotated, Any, Literal, NamedTuple, Protocol, TypedDict

import msgspec
import pytest
from openapi_spec_validator import validate

from hinge import App, Body, BodyStream, Cookie, Form, FormData, Header, Query, Request, UploadFile
from hinge.openapi import describe


class HasName(Protocol):
    name: str


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Odd(enum.Enum):
    HALF = 0.5
    PAIR = (1, 2)


class Cat(msgspec.Struct):
    name: str


class Dog(msgspec.Struct):
    name: str
    tags: list[str] = []


class Search(msgspec.Struct):
    since: dt.date = dt.date(2024, 1, 2)
    colour: Colour = Colour.RED
    tags: list[str] = []
    ids: set[int] = msgspec.field(default_factory=set)
    limit: int | None = None
    unset: int | msgspec.UnsetType = msgspec.UNSET


U = uuid.UUID("12345678-1234-5678-1234-567812345678")


def schemas_of(kind: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the schema of a result, and the components."""
    app = App()

    @app.get("/")
    def handler() -> None: ...

    handler.__annotations__["return"] = kind
    document = msgspec.json.decode(msgspec.json.encode(describe(app)))
    validate(document)
    content = document["paths"]["/"]["get"]["responses"]["200"]["content"]
    return content["application/json"]["schema"], document["components"]["schemas"]


@pytest.mark.parametrize(
    "kind",
    [object, Any, HasName, Hashable, msgspec.Raw, list[object] | dict[str, Any]],
    ids=["object", "Any", "protocol", "abstract", "raw", "union"],
)
def test_a_field_that_has_no_schema_is_left_open(kind: Any) -> None:
    model = msgspec.defstruct("Model", [("x", kind), ("y", Annotated[kind, msgspec.Meta(description="d")]), ("z", int)])
    schema, components = schemas_of(list[model])
    assert schema == {"type": "array", "items": {"$ref": "#/components/schemas/Model"}}
    properties = components["Model"]["properties"]
    assert [*properties] == ["x", "y", "z"]
    assert properties["z"] == {"type": "integer"}
    assert "type" not in properties["x"]
    assert components["Model"]["required"] == ["x", "y", "z"]


class OfOdd(msgspec.Struct):
    odd: Odd
    pets: list[Cat | Dog]
    by_name: dict[str, Cat | Dog | None]
    row: tuple[int, Cat | Dog]
    more: "OfOdd | None" = None


@dataclasses.dataclass
class AsDataclass:
    pet: Cat | Dog
    level: Level = Level.LOW


class AsDict(TypedDict):
    pet: Cat | Dog
    level: typing.NotRequired[Level]


class AsTuple(NamedTuple):
    pet: Cat | Dog
    level: Level = Level.LOW


EITHER = {"anyOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}]}


def test_what_can_be_sent_and_not_read_is_described() -> None:
    schema, components = schemas_of(OfOdd)
    assert schema == {"$ref": "#/components/schemas/OfOdd"}
    found = components["OfOdd"]["properties"]
    assert found["pets"] == {"type": "array", "items": EITHER}
    assert found["by_name"]["additionalProperties"] == {"anyOf": [*EITHER["anyOf"], {"type": "null"}]}
    assert found["row"]["prefixItems"] == [{"type": "integer"}, EITHER]
    assert found["more"] == {"anyOf": [{"$ref": "#/components/schemas/OfOdd"}, {"type": "null"}]}
    assert sorted(map(str, components["Odd"]["enum"])) == ["0.5", "[1, 2]"]
    assert components["OfOdd"]["required"] == ["odd", "pets", "by_name", "row"]


@pytest.mark.parametrize("kind", [AsDataclass, AsDict, AsTuple], ids=lambda kind: kind.__name__)
def test_every_kind_of_record_with_it_is_described(kind: Any) -> None:
    _, components = schemas_of(kind)
    found = components[kind.__name__]
    fields = [*found["properties"].values()] if found["type"] == "object" else found["prefixItems"]
    assert fields[0] == EITHER
    assert fields[1]["$ref"] == "#/components/schemas/Level"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Cat | Dog, EITHER),
        (Cat | Dog | None, EITHER),
        (list[Cat | Dog], {"type": "array", "items": EITHER}),
        (Annotated[list[Cat | Dog], "a note"], {"type": "array", "items": EITHER}),
        (dict[str, object], {"type": "object", "additionalProperties": {}}),
        (list[object], {"type": "array", "items": {}}),
    ],
    ids=["union", "or-none", "list", "annotated", "dict-of-objects", "list-of-objects"],
)
def test_results(kind: Any, expected: Any) -> None:
    assert schemas_of(kind)[0] == expected


EXAMPLE = Cat("Tom")


@pytest.mark.parametrize(
    ("examples", "expected"),
    [([EXAMPLE], [{"name": "Tom"}]), ([{3}, U], [[3], str(U)]), ([dt.date(2024, 7, 18)], ["2024-07-18"])],
    ids=["struct", "set-and-uuid", "date"],
)
def test_examples_are_those_that_would_be_sent(examples: Any, expected: Any) -> None:
    model = msgspec.defstruct("Model", [("x", Annotated[Any, msgspec.Meta(examples=examples)])])
    assert schemas_of(model)[1]["Model"]["properties"]["x"]["examples"] == expected
    app = App()

    @app.get("/")
    def handler() -> None: ...

    handler.__annotations__["return"] = model
    json.dumps(describe(app))  # plain data


def test_what_a_note_cannot_say_is_told_at_compile(each_backend: Any) -> None:
    odd = msgspec.Meta(examples=[object()])

    class Model(msgspec.Struct):
        x: Annotated[int, odd]

    def body(model: Model) -> None: ...
    def query(number: Annotated[int, odd] = 1) -> None: ...
    def result() -> list[Annotated[int, odd]]: ...  # type: ignore[empty-body]
    def field() -> Model: ...  # type: ignore[empty-body]

    for handler in (body, query, result, field):
        app = App()
        app.post("/")(handler)
        (line,) = app.unmet(each_backend.name)
        assert re.match(r"handler .*test_openapi_types.py:\d+\): .* is annotated with .*examples.* Fix: ", line)


# -- parameters --------------------------------------------------------------------------------------------------------

NOON = dt.datetime(2024, 7, 18, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("kind", "default", "expected"),
    [
        (int, 1, 1),
        (bool, False, False),
        (str, "", ""),
        (dt.datetime, NOON, "2024-07-18T12:00:00Z"),
        (dt.date, dt.date(2024, 7, 18), "2024-07-18"),
        (dt.time, dt.time(11, 30), "11:30:00"),
        (dt.timedelta, dt.timedelta(hours=1), "PT3600S"),
        (Colour, Colour.RED, "red"),
        (Level, Level.HIGH, 2),
        (Literal["a", "b"], "a", "a"),
        (uuid.UUID, U, str(U)),
        (decimal.Decimal, decimal.Decimal("1.50"), "1.50"),
        (list[int], [1, 2], [1, 2]),
        (set[str], {"b", "a", "c"}, ["a", "b", "c"]),
        (tuple[int, ...], (1,), [1]),
        (frozenset[Level], frozenset({Level.LOW}), [1]),
        (int | None, None, "none"),
        (int | None, 5, 5),
        (float, float("nan"), "none"),
    ],
    ids=[
        *(
            "int",
            "bool",
            "str",
            "datetime",
            "date",
            "time",
            "timedelta",
            "enum",
            "int-enum",
            "literal",
            "uuid",
            "decimal",
        ),
        *("list", "set", "tuple", "frozenset", "none", "optional", "nan"),
    ],
)
@pytest.mark.parametrize("source", [Query, Header, Cookie, Form], ids=lambda source: source.name)
def test_defaults_are_those_that_are_sent(source: Any, kind: Any, default: Any, expected: Any) -> None:
    if source is Cookie and typing.get_origin(kind) in (list, set, tuple, frozenset):
        pytest.skip("a cookie is one text")
    app = App()

    def handler(value: Any = default) -> None: ...

    handler.__annotations__["value"] = source[kind]
    app.post("/")(handler)
    document = msgspec.json.decode(msgspec.json.encode(describe(app)))
    validate(document)
    operation = document["paths"]["/"]["post"]
    if source is Form:
        (schema,) = operation["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"].values()
        assert operation["requestBody"]["required"] is False
    else:
        ((parameter),) = operation["parameters"]
        schema = parameter["schema"]
        assert parameter["required"] is False
    assert schema.get("default", "none") == expected
    assert {"type": "null"} not in schema.get("anyOf", [])


@pytest.mark.parametrize("source", [Query, Header, Cookie], ids=lambda source: source.name)
def test_defaults_of_fields(source: Any) -> None:
    kind = Search if source is not Cookie else msgspec.defstruct("Search", [("since", dt.date, dt.date(2024, 1, 2))])
    app = App()

    def handler(search: Any) -> None: ...

    handler.__annotations__["search"] = source[kind]
    app.get("/")(handler)
    document = describe(app)
    validate(msgspec.json.decode(msgspec.json.encode(document)))
    found = {one["name"]: one["schema"].get("default", "none") for one in document["paths"]["/"]["get"]["parameters"]}
    expected = {"since": "2024-01-02", "colour": "red", "tags": [], "ids": [], "limit": "none", "unset": "none"}
    assert found == {name: expected[name] for name in found}
    assert "since" in found


def test_a_record_as_the_default_of_a_body_or_a_form() -> None:
    app = App()

    @app.post("/body")
    def body(dog: Dog = Dog("Rex")) -> None: ...

    @app.post("/form")
    def form(cat: Form[Cat] = Cat("Tom")) -> None: ...

    document = describe(app)
    for path, default in (("/body", {"name": "Rex", "tags": []}), ("/form", {"name": "Tom"})):
        described = document["paths"][path]["post"]["requestBody"]
        assert described["required"] is False
        assert [content["schema"]["default"] for content in described["content"].values()] == [default, default]


# -- raw bodies --------------------------------------------------------------------------------------------------------

BINARY = {"type": "string", "format": "binary"}


def test_raw_bodies_are_binary_and_may_be_empty(each_backend: Any) -> None:
    app = App()

    @app.post("/stream")
    async def stream(body: BodyStream) -> int:
        return sum([len(chunk) async for chunk in body])

    @app.post("/raw")
    def raw(body: Body[bytes]) -> int:
        return len(body)

    with each_backend(app) as client:
        document = client.get("/openapi.json").json()
        assert [client.post(path).json() for path in ("/stream", "/raw")] == [0, 0]
    validate(document)
    for path in ("/stream", "/raw"):
        body = document["paths"][path]["post"]["requestBody"]
        assert body["required"] is False
        assert body["content"] == {"*/*": {"schema": BINARY}, "application/octet-stream": {"schema": BINARY}}
        assert "415" not in document["paths"][path]["post"]["responses"]


def test_bytes_and_files_of_answers_are_binary() -> None:
    app = App()

    @app.get("/raw")
    def raw(request: Request) -> bytes:
        return b""

    @app.get("/chunks")
    def chunks() -> typing.Iterator[bytes]:
        yield b""

    @app.get("/text")
    def text() -> typing.Iterator[str]:
        yield ""

    @app.post("/form")
    def form(form: FormData, photo: UploadFile | None = None) -> None: ...

    paths = describe(app)["paths"]
    for path, media_type, schema in (
        ("/raw", "application/octet-stream", BINARY),
        ("/chunks", "application/octet-stream", BINARY),
        ("/text", "text/plain", {"type": "string"}),
    ):
        assert paths[path]["get"]["responses"]["200"]["content"] == {media_type: {"schema": schema}}
