"""Native middleware of a backend's protocol: around the compiled callable, each backend's own and no other's."""

from collections.abc import Callable
from typing import Any

import pytest

from hinge import App, ConfigurationError, Middleware, Request
from hinge.backend.contract import Backend
from hinge.testing import Client


@pytest.fixture(autouse=True)
def wrappable(backend: Backend) -> None:
    """An app wraps WSGI and ASGI callables; another protocol has none to wrap."""
    if backend.interface not in ("wsgi", "asgi"):
        pytest.skip(f"App has no middleware of the protocol {backend.interface!r}")


class WSGIMarker:
    """Adds a header to every answer."""

    def __init__(self, application: Any, *, name: str = "x-native", notes: list[str] | None = None) -> None:
        self.application, self.name, self.notes = application, name, notes

    def __call__(self, environ: Any, start_response: Any) -> Any:
        if self.notes is not None:
            self.notes.append(self.name)
        environ["marker"] = [*environ.get("marker", []), self.name]

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            return start_response(status, [*headers, (self.name, "seen")], *exc_info)

        return self.application(environ, start)


class ASGIMarker:
    """The same in the other protocol."""

    def __init__(self, application: Any, *, name: str = "x-native", notes: list[str] | None = None) -> None:
        self.application, self.name, self.notes = application, name, notes

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self.application(scope, receive, send)
            return
        if self.notes is not None:
            self.notes.append(self.name)

        async def marked(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (self.name.encode(), b"seen")]}
            await send(message)

        await self.application({**scope, "marker": [*scope.get("marker", []), self.name]}, receive, marked)


def app_with(wsgi: Any = (), asgi: Any = (), **options: Any) -> App:
    app = App(wsgi_middleware=wsgi, asgi_middleware=asgi, **options)

    @app.get("/")
    def handler(request: Request) -> list[str]:
        markers: list[str] = request.native.get("marker", [])
        return markers

    return app


@pytest.mark.parametrize("form", ["class", "function", "pair"])
def test_each_backend_gets_its_own(client_for: Callable[..., Client], backend: Backend, form: str) -> None:
    name = f"x-{backend.name}"
    forms: dict[str, Callable[[Any, str], Any]] = {
        "class": lambda marker, name: lambda application: marker(application, name=name),
        "function": lambda marker, name: lambda application: marker(application, name=name),
        "pair": lambda marker, name: (marker, {"name": name}),
    }
    make = forms[form]
    client = client_for(app_with([make(WSGIMarker, "x-wsgi")], [make(ASGIMarker, "x-asgi")]))
    response = client.get("/")
    assert (response.json(), response.headers[name]) == ([name], "seen")
    assert not {"x-wsgi", "x-asgi"} - {name} & set(response.headers)
    missing = client.get("/nowhere")
    assert (missing.status_code, missing.headers[name]) == (404, "seen")


def test_a_class_is_a_wrapper_by_itself(client_for: Callable[..., Client]) -> None:
    assert client_for(app_with([WSGIMarker], [ASGIMarker])).get("/").headers["x-native"] == "seen"


def test_the_first_one_is_the_outermost(client_for: Callable[..., Client]) -> None:
    notes: list[str] = []
    layers = {
        marker: [(marker, {"name": name, "notes": notes}) for name in ("one", "two", "three")]
        for marker in (WSGIMarker, ASGIMarker)
    }
    client = client_for(app_with(layers[WSGIMarker], layers[ASGIMarker]))
    assert client.get("/").json() == notes == ["one", "two", "three"]


def test_it_is_outside_of_the_app_s_own_middleware(client_for: Callable[..., Client]) -> None:
    def layer(request: Request) -> Middleware:
        seen.append(request.native.get("marker"))
        response = yield
        seen.append("x-native" in response.headers)

    seen: list[Any] = []
    client_for(app_with([WSGIMarker], [ASGIMarker], middleware=[layer])).get("/")
    assert seen == [["x-native"], False]


def test_it_is_around_streams_and_lifespans(client_for: Callable[..., Client]) -> None:
    notes: list[str] = []
    app = app_with([WSGIMarker], [ASGIMarker])

    @app.lifespan
    def life() -> Any:
        notes.append("starts")
        yield {"n": 1}
        notes.append("stops")

    @app.get("/stream")
    async def stream(request: Request) -> Any:
        for chunk in "abc":
            yield f"{chunk}{request.state.n}"

    client = client_for(app)
    response = client.get("/stream")
    assert (response.text, response.headers["x-native"], notes) == ("a1b1c1", "seen", ["starts"])


def test_it_is_made_once(client_for: Callable[..., Client]) -> None:
    made: list[int] = []

    def wsgi(application: Any) -> Any:
        made.append(1)
        return WSGIMarker(application)

    def asgi(application: Any) -> Any:
        made.append(1)
        return ASGIMarker(application)

    client = client_for(app_with([wsgi], [asgi]))
    for _ in range(3):
        assert client.get("/").status_code == 200
    assert made == [1]


def test_it_may_answer_itself(client_for: Callable[..., Client]) -> None:
    def wsgi(application: Any) -> Any:
        def gate(environ: Any, start_response: Any) -> Any:
            start_response("403 Forbidden", [("content-type", "text/plain"), ("content-length", "2")])
            return [b"no"]

        return gate

    def asgi(application: Any) -> Any:
        async def gate(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "lifespan":
                await application(scope, receive, send)
                return
            headers = [(b"content-type", b"text/plain"), (b"content-length", b"2")]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": b"no"})

        return gate

    response = client_for(app_with([wsgi], [asgi])).get("/")
    assert (response.status_code, response.text) == (403, "no")


@pytest.mark.parametrize("wrong", [3, "text", None, ("not a callable", {})])
def test_what_is_no_wrapper_does_not_compile(backend: Backend, wrong: Any) -> None:
    with pytest.raises(ConfigurationError):
        app_with([wrong], [wrong]).compile(backend.name)


def test_a_wrapped_application_is_one_for_the_worker(backend: Backend) -> None:
    """Whatever wraps it, what `hinge run` calls around it is there."""
    application = app_with([WSGIMarker], [ASGIMarker]).compile(backend.name)
    for name in ("start", "drain", "stop"):
        assert callable(getattr(application, name))
