"""Classes that msgspec does not know are read and sent like any other, wherever they stand, on every backend."""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from hinge import (
    App,
    Body,
    ConfigurationError,
    Cookie,
    CustomType,
    EventSourceResponse,
    Form,
    Header,
    JSONResponse,
    Query,
    UploadFile,
    WebSocket,
    WebSocketDisconnect,
)
from hinge.backend import Feature
from hinge.codecs import JSON, MSGPACK, TOML, YAML
from hinge.testing import Client

ClientFor = Callable[..., Client]


class Id:
    """As of a database's driver: eight hexadecimal digits."""

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError("no text")
        if len(text) != 8:
            raise ValueError("must have eight digits")
        self.number = int(text, 16)

    def __str__(self) -> str:
        return f"{self.number:08x}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Id) and other.number == self.number

    def __hash__(self) -> int:
        return hash(str(self))


class Box:
    """One that becomes an object, with another one in it."""

    def __init__(self, held: Id) -> None:
        self.held = held


class Public(msgspec.Struct):
    id: Id


class Row(Public):
    links: list[Id] = []
    by_name: dict[str, Id] = {}
    other: Id | None = None
    secret: str = "s"


SCHEMA = {"type": "string", "pattern": "^[0-9a-f]{8}$"}
GIVEN = "0000beef"


def types() -> list[CustomType]:
    return [
        CustomType(Id, encode=str, decode=Id, schema=SCHEMA),
        CustomType(Box, encode=lambda box: {"held": box.held}, decode=lambda value: Box(Id(value["held"]))),
    ]


def make_app(**options: Any) -> App:
    app = App(types=types(), **options)

    @app.post("/row")
    def row(row: Row) -> Row:
        assert all(isinstance(one, Id) for one in (row.id, *row.links, *row.by_name.values()))
        return row

    @app.post("/public")
    async def public(row: Row) -> Public:
        return row

    @app.post("/ids")
    def ids(ids: Body[list[Id]]) -> set[Id]:
        return set(ids)

    @app.post("/box")
    def box(box: Body[Box]) -> Box:
        return box

    @app.get("/path/{key}")
    def path(
        key: Id, q: Id | None = None, many: Query[list[Id]] = [], x_id: Header[Id | None] = None
    ) -> list[Id | None]:
        return [key, q, *many, x_id]

    @app.get("/cookie")
    def cookie(key: Cookie[Id]) -> Id:
        return key

    @app.get("/fields")
    def fields(row: Query[Public]) -> Id:
        return row.id

    @app.post("/form")
    def form(key: Form[Id], links: Form[list[Id]]) -> list[Id]:
        return [key, *links]

    @app.get("/lines")
    def lines() -> Iterator[Public]:
        yield Public(Id(GIVEN))

    @app.get("/response")
    def response() -> JSONResponse:
        return JSONResponse({"any": Id(GIVEN)})

    @app.get("/unannotated")
    def unannotated():
        return {"any": [Id(GIVEN)]}

    return app


BAD = {"in": "body", "message": "must have eight digits"}


def test_bodies_and_results(client_for: ClientFor) -> None:
    client = client_for(make_app())
    whole = {"id": GIVEN, "links": [GIVEN], "by_name": {"a": GIVEN}, "other": None, "secret": "s"}
    cases: list[tuple[str, Any, int, Any]] = [
        ("/row", whole, 200, whole),
        ("/public", whole, 200, {"id": GIVEN}),
        ("/ids", [GIVEN, GIVEN], 200, [GIVEN]),
        ("/box", {"held": GIVEN}, 200, {"held": GIVEN}),
        ("/row", {"id": "x"}, 422, [BAD | {"pointer": "/id"}]),
        ("/row", {"id": "notahexa"}, 422, [{"in": "body", "pointer": "/id", "message": "is invalid"}]),
        ("/row", {"id": 5, "secret": 5}, 422, [
            {"in": "body", "pointer": "/id", "message": "is invalid"},
            {"in": "body", "pointer": "/secret", "message": "expected a string, got an integer"},
        ]),
        ("/row", {"id": GIVEN, "links": [GIVEN, "y", "z"], "by_name": {"a": "x"}}, 422, [
            BAD | {"pointer": "/links/1"}, BAD | {"pointer": "/links/2"}, BAD | {"pointer": "/by_name/a"},
        ]),
        ("/ids", ["x"], 422, [BAD | {"pointer": "/0"}]),
        ("/row", {}, 422, [{"in": "body", "pointer": "/id", "message": "is required"}]),
    ]  # fmt: skip
    for path, body, status, expected in cases:
        answer = client.post(path, json=body)
        assert (answer.status_code, answer.json()["errors"] if status == 422 else answer.json()) == (status, expected)
    broken = client.post("/box", json={"other": 5})
    assert broken.status_code == 500, "a KeyError of the app's own code is no fault of the client's"


