"""Models of pydantic as bodies and results, and inside of both, on every backend."""

import enum
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec
import pydantic
import pytest

from hinge import App, Body, ConfigurationError, JSONResponse, Query
from hinge.codecs import JSON, MSGPACK, TOML, YAML
from hinge.openapi import describe
from hinge.testing import Client

ClientFor = Callable[..., Client]
T = TypeVar("T")


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Address(pydantic.BaseModel):
    street: str = pydantic.Field(alias="streetName", min_length=2)
    number: Annotated[int, pydantic.Field(gt=0, le=99)] = 1


class PublicUser(pydantic.BaseModel):
    name: str
    born: date | None = None
    colour: Colour = Colour.RED
    homes: list[Address] = []

    @pydantic.field_validator("name")
    @classmethod
    def polite(cls, name: str) -> str:
        if name == "rude":
            raise ValueError("must be polite")
        if name.startswith("0x"):
            int(name)  # whose text has the value
        return name.title()


class User(PublicUser):
    password: str = "hunter2"


class Strict(pydantic.BaseModel, extra="forbid", strict=True):
    day: date
    count: int | bool


class Cat(pydantic.BaseModel):
    kind: Literal["cat"]


class Dog(pydantic.BaseModel):
    kind: Literal["dog"]
    friend: "Cat | Dog | None" = None


class Pet(pydantic.RootModel[Annotated[Cat | Dog, pydantic.Field(discriminator="kind")]]):
    pass


class Page(pydantic.BaseModel, Generic[T]):
    items: list[T]

    @pydantic.computed_field  # type: ignore[prop-decorator]
    @property
    def size(self) -> int:
        return len(self.items)


class Envelope(msgspec.Struct):
    user: PublicUser
    others: dict[str, PublicUser] = {}


class Attributes:
    name = "ada"
    password = "hunter2"


ADA: dict[str, Any] = {"name": "Ada", "born": None, "colour": "red", "homes": []}


def make_app(**options: Any) -> App:
    app = App(**options)

    @app.post("/user")
    def user(user: User) -> PublicUser:
        assert type(user) is User
        return user

    @app.post("/users")
    async def users(users: Body[list[User]]) -> list[PublicUser]:
        return users

    @app.post("/envelope")
    def envelope(envelope: Envelope) -> Envelope:
        envelope.user = User(name="ada")
        return envelope

    @app.post("/strict")
    def strict(strict: Strict) -> Strict:
        return strict

    @app.post("/pet")
    def pet(pet: Pet) -> Pet:
        return pet

    @app.post("/page")
    def page(page: Page[Address]) -> Page[Address]:
        return page

    @app.post("/optional")
    def optional(user: User | None = None) -> bool:
        return user is None

    @app.get("/of/{what}")
    def of(what: str) -> PublicUser:
        given: dict[str, Any] = {"dict": {"name": "ada", "password": "x"}, "attributes": Attributes(), "bad": {"x": 1}}
        return given[what]

    @app.get("/lines")
    def lines() -> Iterator[PublicUser]:
        yield User(name="ada")

    @app.get("/response")
    def response() -> JSONResponse:
        return JSONResponse([PublicUser(name="ada")])

    return app


def test_what_comes_and_what_leaves(client_for: ClientFor) -> None:
    client = client_for(make_app())
    home = {"streetName": "Mall", "number": 5}
    for path, body, expected in (
        ("/user", {"name": "ada", "password": "x"}, ADA),
        (
            "/user",
            {"name": "ada", "born": "1815-12-10", "homes": [home]},
            ADA | {"born": "1815-12-10", "homes": [home]},
        ),
        ("/users", [{"name": "ada"}], [ADA]),
        ("/envelope", {"user": {"name": "bob"}, "others": {"a": {"name": "ada"}}}, {"user": ADA, "others": {"a": ADA}}),
        ("/strict", {"day": "2024-02-29", "count": 1}, {"day": "2024-02-29", "count": 1}),
        ("/pet", {"kind": "cat"}, {"kind": "cat"}),
        ("/page", {"items": [home]}, {"items": [home], "size": 1}),
        ("/optional", None, True),
        ("/optional", {"name": "ada"}, False),
    ):
        answer = client.post(path, json=body)
        assert (answer.status_code, answer.json()) == (200, expected)
    for path, text in {
        "/of/dict": json.dumps(ADA, separators=(",", ":")),
        "/of/attributes": json.dumps(ADA, separators=(",", ":")),
        "/lines": json.dumps(ADA, separators=(",", ":")) + "\n",
        "/response": json.dumps([ADA], separators=(",", ":")),
    }.items():
        assert client.get(path).text == text
    assert client.get("/of/bad").status_code == 500


