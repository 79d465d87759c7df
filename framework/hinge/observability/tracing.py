"""Traces of requests and WebSockets (the extra `otel`: opentelemetry-api).

Law: one span a request, as OpenTelemetry's stable conventions for HTTP servers have it, from the head to the last byte.
It is current in all that belongs to the request: handlers of both colours, streams, what runs after the response. Where
no SDK is configured there are no spans, and next to no cost.
"""

from collections.abc import Iterable
from contextlib import suppress
from contextvars import ContextVar
from time import perf_counter, time_ns
from typing import Any

import msgspec

from hinge.context import observation
from hinge.diagnostics.kinds import texts, wrong
from hinge.diagnostics.misuse import fits
from hinge.errors import ClientDisconnect, ConfigurationError, HTTPError
from hinge.extras import install
from hinge.observability.observer import METHODS, Ended, as_trusted
from hinge.request import HTTPConnection, Request

try:
    from opentelemetry import context, propagate, trace
    from opentelemetry.propagators.textmap import Getter
    from opentelemetry.trace import SpanKind, Status, StatusCode
except ModuleNotFoundError as missing:
    raise ConfigurationError(
        f"hinge.observability.Tracing needs the package opentelemetry-api. Fix: {install('otel')}"
    ) from missing

SCHEMA = "https://opentelemetry.io/schemas/1.26.0"
_OFF = (trace.ProxyTracerProvider, trace.NoOpTracerProvider)
"""The providers that make no spans: what the API has where no SDK is configured."""


class Tracing:
    """Make a span of each request and each WebSocket: `app.observe(Tracing())`.

    Its parent is the caller's, as the propagators that are configured read it (`traceparent`). If a span is current
    already, as native middleware makes one, that is the parent, and this one is internal. `provider` is by default the
    global one, as it is at each request. `ignore` names path templates without spans.

    Raises:
        ConfigurationError: an argument is wrong, or opentelemetry-api is not installed.
    """

    __slots__ = ("_ignored", "_provider", "_tracer", "once")

    @fits
    def __init__(self, *, provider: trace.TracerProvider | None = None, ignore: Iterable[str] = ()) -> None:
        if not isinstance(provider, trace.TracerProvider | None):
            raise wrong("Tracing", "provider", provider, "it is none", "provider=TracerProvider()")
        (ignored,) = texts("Tracing", ignore=ignore)
        self._ignored = frozenset(ignored)
        self._provider = provider
        self.once = id(provider)
        self._tracer = trace.get_tracer("hinge", tracer_provider=provider, schema_url=SCHEMA)

    def begin(self, request: HTTPConnection) -> "_Begun | None":
        """Begin a span, and make it the current one."""
        if isinstance(self._provider or trace.get_tracer_provider(), _OFF):
            return None
        route = request.route
        if route is not None and route.path in self._ignored:
            return None
        before = _latest.get()
        if trace.get_current_span().get_span_context().is_valid and (before is None or not before.is_over):
            around, kind = context.get_current(), SpanKind.INTERNAL
        else:  # or an earlier request of the same task has left its own
            around, kind = propagate.extract(request, context.Context(), _HEADERS), SpanKind.SERVER
        method = request.method if isinstance(request, Request) else "GET"
        name = method if method in METHODS else "HTTP"
        late = observation.get().late  # what native middleware has answered is told of at its end
        started = None if late is None else time_ns() - int((perf_counter() - late) * 1e9)
        span = self._tracer.start_span(
            name if route is None else f"{name} {route.path}",
            around,
            kind,
            _attributes(request, method),
            start_time=started,
        )
        begun = _Begun(span)
        _latest.set(begun)
        context.attach(trace.set_span_in_context(span, around))
        return begun

    def end(self, begun: "_Begun | None", ended: Ended) -> None:
        """End it."""
        if begun is None:
            return
        begun.is_over = True
        span, status, error = begun.span, ended.status, ended.error
        if span.is_recording():
            if status is not None:
                span.set_attribute("http.response.status_code", status)
            failed = error is not None and not isinstance(error, ClientDisconnect)
            if failed and error is not None:
                span.record_exception(error)
            if failed or (status is not None and status >= 500):
                kind = type(error)
                span.set_attribute("error.type", f"{kind.__module__}.{kind.__qualname__}" if failed else str(status))
                span.set_status(Status(StatusCode.ERROR))
        span.end()


class _Begun(msgspec.Struct, eq=False):
    """A span of ours."""

    span: trace.Span
    is_over: bool = False


_latest: ContextVar[_Begun | None] = ContextVar("hinge.span", default=None)
"""The span of this request, or of an earlier one in the same task."""


class _Headers(Getter[HTTPConnection]):
    """How propagators read a request."""

    def get(self, carrier: HTTPConnection, key: str) -> list[str] | None:
        value = carrier.headers.get(key.lower())
        return None if value is None else [value]

    def keys(self, carrier: HTTPConnection) -> list[str]:
        return [*carrier.headers]


_HEADERS = _Headers()


def _attributes(request: HTTPConnection, method: str) -> dict[str, Any]:
    """Return what is known when the request begins. The query is left out: it may hold secrets."""
    found: dict[str, Any] = {"http.request.method": method if method in METHODS else "_OTHER"}
    if method not in METHODS:
        found["http.request.method_original"] = method
    if request.route is not None:
        found["http.route"] = request.route.path
    found["network.protocol.version"] = request.http_version
    peer = request.client
    if peer is not None:
        found["network.peer.address"] = peer.host
        if peer.port is not None:
            found["network.peer.port"] = peer.port
    client = as_trusted(request).client
    if client is not None:
        found["client.address"] = client.host
    found["url.scheme"] = request.scheme
    with suppress(HTTPError):  # it is malformed, and refused
        found["url.path"] = request._reader.prefix(request._head) + request.path
    with suppress(HTTPError):  # as above
        name, _, port = request.host.rpartition(":")
        has_port = port.isdecimal() and bool(name)
        found["server.address"] = (name if has_port else request.host).strip("[]")
        if has_port:
            found["server.port"] = int(port)
    agent = request.headers.get("user-agent")
    if agent is not None:
        found["user_agent.original"] = agent
    return found
