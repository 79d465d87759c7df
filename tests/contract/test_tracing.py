"""Tracing: one span a request, with the right parent, around all that belongs to the request."""

import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk")

from opentelemetry import context, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from tests.support.waiting import until

from hinge import (
    App,
    ConfigurationError,
    Depends,
    Middleware,
    Request,
    WebSocket,
)
from hinge.backend import Feature
from hinge.middleware import ProxyHeaders
from hinge.observability import Tracing
from hinge.testing import Client

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CALLER = {"traceparent": f"00-{TRACE}-{PARENT}-01"}


class Traces:
    """An SDK of the test's own, and what it has exported."""

    def __init__(self) -> None:
        self.provider = TracerProvider()
        self._exporter = InMemorySpanExporter()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = self.provider.get_tracer("test")

    def all(self) -> list[Any]:
        return list(self._exporter.get_finished_spans())

    def server(self) -> Any:
        """Return the one span of a request, once it has ended."""
        until(lambda: [one for one in self.all() if one.instrumentation_scope.name == "hinge"], "a span")
        (span,) = [one for one in self.all() if one.instrumentation_scope.name == "hinge"]
        return span

    def inner(self, count: int = 1) -> list[Any]:
        """Return the spans that an app has made, once there are so many."""
        until(lambda: len([one for one in self.all() if one.instrumentation_scope.name == "test"]) >= count, "spans")
        return [one for one in self.all() if one.instrumentation_scope.name == "test"]


@pytest.fixture
def traces() -> Traces:
    return Traces()


def app_with(traces: Traces) -> App:
    app, span = App(), traces.tracer.start_as_current_span

    def provider() -> Iterator[int]:
        with span("dependency"):
            yield 1

    @app.middleware
    def header(request: Request) -> Middleware:
        if "x-middleware" in request.headers:
            with span("middleware"):
                yield
        else:
            yield

    @app.get("/def/{number}")
    def plain(number: int) -> str:
        with span("inner"):
            return "ok"

    @app.get("/async")
    async def waits() -> str:
        with span("inner"):
            return "ok"

    @app.get("/inline", inline=True)
    def inline() -> str:
        with span("inner"):
            return "ok"

    @app.get("/depends", dependencies=[Depends(provider)])
    async def depends() -> str:
        with span("inner"):
            return "ok"

    @app.get("/stream")
    def stream() -> Iterator[str]:
        for number in range(2):
            with span(f"chunk {number}"):
                yield "x"

    @app.get("/stream-async")
    async def stream_async() -> AsyncIterator[str]:
        for number in range(2):
            with span(f"chunk {number}"):
                pass
            yield "x"

    @app.get("/after")
    def after(request: Request) -> str:
        def work() -> None:
            span("after").__enter__().end()

        async def work_async() -> None:
            span("after async").__enter__().end()

        request.after_response(work)
        request.after_response(work_async)
        return "ok"

    @app.get("/broken")
    def broken() -> None:
        raise KeyError("no")

    app.observe(Tracing(provider=traces.provider))
    return app


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/def/1", ["inner"]),
        ("/async", ["inner"]),
        ("/inline", ["inner"]),
        ("/depends", ["inner", "dependency"]),
        ("/stream-async", ["chunk 0", "chunk 1"]),
        ("/after", ["after", "after async"]),
    ],
)
def test_what_belongs_to_a_request_is_inside_its_span(
    client_for: Any, traces: Traces, path: str, names: list[str]
) -> None:
    client = client_for(app_with(traces))
    assert client.get(path, headers=CALLER).status_code == 200
    server, inner = traces.server(), traces.inner(len(names))
    assert format(server.context.trace_id, "032x") == TRACE
    assert format(server.parent.span_id, "016x") == PARENT
    assert [one.name for one in inner] == names
    parents = {one.parent.span_id for one in inner} - {one.context.span_id for one in inner}
    assert parents == {server.context.span_id}


def test_a_plain_stream_is_inside_of_it_up_to_its_end(client_for: Any, traces: Traces) -> None:
    client = client_for(app_with(traces))
    assert client.get("/stream").text == "xx"
    server, inner = traces.server(), traces.inner(2)
    assert {one.context.trace_id for one in inner} == {server.context.trace_id}
    assert server.end_time >= inner[-1].start_time