FAULTS: list[tuple[str, Any, dict[str, str]]] = [
    ("/user", {}, {"/name": "is required"}),
    ("/user", 5, {"": "expected an object, got an integer"}),
    ("/user", {"name": 5}, {"/name": "expected a string, got an integer"}),
    ("/user", {"name": "rude"}, {"/name": "must be polite"}),
    ("/user", {"name": "0xsecret"}, {"/name": "is invalid"}),
    ("/user", {"name": "a", "born": "never"}, {"/born": "expected an RFC 3339 date"}),
    ("/user", {"name": "a", "colour": "green"}, {"/colour": "expected one of 'red' or 'blue'"}),
    ("/user", {"name": "a", "homes": [{"streetName": "x", "number": 0}, {"number": "y"}]}, {
        "/homes/0/streetName": "must have at least 2 characters",
        "/homes/0/number": "must be greater than 0",
        "/homes/1/streetName": "is required",
        "/homes/1/number": "expected an integer",
    }),
    ("/users", [{"name": "a"}, {"name": None}, {}], {
        "/1/name": "expected a string, got null",
        "/2/name": "is required",
    }),
    ("/envelope", {"user": {"name": 1}, "others": {"a/b": {}}}, {
        "/user/name": "expected a string, got an integer",
        "/others/a~1b/name": "is required",
    }),
    ("/strict", {"day": "2024-02-29", "count": "1", "more": 1}, {
        "/count": "expected an integer or a boolean, got a string",
        "/more": "is not a known field",
    }),
    ("/pet", {"kind": "cow"}, {"": "expected one of 'cat', 'dog' as 'kind'"}),
    ("/pet", {}, {"": "expected an object with 'kind'"}),
]  # fmt: skip


def test_what_does_not_fit_is_told_in_our_words(client_for: ClientFor) -> None:
    client = client_for(make_app())
    for path, body, faults in FAULTS:
        answer = client.post(path, json=body)
        told = {one.get("pointer", ""): one["message"] for one in answer.json()["errors"]}
        assert (answer.status_code, told) == (422, faults), (path, body)


def test_very_many_faults_are_bounded(client_for: ClientFor) -> None:
    client = client_for(make_app())
    for many, told in ((150, 100), (20_000, 1)):
        answer = client.post("/page", json={"items": [{"streetName": "ok", "number": 0}] * many})
        assert (answer.status_code, len(answer.json()["errors"])) == (422, told)


def test_a_body_with_models_has_a_bound_of_its_own(client_for: ClientFor) -> None:
    client = client_for(make_app())
    for size, status in ((1024 * 1024, 200), (1024 * 1024 + 1, 413)):
        content = b'{"name":"ada"}'.ljust(size)
        assert client.post("/user", content=content, headers={"content-type": "application/json"}).status_code == status


def test_json_is_that_of_every_other_body(client_for: ClientFor) -> None:
    client = client_for(make_app())
    for content in ('{"name":NaN}', '{"name":"a"} x', "", '{"name":"\\ud800"}'):
        answer = client.post("/user", content=content, headers={"content-type": "application/json"})
        assert answer.status_code == 400, content
    assert client.post("/user", content="name=a", headers={"content-type": "text/plain"}).status_code == 415


@pytest.mark.parametrize("codec", [MSGPACK, YAML, TOML], ids=lambda codec: codec.name)
def test_every_codec(client_for: ClientFor, codec: Any) -> None:
    client = client_for(make_app(codecs=[codec, JSON]))
    headers = {"content-type": codec.media_type}
    answer = client.post("/user", content=codec.encode({"name": "ada", "born": date(1815, 12, 10)}), headers=headers)
    read = codec.decoder(dict[str, Any])(answer.content)
    assert (read["name"], str(read["born"]), "password" in read) == ("Ada", "1815-12-10", False)
    answer = client.post("/user", content=codec.encode({}), headers=headers)
    assert answer.json()["errors"] == [{"in": "body", "pointer": "/name", "message": "is required"}]


