"""Native middleware that leaves something behind for the app, or looks for what the app leaves: `request.native`.

Law: what it leaves is read wherever the app has a part in a request, and a proof looks in all of these places.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.neighbours.rows import row

from hinge import (
    App,
    Config,
    Depends,
    HTTPConnection,
    HTTPError,
    Middleware,
    RedirectResponse,
    Request,
    Session,
    Sessions,
    WebSocket,
)
from hinge.testing import Client

TABLE = "left"


def _read_everywhere(read: Callable[[Any], Any], **options: Any) -> tuple[App, list[Any]]:
    """Return an app whose middleware, dependency, handler and error handler note what they read of a request."""
    app, seen = App(**options), []

    def noted(connection: HTTPConnection) -> Any:
        seen.append(read(connection.native))
        return seen[-1]

    @app.middleware
    def layer(connection: HTTPConnection) -> Middleware:
        noted(connection)
        yield

    @app.error(LookupError)
    def failed(request: Request, error: LookupError) -> Any:
        return noted(request)

    @app.get("/")
    def handler(request: Request, given: Any = Depends(noted)) -> Any:
        return noted(request)

    @app.get("/async")
    async def async_handler(request: Request) -> Any:
        return noted(request)

    @app.get("/fail")
    def fail() -> None:
        raise LookupError

    return app, seen


def _requests(client: Client, seen: list[Any], expected: Any, **options: Any) -> None:
    """Have all places read, and compare."""
    for path, status, times in (("/", 200, 3), ("/async", 200, 2), ("/fail", 500, 2)):
        assert client.get(path, **options).status_code == status
        assert seen == [expected] * times
        seen.clear()


# -- ASGI --------------------------------------------------------------------------------------------------------------


@row(
    TABLE,
    "starlette itsdangerous",
    "`SessionMiddleware`",
    "ASGI",
    '`request.native["session"]`, also `ws.native`; Hinge has [`Sessions`](sessions.md)',
)
def starlette_session(folder: Path) -> None:
    from starlette.middleware.sessions import SessionMiddleware

    app, seen = _read_everywhere(
        lambda scope: dict(scope["session"]), asgi_middleware=[(SessionMiddleware, {"secret_key": "k" * 32})]
    )

    @app.post("/login")
    def login(request: Request, name: str) -> None:
        request.native["session"]["user"] = name

    @app.websocket("/ws")
    async def talk(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send(ws.native["session"]["user"])

    with Client(app) as client:
        client.post("/login?name=ada")
        seen.clear()
        _requests(client, seen, {"user": "ada"})
        with client.websocket("/ws") as ws:
            assert ws.receive() == "ada"


@row(
    TABLE,
    "starlette",
    "`AuthenticationMiddleware`",
    "ASGI",
    '`request.native["user"]`, `request.native["auth"].scopes`, also `ws.native`',
)
def starlette_authentication(folder: Path) -> None:
    from starlette.authentication import AuthCredentials, AuthenticationBackend, SimpleUser
    from starlette.middleware.authentication import AuthenticationMiddleware

    class ByHeader(AuthenticationBackend):
        async def authenticate(self, conn: Any) -> Any:
            name = conn.headers.get("x-user")
            return None if name is None else (AuthCredentials(["read"]), SimpleUser(name))

    app, seen = _read_everywhere(
        lambda scope: [scope["user"].display_name, scope["auth"].scopes],
        asgi_middleware=[(AuthenticationMiddleware, {"backend": ByHeader()})],
    )

    def user(connection: HTTPConnection) -> str:
        if not connection.native["user"].is_authenticated:
            raise HTTPError(401)
        return str(connection.native["user"].display_name)

    @app.websocket("/ws")
    async def talk(ws: WebSocket, name: str = Depends(user)) -> None:
        await ws.accept()
        await ws.send(name)

    with Client(app) as client:
        _requests(client, seen, ["ada", ["read"]], headers={"x-user": "ada"})
        _requests(client, seen, ["", []])
        with client.websocket("/ws", headers={"x-user": "ada"}) as ws:
            assert ws.receive() == "ada"


@row(
    TABLE,
    "authlib starlette httpx itsdangerous",
    "`starlette_client.OAuth`",
    "ASGI",
    "behind `SessionMiddleware`, with `starlette.requests.Request(request.native)`: "
    "[Login at another site](native-middleware.md#authlib)",
)
def authlib_starlette(folder: Path) -> None:
    from authlib.integrations.starlette_client import OAuth
    from starlette.middleware.sessions import SessionMiddleware
    from starlette.requests import Request as StarletteRequest

    oauth, answered = _provider(OAuth())
    app = App(asgi_middleware=[(SessionMiddleware, {"secret_key": "k" * 32})])

    @app.get("/login")
    async def login(request: Request) -> RedirectResponse:
        answer = await oauth.shop.authorize_redirect(StarletteRequest(request.native), "https://app.example/callback")
        return RedirectResponse(answer.headers["location"])

    @app.get("/callback")
    async def callback(request: Request) -> dict[str, Any]:
        token = await oauth.shop.authorize_access_token(StarletteRequest(request.native))
        return {"token": token["access_token"], "left": sorted(request.native["session"])}

    with Client(app) as client:
        _log_in(client, answered)


@row(
    TABLE,
    "authlib starlette httpx itsdangerous",
    "the same, without Starlette's sessions",
    "both",
    "with a stand-in for its request, which has Hinge's [session](sessions.md): "
    "[Login at another site](native-middleware.md#authlib)",
)
def authlib_stand_in(folder: Path) -> None:
    from types import SimpleNamespace

    from authlib.integrations.starlette_client import OAuth

    def stand_in(request: Request, session: Session) -> Any:
        return SimpleNamespace(scope={"method": request.method}, query_params=request.query, session=session)

    def shop(oauth: Any) -> App:
        app = App(sessions=Sessions(keys=["k" * 32], secure=False))

        @app.get("/login")
        async def login(given: Any = Depends(stand_in)) -> RedirectResponse:
            answer = await oauth.shop.authorize_redirect(given, "https://app.example/callback")
            return RedirectResponse(answer.headers["location"])

        @app.get("/callback")
        async def callback(given: Any = Depends(stand_in)) -> dict[str, Any]:
            token = await oauth.shop.authorize_access_token(given)
            return {"token": token["access_token"], "left": sorted(given.session)}

        return app

    for backend in ("wsgi", "asgi"):
        oauth, answered = _provider(OAuth())
        with Client(shop(oauth), backend) as client:
            _log_in(client, answered)


def _provider(oauth: Any) -> tuple[Any, list[str]]:
    """Return a registry with a provider whose token endpoint is a function, and what that was asked for."""
    try:  # Authlib takes it where it is there, and others bring it
        import httpx2 as httpx
    except ImportError:
        import httpx

    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.content.decode())
        return httpx.Response(200, json={"access_token": "t", "token_type": "bearer"})

    oauth.register(
        "shop",
        client_id="me",
        client_secret="secret",
        authorize_url="https://login.example/authorize",
        access_token_url="https://login.example/token",
        client_kwargs={"transport": httpx.MockTransport(answer), "code_challenge_method": "S256"},
    )
    return oauth, asked


def _log_in(client: Client, asked: list[str]) -> None:
    from urllib.parse import parse_qs, urlsplit

    location = client.get("/login").headers["location"]
    state = parse_qs(urlsplit(location).query)["state"][0]
    assert client.get(f"/callback?code=c&state={state}x").status_code == 500  # authlib's MismatchingStateError
    answer = client.get(f"/callback?code=c&state={state}")
    assert answer.json() == {"token": "t", "left": []}
    assert "code=c" in asked[0]
    assert "code_verifier=" in asked[0]


# -- WSGI --------------------------------------------------------------------------------------------------------------


@row(TABLE, "paste", "`AuthBasicHandler`", "WSGI", '`request.native["REMOTE_USER"]`, as of any gateway that logs in')
def paste_basic(folder: Path) -> None:
    from base64 import b64encode

    from paste.auth.basic import AuthBasicHandler

    options = {"realm": "shop", "authfunc": lambda environ, name, password: password == "secret"}
    app, seen = _read_everywhere(
        lambda environ: environ.get("REMOTE_USER"), wsgi_middleware=[(AuthBasicHandler, options)]
    )
    with Client(app, "wsgi") as client:
        assert client.get("/").status_code == 401
        for password, status in (("wrong", 401), ("secret", 200)):
            credential = f"Basic {b64encode(f'ada:{password}'.encode()).decode()}"
            assert client.get("/", headers={"authorization": credential}).status_code == status
        seen.clear()
        _requests(client, seen, "ada", headers={"authorization": credential})


@row(
    TABLE,
    "secure-cookie",
    "`SessionMiddleware`, once werkzeug's",
    "WSGI",
    '`request.native["secure_cookie.session"]`; Hinge has [`Sessions`](sessions.md)',
)
def secure_cookie(folder: Path) -> None:
    from secure_cookie.session import FilesystemSessionStore, SessionMiddleware

    options = {"store": FilesystemSessionStore(str(folder))}
    app, seen = _read_everywhere(
        lambda environ: dict(environ["secure_cookie.session"]), wsgi_middleware=[(SessionMiddleware, options)]
    )

    @app.post("/login")
    async def login(request: Request, name: str) -> None:
        request.native["secure_cookie.session"]["user"] = name

    with Client(app, "wsgi") as client:
        client.post("/login?name=ada")
        seen.clear()
        _requests(client, seen, {"user": "ada"})


@row(
    TABLE,
    "webob",
    "`Request.urlvars`",
    "WSGI",
    "of middleware made with WebOb: the parameters of the path, once the app has answered",
)
def webob_urlvars(folder: Path) -> None:
    import webob

    seen = []

    def noting(application: Any) -> Any:
        def around(environ: Any, start_response: Any) -> Any:
            answer = application(environ, start_response)
            seen.append(webob.Request(environ).urlvars)
            return answer

        return around

    with Client(_observed(wsgi_middleware=[noting]), "wsgi") as client:
        client.get("/items/3")
    assert seen == [{"item": "3"}]


@row(
    TABLE,
    "werkzeug",
    "`DebuggedApplication`",
    "WSGI",
    "`wsgi_middleware=[DebuggedApplication]` with `propagate_exceptions`: its page shows the frames of the handler",
)
def werkzeug_debugger(folder: Path) -> None:
    from werkzeug.debug import DebuggedApplication

    for app in (
        _observed(propagate=True, wsgi_middleware=[DebuggedApplication]),
        DebuggedApplication(_observed(propagate=True)),
    ):
        with Client(app, "wsgi") as client:
            for path in ("/fail/3", "/async/3"):
                answer = client.get(path)
                assert (answer.status_code, answer.headers["content-type"]) == (500, "text/html; charset=utf-8")
                assert "raise KeyError(item)" in answer.text
            assert client.get("/items/3").json() == 3


# -- both: what names requests by their route, and is told of failures -------------------------------------------------


def _observed(*, propagate: bool = False, **options: Any) -> App:
    app = App(config=Config(propagate_exceptions=propagate), **options)

    @app.get("/items/{item}")
    def item(item: int) -> int:
        return item

    @app.get("/fail/{item}")
    def fail(item: int) -> int:
        raise KeyError(item)

    @app.get("/async/{item}")
    async def async_fail(item: int) -> int:
        raise KeyError(item)

    @app.get("/stream/{item}")
    async def stream(item: int) -> Any:
        yield "a"
        raise KeyError(item)

    return app


def _with_websocket(app: App) -> App:
    @app.websocket("/ws/{item}")
    async def talk(ws: WebSocket, item: int) -> None:
        await ws.accept()
        raise KeyError(item)

    return app


def _ask(client: Client, path: str) -> None:
    """Send a request whose failure is somebody else's to tell."""
    try:
        if path.startswith("/ws"):
            with client.websocket(path) as ws:
                list(ws)
        else:
            client.get(path)
    except Exception:  # let out on purpose
        return


