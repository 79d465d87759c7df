"""What handlers return, and what goes out for it."""

import datetime as dt
import enum
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from decimal import Decimal

import msgspec
import pytest

from hinge import App, HTMLResponse, JSONResponse, Middleware, Response, StreamingResponse, TextResponse
from hinge.backend.contract import Feature

pytestmark = pytest.mark.clause("response.result")

TEXT, OCTETS, JSON = "text/plain; charset=utf-8", "application/octet-stream", "application/json"


class Item(msgspec.Struct):
    name: str
    size: int = 1


@dataclass
class Point:
    x: int


class Color(enum.Enum):
    RED = "red"


class Text(str):
    __slots__ = ()


def passing() -> Middleware:
    yield


def returning(make, *, coloured=None, **options) -> App:
    app = App()

    def handler():
        return make()

    app.get("/", **options)(coloured(handler) if coloured else handler)
    return app


@pytest.mark.parametrize(
    ("make", "media_type", "content"),
    [
        (lambda: "ü", TEXT, "ü".encode()),
        (lambda: "", TEXT, b""),
        (lambda: Text("x"), TEXT, b"x"),
        (lambda: b"\x00\xff", OCTETS, b"\x00\xff"),
        (lambda: bytearray(b"x"), OCTETS, b"x"),
        (lambda: memoryview(b"x"), OCTETS, b"x"),
        (lambda: {"a": [1, None, True]}, JSON, b'{"a":[1,null,true]}'),
        (list, JSON, b"[]"),
        (lambda: 7, JSON, b"7"),
        (lambda: True, JSON, b"true"),
        (lambda: 1.5, JSON, b"1.5"),
        (lambda: Item("x"), JSON, b'{"name":"x","size":1}'),
        (lambda: [Item("x")], JSON, b'[{"name":"x","size":1}]'),
        (lambda: Point(1), JSON, b'{"x":1}'),
        (lambda: Color.RED, JSON, b'"red"'),
        (lambda: dt.date(2024, 1, 2), JSON, b'"2024-01-02"'),
        (lambda: uuid.UUID(int=1), JSON, b'"00000000-0000-0000-0000-000000000001"'),
        (lambda: Decimal("1.10"), JSON, b'"1.10"'),
        (lambda: {1}, JSON, b"[1]"),
        (lambda: TextResponse("x"), TEXT, b"x"),
        (lambda: HTMLResponse("<p>"), "text/html; charset=utf-8", b"<p>"),
        (lambda: JSONResponse({"a": 1}), JSON, b'{"a":1}'),
        (lambda: Response("x"), TEXT, b"x"),
        (lambda: Response(b"x"), OCTETS, b"x"),
        (lambda: Response(b"x", media_type="image/png"), "image/png", b"x"),
        (lambda: Response("x", headers={"Content-Type": "text/csv"}), "text/csv", b"x"),
    ],
)
def test_results_and_their_media_types(client_for, coloured, make, media_type, content):
    client = client_for(returning(make, coloured=coloured))
    for _ in range(2):  # the second one takes a prepared path
        response = client.get("/")
        assert (response.status_code, response.headers["content-type"], response.content) == (200, media_type, content)
        assert response.headers.get_all("content-length") == [str(len(content))]


@pytest.mark.parametrize("layers", [[], [passing]])
def test_a_tuple_sets_no_status(client_for, coloured, layers, caplog):
    """As a JSON array nobody would notice that `return value, 201` was meant for another framework."""
    app = App()

    def unannounced():
        return {"a": 1}, 201

    def announced() -> tuple[int, int]:
        return 1, 201

    app.get("/unannounced", middleware=layers)(coloured(unannounced))
    app.get("/announced", middleware=layers)(coloured(announced))

    @app.error(KeyError)
    def answer(request, error):
        return {"a": 1}, 400

    @app.get("/error")
    def failing() -> None:
        raise KeyError

    client = client_for(app)
    for _ in range(2):
        assert client.get("/unannounced").status_code == 500
        assert client.get("/announced").json() == [1, 201]
    assert "unannounced (" in caplog.text
    assert "the handler returned a tuple" in caplog.text
    assert client.get("/error").status_code == 500


def test_none_is_204(client_for, coloured):
    response = client_for(returning(lambda: None, coloured=coloured)).get("/")
    assert (response.status_code, response.content) == (204, b"")
    assert "content-length" not in response.headers
    assert "content-type" not in response.headers


def test_none_with_a_status_of_its_own(client_for, coloured):
    response = client_for(returning(lambda: None, coloured=coloured, status=202)).get("/")
    assert (response.status_code, response.content, response.headers["content-length"]) == (202, b"", "0")


@pytest.mark.parametrize("make", [lambda: "x", lambda: {"a": 1}, lambda: b"x"])
def test_the_routes_status_is_that_of_plain_results(client_for, coloured, make):
    response = client_for(returning(make, coloured=coloured, status=201)).get("/")
    assert response.status_code == 201
    assert response.content


def test_a_response_keeps_its_own_status(client_for):
    client = client_for(returning(lambda: Response("x", status=418), status=201))
    assert client.get("/").status_code == 418


