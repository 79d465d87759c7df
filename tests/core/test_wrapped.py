"""`app = SomeMiddleware(app)`: the app inside is found and the wrapper served, or what to write is said."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.support.apps import working_directory

from hinge import App, ConfigurationError, Depends, Request
from hinge.cli import main
from hinge.testing import Client
from hinge.wrapped import Wrapped, wrapped


class Plain:
    """WSGI middleware that keeps the app as an attribute."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def __call__(self, environ: Any, start_response: Any) -> Any:
        environ["marks"] = environ.get("marks", 0) + 1
        return self.app(environ, start_response)


class Slotted:
    """ASGI middleware that keeps it in a private slot."""

    __slots__ = ("__inner", "unset")

    def __init__(self, app: Any) -> None:
        self.__inner = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope = scope | {"marks": scope.get("marks", 0) + 1}
        await self.__inner(scope, receive, send)


class Forwarding(Slotted):
    """Looks like the app itself to who asks for an attribute."""

    def __init__(self, app: Any) -> None:
        super().__init__(app)
        self.inner = app

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class Touchy(Slotted):
    """Raises whenever it is asked for an attribute that it has not."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


class ProxyOfNothing:
    """Stands for an object that there is in a request only, as werkzeug's LocalProxy does."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(f"{name} of nothing")

    def __call__(self) -> Any: ...


class WithProxy(Plain):
    """Keeps such a proxy, too."""

    def __init__(self, app: Any) -> None:
        self.session = ProxyOfNothing()
        super().__init__(app)


class Late(Plain):
    """WSGI middleware that calls the app when its answer is iterated."""

    def __call__(self, environ: Any, start_response: Any) -> Any:
        yield from super().__call__(environ, start_response)


def closed_over(app: Any) -> Any:
    def around(environ: Any, start_response: Any) -> Any:
        environ["marks"] = environ.get("marks", 0) + 1
        return app(environ, start_response)

    return around


def _given(app: Any, scope: Any, receive: Any, send: Any) -> Any:
    if scope["type"] == "http":
        scope = scope | {"marks": scope.get("marks", 0) + 1}
    return app(scope, receive, send)


GLOBAL = App("by name")
GLOBAL.get("/")(lambda request: None)


def by_name(environ: Any, start_response: Any) -> Any:
    return GLOBAL(environ, start_response)


def handler_of_the_app(item: Any, size: Any) -> Any:
    return GLOBAL.url_for("item", item=item, size=size)


class Beside:
    """Another application, something of which knows the app."""

    def __init__(self) -> None:
        self.hook = handler_of_the_app

    def __call__(self, environ: Any, start_response: Any) -> Any: ...


WRAPPERS: dict[str, tuple[Callable[[Any], Any], str, int]] = {
    "an attribute": (Plain, "wsgi", 1),
    "a slot": (Slotted, "asgi", 1),
    "all attributes of the app": (Forwarding, "asgi", 1),
    "what raises when it is asked": (Touchy, "asgi", 1),
    "a proxy of nothing beside it": (WithProxy, "wsgi", 1),
    "a closure": (closed_over, "wsgi", 1),
    "a partial": (lambda app: functools.partial(_given, app), "asgi", 1),
    "a bound method": (lambda app: Slotted(app).__call__, "asgi", 1),
    "a generator": (Late, "wsgi", 1),
    "twice": (lambda app: Plain(closed_over(Plain(app))), "wsgi", 3),
    "partials in partials": (lambda app: functools.partial(_given, functools.partial(_given, app)), "asgi", 2),
}


def marked() -> App:
    app = App()

    def life() -> Any:
        yield {"started": True}

    def settings() -> str:
        return "real"

    @app.get("/{path}")
    def handler(request: Request, path: str, settings: str = Depends(settings)) -> list[Any]:
        told = request.native.get("route", request.native.get("hinge.route"))
        return [request.native.get("marks"), told.path, request.state.started, settings]

    app.lifespan(life)
    app.settings_ = settings  # type: ignore[attr-defined]
    return app


@pytest.mark.parametrize("how", WRAPPERS)
def test_the_wrapper_is_served(how: str) -> None:
    wrap, interface, marks = WRAPPERS[how]
    app = marked()
    with Client(wrap(app)) as client:
        assert (client.backend, client.app) == (interface, app)
        assert client.get("/x").json() == [marks, "/{path}", True, "real"]
    overrides = {app.settings_: lambda: "other"}  # type: ignore[attr-defined]
    with Client(wrap(app), overrides=overrides) as client:
        assert client.get("/x").json() == [marks, "/{path}", True, "other"]
    with Client(app, interface) as client:
        assert client.get("/x").json() == [None, "/{path}", True, "real"]


