"""What users of other frameworks type from habit is refused with the line to write here; nothing is misread."""

import functools
import importlib
import inspect
import logging
import re
from collections.abc import Callable
from typing import Annotated, Any

import pytest

from hinge import App, Config, ConfigurationError, Depends, HTTPError, Request, Response, Router, Templates
from hinge.diagnostics.elsewhere import ARGUMENTS, ATTRIBUTES, IMPORTS
from hinge.middleware import CORS
from hinge.middleware.layer import layer_of
from hinge.routing.route import RouteOptions
from hinge.testing import Client
from hinge.testing.outgoing import RequestOptions

anything: Any = None


def of_another(name: str, module: str, *bases: type, **attributes: Any) -> Any:
    """Return a class as another framework has it."""
    return type(name, bases or (object,), {"__module__": module, **attributes})


BackgroundTasks = of_another("BackgroundTasks", "fastapi.background")
HttpRequest = of_another("HttpRequest", "django.http.request")
OtherResponse = of_another("Response", "starlette.responses")
UploadFile = of_another("UploadFile", "starlette.datastructures")
TheirError = of_another("HTTPException", "starlette.exceptions", Exception, status_code=404)
Http404 = of_another("Http404", "django.http.response", Exception)
RequestValidationError = of_another("RequestValidationError", "fastapi.exceptions", Exception)


# -- names that are imported -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("package", "name", "fix"),
    [
        ("hinge", "APIRouter", "from hinge import Router"),
        ("hinge", "HTTPException", "from hinge import HTTPError; raise HTTPError(404, 'why')"),
        ("hinge", "BackgroundTasks", "request.after_response(f, ...), of the request that a handler takes"),
        ("hinge.responses", "JSONResponse", "from hinge import JSONResponse"),
        ("hinge.middleware", "CORSMiddleware", "from hinge.middleware import CORS"),
        ("hinge", "CORS", "from hinge.middleware import CORS"),
        ("hinge", "HTTPBearer", "from hinge.security import HTTPBearer"),
        ("hinge", "Metrics", "from hinge.observability import Metrics"),
        ("hinge", "Health", "from hinge.health import Health"),
        ("hinge.security", "HTTPAuthorizationCredentials", "str: HTTPBearer gives the token itself"),
        ("hinge.security", "JWT", "from hinge.security.jwt import JWT"),
        ("hinge.testing", "TestClient", "from hinge.testing import Client"),
    ],
)
def test_a_name_of_another_framework_tells_ours(package: str, name: str, fix: str) -> None:
    with pytest.raises(ImportError) as caught:
        exec(f"from {package} import {name}", {})
    assert str(caught.value) == f"cannot import name {name!r} from {package!r}. Fix: {fix}"


def test_any_other_name_is_missing_as_usual() -> None:
    for package in ("hinge", "hinge.testing", "hinge.responses"):
        assert not hasattr(importlib.import_module(package), "no_such_name")


def test_what_is_told_to_be_imported_is_there() -> None:
    lines = [line for fix in IMPORTS.values() for line in re.findall(r"from hinge[.\w]* import \w+", fix)]
    assert len(lines) > 20
    for line in set(lines):
        exec(line, {})


def test_no_word_has_a_meaning_here() -> None:
    for room in ("hinge", "hinge.middleware", "hinge.security", "hinge.sessions", "hinge.codecs"):
        assert not IMPORTS.keys() & {*importlib.import_module(room).__all__}
    for kind in (App, Router):
        assert not ATTRIBUTES.keys() & {*dir(kind)}
    assert not ARGUMENTS["a route"].keys() & RouteOptions.__annotations__.keys()
    for name, call in (("App", App), ("Router", Router), ("include", App.include), ("CORS", CORS), ("Client", Client)):
        assert not ARGUMENTS[name].keys() & inspect.signature(call).parameters.keys()
    assert not ARGUMENTS["request"].keys() & RequestOptions.__annotations__.keys()


# -- declarations ------------------------------------------------------------------------------------------------------


def of_route(**options: Any) -> Callable[[], Any]:
    return lambda: App().get("/", **options)(lambda: None)


def of_app(**options: Any) -> Callable[[], Any]:
    app: Any = App
    return lambda: app(**options)


def setting(name: str) -> Callable[[], Any]:
    return lambda: setattr(App(), name, 1)


def compiled(handler: Callable[..., Any], **options: Any) -> Callable[[], Any]:
    def run() -> None:
        app = App()
        app.post("/", **options)(handler)
        app.compile("wsgi")

    return run


