"""Bodies to values: which are read, and the answer to each of those that are not."""

import decimal
import json
import sys
import time
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinge.codecs import (
    CODECS,
    JSON,
    MAX_EXPLAINED,
    MSGPACK,
    Codec,
    body_decoder,
    encode_json,
    encode_msgpack,
    select_codec,
)
from hinge.codecs.careful import careful
from hinge.errors import ConfigurationError, HTTPError, RequestInvalid


class Item(msgspec.Struct):
    name: str
    price: float = 0.0


read_item = body_decoder(Item)
read_any = body_decoder(Any)


def refusal(call: Any, *args: Any) -> HTTPError:
    with pytest.raises(HTTPError) as caught:
        call(*args)
    return caught.value


def faults(call: Any, *args: Any) -> list[tuple[str, str]]:
    with pytest.raises(RequestInvalid) as caught:
        call(*args)
    assert caught.value.status == 422
    assert all(error.source == "body" for error in caught.value.errors)
    return [(error.where, error.message) for error in caught.value.errors]


def outcome(call: Any, *args: Any) -> tuple[int, tuple[Any, ...]]:
    try:
        call(*args)
    except RequestInvalid as error:
        return 422, error.errors
    except HTTPError as error:
        return error.status, ()
    return 200, ()


# --- media types


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        " application/json ",
        "application/json;charset=utf-8",
        'application/json ; charset="UTF-8"',
        "application/json; charset=utf8",
        "application/json; a=b; charset=utf-8;",
        'application/json; profile="a;charset=latin-1"',
        "application/problem+json",
        "application/vnd.api+json; version=1",
    ],
)
def test_json_media_types(content_type: str) -> None:
    assert read_item(b'{"name":"x"}', content_type) == Item("x")


@pytest.mark.parametrize(
    "content_type",
    ["application/msgpack", "application/x-msgpack", "application/vnd.msgpack", "application/vnd.acme+msgpack; v=1"],
)
def test_msgpack_media_types(content_type: str) -> None:
    assert read_item(msgspec.msgpack.encode({"name": "x"}), content_type) == Item("x")


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "text/json",
        "text/plain; application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=application/json",
        "application/jsonp",
        "application/json, text/plain",
        "application/json text/plain",
        "application/json/x",
        "application",
        "*/*",
        "image/svg+json",
        "application/json; charset=latin-1",
        "application/json; charset=utf-16",
        "application/json; charset=utf-8; charset=utf-16",
        'application/json; x="unterminated',
        "application/json; charset = utf-8",
        "application/jso\u0274",
    ],
)
def test_unsupported_media_types(content_type: str | None) -> None:
    error = refusal(read_item, b'{"name":"x"}', content_type)
    assert error.status == 415
    assert error.headers == {"accept": "application/json, application/msgpack"}
    assert "text" not in str(error.detail)


@pytest.mark.parametrize("coding", ["gzip", "br", "identity, gzip", "x-gzip", "GZIP"])
def test_content_encodings_are_refused(coding: str) -> None:
    error = refusal(read_item, b"{}", "application/json", coding)
    assert (error.status, error.headers) == (415, {"accept-encoding": "identity"})


@pytest.mark.parametrize("coding", [None, "", "identity", " Identity "])
def test_identity_is_no_encoding(coding: str | None) -> None:
    assert read_item(b'{"name":"x"}', "application/json", coding) == Item("x")


def test_content_type_costs_linear_time() -> None:
    started = time.process_time()
    for hostile in (
        "application/json" + ";" * 100_000,
        'application/json; a="' + "\\" * 100_001,
        "application/" + "a+" * 100_000,
    ):
        refusal(select_codec, hostile + "\0")
    assert time.process_time() - started < 2


def test_select_codec() -> None:
    assert select_codec("application/json") is JSON
    assert select_codec("application/x+msgpack", "identity") is MSGPACK
    assert refusal(select_codec, "application/json", None, (MSGPACK,)).headers == {"accept": "application/msgpack"}


