"""What applications of other frameworks call it, and what to write here.

Law: data for messages. It is read where something has failed already, or where a declaration is judged; a name stands
here only if it has no meaning of Hinge's own there. Each value is what follows "Fix: ".
"""

from types import MappingProxyType

_APP = "from hinge import App"
_AFTER = "request.after_response(f, ...), of the request that a handler takes"
_GENERATOR = "a generator with one yield, given to app.middleware"
_STATUS = "the number itself, as in status=201"
_ERROR = "from hinge import HTTPError; raise HTTPError(404, 'why')"
_TEXT = "from hinge import TextResponse"
_LOGIN = "dependencies=[Depends(check)] on the route, with a check that raises HTTPError(401)"

IMPORTS = MappingProxyType(
    {
        **dict.fromkeys(("FastAPI", "Flask", "Starlette", "Litestar", "Sanic", "Quart"), _APP),
        **dict.fromkeys(("APIRouter", "Blueprint"), "from hinge import Router"),
        **dict.fromkeys(("HTTPException", "abort", "Http404"), _ERROR),
        **dict.fromkeys(("BackgroundTask", "BackgroundTasks"), _AFTER),
        **dict.fromkeys(
            ("RequestValidationError", "ValidationException"), "from hinge import HTTPError, whose status is 422"
        ),
        **dict.fromkeys(("BaseHTTPMiddleware", "MiddlewareMixin"), _GENERATOR),
        **dict.fromkeys(("HTTPEndpoint", "MethodView", "View"), "functions, one for each method"),
        **dict.fromkeys(
            ("WebSocketRoute", "Mount", "path", "re_path", "include"),
            "@app.get('/path') at the handler, app.include(router), app.mount(path, app)",
        ),
        **dict.fromkeys(("PlainTextResponse",), _TEXT),
        **dict.fromkeys(("ORJSONResponse", "UJSONResponse", "JsonResponse"), "from hinge import JSONResponse"),
        **dict.fromkeys(("HttpResponse", "make_response"), "from hinge import Response"),
        **dict.fromkeys(("HttpResponseRedirect", "redirect"), "from hinge import RedirectResponse"),
        **dict.fromkeys(("send_file", "send_from_directory"), "from hinge import FileResponse"),
        **dict.fromkeys(("Jinja2Templates", "render_template", "render"), "from hinge import Templates"),
        **dict.fromkeys(("run_in_threadpool", "sync_to_async"), "a def handler or provider, which runs in a thread"),
        "SessionMiddleware": "from hinge import Sessions; App(sessions=Sessions(keys=[...]))",
        "session": "from hinge import Session; session: Session as a parameter",
        "flash": "a list in the session",
        "CORSMiddleware": "from hinge.middleware import CORS",
        "GZipMiddleware": "from hinge.middleware import Compression",
        "TrustedHostMiddleware": "from hinge.middleware import TrustedHosts",
        "HTTPSRedirectMiddleware": "from hinge.middleware import HTTPSRedirect",
        "ProxyFix": "from hinge.middleware import ProxyHeaders",
        "csrf_exempt": "csrf=False on the route",
        "login_required": _LOGIN,
        **dict.fromkeys(("Client", "TestClient"), "from hinge.testing import Client"),
        **dict.fromkeys(("AsyncClient", "AsyncTestClient"), "from hinge.testing import AsyncClient"),
        "JWT": "from hinge.security.jwt import JWT",
        "HTTPAuthorizationCredentials": "str: HTTPBearer gives the token itself",
        "OAuth2PasswordRequestFormStrict": "from hinge.security import OAuth2PasswordRequestForm",
        "File": "from hinge import UploadFile",
        "HttpRequest": "from hinge import Request",
        "StaticFiles": "app.static('/static', 'folder')",
        "WebSocketException": "HTTPError before ws.accept(), ws.close(code) behind it",
        "current_app": "app.resolve(provider), or a dependency of scope 'app'",
        "g": "Depends(f), a value of the request",
        "jsonify": "leave it out: what is no text is answered as JSON",
        "status": _STATUS,
        "url_for": "request.url_for(name), app.url_for(name)",
    }
)
"""Names that are imported."""

