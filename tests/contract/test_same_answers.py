"""Two parsers, two results: whatever is sent, every backend answers the same, and no input makes a handler fail.

Requests are generated, odd ones preferred, and sent to one app on Hinge's own backends at once. What the gateway of
another backend cannot carry is for that to document.
"""

from collections.abc import Iterator
from contextlib import ExitStack

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hinge import App, Body, BodyStream, Config, Cookie, Header, HTTPError, Query, Request, Response
from hinge.testing import Client
from hinge.testing.differences import VOLATILE


class Item(msgspec.Struct):
    name: str
    size: int = 1
    parts: list["Item"] = []


class Filter(msgspec.Struct):
    a: list[int] = []
    b: bool = False
    c: float | None = None


def everything(request: Request) -> dict:
    """Return all that the head of a request tells."""
    return {
        "method": request.method,
        "path": request.path,
        "params": dict(request.path_params),
        "query": request.query.multi_items(),
        "headers": sorted((name, request.headers.get_all(name)) for name in request.headers if name != "cookie"),
        "cookies": dict(request.cookies),
        "url": request.url_for("rest", rest="x"),
    }


def make_app() -> App:
    app = App(config=Config(max_body_size=200, max_query_fields=5))

    @app.route("/rest/{rest:path}", methods=["GET", "POST", "PROPFIND"], name="rest")
    def rest(request: Request, rest: str) -> dict:
        return {**everything(request), "body": request.body.decode("latin-1")}

    @app.get("/typed/{number}/{name}")
    async def typed(number: int, name: str, q: list[int], x_a: Header[list[str]] = [], c: Cookie[int] = 0) -> list:
        return [number, name, q, x_a, c]

    @app.get("/filter")
    def filtered(fields: Query[Filter]) -> Filter:
        return fields

    @app.post("/items", status=201)
    async def create(item: Item) -> Item:
        return item

    @app.put("/raw")
    def raw(body: Body[bytes]) -> bytes:
        return body

    @app.put("/stream")
    def stream(body: BodyStream) -> int:
        return sum(map(len, body))

    @app.put("/astream")
    async def astream(body: BodyStream) -> int:
        return sum([len(piece) async for piece in body])

    @app.get("/host")
    def host(request: Request) -> str:
        return request.host

    @app.get("/chunks/")
    def chunks() -> Iterator[str]:
        yield "a"
        yield "b"

    @app.get("/error")
    async def error(request: Request) -> Response:
        raise HTTPError(409, request.query.get("detail"), headers={"x-e": "1"}, path=request.path)

    @app.error(LookupError)
    def lookup(request: Request, error: LookupError) -> str:
        return "looked up"

    return app


@pytest.fixture(scope="module")
def clients():
    app = make_app()
    with ExitStack() as stack:
        yield {name: stack.enter_context(Client(app, name, headers={"user-agent": None})) for name in ("wsgi", "asgi")}


GOOD = [
    ("GET", "/rest/a/b"),
    ("POST", "/rest/"),
    ("GET", "/typed/7/x"),
    ("GET", "/filter"),
    ("POST", "/items"),
    ("PUT", "/raw"),
    ("PUT", "/stream"),
    ("PUT", "/astream"),
    ("GET", "/host"),
    ("GET", "/chunks/"),
    ("GET", "/error"),
]
"""A method and a path that are answered, to which at most a few oddities are added."""
METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "OPTIONS", "DELETE", "PROPFIND", "get", "__CLASS__", "TRACE"])
ODD = [
    "",
    "7",
    "-7",
    "007",
    "x",
    "%D9%A3",
    "%FF",
    "%C3%BC",
    "%2F",
    "%2e%2e",
    "..",
    "%00",
    "%0D%0A",
    "%",
    "%zz",
    "+",
    "a;b",
    "\\",
    "*",
    "%E2%80%AE",
]
SEGMENTS = st.lists(st.sampled_from(ODD), max_size=3).map(lambda parts: "".join(f"/{part}" for part in parts))
FIELDS = st.tuples(
    st.sampled_from(["a", "b", "c", "q", "detail", "%C3%BC", "%FF", "", "a[]"]),
    st.sampled_from(["=", "", "=="]),
    st.sampled_from(
        ["1", "true", "1.5", "nan", "9" * 30, "x", "", "%", "%C3%BC", "%C3", "a+b", "%26", "a;q=1", "1_0", "é"]
    ),
).map("".join)
QUERIES = st.lists(FIELDS, max_size=7).map("&".join)
ODD_TARGETS = st.sampled_from(
    [
        "*",
        "",
        "http://evil.example/host",
        "evil",
        "//evil.example/chunks",
        "/%2F/evil.example/chunks",
        "?a=1",
        "/chunks",
    ]
)