def test_codecs_can_be_chosen_and_added() -> None:
    lines = Codec(
        name="Lines",
        media_type="application/x-lines",
        aliases=frozenset(),
        suffix="+lines",
        decoder=lambda target: lambda body: msgspec.convert(body.decode().split("\n"), target, strict=False),
        plain_decoder=lambda body: body.decode().split("\n"),
        check_depth=lambda body: None,
        encode=lambda value: "\n".join(map(str, value)).encode(),
    )
    read = body_decoder(list[int], codecs=(lines,))
    assert read(b"1\n2", "application/x-lines") == [1, 2]
    assert faults(read, b"1\nx", "application/x-lines") == [
        ("/0", "expected an integer, got a string"),
        ("/1", "expected an integer, got a string"),
    ]
    assert refusal(read, b"1\xff", "application/x-lines").status == 400
    assert refusal(read, b"[1]", "application/json").status == 415
    assert body_decoder(list[int], codecs=(*CODECS, lines))(b"[1]", "application/json") == [1]


# --- malformed


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b'{"name":"x"',
        b'{"name":"x"}}',
        b'{"name":"x"} {}',
        b"{'name':'x'}",
        b'{"name":"x",}',
        b"\xef\xbb\xbf{}",
        '{"name":"x"}'.encode("utf-16"),
        '{"name":"x"}'.encode("utf-16-le"),
        '{"name":"x"}'.encode("utf-32"),
        b'{"name":"\xff"}',
        b'{"name":"\xed\xa0\x80"}',
        b'{"name":"\\ud800"}',
        b'{"name":"\\ud800\\u0041"}',
        b'{"name":"\\udc00"}',
        b'{"name":"a\x00"}',
        b'{"name":"x","price":NaN}',
        b'{"name":"x","price":Infinity}',
        b'{"name":"x","price":-Infinity}',
        b'{"name":"x","price":01}',
        b'{"name":"x","price":.5}',
        b'{"name":"x","other":nul}',
        b'{"name":1,"price":NaN}',
        b'{"name":1',
        b'{"name":1,"other":"\xff"}',
    ],
)
def test_malformed_json(body: bytes) -> None:
    error = refusal(read_item, body, "application/json")
    assert (error.status, type(error)) == (400, HTTPError)
    assert "JSON" in str(error.detail)
    if body.strip():
        assert refusal(read_any, body, "application/json; charset=utf-8").status == 400


def test_malformed_details() -> None:
    assert refusal(read_item, b"", "application/json").detail == "The body is empty; JSON was expected."
    assert (
        refusal(read_item, b'{"name":}', "application/json").detail == "The body is not well-formed JSON (at byte 8)."
    )
    assert refusal(read_item, b'"\xff"', "application/json").status == 400
    assert (
        refusal(read_any, b"\xc1", "application/msgpack").detail
        == "The body is not well-formed MessagePack (at byte 0)."
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        b"\x01\x01",
        b"\xa2x",
        b"\xa1\xff",
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
    ],
)
def test_malformed_msgpack(body: bytes) -> None:
    assert refusal(read_any, body, "application/msgpack").status == 400


def test_too_deep() -> None:
    for decoder in (read_item, read_any, body_decoder(list[Any])):
        assert refusal(decoder, b"[" * 100_000, "application/json").status == 400
        assert refusal(decoder, b"[" * 101 + b"]" * 101, "application/x+json").status == 400
        assert refusal(decoder, b"\x91" * 100_000, "application/msgpack").status == 400
    assert read_any(b"[" * 100 + b"]" * 100, "application/json")


@pytest.mark.parametrize("arrays", [0, 1, 50, 97, 98, 99, 100, 101])
@pytest.mark.parametrize("closed", [True, False])
def test_the_short_cuts_to_the_depth_are_exact(arrays: int, closed: bool) -> None:
    objects = 101 - arrays
    body = ("[" * arrays + '{"":' * objects + "1" + ("}" * objects + "]" * arrays) * closed).encode()
    assert refusal(read_any, body, "application/json").detail == "The body nests more than 100 arrays and objects."
    if closed and arrays:
        assert read_any(body[1:-1], "application/json")


def test_equal_keys_the_last_counts_and_each_is_checked() -> None:
    assert read_item(b'{"name":"a","name":"b"}', "application/json") == Item("b")
    assert faults(read_item, b'{"name":1,"name":"b"}', "application/json") == [
        ("/name", "expected a string, got an integer")
    ]


