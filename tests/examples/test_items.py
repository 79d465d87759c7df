"""examples/items.py: typed create, read, update and delete, with every fault answered as one."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from tests.examples.harness import Load

from hinge import HTTPError
from hinge.testing import Client, ClientResponse

LAMP = {"name": "lamp", "price": 30.0, "tags": ["home", "light"]}
CHAIR = {"name": "chair", "price": 80.5, "tags": ["home"]}
PEN = {"name": "pen", "price": 2.0, "tags": []}


@pytest.fixture
def client(load: Load, backend: str) -> Iterator[Client]:
    with Client(load("items").app, backend) as client:
        yield client


@pytest.fixture
def filled(client: Client) -> Client:
    for item in (LAMP, CHAIR, PEN):
        assert client.post("/items", json=item).status_code == 201
    return client


def faults(response: ClientResponse) -> list[tuple[str, str]]:
    assert response.status_code == 422, response
    assert response.headers["content-type"] == "application/problem+json"
    return [(error["in"], error.get("pointer", error.get("name"))) for error in response.json()["errors"]]


def names(response: ClientResponse) -> list[str]:
    assert response.status_code == 200, response
    return [item["name"] for item in response.json()["items"]]


def test_an_item_is_created_read_replaced_changed_and_deleted(client: Client) -> None:
    created = client.post("/items", json=LAMP)
    assert (created.status_code, created.json()) == (201, {"id": 1, **LAMP})
    assert client.get("/items/1").json() == {"id": 1, **LAMP}
    assert client.put("/items/1", json={"name": "big lamp", "price": 45}).json() == {
        "id": 1, "name": "big lamp", "price": 45.0, "tags": [],
    }  # fmt: skip
    assert client.patch("/items/1", json={"price": 40}).json() == {
        "id": 1, "name": "big lamp", "price": 40.0, "tags": [],
    }  # fmt: skip
    deleted = client.delete("/items/1")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert client.get("/items/1").status_code == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("item_id", ["1", "0", "-1", "one", "1.0", "\u0661", "9" * 30])
def test_what_is_not_there_is_a_404(client: Client, method: str, item_id: str) -> None:
    body: Any = {"json": LAMP} if method in ("PUT", "PATCH") else {}
    assert client.request(method, f"/items/{item_id}", **body).status_code == 404


def test_every_fault_of_a_body_is_listed(client: Client) -> None:
    response = client.post("/items", json={"name": "", "price": -1, "tags": ["fine", "", 3], "colour": "red"})
    assert set(faults(response)) >= {("body", "/name"), ("body", "/price"), ("body", "/tags/1"), ("body", "/tags/2")}
    assert faults(client.post("/items", json={"name": "lamp"})) == [("body", "/price")]
    assert faults(client.patch("/items/1", json={"price": None})) == [("body", "/price")]
    assert client.get("/items").json() == {"items": [], "total": 0}


def test_a_field_that_an_item_does_not_have_is_refused(client: Client) -> None:
    assert client.post("/items", json={**LAMP, "id": 7}).status_code == 422
    assert client.get("/items").json()["total"] == 0


def test_a_body_that_is_no_json_is_refused(client: Client) -> None:
    headers = {"content-type": "application/json"}
    assert client.post("/items", content=b'{"name": ', headers=headers).status_code == 400
    assert client.post("/items", content=b"name=lamp", headers={"content-type": "text/plain"}).status_code == 415


def test_two_items_cannot_have_one_name(filled: Client) -> None:
    clash = filled.post("/items", json={**PEN, "name": "lamp"})
    assert clash.status_code == 409
    assert clash.json()["item"] == 1, "the answer tells which item has the name"
    assert filled.put("/items/3", json=LAMP).status_code == 409
    assert filled.patch("/items/3", json={"name": "lamp"}).status_code == 409
    assert filled.patch("/items/1", json={"name": "lamp"}).status_code == 200, "its own name is no clash"
    assert filled.get("/items/3").json() == {"id": 3, **PEN}


def test_ids_are_not_used_twice(filled: Client) -> None:
    filled.delete("/items/3")
    assert filled.post("/items", json=PEN).json()["id"] == 4


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["lamp", "chair", "pen"]),
        ("q=A", ["lamp", "chair"]),
        ("tag=home", ["lamp", "chair"]),
        ("tag=home&tag=light", ["lamp"]),
        ("min_price=2.5", ["lamp", "chair"]),
        ("min_price=2&max_price=30", ["lamp", "pen"]),
        ("sort=name", ["chair", "lamp", "pen"]),
        ("sort=-price", ["chair", "lamp", "pen"]),
        ("sort=price&q=a", ["lamp", "chair"]),
    ],
)
def test_lists_are_filtered_and_sorted(filled: Client, query: str, expected: list[str]) -> None:
    assert names(filled.get(f"/items?{query}")) == expected


def test_lists_come_in_pages(filled: Client) -> None:
    first = filled.get("/items", params={"limit": 2})
    assert (names(first), first.json()["total"]) == (["lamp", "chair"], 3)
    second = filled.get("/items", params={"limit": 2, "offset": 2})
    assert (names(second), second.json()["total"]) == (["pen"], 3)
    assert names(filled.get("/items", params={"offset": 99})) == []


def test_every_fault_of_a_query_is_listed(filled: Client) -> None:
    response = filled.get("/items?limit=0&offset=-1&sort=colour&min_price=nan&tag=home")
    assert set(faults(response)) == {
        ("query", "limit"), ("query", "offset"), ("query", "sort"), ("query", "min_price"),
    }  # fmt: skip
    assert faults(filled.get("/items?limit=1&limit=2")) == [("query", "limit")]


def test_the_methods_of_a_path_are_told(filled: Client) -> None:
    assert filled.post("/items/1", json=PEN).headers["allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"
    assert filled.head("/items/1").content == b""


def test_of_many_threads_that_take_a_name_one_succeeds(load: Load) -> None:
    module = load("items")
    shelf, barrier = module.Shelf(), Barrier(8)

    def add(name: str) -> int:
        barrier.wait(10)
        try:
            shelf.add(module.NewItem(name, 1.0))
        except HTTPError as error:
            return error.status
        return 201

    with ThreadPoolExecutor(8) as threads:
        for round_number in range(50):
            statuses = list(threads.map(add, [f"item {round_number}"] * 8))
            assert sorted(statuses) == [201, *[409] * 7]
    assert shelf.find(module.Search()).total == 50
