"""What the framework tells a programmer: every mistake names its handler, its line, the parameter and the remedy.

The table below is the whole list of mistakes in a declaration. Each text is one or two lines.
"""

import ast
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest

import hinge
from hinge import (
    App,
    BodyParam,
    BodyStream,
    ConfigurationError,
    Cookie,
    CookieParam,
    Header,
    HeaderParam,
    HTTPError,
    Middleware,
    PathParam,
    Query,
    QueryParam,
    Request,
    Router,
    Session,
    WebSocket,
    WebSocketDisconnect,
)
from hinge.binding.params import Body
from hinge.errors import REASONS, FieldError, RequestInvalid
from hinge.security import OAuth2PasswordRequestForm

HERE = "test_errors.py"


class Item(msgspec.Struct):
    name: str


class Nested(msgspec.Struct):
    item: Item


def plain() -> None: ...


def mistake(declare: Callable[[App], Any], backend: str = "asgi") -> str:
    """Return what is said about a mistake, at declaration or at compile."""

    def declare_and_compile() -> None:
        app = App()
        declare(app)
        app.compile(backend)

    with pytest.raises(ConfigurationError) as caught:
        declare_and_compile()
    return str(caught.value)


def route(handler: Callable[..., Any], path: str = "/", **options: Any) -> Callable[[App], Any]:
    return lambda app: app.post(path, **options)(handler)


def live(handler: Callable[..., Any], path: str = "/live") -> Callable[[App], Any]:
    return lambda app: app.websocket(path)(handler)


# -- handlers ----------------------------------------------------------------------------------------------------------


def star(*words: str) -> None: ...


def stars(**words: str) -> None: ...


def not_in_path(item: Annotated[int, PathParam()]) -> None: ...


def renamed_not_in_path(item: Annotated[int, PathParam(name="id")]) -> None: ...


def marked_in_path(item: Query[int]) -> None: ...


def injected_in_path(item: Request) -> None: ...


def two_bodies(first: Item, second: Body[int]) -> None: ...


def body_and_stream(first: Item, second: BodyStream) -> None: ...


def stream(body: BodyStream) -> None: ...


def socket(ws: WebSocket) -> None: ...


def as_default(size: int = QueryParam()) -> None:  # type: ignore[assignment]
    ...


def a_class(size: Annotated[int, QueryParam]) -> None: ...


def inside(size: list[Query[int]]) -> None: ...


def two_markers(size: Query[int] | Header[int]) -> None: ...


def underscore(token: Annotated[str, HeaderParam(name="x_token")]) -> None: ...


def no_header(token: Annotated[str, HeaderParam(name="x:token")]) -> None: ...


def no_cookie(token: Annotated[str, CookieParam(name="a b")]) -> None: ...


def no_name(token: Annotated[str, QueryParam(name="")]) -> None: ...


def lost(token: "Nowhere") -> None:  # type: ignore[name-defined]  # noqa: F821
    ...


def untextual_map(thing: dict[str, int]) -> None: ...


class Made:
    def __init__(self, engine: object) -> None: ...


def made(thing: Made) -> None: ...


def password_form(form: OAuth2PasswordRequestForm) -> None: ...


def untextual(thing: complex) -> None: ...


def record_in_path(thing: Item) -> None: ...


def record_in_header(thing: Header[Nested]) -> None: ...


def list_in_cookie(thing: Cookie[list[str]]) -> None: ...


def nested_query(thing: Query[Nested]) -> None: ...


def undecodable(thing: Annotated[int, BodyParam(), msgspec.Meta(pattern="x")]) -> None: ...


class Shop:
    def method(self, size: int) -> None: ...


class Callable_:
    """A class where a function should be."""

    def __init__(self, size: int) -> None: ...


