"""Native middleware around a Hinge app that needs only to be named: `wsgi_middleware=`, `asgi_middleware=`.

Law: a proof asks for what the middleware is there for, of a handler that does its part.
"""

import gzip
import io
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.neighbours.rows import row
from tests.neighbours.served import served

from hinge import App, Config, Middleware, Request
from hinge.testing import Client

TABLE = "middleware"
LONG = "x" * 5000


def _app(**options: Any) -> App:
    """An app that answers with what it was told, and in every way."""
    app = App(**options)

    @app.get("/")
    def index() -> str:
        return LONG

    @app.post("/")
    async def echo(request: Request) -> bytes:
        return request.body

    @app.get("/seen")
    def seen(request: Request) -> dict[str, Any]:
        return {"client": request.client and request.client.host, "scheme": request.scheme, "host": request.host}

    @app.get("/fail")
    def fail() -> None:
        raise KeyError("fail")

    @app.get("/stream")
    async def stream() -> AsyncIterator[str]:
        for _ in range(3):
            yield LONG

    return app


# -- ASGI --------------------------------------------------------------------------------------------------------------


@row(TABLE, "starlette", "`GZipMiddleware`", "ASGI", "`asgi_middleware=[GZipMiddleware]`; Hinge has `Compression`")
def starlette_gzip(folder: Path) -> None:
    from starlette.middleware.gzip import GZipMiddleware

    with Client(_app(asgi_middleware=[GZipMiddleware])) as client:
        for path, text in (("/", LONG), ("/stream", 3 * LONG)):
            answer = client.get(path, headers={"accept-encoding": "gzip"})
            assert answer.headers["content-encoding"] == "gzip"
            assert gzip.decompress(answer.content).decode() == text
        assert client.get("/").text == LONG


@row(TABLE, "starlette", "`CORSMiddleware`", "ASGI", "`asgi_middleware=[(CORSMiddleware, {...})]`; Hinge has `CORS`")
def starlette_cors(folder: Path) -> None:
    from starlette.middleware.cors import CORSMiddleware

    options = {"allow_origins": ["https://shop.example"], "allow_methods": ["GET", "PUT"]}
    with Client(_app(asgi_middleware=[(CORSMiddleware, options)])) as client:
        origin = {"origin": "https://shop.example"}
        for path, status in (("/", 200), ("/nothing", 404), ("/fail", 500)):
            answer = client.get(path, headers=origin)
            assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, origin["origin"])
        for method, status in (("PUT", 200), ("DELETE", 400)):
            asked = client.options("/", headers=origin | {"access-control-request-method": method})
            assert asked.status_code == status
        assert "access-control-allow-origin" not in client.get("/", headers={"origin": "https://evil.example"}).headers


@row(
    TABLE,
    "starlette",
    "`TrustedHostMiddleware`",
    "ASGI",
    "`asgi_middleware=[(TrustedHostMiddleware, {...})]`; Hinge has `TrustedHosts`",
)
def starlette_trusted_host(folder: Path) -> None:
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    app = _app(asgi_middleware=[(TrustedHostMiddleware, {"allowed_hosts": ["testserver"]})])
    with Client(app) as client:
        assert client.get("/").status_code == 200
        assert client.get("/", headers={"host": "evil.example"}).status_code == 400


@row(
    TABLE,
    "starlette",
    "`HTTPSRedirectMiddleware`",
    "ASGI",
    "`asgi_middleware=[HTTPSRedirectMiddleware]`; Hinge has `HTTPSRedirect`",
)
def starlette_https_redirect(folder: Path) -> None:
    from starlette.middleware.httpsredirect import HTTPSRedirectMiddleware

    app = _app(asgi_middleware=[HTTPSRedirectMiddleware])
    with Client(app) as plain, Client(app, scheme="https") as secure:
        assert plain.get("/seen").headers["location"] == "https://testserver/seen"
        assert secure.get("/seen").json()["scheme"] == "https"