_MIDDLEWARE = "{self}.middleware, on a generator with one yield"
_AROUND = "{self}.middleware(...), with an instance; App(asgi_middleware=[(Class, {{...}})]) for a class of ASGI"
_ERRORS = "{self}.error(SomeError)"
_LIFESPAN = "{self}.lifespan, on a generator with one yield"
_ROUTE = "{self}.route(path, methods=[...])(handler)"
_COMMAND = "hinge run, on the command line"
_WORKER = "Depends(f, scope='app'), or what a lifespan yields: request.state"
_CLIENT = "hinge.testing.Client(app)"
_JINJA = "environment of hinge.Templates"

ATTRIBUTES = MappingProxyType(
    {
        **dict.fromkeys(("include_router", "register_blueprint"), "{self}.include(router)"),
        **dict.fromkeys(("add_middleware", "user_middleware"), _AROUND),
        **dict.fromkeys(("before_request", "after_request", "teardown_request", "process_response"), _MIDDLEWARE),
        **dict.fromkeys(("exception_handler", "errorhandler", "add_exception_handler"), _ERRORS),
        **dict.fromkeys(("exception_handlers", "register_error_handler", "error_handler_spec"), _ERRORS),
        **dict.fromkeys(("on_event", "add_event_handler", "before_serving", "after_serving"), _LIFESPAN),
        **dict.fromkeys(("add_route", "add_api_route", "add_url_rule"), _ROUTE),
        **dict.fromkeys(("websocket_route", "add_websocket_route"), "{self}.websocket(path)"),
        **dict.fromkeys(("state", "extensions"), _WORKER),
        **dict.fromkeys(("test_client", "test_request_context"), _CLIENT),
        **dict.fromkeys(("jinja_env", "template_filter", "template_global"), _JINJA),
        **dict.fromkeys(("json", "json_encoder", "json_provider_class"), "App(types=[CustomType(...)])"),
        **dict.fromkeys(("openapi", "openapi_schema"), "hinge openapi, on the command line"),
        **dict.fromkeys(("router", "view_functions", "url_map"), "{self}.routes"),
        "api_route": "{self}.route(path, methods=[...])",
        "app_context": "with app.resolve(f) as value",
        "cli": "a command of your own, with app.resolve(f) as value",
        "context_processor": "Templates(..., context_processors=[f])",
        "debug": "config=Config(debug=True)",
        "dependency_overrides": "Client(app, overrides={{f: g}}), in the tests",
        "host": "an App for each host, and a proxy in front",
        "logger": "logging.getLogger(__name__)",
        "run": _COMMAND,
        "secret_key": "App(sessions=Sessions(keys=[...]))",
        "permanent_session_lifetime": "Sessions(..., lifetime=seconds)",
        "teardown_appcontext": "Depends(f), with a generator that closes behind its yield",
        "trace": "{self}.route(path, methods=['TRACE'])",
        "url_path_for": "{self}.url_for(name)",
        "wsgi_app": "{self}.compile('wsgi'); App(wsgi_middleware=[...]) wraps it",
    }
)
"""Attributes of applications and of groups of routes; `{self}` is the one that is asked."""

_DOCUMENT = "leave it out: the document has title, version and description"
_DECLARED = "leave it out: what a handler answers is said by what it returns"
_ON_ROUTER = "give it to the Router(...)"