@row(
    TABLE,
    "sentry-sdk",
    "`SentryAsgiMiddleware`, `SentryWsgiMiddleware`",
    "both",
    "with `propagate_exceptions`; transactions named by the route: [Sentry](native-middleware.md#sentry)",
    alone=True,
)
def sentry(folder: Path) -> None:
    import sentry_sdk
    from sentry_sdk.integrations.asgi import SentryAsgiMiddleware
    from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware
    from sentry_sdk.transport import Transport

    told: list[tuple[str, Any]] = []

    class Kept(Transport):
        def capture_envelope(self, envelope: Any) -> None:
            told.extend((item.type, item.payload.json) for item in envelope.items)

    sentry_sdk.init(
        dsn="http://key@127.0.0.1/1", transport=Kept, traces_sample_rate=1.0, auto_enabling_integrations=False
    )
    by_url: dict[str, Any] = {"transaction_style": "url"}

    def named(connection: HTTPConnection) -> Middleware:
        if connection.route is not None:
            sentry_sdk.get_current_scope().set_transaction_name(connection.route.path, source="route")
        yield

    asgi = [(SentryAsgiMiddleware, by_url)]
    apps: list[tuple[str, Any]] = [
        ("asgi", _with_websocket(_observed(propagate=True, asgi_middleware=asgi))),
        ("asgi", SentryAsgiMiddleware(_with_websocket(_observed(propagate=True)), **by_url)),
        ("wsgi", _observed(propagate=True, wsgi_middleware=[SentryWsgiMiddleware], middleware=[named])),
        ("wsgi", SentryWsgiMiddleware(_observed(propagate=True, middleware=[named]))),
    ]
    for backend, app in apps:
        with Client(app, backend) as client:
            for kind in ("items", "fail", "async", "stream", *(["ws"] if backend == "asgi" else [])):
                told.clear()
                _ask(client, f"/{kind}/3")
                (transaction,) = [body for what, body in told if what == "transaction"]
                assert transaction["transaction"] == f"/{kind}/{{item}}"
                events = [body["exception"]["values"][-1] for what, body in told if what == "event"]
                assert [one["type"] for one in events] == ([] if kind == "items" else ["KeyError"])
                assert not any(one["mechanism"]["handled"] for one in events)