def test_middleware_is_inside_of_it(client_for: Any, traces: Traces) -> None:
    client_for(app_with(traces)).get("/nowhere", headers={"x-middleware": "yes"})
    server = traces.server()
    (inner,) = traces.inner()
    assert (server.name, inner.parent.span_id) == ("GET", server.context.span_id)


@pytest.mark.parametrize(
    ("method", "path", "name", "attributes"),
    [
        ("GET", "/def/7", "GET /def/{number}", {"http.route": "/def/{number}", "http.response.status_code": 200}),
        ("HEAD", "/def/7", "HEAD /def/{number}", {"http.request.method": "HEAD"}),
        ("GET", "/nowhere", "GET", {"http.route": None, "http.response.status_code": 404, "error.type": None}),
        ("DELETE", "/async", "DELETE", {"http.response.status_code": 405}),
        ("BREW", "/async", "HTTP", {"http.request.method": "_OTHER", "http.request.method_original": "BREW"}),
        ("GET", "/async?token=secret", "GET /async", {"url.path": "/async", "url.query": None}),
        ("GET", "/broken", "GET /broken", {"http.response.status_code": 500, "error.type": "builtins.KeyError"}),
    ],
)
def test_a_span_says_what_the_conventions_say(
    client_for: Any, traces: Traces, method: str, path: str, name: str, attributes: dict[str, Any]
) -> None:
    client = client_for(app_with(traces), host="shop.example:8443", scheme="https")
    client.request(method, path, headers={"user-agent": "robot"})
    span = traces.server()
    assert (span.name, span.kind, span.parent) == (name, SpanKind.SERVER, None)
    wanted = {
        "http.request.method": method,
        "url.scheme": "https",
        "url.path": path.partition("?")[0],
        "server.address": "shop.example",
        "server.port": 8443,
        "client.address": "127.0.0.1",
        "network.peer.address": "127.0.0.1",
        "user_agent.original": "robot",
    } | attributes
    found = dict(span.attributes)
    assert {key: found.get(key) for key in wanted} == wanted
    assert "secret" not in str(found)
    is_failure = path == "/broken"
    assert span.status.status_code is (StatusCode.ERROR if is_failure else StatusCode.UNSET)
    assert [event.attributes["exception.type"] for event in span.events] == (["KeyError"] if is_failure else [])


def test_a_trusted_proxy_tells_the_client(client_for: Any, traces: Traces) -> None:
    app = App(middleware=[ProxyHeaders("x-forwarded", trusted=["127.0.0.1"])])
    app.get("/")(lambda: "ok")
    app.observe(Tracing(provider=traces.provider))
    client_for(app).get("/", headers={"x-forwarded-for": "203.0.113.7"})
    found = traces.server().attributes
    assert (found["client.address"], found["network.peer.address"]) == ("203.0.113.7", "127.0.0.1")


@pytest.mark.parametrize("sent", ["garbage", f"00-{'0' * 32}-{PARENT}-01", f"ff-{TRACE}-{PARENT}-01", ""])
def test_a_malformed_parent_is_none(client_for: Any, traces: Traces, sent: str) -> None:
    assert client_for(app_with(traces)).get("/async", headers={"traceparent": sent}).status_code == 200
    assert traces.server().parent is None


def test_a_malformed_host_or_target_costs_no_request(client_for: Any, traces: Traces) -> None:
    client = client_for(app_with(traces))
    assert client.get("/async", headers={"host": "a b"}).status_code == 200
    assert "server.address" not in traces.server().attributes


def test_requests_are_not_each_others_parents(client_for: Any, traces: Traces) -> None:
    client = client_for(app_with(traces))
    for _ in range(3):
        client.get("/async")
    spans = [one for one in traces.all() if one.instrumentation_scope.name == "hinge"]
    assert [one.parent for one in spans] == [None] * 3
    assert len({one.context.trace_id for one in spans}) == 3


