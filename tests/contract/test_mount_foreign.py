"""Applications of other frameworks below a prefix: the same on every backend, alone and inside middleware and guards.

Law: each application is written by hand in its protocol, so that nothing of a framework's is between the test and what
the protocol says.
"""

import asyncio
import contextvars
import functools
import io
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import pytest
from tests.support.asgi import Peer, scope

from hinge import App, ConfigurationError, Depends, HTTPConnection, HTTPError, Request, State
from hinge.backend.contract import Feature
from hinge.backend.testing import Aborted
from hinge.testing import Client, EachBackend, WebSocketDenied

VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("tests.mounted", default="unset")
SECRET = {"x-secret": "1"}


def guarded(request: HTTPConnection) -> None:
    if request.headers.get("x-secret") is None:
        raise HTTPError(401)


def seen(path: str, root: str, method: str, query: str, headers: dict[str, str], state: Any) -> bytes:
    kept = {name: value for name, value in headers.items() if name.startswith("x-")}
    told = {"path": path, "root": root, "method": method, "query": query, "headers": kept, "state": dict(state)}
    return json.dumps(told | {"variable": VARIABLE.get()}).encode()


# -- the same application in both protocols ----------------------------------------------------------------------------


def wsgi_app(environ: Any, start: Any) -> Any:
    path, root = environ["PATH_INFO"], environ["SCRIPT_NAME"]
    kind, text = [("Content-Type", "text/plain"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")], "200 Fine"
    if path == "/echo":
        body = environ["wsgi.input"].read()
    elif path == "/lines":
        body = b"|".join(environ["wsgi.input"])
    elif path == "/stream":
        start(text, kind)
        return (b"%d\n" % number for number in range(5))
    elif path == "/fail":
        raise KeyError("before")
    elif path == "/teapot":
        text, body = "418 Tea", b"short and stout"
    else:
        decoded = [one.encode("latin-1").decode() for one in (path, root)]
        headers = {key[5:].lower().replace("_", "-"): value for key, value in environ.items() if key[:5] == "HTTP_"}
        body = seen(*decoded, environ["REQUEST_METHOD"], environ["QUERY_STRING"], headers, environ["hinge.state"])
    start(text, [*kind, ("Content-Length", str(len(body)))])
    return [body]


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        raise ValueError("there is none")
    root = scope["root_path"]
    path, status = scope["path"].removeprefix(root), 200
    kind = [(b"content-type", b"text/plain"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
    if path in ("/echo", "/lines"):
        pieces, more = [], True
        while more:
            message = await receive()
            assert message["type"] == "http.request"
            pieces.append(message.get("body", b""))
            more = message.get("more_body", False)
        body = b"".join(pieces)
        body = body if path == "/echo" else b"|".join(body.splitlines(keepends=True))
    elif path == "/stream":
        await send({"type": "http.response.start", "status": status, "headers": kind})
        for number in range(5):
            await send({"type": "http.response.body", "body": b"%d\n" % number, "more_body": True})
        await send({"type": "http.response.body"})
        return
    elif path == "/fail":
        raise KeyError("before")
    elif path == "/teapot":
        status, body = 418, b"short and stout"
    else:
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        query = scope["query_string"].decode()
        body = seen(path, root, scope["method"], query, headers, scope.get("state") or {})
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [*kind, length]})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


APPS: dict[str, Any] = {"wsgi": wsgi_app, "asgi": asgi_app}
interfaces = pytest.mark.parametrize("interface", APPS)
AROUND = ["nothing", "middleware", "body middleware", "guard", "limit"]
around = pytest.mark.parametrize("around", AROUND)


def mounted(interface: str, around: str = "nothing", path: str = "/old", app: Any = None) -> App:
    outer = App(openapi_path=None)

    @outer.lifespan
    def life() -> Iterator[dict[str, str]]:
        yield {"db": "outer"}

    def layer(request: Request) -> Any:
        VARIABLE.set("set outside")
        request.state["user"] = "ada"
        response = yield
        response.headers["x-around"] = str(response.status)

    if "middleware" in around:
        outer.middleware(needs_body="body" in around)(layer)
    options: dict[str, Any] = {"guard": {"dependencies": [Depends(guarded)]}, "limit": {"max_body_size": 1000}}
    outer.mount(path, app or APPS[interface], **options.get(around, {}))
    return outer


@interfaces
@around
def test_it_answers_what_is_below_its_prefix(each_backend: EachBackend, interface: str, around: str) -> None:
    with each_backend(mounted(interface, around)) as client:
        ask = functools.partial(client.request, headers=SECRET)
        for method in ("GET", "POST", "PROPFIND", "OPTIONS"):
            answer = ask(method, "/old/a/b?q=%20x").json()
            assert (answer["path"], answer["root"], answer["method"]) == ("/a/b", "/old", method)
            assert (answer["query"], answer["headers"]["x-secret"]) == ("q=%20x", "1")
            assert answer["state"]["db"] == "outer"
            in_layer = "middleware" in around
            assert answer["variable"] == ("set outside" if in_layer else "unset")
            assert answer["state"].get("user") == ("ada" if in_layer else None)
        assert [ask("GET", path).json()["path"] for path in ("/old", "/old/")] == ["", "/"]
        assert ask("GET", "/old/stra%C3%9Fe").json()["path"] == "/straße"
        response = ask("GET", "/old/teapot")
        assert (response.status_code, response.text) == (418, "short and stout")
        assert response.headers.get_all("set-cookie") == ["a=1", "b=2"]
        assert response.headers["content-length"] == "15"
        assert response.headers.get("x-around") == ("418" if in_layer else None)
        head = ask("HEAD", "/old/teapot")
        assert (head.status_code, head.content, head.headers["content-length"]) == (418, b"", "15")
        assert client.get("/older").status_code == 404


@interfaces
@around
def test_bodies_go_in_and_out(each_backend: EachBackend, interface: str, around: str) -> None:
    with each_backend(mounted(interface, around)) as client:
        ask = functools.partial(client.request, headers=SECRET)
        for body in (b"", b"short", b"a\nb\n" * 200):
            assert ask("POST", "/old/echo", content=body).content == body
            assert ask("POST", "/old/lines", content=body).content == b"|".join(body.splitlines(keepends=True))
        large = b"0123456789" * 50_000
        response = ask("POST", "/old/echo", content=large)
        if around == "limit":
            assert response.status_code == 413, "Hinge's own answer, whatever the application makes of it"
            assert response.json()["limit"] == 1000
        else:
            assert response.content == large
        assert ask("GET", "/old/stream").text == "0\n1\n2\n3\n4\n"


@interfaces
@pytest.mark.parametrize("around", ["nothing", "middleware"])
def test_what_fails_before_its_answer_is_a_failure_of_the_app(
    each_backend: EachBackend, interface: str, around: str, caplog: pytest.LogCaptureFixture
) -> None:
    with each_backend(mounted(interface, around), raise_server_exceptions=False) as client:
        response = client.get("/old/fail")
        assert (response.status_code, response.json()["status"]) == (500, 500)
        assert response.headers.get("x-around") == ("500" if around == "middleware" else None)
    assert "test_mount_foreign" in caplog.text
    assert "KeyError: 'before'" in caplog.text


@interfaces
def test_dependencies_guard_it(each_backend: EachBackend, interface: str) -> None:
    with each_backend(mounted(interface, "guard")) as client:
        for method, path in (("GET", "/old/x"), ("POST", "/old/echo"), ("PROPFIND", "/old"), ("HEAD", "/old/x")):
            assert client.request(method, path).status_code == 401
            assert client.request(method, path, headers=SECRET).status_code == 200


@interfaces
def test_those_of_a_mount_guard_an_app_of_hinge_too(each_backend: EachBackend, interface: str) -> None:
    inner, app = mounted(interface), App()
    inner.get("/own")(lambda: "own")
    app.mount("/in", inner, dependencies=[Depends(guarded)])
    with each_backend(app) as client:
        for path in ("/in/own", "/in/old/x"):
            assert client.get(path).status_code == 401
            assert client.get(path, headers=SECRET).status_code == 200
        assert client.get("/in/old/x", headers=SECRET).json()["root"] == "/in/old"


@interfaces
def test_at_the_root_it_gets_what_no_route_answers(each_backend: EachBackend, interface: str) -> None:
    app = mounted(interface, path="/")
    app.get("/own")(lambda: "own")
    app.get("/own/{name}")(lambda name: name)
    with each_backend(app) as client:
        assert [client.get(path).text for path in ("/own", "/own/x")] == ["own", "x"]
        assert client.head("/own").headers["content-length"] == "3"
        for method, path in (("GET", "/"), ("GET", "/own/x/y"), ("POST", "/own"), ("DELETE", "/own/x")):
            answer = client.request(method, path).json()
            assert (answer["path"], answer["root"], answer["method"]) == (path, "", method)


@interfaces
def test_a_server_s_prefix_is_before_its_own(each_backend: EachBackend, interface: str) -> None:
    if Feature.PREFIX not in each_backend.features:
        pytest.skip(f"{each_backend.name} lacks {Feature.PREFIX.value} (Feature.PREFIX)")
    with each_backend(mounted(interface), prefix="/below") as client:
        answer = client.get("/old/x").json()
        assert (answer["path"], answer["root"]) == ("/x", "/below/old")


def test_it_has_an_address(each_backend: EachBackend) -> None:
    app = App()
    app.mount("/old", wsgi_app, name="legacy")
    app.get("/where")(lambda request: request.url_for("legacy", path="a/b"))
    app.routes[0].handler.__annotations__["request"] = Request
    with each_backend(app) as client:
        assert client.get("/where").text == "/old/a/b" == app.url_for("legacy", path="a/b")


# -- told apart --------------------------------------------------------------------------------------------------------


class Callable2:
    def __call__(self, environ: Any, start_response: Any) -> Any: ...


class Callable3:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...


class Endpoint:
    def __init__(self, scope: Any, receive: Any, send: Any) -> None: ...


class Double:
    def __init__(self, scope: Any) -> None: ...
    async def __call__(self, receive: Any, send: Any) -> None: ...


class Named:
    def __init__(self, import_name: Any, folder: Any) -> None: ...


async def async_two(environ: Any, start_response: Any) -> None: ...


def either(first: Any, second: Any, third: Any = None) -> None: ...


def any_of(*args: Any) -> None: ...


def wrapped(app: Any) -> Any:
    @functools.wraps(app)
    def wrapper(*args: Any) -> Any:
        return app(*args)

    return wrapper


@pytest.mark.parametrize(
    ("app", "told", "interface"),
    [
        (wsgi_app, None, "wsgi"),
        (Callable2(), None, "wsgi"),
        (Callable2().__call__, None, "wsgi"),
        (functools.partial(lambda name, environ, start: None, "x"), None, "wsgi"),
        (wrapped(wsgi_app), None, "wsgi"),
        (asgi_app, None, "asgi"),
        (Callable3(), None, "asgi"),
        (Endpoint, None, "asgi"),
        (wrapped(asgi_app), None, "asgi"),
        (any_of, "wsgi", "wsgi"),
        (any_of, "asgi", "asgi"),
        (either, "asgi", "asgi"),
    ],
)
def test_protocols_are_told_apart(app: Any, told: Any, interface: str) -> None:
    outer = App()
    outer.mount("/x", app, interface=told)
    assert outer.routes[-1].interface == interface


@pytest.mark.parametrize(
    ("app", "told", "message"),
    [
        (any_of, None, r"cannot be told whether .*any_of is .*\(\*args\)\. Fix: say it, as in mount\(.*interface="),
        (either, None, r"it is called as \(first, second, third=\.\.\.\)"),
        (async_two, None, "but is an async function"),
        (lambda: wsgi_app, None, r"it is called as \(\)\. Fix: call it, if that makes one: "),
        (Double, None, r"it is called as \(scope\)"),
        (Named, None, "and is a class"),
        ("module:app", None, "it cannot be called. Fix: give a hinge.App, or the WSGI or ASGI application itself"),
        (
            wsgi_app,
            "asgi",
            r"is called as \(environ, start_response\)\. Fix: leave interface= out, or interface='wsgi'",
        ),
        (wsgi_app, "cgi", "interface='cgi' is neither"),
    ],
)
def test_what_cannot_be_told_is_refused(app: Any, told: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as error:
        App().mount("/x", app, interface=told)
    assert "test_mount_foreign.py:" in str(error.value)


@pytest.mark.parametrize("declare", [lambda app: app.static("/x", "."), lambda app: app.mount("/x", asgi_app)])
def test_what_takes_the_same_paths_is_refused(declare: Callable[[App], None]) -> None:
    app = App()
    declare(app)
    app.mount("/x", wsgi_app)
    with pytest.raises(
        ConfigurationError, match=r"mount\('/x', \.\.\.\) \(.*test_mount_foreign\.py:\d+\): /x/\{path:path\}"
    ):
        app.compile("wsgi")


# -- what WSGI allows --------------------------------------------------------------------------------------------------


def wsgi_corners(notes: list[str]) -> Any:
    """Return an application with a path for each corner of PEP 3333."""

    class Body:
        def __init__(self, *chunks: Any) -> None:
            self.chunks = chunks

        def __iter__(self) -> Iterator[bytes]:
            for chunk in self.chunks:
                if isinstance(chunk, Exception):
                    raise chunk
                yield chunk

        def close(self) -> None:
            notes.append("closed")

    def late(environ: Any, start: Any) -> Iterator[bytes]:
        start("201 Late", [("Content-Type", "text/plain")])
        yield b"late"

    def replaced(environ: Any, start: Any) -> Iterator[bytes]:
        start("200 OK", [("Content-Type", "text/plain")])
        yield b""
        try:
            raise KeyError("too late for that")
        except KeyError:
            start("503 Sorry", [("Content-Type", "text/plain")], sys.exc_info())
        yield b"replaced"

    def corners(environ: Any, start: Any) -> Any:
        path = environ["PATH_INFO"]
        if path == "/late":
            return late(environ, start)
        if path == "/replaced":
            return replaced(environ, start)
        if path == "/silent":
            return []
        if path == "/twice":
            start("200 OK", [])
        if path == "/split":
            start("200 OK", [("X-A", "b\r\nSet-Cookie: c=d")])
        length = {"/short": "9", "/long": "2"}.get(path)
        write = start("200 OK", [("Content-Type", "text/plain"), *([("Content-Length", length)] if length else [])])
        if path == "/written":
            write(b"written, ")
            write(b"then ")
            return [b"returned"]
        if path == "/file":
            return environ["wsgi.file_wrapper"](io.BytesIO(b"a file" * 3), 7)
        if path == "/begun":
            raise KeyError("behind start_response")
        if path == "/keyword":
            start("202 Again", [("Content-Type", "text/plain")], exc_info=(KeyError, KeyError("x"), None))
        if path == "/failing":
            return Body(b"first,", KeyError("after"))
        return Body(b"one,", b"two")

    return corners


@pytest.mark.parametrize("around", ["nothing", "middleware"])
@pytest.mark.parametrize("chunks", [0, 1, 3])
def test_a_wsgi_app_resets_what_its_call_has_set(each_backend: EachBackend, around: str, chunks: int) -> None:
    """Flask's `stream_with_context` sets its variables in the call and resets them behind the last chunk."""
    ends = []

    class Output:
        def __init__(self, token: Any) -> None:
            self.token, self.left = token, iter(range(chunks))

        def __iter__(self) -> Any:
            return self

        def __next__(self) -> bytes:
            return b"%d %s\n" % (next(self.left), VARIABLE.get().encode())

        def close(self) -> None:
            ends.append(VARIABLE.get())
            VARIABLE.reset(self.token)

    def app(environ: Any, start: Any) -> Any:
        start("200 OK", [("Content-Type", "text/plain")])
        return Output(VARIABLE.set("of the call"))

    with each_backend(mounted("wsgi", around, app=app)) as client:
        answer = client.get("/old/x")
        assert answer.text == "".join(f"{number} of the call\n" for number in range(chunks))
    assert ends == ["of the call"]


@pytest.mark.parametrize("around", ["nothing", "middleware"])
@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/late", 201, "late"),
        ("/replaced", 503, "replaced"),
        ("/written", 200, "written, then returned"),
        ("/file", 200, "a file" * 3),
        ("/closing", 200, "one,two"),
        ("/silent", 500, None),
        ("/begun", 500, None),
        ("/keyword", 202, "one,two"),
    ],
)
def test_corners_of_wsgi(each_backend: EachBackend, around: str, path: str, status: int, body: str | None) -> None:
    notes: list[str] = []
    app = mounted("wsgi", around, app=wsgi_corners(notes))
    with each_backend(app, raise_server_exceptions=False) as client:
        response = client.get(f"/old{path}")
        assert response.status_code == status
        assert body is None or response.text == body
    assert notes == (["closed"] if path in ("/closing", "/keyword") else [])


@pytest.mark.parametrize("path", ["/twice", "/split", "/short", "/long"])
def test_answers_that_http_cannot_carry_are_refused(client_for: Callable[..., Client], path: str) -> None:
    app = mounted("wsgi", "middleware", app=wsgi_corners([]))
    client = client_for(app, raise_server_exceptions=False)
    try:
        response = client.get(f"/old{path}")
    except Exception:
        assert path in ("/short", "/long")
    else:
        assert response.status_code == 500
        assert "set-cookie" not in response.headers


@interfaces
@pytest.mark.parametrize("around", ["nothing", "middleware"])
@pytest.mark.parametrize(
    ("status", "length"), [*((one, "2") for one in (0, 99, 100, 101, 600, 999, 1000)), *((200, one) for one in "13")]
)
def test_statuses_and_lengths_that_are_none_are_refused(
    client_for: Callable[..., Client], interface: str, around: str, status: int, length: str
) -> None:
    def odd_wsgi(environ: Any, start: Any) -> Any:
        start(f"{status} Odd", [("Content-Length", length)])
        return [b"o", b"k"]

    async def odd_asgi(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            headers = [(b"Content-Length", length.encode())]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": b"ok"})

    app = mounted(interface, around, app={"wsgi": odd_wsgi, "asgi": odd_asgi}[interface])
    client = client_for(app, raise_server_exceptions=False)
    try:
        assert client.get("/old").status_code == 500
    except Aborted:  # its head is out
        assert status == 200


@interfaces
@pytest.mark.parametrize("around", ["nothing", "middleware"])
@pytest.mark.needs(Feature.ABORT, "the client sees that it is cut")
def test_what_fails_later_is_cut(client_for: Callable[..., Client], interface: str, around: str) -> None:
    async def failing(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"first,", "more_body": True})
            await asyncio.sleep(0.05)
            raise KeyError("after")

    apps: dict[str, Any] = {"wsgi": wsgi_corners([]), "asgi": failing}
    client = client_for(mounted(interface, around, app=apps[interface]), raise_server_exceptions=False)
    with client.stream("GET", "/old/failing") as response:
        assert response.status_code == 200
        with pytest.raises(Exception):
            b"".join(response.iter_bytes())


# -- streams, at the pace of whoever is slower -------------------------------------------------------------------------


@interfaces
@pytest.mark.needs(Feature.STREAMING, "the stream has no end")
def test_an_endless_stream_is_made_at_its_client_s_pace_and_closed(
    client_for: Callable[..., Client], interface: str
) -> None:
    made, ended = 0, threading.Event()
    chunk = b"x" * 4096

    def wsgi(environ: Any, start: Any) -> Iterator[bytes]:
        nonlocal made
        start("200 OK", [("Content-Type", "text/plain")])
        try:
            while True:
                made += 1
                yield chunk
        finally:
            ended.set()

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        nonlocal made
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            try:
                while True:
                    made += 1
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            finally:
                ended.set()

    # A limit keeps it from being handed over: servers, too, take no more than they send.
    client = client_for(mounted(interface, "limit", app={"wsgi": wsgi, "asgi": asgi}[interface]))
    with client.stream("GET", "/old/x") as response:
        received = 0
        for piece in response.iter_bytes():
            received += len(piece)
            if received > 20 * len(chunk):
                break
        time.sleep(0.1)
        assert made * len(chunk) < received + 4 * 65536 + 2 * len(chunk)
    assert ended.wait(10)


def test_one_that_says_nothing_more_is_closed_when_its_client_leaves() -> None:
    """By hand: a client of the kit's cancels what it leaves, which no server does."""
    ended = threading.Event()

    def silent(environ: Any, start: Any) -> Iterator[bytes]:
        start("200 OK", [("Content-Type", "text/plain")])
        try:
            yield b"first"
            while True:
                time.sleep(0.01)
                yield b""
        finally:
            ended.set()

    async def leave() -> None:
        peer = Peer({"type": "http.request", "body": b"", "more_body": False})
        task = asyncio.ensure_future(application(scope("/old/x"), peer.receive, peer.send))
        await asyncio.wait_for(peer.has_sent_body.wait(), 10)
        await asyncio.sleep(0.05)
        peer.left.set()
        done, _ = await asyncio.wait((task,), timeout=10)
        assert done

    application = mounted("wsgi", app=silent).compile("asgi")
    asyncio.run(leave())
    assert ended.is_set()


@interfaces
@pytest.mark.needs(Feature.DUPLEX, "the answer is sent while the body arrives")
@pytest.mark.needs(Feature.STREAMING, "the answer is sent while the body arrives")
def test_a_body_arrives_while_its_answer_is_sent(client_for: Callable[..., Client], interface: str) -> None:
    def wsgi(environ: Any, start: Any) -> Iterator[bytes]:
        start("200 OK", [("Content-Type", "text/plain")])
        while piece := environ["wsgi.input"].read(100_000):
            yield piece

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            more = True
            while more:
                message = await receive()
                more = message.get("more_body", False)
                await send({"type": "http.response.body", "body": message.get("body", b""), "more_body": more})

    client = client_for(mounted(interface, app={"wsgi": wsgi, "asgi": asgi}[interface]))
    pieces = [b"%d" % (number % 10) * 50_000 for number in range(20)]
    assert client.post("/old/x", content=iter(pieces)).content == b"".join(pieces)


def test_a_long_wait_hears_that_its_client_has_left() -> None:
    """Where the server tells: before the answer has begun, as from the server itself."""
    told = threading.Event()

    async def waits(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            assert (await receive())["type"] == "http.request"
            assert (await receive())["type"] == "http.disconnect"
            with pytest.raises(OSError, match="left"):
                await send({"type": "http.response.start", "status": 200, "headers": []})
            told.set()

    async def leave() -> None:
        peer = Peer({"type": "http.request", "body": b"", "more_body": False})
        task = asyncio.ensure_future(application(scope("/old/x"), peer.receive, peer.send))
        await asyncio.sleep(0.05)
        peer.left.set()
        await asyncio.wait_for(asyncio.wait((task,)), 10)

    application = mounted("asgi", "limit", app=waits).compile("asgi")
    asyncio.run(leave())
    assert told.is_set()


# -- lifespans, state, work behind the answer --------------------------------------------------------------------------


def with_lifespan(notes: list[str], *, failing: str = "") -> Any:
    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            assert (await receive())["type"] == "lifespan.startup"
            notes.append(f"starts with {scope['state']['db']}")
            scope["state"]["own"] = len(notes)
            if failing == "startup":
                await send({"type": "lifespan.startup.failed", "message": "no database"})
                return
            await send({"type": "lifespan.startup.complete"})
            assert (await receive())["type"] == "lifespan.shutdown"
            notes.append("stops")
            await send({"type": "lifespan.shutdown.complete"})
            return
        body = json.dumps(dict(scope["state"])).encode()
        length = (b"content-length", b"%d" % len(body))
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": body})

    return asgi


@around
def test_its_lifespan_runs_with_the_worker(each_backend: EachBackend, around: str) -> None:
    notes: list[str] = []
    app = mounted("asgi", around, app=with_lifespan(notes))
    app.mount("/again", app._declared.foreign[0].app, name="again")
    app.get("/state")(show_state)
    with each_backend(app) as client:
        assert notes == ["starts with outer"], "once, though it is mounted twice"
        for path in ("/old/x", "/again/x"):
            state = client.get(path, headers=SECRET).json()
            assert (state["own"], state["db"]) == (1, "outer")
        assert "own" not in client.get("/state").json(), "its own"
    assert notes == ["starts with outer", "stops"]


def show_state(state: State) -> dict[str, Any]:
    return dict(state)


def test_one_that_cannot_start_keeps_the_worker_from_starting(each_backend: EachBackend) -> None:
    app = mounted("asgi", app=with_lifespan([], failing="startup"))
    with pytest.raises(RuntimeError, match=r"mounted application .* failed to start: no database"):  # noqa: SIM117
        with each_backend(app):
            raise NotImplementedError


def test_state_of_a_mounted_app_of_hinge_reaches_what_is_mounted_in_it(each_backend: EachBackend) -> None:
    notes: list[str] = []
    inner, app = App(openapi_path=None), App(openapi_path=None)

    @inner.lifespan
    def inner_life() -> Iterator[dict[str, str]]:
        yield {"db": "inner"}

    inner.mount("/deep", with_lifespan(notes))
    app.mount("/in", inner)
    with each_backend(app) as client:
        assert client.get("/in/deep/x").json() == {"db": "inner", "own": 1}


@pytest.mark.parametrize("around", ["nothing", "limit"])
def test_work_behind_the_answer_is_done(each_backend: EachBackend, around: str) -> None:
    done: list[int] = []

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"at once"})
            await asyncio.sleep(0.05)
            done.append(1)

    with each_backend(mounted("asgi", around, app=asgi)) as client:
        for _ in range(3):
            assert client.get("/old/x").text == "at once"
    assert done == [1, 1, 1]


