"""Guards: what runs behind the head and before the body, whatever the colours of guard and handler."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any

import msgspec
import pytest

from hinge import App, BodyStream, Depends, Form, Header, HTTPConnection, HTTPError, RedirectResponse, Request
from hinge.backend.contract import Feature
from hinge.testing import Client

pytestmark = pytest.mark.clause("depends.guards")

KEY = {"authorization": "key"}


class Item(msgspec.Struct):
    name: str


@pytest.fixture
def notes() -> list[Any]:
    return []


@pytest.fixture(params=["def", "async def"])
def guard(request: pytest.FixtureRequest, notes: list[Any]) -> Callable[..., Any]:
    """A guard of either colour, which enters something before it judges."""

    def plain() -> Iterator[str]:
        notes.append("entered")
        try:
            yield "session"
        except BaseException as error:
            notes.append(type(error))
            raise
        notes.append("committed")

    async def coroutine() -> AsyncIterator[str]:
        await asyncio.sleep(0)
        for one in plain():
            yield one

    def check(session: Annotated[str, Depends(plain)], authorization: Header[str | None] = None) -> str:
        if authorization is None:
            raise HTTPError(401)
        return authorization

    async def acheck(session: Annotated[str, Depends(coroutine)], authorization: Header[str | None] = None) -> str:
        return check(session, authorization)

    return check if request.param == "def" else acheck


def shop(guard: Callable[..., Any], coloured: Any, notes: list[Any]) -> App:
    app = App(dependencies=[Depends(guard)])

    @coloured
    def create(item: Item, number: int, user: Annotated[str, Depends(guard)]) -> str:
        notes.append("handler")
        return f"{item.name} of {user}"

    app.post("/items/{number}")(create)
    return app


def test_it_is_called_before_the_body(client_for: Callable[..., Client], coloured: Any, guard: Any, notes: Any) -> None:
    client = client_for(shop(guard, coloured, notes))
    assert client.post("/items/3", content="[", headers={"content-type": "text/plain"}).status_code == 401
    assert notes[0] == "entered"
    assert "handler" not in notes
    notes.clear()
    assert client.post("/items/3", json={"name": "lamp"}, headers=KEY).text == "lamp of key"
    assert notes == ["entered", "handler", "committed"]


def test_a_body_that_is_refused_ends_what_it_entered(
    client_for: Callable[..., Client], coloured: Any, guard: Any, notes: Any
) -> None:
    client = client_for(shop(guard, coloured, notes))
    for status, body, kind in ((422, '{"name":3}', "json"), (400, "{", "json"), (415, "x", "x-unknown")):
        notes.clear()
        answer = client.post("/items/3", content=body, headers={"content-type": f"application/{kind}", **KEY})
        assert answer.status_code == status
        assert notes[0] == "entered"
        assert len(notes) == 2
        assert issubclass(notes[1], (HTTPError, GeneratorExit))


def test_the_head_is_judged_before_it(client_for: Callable[..., Client], coloured: Any, guard: Any, notes: Any) -> None:
    app = App(dependencies=[Depends(guard)])

    @coloured
    def create(shop_id: int, item: Item, number: int, size: int) -> str:
        raise AssertionError

    app.post("/{shop_id}")(create)
    client = client_for(app)
    assert client.post("/x?number=y", json={"name": 3}).status_code == 404
    answer = client.post("/3?number=y&size=z", json={"name": 3})
    assert [one["name"] for one in answer.json()["errors"]] == ["number", "size"]
    assert notes == []


@pytest.mark.needs(Feature.DUPLEX, "the body is still on its way")
def test_an_upload_is_not_taken(client_for: Callable[..., Client], coloured: Any, guard: Any, notes: Any) -> None:
    taken = []

    def pieces() -> Iterator[bytes]:
        for _ in range(1000):
            taken.append(None)
            yield b"x" * 65_536

    client = client_for(shop(guard, coloured, notes), timeout=10)
    assert client.post("/items/3", content=pieces(), headers={"content-type": "application/json"}).status_code == 401
    assert len(taken) < 10


@pytest.mark.parametrize("size", [60_000, 20_000_000])
def test_a_declared_upload(client_for: Callable[..., Client], coloured: Any, guard: Any, notes: Any, size: int) -> None:
    client = client_for(shop(guard, coloured, notes), timeout=10)
    assert client.post("/items/3", content=b"x" * size).status_code == 401


def test_a_request_without_a_body(client_for: Callable[..., Client], coloured: Any) -> None:
    seen: list[Any] = []

    def check(request: Request, connection: HTTPConnection) -> None:
        with pytest.raises(RuntimeError, match="was not read"):
            _ = request.body
        seen.append((request.method, connection.path))

    app = App(dependencies=[Depends(check)])

    @coloured
    def echo(request: Request) -> str:
        return request.body.decode()

    app.post("/echo")(echo)
    assert client_for(app).post("/echo", content="abc").text == "abc"
    assert seen == [("POST", "/echo")]


@pytest.mark.parametrize("layered", [False, True])
def test_forms_and_streams(
    client_for: Callable[..., Client], coloured: Any, guard: Any, notes: Any, layered: bool
) -> None:
    app = App(dependencies=[Depends(guard)])
    if layered:

        @app.middleware
        def around(request: Request) -> Any:
            response = yield
            response.headers["x-around"] = "yes"

    @coloured
    def form(name: Form[str]) -> str:
        return name

    async def stream(body: BodyStream) -> AsyncIterator[bytes]:
        async for piece in body:
            yield piece

    app.post("/form")(form)
    app.post("/stream")(stream)
    client = client_for(app)
    assert client.post("/form", form={"name": "ada"}).status_code == 401
    answer = client.post("/form", form={"name": "ada"}, headers=KEY)
    assert answer.text == "ada"
    assert answer.headers.get("x-around") == ("yes" if layered else None)
    notes.clear()
    assert client.post("/stream", content=b"abc", headers=KEY).content == b"abc"
    assert notes == ["entered", "committed"]


def test_middleware_that_needs_the_body_has_it_first(
    client_for: Callable[..., Client], coloured: Any, guard: Any
) -> None:
    app = shop(guard, coloured, [])
    seen = []

    def audit(request: Request) -> Any:
        seen.append(request.body)
        yield

    app.middleware(audit, needs_body=True)
    assert client_for(app).post("/items/3", json={"name": "lamp"}).status_code == 401
    assert seen == [b'{"name":"lamp"}']


def test_other_providers_run_behind_the_body(
    client_for: Callable[..., Client], coloured: Any, guard: Any, notes: Any
) -> None:
    app = App(dependencies=[Depends(guard)])

    def late() -> Iterator[str]:
        notes.append("late")
        yield "late"
        notes.append("late left")

    @coloured
    def create(item: Item, late: Annotated[str, Depends(late)]) -> str:
        return late

    app.post("/")(create)
    client = client_for(app)
    assert client.post("/", json={"name": 3}, headers=KEY).status_code == 422
    assert "late" not in notes
    notes.clear()
    assert client.post("/", json={"name": "lamp"}, headers=KEY).text == "late"
    assert notes == ["entered", "late", "late left", "committed"]


@pytest.mark.parametrize("returned", [False, RedirectResponse("/login", status=303), HTTPError(401)])
def test_one_that_answers_by_what_it_returns_lets_nobody_in(
    client_for: Callable[..., Client], coloured: Any, returned: Any, caplog: pytest.LogCaptureFixture
) -> None:
    @coloured
    def check(answer: bool = True):  # type: ignore[no-untyped-def]
        return returned if answer else "nothing that matters"

    app = App(dependencies=[Depends(check)])
    app.get("/")(lambda: "in")
    client = client_for(app)
    assert client.get("/").status_code == 500
    assert "nobody looks at what functions in dependencies= return" in caplog.text
    assert client.get("/?answer=false").text == "in"
