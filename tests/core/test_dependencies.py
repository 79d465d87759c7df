"""What is wrong with dependencies, told at compile: who, where, the way that leads there, and the line to write."""

import asyncio
import functools
import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import SimpleNamespace
from typing import Annotated, Any, Protocol

import msgspec
import pytest

from hinge import (
    App,
    Body,
    BodyStream,
    ConfigurationError,
    Depends,
    Form,
    Header,
    HTTPError,
    Path,
    Query,
    RedirectResponse,
    Request,
    Response,
    ResponseHeaders,
    Router,
    WebSocket,
)
from hinge.middleware import Timeout
from hinge.testing import Client
from hinge_wsgi import environ

HERE = r"\S*test_dependencies\.py:\d+"


class Item(msgspec.Struct):
    name: str


class User:
    pass


class Admin(User):
    pass


def refused(app: App, *texts: str) -> None:
    """Check that an app does not compile, and that each text is somewhere in what it says."""
    with pytest.raises(ConfigurationError) as raised:
        app.freeze("wsgi")
    for text in texts:
        assert re.search(text, str(raised.value)), str(raised.value)


def app_with(handler: Callable[..., Any], path: str = "/", **options: Any) -> App:
    app = App(openapi_path=None)
    app.post(path, **options)(handler)
    return app


# -- what Depends is called with ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"use_cache": False}, r"Depends\(use_cache=False\) \(.*\): there is no such option. Fix: cached=False"),
        ({"dependency": len}, "the provider comes first"),
        ({"scope": "function"}, '"request", which ends before the head is sent'),
        ({"scope": "session"}, '"app" for one value a worker'),
        ({"scope": 3}, "it is no scope"),
        ({"auto_error": False}, "optional=True"),
        ({"cache": False}, "did you mean 'cached'"),
        ({"cached": 1}, "True or False"),
        ({"scope": "app", "cached": False}, "drop cached=False"),
    ],
)
def test_the_words_of_others(options: dict[str, Any], text: str) -> None:
    make: Any = Depends
    with pytest.raises(ConfigurationError, match=text) as raised:
        make(User, **options)
    assert re.search(HERE, str(raised.value))


def test_what_is_no_provider() -> None:
    make: Any = Depends
    with pytest.raises(ConfigurationError, match=r"Depends\(5\) .*: it cannot be called"):
        make(5)
    with pytest.raises(ConfigurationError, match="it takes one provider"):
        make(User, Admin)


# -- providers that cannot be ------------------------------------------------------------------------------------------


@contextmanager
def managed() -> Iterator[int]:
    yield 1


@asynccontextmanager
async def amanaged() -> AsyncIterator[int]:
    yield 1


@functools.cache
def cached_generator() -> Iterator[int]:
    yield 1


