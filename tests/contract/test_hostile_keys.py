"""What a client can make of sets and of the keys of maps: nothing costs more than the body is long."""

import struct
import time
import uuid
from collections.abc import Callable, Hashable
from decimal import Decimal
from importlib.util import find_spec
from typing import Annotated, Any

import msgspec
import pytest

from hinge import App, Body, Config, Form, Query
from hinge.codecs import JSON, MSGPACK, TOML, YAML

has_yaml = find_spec("yaml") is not None and find_spec("tomli_w") is not None
needs_yaml = pytest.mark.skipif(not has_yaml, reason="needs the extras yaml and toml")

PACK = msgspec.msgpack.encode
PRIME = 2**61 - 1
ARRAY_KEY = b"\x81\x92\x01\x02\x03"
EXT = b"\xd4\x05\x01"
LATE = b"\xc7\x0c\xff" + struct.pack(">Iq", 0, 10**12)


class Tags(msgspec.Struct):
    ids: set[int] = set()
    by: dict[int, Any] = {}
    more: "list[Tags]" = []


class Named(msgspec.Struct):
    ids: set[uuid.UUID]


class Key(msgspec.Struct, frozen=True):
    a: int
    b: int


class Left(msgspec.Struct, tag=True):
    ids: set[int]


class Right(msgspec.Struct, tag=True):
    ids: list[int]


def answered(each_backend: Any, kind: Any, body: bytes, media_type: str = "application/json") -> tuple[int, Any]:
    codecs = [JSON, MSGPACK, YAML, TOML] if has_yaml else [JSON, MSGPACK]
    app = App(codecs=codecs)

    async def take(body: Any) -> Any:
        return body if kind is Any else (sum(map(len, body)) if isinstance(body, list) else 1)

    take.__annotations__["body"] = Body[kind]
    app.post("/")(take)
    with each_backend(app) as client:
        headers = {"content-type": media_type, "accept": "application/json"}
        answer = client.post("/", content=body, headers=headers)
        return answer.status_code, answer.json()


KEYS: dict[str, tuple[Any, bytes, int]] = {
    "an array": (Any, ARRAY_KEY, 422),
    "an array, typed": (dict[int, int], ARRAY_KEY, 422),
    "an array, in a field that is free": (Tags, b"\x81\xa2by\x81\x01" + ARRAY_KEY, 422),
    "an array, in a field that nobody knows": (Tags, b"\x81\xa1x" + ARRAY_KEY, 422),
    "a map": (Any, b"\x81\x80\x01", 422),
    "a map, typed": (dict[str, int], b"\x81\x80\x01", 422),
    "nil": (Any, b"\x81\xc0\x01", 422),
    "a boolean": (Any, b"\x81\xc3\x01", 422),
    "deeper": (Any, b"\x92\x01\x81\xa1a\x81\xc2\x01", 422),
    "an extension value": (Any, b"\x81" + EXT + b"\x01", 422),
    "a text": (Any, b"\x81\xa1a\x01", 200),
    "binary data": (Any, b"\x81\xc4\x01a\x01", 200),
    "an integer": (Any, b"\x82\x01\x02\xff\x03", 200),
    "a float": (Any, b"\x81\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00\x01", 200),
    "a timestamp": (Any, b"\x81\xd6\xff\x00\x00\x00\x01\x01", 200),
    "an extension value for a value": (Any, b"\x81\x01" + EXT, 422),
    "an extension value alone": (list[Any], b"\x91" + EXT, 422),
    "a timestamp past the last year": (Any, LATE, 422),
    "a timestamp of no length": (Any, b"\xc7\x05\xff\0\0\0\0\0", 422),
    "one past the last year in a key": (Any, b"\x81" + LATE + b"\x01", 422),
    "an array in a set": (set[Any], b"\x91\x90", 422),
    "an array in a row in a set": (set[tuple[Any, ...]], b"\x91\x91\x90", 422),
    "no MessagePack": (Any, b"\x81\xc1\x01", 400),
    "cut off": (Any, b"\x82\x01\x01", 400),
}


@pytest.mark.parametrize("what", KEYS)
def test_keys_of_messagepack_are_scalars_that_json_can_say(each_backend: Any, what: str) -> None:
    kind, body, status = KEYS[what]
    got = answered(each_backend, kind, body, "application/msgpack")
    assert got[0] == status, got


@needs_yaml
@pytest.mark.parametrize("text", ["? \n", "~: 1", "true: 1", "a: {False: 1}"])
def test_keys_of_yaml_are_what_json_can_say(each_backend: Any, text: str) -> None:
    assert answered(each_backend, Any, text.encode(), "application/yaml")[0] == 422
    assert answered(each_backend, Any, b"{1: 1, 1.5: 1, a: 1, 'true': 1}", "application/yaml")[0] == 200


def _ints(count: int) -> list[int]:
    return [number * PRIME for number in range(1, count + 1)]


