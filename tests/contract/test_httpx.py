"""What httpx sends and shows, `Client` and `AsyncClient` send and show: the same calls on both, over the same app.

Law: a row is a client's options and its calls. Where Hinge differs on purpose a row says so, and why; it has to differ.
"""

import asyncio
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from hinge import App, HTTPError, Query, RedirectResponse, Request, Response
from hinge.testing import AsyncClient, Client, HTTPStatusError

pytestmark = pytest.mark.gate

BASE = "http://testserver"
OURS_ALONE = frozenset({"user-agent", "accept-encoding", "connection"})
"""Headers that each client sends by itself; httpx's speak of a connection that there is not."""
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]

app = App()


@app.route("/echo", methods=METHODS)
@app.route("/deep/er/echo", methods=METHODS)
@app.route("/base/echo", methods=METHODS)
async def echo(request: Request) -> dict:
    return {
        "method": request.method,
        "path": request.path,
        "query": request.query.multi_items(),
        "headers": sorted([*pair] for pair in request.headers.multi_items() if pair[0] not in OURS_ALONE),
        "cookies": dict(sorted(request.cookies.items())),
        "body": request.body.decode("latin-1"),
    }


@app.get("/{name:path}")
def named(name: str) -> str:
    return name


@app.get("/set")
@app.get("/deep/set")
def set_cookies(line: Query[list[str]]) -> Response:
    response = Response(status=204)
    for one in line:
        response.headers.append("set-cookie", one)
    return response


@app.route("/to/{status}", methods=METHODS)
def redirect(status: int, to: Query[str] = "/echo", line: Query[str | None] = None) -> Response:
    response = RedirectResponse(to, status=status)
    if line:
        response.headers.append("set-cookie", line)
    return response


@app.get("/status/{status}")
def answer(status: int, kind: Query[str] = "text/plain") -> Response:
    return Response(b"", status=status) if status in (204, 304) else Response("ü{}".encode(), status, {}, kind)


@app.get("/refused")
def refused() -> None:
    raise HTTPError(403, "no")


class Named(io.BytesIO):
    """A file that has a name."""

    name = "/tmp/dir/notes.txt"


class Unnamed(io.BytesIO):
    """One that has none."""


def pieces() -> Iterator[bytes]:
    yield from (b"a", b"bc")


def with_token(request: Any) -> Any:
    request.headers["x-token"] = f"{request.method} {request.url}"
    return request


MULTIPART = {"content-type": "multipart/form-data; boundary=b"}
PUT = ("PUT", "/echo")

Call = tuple[str, str, Callable[[], dict[str, Any]]]
ECHO: Call = ("GET", "/echo", dict)


@dataclass
class Row:
    """Calls of one client."""

    calls: list[Call]
    options: dict[str, Any] = field(default_factory=dict)
    differs: str = ""
    """Why Hinge does something else."""
    on: tuple[str, ...] = ("wsgi", "asgi")
    """Where it does."""


def row(method: str, url: str, differs: str = "", **options: Any) -> Row:
    return Row([(method, url, lambda: options)], differs=differs)


def made(method: str, url: str, make: Callable[[], dict[str, Any]], differs: str = "") -> Row:
    return Row([(method, url, make)], differs=differs)


def several(*urls: str, differs: str = "", **options: Any) -> Row:
    return Row([("GET", url, dict) for url in urls], options, differs)


PAST = "Thu,+01+Jan+1970+00:00:00+GMT"
SAYS = "response.cookies has what the response says, also what the jar does not keep"

