"""The operations' ids: the names of the routes, and what tells them apart where several have one name."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from openapi_spec_validator import validate

from hinge import App, Router
from hinge.openapi import describe


def named(name: str) -> Any:
    def handler() -> str:
        return ""

    handler.__name__ = handler.__qualname__ = name
    return handler


def group(prefix: str, *inside: Router) -> Router:
    router = Router(prefix)
    router.get("")(named("list"))
    router.route("/{key}", methods=["GET", "PUT"])(keyed)
    for one in inside:
        router.include(one)
    return router


def keyed(key: int) -> str:
    return ""


Declare = Callable[[App], Any]
CASES: dict[str, tuple[list[Declare], dict[str, str]]] = {
    "one": ([lambda app: app.get("/a")(named("read"))], {"get /a": "read"}),
    "methods": (
        [lambda app: app.route("/a", methods=["GET", "PUT"])(named("read"))],
        {"get /a": "read_get", "put /a": "read_put"},
    ),
    "two-of-one-name": (
        [lambda app: app.get("/users")(named("list")), lambda app: app.get("/items")(named("list"))],
        {"get /users": "list_users", "get /items": "list_items"},
    ),
    "methods-at-two-paths": (
        [lambda app: app.get("/a")(named("read")), lambda app: app.put("/b/{key}")(keyed_as("read"))],
        {"get /a": "read_a", "put /b/{key}": "read_b_key"},
    ),
    "a-router-made-twice": (
        [lambda app: app.include(group("/v1")), lambda app: app.include(group("/v2"))],
        {
            "get /v1": "list_v1",
            "get /v1/{key}": "keyed_v1_key_get",
            "put /v1/{key}": "keyed_v1_key_put",
            "get /v2": "list_v2",
            "get /v2/{key}": "keyed_v2_key_get",
            "put /v2/{key}": "keyed_v2_key_put",
        },
    ),
    "nested": (
        [
            lambda app: app.include(group("/v1", group("/old")), prefix="/api"),
            lambda app: app.get("/v1")(named("list")),
        ],
        {
            "get /api/v1": "list_api_v1",
            "get /api/v1/{key}": "keyed_api_v1_key_get",
            "put /api/v1/{key}": "keyed_api_v1_key_put",
            "get /api/v1/old": "list_api_v1_old",
            "get /api/v1/old/{key}": "keyed_api_v1_old_key_get",
            "put /api/v1/old/{key}": "keyed_api_v1_old_key_put",
            "get /v1": "list_v1",
        },
    ),
    "one-taken": (
        [
            lambda app: app.get("/a")(named("read")),
            lambda app: app.get("/b")(named("read")),
            lambda app: app.get("/c", name="read_a")(named("other")),
        ],
        {"get /a": "read_a_2", "get /b": "read_b", "get /c": "read_a"},
    ),
    "alike": (
        [
            lambda app: app.get("/a-b")(named("read")),
            lambda app: app.get("/a_b")(named("read")),
            lambda app: app.get("/a/b")(named("read")),
            lambda app: app.get("/")(named("read")),
        ],
        {"get /a-b": "read_a_b", "get /a/b": "read_a_b_2", "get /a_b": "read_a_b_3", "get /": "read_root"},
    ),
    "a-remainder": (
        [lambda app: app.get("/f/{key:path}")(keyed_as("read")), lambda app: app.get("/f")(named("read"))],
        {"get /f/{key}": "read_f_key", "get /f": "read_f"},
    ),
}


def keyed_as(name: str) -> Any:
    def handler(key: str) -> str:
        return ""

    handler.__name__ = handler.__qualname__ = name
    return handler


@pytest.mark.parametrize("case", CASES)
def test_ids_are_unique_readable_and_the_same_in_any_order(case: str) -> None:
    declarations, expected = CASES[case]
    for order in itertools.permutations(declarations):
        app = App()
        for declare in order:
            declare(app)
        document = describe(app)
        assert {
            f"{method} {path}": operation["operationId"]
            for path, item in document["paths"].items()
            for method, operation in item.items()
        } == expected
    validate(document)  # the others have the same operations