@st.composite
def heads(draw) -> tuple[str, str]:
    """Return a method and a target, each odd now and then."""
    method, path = draw(st.sampled_from(GOOD))
    oddity = draw(st.integers(0, 9))
    if oddity == 0:
        method = draw(METHODS)
    elif oddity == 1:
        path = draw(ODD_TARGETS)
    elif oddity == 2:
        path = path.rstrip("/") + draw(SEGMENTS) + draw(st.sampled_from(["", "/", "//"]))
    elif oddity == 3 and method == "GET":
        method = "HEAD"
    query = draw(
        st.one_of(st.just(""), st.sampled_from(["q=1", "q=1&q=2", "a=1&b=true&c=1.5", "detail=%C3%BC"]), QUERIES)
    )
    return method, path + (f"?{query}" if query and "?" not in path else "")


VALUES = st.one_of(
    st.sampled_from(
        [
            "",
            "1",
            "1, 2",
            '"a,b", c',
            "caf\xe9",
            "a=1; c=7",
            "c=x",
            '=1; c="2"',
            "c=1,c=2",
            "text/plain",
            "chunked",
            "5",
        ]
    ),
    st.text(alphabet=[chr(code) for code in (*range(0x20, 0x7F), 0xE9, 0xFF)], max_size=12).map(str.strip),
)
JSON = ("content-type", "application/json")
NAMES = st.sampled_from(["x-a", "X-A", "x_a", "x-b", "cookie", "accept", "origin", "expect", "te", "upgrade"])
HARMLESS = st.lists(st.tuples(NAMES, VALUES), max_size=4)
HOSTS = st.tuples(st.just("host"), st.sampled_from(["a", "A:80", "a b", "a,b", "[::1]", "x@y", "a:b", "", "é"]))
TYPES = st.tuples(
    st.just("content-type"),
    st.sampled_from(["application/json; charset=utf-8", "text/plain", "application/msgpack", "APPLICATION/JSON;", ""]),
)
FRAMINGS = st.one_of(
    st.tuples(st.just("content-length"), st.sampled_from(["0", "3", "5", "500", "-1", "x", "5, 5", "05", " 5"])),
    st.tuples(st.just("transfer-encoding"), st.sampled_from(["chunked", "Chunked", "gzip, chunked", "identity", ""])),
    st.tuples(st.just("content-encoding"), st.sampled_from(["gzip", "identity", ""])),
)
HEADERS = st.one_of(
    st.just([JSON]),
    HARMLESS.map(lambda lines: [*lines, JSON]),
    st.tuples(HARMLESS, st.lists(st.one_of(TYPES, HOSTS), max_size=2)).map(lambda two: two[0] + two[1]),
    st.tuples(HARMLESS, st.lists(FRAMINGS, max_size=2)).map(lambda two: [*two[0], JSON, *two[1]]),
)
BODIES = st.one_of(
    st.just(b""),
    st.sampled_from(
        [
            b'{"name":"x"}',
            b'{"name":1,"size":"y","parts":[{}]}',
            b"{",
            b"[]",
            b"\xff",
            b"null",
            b'"\\ud800"',
            b"[" * 150,
            b"x" * 201,
        ]
    ),
    st.binary(max_size=30),
    st.lists(st.binary(max_size=9), max_size=4),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(heads(), HEADERS, BODIES)
@example(("GET", "/rest/%2F?a=1"), [("x-a", "1"), ("x-a", "2, 3"), ("x_a", "4")], b"")
@example(("POST", "/items"), [("content-type", "application/json"), ("content-length", "5")], [b'{"n', b'ame":"x"}'])
@example(("PUT", "/stream"), [("content-length", "500")], b"x" * 10)
@example(("PUT", "/raw"), [("transfer-encoding", ""), ("content-length", "3")], b"abc")
@example(("GET", "/chunks"), [], b"")
@example(("HEAD", "/error?detail=x"), [], b"")
def test_every_backend_answers_the_same(clients, caplog, head, headers, body):
    caplog.clear()
    method, target = head
    # A client without a Host of its own sends one; a second one would only ever test repeated ones.
    sent = headers if any(name == "host" for name, _ in headers) else [*headers, ("host", "testserver")]
    answers = {}
    for name, client in clients.items():
        client.cookies.clear()
        response = client.request(method, target, headers=sent, content=body)
        lines = sorted(line for line in response.headers.multi_items() if line[0] not in VOLATILE)
        answers[name] = (response.status_code, lines, response.content)
    first, *others = answers.values()
    assert all(other == first for other in others), answers
    assert first[0] != 500
    assert caplog.text == ""