@row(
    TABLE,
    "starlette",
    "`BaseHTTPMiddleware`",
    "ASGI",
    '`asgi_middleware=[(BaseHTTPMiddleware, {"dispatch": f})]`; it sees answers, never exceptions',
)
def starlette_base_http(folder: Path) -> None:
    from starlette.middleware.base import BaseHTTPMiddleware

    failures: list[str] = []

    async def dispatch(request: Any, call_next: Any) -> Any:
        body = await request.body()
        try:
            response = await call_next(request)
        except Exception as failure:
            failures.append(repr(failure))
            raise
        response.headers["x-length"] = str(len(body))
        return response

    with Client(_app(asgi_middleware=[(BaseHTTPMiddleware, {"dispatch": dispatch})])) as client:
        sent = client.post("/", content=b"body")
        assert (sent.content, sent.headers["x-length"]) == (b"body", "4"), "which it has read first"
        assert client.get("/stream").text == 3 * LONG
        assert client.get("/fail").status_code == 500
    assert failures == []


@row(
    TABLE,
    "asgi-correlation-id",
    "`CorrelationIdMiddleware`",
    "ASGI",
    "`asgi_middleware=[CorrelationIdMiddleware]`, `correlation_id.get()` in every handler; Hinge has `RequestID`",
)
def correlation_id(folder: Path) -> None:
    from asgi_correlation_id import CorrelationIdMiddleware, correlation_id

    app = App(asgi_middleware=[CorrelationIdMiddleware])

    @app.get("/def")
    def plain() -> str:
        return str(correlation_id.get())

    @app.get("/async")
    async def coroutine() -> str:
        return str(correlation_id.get())

    @app.get("/stream")
    def stream() -> Iterator[str]:
        yield str(correlation_id.get())

    with Client(app) as client:
        for path in ("/def", "/async", "/stream"):
            sent = {"x-request-id": "0f8fad5b-d9cb-469f-a165-70867728950e"}
            answer = client.get(path, headers=sent)
            assert answer.text == answer.headers["x-request-id"] == sent["x-request-id"]


@row(
    TABLE, "brotli-asgi", "`BrotliMiddleware`", "ASGI", "`asgi_middleware=[BrotliMiddleware]`; Hinge has `Compression`"
)
def brotli(folder: Path) -> None:
    import brotli
    from brotli_asgi import BrotliMiddleware

    with Client(_app(asgi_middleware=[BrotliMiddleware])) as client:
        for path, text in (("/", LONG), ("/stream", 3 * LONG)):
            answer = client.get(path, headers={"accept-encoding": "br"})
            assert answer.headers["content-encoding"] == "br"
            assert brotli.decompress(answer.content).decode() == text


@row(
    TABLE,
    "starlette-compress",
    "`CompressMiddleware`",
    "ASGI",
    "`asgi_middleware=[CompressMiddleware]`; Hinge has `Compression`",
)
def starlette_compress(folder: Path) -> None:
    from starlette_compress import CompressMiddleware

    with Client(_app(asgi_middleware=[CompressMiddleware])) as client:
        answer = client.get("/", headers={"accept-encoding": "gzip"})
        assert answer.headers["content-encoding"] == "gzip"
        assert gzip.decompress(answer.content).decode() == LONG


@row(
    TABLE,
    "asgi-csrf python-multipart",
    "`asgi_csrf`",
    "ASGI",
    '`asgi_middleware=[(asgi_csrf, {...})]`, `request.native["csrftoken"]()` in a form; Hinge has `CSRF`',
)
def csrf(folder: Path) -> None:
    from asgi_csrf import asgi_csrf

    app = _app(asgi_middleware=[(asgi_csrf, {"signing_secret": "s" * 32})])

    @app.get("/form")
    def form(request: Request) -> str:
        return str(request.native["csrftoken"]())

    with Client(app, cookies={"login": "eve"}) as client:
        token = client.get("/form").text
        assert client.post("/", content=b"x").status_code == 403
        assert client.post("/", form={"csrftoken": token}).text == f"csrftoken={token}", "the form is still there"
        assert client.post("/", content=b"x", headers={"x-csrftoken": token}).text == "x"