def with_tasks(tasks: BackgroundTasks) -> None: ...
def with_bare_tasks(background_tasks) -> None: ...  # type: ignore[no-untyped-def]
def with_response(response: Response) -> None: ...
def with_their_response(response: OtherResponse) -> None: ...
def with_bare_response(response) -> None: ...  # type: ignore[no-untyped-def]
def with_django_request(request: HttpRequest) -> None: ...
def with_files(files: list[UploadFile]) -> None: ...
def with_bare_depends(value: Annotated[int, Depends]) -> None: ...
def with_depends_default(value: int = anything or Depends) -> None: ...  # type: ignore[assignment]
def gives_their_response() -> OtherResponse: ...


class WrapsASGI:
    def __init__(self, app: Any) -> None:
        self.app = app


class WrapsView:
    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response


class Dispatches:
    async def dispatch(self, request: Any, call_next: Any) -> Any: ...


class TheirMark:
    dependency = staticmethod(lambda: 1)


@pytest.mark.parametrize(
    ("declare", "said"),
    [
        (of_route(status_code=201), "there is no option 'status_code'. Fix: status=, as in status=201"),
        (of_route(response_model=int), "Fix: the return annotation: def f(...) -> Item"),
        (of_route(response_class=int), "Fix: a return annotation: def f(...) -> HTMLResponse"),
        (of_route(endpoint="x"), "Fix: name="),
        (of_route(dependencies=[TheirMark()]), "Fix: dependencies=[hinge.Depends(f)], from hinge import Depends"),
        (of_app(lifespan=None), "Fix: @app.lifespan, on a generator with one yield"),
        (of_app(docs_url=None), "Fix: docs_path="),
        (of_app(root_path="/api"), "Fix: config=Config(root_path='/api')"),
        (lambda: anything_of(Router)(url_prefix="/x"), "Fix: prefix="),
        (lambda: anything_of(App()).include(Router(), tags=["x"]), "Fix: give it to the Router(...)"),
        (lambda: anything_of(App()).route("/"), "Fix: it takes methods=['GET'], or is @app.get(path)"),
        (
            lambda: anything_of(App()).mount("/s", of_another("StaticFiles", "starlette.staticfiles")),
            "Fix: call it, if that makes one: StaticFiles()",
        ),
        (lambda: anything_of(CORS)(expose_headers=["x"]), "Fix: expose="),
        (lambda: App().error(RequestValidationError), "Fix: @app.error(422); what is wrong is in"),
        (
            setting("dependency_overrides"),
            "App.dependency_overrides = ... (HERE): nobody reads it. Fix: Client(app, over",
        ),
        (setting("debug"), "Fix: config=Config(debug=True)"),
        (setting("config"), "Fix: app.configure(Config(...))"),
        (setting("state"), "Fix: Depends(f, scope='app'), or what a lifespan yields"),
        (lambda: setattr(Router(), "route_class", 1) or setattr(Router(), "state", 1), "Router.state = ..."),
        (
            compiled(with_tasks),
            "is a fastapi.background.BackgroundTasks, which nobody injects. Fix: request: Request, and",
        ),
        (compiled(with_bare_tasks), "Fix: annotate it: background_tasks: Request"),
        (compiled(with_response), "is a hinge.responses.response.Response, which nobody injects. Fix: headers: Resp"),
        (compiled(with_their_response), "is a starlette.responses.Response, which nobody injects. Fix: headers: Resp"),
        (compiled(with_bare_response), "Fix: annotate it: response: ResponseHeaders"),
        (compiled(with_django_request), "which nobody injects. Fix: from hinge import Request"),
        (compiled(with_files), "which nobody injects. Fix: from hinge import UploadFile"),
        (compiled(with_bare_depends), "Fix: value: Annotated[..., Depends(f)], a call with the provider"),
        (compiled(with_depends_default), "Fix: value: Annotated[..., Depends(f)], a call with the provider"),
        (compiled(gives_their_response), "Fix: a response of Hinge's own, from hinge import JSONResponse"),
        (lambda: layer_of(WrapsASGI), "it is a class. Fix: App(asgi_middleware=[("),
        (lambda: layer_of(WrapsView), "Fix: a generator: what stands before `response = yield`"),
        (
            lambda: layer_of(Dispatches()),
            "Fix: a generator: `response = yield`, or an object with `before` and `after`",
        ),
        (lambda: Client(App(), "wsgi", root_path="/x"), "Client(root_path=...) (HERE): "),  # type: ignore[call-arg]
        (lambda: Client(App(), "wsgi").post("/", query_string=""), "Client.request(query_string=...) (HERE): "),  # type: ignore[call-arg]
    ],
)
def test_a_habit_is_refused_with_the_line_to_write(declare: Callable[[], Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        declare()
    found = re.sub(r"\([\w/.]*test_elsewhere\.py:\d+\)", "(HERE)", str(caught.value))
    assert said in found
    assert "(HERE)" in found


def anything_of(one: Any) -> Any:
    """Return it, so that no type checker stops what is to be refused."""
    return one


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda: anything_of(App()).include_router, "App has no attribute 'include_router'. Fix: app.include(router)"),
        (lambda: anything_of(Router()).add_api_route, "Fix: router.route(path, methods=[...])(handler)"),
        (lambda: anything_of(App()).dependency_overrides, "Fix: Client(app, overrides={f: g}), in the tests"),
        (lambda: anything_of(App()).host, "Fix: an App for each host, and a proxy in front"),
        (lambda: anything_of(Templates(".")).TemplateResponse, "Fix: templates('page.html', request, name=value)"),
        (lambda: anything_of(Client(App(), "wsgi")).websocket_connect, "Fix: .websocket(path)"),
    ],
)
def test_a_missing_attribute_tells_ours(ask: Callable[[], Any], said: str) -> None:
    with pytest.raises(AttributeError) as caught:
        ask()
    assert said in str(caught.value)


