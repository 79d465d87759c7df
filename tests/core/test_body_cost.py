"""What the worst bodies of each kind cost: bounded, and four times as much for four times the bytes."""

import contextlib
import decimal
import gc
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import msgspec
import pytest

from hinge.codecs import CODECS, TOML, YAML, body_decoder
from hinge.errors import HTTPError

PACK, JSON_TYPE, PACKED, YAML_TYPE, TOML_TYPE = (
    msgspec.msgpack.encode,
    "application/json",
    "application/msgpack",
    "application/yaml",
    "application/toml",
)
SLOW = {YAML_TYPE, TOML_TYPE}
LONG = {f"MessagePack, {what}" for what in ("empty arrays", "arrays", "maps", "what nobody knows", "faults")}
"""What takes the longest, and is the gate's."""


class Item(msgspec.Struct):
    name: str
    price: decimal.Decimal = decimal.Decimal(1)


class Empty(msgspec.Struct):
    a: int = 0


def packed(item: bytes, size: int) -> bytes:
    count = size // len(item)
    return b"\xdd" + count.to_bytes(4, "big") + item * count


def array(item: bytes, size: int) -> bytes:
    return b"[" + (item + b",") * (size // (len(item) + 1)) + item + b"]"


WORST: dict[str, tuple[Any, str, Callable[[int], bytes]]] = {
    "empty arrays": (Any, JSON_TYPE, lambda size: array(b"[]", size)),
    "open arrays": (Any, JSON_TYPE, lambda size: b"[" * size),
    "brackets in texts": (Any, JSON_TYPE, lambda size: array(b'["[",{"a":[1]}]', size)),
    "backslashes": (Any, JSON_TYPE, lambda size: b'["' + b'\\"' * (size // 2) + b'"' + b"[" * 200),
    "faults": (list[Item], JSON_TYPE, lambda size: array(b"{}", size)),
    "a late fault": (list[int], JSON_TYPE, lambda size: array(b"1", size)[:-1] + b',"x"]'),
    "Decimals": (list[decimal.Decimal], JSON_TYPE, lambda size: array(b"1", size)),
    "a long Decimal": (decimal.Decimal, JSON_TYPE, lambda size: b'"' + b"1" * size + b'"'),
    "small sets": (list[set[int]], JSON_TYPE, lambda size: array(b"[1]", size)),
    "small maps": (list[dict[int, Any]], JSON_TYPE, lambda size: array(b'{"1":1}', size)),
    "sets of 32": (list[set[int]], JSON_TYPE, lambda size: array(b"[" + b"2305843009213693951," * 31 + b"1]", size)),
    "MessagePack, integers": (Any, PACKED, lambda size: packed(b"\x01", size)),
    "MessagePack, integers of two sizes": (Any, PACKED, lambda size: packed(b"\x92\x01\xcc\x80", size)),
    "MessagePack, empty arrays": (Any, PACKED, lambda size: packed(b"\x90", size)),
    "MessagePack, arrays": (Any, PACKED, lambda size: packed(b"\x91\x01", size)),
    "MessagePack, maps": (Any, PACKED, lambda size: packed(b"\x81\x01\x01", size)),
    "MessagePack, empty texts": (Any, PACKED, lambda size: packed(b"\xd9\x00", size)),
    "MessagePack, what nobody knows": (Empty, PACKED, lambda size: b"\x81\xa1x" + packed(b"\x91\x01", size)),
    "MessagePack, typed arrays": (list[list[int]], PACKED, lambda size: packed(b"\x91\x01", size)),
    "MessagePack, a late NaN": (list[float], PACKED, lambda size: packed(PACK(1.5), size)[:-9] + PACK(float("nan"))),
    "MessagePack, NaN in texts": (list[str], PACKED, lambda size: packed(PACK("\u007f" * 8), size)),
    "MessagePack, open arrays": (Any, PACKED, lambda size: b"\x91" * size),
    "MessagePack, faults": (list[Item], PACKED, lambda size: packed(b"\x80", size)),
    "YAML, list": (Any, YAML_TYPE, lambda size: b"- 1\n" * (size // 4)),
    "YAML, empty lists": (Any, YAML_TYPE, lambda size: array(b"[]", size - 4)),
    "YAML, map": (Any, YAML_TYPE, lambda size: b"".join(b"%d: 1\n" % one for one in range(size // 9))),
    "TOML, array": (Any, TOML_TYPE, lambda size: b"a = " + array(b"1", size - 8)),
    "TOML, tables": (Any, TOML_TYPE, lambda size: b"".join(b"[a%d]\n" % one for one in range(size // 9))),
}


def seconds(read: Callable[..., Any], body: bytes, media_type: str) -> float:
    best = float("inf")
    gc.disable()  # what the collector has to do depends on all that the process holds
    try:
        for _ in range(2):
            before = time.thread_time()
            with contextlib.suppress(HTTPError):
                read(body, media_type)
            best = min(best, time.thread_time() - before)
    finally:
        gc.enable()
    return best


@pytest.mark.parametrize("what", [pytest.param(what, marks=pytest.mark.gate if what in LONG else ()) for what in WORST])
def test_the_worst_bodies_cost_linear_time(what: str) -> None:
    kind, media_type, make = WORST[what]
    if media_type in SLOW and (find_spec("yaml") is None or find_spec("tomli_w") is None):
        pytest.skip("needs the extras yaml and toml")
    read = body_decoder(kind, codecs=[*CODECS, YAML, TOML])
    size = 25_000 if media_type in SLOW else 100_000
    once, four_times = (seconds(read, make(many), media_type) for many in (size, 4 * size))
    assert once < 1
    assert four_times < 10 * once + 0.05
