"""Dependencies: their order, their values, and where they run, the same for a handler of either colour."""

import asyncio
import functools
import inspect
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from typing import Annotated, Any

import msgspec
import pytest

from hinge import (
    App,
    Body,
    Depends,
    Header,
    HTTPConnection,
    Query,
    Request,
    Response,
    ResponseHeaders,
    Router,
    State,
    StreamingResponse,
)
from hinge.backend.contract import Feature
from hinge.testing import Client

pytestmark = pytest.mark.clause("depends.order")

COLOURS = ("def", "async def", "def with yield", "async def with yield")


def provider(colour: str, value: Callable[..., Any], notes: list[str] | None = None) -> Callable[..., Any]:
    """Return a provider of a colour that gives what a plain function gives."""
    said = [] if notes is None else notes

    def plain(*args: Any, **kwargs: Any) -> Any:
        said.append(value.__name__)
        return value(*args, **kwargs)

    async def coroutine(*args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(0)
        return plain(*args, **kwargs)

    def generator(*args: Any, **kwargs: Any) -> Iterator[Any]:
        yield plain(*args, **kwargs)
        said.append(f"{value.__name__} left")

    async def async_generator(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        yield await coroutine(*args, **kwargs)
        await asyncio.sleep(0)
        said.append(f"{value.__name__} left")

    made = dict(zip(COLOURS, (plain, coroutine, generator, async_generator), strict=True))[colour]
    functools.update_wrapper(made, value)
    del made.__wrapped__
    made.__signature__ = inspect.signature(value)
    made.__annotations__ = {name: kind for name, kind in value.__annotations__.items() if name != "return"}
    return made


@pytest.mark.parametrize("colour", COLOURS)
def test_a_value_of_each_colour(client_for: Callable[..., Client], coloured: Any, colour: str) -> None:
    def page(number: int = 1) -> int:
        return number * 10

    app, give = App(), provider(colour, page)

    @coloured
    def handler(page: Annotated[int, Depends(give)], number: int = 1) -> list[int]:
        return [page, number]

    app.get("/")(handler)
    client = client_for(app)
    assert client.get("/?number=3").json() == [30, 3]
    assert client.get("/").json() == [10, 1]
    assert client.get("/?number=x").status_code == 422


def test_each_runs_once_however_many_need_it(client_for: Callable[..., Client], coloured: Any) -> None:
    app, notes = App(), []

    def first() -> list[int]:
        notes.append("first")
        return []

    async def second(first: Annotated[list[int], Depends(first)]) -> list[int]:
        notes.append("second")
        return first

    def third(first: Annotated[list[int], Depends(first)], second: Annotated[list[int], Depends(second)]) -> bool:
        notes.append("third")
        return first is second

    @coloured
    def handler(third: Annotated[bool, Depends(third)], first: Annotated[list[int], Depends(first)]) -> bool:
        return third and first == []

    app.get("/")(handler)
    client = client_for(app)
    for _ in range(2):
        notes.clear()
        assert client.get("/").json() is True
        assert notes == ["first", "second", "third"]


def test_what_is_not_cached_is_made_for_each(client_for: Callable[..., Client], coloured: Any) -> None:
    app = App()

    def made() -> list[int]:
        return []

    One = Annotated[list[int], Depends(made, cached=False)]

    @coloured
    def handler(one: One, other: One, cached: Annotated[list[int], Depends(made)]) -> bool:
        return len({id(one), id(other), id(cached)}) == 3

    app.get("/")(handler)
    assert client_for(app).get("/").json() is True


class Paging:
    """A class, whose objects are providers, too."""

    def __init__(self, number: Query[int] = 1) -> None:
        self.number = number

    def __call__(self, size: int = 20) -> int:
        return size + self.number

    def method(self, size: int = 20) -> int:
        return size * self.number


def test_classes_objects_methods_and_partials(client_for: Callable[..., Client], coloured: Any) -> None:
    app, paging = App(), Paging(5)

    def scaled(factor: int, number: int = 1) -> int:
        return factor * number

    @coloured
    def handler(
        page: Annotated[Paging, Depends()],
        called: Annotated[int, Depends(paging)],
        method: Annotated[int, Depends(paging.method)],
        again: Annotated[int, Depends(paging.method)],
        partial: Annotated[int, Depends(functools.partial(scaled, 7))],
    ) -> list[int]:
        return [page.number, called, method, again, partial]

    app.get("/")(handler)
    client = client_for(app)
    assert client.get("/?number=2&size=3").json() == [2, 8, 15, 15, 14]
    assert client.get("/").json() == [1, 25, 100, 100, 7]


def test_a_default_does_as_well_as_a_note(client_for: Callable[..., Client], coloured: Any) -> None:
    app = App()

    def user(name: str = "nobody") -> str:
        return name

    @coloured
    def handler(*, user: str = Depends(user), number: int) -> list[Any]:
        return [user, number]

    app.get("/{number}")(handler)
    assert client_for(app).get("/3?name=ada").json() == ["ada", 3]


def test_all_that_is_wrong_is_told_at_once(client_for: Callable[..., Client], coloured: Any) -> None:
    app = App()

    class Item(msgspec.Struct):
        name: str

    def page(number: int, token: Header[int]) -> int:
        raise AssertionError

    def item(item: Item, page: Annotated[int, Depends(page)]) -> Item:
        raise AssertionError

    @coloured
    def handler(shop_id: int, item: Annotated[Item, Depends(item)], number: int, size: int) -> str:
        raise AssertionError

    app.post("/{shop_id}")(handler)
    client = client_for(app)
    answer = client.post("/3?number=x&size=y", json={"name": 3}, headers={"token": "z"})
    assert answer.status_code == 422
    found = sorted((one["in"], one.get("name") or one.get("pointer")) for one in answer.json()["errors"])
    assert found == [("body", "/name"), ("header", "token"), ("query", "number"), ("query", "size")]
    assert client.post("/x", json={"name": 3}).status_code == 404


def test_a_provider_takes_the_path(client_for: Callable[..., Client], coloured: Any) -> None:
    app = App()

    def user(user_id: int) -> str:
        return f"user {user_id}"

    @coloured
    def handler(user: Annotated[str, Depends(user)]) -> str:
        return user

    app.get("/users/{user_id}")(handler)
    client = client_for(app)
    assert client.get("/users/3").text == "user 3"
    assert client.get("/users/x").status_code == 404


def test_a_provider_takes_what_handlers_take(client_for: Callable[..., Client], coloured: Any) -> None:
    app = App()

    def seen(request: Request, connection: HTTPConnection, state: State) -> bool:
        state["seen"] = request.body
        return request is connection

    @coloured
    def handler(seen: Annotated[bool, Depends(seen)], request: Request) -> list[Any]:
        return [seen, request.state.seen.decode(), request.method]

    app.post("/")(handler)
    assert client_for(app).post("/", content="abc").json() == [True, "abc", "POST"]


@pytest.mark.parametrize("colour", COLOURS)
def test_a_body_is_a_provider_s(client_for: Callable[..., Client], coloured: Any, colour: str) -> None:
    app = App()

    def total(numbers: Body[list[int]]) -> int:
        return sum(numbers)

    @coloured
    def handler(total: Annotated[int, Depends(provider(colour, total))]) -> int:
        return total

    app.post("/")(handler)
    client = client_for(app)
    assert client.post("/", json=[1, 2, 3]).json() == 6
    assert client.post("/", json=["x"]).status_code == 422
    assert client.post("/", content="[", headers={"content-type": "application/json"}).status_code == 400


@pytest.mark.parametrize("colour", COLOURS)
def test_a_provider_sets_headers_and_cookies(client_for: Callable[..., Client], coloured: Any, colour: str) -> None:
    app, shared = App(), Response("shared", headers={"x-own": "handler"})

    def visit(headers: ResponseHeaders, name: str = "") -> None:
        headers["x-own"] = "provider"
        headers["x-visit"] = name or "nobody"
        headers.set_cookie("seen", name, max_age=60)

    give = Depends(provider(colour, visit))

    @coloured
    def plain(headers: ResponseHeaders) -> dict[str, int]:
        headers["x-handler"] = "yes"
        return {"a": 1}

    app.get("/plain", dependencies=[give])(plain)
    app.get("/shared", dependencies=[give])(coloured(lambda: shared))
    app.get("/stream", dependencies=[give])(coloured(lambda: StreamingResponse(iter(["a", "b"]))))
    client = client_for(app)
    answer = client.get("/plain?name=ada")
    assert answer.json() == {"a": 1}
    found = [answer.headers[name] for name in ("x-own", "x-visit", "x-handler", "content-type")]
    assert found == ["provider", "ada", "yes", "application/json"]
    assert answer.headers["set-cookie"].startswith("seen=ada; ")
    for name in ("ada", "bob"):
        answer = client.get(f"/shared?name={name}")
        assert (answer.text, answer.headers["x-own"], answer.headers["x-visit"]) == ("shared", "handler", name)
    answer = client.get("/stream")
    assert (answer.text, answer.headers["x-visit"]) == ("ab", "nobody")
    assert "x-visit" not in shared.headers


# -- what runs without giving anything ---------------------------------------------------------------------------------


def test_app_router_and_route_in_this_order(client_for: Callable[..., Client], coloured: Any) -> None:
    notes: list[str] = []

    def noting(name: str) -> Any:
        return Depends(lambda: notes.append(name))

    def skipped() -> None:
        notes.append("skipped")

    app = App(dependencies=[noting("app"), Depends(skipped)])
    router = Router("/items", dependencies=[noting("router")])
    inner = Router("/inner", dependencies=[noting("inner")])
    inner.get("/", dependencies=[noting("route")])(coloured(lambda: notes.append("handler")))
    inner.get("/free", without=[skipped, skipped])(coloured(lambda: notes.append("handler")))
    router.include(inner)
    app.include(router)
    client = client_for(app)
    assert client.get("/items/inner/").status_code == 204
    assert notes == ["app", "skipped", "router", "inner", "route", "handler"]
    notes.clear()
    assert client.head("/items/inner/free").status_code == 204
    assert notes == ["app", "router", "inner", "handler"]


def test_automatic_answers_have_none(client_for: Callable[..., Client]) -> None:
    notes: list[str] = []
    app = App(dependencies=[Depends(lambda: notes.append("app"))])
    app.post("/items")(lambda: None)
    app.options("/asked")(lambda: "asked")
    client = client_for(app)
    answers = [client.get("/nowhere"), client.get("/items"), client.get("/items/"), client.options("/items")]
    assert [one.status_code for one in answers] == [404, 405, 308, 204]
    assert client.get("/openapi.json").status_code == 200
    assert notes == []
    assert client.options("/asked").text == "asked"
    assert notes == ["app"]


def test_the_document_has_its_own(client_for: Callable[..., Client]) -> None:
    notes: list[str] = []
    app = App(openapi_dependencies=[Depends(lambda: notes.append("document"))])
    app.get("/")(lambda: None)
    inner = App(openapi_dependencies=[Depends(lambda: notes.append("inner"))])
    inner.get("/")(lambda: None)
    app.mount("/inner", inner, dependencies=[Depends(lambda: notes.append("mount"))])
    client = client_for(app)
    assert client.get("/").status_code == 204
    assert notes == []
    assert client.get("/openapi.json").status_code == 200
    assert client.get("/docs").status_code in (200, 404)
    assert notes == ["document"] * 2
    notes.clear()
    for path in ("/inner/openapi.json", "/inner/docs"):
        assert client.get(path).status_code in (200, 404)
    assert notes == ["document", "mount", "inner"] * 2


def test_folders_and_mounted_apps_have_those_around_them(client_for: Callable[..., Client], tmp_path: Any) -> None:
    notes: list[str] = []
    (tmp_path / "a.txt").write_text("a file")
    app = App(dependencies=[Depends(lambda: notes.append("app"))])
    inner = App(dependencies=[Depends(lambda: notes.append("inner"))])
    inner.get("/")(lambda: "inner")
    app.static("/files", tmp_path)
    app.mount("/inner", inner)
    client = client_for(app)
    assert client.get("/files/a.txt").text == "a file"
    assert notes == ["app"]
    assert client.get("/inner/").text == "inner"
    assert notes == ["app", "app", "inner"]
    assert client.get("/inner/nowhere").status_code == 404
    assert notes == ["app", "app", "inner"]


# -- where they run ----------------------------------------------------------------------------------------------------


@pytest.mark.clause("depends.colour")
def test_plain_providers_and_a_plain_handler_share_a_thread(client_for: Callable[..., Client]) -> None:
    app, threads = App(), []

    def first() -> Iterator[int]:
        threads.append(threading.get_ident())
        yield 1
        threads.append(threading.get_ident())

    def second(first: Annotated[int, Depends(first)]) -> int:
        threads.append(threading.get_ident())
        return first

    @app.get("/")
    def handler(second: Annotated[int, Depends(second)]) -> int:
        threads.append(threading.get_ident())
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        return second

    assert client_for(app).get("/").json() == 1
    assert len(threads) == 4
    assert len(set(threads)) == 1


@pytest.mark.clause("depends.colour")
def test_all_that_is_async_is_one_task(client_for: Callable[..., Client], coloured: Any) -> None:
    app, tasks = App(), []

    async def first() -> AsyncIterator[int]:
        tasks.append(asyncio.current_task())
        async with asyncio.timeout(10):
            yield 1
        tasks.append(asyncio.current_task())

    def plain(first: Annotated[int, Depends(first)]) -> int:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        return first

    async def second(plain: Annotated[int, Depends(plain)]) -> AsyncIterator[int]:
        tasks.append(asyncio.current_task())
        yield plain
        tasks.append(asyncio.current_task())

    @coloured
    def handler(second: Annotated[int, Depends(second)]) -> int:
        return second

    app.get("/")(handler)
    assert client_for(app).get("/").json() == 1
    assert len(tasks) == 4
    assert len(set(tasks)) == 1


_user: ContextVar[str] = ContextVar("user")


@pytest.mark.clause("depends.colour")
@pytest.mark.parametrize("colour", COLOURS)
def test_a_handler_sees_what_a_provider_sets(client_for: Callable[..., Client], coloured: Any, colour: str) -> None:
    app = App()

    def user(name: str) -> None:
        _user.set(name)

    @coloured
    def handler(user: Annotated[None, Depends(provider(colour, user))]) -> str:
        return _user.get()

    app.get("/")(handler)
    client = client_for(app)
    assert [client.get(f"/?name={name}").text for name in ("ada", "bob")] == ["ada", "bob"]
    assert _user.get("none") == "none"


@pytest.mark.clause("depends.colour")
def test_many_requests_at_once_have_values_of_their_own(client_for: Callable[..., Client], coloured: Any) -> None:
    app = App()

    async def name(number: int) -> AsyncIterator[list[int]]:
        await asyncio.sleep(0.001)
        yield [number]

    def doubled(name: Annotated[list[int], Depends(name)]) -> Iterator[list[int]]:
        yield [name[0] * 2]

    @coloured
    def handler(
        name: Annotated[list[int], Depends(name)], doubled: Annotated[list[int], Depends(doubled)]
    ) -> list[int]:
        return name + doubled

    app.get("/")(handler)
    client = client_for(app)
    found: dict[int, Any] = {}
    threads = [
        threading.Thread(target=lambda number=number: found.update({number: client.get(f"/?number={number}").json()}))
        for number in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: [number, number * 2] for number in range(12)}


@pytest.mark.needs(Feature.STREAMING, "the handler makes a stream")
@pytest.mark.clause("depends.streams")
def test_a_stream_without_anything_to_leave(client_for: Callable[..., Client]) -> None:
    app = App()

    def name() -> str:
        return "ada"

    @app.get("/")
    def handler(name: Annotated[str, Depends(name)]) -> Iterator[str]:
        yield from name

    assert client_for(app).get("/").text == "ada"
