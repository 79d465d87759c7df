"""Typed CRUD: `hinge run examples/items.py`, on either backend.

The annotations are the validation: a path parameter that does not convert is a 404, a body or query that does not fit
is a 422 with every fault in it, and what the handlers return is encoded by its type.

    curl -d '{"name": "lamp", "price": 30}' -H 'content-type: application/json' http://127.0.0.1:8000/items
    curl 'http://127.0.0.1:8000/items?max_price=50&sort=-price'
"""

import threading
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from hinge import App, HTTPError, Query, Router

Name = Annotated[str, Meta(min_length=1, max_length=100)]
Price = Annotated[float, Meta(ge=0, le=1_000_000)]
Tags = Annotated[list[Annotated[str, Meta(min_length=1, max_length=30)]], Meta(max_length=20)]


class NewItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a client sends to create or replace an item."""

    name: Name
    price: Price
    tags: Tags = []


class Changes(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a client sends to change an item: a field that is left out stays as it is."""

    name: Name | UnsetType = UNSET
    price: Price | UnsetType = UNSET
    tags: Tags | UnsetType = UNSET


class Item(msgspec.Struct, frozen=True):
    """What a client gets."""

    id: int
    name: str
    price: float
    tags: list[str]


class Search(msgspec.Struct, frozen=True):
    """The whole query string of a list."""

    q: str = ""
    tag: list[str] = []
    min_price: Price = 0
    max_price: Price = 1_000_000
    sort: Literal["id", "name", "-name", "price", "-price"] = "id"
    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    offset: Annotated[int, Meta(ge=0)] = 0

    def fits(self, item: Item) -> bool:
        """Tell whether an item has the text in its name, all the tags, and a price in the range."""
        return (
            self.q.casefold() in item.name.casefold()
            and set(self.tag) <= set(item.tags)
            and self.min_price <= item.price <= self.max_price
        )


class Page(msgspec.Struct, frozen=True):
    """One page of a list, and how many items the whole list has."""

    items: list[Item]
    total: int


class Shelf:
    """The items, in memory. Plain handlers run in several threads on both backends: changes are made under a lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._items: dict[int, Item] = {}
        self._last_id = 0

    def find(self, search: Search) -> Page:
        """Return one page of the items that fit."""
        with self._lock:
            found = [item for item in self._items.values() if search.fits(item)]
        key = search.sort.removeprefix("-")
        found.sort(key=lambda item: getattr(item, key), reverse=search.sort.startswith("-"))
        return Page(found[search.offset : search.offset + search.limit], total=len(found))

    def get(self, item_id: int) -> Item:
        """Return an item, or answer 404."""
        try:
            return self._items[item_id]
        except KeyError:
            raise HTTPError(404, f"There is no item {item_id}.") from None

    def add(self, new: NewItem) -> Item:
        """Keep a new item, or answer 409."""
        with self._lock:
            self._check_name(new.name, None)
            self._last_id += 1
            return self._keep(Item(self._last_id, new.name, new.price, new.tags))

    def change(self, item_id: int, fields: dict[str, object]) -> Item:
        """Keep an item with other fields, or answer 404 or 409."""
        with self._lock:
            changed = msgspec.structs.replace(self.get(item_id), **fields)
            self._check_name(changed.name, item_id)
            return self._keep(changed)

    def remove(self, item_id: int) -> None:
        """Forget an item, or answer 404."""
        with self._lock:
            self.get(item_id)
            del self._items[item_id]

    def _keep(self, item: Item) -> Item:
        self._items[item.id] = item
        return item

    def _check_name(self, name: str, own_id: int | None) -> None:
        for item in self._items.values():
            if item.name == name and item.id != own_id:
                raise HTTPError(409, f"Another item is called {name!r}.", item=item.id)


shelf = Shelf()
items = Router("/items", tags=["items"])


@items.get("")
def list_items(search: Query[Search]) -> Page:
    return shelf.find(search)


@items.post("", status=201)
def create_item(new: NewItem) -> Item:
    return shelf.add(new)


@items.get("/{item_id}")
def read_item(item_id: int) -> Item:
    return shelf.get(item_id)


@items.put("/{item_id}")
def replace_item(item_id: int, new: NewItem) -> Item:
    return shelf.change(item_id, msgspec.structs.asdict(new))


@items.patch("/{item_id}")
def change_item(item_id: int, changes: Changes) -> Item:
    given = {name: value for name, value in msgspec.structs.asdict(changes).items() if value is not UNSET}
    return shelf.change(item_id, given)


@items.delete("/{item_id}")
def delete_item(item_id: int) -> None:
    shelf.remove(item_id)


app = App(title="Items")
app.include(items)