@row(
    TABLE,
    "starlette-context",
    "`RawContextMiddleware`",
    "ASGI",
    "`asgi_middleware=[(RawContextMiddleware, {...})]`, `context` in every handler",
)
def starlette_context(folder: Path) -> None:
    from starlette_context import context
    from starlette_context.middleware import RawContextMiddleware
    from starlette_context.plugins import UserAgentPlugin

    app = App(asgi_middleware=[(RawContextMiddleware, {"plugins": [UserAgentPlugin()]})])
    app.get("/def")(lambda: context["User-Agent"])

    @app.get("/async")
    async def coroutine() -> str:
        return str(context["User-Agent"])

    with Client(app) as client:
        assert [client.get(path).text for path in ("/def", "/async")] == ["hinge-testing"] * 2


@row(TABLE, "asgi-logger", "`AccessLoggerMiddleware`", "ASGI", "`asgi_middleware=[AccessLoggerMiddleware]`")
def access_log(folder: Path) -> None:
    from asgi_logger import AccessLoggerMiddleware

    logger, lines = _journal("tests.access")
    options = {"format": "%(m)s %(U)s %(s)s", "logger": logger}
    with Client(_app(asgi_middleware=[(AccessLoggerMiddleware, options)])) as client:
        client.get("/seen")
        client.get("/fail")
    assert lines() == ["GET /seen 200", "GET /fail 500"]


def _journal(name: str) -> tuple[logging.Logger, Any]:
    logger, stream = logging.getLogger(name), io.StringIO()
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.handlers = [logging.StreamHandler(stream)]
    return logger, lambda: stream.getvalue().splitlines()


@row(
    TABLE,
    "uvicorn",
    "`ProxyHeadersMiddleware`",
    "ASGI",
    '`asgi_middleware=[(ProxyHeadersMiddleware, {"trusted_hosts": ...})]`; Hinge has `ProxyHeaders`',
)
def uvicorn_proxy_headers(folder: Path) -> None:
    from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

    told = {"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https"}
    app = _app(asgi_middleware=[(ProxyHeadersMiddleware, {"trusted_hosts": "10.0.0.1"})])
    for peer, seen in (("10.0.0.1", ["203.0.113.9", "https"]), ("192.0.2.1", ["192.0.2.1", "http"])):
        with Client(app, client=(peer, 4711)) as client:
            answer = client.get("/seen", headers=told).json()
            assert [answer["client"], answer["scheme"]] == seen


@row(
    TABLE,
    "hypercorn",
    "`ProxyFixMiddleware`",
    "ASGI",
    '`asgi_middleware=[(ProxyFixMiddleware, {"mode": "legacy"})]`; Hinge has `ProxyHeaders`',
)
def hypercorn_proxy_fix(folder: Path) -> None:
    from hypercorn.middleware import ProxyFixMiddleware

    told = {"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https", "x-forwarded-host": "shop.example"}
    with Client(_app(asgi_middleware=[(ProxyFixMiddleware, {"mode": "legacy"})])) as client:
        assert client.get("/seen", headers=told).json() == {
            "client": "203.0.113.9",
            "scheme": "https",
            "host": "shop.example",
        }


@row(
    TABLE,
    "rollbar",
    "`ReporterMiddleware`",
    "ASGI",
    "`asgi_middleware=[ReporterMiddleware]` with `Config(propagate_exceptions=True)`",
    alone=True,
)
def rollbar(folder: Path) -> None:
    import json

    import rollbar
    from rollbar.contrib.asgi import ReporterMiddleware

    reports: list[dict[str, Any]] = []

    def api(environ: Any, start_response: Any) -> list[bytes]:
        reports.append(json.loads(environ["wsgi.input"].read()))
        start_response("200 OK", [("content-type", "application/json"), ("content-length", "2")])
        return [b"{}"]

    with served(api, "wsgi") as url:
        rollbar.init("token", "production", endpoint=f"{url}/api/1/", handler="httpx")
        app = _app(asgi_middleware=[ReporterMiddleware], config=Config(propagate_exceptions=True))
        with Client(app) as client:
            with pytest.raises(KeyError):
                client.get("/fail")
            assert client.get("/nothing").status_code == 404
    (report,) = reports
    trace = report["data"]["body"]["trace"]
    assert (trace["exception"]["class"], trace["frames"][-1]["method"]) == ("KeyError", "fail")


