"""Reading Granian's RSGI scope: what it leaves out, and what HTTP/2 has elsewhere."""

from types import SimpleNamespace
from typing import Any

import pytest

from hinge import HTTPError

head = pytest.importorskip("hinge_rsgi.head", reason="the distribution hinge-rsgi is not installed")
connection = pytest.importorskip("hinge_rsgi.connection")


def scope(*lines: tuple[str, str], **more: Any) -> Any:
    plain = {"method": "GET", "http_version": "1.1", "authority": None, "client": "", "path": "/"}
    return SimpleNamespace(headers=connection._Headers(lines), **{**plain, **more})


def test_the_host_of_http_2_is_its_authority() -> None:
    asked = scope(http_version="2", authority="example.org:8443")
    assert head.header("host")(asked) == "example.org:8443"
    assert head.headers(asked)["host"] == "example.org:8443"
    named = scope(("host", "a"), http_version="2", authority="b")
    assert head.header("host")(named) == head.headers(named)["host"] == "a"


def test_a_line_that_is_not_ascii_reads_as_empty() -> None:
    asked = scope(("x-a", "caf\xe9"), ("x-b", "1"), ("x-b", "2"), ("content-type", "\xe9"))
    assert head.header("x-a")(asked) == ""
    assert head.header("x-b")(asked) == "1,2"
    assert head.header("content-type")(asked) is None
    assert dict(head.headers(asked).multi_items()) == {"x-a": "", "x-b": "1,2"}


@pytest.mark.parametrize("lines", [["1", "\xe9"], ["\xe9", "1"]])
def test_a_line_that_is_not_ascii_takes_nothing_from_its_neighbours(lines: list[str]) -> None:
    asked = scope(*[("x-a", line) for line in lines])
    assert head.header("x-a")(asked) == head.headers(asked)["x-a"] == "1"


def test_a_header_that_is_asked_for_by_its_name_is_read_alone() -> None:
    class ByName:
        """Lines of which nobody can have all."""

        def __contains__(self, name: str) -> bool:
            return name == "content-type"

        def get_all(self, name: str) -> list[str]:
            return {"x-a": ["1"], "cookie": ["a=b", "c=d"], "content-type": [""]}.get(name, [])

    asked = scope()
    asked.headers = ByName()
    headers = head.headers(asked)
    assert (headers["X-A"], headers.get("cookie"), headers.get("x-c", "none")) == ("1", "a=b; c=d", "none")
    assert "x-a" in headers
    assert "content-type" not in headers, "an empty one is none"


@pytest.mark.parametrize(
    ("client", "seen"),
    [
        ("127.0.0.1:5000", ("127.0.0.1", 5000)),
        ("[::1]:5000", ("::1", 5000)),
        ("127.0.0.1", ("127.0.0.1", None)),
        ("::1", ("::1", None)),
        ("[::1]", ("::1", None)),
        ("127.0.0.1:http", ("127.0.0.1", None)),
        (":5000", None),
        (None, None),
        ("", None),
    ],
)
def test_client(client: str, seen: Any) -> None:
    assert head.client(scope(client=client)) == seen


@pytest.mark.parametrize(("version", "seen"), [("1", "1.0"), ("1.1", "1.1"), ("2", "2")])
def test_http_version(version: str, seen: str) -> None:
    assert head.http_version(scope(http_version=version)) == seen


@pytest.mark.parametrize(
    "lines",
    [
        [("content-length", "5"), ("content-length", "5")],
        [("content-length", "\u0664")],
        [("content-length", "5"), ("transfer-encoding", "chunked")],
    ],
)
def test_a_length_in_doubt_is_refused(lines: list[tuple[str, str]]) -> None:
    with pytest.raises(HTTPError) as refused:
        head.framing(scope(*lines, method="POST"), 100)
    assert refused.value.status == 400


def test_a_path_that_was_no_utf8_is_refused() -> None:
    with pytest.raises(HTTPError):
        head.path(scope(path="/a\ufffd"))


@pytest.mark.parametrize(("handed", "read"), [("a=%C3%BC", "a=%C3%BC"), ("a=\u00fc", "a=\u00c3\u00bc")])
def test_a_query_that_granian_has_decoded_is_one_character_a_byte_again(handed: str, read: str) -> None:
    assert head.query_string(scope(query_string=handed)) == read