def test_parameters(client_for: ClientFor) -> None:
    client = client_for(make_app())
    many = {"q": GIVEN, "many": GIVEN}
    assert client.get(f"/path/{GIVEN}", params=many, headers={"x-id": GIVEN}).json() == [GIVEN] * 4
    assert client.get(f"/path/{GIVEN}").json() == [GIVEN, None, None]
    assert client.get("/path/x").status_code == 404
    assert client.get("/cookie", headers={"cookie": f"key={GIVEN}"}).json() == GIVEN
    assert client.get("/fields", params={"id": GIVEN}).json() == GIVEN
    assert client.post("/form", form=[("key", GIVEN), ("links", GIVEN), ("links", GIVEN)]).json() == [GIVEN] * 3
    refused = {
        client.get(f"/path/{GIVEN}", params={"q": "x"}): ("query", "q"),
        client.get(f"/path/{GIVEN}", params={"many": "x"}): ("query", "many.0"),
        client.get(f"/path/{GIVEN}", headers={"x-id": "x"}): ("header", "x-id"),
        client.get("/cookie", headers={"cookie": "key=x"}): ("cookie", "key"),
        client.get("/fields", params={"id": "x"}): ("query", "id"),
        client.post("/form", form={"key": "x", "links": GIVEN}): ("form", "key"),
    }
    for answer, (source, name) in refused.items():
        assert answer.status_code == 422
        assert answer.json()["errors"] == [{"in": source, "name": name, "message": "must have eight digits"}]


def test_what_is_sent_in_other_ways(client_for: ClientFor) -> None:
    client = client_for(make_app())
    for path, text in {
        "/lines": f'{{"id":"{GIVEN}"}}\n',
        "/response": f'{{"any":"{GIVEN}"}}',
        "/unannotated": f'{{"any":["{GIVEN}"]}}',
    }.items():
        assert client.get(path).text == text


@pytest.mark.needs(Feature.STREAMING, "it sends an event stream")
def test_events(client_for: ClientFor) -> None:
    app = App(types=types())

    @app.get("/events")
    async def events() -> EventSourceResponse:
        return EventSourceResponse([Public(Id(GIVEN))])

    assert client_for(app).get("/events").text == f'data: {{"id":"{GIVEN}"}}\n\n'


@pytest.mark.needs(Feature.WEBSOCKET, "the handler speaks it")
def test_messages(client_for: ClientFor) -> None:
    app = App(types=types())

    @app.websocket("/ws")
    async def live(ws: WebSocket, key: Id) -> None:
        await ws.accept()
        row = await ws.receive_json(Row)
        await ws.send_json([row.id, key])
        await ws.receive_json(Row)

    with client_for(app).websocket(f"/ws?key={GIVEN}") as ws:
        ws.send_json({"id": GIVEN})
        assert ws.receive_json() == [GIVEN, GIVEN]
        ws.send_json({"id": "x"})
        with pytest.raises(WebSocketDisconnect) as told:
            ws.receive_json()
        assert told.value.code == 1007


class Number(int):
    """One whose hash is foreseeable."""


COLLIDING = [sys.hash_info.modulus * index for index in range(2000)]


