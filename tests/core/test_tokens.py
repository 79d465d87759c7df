"""Tokens, media types and parameters: what RFC 9110 lets stand in them, and nothing else."""

import string

import pytest

from hinge.http.tokens import is_media_type, is_token, parameter

ALLOWED = "!#$%&'*+-.^_`|~" + string.ascii_letters + string.digits


@pytest.mark.parametrize(
    "character", [chr(code) for code in range(256)] + ["\u017f", "\u212a", "\u0663", "\ufffd", "\U0001f600"]
)
def test_each_character(character: str) -> None:
    assert bool(is_token(f"a{character}z")) == bool(is_token(character)) == (character in ALLOWED)


@pytest.mark.parametrize("text", ["", " a", "a ", "a\n", "a b", "a,b", 'a"', "a/b"])
def test_what_is_no_token(text: str) -> None:
    assert not is_token(text)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("text/html", True),
        ("Application/vnd.x+JSON", True),
        ("*/*", True),
        ("text", False),
        ("text/", False),
        ("/html", False),
        ("a/b/c", False),
        ("text /html", False),
        ("text/html;q=1", False),
        ("\u017fext/html", False),
    ],
)
def test_a_media_type(text: str, is_one: bool) -> None:
    assert bool(is_media_type(text)) is is_one


@pytest.mark.parametrize(
    ("text", "name", "value", "end"),
    [
        ("; a=b", "a", "b", 5),
        (";a=b ; c=d", "a", "b", 5),
        (";\ta=B\t", "a", "B", 6),
        (r';a="x;\"y" ', "a", r'"x;\"y"', 11),
        ('; a=""', "a", '""', 6),
        (";", None, None, 1),
        ("; ;", None, None, 2),
        ("; a", None, None, 2),
        ("; a =b", None, None, 2),
        ('; a="open', None, None, 2),
    ],
)
def test_a_parameter(text: str, name: str | None, value: str | None, end: int) -> None:
    found = parameter(text, 0)
    assert found is not None
    assert (found[1], found[2], found.end()) == (name, value, end)


def test_no_parameter_begins_without_a_semicolon() -> None:
    assert parameter("a=b", 0) is None