HANDLERS: list[tuple[Callable[[App], Any], str, str, str]] = [
    # declaration, the handler's name, the parameter (or another subject), the remedy
    (route(star), "star", "parameter *words", "Fix: name each parameter"),
    (route(stars), "stars", "parameter **words", "Fix: name each parameter"),
    (route(Shop.method), "Shop.method", "parameter 'self'", "Fix: register the bound method"),
    (route(Callable_), "Callable_", "it is a class", "Fix: register a function"),
    (route(plain, "/{item}"), "plain", "the path has {item}", "Fix: add a parameter 'item'"),
    (route(not_in_path), "not_in_path", "parameter 'item'", "Fix: add {item} to the path"),
    (route(renamed_not_in_path), "renamed_not_in_path", "parameter 'item'", "Fix: add {id} to the path"),
    (route(renamed_not_in_path, "/{item}"), "renamed_not_in_path", "parameter 'item'", "Fix: add {id} to the path"),
    (route(marked_in_path, "/{item}"), "marked_in_path", "parameter 'item'", "Fix: rename one of the two"),
    (route(injected_in_path, "/{item}"), "injected_in_path", "parameter 'item'", "Fix: rename one of the two"),
    (route(two_bodies), "two_bodies", "parameters 'first' and 'second'", "Fix: make one Struct of them"),
    (route(body_and_stream), "body_and_stream", "parameters 'first' and 'second'", "Fix: make one Struct of them"),
    (route(stream, inline=True), "stream", "parameter 'body'", "Fix: drop inline=True"),
    (route(socket), "socket", "parameter 'ws'", "Fix: register it with @app.websocket"),
    (route(as_default), "as_default", "parameter 'size'", "Fix: size: Annotated[<type>, QueryParam(...)]"),
    (route(a_class), "a_class", "parameter 'size'", "Fix: write QueryParam(), an instance"),
    (route(inside), "inside", "parameter 'size'", "Fix: put it outermost"),
    (route(two_markers), "two_markers", "parameter 'size'", "Fix: keep one of QueryParam and HeaderParam"),
    (route(underscore), "underscore", "parameter 'token'", "Fix: HeaderParam(name='x-token')"),
    (route(no_header), "no_header", "parameter 'token'", "Fix: HeaderParam(name=...)"),
    (route(no_cookie), "no_cookie", "parameter 'token'", "Fix: CookieParam(name=...)"),
    (route(no_name), "no_name", "parameter 'token'", "Fix: leave name= out, or name it"),
    (route(lost), "lost", "parameter 'token'", "Fix: define or import it"),
    (
        route(untextual),
        "untextual",
        "parameter 'thing'",
        "make it a msgspec.Struct or a dataclass if it is the body, or App(types=",
    ),
    (route(made), "made", "parameter 'thing'", "Fix: thing: Annotated[Made, Depends(provider)] if"),
    (
        route(password_form),
        "password_form",
        "parameter 'form'",
        "Fix: form: Annotated[OAuth2PasswordRequestForm, Depends()]",
    ),
    (route(untextual_map), "untextual_map", "parameter 'thing'", "or mark it with Body[...] if it is the body"),
    (route(record_in_path, "/{thing}"), "record_in_path", "parameter 'thing'", "Fix: take a type that a text becomes"),
    (
        route(record_in_header),
        "record_in_header",
        "parameter 'thing': its field 'item'",
        "Fix: take a type that a text becomes",
    ),
    (route(list_in_cookie), "list_in_cookie", "parameter 'thing'", "Fix: take a type that a text becomes"),
    (
        route(nested_query),
        "nested_query",
        "parameter 'thing': its field 'item'",
        "Fix: take a type that a text becomes",
    ),
    (route(undecodable), "undecodable", "parameter 'thing'", "Fix: leave the constraint out"),
]


async def socket_with_body(ws: WebSocket, item: Item) -> None: ...


async def socket_with_request(ws: WebSocket, request: Request) -> None: ...


async def no_socket(room: Query[str]) -> None: ...


HANDLERS += [
    (live(socket), "socket", "a WebSocket handler waits", "Fix: write it as async def"),
    (live(socket_with_body), "socket_with_body", "parameter 'item'", "Fix: receive it as a message"),
    (live(socket_with_request), "socket_with_request", "parameter 'request'", "Fix: use the WebSocket's attributes"),
    (live(no_socket), "no_socket", "it takes no WebSocket", "Fix: add a parameter annotated WebSocket"),
]

# -- options -----------------------------------------------------------------------------------------------------------

