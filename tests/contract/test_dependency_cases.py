"""What others have stumbled over with dependencies, one table for each kind of it, on every backend."""

import asyncio
import dataclasses
import datetime as dt
import functools
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

import anyio
import msgspec
import pytest

from hinge import App, ConfigurationError, Depends, HTTPConnection, HTTPError, Query, UploadFile, WebSocket
from hinge.conformance.websockets import refusal
from hinge.middleware import CORS
from hinge.testing import Client

T = TypeVar("T")

# -- what is one provider, and what are two ----------------------------------------------------------------------------


def made() -> object:
    return object()


def scaled(factor: int) -> list[int]:
    return [factor]


class Paging:
    def page(self) -> list[int]:
        return []


@dataclasses.dataclass
class Sized:
    """Comparable, and so not hashable."""

    size: int

    def __call__(self) -> list[int]:
        return [self.size]


class Repository(Generic[T]):
    def __init__(self, name: str = "rows") -> None:
        self.name = name


class Item(msgspec.Struct):
    name: str


PAGING, OTHER_PAGING = Paging(), Paging()
TWICE = functools.partial(scaled, 2)
SIZED, EQUAL = Sized(3), Sized(3)


NOTES: list[tuple[Any, Any, bool]] = [
    (Depends(made), Depends(made), True),
    (Depends(made), Depends(made, cached=False), False),
    (Depends(made, cached=False), Depends(made, cached=False), False),
    (Depends(PAGING.page), Depends(PAGING.page), True),
    (Depends(PAGING.page), Depends(OTHER_PAGING.page), False),
    (Depends(TWICE), Depends(TWICE), True),
    (Depends(functools.partial(scaled, 2)), Depends(functools.partial(scaled, 2)), False),
    (Depends(SIZED), Depends(SIZED), True),
    (Depends(SIZED), Depends(EQUAL), False),
    (Depends(lambda: [1]), Depends(lambda: [1]), False),
    (Depends(Repository[int]), Depends(Repository[int]), True),
]


def test_two_notes(client_for: Any, coloured: Any) -> None:
    app = App()

    def declare(number: int, one: Any, other: Any) -> None:
        @coloured
        def handler(one: Annotated[Any, one], other: Annotated[Any, other]) -> bool:
            return one is other

        app.get(f"/{number}")(handler)

    for number, (one, other, _) in enumerate(NOTES):
        declare(number, one, other)
    client = client_for(app)
    assert [client.get(f"/{number}").json() for number in range(len(NOTES))] == [are_one for _, _, are_one in NOTES]


def test_generics(client_for: Any) -> None:
    def numbers(size: int = 1) -> list[T]:  # type: ignore[type-var]
        return []

    def handler(
        items: Annotated[Repository[Item], Depends()],
        same: Annotated[Repository[Item], Depends(Repository)],
        numbers: Annotated[list[int], Depends(numbers)],
    ) -> list[Any]:
        return [items is same, items.name, numbers]

    app = App()
    app.get("/")(handler)
    assert client_for(app).get("/?name=shelf").json() == [True, "shelf", []]


LATER = """
from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from hinge import App, Depends, Header

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

app = App()


def session(token: Header[str] = "none") -> {returns}:
    yield token


Session = Annotated["str", Depends(session)]


@app.get("/")
def index(session: Session, user: "User") -> list[str]:
    return [session, user.name]


def current_user({parameter}) -> "Person":
    return Person("ada")


User = Annotated["Person", Depends(current_user)]


class Person(msgspec.Struct):
    name: str
"""