def test_an_app_of_ones_own_class_has_attributes_of_its_own() -> None:
    class Shop(App):
        def __init__(self) -> None:
            super().__init__()
            self.logger = logging.getLogger("shop")
            self.state = 1

    assert Shop().state == 1
    app: Any = App()
    app.shop = 1
    assert app.shop == 1


def test_the_configuration_is_no_store() -> None:
    config: Any = Config()
    for use in (lambda: config["KEY"], lambda: config.__setitem__("KEY", 1)):
        with pytest.raises(TypeError, match=r"config\['KEY'\].*Fix: a dataclass of your own settings"):
            use()


# -- decorators --------------------------------------------------------------------------------------------------------

guarded, decorated = App(), App()


def login_required(function: Any) -> Any:
    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        raise HTTPError(401)

    return checked


@login_required
@guarded.get("/")
def members_only() -> str:
    return "secret"


@decorated.get("/once")
@decorated.get("/twice")
@login_required
def members_as_well() -> str:
    return "secret"


def test_a_decorator_above_the_route_would_guard_nothing() -> None:
    with pytest.raises(
        ConfigurationError, match=r"a decorator stands above that of its route.*Fix: put it below"
    ) as caught:
        guarded.compile("wsgi")
    assert "members_only (tests/core/test_elsewhere.py:" in str(caught.value)
    with Client(decorated, "wsgi") as client:
        assert [client.get(path).status_code for path in ("/once", "/twice")] == [401, 401]


# -- requests ----------------------------------------------------------------------------------------------------------


def raises(error: BaseException) -> Callable[[], None]:
    def handler() -> None:
        raise error

    return handler


def asks(name: str) -> Callable[[Request], Any]:
    def handler(request: Request) -> Any:
        return getattr(request, name)

    return handler


def calls_the_body(request: Request) -> Any:
    return anything_of(request).body()


def gives_positional_status() -> Any:
    return anything_of(Response)("x", 404)


def gives_anothers() -> Any:
    return OtherResponse()


def uses_the_module(request: Request) -> Any:
    return anything_of(importlib.import_module("hinge.request")).args


@pytest.mark.parametrize(
    ("handler", "said"),
    [
        (raises(TheirError()), "HTTPException has no meaning here. Fix: raise hinge.HTTPError(404, ...)"),
        (raises(Http404()), "Http404 has no meaning here. Fix: raise hinge.HTTPError(404, ...)"),
        (gives_anothers, "msgspec does not know the class Response. Fix: from hinge import Response"),
        (gives_positional_status, "what follows the content is named. Fix: status=..., headers=..."),
        (calls_the_body, "request.body is the body, and no method. Fix: no call"),
        (uses_the_module, "hinge.request is a module. Fix: take the request as a parameter, request: Request"),
        (asks("META"), "a Request has no 'META'. Fix: request.headers, or request.native"),
        (asks("user"), "a Request has no 'user'. Fix: a parameter that is a dependency"),
    ],
)
def test_a_failure_in_words_of_another_framework_has_a_hint(
    handler: Callable[..., Any], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = App()
    app.get("/")(handler)
    with Client(app, "wsgi") as client:
        assert client.get("/").status_code == 500
    assert said in caplog.messages[-1]
