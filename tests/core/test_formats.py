"""YAML and TOML: what they read is bounded, in depth and in time, and what they write is read back."""

import datetime as dt
import enum
import time
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hinge.codecs import TOML, YAML, body_decoder
from hinge.codecs.toml import load as load_toml
from hinge.codecs.yaml import load as load_yaml
from hinge.errors import HTTPError

yaml = pytest.importorskip("yaml")


class Kind(enum.Enum):
    A = "a"


class Record(msgspec.Struct, rename="camel"):
    when: dt.datetime
    kind_of: Kind
    data: bytes = b""
    sizes: dict[int, float] = {}
    none: int | None = None


RECORD = Record(dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=dt.UTC), Kind.A, b"\xff", {1: 1.5})


def test_yaml_is_read_back() -> None:
    shared = ["x"]
    written = YAML.encode(RECORD)
    assert body_decoder(Record, codecs=[YAML])(written, "application/yaml") == RECORD
    assert load_yaml(YAML.encode([shared, shared])) == [["x"], ["x"]], "without an alias"


def test_toml_is_read_back() -> None:
    pytest.importorskip("tomli_w")
    written = TOML.encode(RECORD)
    assert b"none" not in written
    assert body_decoder(Record, codecs=[TOML])(written, "application/toml") == RECORD
    for value in ([1], 1, {"a": [None]}):
        with pytest.raises(ValueError, match="TOML"):
            TOML.encode(value)


TEXTS = st.text(max_size=12) | st.text("0123456789eExo.+-_:infaINFAN~", max_size=6)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=10,
)


@given(JSON_VALUES)
@example({"0E0": "1e5"})
@example(["0o7", "0x1F", ".inf", "-.NAN", ".nan", "1.", "+12"])
def test_what_yaml_writes_is_what_json_says(value: Any) -> None:
    # Characters that YAML cannot hold are refused by its writer, or escaped.
    written = YAML.encode(value)
    assert load_yaml(written) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: yes\nb: No\nc: on\nd: 12:30:45\ne: 2024-01-01\nf: 0777\ng: 1_000", {
            "a": "yes", "b": "No", "c": "on", "d": "12:30:45", "e": "2024-01-01", "f": 777, "g": "1_000",
        }),
        ("[~, null, Null, '', , true, FALSE, tRUE]", None),
        ("- ~\n- null\n- ''\n-\n- true\n- FALSE\n- tRUE", [None, None, "", None, True, False, "tRUE"]),
        ("[0o17, 0x1F, -0, +12, 1., .5, -1e3, 0b1, -, +, .]", [
            15, 31, 0, 12, 1.0, 0.5, -1000.0, "0b1", "-", "+", ".",
        ]),
        ("!!str 1", "1"),
        ("! 1", "1"),
        ("!!int '1'", 1),
        ("!!float 1", 1.0),
        ("!!map {a: !!seq [!!null ~, !!bool true]}", {"a": [None, True]}),
        ("!!int x", None),
        ("!!bool 1", None),
        ("!!binary aGk=", None),
        ("!!set {a}", None),
        ("!!timestamp 2024-01-01", None),
        ("!local x", None),
        ("a: 1\na: 2", {"a": 2}),
        ("2: a\n1.5: b\ntrue x: c", {2: "a", 1.5: "b", "true x": "c"}),
        ("<<: {a: 1}\nb: 2", {"<<": {"a": 1}, "b": 2}),
        ("--- a\n...\n", "a"),
        ("# nothing", None),
        ("a\n--- b", None),
        ("{a: b", None),
        ("&a x", "x"),
        ("1" * 5000, None),
        ("%YAML 1.2\n--- 1", 1),
    ],
)  # fmt: skip
def test_the_core_schema(text: str, value: Any) -> None:
    if value is None:
        with pytest.raises((ValueError, HTTPError)) as raised:
            load_yaml(text.encode())
        assert not isinstance(raised.value, HTTPError) or raised.value.status == 400
    else:
        read = load_yaml(text.encode())
        assert (read, repr(read)) == (value, repr(value))


def test_only_utf_8_is_yaml() -> None:
    for coding in ("utf-16", "utf-16-le", "latin-1"):
        with pytest.raises(ValueError, match=r"."):
            load_yaml("a: \u00e9".encode(coding))


BOMB = b"a: &a [x, x]\n" + b"".join(b"%c: &%c [*%c, *%c]\n" % (n, n, n - 1, n - 1) for n in range(98, 110))


@pytest.mark.parametrize(
    "body",
    [
        BOMB,
        b"&a [*a]",
        b"[" * 120_000,
        b"{a: " * 30_000,
        b"- " * 60_000,
        b"? " * 60_000,
        b"[a, " * 30_000,
        b"!<" + b"a" * 120_000,
        b"'" * 120_001,
        b"1:" * 60_000 + b"1",
        b"0x" + b"f" * 120_000,
        b"- 0x" + b"f" * 120_000,
        b'"' + b"\\" * 120_000,
    ],
)
def test_hostile_yaml_ends_soon(body: bytes) -> None:
    began = time.process_time()
    read = body_decoder(list[int], codecs=[YAML])
    with pytest.raises(HTTPError) as raised:
        read(body, "application/yaml")
    assert raised.value.status in {400, 422}
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    "body",
    [
        "a." * 50_000 + "a = 1",
        "[" + "a." * 50_000 + "a]",
        "[" + "'a' . \"b\" . " * 10_000 + "a]",
        "a = " + "[" * 120_000,
        "a = " + "{a = " * 20_000,
        "a = { " + "a." * 99 + "a = { " + "a." * 99 + "a = 1 } }",
        'a = "' + "." * 120_000,
        'a = """' + '".' * 50_000,
        '"' + "\\." * 50_000,
        "a = " + "1" * 100_000,
    ],
)
def test_hostile_toml_ends_soon(body: str) -> None:
    began = time.process_time()
    read = body_decoder(dict[str, int], codecs=[TOML])
    with pytest.raises(HTTPError) as raised:
        read(body.encode(), "application/toml")
    assert raised.value.status in {400, 422}
    assert time.process_time() - began < 5


def test_dots_in_text_are_no_depth() -> None:
    text = "word. " * 200
    dots = "a." * 200
    for written in (f'"{dots}"', f"'{dots}'", f'"""{text}""\n{dots}"""', f"'''{dots}''\n'''", f"1 # {dots}"):
        assert load_toml(f"a = {written}\nb.c = 1".encode())["b"] == {"c": 1}
    assert load_toml(("a." * 98 + "a = 1").encode())


def test_toml_quotes_what_would_be_read_as_a_number() -> None:
    pytest.importorskip("tomli_w")
    texts = {"0E0": "1e5", "inf": "nan", "0x1": "1979-05-27", "true": "false"}
    assert body_decoder(Any, codecs=[TOML])(TOML.encode(texts), "application/toml") == texts