@pytest.mark.clause("response.bodiless")
@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("make", [lambda status: Response("dropped", status=status), lambda status: "dropped"])
def test_204_and_304_have_no_body(client_for, coloured, status, make):
    response = client_for(returning(lambda: make(status), coloured=coloured, status=status)).get("/")
    assert (response.status_code, response.content) == (status, b"")
    assert "content-length" not in response.headers


@pytest.mark.parametrize(
    "make",
    [
        lambda: Response("dropped", status=205),
        lambda: "dropped",
        lambda: {"a": 1},
        lambda: None,
        lambda: iter(["dropped"]),
        lambda: StreamingResponse(["dropped"], status=205),
    ],
)
@pytest.mark.parametrize("layers", [[], [passing]])
def test_205_has_no_body_and_says_so(client_for, coloured, make, layers):
    """RFC 9110 section 15.3.6: without the length, the client would wait for a body."""
    client = client_for(returning(make, coloured=coloured, status=205, middleware=layers))
    for _ in range(2):
        for method in ("GET", "HEAD"):
            response = client.request(method, "/")
            assert (response.status_code, response.content) == (205, b"")
            assert response.headers.get_all("content-length") == ["0"]


@pytest.mark.parametrize("status", [200, 201, 206, 299, 300, 399, 400, 451, 499, 500, 599])
def test_every_final_status_can_be_sent(client_for, status):
    assert client_for(returning(lambda: Response("x", status=status))).get("/").status_code == status


@pytest.mark.parametrize("status", [100, 101, 199, 600, 0, -1, "200", 200.0, True, None])
def test_other_statuses_are_refused_where_they_are_set(status):
    with pytest.raises((ValueError, TypeError)):
        Response(status=status)


@pytest.mark.clause("response.headers")
def test_headers_go_out_as_they_were_set(client_for):
    def make() -> Response:
        response = Response("x", headers=[("X-A", "1"), ("x-a", "2"), ("Vary", "accept")])
        response.headers["X-B"] = "tab\tand space"
        response.headers.append("set-cookie", "a=1")
        response.headers.append("set-cookie", "b=2")
        return response

    response = client_for(returning(make)).get("/")
    assert response.headers.get_all("x-a") in (["1", "2"], ["1,2"])  # which mean the same (RFC 9110 section 5.3)
    assert response.headers.get_all("set-cookie") == ["a=1", "b=2"]
    assert (response.headers["vary"], response.headers["x-b"]) == ("accept", "tab and space")


@pytest.mark.clause("response.headers")
@pytest.mark.parametrize(
    "header", [("x", "a\r\nb: c"), ("x", "a\nb"), ("x", "a\0"), ("x", "ü"), ("a b", "c"), ("", "x"), ("x:", "y")]
)
def test_header_injection_is_a_500_and_never_sent(client_for, coloured, header, caplog):
    response = client_for(returning(lambda: Response("x", headers=[header]), coloured=coloured)).get("/")
    assert response.status_code == 500
    assert "ValueError" in caplog.text


@pytest.mark.clause("response.headers")
@pytest.mark.parametrize("name", ["content-length", "Content-Length", "transfer-encoding", "connection"])
def test_framing_is_not_the_handlers(client_for, name):
    assert client_for(returning(lambda: Response("x", headers={name: "1"}))).get("/").status_code == 500


@pytest.mark.clause("errors.logged")
@pytest.mark.parametrize("make", [object, lambda: {"a": object()}, lambda: {object(): 1}, lambda: float])
def test_a_result_that_cannot_be_encoded_is_a_500_and_logged(client_for, coloured, make, caplog):
    response = client_for(returning(make, coloured=coloured)).get("/")
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert "returning.handler" in caplog.text
    assert "test_results.py" in caplog.text


def test_results_of_changing_types(client_for):
    results = iter(["a", b"b", {"c": 1}, None, Response("d"), ["e"]])
    client = client_for(returning(lambda: next(results)))
    types = [client.get("/").headers.get("content-type") for _ in range(6)]
    assert types == [TEXT, OCTETS, JSON, None, TEXT, JSON]


# -- iterators (their flow is tested with streaming) -------------------------------------------------------------------


def test_iterators_are_streamed(backend, client_for):
    app = App()

    @app.get("/bytes")
    def octets():
        yield b"a"
        yield b""
        yield b"b"

    @app.get("/text")
    def text() -> Iterator[str]:
        yield "ü"
        yield "b"

    @app.get("/async")
    async def async_() -> AsyncIterator[str]:
        yield "ü"
        yield "b"

    @app.get("/returned")
    async def returned():
        return iter([b"a", b"b"])

    @app.get("/response", status=201)
    def response() -> StreamingResponse:
        return StreamingResponse(["a", "b"], status=202, media_type="text/csv", headers={"x-a": "1"})

    @app.get("/empty", status=203)
    def empty():
        yield from ()

    client = client_for(app)
    expected = {
        "/bytes": (200, OCTETS, "ab"),
        "/text": (200, TEXT, "üb"),
        "/async": (200, TEXT, "üb"),
        "/returned": (200, OCTETS, "ab"),
        "/response": (202, "text/csv; charset=utf-8", "ab"),
        "/empty": (203, OCTETS, ""),
    }
    for path, (status, media_type, body) in expected.items():
        got = client.get(path)
        assert (got.status_code, got.headers["content-type"], got.text) == (status, media_type, body)
        assert ("content-length" in got.headers) is (Feature.STREAMING not in backend.features)