def test_task_groups_may_span_an_answer(each_backend: EachBackend) -> None:
    """As middleware of Starlette has them: entered before the body is read, left behind the last chunk."""

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            async with anyio.create_task_group() as group:
                inside = asyncio.current_task()
                with anyio.fail_after(10):
                    await receive()
                    await send({"type": "http.response.start", "status": 200, "headers": []})
                    for number in range(3):
                        await send({"type": "http.response.body", "body": b"%d" % number, "more_body": True})
                        await asyncio.sleep(0.03)
                    assert asyncio.current_task() is inside
                group.cancel_scope.cancel()
            await send({"type": "http.response.body", "body": b"end"})

    with each_backend(mounted("asgi", "limit", app=asgi)) as client:
        assert client.post("/old/x", content=b"x" * 500).text == "012end"


@pytest.mark.parametrize("chunks", [0, 3])
def test_who_listens_for_the_leaving_hears_the_end(each_backend: EachBackend, chunks: int) -> None:
    """As Litestar's streams do: `receive` tells of a disconnect once the answer is complete."""

    async def listen(receive: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            async with anyio.create_task_group() as group:
                group.start_soon(listen, receive)
                await send({"type": "http.response.start", "status": 200, "headers": []})
                for number in range(chunks):
                    await send({"type": "http.response.body", "body": b"%d" % number, "more_body": True})
                    await asyncio.sleep(0.03)
                await send({"type": "http.response.body"})

    with each_backend(mounted("asgi", "limit", app=asgi)) as client:
        assert client.get("/old/x").text == "012"[:chunks]


# -- WebSockets --------------------------------------------------------------------------------------------------------


async def socket_app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "websocket":
        raise ValueError(scope["type"])
    assert (await receive()) == {"type": "websocket.connect"}
    path = scope["path"].removeprefix(scope["root_path"])
    if path == "/closed":
        await send({"type": "websocket.close", "code": 4000})
        return
    if path == "/denied":
        await send({"type": "websocket.http.response.start", "status": 418, "headers": [(b"x-why", b"tea")]})
        await send({"type": "websocket.http.response.body", "body": b"short", "more_body": True})
        await send({"type": "websocket.http.response.body", "body": b" and stout"})
        return
    chosen = next(iter(scope.get("subprotocols") or ()), None)
    await send({"type": "websocket.accept", "subprotocol": chosen})
    await send({"type": "websocket.send", "text": f"{scope['root_path']} {path} {scope['state']['db']}"})
    while (message := await receive())["type"] == "websocket.receive":
        echo = {key: message[key] for key in ("text", "bytes") if message.get(key) is not None}
        await send({"type": "websocket.send", **echo})
    with pytest.raises(OSError, match="closed"):
        await send({"type": "websocket.send", "text": "late"})
    SEEN.append(message["code"])


SEEN: list[int] = []


@pytest.mark.parametrize("around", ["nothing", "guard", "middleware"])
@pytest.mark.needs(Feature.WEBSOCKET, "the application speaks it")
def test_websockets_of_an_application(client_for: Callable[..., Client], around: str) -> None:
    app = mounted("asgi", app=socket_app)
    if around == "middleware":
        app.middleware(watching)
    if around == "guard":
        app = mounted("asgi", "guard", app=socket_app)
    client, how = client_for(app), {"headers": SECRET, "subprotocols": ["chat"]}
    SEEN.clear()
    with client.websocket("/old/live", **how) as ws:
        assert ws.subprotocol == "chat"
        assert ws.receive() == "/old /live outer"
        for message in ("text", b"bytes"):
            ws.send(message)
            assert ws.receive() == message
    for _ in range(100):
        if SEEN:
            break
        time.sleep(0.02)
    assert SEEN == [1000]
    for path, status in (("closed", 403), ("denied", 418)):
        with pytest.raises(WebSocketDenied) as denied, client.websocket(f"/old/{path}", **how):
            raise NotImplementedError
        assert denied.value.response.status_code == status
    if around == "guard":
        with pytest.raises(WebSocketDenied) as denied, client.websocket("/old/live"):
            raise NotImplementedError
        assert denied.value.response.status_code == 401


def watching(request: HTTPConnection) -> Any:
    yield


@pytest.mark.needs(Feature.WEBSOCKET, "the application speaks it")
def test_a_guard_that_needs_a_request_refuses_websockets(client_for: Callable[..., Client]) -> None:
    def http_only(request: Request) -> None: ...

    app = App()
    app.mount("/old", socket_app, dependencies=[Depends(http_only)])
    with pytest.raises(WebSocketDenied), client_for(app).websocket("/old/live"):
        raise NotImplementedError


def test_a_handshake_where_there_are_no_websockets_is_told(each_backend: EachBackend) -> None:
    if Feature.WEBSOCKET in each_backend.features:
        pytest.skip("it has them")
    headers = {"upgrade": "websocket", "connection": "upgrade"}
    with each_backend(mounted("asgi", app=socket_app), raise_server_exceptions=False) as client:
        assert client.get("/old/live", headers=headers).status_code == 426
