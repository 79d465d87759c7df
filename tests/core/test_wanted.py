"""Every keyword of every public declaration, with values of a wrong kind: one line, at the line that was written."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hinge import (
    App,
    BodyParam,
    ConfigurationError,
    CookieParam,
    Depends,
    FormParam,
    HeaderParam,
    Middleware,
    PathParam,
    QueryParam,
    Router,
    Sessions,
)
from hinge.codecs import Codec
from hinge.middleware import (
    CORS,
    CSRF,
    Compression,
    HTTPSRedirect,
    ProxyHeaders,
    SecurityHeaders,
    Timeout,
    TrustedHosts,
)
from hinge.routing.route import RouteOptions
from hinge.security import (
    AnyOf,
    APIKeyCookie,
    APIKeyHeader,
    APIKeyQuery,
    HTTPBasic,
    HTTPBearer,
    OAuth2AuthorizationCode,
    OAuth2PasswordBearer,
    OpenIDConnect,
    Security,
)
from hinge.security.scheme import About
from hinge.sessions import MemoryStore, RedisStore, SQLiteStore

THING = object()
NUMBERS, OTHERS = (5, -1, 2.5, True), (b"x", THING)
NO_TEXT = (*NUMBERS, *OTHERS, ["x"], {"a": 1})
NO_LIST = (*NUMBERS, *OTHERS, "text")
NO_LIST_OF_TEXTS = (*NO_LIST, [5], None)
NO_FLAG = (5, 0, "yes", None, THING, [])
NO_COUNT = (-1, 2.5, True, "5", THING, [5])
NO_MAPPING = (*NUMBERS, *OTHERS, "text", ["x"])
NO_CALL = (*NUMBERS, *OTHERS, "text", ["x"], {"a": 1})
NO_SECONDS = (0, -1, True, "5", None, THING, float("inf"), float("nan"))
NO_PATH = (*NUMBERS, *OTHERS, "no/slash", ["x"], {"a": 1})


def handler() -> str:
    return "x"


def layer() -> Middleware:
    yield


def compiled(app: App) -> None:
    app.compile("wsgi")


def of_app(**options: Any) -> None:
    app = App(**options)
    app.get("/")(handler)
    compiled(app)


def of_route(**options: Any) -> None:
    app = App()
    app.get("/", **options)(handler)
    compiled(app)


def of_route_methods(**options: Any) -> None:
    App().route("/", **options)(handler)


def of_router(**options: Any) -> None:
    Router(**options)


def of_depends(**options: Any) -> None:
    app = App(dependencies=[Depends(handler, **options)])
    app.get("/")(handler)
    compiled(app)


def of_static(**options: Any) -> None:
    App().static(**{"path": "/s", "directory": Path(__file__).parent, **options})


def of_mount(**options: Any) -> None:
    inner = (lambda environ, start_response: []) if options.keys() & {"interface", "max_body_size"} else App()
    App().mount(**{"path": "/m", "app": inner, **options})


def of_include(**options: Any) -> None:
    App().include(**{"router": Router(), **options})


def of_middleware(**options: Any) -> None:
    App().middleware(layer, **options)


def of_compile(**options: Any) -> None:
    App().compile(**{"backend": "wsgi", **options})


def of_cors(**options: Any) -> None:
    CORS(**{"origins": ["https://a.example"], **options})


def of_compression(**options: Any) -> None:
    Compression(**options)


def of_csrf(**options: Any) -> None:
    CSRF(**options)


def of_trusted_hosts(**options: Any) -> None:
    TrustedHosts(**{"hosts": ["a.example"], **options})


def of_https_redirect(**options: Any) -> None:
    HTTPSRedirect(**options)


def of_security_headers(**options: Any) -> None:
    SecurityHeaders(**options)


def of_proxy_headers(**options: Any) -> None:
    trust = {} if {"trusted", "hops"} & set(options) else {"hops": 1}
    ProxyHeaders(**{"header": "forwarded", **trust, **options})


def of_timeout(**options: Any) -> None:
    Timeout(**{"seconds": 1, **options})


def of_sessions(**options: Any) -> None:
    Sessions(**{"keys": ["k" * 32], **options})


def of_memory_store(**options: Any) -> None:
    MemoryStore(**options)


def of_sqlite_store(**options: Any) -> None:
    SQLiteStore(**{"path": "sessions.db", **options})


def of_redis_store(**options: Any) -> None:
    RedisStore(**{"url": "redis://localhost", **options})


def of_codec(**options: Any) -> None:
    Codec(**{"media_type": "a/b", "encode": lambda value: b"", **options})


def of_any_of(**options: Any) -> None:
    AnyOf(*options.pop("schemes", (HTTPBearer(), HTTPBasic())), **options)


def of_security(**options: Any) -> None:
    Security(handler, **options)


def of_bearer(**options: Any) -> None:
    HTTPBearer(**options)


def of_basic(**options: Any) -> None:
    HTTPBasic(**options)


def of_key_header(**options: Any) -> None:
    APIKeyHeader(**{"name": "x-key", **options})


def of_key_cookie(**options: Any) -> None:
    APIKeyCookie(**{"name": "key", **options})


def of_key_query(**options: Any) -> None:
    APIKeyQuery(**{"name": "key", **options})


def of_password(**options: Any) -> None:
    OAuth2PasswordBearer(**{"token_url": "token", **options})


def of_code(**options: Any) -> None:
    OAuth2AuthorizationCode(**{"authorization_url": "a", "token_url": "token", **options})


def of_openid(**options: Any) -> None:
    OpenIDConnect(**{"url": "x", **options})


NO_URL = (*NO_TEXT, "", " ")
NO_ABOUT = {"optional": (*NO_FLAG,), "title": (*NO_TEXT, "", "a b"), "description": NO_TEXT}
NO_REALM = {"realm": (*NO_URL, None, "\xe4", "a\nb")}
NO_SCOPES = (*NO_MAPPING, None, {5: "x"}, {"a b": "x"}, {"": "x"}, {"a": 5})
NO_DEPENDENCIES = (*NO_LIST, [5], ["x"], [handler], [Depends()], Depends(handler))
NO_RESPONSES = (*NO_MAPPING, {"404": "x"}, {True: "x"}, {99: "x"})
WRONG: dict[Callable[..., None], dict[str, tuple[Any, ...]]] = {
    of_app: {
        "title": (*NO_TEXT, None),
        "version": (*NO_TEXT, None),
        "description": (*NO_TEXT, None),
        "config": (*NO_CALL, {}),
        "slashes": (*NO_TEXT, None, "other"),
        "middleware": (*NO_LIST, None, [5], ["x"], [handler], layer),
        "codecs": (*NO_LIST, [5], [], "text"),
        "wsgi_middleware": (*NO_LIST, None, [5], [("x", {})], handler),
        "asgi_middleware": (*NO_LIST, None, [5], [(handler, 5)], handler),
        "ignore_notes": (*NO_LIST, None, [5], int),
        "types": (*NO_LIST, None, [5], int),
        "openapi_path": (*NO_PATH, "/ends/"),
        "docs_path": (*NO_PATH, "/ends/"),
        "security_schemes": (*NO_MAPPING, {"key": "text"}),
        "security": (*NO_LIST, None, ["key"], [5], {"key": []}),
        "dependencies": NO_DEPENDENCIES,
        "openapi_dependencies": NO_DEPENDENCIES,
        "overrides": (*NO_MAPPING, {handler: 5}, {"text": handler}),
        "responses": (*NO_RESPONSES, {404: 5}, {404: THING}, {404: {"description": THING}}),
        "sessions": (*NO_CALL, Sessions, MemoryStore()),
    },
    of_route: {
        "name": NO_TEXT,
        "middleware": (*NO_LIST, None, [5], layer),
        "tags": NO_LIST_OF_TEXTS,
        "summary": NO_TEXT,
        "description": NO_TEXT,
        "deprecated": NO_FLAG,
        "status": (*NO_COUNT, 0, 199, 600),
        "inline": NO_FLAG,
        "loop": (*NO_TEXT, None, "other"),
        "include_in_schema": NO_FLAG,
        "responses": (*NO_RESPONSES, {404: 5}),
        "security": (*NO_LIST, ["key"], [5]),
        "max_body_size": NO_COUNT,
        "csrf": NO_FLAG,
        "dependencies": NO_DEPENDENCIES,
        "without": (*NO_LIST, [5], ["x"], [handler], handler),
    },
    of_route_methods: {"methods": (*NUMBERS, THING, None, "get", [5], [], ["get"])},
    of_router: {
        "prefix": (*NO_PATH, None),
        "tags": NO_LIST_OF_TEXTS,
        "middleware": (*NO_LIST, None, [5], layer),
        "dependencies": NO_DEPENDENCIES,
        "responses": NO_RESPONSES,
        "include_in_schema": [one for one in NO_FLAG if one is not None],
    },
    of_depends: {
        "scope": (*NO_TEXT, None, "session"),
        "cached": NO_FLAG,
        "responses": (*NO_RESPONSES, {404: 5}),
    },
    of_static: {
        "path": (*NUMBERS, THING, None, ["x"]),
        "directory": (*NUMBERS, THING, None, ["x"], "nowhere"),
        "name": NO_TEXT,
        "index": (*NO_TEXT, ""),
        "fallback": (*NO_TEXT, ""),
        "cache_control": (*NUMBERS, *OTHERS, ["x"], {"a": 1}, "a\nb"),
        "precompressed": NO_FLAG,
        "dot_files": NO_FLAG,
        "follow_symlinks": NO_FLAG,
        "inline": NO_FLAG,
        "middleware": (*NO_LIST, None, [5], layer),
        "dependencies": NO_DEPENDENCIES,
        "without": (*NO_LIST, None, [5], str),
    },
    of_mount: {
        "path": (*NO_PATH, None),
        "app": (*NO_CALL, None, Router(), App),
        "name": (*NO_TEXT, "", "a:b"),
        "interface": (*NO_TEXT, "rsgi"),
        "dependencies": NO_DEPENDENCIES,
        "max_body_size": NO_COUNT,
    },
    of_include: {
        "router": (*NO_CALL, None, App(), Router),
        "prefix": (*NO_PATH, None),
        "name": (*NO_TEXT, "", "a:b"),
    },
    of_middleware: {"needs_body": NO_FLAG},
    of_compile: {"backend": (*NO_TEXT, "nothing"), "skip_unsupported": NO_FLAG},
    of_cors: {
        "origins": (*NO_LIST_OF_TEXTS, ["here"]),
        "methods": (*NO_LIST_OF_TEXTS, ["a b"]),
        "headers": (*NO_LIST_OF_TEXTS, ["a b"]),
        "expose": (*NO_LIST_OF_TEXTS, ["a b"]),
        "credentials": NO_FLAG,
        "max_age": (*NO_COUNT, None),
        "private_network": NO_FLAG,
    },
    of_compression: {
        "codings": (*NUMBERS, *OTHERS, "gzip", [5], [], ["other"]),
        "min_size": (*NO_COUNT, None),
        "levels": (*NO_MAPPING, {"other": 1}, {"gzip": "9"}, {"gzip": True}),
    },
    of_csrf: {"trusted_origins": (*NO_LIST_OF_TEXTS, ["null"], ["*"], ["https://a.example/"], ["a.example"])},
    of_trusted_hosts: {"hosts": (*NO_LIST_OF_TEXTS, [], ["*"], ["https://a"], ["a b"], ["*.[::1]"], ["a*.b"], [""])},
    of_https_redirect: {
        "host": (*NO_TEXT, "", "a:80", "a/b"),
        "port": (*NO_COUNT, None, 0, 65536),
    },
    of_security_headers: dict.fromkeys(inspect.signature(SecurityHeaders).parameters, (*NO_TEXT, "", "a\nb", "\xe4"))
    | {"hsts": NO_COUNT, "hsts_subdomains": (*NO_FLAG, True)},
    of_proxy_headers: {
        "header": (*NO_TEXT, None, "x-real-ip", ["forwarded", "x-forwarded"]),
        "trusted": (
            *NO_LIST_OF_TEXTS,
            [],
            ["*"],
            ["0.0.0.0/0"],
            ["::/0"],
            ["10.0.0.1/8"],
            ["localhost"],
        ),
        "hops": (*NO_COUNT, None, 0),
    },
    of_timeout: {"seconds": NO_SECONDS},
    of_sessions: {
        "keys": (*NO_LIST, None, [], [5], [None], ["k" * 31], [b"k" * 31], ["k" * 32, "short"]),
        "store": (*NO_CALL, {}, MemoryStore),
        "idle_timeout": (*NO_COUNT, None, 0),
        "lifetime": (*NO_COUNT, None, 0),
        "cookie": (*NO_TEXT, None, "", "a b", "__Host-a", "__Secure-a"),
        "path": (*NO_PATH, None, "/a;b"),
        "domain": (*NO_TEXT, "a b", ""),
        "secure": NO_FLAG,
        "samesite": (*NO_TEXT, None, "", "other"),
    },
    of_memory_store: {"max_sessions": (*NO_COUNT, None, 0)},
    of_sqlite_store: {"path": (*NO_CALL[:-3], None, "", ":memory:", "file:a", "nowhere/a.db"), "timeout": NO_SECONDS},
    of_redis_store: {"url": (*NO_TEXT, None, "", "localhost", "http://a"), "prefix": NO_TEXT, "timeout": NO_SECONDS},
    of_codec: dict.fromkeys(inspect.signature(Codec).parameters, NO_CALL)
    | {
        "media_type": (*NO_TEXT, None, "text", "A/B"),
        "name": (*NO_TEXT, None),
        "aliases": (*NO_LIST, None, ["x"]),
        "suffix": (*NO_TEXT, None, "json"),
        "objects_only": NO_FLAG,
        "max_size": NO_COUNT,
        "types": (),  # the compile sets it, whatever it was
    },
    of_security: {
        "scopes": (*NO_LIST_OF_TEXTS, ["a b"], [""]),
        "cached": NO_FLAG,
        "responses": NO_RESPONSES,
    },
    of_any_of: {"schemes": ([], [HTTPBearer()], [5, HTTPBearer()], [HTTPBearer, HTTPBearer]), "optional": NO_FLAG},
    of_bearer: NO_ABOUT | NO_REALM | {"scheme": (*NO_URL, None, "a b", "basic", "Digest")},
    of_basic: NO_ABOUT | NO_REALM,
    of_key_header: NO_ABOUT | {"name": (*NO_URL, None, "a b", "a_b", "Authorization", "cookie")},
    of_key_cookie: NO_ABOUT | {"name": (*NO_URL, None, "a b", "a;b")},
    of_key_query: NO_ABOUT | {"name": (*NO_URL, None, "\xe4", "a\nb")},
    of_password: NO_ABOUT | NO_REALM | {"token_url": (*NO_URL, None), "refresh_url": NO_URL, "scopes": NO_SCOPES},
    of_code: NO_ABOUT
    | NO_REALM
    | {"authorization_url": (*NO_URL, None), "token_url": (*NO_URL, None)}
    | {"refresh_url": NO_URL, "scopes": NO_SCOPES},
    of_openid: NO_ABOUT | NO_REALM | {"url": (*NO_URL, None)},
}
SIGNATURES: dict[Callable[..., None], Any] = {
    of_app: App.__init__,
    of_router: Router.__init__,
    of_depends: Depends,
    of_static: App.static,
    of_mount: App.mount,
    of_include: App.include,
    of_compile: App.compile,
    of_cors: CORS.__init__,
    of_compression: Compression.__init__,
    of_csrf: CSRF.__init__,
    of_trusted_hosts: TrustedHosts.__init__,
    of_https_redirect: HTTPSRedirect.__init__,
    of_security_headers: SecurityHeaders.__init__,
    of_proxy_headers: ProxyHeaders.__init__,
    of_timeout: Timeout.__init__,
    of_sessions: Sessions.__init__,
    of_memory_store: MemoryStore.__init__,
    of_sqlite_store: SQLiteStore.__init__,
    of_redis_store: RedisStore.__init__,
    of_codec: Codec,
    of_security: Security,
    of_any_of: AnyOf.__init__,
    of_bearer: HTTPBearer.__init__,
    of_basic: HTTPBasic.__init__,
    of_key_header: APIKeyHeader.__init__,
    of_key_cookie: APIKeyCookie.__init__,
    of_key_query: APIKeyQuery.__init__,
    of_password: OAuth2PasswordBearer.__init__,
    of_code: OAuth2AuthorizationCode.__init__,
    of_openid: OpenIDConnect.__init__,
}


def names_of(declare: Callable[..., None]) -> set[str]:
    if declare is of_route:
        return set(RouteOptions.__annotations__)
    names = set(inspect.signature(SIGNATURES[declare]).parameters) - {"self", "others", "providers"}
    if "about" in names and declare is not of_any_of:  # whose schemes have those
        names |= set(About.__annotations__)
    return names - {"about"}


@pytest.mark.parametrize("declare", [of_route, *SIGNATURES])
def test_every_keyword_is_in_the_table(declare: Callable[..., None]) -> None:
    assert set(WRONG[declare]) == names_of(declare)


def told(wrong: Callable[[], Any]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        wrong()
    message = str(caught.value)
    assert "test_wanted.py:" in message, message
    assert "Fix: " in message, message
    assert "\n" not in message, message
    assert "framework/hinge" not in message, message
    return message


@pytest.mark.parametrize(
    ("declare", "name"),
    [(declare, name) for declare, names in WRONG.items() for name in names],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_value_of_the_wrong_kind_is_one_line_at_its_place(declare: Callable[..., None], name: str) -> None:
    for value in WRONG[declare][name]:
        told(lambda value=value: declare(**{name: value}))


@pytest.mark.parametrize(
    "declare", [of_app, of_route, of_router, of_depends, of_static, of_mount, of_include, of_cors, of_compression]
)
def test_a_keyword_that_there_is_not(declare: Callable[..., None]) -> None:
    name = min(WRONG[declare])
    assert f"did you mean {name!r}?" in told(lambda: declare(**{name + "s": 1}))


METHODS = ("lifespan", "error", "on_error", "middleware", "get", "handler", "configure", "url_for")
TAKEN = [("middleware", None), ("url_for", "text")]  # None: a decorator with parentheses


@pytest.mark.parametrize(
    ("method", "value"),
    [(method, value) for method in METHODS for value in (*NO_CALL, None) if (method, value) not in TAKEN],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_is_no_function_no_path_and_no_name(method: str, value: Any) -> None:
    app: Any = App()
    calls: dict[str, Callable[[], Any]] = {
        "on_error": lambda: app.error(ValueError)(value),
        "handler": lambda: app.get("/")(value),
        "get": lambda: app.get(value)(handler),
    }
    told(calls.get(method) or (lambda: getattr(app, method)(value)))


@pytest.mark.parametrize("marker", [QueryParam, HeaderParam, PathParam, CookieParam, BodyParam, FormParam])
@pytest.mark.parametrize(
    "options",
    [
        {"name": ["x"]},
        {"name": {}},
        {"description": 5},
        {"description": ["x"]},
        {"deprecated": "yes"},
        {"deprecated": []},
    ],
    ids=repr,
)
def test_what_a_marker_takes(marker: Any, options: dict[str, Any]) -> None:
    told(lambda: marker(**options))


def test_an_iterator_is_as_good_as_a_list() -> None:
    cors = CORS(iter(["https://a.example"]), methods=iter(["GET"]))
    assert cors._allows("https://a.example")
