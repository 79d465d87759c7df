"""No body that nests too deeply reaches a decoder, and those that may are safe on a small stack."""

import json
import subprocess
import sys
import time
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinge.codecs.collected import count_members
from hinge.codecs.depth import MAX_DEPTH, check_json_depth, json_members
from hinge.codecs.scan import check_msgpack_depth, msgpack_members
from hinge.errors import HTTPError

PADDING = b" " * 200  # past the length below which nothing is counted


def is_refused(check: Callable[[bytes, int], None], body: bytes, limit: int) -> bool:
    try:
        check(body, limit)
    except HTTPError as error:
        return error.status == 400
    return False


def json_is_refused(body: bytes, limit: int = MAX_DEPTH) -> bool:
    return is_refused(check_json_depth, body, limit)


def msgpack_is_refused(body: bytes, limit: int = MAX_DEPTH) -> bool:
    return is_refused(check_msgpack_depth, body, limit)


def depth_of(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    return 0


@pytest.mark.parametrize("pair", [("[", "]"), ('{"a":', "}"), (' [ "]" , ', "]"), ('[{"a":"\\"]}","b":', "}]")])
def test_json_limit_is_exact(pair: tuple[str, str]) -> None:
    opening, closing = (part.encode() for part in pair)
    levels = depth_of(json.loads(opening + b"1" + closing))
    most = MAX_DEPTH // levels
    assert not json_is_refused(opening * most + b"1" + closing * most + PADDING)
    assert json_is_refused(opening * (most + 1) + b"1" + closing * (most + 1) + PADDING)


@pytest.mark.parametrize(
    "text",
    [
        '"' + "[" * 500 + '"',
        '"\\\\",' * 3 + '"' + "[" * 500 + '"',
        '"\\"' + "[{" * 500 + '"',
        '{"' + "[" * 500 + '":1}',
        "[" + ",".join(["[{}]"] * 500) + "]",
        "[" + ",".join(['{"[[[":"]"}'] * 500) + "]",
    ],
)
def test_brackets_in_strings_and_siblings_do_not_nest(text: str) -> None:
    assert not json_is_refused(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        '["]",' * 200 + "1" + "]" * 200,
        '["\\"]",' * 200,
        '["\\\\",' * 200,
        '["]]]]","",' * 200,
        '[{"a]]]]]]":' * 200,
        "[" * 200,
        "[" * 200 + '"' + "]" * 500,
        "{" * 101,
    ],
)
def test_closing_brackets_in_strings_hide_nothing(text: str) -> None:
    assert json_is_refused(text.encode())


JSON_VALUES = st.recursive(
    st.integers() | st.text(alphabet='[]{}"\\a\n') | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='[]{}"\\a'), inner, max_size=3),
    max_leaves=30,
)


@given(JSON_VALUES, st.integers(1, 12), st.sampled_from([None, 1]))
def test_json_depth_agrees_with_the_value(value: object, limit: int, indent: int | None) -> None:
    deep = depth_of(value) > limit
    assert json_is_refused(json.dumps(value, indent=indent).encode(), limit) == deep


@given(st.text(alphabet='[]{}"\\,a', max_size=60).map(str.encode), st.integers(1, 5))
def test_malformed_json_is_never_deeper_than_allowed(body: bytes, limit: int) -> None:
    """Compare with a character loop that stops at the first bracket that does not match."""
    stack: list[int] = []
    deepest, quoted = 0, False
    pairs = {ord("]"): ord("["), ord("}"): ord("{")}
    at = 0
    while at < len(body):
        byte = body[at]
        if quoted:
            at += byte == ord("\\")
            quoted = byte != ord('"')
        elif byte == ord("\\"):
            break  # malformed outside a string
        elif byte == ord('"'):
            quoted = True
        elif byte in b"[{":
            stack.append(byte)
            deepest = max(deepest, len(stack))
        elif byte in b"]}" and (not stack or stack.pop() != pairs[byte]):
            break
        at += 1
    if deepest > limit:
        assert json_is_refused(body, limit)