def test_unknown_members_are_skipped_unread() -> None:
    assert read_item(b'{"name":"a","other":{"x":["\xff",1e999]}}', "application/json") == Item("a")


# --- invalid


def test_every_fault_is_listed() -> None:
    assert faults(read_item, b'{"price":"x"}', "application/json") == [
        ("/name", "is required"),
        ("/price", "expected a number, got a string"),
    ]
    assert faults(read_item, msgspec.msgpack.encode({"price": b"x"}), "application/msgpack") == [
        ("/name", "is required"),
        ("/price", "expected a number, got binary data"),
    ]
    assert faults(read_item, b"[]", "application/json") == [("", "expected an object, got an array")]


def test_the_problem_document() -> None:
    with pytest.raises(RequestInvalid) as caught:
        read_item(b"{}", "application/json")
    assert caught.value.problem()["errors"] == [{"in": "body", "pointer": "/name", "message": "is required"}]


def test_numbers_beyond_the_range() -> None:
    read = body_decoder(dict[str, float])
    assert faults(read, b'{"a":1e999}', "application/json") == [("", "is out of range")]
    assert ("/b", "expected a number, got a string") in faults(read, b'{"a":1e999,"b":"x"}', "application/json")
    assert faults(body_decoder(int), b"1" * 5000, "application/json") == [("", "is out of range")]
    assert faults(read_any, b"1" * 5000, "application/json") == [("", "is out of range")]
    assert faults(read_any, b"1e999", "application/json") == [("", "is out of range")]
    assert faults(read_any, b"\xc7\x0c\xff" + b"\xff" * 12, "application/msgpack")


LARGE = b" " * MAX_EXPLAINED
"""What makes any JSON body a large one."""


def test_a_large_body_gets_the_fault_that_its_decoder_stopped_at() -> None:
    assert faults(read_item, b'{"price":"x"}' + LARGE[13:], "application/json") == [
        ("/name", "is required"),
        ("/price", "expected a number, got a string"),
    ]
    large = [("/price", "expected a number, got a string")]
    assert faults(read_item, b'{"price":"x"}' + LARGE, "application/json") == large
    assert faults(body_decoder(list[list[int]]), b'[[1],["x"],["y"]]' + LARGE, "application/json") == [
        ("/1/0", "expected an integer, got a string")
    ]
    # msgspec 0.22 does not say which item it was.
    hashed = faults(body_decoder(set[Any]), b"[1,[],{}]" + LARGE, "application/json")
    assert hashed in ([("", "is invalid")], [("/1", "is invalid")])
    packed = msgspec.msgpack.encode({"price": b"x", "more": LARGE})
    assert faults(read_item, packed, "application/msgpack") == [("/price", "expected a number, got binary data")]


def test_what_is_said_of_a_large_body_that_is_refused_late() -> None:
    decimals, said = body_decoder(list[decimal.Decimal]), [("", "expected a decimal number")]
    assert faults(decimals, b'["NaN"]' + LARGE, "application/json") == said
    assert faults(decimals, b"[1e99999]", "application/json") == said
    assert faults(read_any, b"\x91\xd4\x05\x01", "application/msgpack") == [("", "has an extension value")]


def test_a_large_body_is_decoded_once() -> None:
    def refuse(body: bytes) -> Any:
        raise AssertionError("decoded again")

    codec = msgspec.structs.replace(JSON, plain_decoder=refuse)
    read = body_decoder(list[int], codecs=[codec])
    assert faults(read, b'["x"]' + LARGE, "application/json") == [("/0", "expected an integer, got a string")]
    with pytest.raises(AssertionError):
        read(b'["x"]', "application/json")


class Empty(msgspec.Struct):
    a: int = 0