def test_an_app_that_was_compiled_before_tells_its_route() -> None:
    app = marked()
    with Client(app, "wsgi") as client:
        assert client.get("/x").status_code == 500  # nobody was there to be told
    with Client(Plain(app)) as client:
        assert client.get("/x").json()[1] == "/{path}"


def test_a_name_of_the_module() -> None:
    found = wrapped(by_name, "target 'x'")
    assert found is not None
    assert (found.app, found.interface) == (GLOBAL, "wsgi")


def test_clients_of_one_wrapped_app() -> None:
    """Those that are alike may be open together; others would reach each other's app."""
    app = marked()
    with Client(Plain(app)) as one, Client(Plain(app)) as two, Client(Slotted(app)) as three:
        for client in (one, two, three):
            assert client.get("/x").status_code == 200
        other = Client(Plain(app), overrides={app.settings_: lambda: "other"})  # type: ignore[attr-defined]
        with pytest.raises(ConfigurationError, match="Fix: close that one first"), other:
            pass
    with other:
        assert other.get("/x").json()[3] == "other"


class _Choosing(Plain):
    def __init__(self, app: Any, other: Any) -> None:
        super().__init__(app)
        self.other = other


class _Vague(Plain):
    def __call__(self, *args: Any) -> Any:
        return self.app(*args)


NO_WRAPPERS: dict[str, Callable[[], Any]] = {
    "text": lambda: "app",
    "a class": lambda: Plain,
    "another application": lambda: Plain(len),
    "a list of apps": lambda: [App()],
    "one of several in a list": lambda: Plain([App(), App()]),
    "a function that names an app": lambda: handler_of_the_app,
    "another application beside the app": Beside,
    "nothing": lambda: None,
}


@pytest.mark.parametrize("what", NO_WRAPPERS)
def test_what_is_none(what: str) -> None:
    assert wrapped(NO_WRAPPERS[what](), "it") is None
    with pytest.raises(ConfigurationError, match=r"it is no app\. Fix: Client"):
        Client(NO_WRAPPERS[what]())


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "two apps": (
        lambda: _Choosing(App("One"), App("Two")),
        (
            "target 'x' is tests.core.test_wrapped._Choosing around several apps: 'One', 'Two'. "
            "Fix: App(wsgi_middleware=[...], asgi_middleware=[...]) of the one to serve"
        ),
    ),
    "what was compiled": (
        lambda: Plain(App().wsgi),
        (
            "target 'x' is tests.core.test_wrapped.Plain around what the app was compiled to. "
            "Fix: Plain(app), with the app itself; or App(wsgi_middleware=[...], asgi_middleware=[...])"
        ),
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused(what: str) -> None:
    make, message = REFUSED[what]
    with pytest.raises(ConfigurationError) as error:
        wrapped(make(), "target 'x'")
    assert str(error.value) == message


def test_a_protocol_that_cannot_be_told() -> None:
    with pytest.raises(ConfigurationError, match="cannot be told"):
        wrapped(_Vague(App()), "target 'x'")


def test_another_protocol_than_the_backend_s() -> None:
    with pytest.raises(ConfigurationError) as error:
        Client(Plain(App()), "asgi")
    assert str(error.value).partition("): ")[2] == (
        "the app is tests.core.test_wrapped.Plain around the app, which speaks WSGI, and backend 'asgi' does not. "
        "Fix: backend 'wsgi', or in place of the wrapper App(asgi_middleware=[...])"
    )


@pytest.mark.parametrize("name", ["wsgi", "asgi"])
def test_a_callable_is_not_replaced(name: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"nobody reads it. Fix: App\({name}_middleware="):
        setattr(App(), name, Plain(App()))


def test_it_is_a_record() -> None:
    app = App()
    assert wrapped(wrapper := Plain(app), "it") == Wrapped(app, wrapper, "wsgi")


@pytest.mark.parametrize(("backend", "code", "said"), [("wsgi", 0, "ok: "), ("asgi", 1, "which speaks WSGI")])
def test_check_tells_what_keeps_it_from_being_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: str, code: int, said: str
) -> None:
    source = "from hinge import App\nfrom tests.core.test_wrapped import Plain\napp = Plain(App())\n"
    with working_directory(tmp_path, monkeypatch, {"around": source}):
        result = CliRunner().invoke(main, ["check", "around.py", "--backend", backend])
    assert (result.exit_code, said in result.output) == (code, True), result.output
