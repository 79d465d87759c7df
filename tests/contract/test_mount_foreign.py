"""Applications of other frameworks below a prefix: the same on every backend, alone and inside middleware and guards.

Law: each application is written by hand in its protocol, so that nothing of a framework's is between the test and what
the protocol says.
"""

import contextvars
import functools
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hinge import App, ConfigurationError, Depends, HTTPConnection, HTTPError, Request
from hinge.backend.contract import Feature
from hinge.testing import EachBackend

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
