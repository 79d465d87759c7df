"""`Client(raise_server_exceptions=True)`: what became a 500 is raised in the test, with its own traceback."""

import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from hinge import App, HTTPError, Middleware, Request, WebSocket
from hinge.backend.contract import Feature
from hinge.backend.testing import Aborted
from hinge.testing import Client, WebSocketDenied


class Mine(Exception):
    pass


def failing_layer() -> Middleware:
    yield
    raise Mine("layer")


def make_app() -> App:
    app, inner = App(), App()

    @app.get("/plain/{name}")
    def plain(name: str) -> str:
        raise Mine(name) from LookupError("cause")

    @app.get("/async")
    async def coroutine(request: Request) -> str:
        raise Mine("async")

    @app.get("/layer", middleware=[failing_layer])
    def layered() -> str:
        return "x"

    @app.get("/unsendable")
    def unsendable() -> Any:
        return object()

    @app.get("/first")
    def first() -> Iterator[str]:
        raise Mine("first")
        yield ""

    @app.get("/later")
    def later() -> Iterator[str]:
        yield "x" * 10
        raise Mine("later")

    @app.get("/later/async")
    async def later_async() -> AsyncIterator[str]:
        yield "x" * 10
        raise Mine("later")

    @app.get("/ok")
    def ok() -> str:
        return "ok"

    @app.get("/answered")
    def answered() -> str:
        raise KeyError("answered")

    @app.error(KeyError)
    def tell(request: Request, error: KeyError) -> str:
        return "told"

    @app.error(ZeroDivisionError)
    def fails_itself(request: Request, error: ZeroDivisionError) -> str:
        raise Mine("error handler")

    @app.get("/twice")
    def twice() -> str:
        raise ZeroDivisionError

    @app.get("/refused")
    def refused() -> str:
        raise HTTPError(500, "meant")

    @app.get("/after")
    def after(request: Request) -> str:
        request.after_response(plain, "after")
        return "ok"

    @inner.get("/deep")
    def deep() -> str:
        raise Mine("deep")

    app.mount("/inner", inner)
    return app


@pytest.fixture
def client(client_for: Callable[..., Client]) -> Client:
    return client_for(make_app(), raise_server_exceptions=True)


FAILURES = [
    ("/plain/a%20b", "a b"),
    ("/plain/a?b=c", "a"),
    ("/async", "async"),
    ("/layer", "layer"),
    ("/first", "first"),
    ("/later", "later"),
    ("/later/async", "later"),
    ("/twice", "error handler"),
    ("/inner/deep", "deep"),
]


@pytest.mark.parametrize(("path", "said"), FAILURES)
def test_what_became_a_500_is_raised(client: Client, path: str, said: str) -> None:
    with pytest.raises(Mine, match=f"^{said}$") as caught:
        client.get(path)
    places = [frame.filename for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert places.count(__file__) >= 2  # here, and where it was raised
    assert places[-1] == __file__
    assert client.get("/ok").text == "ok"


def test_its_cause_stays_its_own(client: Client) -> None:
    with pytest.raises(Mine) as caught:
        client.get("/plain/x")
    assert isinstance(caught.value.__cause__, LookupError)


def test_a_result_that_cannot_be_sent(client: Client) -> None:
    with pytest.raises(TypeError, match="object"):
        client.get("/unsendable")


@pytest.mark.parametrize(("path", "said"), FAILURES)
def test_a_stream_raises_where_it_is_read(client: Client, path: str, said: str) -> None:
    def read() -> None:
        with client.stream("GET", path) as answer:
            assert path.startswith("/later")
            answer.read()

    with pytest.raises(Mine, match=f"^{said}$"):
        read()


def test_what_the_test_itself_raises_goes_before(client: Client) -> None:
    def read() -> None:
        with client.stream("GET", "/later"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read()


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/ok", 200, "ok"),
        ("/answered", 500, "told"),
        ("/after", 200, "ok"),
        ("/nowhere", 404, ""),
    ],
)
def test_what_was_answered_is_an_answer(client: Client, path: str, status: int, text: str) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert text in answer.text


def test_an_answer_that_was_meant_is_one(client: Client) -> None:
    assert client.get("/refused").json()["detail"] == "meant"


def test_by_default_a_500_is_an_answer(client_for: Callable[..., Client]) -> None:
    client = client_for(make_app())
    assert client.get("/async").status_code == 500
    with pytest.raises(Aborted):
        client.get("/later")


def test_each_of_several_threads_gets_its_own(client: Client) -> None:
    def outcome(number: int) -> str:
        try:
            return client.get(f"/plain/{number}" if number % 2 else "/ok").text
        except Mine as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(outcome, range(40)))
    assert found == [str(number) if number % 2 else "ok" for number in range(40)]


@pytest.mark.needs(Feature.WEBSOCKET, "the handler speaks it")
@pytest.mark.parametrize("when", ["before", "open", "left"])
def test_a_websocket(client_for: Callable[..., Client], when: str) -> None:
    app = App()

    @app.websocket("/")
    async def live(ws: WebSocket) -> None:
        if when == "before":
            raise Mine(when)
        await ws.accept()
        async for _ in ws:
            if when == "open":
                raise Mine(when)
        raise Mine(when)

    def talk(client: Client) -> None:
        with client.websocket("/") as ws:
            if when == "open":
                ws.send("x")
                ws.receive()

    with pytest.raises(Mine, match=when):
        talk(client_for(app, raise_server_exceptions=True))
    if when == "before":
        with pytest.raises(WebSocketDenied):
            talk(client_for(app))