ROWS: dict[str, Row] = {
    # -- methods, targets, query
    **{method: row(method, "/echo") for method in [*METHODS, "OPTIONS", "HEAD"]},
    "spaces and umlauts": Row(
        [("GET", "/ü b", dict)], {}, "httpx.WSGITransport has no bytes in PATH_INFO, as PEP 3333 has it", ("wsgi",)
    ),
    "escapes are kept": row("GET", "/a%20b%2Fc"),
    "query in the url": row("GET", "/echo?a=1&b=%20x&a=2"),
    "params": row("GET", "/echo", params={"a": 1, "b": [True, None, 1.5], "c d": "ü&=+%"}),
    "params as pairs": row("GET", "/echo", params=[("a", "1"), ("a", "3"), ("b", "2")]),
    "params as text": row("GET", "/echo", params="a=1&a=2&b="),
    "params in an order": row("GET", "/echo", "it is kept", params=[("a", "1"), ("b", "2"), ("a", "3")]),
    "params of the client": Row(
        [("GET", "/echo", lambda: {"params": {"b": "3"}}), ECHO], {"params": {"a": "1", "b": "2"}}
    ),
    "params beside a query": row(
        "GET", "/echo?a=1", "httpx drops what the URL has; here params are appended", params={"b": "2"}
    ),
    "an absolute url": row("GET", f"{BASE}/echo?a=1"),
    "an absolute url of another host": row("GET", "http://other.example:81/echo"),
    # -- base_url
    **{
        f"base_url {base}, {url}": several(url, base_url=base)
        for base in ("http://shop.example", "https://shop.example:8443/base", "http://shop.example/base/")
        for url in ("/echo", "echo", "echo?a=1")
    },
    # -- headers
    "headers": row("GET", "/echo", headers={"X-One": "1", "Accept": "text/html"}),
    "headers as pairs": row("GET", "/echo", headers=[("x-two", "1"), ("x-one", "2")]),
    "a header twice": Row(
        [("GET", "/echo", lambda: {"headers": [("x-two", "1"), ("x-two", "2")]})],
        {},
        "httpx.WSGITransport keeps the last line alone",
        ("wsgi",),
    ),
    "headers of the client": Row(
        [("GET", "/echo", lambda: {"headers": {"x-a": "2"}})], {"headers": {"X-A": "1", "x-b": "1"}}
    ),
    "another host": row("GET", "/echo", headers={"host": "other.example"}),
    # -- auth
    "basic": row("GET", "/echo", auth=("ü", "pass:word")),
    "basic of the client": Row(
        [("GET", "/echo", dict), ("GET", "/echo", lambda: {"auth": None})], {"auth": ("a", "b")}
    ),
    "a function": row("GET", "/echo", auth=with_token),
    # -- bodies
    "json": row(*PUT, json={"a": [1, "ü", None, True, 1.5]}),
    "json with a type of its own": row(*PUT, json=[1], headers={"content-type": "application/x+json"}),
    "json that is nothing": row(*PUT, "null is a JSON text, too, and goes out", json=None),
    **{f"content, {type(content).__name__}": row(*PUT, content=content) for content in (b"\xff", "ü", b"", "")},
    "content of a GET": row("GET", "/echo", content=b"abc"),
    "data": row(*PUT, data={"a": "1", "b": ["x", "y z&"], "c": None, "d": True, "e": 7, "ü": "ü"}),
    "data that is empty": row("POST", "/echo", data={}),
    # -- files
    "a file's bytes": row(*PUT, files={"f": b"abc"}, headers=MULTIPART),
    "a file's text": row(*PUT, files={"f": "ü"}, headers=MULTIPART),
    "name and bytes": row(*PUT, files={"f": ("a.txt", b"abc")}, headers=MULTIPART),
    "a type that is not known": row(*PUT, files={"f": ("a.qqq", b"abc")}, headers=MULTIPART),
    "no name": row(*PUT, files={"f": (None, b"abc")}, headers=MULTIPART),
    "a name that is empty": row(*PUT, files={"f": ("", b"abc")}, headers=MULTIPART),
    "name, bytes and type": row(*PUT, files={"f": ("a.txt", b"abc", "x/y")}, headers=MULTIPART),
    "headers of a part": row(*PUT, files={"f": ("a.txt", b"abc", "x/y", {"X-A": "1"})}, headers=MULTIPART),
    "a type in headers": row(*PUT, files={"f": ("a", b"abc", "x/y", {"Content-type": "p/q"})}, headers=MULTIPART),
    "a type that is None": row(*PUT, files={"f": ("a.png", b"abc", None, {"X-A": "1"})}, headers=MULTIPART),
    "a file object": made(*PUT, lambda: {"files": {"f": Named(b"abc")}, "headers": MULTIPART}),
    "a file object without a name": made(*PUT, lambda: {"files": {"f": Unnamed(b"abc")}, "headers": MULTIPART}),
    "a file object in a tuple": made(*PUT, lambda: {"files": {"f": ("b.bin", Named(b"abc"))}, "headers": MULTIPART}),
    "pairs": row(*PUT, files=[("f", ("a.txt", b"1")), ("g", b"2"), ("f", ("b.txt", b"3"))], headers=MULTIPART),
    "data and files": row(*PUT, data={"a": ["1", 2], "b": b"\xff", "c": None}, files={"f": b"x"}, headers=MULTIPART),
    "no files": row(*PUT, data={"a": "1"}, files={}),
    "names in quotes": row(*PUT, files={'"f"\r\n': ('"a"\r\n.txt', b"abc")}, headers=MULTIPART),
    "a backslash in a name": row(
        *PUT, "browsers send it as it is (WHATWG), httpx twice", files={"f": ("a\\b.txt", b"abc")}, headers=MULTIPART
    ),
    # -- cookies
    "cookies of the client": several("/echo", cookies={"a": "1", "b": "x y"}),
    "cookies are kept": several("/set?line=a%3D1%3B+Path%3D/&line=b%3D2", "/echo", "/deep/er/echo"),
    "a path": several("/set?line=a%3D1%3B+Path%3D/deep", "/echo", "/deep/er/echo"),
    "the path of the request": several("/deep/set?line=a%3D1", "/echo", "/deep/er/echo"),
    "secure over http": several("/set?line=a%3D1%3B+Secure", "/echo"),
    "secure over https": several("/set?line=a%3D1%3B+Secure", "/echo", base_url="https://shop.example"),
    "the domain itself": several("/set?line=a%3D1%3B+Domain%3Dshop.example", "/echo", base_url="http://shop.example"),
    "a domain above": several(
        "/set?line=a%3D1%3B+Domain%3Dshop.example",
        "/echo",
        "http://b.shop.example/echo",
        base_url="http://a.shop.example",
    ),
    "a foreign domain": several(
        "/set?line=a%3D1%3B+Domain%3Dother.example",
        "/echo",
        "http://other.example/echo",
        base_url="http://shop.example",
        differs=SAYS,
    ),
    "the host alone": several(
        "/set?line=a%3D1",
        "http://a.shop.example/echo",
        "/echo",
        base_url="http://shop.example",
        differs="a cookie without a domain is for its host alone (RFC 6265), where http.cookiejar has those below, too",
    ),
    "another host's": several("http://other.example/set?line=a%3D1", "/echo", "http://other.example/echo"),
    "one is taken away": several("/set?line=a%3D1", "/set?line=a%3D%3B+Max-Age%3D0", "/echo", differs=SAYS),
    "one has expired": several("/set?line=a%3D1", f"/set?line=a%3D%3B+Expires%3D{PAST}", "/echo", differs=SAYS),
    "one is replaced": several("/set?line=a%3D1", "/set?line=a%3D2", "/echo"),
    # -- redirects
    **{
        f"{status} of a {method}": Row(
            [(method, f"/to/{status}", lambda: {"content": b"x"})], {"follow_redirects": True}
        )
        for status in (301, 302, 303, 307, 308)
        for method in ("GET", "POST", "PUT", "DELETE")
    },
    "a redirect that is not followed": several("/to/302"),
    "one that is on wish": row("GET", "/to/302?to=/to/307", follow_redirects=True),
    "one that is not on wish": Row(
        [("GET", "/to/302", lambda: {"follow_redirects": False})], {"follow_redirects": True}
    ),
    "a relative one": several("/to/302?to=../echo%3Fa%3D1", follow_redirects=True),
    "one with a cookie": several("/to/302?line=a%3D1%3B+Path%3D/", follow_redirects=True),
    "one below a base": several(
        "/echo", "/to/302?to=/base/echo", follow_redirects=True, base_url="http://shop.example"
    ),
    "one with auth": Row([("GET", "/to/302", lambda: {"auth": ("a", "b")})], {"follow_redirects": True}),
    "one of a form": Row(
        [("POST", "/to/303", lambda: {"data": {"a": "1"}})],
        {"follow_redirects": True},
        "the Content-Type of a body that is gone goes, too (Fetch), where httpx keeps it",
    ),
    "one to another host": several(
        "/to/302?to=http://other.example/echo", follow_redirects=True, differs="it is not this app that is there"
    ),
    "one to another scheme": several(
        "/to/302?to=https://testserver/echo", follow_redirects=True, differs="a client is at one scheme"
    ),
    # -- responses
    **{f"status {status}": several(f"/status/{status}") for status in (200, 201, 204, 304, 400, 404, 418, 500, 503)},
    "a status without a name": several("/status/299"),
    "a problem": several("/refused"),
}