@row(
    TABLE,
    "sentry-sdk",
    "the same, without `propagate_exceptions`",
    "both",
    "`sentry_sdk.init(...)` alone: its `LoggingIntegration` hears what the logger `hinge` tells of each failure",
    alone=True,
)
def sentry_logging(folder: Path) -> None:
    import sentry_sdk
    from sentry_sdk.transport import Transport

    told: list[Any] = []

    class Kept(Transport):
        def capture_envelope(self, envelope: Any) -> None:
            told.extend(item.payload.json for item in envelope.items if item.type == "event")

    sentry_sdk.init(dsn="http://key@127.0.0.1/1", transport=Kept, auto_enabling_integrations=False)
    for backend in ("wsgi", "asgi"):
        told.clear()
        with Client(_observed(), backend) as client:
            assert client.get("/fail/3").status_code == 500
        assert [(one["logger"], one["exception"]["values"][-1]["type"]) for one in told] == [("hinge", "KeyError")]


@row(
    TABLE,
    "opentelemetry-instrumentation-asgi opentelemetry-instrumentation-wsgi opentelemetry-sdk",
    "`OpenTelemetryMiddleware` for ASGI and WSGI",
    "both",
    "with one middleware that names the span by the route: [OpenTelemetry](native-middleware.md#opentelemetry)",
    alone=True,
)
def opentelemetry(folder: Path) -> None:
    from opentelemetry import trace
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware as ForASGI
    from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware as ForWSGI
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    spans, metrics = InMemorySpanExporter(), InMemoryMetricReader()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    trace.set_tracer_provider(provider)
    tracer = trace.get_tracer("tests")
    options: dict[str, Any] = {"tracer_provider": provider, "meter_provider": MeterProvider([metrics])}

    def named(connection: HTTPConnection) -> Middleware:
        if connection.route is not None:
            span = trace.get_current_span()
            span.update_name(f"{getattr(connection, 'method', 'GET')} {connection.route.path}")
            span.set_attribute("http.route", connection.route.path)
        yield

    def app(**options: Any) -> App:
        made = _observed(propagate=True, middleware=[named], **options)

        @made.get("/inner/{item}")
        def inner(item: int) -> None:
            with tracer.start_as_current_span("inner"):
                pass

        @made.get("/inside/{item}")
        async def inside(item: int) -> None:
            with tracer.start_as_current_span("inner"):
                pass

        return made

    parent = {"traceparent": f"00-{'1' * 32}-{'2' * 16}-01"}
    for backend, wrapper, around in (("asgi", ForASGI, "asgi_middleware"), ("wsgi", ForWSGI, "wsgi_middleware")):
        for made in (app(**{around: [(wrapper, options)]}), wrapper(app(), **options)):
            with Client(made, backend) as client:
                for kind in ("items", "inner", "inside", "fail", "async"):
                    spans.clear()
                    try:
                        client.get(f"/{kind}/3", headers=parent)
                    except KeyError:
                        assert kind in ("fail", "async")
                    found: Any = spans.get_finished_spans()
                    (server,) = [one for one in found if one.kind is trace.SpanKind.SERVER]
                    assert (server.name, server.attributes["http.route"]) == (
                        f"GET /{kind}/{{item}}",
                        f"/{kind}/{{item}}",
                    )
                    assert server.context.trace_id == int("1" * 32, 16)
                    assert [one.parent.span_id for one in found if one.name == "inner"] == (
                        [server.context.span_id] if kind in ("inner", "inside") else []
                    )
    measured: Any = metrics.get_metrics_data()
    targets = {
        point.attributes.get("http.target")
        for resource in measured.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if scope.scope.name.endswith("asgi") and metric.name == "http.server.duration"
        for point in metric.data.data_points
    }
    assert targets == {f"/{kind}/{{item}}" for kind in ("items", "inner", "inside", "fail", "async")}