HANDLERS += [
    (route(plain, "items"), "plain", "path template 'items'", "'/items'"),
    (route(plain, "/{a}/{a}"), "plain", "path template", "give each its own name"),
    (route(plain, stauts=201), "plain", "there is no option 'stauts'", "status"),
    (route(plain, status=99), "plain", "status=99", "Fix: use one in 200..599"),
    (route(plain, status=101), "plain", "status=101", "Fix: use one in 200..599"),
    (route(plain, status=True), "plain", "status=True", "Fix: use one in 200..599"),
    (route(plain, status="201"), "plain", "status='201'", "Fix: use one in 200..599"),
    (route(plain, max_body_size=-1), "plain", "max_body_size=-1", "Fix: give a number of bytes"),
    (route(plain, max_body_size="1M"), "plain", "max_body_size='1M'", "Fix: give a number of bytes"),
    (route(plain, tags="items"), "plain", "tags='items'", "Fix: tags=['items']"),
    (route(plain, name=5), "plain", "name=5", "Fix: give a text"),
    (route(plain, middleware=plain), "plain", "middleware=", "Fix: make a list of it"),
    (lambda app: app.route("/", methods=[])(plain), "plain", "it has no methods", "Fix: methods=['GET']"),
    (lambda app: app.route("/", methods=["get"])(plain), "plain", "method 'get'", "Fix: "),
    (lambda app: app.route("/", methods="GET,PUT")(plain), "plain", "'GET,PUT'", "Fix: name each one"),
    (lambda app: app.route("/", methods=[""])(plain), "plain", "'' is not an HTTP method", "Fix: name each one"),
    (lambda app: app.route("/", methods=[5])(plain), "plain", "5 is not an HTTP method", "Fix: name each one"),
    (lambda app: app.websocket("/", status=201)(no_socket), "no_socket", "no option 'status'", "Fix: use one of"),
    (lambda app: app.get("/")(5), "builtins.int", "5 cannot be called", "Fix: decorate a function"),  # type: ignore[type-var]
]


@pytest.mark.parametrize(("declare", "name", "subject", "remedy"), HANDLERS)
def test_a_mistake_names_handler_line_subject_and_remedy(
    declare: Callable[[App], Any], name: str, subject: str, remedy: str
) -> None:
    said = mistake(declare)
    assert re.match(rf"handler \S*\b{re.escape(name)} \(\S*{HERE}:\d+\)", said), said
    assert subject in said
    assert remedy in said
    assert len(said.splitlines()) <= 2
    assert len(said) < 500


# -- what belongs to no handler ----------------------------------------------------------------------------------------


def no_yield(request: Request) -> None: ...


def needing(app: Any, key: str) -> Any:
    return app


def two_parameters(request: Request, call_next: Any) -> Middleware:
    yield
    return None


class Instance:
    def __call__(self, request: Request) -> Middleware:
        yield
        return None


@contextlib.asynccontextmanager
async def context(app: App) -> AsyncIterator[None]:
    yield


def error_handler(error: Exception) -> None: ...


def with_session(request: Request, session: Session) -> Middleware:
    yield


def session_alone(session: Session) -> Middleware:
    yield


def session_for_error(request: Request, session: Session[Item] | None) -> None: ...


def error_handler_with_session(request: Request, error: Exception, session: Session) -> None: ...


def error_generator(request: Request, error: Exception) -> Iterator[str]:
    yield ""


