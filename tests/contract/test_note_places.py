"""Notes where a type is given that is no handler's: results of error handlers, and what `receive_json` is told."""

import dataclasses
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any, NamedTuple

import annotated_types as at
import msgspec
import pydantic
import pytest

from hinge import App, ConfigurationError, Request, WebSocket
from hinge.backend.contract import Backend
from hinge.conformance.websockets import closed, websockets
from hinge.testing import Client


class User(msgspec.Struct):
    name: str
    password: Annotated[str, pydantic.Field(exclude=True)]


class Row(NamedTuple):
    name: str
    password: Annotated[str, pydantic.Field(exclude=True)]


@dataclasses.dataclass
class ByDefault:
    password: str = pydantic.Field("x", exclude=True)


@dataclasses.dataclass
class Account:
    is_admin: bool = dataclasses.field(init=False, default=False)


RESULTS = [User, list[User], Iterator[User], AsyncIterator[dict[str, User]], Row, ByDefault | None]


@pytest.mark.parametrize("kind", RESULTS, ids=str)
def test_results_of_error_handlers(backend: Backend, kind: Any) -> None:
    def told(request: Request, error: KeyError) -> Any: ...

    async def told_async(request: Request, error: KeyError) -> Any: ...

    for function in (told, told_async):
        function.__annotations__["return"] = kind
        app, outer = App(), App()
        app.error(KeyError)(function)
        outer.mount("/inner", app)
        for one in (app, outer):
            with pytest.raises(
                ConfigurationError, match=rf"^error handler .*{function.__name__} \(.*:\d+\): .*\. Fix: "
            ):
                one.compile(backend.name)


def test_those_that_the_app_ignores_pass(backend: Backend) -> None:
    app = App(ignore_notes=[type(pydantic.Field())])

    @app.error(KeyError)
    def told(request: Request, error: KeyError) -> User:
        return User("ada", "told on purpose")

    @app.get("/x")
    def x() -> None:
        raise KeyError

    with Client(app, backend=backend.name) as client:
        assert client.get("/x").json()["password"] == "told on purpose"


@websockets
@pytest.mark.parametrize(
    "kind", [User, list[User], Row, ByDefault, Account, Annotated[str, pydantic.Field(exclude=True)]], ids=str
)
def test_what_receive_json_is_told(
    client_for: Callable[..., Client], kind: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app = App()

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        await ws.receive_json(kind)

    with client_for(app).websocket("/") as ws:
        ws.send_json({})
        assert closed(ws)[0] == 1011
    (record,) = caplog.records
    said = str(record.exc_info and record.exc_info[1])
    assert said.startswith("receive_json (tests/contract/test_note_places.py:")
    assert ". Fix: " in said


@websockets
def test_receive_json_obeys_and_ignores_as_its_app_says(client_for: Callable[..., Client]) -> None:
    app = App(ignore_notes=[type(pydantic.Field())])

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send((await ws.receive_json(User)).name)
        await ws.receive_json(list[Annotated[int, at.Ge(1)]])

    with client_for(app).websocket("/") as ws:
        ws.send_json({"name": "ada", "password": "x"})
        assert ws.receive() == "ada"
        ws.send_json([0])
        assert closed(ws)[0] == 1007