def test_the_document(client_for: ClientFor) -> None:
    document = client_for(make_app()).get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    assert "$defs" not in json.dumps(document)
    assert {"Address", "Cat", "Colour", "Dog", "Envelope", "Pet", "PublicUser", "Strict", "User"} < {*schemas}
    assert schemas["Address"]["properties"]["streetName"] == {"title": "Streetname", "minLength": 2, "type": "string"}
    assert schemas["Envelope"]["properties"]["user"]["$ref"].startswith("#/components/schemas/PublicUser")
    assert schemas["Pet"]["discriminator"]["mapping"]["cat"] == "#/components/schemas/Cat"
    references = {one.split('"')[0] for one in json.dumps(document).split("#/components/schemas/")[1:]}
    assert references == {*schemas}, "each is defined, and each is referred to"
    page = document["paths"]["/page"]["post"]
    sent = page["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    read = page["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    assert ("size" in schemas[sent]["properties"], "size" in schemas[read]["properties"]) == (True, False)


def test_one_name_of_two_classes_is_told_apart(client_for: ClientFor) -> None:
    def make(fields: dict[str, Any]) -> Any:
        return pydantic.create_model("Item", **fields)

    first, again, second = make({"a": (int, ...)}), make({"a": (int, ...)}), make({"b": (int, ...)})
    own = msgspec.defstruct("Item", [("c", int)])
    app = App()
    for index, kind in enumerate((first, again, second, own)):

        def handler(item: Any) -> None:
            raise NotImplementedError

        handler.__annotations__["item"] = Body[kind]
        app.post(f"/{index}")(handler)
    document = client_for(app).get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    assert sorted(name for name in schemas if name.startswith("Item")) == ["Item", "Item_2", "Item_3"]
    content = [document["paths"][f"/{index}"]["post"]["requestBody"]["content"] for index in range(4)]
    places = [one["application/json"]["schema"]["$ref"].rpartition("/")[2] for one in content]
    assert [next(iter(schemas[place]["properties"])) for place in places] == ["a", "a", "b", "c"]


def test_a_model_without_a_schema_is_told_with_the_document() -> None:
    class Opaque(pydantic.BaseModel, arbitrary_types_allowed=True):
        function: type(print)  # type: ignore[valid-type]

    app = App()

    @app.post("/")
    def handler(opaque: Opaque) -> None:
        raise NotImplementedError

    with pytest.raises(ConfigurationError, match=r"Opaque has no JSON schema: .*Fix: pydantic\.WithJsonSchema"):
        describe(app)


class Unresolved(pydantic.BaseModel):
    other: "Nowhere"  # type: ignore[name-defined]  # noqa: F821


class Old:
    """As of pydantic 1."""

    @classmethod
    def __get_validators__(cls) -> Any:
        raise NotImplementedError

    parse_obj = __get_validators__


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        (Body[Unresolved], r"the fields of Unresolved cannot be resolved: .*Nowhere"),
        (Body[Old], r"pip install 'hinge-web\[pydantic\]'"),
        (Query[User], r"User cannot be made from a text\. Fix: take a Struct or a dataclass"),
        (Body[pydantic.BaseModel], "does not know the class BaseModel"),
        (Body[Cat | Dog], "may not contain"),
    ],
)
def test_what_cannot_be_read_is_told_at_compile(annotation: Any, message: str) -> None:
    app = App()

    def handler(value: Any) -> None:
        raise NotImplementedError

    handler.__annotations__["value"] = annotation
    app.post("/")(handler)
    with pytest.raises(ConfigurationError, match=message) as told:
        app.compile("wsgi")
    assert "test_pydantic.py:" in str(told.value)


def test_an_app_without_models_does_not_import_pydantic() -> None:
    program = """
import sys, msgspec
from hinge import App
from hinge.openapi import describe
from hinge.testing import Client
class Item(msgspec.Struct):
    name: str
app = App()
app.post("/")(lambda item: item)
@app.put("/")
def put(item: Item) -> Item:
    return item
with Client(app, backend="wsgi") as client:
    assert client.put("/", json={"name": "a"}).status_code == 200
    assert client.put("/", json={"name": 5}).status_code == 422
    assert client.get("/openapi.json").status_code == 200
assert not [name for name in sys.modules if name.partition(".")[0] in ("pydantic", "pydantic_core", "jinja2")]
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
