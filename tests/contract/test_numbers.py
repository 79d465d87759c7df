"""One rule for numbers, wherever they come from: finite, and of a size that nobody has to fear."""

import decimal
import json
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from hinge import App, Body, Cookie, Form, Header, Query, Request
from hinge.codecs import JSON, MSGPACK, TOML, YAML

has_formats = find_spec("yaml") is not None and find_spec("tomli_w") is not None
PACK = msgspec.msgpack.encode
D = decimal.Decimal


class Offer(msgspec.Struct):
    price: D
    others: list[D] = []
    old: D | None = None
    by: dict[str, D] = {}


class Wanted(msgspec.Struct):
    price: D


class Priced(msgspec.Struct):
    price: float


ENDLESS = ["NaN", "nan", "sNaN", "-NaN12", "Infinity", "-inf", "inf"]
LARGE = ["1e999999999", "1E+99999", "-1e-99999", "1e4301", "1e-4301", "9" * 4301, "0." + "1" * 4301]
TAKEN = ["0", "-1.50", "1e4300", "1E-4300", "9" * 4300, "123456789.123456789", "0e0"]


def shop() -> App:
    app = App(codecs=[JSON, MSGPACK, YAML, TOML]) if has_formats else App(codecs=[JSON, MSGPACK])

    @app.post("/body")
    async def body(offer: Offer) -> str:
        return str(offer.price)

    @app.post("/set")
    async def several(prices: Body[set[D]]) -> int:
        return len(prices)

    @app.post("/float")
    async def priced(item: Priced) -> float:
        return item.price

    @app.post("/any")
    async def anything(item: Body[Any]) -> Any:
        return item

    @app.post("/request")
    async def own(request: Request) -> Any:
        return request.json()

    @app.post("/form")
    def form(price: Form[D]) -> str:
        return str(price)

    @app.get("/query")
    def query(price: Query[D]) -> str:
        return str(price)

    @app.get("/queries")
    def queries(price: Query[list[D]]) -> str:
        return str(price[0])

    @app.get("/record")
    def record(offer: Query[Wanted]) -> str:
        return str(offer.price)

    @app.get("/header")
    def header(price: Header[D]) -> str:
        return str(price)

    @app.get("/cookie")
    def cookie(price: Cookie[D]) -> str:
        return str(price)

    @app.get("/path/{price}")
    def path(price: D) -> str:
        return str(price)

    return app


def _yaml(text: str) -> bytes:
    return f"price: {json.dumps(text)}\n".encode()


def _post(path: str, media_type: str, make: Callable[[str], bytes]) -> Callable[[Any, str], Any]:
    return lambda client, text: client.post(path, content=make(text), headers={"content-type": media_type})