@row(
    TABLE,
    "starlette-csrf",
    "`CSRFMiddleware`",
    "ASGI",
    '`asgi_middleware=[(CSRFMiddleware, {"secret": ...})]`; Hinge has `CSRF`',
)
def starlette_csrf(folder: Path) -> None:
    from starlette_csrf import CSRFMiddleware

    with Client(_app(asgi_middleware=[(CSRFMiddleware, {"secret": "s" * 32})])) as client:
        client.get("/")
        assert client.post("/", content=b"x").status_code == 403
        assert client.post("/", content=b"x", headers={"x-csrftoken": client.cookies["csrftoken"]}).text == "x"


@row(
    TABLE,
    "starsessions",
    "`SessionMiddleware`, `SessionAutoloadMiddleware`",
    "ASGI",
    '`asgi_middleware=[(SessionMiddleware, {...}), SessionAutoloadMiddleware]`, `request.native["session"]`',
)
def starsessions(folder: Path) -> None:
    from starsessions import InMemoryStore, SessionAutoloadMiddleware, SessionMiddleware

    options = {"store": InMemoryStore(), "cookie_https_only": False}
    app = App(asgi_middleware=[(SessionMiddleware, options), SessionAutoloadMiddleware])

    @app.get("/")
    def visits(request: Request) -> int:
        session = request.native["session"]
        session["visits"] = session.get("visits", 0) + 1
        return int(session["visits"])

    with Client(app) as client:
        assert [client.get("/").json() for _ in range(3)] == [1, 2, 3]


# -- both --------------------------------------------------------------------------------------------------------------


@row(
    TABLE,
    "secure",
    "`SecureASGIMiddleware`, `SecureWSGIMiddleware`",
    "both",
    "`asgi_middleware=[SecureASGIMiddleware]`; Hinge has `SecurityHeaders`",
)
def secure(folder: Path) -> None:
    from secure.middleware import SecureASGIMiddleware, SecureWSGIMiddleware

    app = _app(asgi_middleware=[SecureASGIMiddleware], wsgi_middleware=[SecureWSGIMiddleware])
    for backend in ("wsgi", "asgi"):
        with Client(app, backend) as client:
            for path in ("/", "/stream", "/nothing"):
                assert client.get(path).headers["x-frame-options"] == "SAMEORIGIN"


def _intake(events: list[dict[str, Any]]) -> Any:
    """What agents of Elastic APM send their events to."""
    import json

    def intake(environ: Any, start_response: Any) -> list[bytes]:
        sent = environ["wsgi.input"].read() if environ["REQUEST_METHOD"] == "POST" else b""
        events.extend(json.loads(line) for line in gzip.decompress(sent).splitlines())
        start_response("202 Accepted", [("content-length", "0")])
        return []

    return intake


