"""What the OpenAPI document says of forms: one object, files in it, and the media types that the route reads."""

import os
from typing import Annotated, Any, Literal

import msgspec
import pytest

from hinge import App, Form, FormData, FormParam, UploadFile
from hinge.openapi import describe
from hinge.testing import Client

if os.environ.get("CI") != "true":
    pytest.importorskip("multipart")
validate = pytest.importorskip("openapi_spec_validator").validate

URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
A_FILE = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}


class Person(msgspec.Struct):
    name: str
    age: int = 3


class Letter(msgspec.Struct):
    subject: str
    attachments: list[UploadFile] = []


@pytest.fixture(scope="module")
def document() -> Any:
    app = App()

    @app.post("/person")
    def person(person: Form[Person]) -> None: ...

    @app.post("/letter")
    def letter(letter: Form[Letter]) -> None: ...

    @app.post("/fields")
    def fields(
        name: Form[str],
        photo: UploadFile | None = None,
        size: Annotated[int, FormParam(name="page-size", description="Of a page.", deprecated=True)] = 10,
    ) -> None: ...

    @app.post("/optional")
    def optional(name: Form[str] = "x") -> None: ...

    @app.post("/both")
    def both(person: Form[Person], topic: Form[str]) -> None: ...

    @app.post("/any")
    def anything(form: FormData) -> None: ...

    with Client(app) as client:
        document = client.get("/openapi.json").json()
    validate(document)
    return document


def body(document: Any, path: str) -> Any:
    return document["paths"][path]["post"]["requestBody"]


def test_a_struct_is_a_component(document: Any) -> None:
    assert body(document, "/person") == {
        "required": True,
        "content": {key: {"schema": {"$ref": "#/components/schemas/Person"}} for key in (URLENCODED, MULTIPART)},
    }


def test_files_are_binary_and_need_multipart(document: Any) -> None:
    assert [*body(document, "/letter")["content"]] == [MULTIPART]
    attachments = document["components"]["schemas"]["Letter"]["properties"]["attachments"]
    assert (attachments["type"], attachments["items"]) == ("array", A_FILE)


def test_single_fields_are_one_object(document: Any) -> None:
    schema = body(document, "/fields")["content"][MULTIPART]["schema"]
    assert schema["required"] == ["name"]
    assert schema["properties"]["name"] == {"type": "string"}
    assert schema["properties"]["photo"] == A_FILE
    assert schema["properties"]["page-size"] == {
        "type": "integer",
        "description": "Of a page.",
        "deprecated": True,
        "default": 10,
    }
    assert body(document, "/optional")["required"] is False


def test_a_struct_beside_fields_and_a_form_of_anything(document: Any) -> None:
    first, second = body(document, "/both")["content"][URLENCODED]["schema"]["allOf"]
    assert first == {"$ref": "#/components/schemas/Person"}
    assert second == {"type": "object", "properties": {"topic": {"type": "string"}}, "required": ["topic"]}
    assert body(document, "/any")["content"][MULTIPART] == {"schema": {"type": "object"}}


def test_no_field_of_a_form_is_null() -> None:
    app = App()

    class Wish(msgspec.Struct):
        what: str
        how_many: int | None = None
        kind: Literal["a"] | None = None
        sizes: list[int | None] = []

    @app.post("/form")
    def form(wish: Form[Wish]) -> None: ...

    @app.post("/body")
    def json(wish: Wish) -> None: ...

    document = describe(app)
    validate(document)
    schemas = document["components"]["schemas"]
    assert body(document, "/form")["content"][URLENCODED] == {"schema": {"$ref": "#/components/schemas/Wish_form"}}
    assert schemas["Wish_form"]["properties"] == {
        "what": {"type": "string"},
        "how_many": {"type": "integer"},
        "kind": {"enum": ["a"]},
        "sizes": {"type": "array", "items": {"type": "integer"}, "default": []},
    }
    assert schemas["Wish"]["properties"]["how_many"] == {
        "anyOf": [{"type": "integer"}, {"type": "null"}],
        "default": None,
    }


def test_the_refusals_of_forms_are_described(document: Any) -> None:
    assert {"400", "413", "415", "422"} <= document["paths"]["/person"]["post"]["responses"].keys()