def wrapping(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper() -> Any:
        return function()

    return wrapper


async def one() -> int:
    return 1


class Abstract(ABC):
    @abstractmethod
    def give(self) -> None: ...


@pytest.mark.parametrize(
    ("provider", "text"),
    [
        (
            managed,
            r"dependency .*managed \(.*\): @contextmanager makes .* Fix: leave the decorator out \(needed by handler",
        ),
        (amanaged, "Fix: leave the decorator out"),
        (cached_generator, "functools.cache gives every request"),
        (wrapping(one), "would have to be awaited. Fix: write it as async def"),
        (Abstract, "abstract class"),
        (lambda *args: 1, "has no source"),
        (lambda x=User: 1, "for its default, and nobody calls it"),
    ],
)
def test_what_nobody_could_call(provider: Any, text: str) -> None:
    def handler(value: Annotated[Any, Depends(provider)]) -> None: ...

    refused(app_with(handler), text, HERE)


def test_a_class_that_names_nothing() -> None:
    def handler(value: Annotated[Any, Depends()]) -> None: ...

    refused(app_with(handler), r"Depends\(\) takes what the annotation names, and Any is no class. Fix: Depends\(f\)")


def test_a_circle_is_told_with_its_way() -> None:
    def first(second: Any) -> None: ...
    def second(first: Annotated[None, Depends(first)]) -> None: ...

    first.__annotations__["second"] = Annotated[None, Depends(second)]

    def handler(value: Annotated[None, Depends(first)]) -> None: ...

    refused(
        app_with(handler),
        rf"dependency .*first \({HERE}\): it needs itself: ",
        rf": .*first \({HERE}\) -> .*second \({HERE}\) -> .*first \({HERE}\). Fix: break the circle",
    )


# -- scopes ------------------------------------------------------------------------------------------------------------


def session() -> int:
    return 1


def test_a_scope_that_outlives_what_it_needs() -> None:
    def pool(session: Annotated[int, Depends(session)]) -> int:
        return session

    def handler(pool: Annotated[int, Depends(pool, scope="app")]) -> None: ...

    refused(app_with(handler), "made once for all requests, and takes dependency .*session .* .needed by handler")


@pytest.mark.parametrize("kind", [int, Request, Item, Header[str], Query[int]])
def test_an_app_scoped_one_takes_nothing_of_a_request(kind: Any) -> None:
    def pool(value: kind) -> int:  # type: ignore[valid-type]
        return 1

    def handler(pool: Annotated[int, Depends(pool, scope="app")]) -> None: ...

    refused(app_with(handler), "parameter 'value': it is made once for all requests, and .* is one request's")


def test_one_provider_has_one_scope() -> None:
    def first(one: Annotated[int, Depends(session)]) -> None: ...
    def second(one: Annotated[int, Depends(session, scope="app")]) -> None: ...

    app = app_with(first)
    app.get("/second")(second)
    refused(app, f"session .*its scope is 'request' at {HERE} and 'app' at {HERE}")


def test_a_lifespan_takes_app_scoped_ones() -> None:
    app = App()

    @app.lifespan
    def life(app: App, one: Annotated[int, Depends(session)]) -> Iterator[None]:
        yield

    refused(app, "lifespan .*parameter 'one' is dependency .*session .*, which is called for each request")


# -- parameters --------------------------------------------------------------------------------------------------------


def test_two_bodies() -> None:
    def created(item: Item) -> Item:
        return item

    def handler(body: BodyStream, created: Annotated[Item, Depends(created)]) -> None: ...

    refused(
        app_with(handler), r"handler .*: 'body' and 'created.item' both take the body. Fix: have one of them take it"
    )


@pytest.mark.parametrize("kind", [Item, Body[bytes], BodyStream, Form[str]])
def test_a_guard_takes_no_body(kind: Any) -> None:
    def signed(body: kind) -> None: ...  # type: ignore[valid-type]
    def guard(signed: Annotated[None, Depends(signed)]) -> None: ...
    def handler(name: str) -> None: ...

    refused(
        app_with(handler, dependencies=[Depends(guard)]),
        r"dependency .*signed \(.*\) takes the body as 'body', and is called before that is read",
    )


@pytest.mark.parametrize("given", [bool, Response, RedirectResponse | None, bool | int, HTTPError])
@pytest.mark.parametrize("is_generator", [False, True])
def test_a_guard_does_not_answer_by_what_it_returns(given: Any, is_generator: bool) -> None:
    def plain() -> given: ...
    def generator() -> Iterator[given]:
        yield

    guard = generator if is_generator else plain
    refused(
        app_with(lambda: None, dependencies=[Depends(guard)]),
        r"dependency .*(plain|generator) \(.*\): it gives (bool|Response|RedirectResponse|HTTPError), and nobody looks "
        r"at .*"
        r"Fix: raise HTTPError\(403\) to refuse",
    )


def test_a_class_of_guards_is_no_guard() -> None:
    class Check:
        def __call__(self) -> None:
            raise HTTPError(403)

    class Narrower(Check): ...

    for kind in (Check, Narrower):
        refused(
            app_with(lambda: None, dependencies=[Depends(kind)]),
            rf"dependency .*{kind.__name__} \(.*\): it makes a {kind.__name__}, and nobody calls that. "
            rf"Fix: Depends\({kind.__name__}\(\.\.\.\)\), an object",
        )
    app_with(lambda: None, dependencies=[Depends(Check())]).compile("wsgi")


def test_a_backend_that_calls_no_guards_lets_nobody_in() -> None:
    def check() -> None: ...
    def handler(item: Item) -> None: ...

    frozen = app_with(handler, dependencies=[Depends(check)]).freeze("wsgi")
    (endpoint,) = [one for one in frozen.endpoints() if one.is_guarded]
    with pytest.raises(ConfigurationError, match="the backend has called no guards"):
        endpoint.bind(environ)(
            {"CONTENT_TYPE": "application/json"}, (), b'{"name":"lamp"}', SimpleNamespace(_held=None)
        )
    with pytest.raises(ConfigurationError, match="the backend calls the handler by itself"):
        endpoint.plan.handler()


def test_a_parameter_that_is_a_path_s_on_one_route_only() -> None:
    def user(user_id: int) -> int:
        return user_id

    def by_path(user: Annotated[int, Depends(user)]) -> None: ...
    def by_query(user: Annotated[int, Depends(user)]) -> None: ...

    app = app_with(by_path, "/users/{user_id}")
    app.get("/users")(by_query)
    refused(
        app,
        rf"parameter 'user_id' is in the path of POST /users/{{user_id}} \({HERE}\), and not in that of GET /users "
        rf"\({HERE}\). Fix: mark it, Path\[...\] or Query\[...\]",
    )


def test_a_marked_one_may_be_on_both() -> None:
    def user(user_id: Query[int] = 0) -> int:
        return user_id

    def handler(user: Annotated[int, Depends(user)]) -> None: ...

    app = app_with(handler)
    app.get("/users")(handler)
    app.freeze("wsgi")


def test_a_path_parameter_that_is_not_there() -> None:
    def user(user_id: Path[int]) -> int:
        return user_id

    def handler(user: Annotated[int, Depends(user)]) -> None: ...

    refused(
        app_with(handler),
        r"dependency .*user.* is the path parameter 'user_id'. Fix: add {user_id} to the path .needed",
    )


def test_a_path_that_nobody_takes() -> None:
    def handler(one: Annotated[int, Depends(session)]) -> None: ...

    refused(app_with(handler, "/{number}"), "the path has {number} but no parameter takes it")


def test_markers_and_defaults() -> None:
    def twice(one: Annotated[int, Depends(session)] = Depends(session)) -> None: ...
    def default(one: Annotated[int, Depends(session)] = 3) -> None: ...
    def query(one: Annotated[Query[int], Depends(session)]) -> None: ...
    def note(one: Annotated[int, Depends(session), object()]) -> None: ...
    def inside(one: list[Annotated[int, Depends(session)]]) -> None: ...

    refused(app_with(twice), "two markers. Fix: keep one of Depends")
    refused(app_with(default), "its value always comes from its dependency. Fix: leave the default out")
    refused(app_with(query), "two markers")
    refused(app_with(note), "which Hinge does not know")
    refused(app_with(inside), "inside of another type")


def test_a_websocket_has_no_request() -> None:
    app = App(openapi_path=None)

    def seen(request: Request) -> None: ...

    @app.websocket("/", dependencies=[Depends(seen)])
    async def live(ws: WebSocket) -> None: ...

    with pytest.raises(ConfigurationError, match="a WebSocket handler has no Request"):
        app.freeze("asgi")

    def socket(ws: WebSocket) -> None: ...
    def handler(socket: Annotated[None, Depends(socket)]) -> None: ...

    refused(app_with(handler), "is a WebSocket, and the route is HTTP")


def test_a_websocket_says_its_headers_itself() -> None:
    app = App(openapi_path=None)

    def visit(headers: ResponseHeaders) -> None: ...

    @app.websocket("/", dependencies=[Depends(visit)])
    async def live(ws: WebSocket) -> None: ...

    with pytest.raises(ConfigurationError, match=r"Fix: ws.accept\(headers=...\)"):
        app.freeze("asgi")


def test_a_loop_of_the_thread_s_own() -> None:
    async def handler(one: Annotated[int, Depends(one)]) -> None: ...

    refused(app_with(handler, loop="thread"), "loop='thread' .* dependency .*one .* is async. Fix: drop loop")


def test_a_timeout_is_not_kept_from_a_plain_handler_by_what_it_needs() -> None:
    def handler(one: Annotated[int, Depends(one)]) -> None: ...

    refused(app_with(handler, middleware=[Timeout(1)]), "cannot end a `def` handler on backend 'wsgi'")


# -- types -------------------------------------------------------------------------------------------------------------


class Named(Protocol):
    name: str


def user() -> User:
    return User()


def users() -> Iterator[User]:
    yield User()


async def auser() -> User | None:
    return None


@pytest.mark.parametrize(
    ("provider", "kind", "is_wrong"),
    [
        (user, User, False),
        (user, object, False),
        (user, Any, False),
        (user, Admin, True),
        (user, int, True),
        (user, Named, False),
        (user, User | None, False),
        (users, User, False),
        (users, int, True),
        (auser, User, True),
        (auser, User | None, False),
        (Admin, User, False),
        (User, Admin, True),
        (session, float, False),
        (session, list[int], True),
        (lambda: 3, User, False),
    ],
)
def test_what_is_given_is_what_is_annotated(provider: Any, kind: Any, is_wrong: bool) -> None:
    def handler(value: Annotated[kind, Depends(provider)]) -> None: ...  # type: ignore[valid-type]

    app = app_with(handler)
    if is_wrong:
        refused(app, "parameter 'value' is annotated .*, and dependency .* gives .* Fix: annotate both the same")
    else:
        app.freeze("wsgi")


# -- lists of dependencies ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [session, [session], "ab", 3, [Depends()]])
def test_a_list_of_dependencies(given: Any) -> None:
    for declare in (App, Router, lambda **options: App().get("/", **options)(session)):
        with pytest.raises(ConfigurationError, match=r"dependencies=.* Fix: dependencies=\[Depends\(f\)\]"):
            declare(dependencies=given)


def test_without() -> None:
    app = App(dependencies=[Depends(session)], openapi_path=None)
    app.get("/", without=[user])(session)
    refused(app, r"handler .*: without= names .*user \(.*\), which no dependencies= around it has")
    with pytest.raises(ConfigurationError, match="without= holds 3, which is no function"):
        App().get("/", without=[3])(session)  # type: ignore[list-item]


# -- outside requests, and in tests ------------------------------------------------------------------------------------


def test_overrides() -> None:
    app = app_with(session)
    with pytest.raises(
        ConfigurationError, match=r"Client\(overrides=...\) \(.*\): dependency .*user .* is needed by no route"
    ):
        Client(app, "wsgi", overrides={user: session})
    with pytest.raises(ConfigurationError, match=r"3 cannot be called. Fix: lambda: 3"):
        Client(app, "wsgi", overrides={user: 3})  # type: ignore[dict-item]
    with pytest.raises(ConfigurationError, match="is no mapping"):
        Client(app, "wsgi", overrides=[user])  # type: ignore[arg-type]


def test_overrides_of_an_app() -> None:
    app = App(overrides={user: session})
    with pytest.raises(
        ConfigurationError,
        match=r"App\(overrides=...\) \(.*test_dependencies.py:\d+\): .*user .* is needed by no route",
    ):
        app.compile("wsgi")
    assert app.unmet("wsgi")


def test_resolve_with_overrides_of_an_app() -> None:
    with App(overrides={one: lambda: 5}).resolve(one) as found:
        assert found == 5


def test_resolve() -> None:
    notes = []

    def pool(app: App) -> Iterator[int]:
        notes.append("pool")
        try:
            yield 3
        finally:
            notes.append("pool ends")

    Pool = Annotated[int, Depends(pool, scope="app")]

    def value(pool: Pool) -> Iterator[int]:
        try:
            yield pool * 2
        except KeyError:
            notes.append("failed")
            raise

    app = App()
    with app.resolve(value) as found:
        assert found == 6
    with app.resolve(Pool) as found:
        assert found == 3
    assert notes == ["pool", "pool ends"] * 2
    with pytest.raises(KeyError), app.resolve(value):
        raise KeyError
    assert notes[4:] == ["pool", "failed", "pool ends"]
    with (
        pytest.raises(ConfigurationError, match=r"app.resolve\(...\) .*one .* is async. Fix: async with"),
        app.resolve(one),
    ):
        raise AssertionError
    with pytest.raises(ConfigurationError, match="takes the query 'name' of a request"):
        app.resolve(lambda name: name)
    with pytest.raises(ConfigurationError, match="cannot be called"):
        app.resolve(3)


async def _resolved(app: App) -> int:
    async with app.resolve(one) as value:
        return int(value)


def test_resolve_in_a_coroutine() -> None:
    import asyncio

    assert asyncio.run(_resolved(App())) == 1


def test_resolver_shares_what_is_app_scoped() -> None:
    notes: list[str] = []

    async def pool(app: App) -> AsyncIterator[list[int]]:
        notes.append("pool")
        yield []
        notes.append("pool ends")

    Pool = Annotated[list[int], Depends(pool, scope="app")]

    def session(pool: Pool) -> Iterator[list[int]]:
        pool.append(len(pool))
        yield pool
        notes.append(f"session {pool} ends")

    class Job:
        def __init__(self, session: Annotated[list[int], Depends(session)]) -> None:
            self.session = session

    async def work() -> None:
        async with App(overrides={one: lambda: 5}).resolver(session, Pool, Annotated[Job, Depends()], one) as resolve:
            assert notes == ["pool"]
            with resolve(session) as first, resolve(Annotated[Job, Depends()]) as job:  # plain, though the pool is not
                assert first is job.session == [0, 1]
            async with resolve(session) as second, resolve(Pool) as pool, resolve(Job), resolve(one) as five:
                assert first is second is pool
                assert five == 5
            with pytest.raises(
                ConfigurationError, match=r"test_dependencies.py:\d+\): app.resolver\(.* was not given .*user"
            ):
                resolve(user)
        assert notes[-1] == "pool ends"
        assert notes.count("pool") == 1

    asyncio.run(work())


def test_what_a_resolver_refuses() -> None:
    app = App()
    with pytest.raises(ConfigurationError, match=r"it is given no provider\. Fix: app\.resolver"):
        app.resolver()
    with pytest.raises(ConfigurationError, match="takes the query 'name' of a request"):
        app.resolver(one, lambda name: name)
    with pytest.raises(ConfigurationError, match="cannot be called"):
        app.resolver("text")
    with app.resolver(one) as resolve:  # nothing that lives in it is async
        with (
            pytest.raises(ConfigurationError, match=r"resolve\(...\) .*one .* is async. Fix: async with"),
            resolve(one),
        ):
            raise AssertionError
        with pytest.raises(ConfigurationError, match="cannot be called"):
            resolve(3)
    block = app.resolver(one)
    with block, pytest.raises(RuntimeError, match=r"app.resolver.* entered once"), block:
        raise AssertionError


# -- the document ------------------------------------------------------------------------------------------------------


def test_parameters_are_in_the_document() -> None:
    from hinge.openapi import describe

    def page(number: int = 1, token: Header[str | None] = None) -> int:
        return number

    def user(user_id: int, page: Annotated[int, Depends(page)]) -> int:
        return user_id

    def handler(user: Annotated[int, Depends(user)], number: int = 1) -> int:
        return user

    app = App(dependencies=[Depends(page)])
    app.get("/{user_id}")(handler)
    (path,) = describe(app)["paths"].values()
    assert [(one["in"], one["name"]) for one in path["get"]["parameters"]] == [
        ("query", "number"),
        ("header", "token"),
        ("path", "user_id"),
    ]