IS = ("is_success", "is_redirect", "has_redirect_location", "is_client_error", "is_server_error", "is_error")


def shown(response: Any) -> dict[str, Any]:
    """Return what a test sees of a response."""
    seen = {name: getattr(response, name) for name in (*IS, "status_code", "content", "text", "reason_phrase")}
    if response.content and response.headers.get("content-type") == "application/json":
        seen["echo"] = response.json()
    try:
        seen["raise_for_status"] = response.raise_for_status() is response
    except (httpx.HTTPStatusError, HTTPStatusError) as error:
        seen["raise_for_status"] = error.response is response and error.request.method
    lines = [*response.headers.multi_items()]
    return seen | {
        "headers": sorted((name.lower(), value) for name, value in lines if name.lower() != "date"),
        "cookies": dict(response.cookies),
        "url": str(response.url),
        "history": [(past.status_code, str(past.url)) for past in response.history],
        "request": (response.request.method, str(response.request.url)),
    }


def run_plain(client: Any, row: Row) -> list[Any]:
    with client:
        answers = [shown(client.request(method, url, **make())) for method, url, make in row.calls]
        return [*answers, dict(client.cookies)]


async def run_async(client: Any, row: Row) -> list[Any]:
    async with client:
        answers = [shown(await client.request(method, url, **make())) for method, url, make in row.calls]
        return [*answers, dict(client.cookies)]


def without_cookies_of_answers(seen: list[Any]) -> list[Any]:
    return [{**answer, "cookies": None} for answer in seen[:-1]] + seen[-1:]


def compare(row: Row, backend: str, theirs: list[Any], ours: list[Any]) -> None:
    if row.differs == SAYS:
        assert ours != theirs
        assert without_cookies_of_answers(ours) == without_cookies_of_answers(theirs)
    elif row.differs and backend in row.on:
        assert ours != theirs
    else:
        assert ours == theirs


@pytest.mark.parametrize("name", ROWS)
def test_the_client_does_what_httpx_does(name):
    row = ROWS[name]
    theirs = httpx.Client(transport=httpx.WSGITransport(app=app), **{"base_url": BASE, **row.options})
    compare(row, "wsgi", run_plain(theirs, row), run_plain(Client(app, "wsgi", **row.options), row))


@pytest.mark.parametrize("name", ROWS)
def test_the_async_client_does_what_httpx_does(name):
    async def both() -> None:
        theirs = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), **{"base_url": BASE, **row.options})
        ours = AsyncClient(app, "asgi", **row.options)
        compare(row, "asgi", await run_async(theirs, row), await run_async(ours, row))

    row = ROWS[name]
    asyncio.run(both())