@pytest.mark.parametrize(
    ("kind", "item"),
    [
        (list[list[int]], "[]"),
        (list[list[Any]], "[1,1,1]"),
        (list[Empty], "{}"),
        (list[Empty], '{"a":1}'),
        (list[int | str], "1"),
        (list[float], "1"),
        (list[Literal[1, 2]], "1"),
        (list[tuple[int, int]], "[1,1]"),
        (dict[int, int], None),
        (dict[int, Any], None),
        (list[dict[int, Any]], '{"1":[]}'),
    ],
)
def test_the_report_of_a_hostile_body_takes_a_bounded_number_of_steps(kind: Any, item: str | None) -> None:
    if item is None:
        body = "{" + "".join(f'"{key}":1,' for key in range(MAX_EXPLAINED // 10)) + '"x":"x"}'
    else:
        body = "[" + f"{item}," * ((MAX_EXPLAINED - 10) // (len(item) + 1)) + "null]"
    assert MAX_EXPLAINED * 0.8 < len(body) <= MAX_EXPLAINED
    read = body_decoder(kind)
    steps = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal steps
        steps += 1

    sys.setprofile(count)
    try:
        with pytest.raises(RequestInvalid):
            read(body.encode(), "application/json")
    finally:
        sys.setprofile(None)
    assert steps < 300_000


def test_unhashable_items_are_the_clients_fault() -> None:
    read = body_decoder(set[Any])
    assert faults(read, b"[1,[],{}]", "application/json") == [
        ("/1", "must not be an array or an object"),
        ("/2", "must not be an array or an object"),
    ]
    assert faults(body_decoder(set[tuple[Any, ...]]), b"[[{}]]", "application/json")


def test_the_programs_own_failures_pass_through() -> None:
    class Broken(msgspec.Struct):
        a: int

        def __post_init__(self) -> None:
            raise LookupError("a bug")

    with pytest.raises(LookupError):
        body_decoder(Broken)(b'{"a":1}', "application/json")


def test_types_that_no_body_can_be() -> None:
    with pytest.raises(ConfigurationError, match="bytes \\| str"):
        body_decoder(bytes | str)


def test_optional_and_raw_bodies() -> None:
    assert body_decoder(Item | None)(b"null", "application/json") is None
    assert bytes(body_decoder(msgspec.Raw)(b'{"a":1}', "application/json")) == b'{"a":1}'


# --- encoding


def test_encode() -> None:
    assert encode_json({"a": [1, Item("x")]}) == b'{"a":[1,{"name":"x","price":0.0}]}'
    assert encode_msgpack({"a": 1}) == b"\x81\xa1a\x01"
    for encode in (encode_json, encode_msgpack):
        with pytest.raises(TypeError):
            encode(object())


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON_VALUES)
def test_both_codecs_return_what_was_encoded(value: object) -> None:
    for codec in CODECS:
        assert read_any(codec.encode(value), codec.media_type) == value


@given(st.binary(max_size=60) | JSON_VALUES.map(lambda value: json.dumps(value).encode()), st.sampled_from(CODECS))
def test_every_body_is_read_or_answered(body: bytes, codec: Codec) -> None:
    for read in (read_any, read_item, body_decoder(dict[int, list[bool] | None])):
        status, errors = outcome(read, body, codec.media_type)
        assert status in {200, 400, 422}
        assert bool(errors) == (status == 422)


@pytest.mark.parametrize(
    "kind",
    [
        *(Any, int, Item, list[Item], dict[str, Item], set[str], frozenset[bytes], dict, dict[str, Any]),
        set[bool],
        str | None,
    ],
    ids=range(11),
)
def test_what_needs_no_care_is_left_to_its_decoder(kind: Any) -> None:
    decode = msgspec.json.Decoder(kind).decode
    assert careful(JSON, kind, decode) is decode


@pytest.mark.parametrize("kind", [int, list[list[str]], dict[str, dict[str, int]], tuple[int, bool]], ids=range(4))
def test_what_bounds_its_depth_is_not_walked_through(kind: Any) -> None:
    assert MSGPACK.decoder is not None
    assert MSGPACK.decoder(kind).__name__ == "decode"


@pytest.mark.parametrize("kind", [Any, Item, list[float], dict[int, int]], ids=range(4))
def test_what_does_not_is(kind: Any) -> None:
    assert MSGPACK.decoder is not None
    assert MSGPACK.decoder(kind).__name__ != "decode"