@given(JSON_VALUES, st.integers(1, 12))
def test_msgpack_depth_agrees_with_the_value(value: object, limit: int) -> None:
    try:
        body = msgspec.msgpack.encode(value)
    except OverflowError:
        return
    assert msgpack_is_refused(body, limit) == (depth_of(value) > limit)


@given(JSON_VALUES, st.sampled_from([None, 1]))
def test_members_are_counted_as_they_are_decoded(value: object, indent: int | None) -> None:
    assert json_members(json.dumps(value, indent=indent).encode()) == count_members(value)
    try:
        body = msgspec.msgpack.encode(value)
    except OverflowError:
        return
    assert msgpack_members(body) == count_members(value)


HEADERS = {
    "fixarray": b"\x91",
    "array16": b"\xdc\x00\x01",
    "array32": b"\xdd\x00\x00\x00\x01",
    "fixmap": b"\x81\xa1x",
    "map16": b"\xde\x00\x01\xa1x",
    "map32": b"\xdf\x00\x00\x00\x01\xa1x",
    "second item": b"\x92\xc0",
    "claims more": b"\xdd\xff\xff\xff\xff",
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS.keys())
def test_msgpack_limit_is_exact(header: bytes) -> None:
    tail = b"\xc4\x65" + b"\x91" * 101  # binary data that looks like containers
    assert not msgpack_is_refused(header * MAX_DEPTH + tail)
    assert msgpack_is_refused(header * (MAX_DEPTH + 1) + tail)


SCALARS = [
    b"\x00",
    b"\xe0",
    b"\xc0",
    b"\xc2",
    b"\xc3",
    b"\xa3\x91\x91\x91",
    b"\xca" + b"\x91" * 4,
    b"\xcb" + b"\x91" * 8,
    *(bytes([0xCC + step]) + b"\x91" * (1 << step) for step in range(4)),
    *(bytes([0xD0 + step]) + b"\x91" * (1 << step) for step in range(4)),
    *(bytes([0xD4 + step]) + b"\x05" + b"\x91" * (1 << step) for step in range(5)),
    b"\xc4\x02\x91\x91",
    b"\xc5\x00\x02\x91\x91",
    b"\xc6\x00\x00\x00\x02\x91\x91",
    b"\xc7\x02\x05\x91\x91",
    b"\xc8\x00\x02\x05\x91\x91",
    b"\xc9\x00\x00\x00\x02\x05\x91\x91",
    b"\xd9\x02\x91\x91",
    b"\xda\x00\x02\x91\x91",
    b"\xdb\x00\x00\x00\x02\x91\x91",
]


@pytest.mark.parametrize("scalar", SCALARS, ids=lambda scalar: f"{scalar[0]:#x}")
def test_msgpack_scalars_are_stepped_over(scalar: bytes) -> None:
    body = b"\xdc\x00\xc9" + scalar * 200 + b"\x91\x01"
    assert not msgpack_is_refused(body, 2)
    assert msgpack_is_refused(body, 1)


@pytest.mark.parametrize("body", [b"\xc1" * 300, b"\x91" * 50 + b"\xdc" + b"\x91", b"\x91" * 99 + b"\xc6\x00\x00"])
def test_malformed_msgpack_is_left_to_the_decoder(body: bytes) -> None:
    assert not msgpack_is_refused(body, 60 if body[0] == 0x91 else 10) or body.count(b"\x91") > 60


@given(st.binary(max_size=300))
def test_msgpack_walker_survives_anything(body: bytes) -> None:
    msgpack_is_refused(body, 3)


