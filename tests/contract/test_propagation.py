"""`propagate_exceptions`: what nobody answers leaves the app as it was raised, before a response and within."""

from collections.abc import Callable
from typing import Any

import pytest

from hinge import App, Config, Depends, HTTPError, Middleware, Request, Response, StreamingResponse, WebSocket
from hinge.backend.contract import Backend, Feature
from hinge.backend.testing import Aborted
from hinge.testing import Client, WebSocketDenied


class Broken(Exception):
    """What the app raises."""


class Late(Broken):
    """What it raises while it answers the other one."""


def propagating(**options: Any) -> App:
    return App(config=Config(propagate_exceptions=True), **options)


def raised_by(call: Callable[[], Any]) -> BaseException:
    with pytest.raises(Broken) as caught:
        call()
    return caught.value


def test_a_failure_leaves_the_app_and_is_not_logged(client_for: Any, coloured: Any, caplog: Any) -> None:
    app, cause = propagating(), LookupError("why")
    error = Broken()

    def fail() -> None:
        raise error from cause

    app.get("/")(coloured(fail))
    caught = raised_by(lambda: client_for(app).get("/"))
    assert (caught is error, caught.__cause__ is cause, caplog.text) == (True, True, "")
    frames = []
    traceback = caught.__traceback__
    while traceback is not None:
        frames.append(traceback.tb_frame.f_code.co_name)
        traceback = traceback.tb_next
    assert frames[-1] == "fail"


def _provided() -> Any:
    raise Broken


def _left() -> Any:
    yield
    raise Broken


def _middleware(request: Request) -> Middleware:
    yield
    raise Broken


async def _async_middleware(request: Request) -> Any:
    yield
    raise Broken


def _hinge_s_own(app: App) -> None:
    @app.get("/")
    def handler() -> None: ...


def _needing(provider: Any) -> Callable[[App], None]:
    def declare(app: App) -> None:
        @app.get("/", dependencies=[Depends(provider)])
        def handler() -> None: ...

    return declare


def _streaming(app: App) -> None:
    @app.get("/")
    async def handler() -> Any:
        raise Broken
        yield


def _second(app: App) -> None:
    @app.error(ValueError)
    def fails(request: Request, error: ValueError) -> None:
        raise Broken

    @app.get("/")
    def handler() -> None:
        raise ValueError


PLACES: dict[str, tuple[list[Any], Callable[[App], None]]] = {
    "provider": ([], _needing(_provided)),
    "provider behind its yield": ([], _needing(_left)),
    "middleware": ([_middleware], _hinge_s_own),
    "async middleware": ([_async_middleware], _hinge_s_own),
    "stream before its first chunk": ([], _streaming),
    "error handler": ([], _second),
}


@pytest.mark.parametrize("place", PLACES)
def test_wherever_it_was_raised(client_for: Any, place: str, caplog: Any) -> None:
    layers, declare = PLACES[place]
    app = propagating(middleware=layers)
    declare(app)
    raised_by(lambda: client_for(app).get("/"))
    assert caplog.text == ""


ANSWERED: dict[str, tuple[type[Exception] | int | None, Any, int]] = {
    "by a handler of its class": (Broken, Broken(), 418),
    "by a handler of all": (Exception, Broken(), 418),
    "by nobody, as HTTPErrors are": (None, HTTPError(409), 409),
    "by the page of its status": (500, HTTPError(500), 418),
    "as what would end the server's loop": (None, SystemExit(3), 500),
}


@pytest.mark.parametrize("how", ANSWERED)
def test_what_is_answered_stays(client_for: Any, coloured: Any, how: str) -> None:
    kind, error, status = ANSWERED[how]
    app = propagating()
    if kind is not None:
        app.error(kind)(lambda request, error: Response(status=418))

    def fail() -> None:
        raise error

    app.get("/")(coloured(fail))
    assert client_for(app).get("/").status_code == status


def test_the_page_of_500_is_not_asked(client_for: Any, coloured: Any) -> None:
    app = propagating()

    @app.error(500)
    def page(request: Request, error: HTTPError) -> str:
        return "sorry"

    def fail() -> None:
        raise Broken

    app.get("/")(coloured(fail))
    raised_by(lambda: client_for(app).get("/"))