ARGUMENTS = MappingProxyType(
    {
        "App": {
            **dict.fromkeys(("lifespan", "on_startup", "on_shutdown"), "@app.lifespan, on a generator with one yield"),
            **dict.fromkeys(("default_response_class", "response_class"), _DECLARED),
            **dict.fromkeys(
                ("contact", "license_info", "openapi_tags", "servers", "summary", "terms_of_service"), _DOCUMENT
            ),
            **dict.fromkeys(("docs_url", "redoc_url"), "docs_path="),
            **dict.fromkeys(
                ("root_path", "root_path_in_servers"), "leave it out: the server says it, as SCRIPT_NAME or root_path"
            ),
            **dict.fromkeys(("static_folder", "static_url_path"), "app.static('/static', 'folder')"),
            "exception_handlers": "@app.error(SomeError), at each",
            "import_name": "title=",
            "include_in_schema": "include_in_schema=False on each route",
            "name": "title=",
            "openapi_url": "openapi_path=",
            "redirect_slashes": "slashes='strict'",
            "route_handlers": "@app.get('/path') at each handler",
            "routes": "@app.get('/path') at each handler",
            "template_folder": "Templates('folder')",
        },
        "Router": {
            **dict.fromkeys(("default_response_class", "route_class"), _DECLARED),
            **dict.fromkeys(("lifespan", "on_startup", "on_shutdown"), "@app.lifespan, of the app"),
            "deprecated": "give it to each route",
            "import_name": "Router('/prefix')",
            "name": "include(router, name=...)",
            "path": "prefix=",
            "redirect_slashes": "App(slashes='strict')",
            "route_handlers": "@router.get('/path') at each handler",
            "routes": "@router.get('/path') at each handler",
            "template_folder": "Templates('folder')",
            "url_prefix": "prefix=",
        },
        "include": {
            **dict.fromkeys(("dependencies", "include_in_schema", "middleware", "tags"), _ON_ROUTER),
            **dict.fromkeys(("deprecated", "responses"), "give it to each route"),
            "url_prefix": "prefix=",
        },
        "a route": {
            **dict.fromkeys(
                (
                    "response_model_exclude_none",
                    "response_model_exclude_unset",
                    "response_model_exclude_defaults",
                ),
                "class Item(msgspec.Struct, omit_defaults=True)",
            ),
            **dict.fromkeys(
                ("response_model_exclude", "response_model_include"),
                "a return annotation with the fields that are to be sent",
            ),
            "callbacks": _DOCUMENT,
            "defaults": "defaults of the handler's parameters",
            "endpoint": "name=",
            "media_type": "a Response with its media_type",
            "openapi_extra": "summary=, description=, responses=",
            "operation_id": "name=",
            "response_class": "a return annotation: def f(...) -> HTMLResponse",
            "response_description": "responses={200: 'text'}",
            "response_model": "the return annotation: def f(...) -> Item",
            "status_code": "status=, as in status=201",
            "strict_slashes": "App(slashes='strict')",
        },
        "CORS": {
            "allow_credentials": "credentials=",
            "allow_headers": "headers=",
            "allow_methods": "methods=",
            "allow_origin_regex": "origins=['https://*.example.com']",
            "allow_origins": "origins=",
            "allow_private_network": "private_network=",
            "expose_headers": "expose=",
        },
        "Client": {
            **dict.fromkeys(("backend_options", "use_cookies", "transport", "limits", "trust_env"), "leave it out"),
            **dict.fromkeys(("verify", "cert", "proxy", "mounts"), "leave it out: there is no connection"),
            **dict.fromkeys(("http1", "http2"), "leave it out: a server is what speaks them"),
            "default_encoding": "response.content.decode(...)",
            "event_hooks": "a function of yours around client.request",
            "root_path": "prefix=",
            "raise_app_exceptions": "raise_server_exceptions=",
        },
        "request": {
            "allow_redirects": "follow_redirects=",
            "content_type": "headers={'content-type': ...}",
            "extensions": "leave it out: there is no connection",
            "query_string": "params=",
            "timeout": "Client(app, timeout=...)",
            "url": "the target as the first argument, without a name",
        },
    }
)
"""Arguments, by what is called."""


def argument(what: str, name: str) -> str | None:
    """Return what to write for an argument of `App`, `Router`, `App.include` and the like; None if it is unknown."""
    return ARGUMENTS.get(what.rpartition(".")[2], {}).get(name)


def attribute(owner: str, name: str) -> str | None:
    """Return what to write for an attribute of an app or a router, None if it is unknown."""
    return ATTRIBUTES[name].format(self=owner) if name in ATTRIBUTES else None