OTHERS: list[tuple[Callable[[App], Any], str, str]] = [
    (lambda app: app.middleware(no_yield), "middleware ", "Fix: write it as a generator"),  # type: ignore[type-var]
    (lambda app: app.middleware(two_parameters), "middleware ", "Fix: take the request, or nothing"),
    (lambda app: app.middleware(Instance), "middleware ", "Fix: pass an instance"),  # type: ignore[type-var]
    (lambda app: app.get("/", middleware=[no_yield])(plain), "middleware ", "Fix: "),  # type: ignore[list-item]
    (lambda app: App(middleware=Instance()), "App(middleware=...) (", "Fix: make a list of it"),  # type: ignore[arg-type]
    (lambda app: Router(middleware=Instance()), "Router(middleware=...) (", "Fix: make a list of it"),  # type: ignore[arg-type]
    (lambda app: Router(tags="items"), "Router(tags=...) (", "Fix: tags=['items']"),
    (lambda app: Router("items"), "Router(prefix=...) (", "Fix: begin it with '/'"),
    (lambda app: Router("/{rest:path}"), "Router(prefix=...) (", "Fix: drop ':path'"),
    (lambda app: app.include(Router(), "/items/"), "include(prefix=...) (", "Fix: begin it with '/'"),
    (lambda app: app.include(App()), "include() (", "Fix: pass a hinge.Router"),  # type: ignore[arg-type]
    (lambda app: app.lifespan(context), "lifespan ", "Fix: a generator without @asynccontextmanager"),
    (lambda app: app.lifespan(two_parameters), "lifespan ", "Fix: take the app, or nothing"),
    (lambda app: app.error(4), "@app.error (", "Fix: 400 to 599, or an exception class"),  # type: ignore[arg-type]
    (lambda app: app.error(SystemExit), "@app.error (", "SystemExit is no Exception. Fix: @app.error(Exception)"),  # type: ignore[type-var]
    (lambda app: app.error(error_handler), "@app.error (", "Fix: @app.error(SomeError)"),  # type: ignore[arg-type]
    (lambda app: app.error(KeyError)(error_handler), "error handler ", "Fix: take two parameters"),  # type: ignore[type-var]
    (lambda app: app.error(KeyError)(error_handler_with_session), "error handler ", "Session.of(request)"),  # type: ignore[type-var]
    (lambda app: app.middleware(with_session), "middleware ", "Session.of(request)"),  # type: ignore[type-var]
    (lambda app: app.error(KeyError)(session_for_error), "error handler ", "Fix: Session.of(request), in it"),  # type: ignore[type-var]
    (lambda app: app.middleware(session_alone), "middleware ", "Fix: Session.of(request), in it"),
    (lambda app: app.error(KeyError)(error_generator), "error handler ", "Fix: return the response"),
    (lambda app: app.get(5), "a route (", "Fix: @app.get('/path')"),  # type: ignore[arg-type]
    (lambda app: app.get(plain), "handler ", "Fix: @app.get('/path')"),  # type: ignore[arg-type]
    (lambda app: app.websocket(no_socket), "handler ", "Fix: @app.get('/path')"),  # type: ignore[arg-type]
    (lambda app: App(slashes="keep"), "App(slashes='keep') (", "Fix: 'redirect' or 'strict'"),  # type: ignore[arg-type]
    (
        lambda app: App(asgi_middleware=[(needing, {"secret": 1})]),
        "App(asgi_middleware=...) (",
        "needing cannot be called so: missing a required argument: 'key'. Fix: (needing, {...}), with what it takes",
    ),
    (lambda app: App(asgi_middleware=[needing]), "App(asgi_middleware=...) (", "with what it takes: key"),
    (lambda app: App(wsgi_middleware=[5]), "App(wsgi_middleware=...) (", "Fix: "),  # type: ignore[list-item]
    (lambda app: App(asgi_middleware=[(plain,)]), "App(asgi_middleware=...) (", "Fix: "),  # type: ignore[list-item]
]


@pytest.mark.parametrize(("declare", "start", "remedy"), OTHERS)
def test_a_mistake_without_a_handler_names_its_line_and_remedy(
    declare: Callable[[App], Any], start: str, remedy: str
) -> None:
    said = mistake(declare)
    assert said.startswith(start)
    assert f"{HERE}:" in said
    assert remedy in said
    assert len(said.splitlines()) == 1
    assert len(said) < 500


# -- two places --------------------------------------------------------------------------------------------------------


def first(x: str = "") -> None: ...


def second(x: str = "") -> None: ...


def places(said: str) -> set[str]:
    return set(re.findall(rf"{HERE}:(\d+)", said))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/items", "/items"),
        ("/items/{x}", "/items/{y}"),
        ("/items/{x}.json", "/items/{y}.json"),
        ("/{rest:path}", "/{other:path}"),
    ],
)
def test_two_routes_for_the_same_requests_are_refused_with_both_places(one: str, other: str) -> None:
    app = App()
    app.get(one)(first)
    with pytest.raises(ConfigurationError) as caught:
        app.route(other, methods=["PUT", "GET"])(second)
    said = str(caught.value)
    assert f"GET {other} matches the same requests as GET {one} of handler" in said
    assert places(said) == {str(first.__code__.co_firstlineno), str(second.__code__.co_firstlineno)}
    assert "Fix: change one of the two paths" in said
    assert len(app.routes) == 1


def test_routes_that_differ_in_method_or_shape_stand_side_by_side() -> None:
    app = App()
    for path in ("/a", "/a/", "/a/{x}", "/a/{x}.json", "/a/v{x}", "/a/b", "/a/{x:path}"):
        app.get(path)(first)
    app.post("/a")(first)

    async def both(ws: WebSocket) -> None: ...

    app.websocket("/a")(both)
    with pytest.raises(ConfigurationError, match="WebSocket /a matches the same requests as WebSocket /a"):
        app.websocket("/a")(both)
    assert len(app.routes) == 9


def test_an_included_route_that_clashes_names_both_places() -> None:
    app, router = App(), Router("/items")
    app.get("/items/{x}")(first)
    router.get("/{y}")(second)
    with pytest.raises(ConfigurationError) as caught:
        app.include(router)
    assert places(str(caught.value)) == {str(first.__code__.co_firstlineno), str(second.__code__.co_firstlineno)}


