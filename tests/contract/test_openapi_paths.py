"""The paths of the OpenAPI document: one item for what OpenAPI takes for one path, and every name in it described."""

from typing import Any
from urllib.parse import quote

import pytest
from openapi_spec_validator import validate

from hinge import App, Path, Query, Request, Router
from hinge.openapi import describe


def described(*routes: tuple[str, str, Any]) -> dict[str, Any]:
    app = App()
    for number, (method, path, handler) in enumerate(routes):
        app.route(path, methods=[method], name=f"n{number}")(handler)
    document = describe(app)
    validate(document)
    paths: dict[str, Any] = document["paths"]
    return paths


def by_id(uid: int) -> None: ...
def by_name(name: str) -> None: ...
def by_size(größe: str) -> None: ...  # noqa: PLC2401 - it may be one
def by_request(request: Request) -> None: ...
def by_both(uid: int, part: str) -> None: ...
def crossed(part: str, uid: int) -> None: ...
def asking(name: str, uid: Query[int]) -> None: ...


def parameters(operation: Any) -> list[tuple[str, str, str]]:
    return [(one["name"], one["in"], one["schema"]["type"]) for one in operation.get("parameters", [])]


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        (
            [("GET", "/u/{uid}", by_id), ("POST", "/u/{name}", by_name)],
            {"/u/{uid}": {"get": [("uid", "path", "integer")], "post": [("uid", "path", "string")]}},
        ),
        (
            [("GET", "/u/{name}", by_name), ("POST", "/u/{uid}", by_id), ("PUT", "/u/{name}", by_name)],
            {
                "/u/{name}": {
                    "get": [("name", "path", "string")],
                    "post": [("name", "path", "integer")],
                    "put": [("name", "path", "string")],
                }
            },
        ),
        (
            [("GET", "/u/{uid}/{part}", by_both), ("PUT", "/u/{part}/{uid}", crossed)],
            {
                "/u/{uid}/{part}": {
                    "get": [("uid", "path", "integer"), ("part", "path", "string")],
                    "put": [("uid", "path", "string"), ("part", "path", "integer")],
                }
            },
        ),
        (
            [("GET", "/u/{uid}", by_id), ("PUT", "/u/{name:path}", by_name)],
            {"/u/{uid}": {"get": [("uid", "path", "integer")], "put": [("uid", "path", "string")]}},
        ),
        (  # one name cannot stand for both, and the narrower path is the one that OpenAPI can describe
            [("GET", "/u/{name:path}", by_name), ("GET", "/u/{uid}", by_id)],
            {"/u/{uid}": {"get": [("uid", "path", "integer")]}},
        ),
        (
            [("GET", "/u/{uid}", by_id), ("GET", "/u/{uid}.json", by_id), ("PUT", "/u/{name}.json", by_name)],
            {
                "/u/{uid}": {"get": [("uid", "path", "integer")]},
                "/u/{uid}.json": {"get": [("uid", "path", "integer")], "put": [("uid", "path", "string")]},
            },
        ),
        (
            [("GET", "/u/{uid}", by_id), ("PUT", "/u/{name}", asking)],
            {
                "/u/{uid}": {
                    "get": [("uid", "path", "integer")],
                    "put": [("uid", "path", "string"), ("uid", "query", "integer")],
                }
            },
        ),
        ([("GET", "/f/{größe:path}", by_size)], {"/f/{größe}": {"get": [("größe", "path", "string")]}}),
        ([("GET", "/straße/50%/a b", by_request)], {f"/stra{quote('ß')}e/50%25/a%20b": {"get": []}}),
    ],
    ids=["get-post", "three", "crossed", "remainder", "both", "literals", "query", "letters", "quoted"],
)
def test_one_path_is_one_item(routes: Any, expected: Any) -> None:
    found = described(*routes)
    assert {
        path: {method: parameters(operation) for method, operation in item.items()} for path, item in found.items()
    } == expected


def test_names_may_differ_below_a_router_s_prefix() -> None:
    app, one, two = App(), Router("/{org}"), Router("/{owner}")

    @one.get("/{uid}")
    def read(org: str, uid: Path[int]) -> None: ...

    @two.put("/{item}")
    def write(item: int, owner: str) -> None: ...

    app.include(one)
    app.include(two)
    document = describe(app)
    validate(document)
    (item,) = document["paths"].items()
    assert item[0] == "/{org}/{uid}"
    assert parameters(item[1]["put"]) == [("uid", "path", "integer"), ("org", "path", "string")]
