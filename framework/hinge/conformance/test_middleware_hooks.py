"""Middleware as hooks: each case answers as the generator does that has an unguarded yield between the same two."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from hinge import App, HTTPError, Middleware, Request, Response, Router, WebSocket
from hinge.conformance.layers import async_layer
from hinge.conformance.websockets import refusal, websockets
from hinge.testing import Client

pytestmark = pytest.mark.clause("errors.answered")


class Hooks:
    """Hooks that write down what happens, and do what a case says."""

    def __init__(self, name: str, log: list[str], before: Any = None, after: Any = None) -> None:
        self._name, self._log, self._before, self._after = name, log, before, after

    def before(self, request: Any) -> Response | None:
        self._log.append(f"before {self._name}")
        return _done(self._before)

    def after(self, request: Any, response: Response) -> Response | None:
        self._log.append(f"after {self._name} {response.status}")
        response.headers[f"x-{self._name}"] = "seen"
        return _done(self._after)


def _done(what: Any) -> Any:
    if isinstance(what, Exception):
        raise what
    return what


def as_generator(hooks: Hooks) -> Any:
    """Return the generator that the hooks stand for."""

    def layer(request: Request) -> Middleware:
        early = hooks.before(request)
        if early is not None:
            return early
        response = yield
        return hooks.after(request, response)

    return layer


class Case(NamedTuple):
    """What the inner one of two layers does, and what comes of it."""

    before: Any
    after: Any
    fails: Exception | None
    answer: tuple[int, str | None]
    log: list[str]


IN = ["before outer", "before inner"]
CASES = {
    "passes": Case(None, None, None, (200, "in"), [*IN, "handler", "after inner 200", "after outer 200"]),
    "answers early": Case(Response("early", status=403), None, None, (403, "early"), [*IN, "after outer 403"]),
    "replaces": Case(
        None,
        Response("other", status=202),
        None,
        (202, "other"),
        [*IN, "handler", "after inner 200", "after outer 202"],
    ),
    "sees a failure": Case(
        None, None, HTTPError(409), (409, None), [*IN, "handler", "after inner 409", "after outer 409"]
    ),
    "fails before": Case(HTTPError(401), None, None, (401, None), [*IN, "after outer 401"]),
    "fails after": Case(
        None, HTTPError(410), None, (410, None), [*IN, "handler", "after inner 200", "after outer 410"]
    ),
    "fails after a failure": Case(
        None, HTTPError(410), HTTPError(409), (410, None), [*IN, "handler", "after inner 409", "after outer 410"]
    ),
    "replaces a failure": Case(
        None, Response("other"), HTTPError(409), (200, "other"), [*IN, "handler", "after inner 409", "after outer 200"]
    ),
    "is no response": Case("text", None, None, (500, None), [*IN, "after outer 500"]),
    "is no response after": Case(
        None, "text", None, (500, None), [*IN, "handler", "after inner 200", "after outer 500"]
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("inner", ["hooks", "generator"])
@pytest.mark.parametrize("outer", ["hooks", "generator"])
@pytest.mark.parametrize("around", [[], [async_layer]], ids=["plain", "async"])
def test_hooks_are_a_generator_with_an_unguarded_yield(
    client_for: Callable[..., Client], outer: str, inner: str, around: list[Any], case: Case
) -> None:
    log: list[str] = []
    pair = Hooks("outer", log), Hooks("inner", log, case.before, case.after)
    layers = [one if form == "hooks" else as_generator(one) for one, form in zip(pair, (outer, inner), strict=True)]
    app = App(middleware=[*around, *layers])

    @app.get("/")
    def handler() -> str:
        log.append("handler")
        return str(_done(case.fails) or "in")

    response = client_for(app).get("/")
    status, text = case.answer
    assert (response.status_code, log) == (status, case.log)
    assert text is None or response.text == text
    assert response.headers["x-outer"] == "seen"
    assert "x-layer" in response.headers or not around


class Before:
    """One hook alone."""

    def before(self, request: Request) -> Response | None:
        return Response("no key", status=401) if "x-key" not in request.headers else None


class After:
    """The other one alone."""

    def after(self, request: Request, response: Response) -> None:
        response.headers["x-after"] = request.path


@pytest.mark.parametrize("around", [[], [async_layer]], ids=["plain", "async"])
@pytest.mark.parametrize("place", ["app", "router", "route"])
def test_one_hook_is_enough_on_apps_routers_and_routes(
    client_for: Callable[..., Client], place: str, around: list[Any]
) -> None:
    app, router, on_route = App(), Router(), [After(), Before()] if place == "route" else []
    for layer in [*around, After(), Before()]:
        if place == "app":
            app.middleware(layer)
        elif place == "router":
            router.middleware(layer)
    router.get("/", middleware=[*around, *on_route] if place == "route" else [])(lambda: "in")
    app.include(router)
    client = client_for(app)
    refused, let_in = client.get("/"), client.get("/", headers={"x-key": "1"})
    assert (refused.status_code, refused.headers["x-after"]) == (401, "/")
    assert (let_in.text, let_in.headers["x-after"]) == ("in", "/")


@pytest.mark.clause("websocket.middleware")
@websockets
def test_hooks_are_around_a_websocket(client_for: Callable[..., Client]) -> None:
    log: list[str] = []

    class Guard:
        def before(self, ws: WebSocket) -> Response | None:
            log.append(type(ws).__name__)
            return Response("no", status=401) if "x-key" not in ws.headers else None

    app = App(middleware=[Hooks("outer", log), Guard()])

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        log.append(str(await ws.receive()))

    with client_for(app).websocket("/", headers={"x-key": "1"}) as ws:
        ws.send("hello")
    assert log == ["before outer", "WebSocket", "hello", "after outer 204"]
    log.clear()
    assert refusal(client_for(app), "/").status_code == 401
    assert log == ["before outer", "WebSocket", "after outer 401"]