def _uuids(count: int) -> list[str]:
    return [str(uuid.UUID(int=number * PRIME)) for number in range(1, count + 1)]


def _decimals(count: int) -> list[str]:
    return [str(Decimal(number) * PRIME) for number in range(1, count + 1)]


def _int_keys(count: int) -> dict[str, int]:
    return {str(number): 1 for number in _ints(count)}


def _rows(count: int) -> list[list[int]]:
    return [[number * PRIME, number * PRIME] for number in range(1, count + 1)]


def _objects(count: int) -> list[dict[str, int]]:
    return [{"a": number * PRIME, "b": 1} for number in range(1, count + 1)]


def _tuple_keys(count: int) -> dict[tuple[int, ...], int]:
    return {(number,): 1 for number in range(count)}


def _twice(ids: bytes) -> bytes:
    return b'{"ids":' + ids + b',"ids":[]}'


def _path(count: int) -> list[int]:
    """Integers below 2**20 that fill the path on which a table of 2**20 looks on, and those that walk along it."""
    size, at, found = 1 << 20, 1, []
    for _ in range(count):
        found.append(at)
        at = (at * 5 + 1) % size
    return found


HOSTILE: dict[str, tuple[Any, Callable[[int], Any], Callable[[Any], bytes], str]] = {
    "set of int": (set[int], _ints, msgspec.json.encode, "application/json"),
    "set of int, dense": (set[int], _path, msgspec.json.encode, "application/json"),
    "frozenset of float": (frozenset[float], _path, msgspec.json.encode, "application/json"),
    "set of anything": (set[Any], _ints, msgspec.json.encode, "application/json"),
    "set in a list": (list[set[int]], lambda n: [_ints(n)], msgspec.json.encode, "application/json"),
    "many sets": (list[set[int]], lambda n: [_ints(200)] * (n // 200), msgspec.json.encode, "application/json"),
    "set of UUID": (set[uuid.UUID], _uuids, msgspec.json.encode, "application/json"),
    "set of Decimal": (set[Decimal], _decimals, msgspec.json.encode, "application/json"),
    "set of tuple": (set[tuple[int, int]], _rows, msgspec.json.encode, "application/json"),
    "set of Struct": (set[Key], _objects, msgspec.json.encode, "application/json"),
    "map of int": (dict[int, int], _int_keys, msgspec.json.encode, "application/json"),
    "field": (Tags, lambda n: {"ids": _ints(n)}, msgspec.json.encode, "application/json"),
    "field, deeper": (Tags, lambda n: {"more": [{"by": _int_keys(n)}]}, msgspec.json.encode, "application/json"),
    "tagged": (Left | Right, lambda n: {"type": "Left", "ids": _ints(n)}, msgspec.json.encode, "application/json"),
    "a set with a fault behind": (set[int], lambda n: [*_ints(n), "x"], msgspec.json.encode, "application/json"),
    "a field twice": (Tags, _ints, lambda ids: _twice(msgspec.json.encode(ids)), "application/json"),
    "a field twice, deeper": (
        list[Tags],
        _ints,
        lambda ids: b'[{},{"by":{"1":":\\""}},' + _twice(msgspec.json.encode(ids)) + b"]",
        "application/json",
    ),
    "a key twice": (
        dict[int, set[int]],
        _ints,
        lambda ids: b'{"1":' + msgspec.json.encode(ids) + b',"1":[]}',
        "application/json",
    ),
    "MessagePack, a field twice": (
        set[uuid.UUID] | Named,
        _uuids,
        lambda ids: b"\x82\xa3ids" + PACK(ids) + b"\xd9\x03ids\x90",
        "application/msgpack",
    ),
    "MessagePack, a key twice": (
        dict[int, set[uuid.UUID]],
        _uuids,
        lambda ids: b"\x82\x01" + PACK(ids) + b"\xcc\x01\x90",
        "application/msgpack",
    ),
    "MessagePack, set of UUID": (set[uuid.UUID], _uuids, PACK, "application/msgpack"),
    "MessagePack, set of binary UUID": (
        set[uuid.UUID],
        lambda n: [uuid.UUID(one).bytes for one in _uuids(n)],
        PACK,
        "application/msgpack",
    ),
    "MessagePack, keys of anything": (Any, lambda n: dict.fromkeys(_path(n), 1), PACK, "application/msgpack"),
    "MessagePack, keys of int": (dict[int, int], lambda n: dict.fromkeys(_path(n), 1), PACK, "application/msgpack"),
    "MessagePack, arrays for keys": (Any, _tuple_keys, PACK, "application/msgpack"),
    "MessagePack, arrays for keys of a typed route": (dict[str, int], _tuple_keys, PACK, "application/msgpack"),
    "MessagePack, set of anything": (set[Any], lambda n: [[one] for one in range(n)], PACK, "application/msgpack"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_keys_that_collide_cost_what_others_cost(each_backend: Any, what: str) -> None:
    kind, make, encode, media_type = HOSTILE[what]
    body = encode(make(25_000))
    before = time.thread_time(), time.process_time()
    status, document = answered(each_backend, kind, body, media_type)
    assert time.process_time() - before[1] < 2
    assert status == 422
    assert len(document["errors"]) == 1 or "typed" in what


@needs_yaml
@pytest.mark.parametrize(
    ("kind", "make"), [(Any, lambda n: n), (dict[int, int], lambda n: n), (set[int], None)], ids=["any", "map", "set"]
)
def test_keys_of_yaml_that_collide(each_backend: Any, kind: Any, make: Any) -> None:
    numbers = _ints(4_500)
    text = "\n".join(f"{one}: 1" if make else f"- {one}" for one in numbers)
    before = time.process_time()
    assert answered(each_backend, kind, text.encode(), "application/yaml")[0] == 422
    assert time.process_time() - before < 3


ORDINARY: dict[str, tuple[Any, Any]] = {
    "numbers": (set[int], list(range(9_000))),
    "multiples": (set[int], [number << 20 for number in range(9_000)]),
    "large numbers": (set[int], [10**18 + number * 7919 for number in range(9_000)]),
    "negative numbers": (set[int], list(range(-5_000, 4_000))),
    "repeated numbers": (set[int], [1, 2, 3] * 3_000),
    "floats": (set[float], [number / 8 for number in range(9_000)]),
    "UUIDs": (set[uuid.UUID], [str(uuid.uuid5(uuid.NAMESPACE_URL, str(number))) for number in range(5_000)]),
    "texts": (set[str], [f"tag-{number}" for number in range(50_000)]),
    "text keys": (dict[str, int], {f"key-{number}": number for number in range(50_000)}),
    "number keys": (dict[int, int], {str(number): number for number in range(9_000)}),
    "a set that says more": (Annotated[set[int], msgspec.Meta(max_length=40_000)], list(range(30_000))),
    "a map that says more": (
        Annotated[dict[int, int], msgspec.Meta(max_length=40_000)],
        {str(number): 1 for number in range(30_000)},
    ),
    "many small sets": (list[set[int]], [[number, number + 1] for number in range(20_000)]),
    "equal keys of several objects": (
        dict[str, dict[str, set[int] | str]],
        {f"object {number}": {"ids": [number], "text": '":', "more": "a:\\"} for number in range(999)},
    ),
    "a list beside a set": (Left | Right, {"type": "Right", "ids": list(range(30_000))}),
}


@pytest.mark.parametrize("what", ORDINARY)
@pytest.mark.parametrize("packed", [False, True], ids=["json", "msgpack"])
def test_ordinary_keys_in_ordinary_sizes_are_taken(each_backend: Any, what: str, packed: bool) -> None:
    kind, value = ORDINARY[what]
    if packed and isinstance(value, dict):
        value = {int(key) if key.isdigit() else key: one for key, one in value.items()}
    body = PACK(value) if packed else msgspec.json.encode(value)
    got = answered(each_backend, kind, body, "application/msgpack" if packed else "application/json")
    assert got[0] == 200, got


def test_texts_that_become_a_set_cost_no_more(each_backend: Any) -> None:
    app = App()

    @app.get("/")
    async def find(ids: Query[set[uuid.UUID]]) -> int:
        return len(ids)

    @app.post("/")
    async def save(ids: Form[set[uuid.UUID]]) -> int:
        return len(ids)

    def text(ids: list[Any]) -> str:
        return "&".join(f"ids={one}" for one in ids)

    with each_backend(app) as client:
        form = {"content-type": "application/x-www-form-urlencoded"}
        assert client.get("/?" + text(_uuids(900))).status_code == 422
        assert client.post("/", content=text(_uuids(900)).encode(), headers=form).status_code == 422
        ids = [uuid.uuid5(uuid.NAMESPACE_URL, str(number)) for number in range(900)]
        assert client.get("/?" + text(ids)).json() == 900
        assert client.post("/", content=text([*ids[:400], *ids[:400]]).encode(), headers=form).json() == 400


def test_many_texts_that_become_a_set(each_backend: Any) -> None:
    app = App(config=Config(max_query_fields=20_000))

    @app.get("/")
    async def find(ids: Query[set[int]]) -> int:
        return len(ids)

    with each_backend(app) as client:
        assert client.get("/?" + "&".join(f"ids={one}" for one in range(9_000))).json() == 9_000
        answer = client.get("/?" + "&".join(f"ids={one}" for one in range(10_001)))
        assert answer.json()["errors"] == [
            {"in": "query", "name": "ids", "message": "has too many values that may collide"}
        ]


def test_the_first_table_needs_no_collision_to_be_hostile() -> None:
    """What the tests above call hostile is, and what they call ordinary is not."""

    def seconds(keys: list[Hashable]) -> float:
        before = time.process_time()
        set(keys)
        return time.process_time() - before

    assert seconds([*_ints(8_000)]) > 20 * seconds([*range(8_000)])