@row(
    TABLE,
    "elastic-apm",
    "`ASGITracingMiddleware`",
    "ASGI",
    "`asgi_middleware=[ASGITracingMiddleware]` after `elasticapm.Client(...)`",
    alone=True,
)
def elastic_apm(folder: Path) -> None:

    import elasticapm
    from elasticapm.contrib.asgi import ASGITracingMiddleware

    events: list[dict[str, Any]] = []
    with served(_intake(events), "wsgi") as url:
        client = elasticapm.Client(
            service_name="shop", server_url=url, cloud_provider=False, central_config=False, metrics_interval="0s"
        )
        app = _app(asgi_middleware=[ASGITracingMiddleware])

        @app.middleware
        def named(request: Request) -> Middleware:
            if request.route is not None:
                elasticapm.set_transaction_name(f"{request.method} {request.route.template.text}")
            yield

        @app.get("/spans/{number}")
        def span(number: int) -> str:
            with elasticapm.capture_span("a query"):
                return "done"

        with Client(app) as browser:
            assert browser.get("/spans/1").text == "done"
            assert browser.get("/nothing").status_code == 404
        client.close()
    found = [event["transaction"] for event in events if "transaction" in event]
    assert [(one["name"], one["result"]) for one in found] == [
        ("GET /spans/{number}", "HTTP 2xx"),
        ("GET unknown route", "HTTP 4xx"),
    ]
    (child,) = [event["span"] for event in events if "span" in event]
    assert (child["name"], child["parent_id"]) == ("a query", found[0]["id"]), "in a worker thread as well"


# -- WSGI --------------------------------------------------------------------------------------------------------------


@row(
    TABLE,
    "elastic-apm",
    "`ElasticAPM`",
    "WSGI",
    '`wsgi_middleware=[(ElasticAPM, {"client": client})]` with `Config(propagate_exceptions=True)`',
    alone=True,
)
def elastic_apm_wsgi(folder: Path) -> None:
    import elasticapm
    from elasticapm.middleware import ElasticAPM

    events: list[dict[str, Any]] = []
    with served(_intake(events), "wsgi") as url:
        client = elasticapm.Client(
            service_name="shop", server_url=url, cloud_provider=False, central_config=False, metrics_interval="0s"
        )
        app = _app(wsgi_middleware=[(ElasticAPM, {"client": client})], config=Config(propagate_exceptions=True))
        with Client(app, "wsgi") as browser:
            assert (browser.get("/").text, browser.get("/nothing").status_code) == (LONG, 404)
            with pytest.raises(KeyError):
                browser.get("/fail")
        client.close()
    (error,) = [event["error"] for event in events if "error" in event]
    assert (error["exception"]["type"], error["culprit"].rpartition(".")[2]) == ("KeyError", "fail")


@row(
    TABLE,
    "werkzeug",
    "`ProxyFix`",
    "WSGI",
    '`wsgi_middleware=[(ProxyFix, {"x_for": 1, ...})]`; Hinge has `ProxyHeaders`',
)
def werkzeug_proxy_fix(folder: Path) -> None:
    from werkzeug.middleware.proxy_fix import ProxyFix

    told = {"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https", "x-forwarded-host": "shop.example"}
    told |= {"x-forwarded-prefix": "/shop"}
    app = _app(wsgi_middleware=[(ProxyFix, {"x_for": 1, "x_proto": 1, "x_host": 1, "x_prefix": 1})])

    @app.get("/where", name="where")
    def where(request: Request) -> str:
        return request.url_for("where")

    with Client(app, "wsgi") as client:
        seen = {"client": "203.0.113.9", "scheme": "https", "host": "shop.example"}
        assert client.get("/seen", headers=told).json() == seen
        assert client.get("/where", headers=told).text == "/shop/where"


@row(
    TABLE,
    "werkzeug",
    "`ProfilerMiddleware`",
    "WSGI",
    "`wsgi_middleware=[ProfilerMiddleware]`; what runs on the event loop's thread is not in it",
)
def werkzeug_profiler(folder: Path) -> None:
    from werkzeug.middleware.profiler import ProfilerMiddleware

    report = io.StringIO()
    with Client(_app(wsgi_middleware=[(ProfilerMiddleware, {"stream": report})]), "wsgi") as client:
        assert client.get("/").text == LONG
    assert "PATH: '/'" in report.getvalue()
    assert "(index)" in report.getvalue()