@pytest.mark.needs(Feature.STREAMING, "the client leaves while a response is sent")
def test_a_client_that_leaves_ends_its_span_and_is_no_error(client_for: Any, traces: Traces) -> None:
    app = App()

    @app.get("/endless")
    def endless() -> Iterator[str]:
        while True:
            yield "x" * 1000

    app.observe(Tracing(provider=traces.provider))
    with client_for(app).stream("GET", "/endless") as answer:
        next(iter(answer.iter_bytes()))
        assert traces.all() == []
    span = traces.server()
    assert (span.status.status_code, span.events) == (StatusCode.UNSET, ())


@pytest.mark.needs(Feature.WEBSOCKET, "the handler speaks it")
def test_a_websocket_is_one_span(client_for: Any, traces: Traces) -> None:
    app = App()

    @app.websocket("/rooms/{name}")
    async def room(ws: WebSocket, name: str) -> None:
        await ws.accept()
        async for text in ws:
            with traces.tracer.start_as_current_span("message"):
                await ws.send(text)
            if text == "fail":
                raise KeyError(text)

    app.observe(Tracing(provider=traces.provider))
    client = client_for(app)
    with contextlib.suppress(Exception), client.websocket("/rooms/a", headers=CALLER) as ws:
        ws.send("fail")
        ws.receive()
        ws.receive()
    span = traces.server()
    (message,) = traces.inner()
    assert (span.name, span.kind) == ("GET /rooms/{name}", SpanKind.SERVER)
    assert (span.attributes["http.response.status_code"], span.attributes["url.scheme"]) == (101, "ws")
    assert span.attributes["error.type"] == "builtins.KeyError"
    assert message.parent.span_id == span.context.span_id
    assert format(span.parent.span_id, "016x") == PARENT


def test_inside_another_span_it_is_internal(traces: Traces) -> None:
    """As native middleware makes one; on WSGI, where the context of the caller is the app's."""
    around = traces.tracer

    def native(application: Any) -> Any:
        def traced(environ: Any, start_response: Any) -> Any:
            with around.start_as_current_span("native"):
                return application(environ, start_response)

        return traced

    app = App(wsgi_middleware=[native])
    app.get("/")(lambda: "ok")
    app.observe(Tracing(provider=traces.provider))
    with Client(app, "wsgi") as client:
        client.get("/", headers=CALLER)
    (outer,) = traces.inner()
    span = traces.server()
    assert (span.kind, span.parent.span_id) == (SpanKind.INTERNAL, outer.context.span_id)


def test_what_native_middleware_answers_has_a_span_of_its_time(traces: Traces) -> None:
    def slow(application: Any) -> Any:
        def answers(environ: Any, start_response: Any) -> Any:
            time.sleep(0.03)
            start_response("403 Forbidden", [])
            return [b"no"]

        return answers

    app = App(wsgi_middleware=[slow])
    app.observe(Tracing(provider=traces.provider))
    with Client(app, "wsgi") as client:
        assert client.get("/x").status_code == 403
    span = traces.server()
    assert (span.name, span.attributes["http.response.status_code"]) == ("GET", 403)
    assert span.end_time - span.start_time >= 0.025 * 1e9


def test_what_is_ignored_has_none(client_for: Any, traces: Traces) -> None:
    app = App()
    app.get("/live")(lambda: str(trace.get_current_span().get_span_context().is_valid))
    app.observe(Tracing(provider=traces.provider, ignore=["/live"]))
    assert client_for(app).get("/live").text == "False"
    assert traces.all() == []


def test_without_an_sdk_there_are_none(client_for: Any) -> None:
    app = App()
    app.get("/")(lambda: str(trace.get_current_span().get_span_context().is_valid))
    app.observe(Tracing())
    assert client_for(app).get("/", headers=CALLER).text == "False"
    assert context.get_current() == context.Context()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"provider": "x"}, r"Tracing\(provider='x'\) \(.*\): it is none\. Fix: provider=TracerProvider\(\)"),
        ({"ignore": "/live"}, r"Tracing\(ignore='/live'\) \(.*\): it is no list of texts"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Tracing(**options)
