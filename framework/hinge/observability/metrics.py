"""Prometheus metrics of requests and WebSockets, by route template (the extra `metrics`: prometheus-client).

Law: no label has a value that a client chooses. A path that no route has is `none`, a method that HTTP does not have is
`OTHER`: whatever is asked for, there are no more time series than the app has routes, methods and statuses. Several
processes are one service: where prometheus_client shares their values (PROMETHEUS_MULTIPROC_DIR), the page shows sums.
"""

import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal
from weakref import WeakKeyDictionary

import msgspec

from hinge.diagnostics.kinds import shown, texts, wrong
from hinge.diagnostics.location import caller
from hinge.diagnostics.misuse import fits
from hinge.errors import ClientDisconnect, ConfigurationError
from hinge.extras import install
from hinge.observability.observer import METHODS, Ended
from hinge.request import HTTPConnection, Request
from hinge.responses.response import Response
from hinge.routing.router import Router

try:
    import prometheus_client as prometheus
    from prometheus_client import multiprocess, values
    from prometheus_client.exposition import choose_encoder
except ModuleNotFoundError as missing:
    raise ConfigurationError(
        f"hinge.observability.Metrics needs the package prometheus-client. Fix: {install('metrics')}"
    ) from missing

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds; those of OpenTelemetry's http.server.request.duration, as far as Prometheus's own go."""
_OPEN_BUCKETS = (1.0, 10.0, 60.0, 600.0, 3600.0, 6 * 3600.0, 24 * 3600.0)
"""Seconds that a WebSocket may be open."""
_MOST_ERRORS = 200
"""So many classes of errors are told by their names."""
_PATIENCE = 10.0
"""Seconds that the port for metrics waits for a request: the process that holds it starts and stops the workers."""
_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


class Metrics:
    """Count requests and measure how long they take: `app.observe(Metrics())`, shown at `path`.

    `dependencies` guard the page, `[Depends(scraper)]`; None for `path`: there is none, as where `hinge run` has a
    port for it. `buckets` are the upper bounds of the durations in seconds. `ignore` names path templates that are not
    counted. `registry` is where the metrics are registered, by default prometheus_client's own, whose metrics the page
    shows, too. Duration and size are those of the whole response, a stream's up to its last byte.

    Raises:
        ConfigurationError: an argument is wrong, or prometheus-client is not installed.
    """

    __slots__ = ("_families", "_ignored", "_known", "once", "registry", "router")

    @fits
    def __init__(
        self,
        *,
        path: str | None = "/metrics",
        dependencies: Iterable[Any] = (),
        buckets: Sequence[float] = BUCKETS,
        ignore: Iterable[str] = (),
        registry: prometheus.CollectorRegistry | None = None,
    ) -> None:
        (ignored,) = texts("Metrics", ignore=ignore)
        _check_shared()
        if not isinstance(registry, prometheus.CollectorRegistry | None):
            raise wrong("Metrics", "registry", registry, "it is none", "registry=CollectorRegistry()")
        self.registry: prometheus.CollectorRegistry = prometheus.REGISTRY if registry is None else registry
        self._families = _families_of(self.registry, tuple(buckets))
        self._ignored = frozenset(ignored)
        self.once = self._families
        self._known: dict[Any, Any] = {}
        """What counts each route and method, and each status of these: labels are looked up once."""
        self.router: Router | None = None
        """What serves the page; `app.observe` includes it."""
        if path is not None:
            self.router = Router()
            self.router.get(path, dependencies=dependencies, include_in_schema=False, name="metrics_page")(self._page)

    def begin(self, request: HTTPConnection) -> "_Counted | None":
        """Count it as under way."""
        route = request.route
        method = request.method if isinstance(request, Request) else "WEBSOCKET"
        counted: _Counted | None
        try:
            counted = self._known[route, method]
        except KeyError:
            counted = self._counted(route, method)
        if counted is not None:
            counted.begun()
        return counted

    def end(self, counted: "_Counted | None", ended: Ended) -> None:
        """Count it as done."""
        if counted is None:
            return
        counted.ended()
        counted.took(ended.seconds)
        done = counted.by_status.get(ended.status)
        if done is None:
            done = counted.by_status[ended.status] = counted.requests(
                "none" if ended.status is None else str(ended.status)
            )
        done()
        if counted.sent is not None:
            counted.sent(ended.size)
        if ended.error is not None:
            counted.failed(self._families.named(type(ended.error))).inc()

    def _counted(self, route: Any, method: str) -> "_Counted | None":
        template = "none" if route is None else route.path
        known = method in METHODS or method == "WEBSOCKET" or (route is not None and method in route.methods)
        key = route, method if known else "OTHER"
        if key not in self._known:
            is_ignored = template in self._ignored
            self._known[key] = None if is_ignored else self._families.counted(key[1], template)
        counted: _Counted | None = self._known[key]
        if known:  # of others there may be any number
            self._known[route, method] = counted
        return counted

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """Return the metrics in the format that an Accept header asks for, and its media type."""
        return exposition(accept, self.registry)

    def _page(self, request: Request) -> Response:
        """Show the metrics, in the format that the scraper asks for."""
        body, media_type = self.exposition(request.headers.get("accept", ""))
        return Response(body, media_type=media_type)


class _Counted(msgspec.Struct, frozen=True, eq=False):
    """What counts the requests of one route by one method."""

    begun: Callable[[], None]
    ended: Callable[[], None]
    took: Callable[[float], None]
    sent: Callable[[float], None] | None
    requests: Callable[[str], Callable[[], None]]
    """From a status to what counts it."""
    failed: Callable[[str], Any]
    by_status: dict[int | None, Callable[[], None]] = {}


class _Families:
    """The metrics of one registry."""

    def __init__(self, registry: prometheus.CollectorRegistry, buckets: tuple[float, ...]) -> None:
        live: Literal["livesum"] = "livesum"
        labels = ("method", "route")
        self.buckets = buckets
        self._errors: set[str] = set()
        self._requests = prometheus.Counter(
            "http_requests", "Requests, by the status that was sent.", (*labels, "status"), registry=registry
        )
        self._seconds = prometheus.Histogram(
            "http_request_duration_seconds",
            "Seconds from the head of a request to the last byte of its response.",
            labels,
            registry=registry,
            buckets=buckets,
        )
        self._under_way = prometheus.Gauge(
            "http_requests_in_progress", "Requests under way.", labels, registry=registry, multiprocess_mode=live
        )
        self._sent = prometheus.Counter(
            "http_response_body_bytes", "Bytes of response bodies.", labels, registry=registry
        )
        self._failed = prometheus.Counter(
            "http_requests_failed",
            "Requests that failed with an exception, cut streams and clients that left included.",
            (*labels, "error"),
            registry=registry,
        )
        self._sockets = prometheus.Counter(
            "websockets",
            "WebSockets, by their status: 101 if accepted.",
            ("route", "status"),
            registry=registry,
        )
        self._open_seconds = prometheus.Histogram(
            "websocket_duration_seconds",
            "Seconds of a WebSocket.",
            ("route",),
            registry=registry,
            buckets=_OPEN_BUCKETS,
        )
        self._open = prometheus.Gauge(
            "websockets_open", "Open WebSockets.", ("route",), registry=registry, multiprocess_mode=live
        )
        self._sockets_failed = prometheus.Counter(
            "websockets_failed", "WebSockets whose handler failed.", ("route", "error"), registry=registry
        )

    def named(self, kind: type[BaseException]) -> str:
        """Return the label of a class of errors; those that are made while requests are served may be any number."""
        name = "ClientDisconnect" if issubclass(kind, ClientDisconnect) else kind.__qualname__
        if name not in self._errors:
            if len(self._errors) >= _MOST_ERRORS:
                return "OTHER"
            self._errors.add(name)
        return name

    def counted(self, method: str, route: str) -> _Counted:
        """Return what counts a route by a method."""
        if method == "WEBSOCKET":
            under_way, seconds = self._open.labels(route), self._open_seconds.labels(route)
            return _Counted(
                under_way.inc,
                under_way.dec,
                seconds.observe,
                None,
                lambda status: self._sockets.labels(route, status).inc,
                lambda error: self._sockets_failed.labels(route, error),
            )
        under_way, seconds = self._under_way.labels(method, route), self._seconds.labels(method, route)
        return _Counted(
            under_way.inc,
            under_way.dec,
            seconds.observe,
            self._sent.labels(method, route).inc,
            lambda status: self._requests.labels(method, route, status).inc,
            lambda error: self._failed.labels(method, route, error),
        )


_families: "WeakKeyDictionary[prometheus.CollectorRegistry, _Families]" = WeakKeyDictionary()
"""A name may be registered once: apps of one process, as of `create_app()` called twice, share theirs."""


def _families_of(registry: prometheus.CollectorRegistry, buckets: tuple[float, ...]) -> _Families:
    found = _families.get(registry)
    if found is None:
        try:
            found = _families[registry] = _Families(registry, buckets)
        except ValueError as error:
            raise ConfigurationError(
                f"Metrics(...) ({caller()}): {error}. Fix: other buckets, or registry=CollectorRegistry()"
            ) from error
    if found.buckets != buckets:
        raise ConfigurationError(
            f"Metrics(buckets={shown(buckets)}) ({caller()}): this registry has them with {shown(found.buckets)}. "
            "Fix: the same ones, or registry=CollectorRegistry()"
        )
    return found


def _check_shared() -> None:
    """Refuse a folder that came too late: this process would keep its values to itself.

    Raises:
        ConfigurationError: prometheus_client was imported before.
    """
    if os.environ.get(_FOLDER) and values.ValueClass is values.MutexValue:
        raise ConfigurationError(
            f"Metrics(...) ({caller()}): {_FOLDER} was set after prometheus_client was imported. "
            "Fix: set it before the server starts"
        )


def exposition(accept: str = "", registry: prometheus.CollectorRegistry | None = None) -> tuple[bytes, str]:
    """Return all metrics in the format that an Accept header asks for, and its media type.

    Where PROMETHEUS_MULTIPROC_DIR is set they are those of all processes that share the folder.
    """
    try:
        encode, media_type = choose_encoder(accept)
    except (TypeError, ValueError):  # it asks for a version that is no number
        encode, media_type = choose_encoder("")
    if _is_plain(media_type) is None:  # it repeats what the client has asked for
        encode, media_type = choose_encoder("")
    return encode(registry_of(registry)), media_type


_is_plain = re.compile(r"[\w/;=.+ -]+", re.ASCII).fullmatch


def registry_of(registry: prometheus.CollectorRegistry | None) -> prometheus.CollectorRegistry:
    """Return what collects all metrics of the service: the registry's, or those that its processes share."""
    shared = os.environ.get(_FOLDER)
    if not shared:
        return prometheus.REGISTRY if registry is None else registry
    every = prometheus.CollectorRegistry()
    every.register(_Shared(shared))
    return every