def test_an_included_route_whose_whole_path_is_none_names_its_handler() -> None:
    router = Router("/{x}")
    router.get("/a")(first)
    with pytest.raises(ConfigurationError) as caught:
        App().include(router, "/{x}")
    assert places(str(caught.value)) == {str(first.__code__.co_firstlineno)}
    assert "'/{x}/{x}/a'" in str(caught.value)


def test_two_handlers_of_one_error_are_refused_with_both_places() -> None:
    app = App()

    def one(request: Request, error: KeyError) -> None: ...

    def other(request: Request, error: KeyError) -> None: ...

    app.error(KeyError)(one)
    with pytest.raises(ConfigurationError) as caught:
        app.error(KeyError)(other)
    assert places(str(caught.value)) == {str(one.__code__.co_firstlineno), str(other.__code__.co_firstlineno)}
    assert "KeyError has a handler already" in str(caught.value)


def test_the_need_of_a_route_names_handler_line_path_feature_backend_and_remedy() -> None:
    said = mistake(lambda app: app.websocket("/live/{x}")(talk), backend="wsgi")
    assert said.startswith("handler ")
    assert places(said) == {str(talk.__code__.co_firstlineno)}
    for part in ("/live/{x}", "WebSocket routes", "'wsgi'", "Fix: use a backend that has them", "skip_unsupported"):
        assert part in said


async def talk(ws: WebSocket, x: str) -> None: ...


# -- the list is whole -------------------------------------------------------------------------------------------------

# Raised with a text that is made elsewhere, or completed by who catches it.
_FORWARDED = {"str(error)", "'\\n'.join(mistakes)", "f'lifespan {self.name} ({self.location}): {what}'"}


def configuration_errors() -> Iterator[tuple[str, int, str]]:
    """Yield file, line and source of the argument of every `ConfigurationError(...)` in the core's declarations."""
    package = Path(hinge.__file__).parent
    for name in (
        "app",
        "compiling/endpoints",
        "binding/plan",
        "inspection/signature",
        "error_responses",
        "lifespan",
        "routing/route",
        "routing/router",
    ):
        source = (package / f"{name}.py").read_text()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "ConfigurationError":
                yield name, node.lineno, ast.unparse(node.args[0])


def test_every_text_of_the_declaring_modules_has_a_remedy() -> None:
    found = list(configuration_errors())
    assert len(found) > 40
    without = [
        (file, line)
        for file, line, text in found
        if "Fix: " not in text and text not in _FORWARDED and not text.endswith("{error}'")
    ]
    assert without == []


# -- the exceptions themselves -----------------------------------------------------------------------------------------


def test_an_http_error_checks_its_status() -> None:
    for status in (200, 399, 600, 0, -1, 404.5, "404", None):
        with pytest.raises(ValueError, match=r"status in 400\.\.599, not .*Fix: "):
            HTTPError(status)  # type: ignore[arg-type]
    assert type(HTTPError(HTTPStatus.NOT_FOUND).status) is int
    assert str(HTTPError(404)) == "404 Not Found"
    assert str(HTTPError(404, "no such item")) == "404 Not Found: no such item"


def test_reason_phrases_do_not_depend_on_the_interpreter() -> None:
    assert (REASONS[413], REASONS[414], REASONS[416], REASONS[422]) == (
        "Content Too Large",
        "URI Too Long",
        "Range Not Satisfiable",
        "Unprocessable Content",
    )


def test_a_request_that_is_invalid_counts_its_values() -> None:
    one = RequestInvalid([FieldError("query", "n", "is required")])
    assert (one.status, one.detail) == (422, "The request has 1 invalid value.")
    assert RequestInvalid(one.errors * 2).detail == "The request has 2 invalid values."


def test_what_an_error_has_by_default_is_shared_and_stays_as_it_is() -> None:
    class Gone(HTTPError):
        type = "https://example.com/gone"

    assert HTTPError(404).headers == {}
    with pytest.raises(TypeError):
        HTTPError(404).headers["x-a"] = "b"  # type: ignore[index]
    assert Gone(410).problem()["type"] == "https://example.com/gone"
    assert Gone(410, type="https://example.com/moved").problem()["type"] == "https://example.com/moved"
    assert HTTPError(404).problem()["type"] == "about:blank"


def test_the_four_kinds_of_errors_are_apart() -> None:
    assert not issubclass(ConfigurationError, HTTPError)
    assert not issubclass(HTTPError, ConfigurationError)
    assert not issubclass(WebSocketDisconnect, HTTPError)
    assert issubclass(RequestInvalid, HTTPError)