@pytest.mark.parametrize(
    "body",
    [
        b'"' + b"[" * 2_000_000,
        b'["' + b'\\"' * 1_000_000 + b"[" * 200,
        b"\\" * 2_000_000 + b"[" * 200,
        b'""' * 1_000_000 + b"[" * 200,
        b'"[",' * 500_000 + b"[" * 200,
        b"[]" * 1_000_000,
        b"[" * 1_000_000 + b"]" * 1_000_000,
    ],
    ids=lambda body: repr(body[:6]),
)
def test_json_check_is_linear(body: bytes) -> None:
    started = time.process_time()
    json_is_refused(body)
    assert time.process_time() - started < 2  # quadratic would take hours


ON_A_SMALL_STACK = """
import dataclasses, sys, threading
from typing import Any
import msgspec
from hinge.codecs import body_decoder
from hinge.codecs.depth import MAX_DEPTH
from hinge.errors import HTTPError, RequestInvalid

class Node(msgspec.Struct):
    x: "Node | None" = None
class Row(msgspec.Struct, array_like=True):
    x: "Row | None" = None
class Leaf(msgspec.Struct, tag="leaf"):
    y: int = 0
class Tagged(msgspec.Struct, tag="node"):
    x: "Tagged | Leaf | int | None" = None
class Judged(msgspec.Struct):
    x: "Judged | None" = None
    def __post_init__(self):
        if self.x is None:
            raise ValueError("no end")
class Other(msgspec.Struct):
    y: int = 0
class Tree(msgspec.Struct):
    x: "dict[str, Tree] | list[Tree] | None" = None
@dataclasses.dataclass
class Data:
    x: "Data | None" = None

J, M = "application/json", "application/msgpack"
def objects(levels, head=b'{"x":', last=b"null"):
    return head * levels + last + b"}" * levels
def arrays(levels, last=b"null"):
    return b"[" * levels + last + b"]" * levels
def members(levels, last=b"\\xc0"):
    return b"\\x81\\xa1x" * levels + last
def cases(levels):
    tagged = b'{"type":"node","x":'
    for target in (Any, Node, Data, Judged, Other, dict, object, msgspec.Raw):
        yield target, objects(levels), J
        yield target, members(levels), M
        yield target, objects(levels, last=b'"bad"'), J
        yield target, members(levels, last=b"\\xa1y"), M
    for target in (Any, Row, list, tuple[Any, ...], int):
        yield target, arrays(levels), J
        yield target, arrays(levels, last=b'"bad"'), J
        yield target, b"\\x91" * levels + b"\\xc0", M
    yield Tagged, objects(levels, tagged), J
    yield Tagged, objects(levels, tagged, b'"bad"'), J
    yield Other, b'{"z":' + objects(levels - 1) + b"}", J
    yield Other, b"\\x81\\xa1z" + members(levels - 1), M
    yield Tree, (b'{"x":{"a":' * (levels // 2)) + b"null" + b"}}" * (levels // 2), J
    yield Tree, (b'{"x":[' * (levels // 2)) + b"7" + b"]}" * (levels // 2), J

def run():
    read = statuses = 0
    for target, body, kind in cases(MAX_DEPTH):
        try:
            body_decoder(target)(body, kind); read += 1
        except RequestInvalid as error:
            read += 1
    for levels in (MAX_DEPTH + 2, 100_000):
        for target, body, kind in cases(levels):
            try:
                body_decoder(target)(body, kind)
            except HTTPError as error:
                statuses += error.status != 400
            else:
                statuses += 1
    print(read, statuses, len(list(cases(1))))

threading.stack_size(int(sys.argv[1]) * 1024)
if sys.argv[2] == "raised":
    sys.setrecursionlimit(1_000_000)
thread = threading.Thread(target=run)
thread.start()
thread.join()
"""


@pytest.mark.parametrize("limit", ["default", "raised"])
@pytest.mark.parametrize("kibibytes", [64, 256])
def test_the_deepest_allowed_bodies_fit_a_small_stack(kibibytes: int, limit: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ON_A_SMALL_STACK, str(kibibytes), limit], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    read, wrong, count = map(int, done.stdout.split())
    assert (read, wrong) == (count, 0)