def loaded(folder: Path, returns: str, parameter: str) -> Any:
    """Return the namespace of a module whose annotations are all texts."""
    import importlib.util

    path = folder / "later.py"
    path.write_text(LATER.replace("{returns}", returns).replace("{parameter}", parameter))
    spec = importlib.util.spec_from_file_location("later", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_annotations_that_are_texts(client_for: Any, tmp_path: Path) -> None:
    module = loaded(tmp_path, '"object"', "session: Session")
    assert client_for(module.app).get("/", headers={"token": "x"}).json() == ["x", "ada"]


@pytest.mark.parametrize(
    ("returns", "parameter", "text"),
    [
        ("Iterator[str]", "", r"dependency later.session .*: the return annotation cannot be resolved"),
        ("object", "amount: Decimal", r"dependency later.current_user .*: parameter 'amount': its annotation cannot"),
    ],
)
def test_what_only_type_checkers_import(tmp_path: Path, returns: str, parameter: str, text: str) -> None:
    module = loaded(tmp_path, returns, parameter)
    with pytest.raises(ConfigurationError, match=rf"{text}.*later.py:\d+|later.py:\d+.*{text}") as raised:
        module.app.compile("wsgi")
    assert "not under TYPE_CHECKING" in str(raised.value)


# -- cancel scopes around a yield --------------------------------------------------------------------------------------


async def of_asyncio() -> AsyncIterator[None]:
    async with asyncio.timeout(0.02):
        yield


async def of_anyio() -> AsyncIterator[None]:
    with anyio.fail_after(0.02):
        yield


async def moves_on() -> AsyncIterator[None]:
    with anyio.move_on_after(0.02):
        yield


async def translates() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(0.02):
            yield
    except TimeoutError as error:
        raise HTTPError(504, "late") from error


@pytest.mark.parametrize(
    ("deadline", "status", "outer_sees"),
    [
        (of_asyncio, 500, TimeoutError),
        (of_anyio, 500, TimeoutError),
        (moves_on, 500, asyncio.CancelledError),
        (translates, 504, HTTPError),
    ],
)
def test_a_deadline_of_a_provider(client_for: Any, deadline: Any, status: int, outer_sees: Any) -> None:
    app, notes = App(), []

    def outer() -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            notes.append(type(error))
            raise

    @app.get("/")
    async def handler(outer: Annotated[None, Depends(outer)], late: Annotated[None, Depends(deadline)]) -> str:
        await asyncio.Event().wait()
        raise AssertionError

    app.get("/free")(lambda: "free")
    client = client_for(app)
    assert client.get("/").status_code == status
    assert notes == [outer_sees]
    assert client.get("/free").text == "free"


# -- what is bound to a thread -----------------------------------------------------------------------------------------


def database(**options: Any) -> Callable[..., Any]:
    def connection() -> Iterator[sqlite3.Connection]:
        found = sqlite3.connect(":memory:", **options)
        try:
            yield found
        finally:
            found.close()

    return connection


async def between() -> int:
    return 1


def shop(shape: str, connection: Any) -> App:
    Connection = Annotated[sqlite3.Connection, Depends(connection)]
    app = App()

    def ask(connection: Connection) -> int:
        number: int = connection.execute("select 1").fetchone()[0]
        return number

    Asked = Annotated[int, Depends(ask)]

    def plain(asked: Asked, connection: Connection) -> int:
        return ask(connection)

    def apart(connection: Connection, between: Annotated[int, Depends(between)]) -> int:
        return ask(connection)

    async def coroutine(connection: Connection) -> int:
        return ask(connection)

    def body(item: Item, connection: Connection) -> int:
        return ask(connection)

    handlers: dict[str, Callable[..., Any]] = {"plain": plain, "async between": apart, "async def": coroutine}
    guards = [Depends(ask)] if shape == "guard" else []
    app.post("/", dependencies=guards)(handlers.get(shape, body))
    return app


SHAPES = ("plain", "behind the body", "async between", "async def", "guard")


@pytest.mark.gate
@pytest.mark.parametrize("shape", SHAPES)
def test_a_connection_of_one_thread(client_for: Any, backend: Any, shape: str) -> None:
    """In production the two threads may happen to be one under ASGI; under test they never are."""
    answer = client_for(shop(shape, database())).post("/", json={"name": "lamp"})
    always = shape in ("plain", "behind the body")
    if always or backend.name in ("asgi", "rsgi"):
        assert answer.status_code == (200 if always else 500)
    free = client_for(shop(shape, database(check_same_thread=False))).post("/", json={"name": "lamp"})
    assert (free.status_code, free.json()) == (200, 1)


def test_a_session_of_each_thread(client_for: Any) -> None:
    local = threading.local()

    def session() -> Iterator[list[str]]:
        local.rows = []
        yield local.rows
        local.rows = None

    def add(session: Annotated[list[str], Depends(session)], name: str) -> None:
        local.rows.append(name)

    app = App()

    @app.get("/", dependencies=[Depends(add)])
    def handler(session: Annotated[list[str], Depends(session)]) -> list[str]:
        return [*local.rows, str(session is local.rows)]

    client, found = client_for(app), []
    threads = [
        threading.Thread(target=lambda name=name: found.append(client.get(f"/?name={name}").json()))
        for name in "abcdefgh"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(found) == [[name, "True"] for name in "abcdefgh"]


# -- who is asked first ------------------------------------------------------------------------------------------------


def signed_in(connection: HTTPConnection) -> None:
    if connection.headers.get("authorization") != "key":
        raise HTTPError(401, headers={"www-authenticate": "Bearer"})


JSON = {"content-type": "application/json"}


def guarded() -> App:
    app = App(dependencies=[Depends(signed_in)], middleware=[CORS(["https://a.example"], methods=["POST"])])

    def create(number: int, item: Item, size: int = 1) -> str:
        return item.name

    app.post("/items/{number}", max_body_size=100)(create)

    @app.post("/file")
    def upload(file: UploadFile) -> int:
        return file.size

    return app


ORDER: list[tuple[str, str, dict[str, str], bytes, int]] = [
    ("POST", "/items/x", JSON, b"{}", 404),
    ("POST", "/items/1", JSON, b'{"name":3}', 401),
    ("POST", "/items/1", JSON, b"{", 401),
    ("POST", "/items/1", {"content-type": "text/csv"}, b"a", 401),
    ("POST", "/items/1", JSON, b"x" * 1000, 401),
    ("POST", "/file", {"content-type": "multipart/form-data; boundary=x"}, b"--nothing", 401),
    ("POST", "/items/1", JSON | {"authorization": "key"}, b'{"name":3}', 422),
    ("POST", "/items/1", JSON | {"authorization": "key"}, b"x" * 1000, 413),
    ("POST", "/items/1", JSON | {"authorization": "key"}, b'{"name":"a"}', 200),
    ("GET", "/items/1", {}, b"", 405),
    ("GET", "/nowhere", {}, b"", 404),
    ("OPTIONS", "/items/1", {}, b"", 204),
    (
        "OPTIONS",
        "/items/1",
        {"origin": "https://a.example", "access-control-request-method": "POST"},
        b"",
        204,
    ),
    ("GET", "/openapi.json", {}, b"", 200),
    ("GET", "/docs", {}, b"", 200),
]


def test_the_order_under_a_guard_of_the_app(client_for: Any) -> None:
    client = client_for(guarded())
    for method, path, headers, body, status in ORDER:
        answer = client.request(method, path, headers=headers, content=body)
        assert (method, path, body, answer.status_code) == (method, path, body, status)
        if status == 401:
            assert answer.headers["www-authenticate"] == "Bearer"
        if "origin" in headers:
            assert answer.headers["access-control-allow-origin"] == "https://a.example"


def test_websockets_under_a_guard_of_the_app(each_backend: Any) -> None:
    app = guarded()

    @app.websocket("/live")
    async def live(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send("hello")

    with each_backend(app) as client:
        assert refusal(client, "/live").status_code == 401
        with client.websocket("/live", headers={"authorization": "key"}) as ws:
            assert ws.receive() == "hello"


# -- several clients at once -------------------------------------------------------------------------------------------


@pytest.mark.gate
def test_clients_with_different_overrides_at_once(backend: Any) -> None:
    def user() -> str:
        return "nobody"

    def greeting(user: Annotated[str, Depends(user)], settings: Annotated[str, Depends(made_once, scope="app")]) -> str:
        return f"{user} {settings}"

    app = App()
    app.get("/")(lambda greeting=Depends(greeting): greeting)
    found: dict[str, set[str]] = {}
    begin = threading.Barrier(6)

    def run(name: str) -> None:
        overrides = {} if name == "nobody" else {user: lambda: name, made_once: lambda: f"of {name}"}
        with Client(app, backend.name, overrides=overrides) as client:
            begin.wait(20)
            found[name] = {client.get("/").text for _ in range(20)}

    names = ["nobody", *"abcde"]
    threads = [threading.Thread(target=run, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert found == {name: {f"{name} once" if name == "nobody" else f"{name} of {name}"} for name in names}


def made_once() -> str:
    return "once"


class Settings:
    size = 3


@pytest.mark.gate
def test_app_scoped_ones_are_made_anew_of_what_is_overridden(client_for: Any, coloured: Any) -> None:
    made: list[int] = []

    @coloured
    def pool(settings: Annotated[Settings, Depends(scope="app")]) -> list[int]:
        made.append(settings.size)
        return [settings.size]

    def first(pool: Annotated[list[int], Depends(pool, scope="app")]) -> int:
        return pool[0]

    class Small(Settings):
        size = 1

    app = App()
    app.get("/")(lambda first=Depends(first): first)
    assert client_for(app, overrides={Settings: Small}).get("/").json() == 1
    assert client_for(app).get("/").json() == 3
    assert made == [1, 3]


def test_a_name_that_several_take_is_told_once(client_for: Any) -> None:
    def page(number: Query[int]) -> int:
        return number

    def text(number: Query[str]) -> str:
        return number

    def day(number: Query[dt.date]) -> dt.date:
        return number

    app = App()

    @app.get("/")
    def show(
        one: Annotated[int, Depends(page)], two: Annotated[str, Depends(text)], three: Annotated[dt.date, Depends(day)]
    ) -> None: ...

    def told(path: str) -> list[str]:
        return [error["message"] for error in client_for(app).get(path).json()["errors"]]

    assert told("/") == ["is required"]
    assert told("/?number=x") == ["expected an integer", "expected an RFC 3339 date"]  # which are two