class _Shared:
    """The metrics of all processes that share a folder."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def collect(self) -> Iterable[Any]:
        forget_the_dead(self._folder)
        found: Iterable[Any] = multiprocess.MultiProcessCollector(None, self._folder).collect()  # type: ignore[no-untyped-call]
        return found

    def describe(self) -> Iterable[Any]:  # nothing needs to be collected to register this
        return []


def serve(host: str, port: int) -> Callable[[], None]:
    """Serve the metrics at a port of their own, in a thread of this process, and return what closes it.

    Where workers have the metrics, PROMETHEUS_MULTIPROC_DIR must be set in this process, too.

    Raises:
        OSError: the address cannot be listened on.
    """
    server, thread = prometheus.start_http_server(port, host, registry_of(None))
    handler: Any = server.RequestHandlerClass
    patient: Any = type("_Patient", (handler,), {"timeout": _PATIENCE})
    server.RequestHandlerClass = patient

    def close() -> None:
        server.shutdown()
        thread.join()
        server.server_close()

    return close


def forget_the_dead(folder: str) -> None:
    """Have what was under way in processes that are gone not be counted as under way."""
    if sys.platform == "win32":  # where the question whether a process lives would end it
        return
    for file in Path(folder).glob("gauge_live*.db"):
        number = file.stem.rpartition("_")[2]
        if number.isdecimal() and not _is_alive(int(number)):
            multiprocess.mark_process_dead(number, folder)  # type: ignore[no-untyped-call]


def _is_alive(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is somebody else's
        return True
    return True