@row(
    TABLE,
    "werkzeug",
    "`SharedDataMiddleware`",
    "WSGI",
    '`wsgi_middleware=[(SharedDataMiddleware, {"exports": ...})]`; Hinge has `app.static`',
)
def werkzeug_shared_data(folder: Path) -> None:
    from werkzeug.middleware.shared_data import SharedDataMiddleware

    (folder / "a.txt").write_text("a file")
    app = _app(wsgi_middleware=[(SharedDataMiddleware, {"exports": {"/shared": str(folder)}})])
    with Client(app, "wsgi") as client:
        assert client.get("/shared/a.txt").text == "a file"
        assert (client.get("/").text, client.get("/shared/none").status_code) == (LONG, 404)


@row(
    TABLE,
    "werkzeug",
    "`LintMiddleware`",
    "WSGI",
    "`wsgi_middleware=[LintMiddleware]` finds nothing (that a HEAD's length is not 0 is no fault)",
)
def werkzeug_lint(folder: Path) -> None:
    import warnings

    from werkzeug.middleware.lint import LintMiddleware

    with Client(_app(wsgi_middleware=[LintMiddleware]), "wsgi") as client, warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [client.get(path).status_code for path in ("/", "/stream", "/fail", "/x")] == [200, 200, 500, 404]
        assert client.post("/", content=b"body").content == b"body"


@row(
    TABLE,
    "whitenoise",
    "`WhiteNoise`",
    "WSGI",
    '`wsgi_middleware=[(WhiteNoise, {"root": ...})]`; Hinge has `app.static`',
)
def whitenoise(folder: Path) -> None:
    from whitenoise import WhiteNoise

    (folder / "a.css").write_text("a {}")
    app = _app(wsgi_middleware=[(WhiteNoise, {"root": folder, "prefix": "static/", "max_age": 60})])
    with Client(app, "wsgi") as client, served(app.wsgi, "wsgi") as url:
        import httpx

        for answer in (client.get("/static/a.css"), httpx.get(f"{url}/static/a.css")):
            assert (answer.text, answer.headers["cache-control"]) == ("a {}", "max-age=60, public")
        assert (client.get("/").text, client.get("/static/b.css").status_code) == (LONG, 404)


@row(TABLE, "paste", "`TransLogger`", "WSGI", "`wsgi_middleware=[TransLogger]`")
def paste_translogger(folder: Path) -> None:
    from paste.translogger import TransLogger

    logger, lines = _journal("tests.translogger")
    options = {"logger": logger, "format": "%(REQUEST_METHOD)s %(REQUEST_URI)s %(status)s"}
    with Client(_app(wsgi_middleware=[(TransLogger, options)]), "wsgi") as client:
        client.get("/seen")
        client.get("/fail")
    assert lines() == ["GET /seen 200", "GET /fail 500"]


@row(
    TABLE,
    "beaker",
    "`SessionMiddleware`",
    "WSGI",
    '`wsgi_middleware=[(SessionMiddleware, {...})]`, `request.native["beaker.session"]`; Hinge has `Sessions`',
)
def beaker(folder: Path) -> None:
    from beaker.middleware import SessionMiddleware

    config = {"session.type": "file", "session.data_dir": str(folder), "session.auto": True}
    app = App(wsgi_middleware=[(SessionMiddleware, {"config": config})])

    @app.get("/")
    def visits(request: Request) -> int:
        session = request.native["beaker.session"]
        session["visits"] = session.get("visits", 0) + 1
        return int(session["visits"])

    with Client(app, "wsgi") as client:
        assert [client.get("/").json() for _ in range(3)] == [1, 2, 3]


@row(TABLE, "webob", "`wsgify.middleware`", "WSGI", "`wsgi_middleware=[decorated]`")
def webob(folder: Path) -> None:
    from webob.dec import wsgify

    @wsgify.middleware
    def stamped(request: Any, app: Any) -> Any:
        response = request.get_response(app)
        response.headers["x-stamp"] = request.method
        return response

    with Client(_app(wsgi_middleware=[stamped]), "wsgi") as client:
        for path, text in (("/", LONG), ("/stream", 3 * LONG)):
            answer = client.get(path)
            assert (answer.text, answer.headers["x-stamp"]) == (text, "GET")
        assert client.post("/", content=b"body").text == "body"
