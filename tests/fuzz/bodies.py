"""Bodies that are fuzzed: in each format, as one of several types, which the first byte chooses."""

import dataclasses
import datetime as dt
import decimal
import math
import uuid
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Literal

import msgspec

from hinge import HTTPError
from hinge.codecs import JSON, MSGPACK, TOML, YAML, Codec, body_decoder, encode_json
from hinge.codecs.collected import count_members
from hinge.validation.numbers import is_moderate


class Wrong(Exception):
    """What must not be; not an assert, which `python -O` would drop."""


def must(holds: object, what: object) -> None:
    if not holds:
        raise Wrong(what)


@dataclasses.dataclass
class Data:
    name: str
    price: decimal.Decimal = decimal.Decimal(1)
    below: "list[Data]" = dataclasses.field(default_factory=list)


class Tags(msgspec.Struct):
    ids: set[int] = set()
    by: dict[int, Any] = {}
    keys: set[uuid.UUID | None] = set()
    any: set[Any] = set()


class Row(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    a: float
    b: tuple[decimal.Decimal, ...] = ()


class Scalars(msgspec.Struct):
    a: dt.datetime | None = None
    b: dt.timedelta = dt.timedelta(0)
    c: dt.date | int = 0
    d: Literal["x", 1] = "x"
    e: float | str = 0.0
    f: bytes = b""


KINDS: tuple[Any, ...] = (Any, Data, Tags, list[Row], dict[str, float], set[tuple[int, Any]], dict[str, Any], Scalars)


def _walked(value: Any) -> None:
    if isinstance(value, float):
        must(math.isfinite(value), value)
    elif isinstance(value, decimal.Decimal):
        must(is_moderate(value), value)
    elif isinstance(value, dict):
        for key, one in value.items():
            _walked(key)
            _walked(one)
    elif isinstance(value, list | tuple | set | frozenset):
        for one in value:
            _walked(one)
    elif isinstance(value, Data):
        must([*vars(value)] == ["name", "price", "below"] or set(vars(value)) == {"name", "price", "below"}, value)
        _walked([*vars(value).values()])
    elif isinstance(value, msgspec.Struct):
        _walked([getattr(value, name) for name in value.__struct_fields__])


def _target(codec: Codec) -> Callable[[bytes], None]:
    readers = [body_decoder(kind, codecs=[codec]) for kind in KINDS]

    def read(data: bytes) -> None:
        choice, body = (data[0] if data else 0), data[1:]
        try:
            value = readers[choice % len(readers)](body, codec.media_type)
        except HTTPError as error:
            must(error.status in (400, 413, 422), error)
            must(error.detail and error.detail.isprintable(), error)
            return
        _walked(value)
        encode_json(value)
        if codec.members is not None and choice % len(readers) == 0:
            must(codec.members(body) >= count_members(value), value)

    return read


_CODECS = {"json_body": JSON, "msgpack_body": MSGPACK}
if find_spec("yaml") is not None and find_spec("tomli_w") is not None:
    _CODECS |= {"yaml_body": YAML, "toml_body": TOML}

BODIES: dict[str, Callable[[bytes], None]] = {name: _target(codec) for name, codec in _CODECS.items()}

_TAGS: dict[str, Any] = {"ids": [1, 2], "by": {"1": [None]}, "keys": [str(uuid.UUID(int=1))], "any": ["a", [1]]}
_PACKED = msgspec.msgpack.encode

BODY_SEEDS: dict[str, list[bytes]] = {
    "json_body": [
        b'\x01{"name":"x","price":"NaN","below":[{"name":"y"}]}',
        b"\x02" + msgspec.json.encode(_TAGS),
        b'\x03[[1.5,["1","1e99999"]]]',
        b'\x00{"a":[1e999,{}],"a":"\\u0041"}',
        b"\x05[[1,[]]]",
        b'\x07{"a":"2024-01-02T03:04:05Z","b":1e300,"c":"2024-01-02","d":1,"e":1.5,"f":"aGk="}',
    ],
    "msgpack_body": [
        b"\x01" + _PACKED({"name": "x", "price": "1e9", "below": [{"name": "y"}]}),
        b"\x02" + _PACKED(_TAGS | {"by": {1: [None], 2: 1.5}}),
        b"\x03" + _PACKED([[1.5, ["1", 2]]]),
        b"\x00\x82\xa1a\xcb\x7f\xf8\0\0\0\0\0\0\x01\xd6\xff\0\0\0\x01",
        b"\x00\x83\x01\xc0\xc0\x01\x91\x01\xd4\x05\x01",
        b"\x07" + _PACKED({"a": dt.datetime(2024, 1, 2, tzinfo=dt.UTC), "b": 1e300, "c": 1, "d": 1, "f": b"x"}),
        b"\x06\x81\xd9\x01a\xdc\x00\x10" + b"\xcc\x80" * 16,
    ],
    "yaml_body": [
        b"\x01name: x\nprice: .nan\nbelow:\n- {name: y}\n",
        b'\x02{ids: [1, 0x10], by: {1: ~}, keys: [], any: [1e5, "0o7"]}',
        b"\x00a: &b [*b]\n.inf: !!float 1e999\n",
    ],
    "toml_body": [
        b'\x01name = "x"\nprice = nan\n[[below]]\nname = "y"\n',
        b"\x02ids = [1, 0x10]\nany = [1e999, inf]\n[by]\n1 = []\n",
    ],
}