@pytest.mark.parametrize("answers", [False, True])
@pytest.mark.parametrize("is_async", [False, True])
def test_middleware_sees_it_on_its_way(client_for: Any, answers: bool, is_async: bool) -> None:
    seen = []

    def answer(error: Broken) -> Response:
        seen.append(error)
        if not answers:
            raise error
        return Response(status=418)

    def layer(request: Request) -> Middleware:
        try:
            yield
        except Broken as error:
            return answer(error)

    async def async_layer(request: Request) -> Any:
        try:
            yield
        except Broken as error:
            yield answer(error)

    def outermost(request: Request) -> Middleware:
        response = yield
        response.headers["x-outermost"] = "1"

    app = propagating(middleware=[outermost, async_layer if is_async else layer])

    @app.get("/")
    def fail() -> None:
        raise Broken

    client = client_for(app)
    if answers:
        assert (client.get("/").status_code, client.get("/").headers["x-outermost"]) == (418, "1")
    else:
        assert raised_by(lambda: client.get("/")) in seen


@pytest.mark.needs(Feature.STREAMING, "what a stream has sent is on its way before it fails")
@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("layers", [0, 1])
def test_behind_the_head_it_is_what_cuts_the_response(
    client_for: Any, backend: Backend, is_async: bool, layers: int, caplog: Any
) -> None:
    out: list[BaseException | None] = []
    cause = LookupError("why")

    def wsgi(application: Any) -> Any:
        def around(environ: Any, start_response: Any) -> Any:
            body = application(environ, start_response)
            try:
                yield from body
            except Exception as error:
                out.append(error)
                raise
            finally:
                body.close()

        return around

    def asgi(application: Any) -> Any:
        async def around(scope: Any, receive: Any, send: Any) -> None:
            try:
                await application(scope, receive, send)
            except Exception as error:
                out.append(error)
                raise

        return around

    def quiet(request: Request) -> Middleware:
        yield

    app = propagating(middleware=[quiet] * layers, wsgi_middleware=[wsgi], asgi_middleware=[asgi])

    def plain() -> Any:
        yield "a"
        raise Broken from cause

    async def asynchronous() -> Any:
        yield "a"
        raise Broken from cause

    source: Any = asynchronous if is_async else plain
    app.get("/")(lambda: StreamingResponse(source()))
    with pytest.raises(Aborted) as caught:
        client_for(app).get("/")
    error = caught.value.__cause__
    assert (type(error), error and error.__cause__, caplog.text) == (Broken, cause, "")
    if backend.interface in ("wsgi", "asgi"):
        assert out == [error]


@pytest.mark.needs(Feature.WEBSOCKET, "its end is what is looked at")
@pytest.mark.parametrize("is_open", [False, True])
@pytest.mark.parametrize("layers", [0, 1])
def test_websockets_are_closed_and_then_it_is_raised(client_for: Any, is_open: bool, layers: int, caplog: Any) -> None:
    out = []

    def asgi(application: Any) -> Any:
        async def around(scope: Any, receive: Any, send: Any) -> None:
            try:
                await application(scope, receive, send)
            except Broken as error:
                out.append(error)

        return around

    def layer(ws: WebSocket) -> Middleware:
        yield

    app = propagating(middleware=[layer] * layers, asgi_middleware=[asgi])

    @app.websocket("/")
    async def fail(ws: WebSocket) -> None:
        if is_open:
            await ws.accept()
        raise Broken

    client: Client = client_for(app)
    if is_open:
        with client.websocket("/") as ws:
            assert list(ws) == []
        assert ws.close_code == 1011
    else:
        with pytest.raises(WebSocketDenied) as denied, client.websocket("/"):
            pass
        assert denied.value.response.status_code == 500
    assert (len(out), caplog.text) == (1, "")


def test_without_it_nothing_leaves(client_for: Any, coloured: Any) -> None:
    app = App()

    def fail() -> None:
        raise Broken

    app.get("/")(coloured(fail))
    assert client_for(app).get("/").status_code == 500
