"""The access log: one line a request, whoever answers it, and no line of a client's; and logs as JSON."""

import contextlib
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from hinge import App, Config, ConfigurationError, Request, WebSocket
from hinge.backend import Feature
from hinge.middleware import ProxyHeaders, RequestID, request_id
from hinge.observability import AccessLog, JSONFormatter
from hinge.testing import Client


class Kept(logging.Handler):
    """A handler that keeps what it is given, and its lines."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.lines.append(self.format(record))


@pytest.fixture
def kept() -> Iterator[Kept]:
    handler, logger = Kept(), logging.getLogger("hinge.access")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


def app_with(*observers: Any) -> App:
    app = App(middleware=[RequestID()])
    app.get("/items/{name}")(lambda name: name)
    app.get("/live")(lambda: "ok")

    @app.get("/stream")
    def stream() -> Iterator[str]:
        yield "abc"
        yield "de"

    @app.get("/broken")
    def broken() -> None:
        raise KeyError("no")

    for one in observers:
        app.observe(one)
    return app


def test_a_request_is_a_line(client_for: Any, kept: Kept) -> None:
    client = client_for(app_with(AccessLog(ignore=["/live"])))
    ids = {"x-request-id": "id-1"}
    for path in ("/items/1?token=secret", "/stream", "/live", "/nowhere", "/broken"):
        client.get(path, headers=ids)
    ends = [line.split(" ", 2)[2].split(" ") for line in kept.lines]
    assert [(*one[:4], *one[5:]) for one in ends] == [
        ('"GET', "/items/1", 'HTTP/1.1"', "200", "1", "/items/{name}", "id-1"),
        ('"GET', "/stream", 'HTTP/1.1"', "200", "5", "/stream", "id-1"),
        ('"GET', "/nowhere", 'HTTP/1.1"', "404", *ends[2][5:6], "-", "id-1"),
        ('"GET', "/broken", 'HTTP/1.1"', "500", *ends[3][5:6], "/broken", "id-1"),
    ]
    assert all(line.startswith("127.0.0.1 - ") and float(line.split(" ")[6]) >= 0 for line in kept.lines)
    assert {name: vars(kept.records[0])[name] for name in ("route", "status", "bytes", "client", "request_id")} == {
        "route": "/items/{name}",
        "status": 200,
        "bytes": 1,
        "client": "127.0.0.1",
        "request_id": "id-1",
    }


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/a%0A%0D%1b[31m%22%20%C3%A9%2525%E2%80%AE", "/a%0A%0D%1B%5B31m%22%20%C3%A9%2525%E2%80%AE"),
        ("/items/x%0a127.0.0.1%20-%20forged", "/items/x%0A127.0.0.1%20-%20forged"),
        ("/%ff", None),
    ],
)
def test_no_client_writes_a_line(client_for: Any, kept: Kept, path: str, shown: str | None) -> None:
    client_for(app_with(AccessLog())).get(path)
    (line,) = kept.lines
    assert line.isascii()
    assert line.isprintable()
    assert shown is None or f'"GET {shown} HTTP/1.1"' in line


def test_nor_does_an_id_of_the_apps(client_for: Any, kept: Kept) -> None:
    app = App()

    @app.get("/")
    def handler() -> str:
        request_id.set("a\nb c")
        return "ok"

    app.observe(AccessLog())
    client_for(app).get("/")
    assert kept.lines[0].endswith(" / a%0Ab%20c")


def test_a_trusted_proxy_tells_the_client(client_for: Any, kept: Kept) -> None:
    app = App(middleware=[ProxyHeaders("x-forwarded", trusted=["127.0.0.1"])])
    app.observe(AccessLog())
    client = client_for(app)
    client.get("/", headers={"x-forwarded-for": "203.0.113.7"})
    client.get("/", headers={"x-forwarded-for": "evil\t", "x-forwarded-host": "a b"})
    assert kept.lines[0].startswith("203.0.113.7 - ")
    assert len(kept.lines) == 2


@pytest.mark.needs(Feature.WEBSOCKET, "the handler speaks it")
def test_a_websocket_is_a_line_at_its_end(client_for: Any, kept: Kept) -> None:
    app = app_with(AccessLog())

    @app.websocket("/rooms/{name}")
    async def room(ws: WebSocket, name: str) -> None:
        await ws.accept()

    client = client_for(app)
    with contextlib.suppress(Exception), client.websocket("/rooms/a") as ws:
        ws.receive()
    (line,) = kept.lines
    assert '"WEBSOCKET /rooms/a HTTP/1.1" 101 ' in line
    assert " 0 /rooms/{name} " in line


def wsgi_gate(application: Any) -> Any:
    def gate(environ: Any, start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/refused":
            start_response("403 Forbidden", [("content-length", "2")])
            return [b"no"]
        if environ["PATH_INFO"] == "/late":
            return late(environ, start_response)
        return application(dict(environ), start_response)

    def late(environ: Any, start_response: Any) -> Any:
        yield from application(environ | {"PATH_INFO": "/live"}, start_response)

    return gate


class WSGIGate:
    def __init__(self, application: Any) -> None:
        self.application = application

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return wsgi_gate(self.application)(environ, start_response)


class ASGIGate:
    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await asgi_gate(self.application)(scope, receive, send)


def asgi_gate(application: Any) -> Any:
    async def gate(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] == "/refused":
            await send({"type": "http.response.start", "status": 403, "headers": [], "trailers": False})
            await send({"type": "http.response.body", "body": b"no", "more_body": False})
            return
        path = scope.get("path")
        await application(dict(scope) | ({"path": "/live"} if path == "/late" else {}), receive, send)

    return gate


@pytest.mark.parametrize("is_wrapped", [False, True])
@pytest.mark.parametrize("name", ["wsgi", "asgi"])
def test_what_native_middleware_answers_is_a_line_too(kept: Kept, name: str, *, is_wrapped: bool) -> None:
    inside = {} if is_wrapped else {"wsgi_middleware": [wsgi_gate], "asgi_middleware": [asgi_gate]}
    app = App(**inside)
    app.get("/live")(lambda: "ok")
    app.observe(AccessLog())
    served: Any = {"wsgi": WSGIGate, "asgi": ASGIGate}[name](app) if is_wrapped else app
    with Client(served, name) as client:
        assert client.get("/refused").status_code == 403
        assert client.get("/live").text == "ok"
        if name == "asgi":
            assert client.get("/late").text == "ok"
    shown = [line.split('"')[1] + line.split('"')[2][:4] for line in kept.lines]
    assert shown[:2] == ["GET /refused HTTP/1.1 403", "GET /live HTTP/1.1 200"]
    assert kept.lines[0].split(" ")[-3:] == ["2", "-", "-"]
    assert len(kept.lines) == (3 if name == "asgi" else 2)


@pytest.mark.parametrize("name", ["wsgi", "asgi"])
def test_the_setting_adds_it_once(kept: Kept, name: str) -> None:
    for observers, count in (([], 1), ([AccessLog()], 1)):
        app = App(config=Config(access_log=True))
        inner = App(config=Config(access_log=True))
        inner.get("/")(lambda: "ok")
        app.mount("/inner", inner)
        for one in observers:
            app.observe(one)
        kept.lines.clear()
        with Client(app, name) as client:
            client.get("/inner/")
        assert len(kept.lines) == count


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"AccessLog\(logger=5\) \(.*\): it is no text\. Fix: a text"):
        AccessLog(logger=5)  # type: ignore[arg-type]


# -- JSON --------------------------------------------------------------------------------------------------------------


def logged(*args: Any, **options: Any) -> dict[str, Any]:
    """Return what a record is as JSON, which is one line."""
    handler, logger = Kept(), logging.getLogger("test.json")
    handler.setFormatter(JSONFormatter())
    logger.propagate = False
    logger.addHandler(handler)
    try:
        logger.warning(*args, **options)
    finally:
        logger.removeHandler(handler)
    (line,) = handler.lines
    assert line.isascii()
    assert line.isprintable()
    found: dict[str, Any] = json.loads(line, parse_constant=pytest.fail)  # NaN is none of JSON's
    return found


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("args", "options", "found"),
    [
        (("said %s", "it"), {}, {"message": "said it", "level": "WARNING", "logger": "test.json"}),
        (("a\n\x1b\u2028\u202eb é",), {}, {"message": "a\n\x1b\u2028\u202eb é"}),
        (("x",), {"extra": {"number": 1, "items": [1, {"a": None}]}}, {"number": 1, "items": [1, {"a": None}]}),
        (("x",), {"extra": {"level": "DEBUG", "time": "never"}}, {"level": "WARNING"}),
        (("x",), {"extra": {"path": sys}}, {"path": str(sys)}),
        (("x",), {"extra": {"odd": {(1, 2): 3}}}, {"message": "x", "odd": "{(1, 2): 3}"}),
        (("x",), {"extra": {"ratio": float("nan"), "odd": {"a": float("inf")}}}, {"ratio": "nan", "odd": "{'a': inf}"}),
    ],
)
def test_a_record_is_one_object_on_one_line(args: Any, options: Any, found: dict[str, Any]) -> None:
    line = logged(*args, **options)
    assert {key: line[key] for key in found} == found
    assert line["time"].endswith("+00:00")


def test_half_of_a_character_is_kept() -> None:
    record = logging.makeLogRecord({"msg": "a\ud800b"})
    assert json.loads(JSONFormatter().format(record))["message"] == "a\ud800b"


def test_what_cannot_be_shown_is_still_a_line() -> None:
    circle: list[Any] = []
    circle.append(circle)
    assert logged("x", extra={"circle": circle, "odd": Unprintable()})["message"] == "x"
    assert "Unprintable" in logged("x", extra={"odd": Unprintable()})["odd"]


def test_an_exception_is_a_text() -> None:
    try:
        raise KeyError("no\nforged")
    except KeyError:
        line = logged("failed", exc_info=True)
    assert line["exception"].startswith("Traceback (most recent call last)")
    assert "KeyError" in line["exception"]


def test_a_line_of_a_request_names_it(client_for: Any) -> None:
    app, lines = App(middleware=[RequestID()]), []

    @app.get("/items/{name}")
    def item(request: Request, name: str) -> str:
        lines.append(logged("inside"))
        return "ok"

    app.observe(AccessLog())
    client_for(app).get("/items/1", headers={"x-request-id": "id-1"})
    assert (lines[0]["request_id"], lines[0]["route"]) == ("id-1", "/items/{name}")
    assert "route" not in logged("outside")


def test_a_line_inside_of_a_span_names_it() -> None:
    sdk = pytest.importorskip("opentelemetry.sdk.trace")
    with sdk.TracerProvider().get_tracer("test").start_as_current_span("x") as span:
        line = logged("inside")
    assert line["trace_id"] == format(span.get_span_context().trace_id, "032x")
    assert line["span_id"] == format(span.get_span_context().span_id, "016x")