JSON_BODY = "application/json"
PLACES: dict[str, Callable[[Any, str], Any]] = {
    "JSON": _post("/body", JSON_BODY, lambda text: msgspec.json.encode({"price": text})),
    "JSON, in a list": _post("/body", JSON_BODY, lambda text: msgspec.json.encode({"price": "1", "others": [text]})),
    "JSON, in a union": _post("/body", JSON_BODY, lambda text: msgspec.json.encode({"price": "1", "old": text})),
    "JSON, in a map": _post("/body", JSON_BODY, lambda text: msgspec.json.encode({"price": "1", "by": {"a": text}})),
    "JSON, in a set": _post("/set", JSON_BODY, lambda text: msgspec.json.encode([text])),
    "MessagePack": _post("/body", "application/msgpack", lambda text: PACK({"price": text})),
    "YAML": _post("/body", "application/yaml", _yaml),
    "TOML": _post("/body", "application/toml", lambda text: f"price = {json.dumps(text)}\n".encode()),
    "form": _post("/form", "application/x-www-form-urlencoded", lambda text: f"price={quote(text)}".encode()),
    "query": lambda client, text: client.get(f"/query?price={quote(text)}"),
    "list of a query": lambda client, text: client.get(f"/queries?price={quote(text)}"),
    "record of a query": lambda client, text: client.get(f"/record?price={quote(text)}"),
    "header": lambda client, text: client.get("/header", headers={"price": text}),
    "cookie": lambda client, text: client.get("/cookie", headers={"cookie": f"price={text}"}),
    "path": lambda client, text: client.get(f"/path/{quote(text)}"),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_decimal_is_finite_and_of_a_bounded_size(each_backend: Any, place: str) -> None:
    if place in {"YAML", "TOML"} and not has_formats:
        pytest.skip("needs the extras yaml and toml")
    refused = 404 if place == "path" else 422
    with each_backend(shop()) as client:
        for text in ENDLESS + LARGE:
            answer = PLACES[place](client, text)
            assert answer.status_code == refused, text[:20]
            if place in {"JSON", "MessagePack", "YAML", "TOML"}:
                assert answer.json()["errors"] == [
                    {"in": "body", "pointer": "/price", "message": "expected a decimal number"}
                ], text[:20]
        for text in TAKEN:
            assert PLACES[place](client, text).status_code == 200, text[:20]


@pytest.mark.parametrize("text", ["1e999999999", "1e4301", "-1e-99999"])
def test_a_json_number_that_becomes_a_decimal(each_backend: Any, text: str) -> None:
    with each_backend(shop()) as client:
        sent = {"content": f'{{"price":{text}}}'.encode(), "headers": {"content-type": JSON_BODY}}
        assert client.post("/body", **sent).status_code == 422
        sent["content"] = b'{"price":1e400,"old":1.5}'
        assert client.post("/body", **sent).text == "1E+400"


FLOATS: dict[str, tuple[str, str, bytes]] = {
    "JSON": ("/float", JSON_BODY, b'{"price":1e999}'),
    "JSON, anything": ("/any", JSON_BODY, b'{"price":1e999}'),
    "JSON, read by the handler": ("/request", JSON_BODY, b'{"price":1e999}'),
    "JSON, digits read by the handler": ("/request", JSON_BODY, b"1" * 5000),
    "JSON, digits": ("/any", JSON_BODY, b"1" * 5000),
    **{
        f"MessagePack, {name}{kind}": (path, "application/msgpack", b"\x81\xa5price" + value)
        for name, value in {
            "nan": PACK(float("nan")),
            "inf": PACK(float("inf")),
            "-inf": PACK(float("-inf")),
            "nan of four bytes": b"\xca\x7f\xc0\x00\x00",
            "inf of four bytes": b"\xca\xff\x80\x00\x00",
        }.items()
        for kind, path in {"": "/float", ", anything": "/any", ", a decimal": "/body"}.items()
    },
    "MessagePack, far behind": (
        "/any",
        "application/msgpack",
        PACK([*([1] * 40), {"a" * 20: 1.5, "b": [2.5] * 40}, float("nan")]),
    ),
    "MessagePack, a key": ("/any", "application/msgpack", PACK({float("inf"): 1})),
    **{
        f"{codec}, {text}{kind}": (path, f"application/{codec.lower()}", f"price{mark}{text}\n".encode())
        for codec, mark, texts in (
            ("YAML", ": ", (".nan", ".inf", "-.INF", "1e999", "-1e999", "!!float 1e999")),
            ("TOML", " = ", ("nan", "inf", "-inf", "+nan", "1e999")),
        )
        for text in texts
        for kind, path in {"": "/float", ", anything": "/any", ", a decimal": "/body"}.items()
    },
    "YAML, a key": ("/any", "application/yaml", b".nan: 1\n"),
}


@pytest.mark.parametrize("what", FLOATS)
def test_a_float_is_finite(each_backend: Any, what: str) -> None:
    path, media_type, body = FLOATS[what]
    if media_type.endswith(("yaml", "toml")) and not has_formats:
        pytest.skip("needs the extras yaml and toml")
    with each_backend(shop()) as client:
        answer = client.post(path, content=body, headers={"content-type": media_type})
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"], answer.text


@pytest.mark.parametrize(
    "value",
    [
        {"a": b"\xcb\x7f\xf0\x00", "b": 1.5},
        ["\xcb\x7f\xf8", -1.5, {"x": [0.5] * 20}],
        [b"\xca\xff\x80\x00\x00"] * 20,
        [1.7976931348623157e308, 5e-324],
    ],
    ids=range(4),
)
def test_what_looks_like_one_in_other_data_is_none(each_backend: Any, value: Any) -> None:
    with each_backend(shop()) as client:
        answer = client.post("/any", content=PACK(value), headers={"content-type": "application/msgpack"})
        assert answer.status_code == 200


def test_a_default_of_the_program_is_its_own_business(each_backend: Any) -> None:
    class Limit(msgspec.Struct):
        most: D = D("Infinity")

    app = App()

    @app.post("/")
    async def limit(limit: Limit) -> bool:
        return limit.most.is_finite()

    with each_backend(app) as client:
        assert client.post("/", json={}).json() is False
        assert client.post("/", json={"most": "1"}).json() is True
        assert client.post("/", json={"most": "Infinity"}).status_code == 422
