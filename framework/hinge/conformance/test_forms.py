"""Forms of texts: parsed as they arrive, and arguments like others."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from hinge import App, Config, Form
from hinge.backend.contract import Backend, Feature
from hinge.conformance.layers import LAYERS
from hinge.testing import Client

pytestmark = pytest.mark.clause("body.form")

ClientFor = Callable[..., Client]


class Person(msgspec.Struct):
    name: str
    age: int = 7


@pytest.fixture(params=list(LAYERS))
def app(request: pytest.FixtureRequest, coloured: Callable[..., Any]) -> App:
    app = App(config=Config(max_form_text=1000))

    @app.post("/whole", middleware=LAYERS[request.param])
    @coloured
    def whole(person: Form[Person]) -> list[Any]:
        return [person.name, person.age]

    @app.post("/fields", middleware=LAYERS[request.param])
    @coloured
    def fields(name: Form[str], size: Form[int] = 1) -> list[Any]:
        return [name, size]

    return app


def test_texts_are_arguments(client_for: ClientFor, app: App) -> None:
    client = client_for(app)
    assert client.post("/whole", form={"name": "é", "age": 2}).json() == ["é", 2]
    assert client.post("/fields", form={"name": "x y"}).json() == ["x y", 1]
    errors = client.post("/whole", form={"age": "old"}).json()["errors"]
    assert sorted((error["in"], error["name"]) for error in errors) == [("form", "age"), ("form", "name")]
    assert client.post("/fields", json={"name": "x"}).status_code == 415


def test_a_form_is_parsed_while_it_arrives(backend: Backend, client_for: ClientFor, app: App) -> None:
    pulled: list[bytes] = []

    def pieces() -> Iterator[bytes]:
        for _ in range(100):
            pulled.append(b"1" * 500)
            yield pulled[-1]

    headers = {"content-type": "application/x-www-form-urlencoded"}
    response = client_for(app).post("/fields", content=pieces(), headers=headers)
    assert (response.status_code, response.json()["limit"]) == (413, 1000)
    assert len(pulled) < 10 or Feature.DUPLEX not in backend.features


@pytest.mark.clause("body.left")
def test_a_client_that_leaves_calls_no_handler(
    client_for: ClientFor, app: App, caplog: pytest.LogCaptureFixture
) -> None:
    def leaving() -> Iterator[bytes]:
        yield b"name=x"
        raise ConnectionError

    headers = {"content-type": "application/x-www-form-urlencoded", "content-length": "100"}
    with pytest.raises(ConnectionError):
        client_for(app).post("/fields", content=leaving(), headers=headers)
    assert caplog.text == ""