@pytest.mark.needs(Feature.WEBSOCKET, "the handler speaks it")
def test_values_of_one_hash_are_bounded_in_messages(client_for: ClientFor) -> None:
    app = App(types=[CustomType(Number, encode=int, decode=Number)])

    @app.websocket("/ws")
    async def live(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send_json(len(await ws.receive_json(set[Number])))

    client = client_for(app)
    with client.websocket("/ws") as ws:
        ws.send_json(list(range(2000)))
        assert ws.receive_json() == 2000
    with client.websocket("/ws") as ws:
        ws.send_json(COLLIDING)
        with pytest.raises(WebSocketDisconnect) as told:
            ws.receive_json()
        assert told.value.code == 1007


def test_values_of_one_hash_are_bounded(client_for: ClientFor) -> None:
    app = App(types=[CustomType(Number, encode=int, decode=Number)])

    @app.post("/")
    def handler(numbers: Body[set[Number]]) -> int:
        return len(numbers)

    client = client_for(app)
    assert client.post("/", json=list(range(2000))).json() == 2000
    refused = client.post("/", json=COLLIDING)
    assert (refused.status_code, "collide" in refused.text) == (422, True)


@pytest.mark.parametrize("codec", [JSON, MSGPACK, YAML, TOML], ids=lambda codec: codec.name)
def test_every_codec(client_for: ClientFor, codec: Any) -> None:
    client = client_for(make_app(codecs=[codec] if codec is JSON else [codec, JSON]))
    headers = {"content-type": codec.media_type}
    answer = client.post("/row", content=codec.encode({"id": GIVEN, "links": [GIVEN]}), headers=headers)
    read = codec.decoder(dict[str, Any])(answer.content)
    assert (answer.status_code, read["id"], read["links"]) == (200, GIVEN, [GIVEN])
    answer = client.post("/row", content=codec.encode({"id": "x"}), headers=headers)
    assert answer.json()["errors"] == [BAD | {"pointer": "/id"}]


def test_the_document(client_for: ClientFor) -> None:
    document = client_for(make_app()).get("/openapi.json").json()
    assert document["components"]["schemas"]["Public"]["properties"] == {"id": SCHEMA}
    parameters = document["paths"]["/path/{key}"]["get"]["parameters"]
    assert [one["schema"] for one in parameters][:3] == [
        SCHEMA,
        SCHEMA,
        {"type": "array", "items": SCHEMA, "default": []},
    ]
    assert document["paths"]["/box"]["post"]["requestBody"]["content"]["application/json"]["schema"] == {}


def test_what_decode_gives_is_of_the_class(client_for: ClientFor) -> None:
    app = App(types=[CustomType(Id, encode=str, decode=str)])

    @app.get("/{key}")
    def handler(key: Id) -> None:
        raise NotImplementedError

    assert client_for(app).get("/x").status_code == 500


def test_two_apps_that_encode_one_class_in_two_ways(client_for: ClientFor) -> None:
    class Other:
        pass

    def make(encode: Any) -> App:
        app = App(types=[CustomType(Other, encode=encode, decode=lambda value: Other())])
        app.get("/")(lambda: {"other": Other()})
        return app

    first, again = (make(lambda other: "a") for _ in range(2))
    assert client_for(first).get("/").json() == client_for(again).get("/").json() == {"other": "a"}
    second = make(lambda other: "b")
    assert client_for(second).get("/").status_code == 500
    del second


def unknown(annotation: Any, returns: Any = None, path: str = "/") -> Callable[[], Any]:
    def compile_it() -> None:
        app = App()

        def handler(value: Any) -> Any:
            raise NotImplementedError

        handler.__annotations__ = {"value": annotation, "return": returns}
        app.post(path)(handler)
        app.compile("wsgi")

    return compile_it


async def waits(value: Any) -> Any:
    raise NotImplementedError


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: App(types=[*types(), *types()]), r"Id is in it twice: .*:\d+ and .*:\d+\. Fix: keep one"),
        (lambda: App(types=CustomType), r"is no CustomType\. Fix: types=\["),
        (lambda: App(types=[Id]), r"is no CustomType"),
        (lambda: CustomType("Id", encode=str, decode=Id), r"'Id' is no class"),
        (lambda: CustomType(str, encode=str, decode=str), "known already"),
        (lambda: CustomType(Row, encode=str, decode=str), "known already"),
        (lambda: CustomType(object, encode=str, decode=str), "known already"),
        (lambda: CustomType(UploadFile, encode=str, decode=str), "known already"),
        (lambda: CustomType(Id, encode="str", decode=Id), r"encode='str' is no plain function of one value"),
        (lambda: CustomType(Id, encode=str, decode=waits), r"decode=.*waits .* is no plain function"),
        (lambda: CustomType(Id, encode=str, decode=lambda: None), r"decode=.*is no plain function of one value"),
        (lambda: CustomType(Id, encode=str, decode=Id, schema={"type": Id}), "is no JSON Schema"),
        (lambda: CustomType(Id, encode=str, decode=Id, schema="string"), "is no JSON Schema"),
    ],
)
def test_what_is_no_custom_type(wrong: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as told:
        wrong()
    assert "test_custom_types.py:" in str(told.value)


@pytest.mark.parametrize(
    ("annotation", "returns", "path"),
    [
        (Row, None, "/"),
        (Query[Id], None, "/"),
        (Id, None, "/"),
        (Id, None, "/{value}"),
        (int, Id, "/"),
        (int, Row, "/"),
    ],
)
def test_a_class_that_nobody_names_is_told_with_the_line(annotation: Any, returns: Any, path: str) -> None:
    with pytest.raises(ConfigurationError, match=r"App\(types=\[CustomType\(Id, encode=\.\.\., decode=\.\.\.\)\]\)"):
        unknown(annotation, returns, path)()
