"""Reading Granian's RSGI scope: what it leaves out, and what HTTP/2 has elsewhere."""

import asyncio
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest

from hinge import App, Body, Header, HTTPError, Middleware, Request

head = pytest.importorskip("hinge_rsgi.head", reason="the distribution hinge-rsgi is not installed")
connection = pytest.importorskip("hinge_rsgi.connection")


def head_of(*lines: tuple[str, str], **more: Any) -> Any:
    plain = {"method": "GET", "http_version": "1.1", "authority": None, "client": "", "path": "/"}
    return SimpleNamespace(**{**plain, **more}), connection._Headers(lines)


def test_the_host_of_http_2_is_its_authority() -> None:
    asked = head_of(http_version="2", authority="example.org:8443")
    assert head.header("host")(asked) == "example.org:8443"
    assert head.headers(asked)["host"] == "example.org:8443"
    named = head_of(("host", "a"), http_version="2", authority="b")
    assert head.header("host")(named) == head.headers(named)["host"] == "a"


def test_granian_is_asked_for_the_headers_once() -> None:
    def tagging(request: Request) -> Middleware:
        response = yield
        response.headers["x-a"] = request.headers["x-a"] + request.headers["x-b"]

    app = App(middleware=[tagging])

    @app.post("/")
    async def put(x_b: Header[str], body: Body[dict[str, int]]) -> str:
        return f"{x_b}{body}"

    lines = connection._Headers(
        [("x-a", "1"), ("x-b", "2"), ("content-length", "7"), ("content-type", "application/json")]
    )
    copies = Mock(return_value=lines)

    class Scope:
        """One that counts who asks for its headers."""

        proto, path, method, http_version = "http", "/", "POST", "1.1"
        headers = property(copies)

    proto = AsyncMock(return_value=b'{"a":1}', response_bytes=Mock())
    asyncio.run(app.compile("rsgi")(Scope(), proto))
    status, sent, content = proto.response_bytes.call_args.args
    assert (status, content) == (200, b"2{'a': 1}")
    assert ("x-a", "12") in sent
    assert copies.call_count == 1


def test_a_line_that_is_not_ascii_reads_as_empty() -> None:
    asked = head_of(("x-a", "caf\xe9"), ("x-b", "1"), ("x-b", "2"), ("content-type", "\xe9"))
    assert head.header("x-a")(asked) == ""
    assert head.header("x-b")(asked) == "1,2"
    assert head.header("content-type")(asked) is None
    assert dict(head.headers(asked).multi_items()) == {"x-a": "", "x-b": "1,2"}


@pytest.mark.parametrize("lines", [["1", "\xe9"], ["\xe9", "1"]])
def test_a_line_that_is_not_ascii_takes_nothing_from_its_neighbours(lines: list[str]) -> None:
    asked = head_of(*[("x-a", line) for line in lines])
    assert head.header("x-a")(asked) == head.headers(asked)["x-a"] == "1"


def test_a_header_that_is_asked_for_by_its_name_is_read_alone() -> None:
    class ByName:
        """Lines of which nobody can have all."""

        def __contains__(self, name: str) -> bool:
            return name == "content-type"

        def get_all(self, name: str) -> list[str]:
            return {"x-a": ["1"], "cookie": ["a=b", "c=d"], "content-type": [""]}.get(name, [])

    headers = head.headers((head_of()[0], ByName()))
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
    assert head.client(head_of(client=client)) == seen


@pytest.mark.parametrize(("version", "seen"), [("1", "1.0"), ("1.1", "1.1"), ("2", "2")])
def test_http_version(version: str, seen: str) -> None:
    assert head.http_version(head_of(http_version=version)) == seen


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
        head.framing(head_of(*lines, method="POST"), 100)
    assert refused.value.status == 400


def test_a_path_that_was_no_utf8_is_refused() -> None:
    with pytest.raises(HTTPError):
        head.path(head_of(path="/a\ufffd"))


@pytest.mark.parametrize(("handed", "read"), [("a=%C3%BC", "a=%C3%BC"), ("a=\u00fc", "a=\u00c3\u00bc")])
def test_a_query_that_granian_has_decoded_is_one_character_a_byte_again(handed: str, read: str) -> None:
    assert head.query_string(head_of(query_string=handed)) == read
