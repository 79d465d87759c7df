"""Exceptions and responses that are not quite regular: each is answered with 500, inside the middleware, and logged."""

import dataclasses
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hinge import App, AsyncMiddleware, Config, HTTPError, Middleware, Request, Response, WebSocket
from hinge.backend.contract import Backend
from hinge.conformance.test_base_exceptions import ANSWERED, COLOURS, LAYERS, app_with, failing
from hinge.conformance.websockets import refusal, websockets
from hinge.errors import ClientDisconnect
from hinge.testing import Client


class ForgetfulError(HTTPError):
    def __init__(self, user: str = "ada") -> None:
        self.user = user


@dataclasses.dataclass(frozen=True)
class FrozenHTTPError(HTTPError):
    status: int = 404


@dataclasses.dataclass(frozen=True)
class FrozenError(Exception):
    pass


class UndocumentedError(HTTPError):
    def problem(self) -> dict[str, Any]:
        raise SystemExit(3)


class AmbiguousError(Exception):
    def __bool__(self) -> bool:
        raise ValueError("no truth value")


class UnreadableError(Exception):
    @property
    def __notes__(self) -> list[str]:
        raise ValueError("no notes")


class SpeechlessError(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")

    __repr__ = __str__


class SpeechlessDisconnect(ClientDisconnect):
    def __str__(self) -> str:
        raise ValueError("no text")


class UndividedGroup(BaseExceptionGroup):  # type: ignore[type-arg]
    def subgroup(self, condition: Any) -> Any:
        raise ValueError("no part")

    split = derive = subgroup


class UndividedExceptionGroup(UndividedGroup, ExceptionGroup):  # type: ignore[type-arg]
    pass


def changed(error: BaseException, **attributes: Any) -> BaseException:
    for name, value in attributes.items():
        setattr(error, name, value)
    return error


IRREGULAR: dict[str, Callable[[], BaseException]] = {
    "HTTPError without super().__init__": ForgetfulError,
    "frozen HTTPError": FrozenHTTPError,
    "its status is a text": lambda: changed(HTTPError(404), status="404"),
    "its status is None": lambda: changed(HTTPError(404), status=None),
    "its status is no error": lambda: changed(HTTPError(404), status=99),
    "its connection is a number": lambda: changed(HTTPError(404), connection=1),
    "its headers are a number": lambda: changed(HTTPError(404), headers=1),
    "its document fails": lambda: UndocumentedError(404),
    "frozen": FrozenError,
    "neither true nor false": AmbiguousError,
    "no notes": UnreadableError,
    "no text": SpeechlessError,
    "odd SyntaxError": lambda: changed(SyntaxError("odd"), filename=1, lineno=[], text=2, offset="x", end_offset={}),
    "group without parts": lambda: UndividedGroup("both", [OSError(), KeyboardInterrupt.__base__()]),  # type: ignore[misc]
    "exception group without parts": lambda: UndividedExceptionGroup("both", [OSError(), ValueError()]),
}


def answer_to(send: Callable[[], Any]) -> Any:
    try:
        return send()
    except BaseException as error:  # pytest itself could not show some of them
        escaped = type(error).__name__
    pytest.fail(f"{escaped} escapes")


def expect_answered(client: Client, caplog: pytest.LogCaptureFixture, kind: type, where: str = "handler") -> Any:
    """Return the response to `/`: a 500 with one line in the log that names the request and the class."""
    response = answer_to(lambda: client.post("/", json={}) if where == "decoding" else client.get("/"))
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("hinge", logging.ERROR)
    assert "/" in record.getMessage()
    assert record.exc_text is not None
    assert kind.__name__ in record.exc_text
    assert client.get("/fine").text == "fine"
    return response


@pytest.mark.parametrize("raised", IRREGULAR)
@pytest.mark.parametrize("place", ["handler", "decoding", "error_handler", "middleware_before", "first_chunk"])
@pytest.mark.parametrize("colour", COLOURS)
def test_it_is_answered_and_logged(
    client_for: Callable[..., Client], place: str, raised: str, colour: str, caplog: pytest.LogCaptureFixture
) -> None:
    make = IRREGULAR[raised]
    app = app_with([])
    ANSWERED[place](app, failing(make), colour == "async def")
    expect_answered(client_for(app), caplog, type(make()), place)


@pytest.mark.parametrize("raised", IRREGULAR)
@pytest.mark.parametrize("place", ["handler", "middleware_after"])
@pytest.mark.parametrize("colour", COLOURS)
def test_it_is_answered_inside_the_middleware(
    client_for: Callable[..., Client], place: str, raised: str, colour: str, caplog: pytest.LogCaptureFixture
) -> None:
    make = IRREGULAR[raised]
    app = app_with(LAYERS["layer" if colour == "def" else "async"])
    ANSWERED[place](app, failing(make), colour == "async def")
    response = expect_answered(client_for(app), caplog, type(make()), place)
    assert response.headers["x-layer"] == "seen"


@pytest.mark.parametrize("raised", IRREGULAR)
def test_debug_shows_what_there_is(
    client_for: Callable[..., Client], raised: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = app_with([])
    app.configure(Config(debug=True))
    ANSWERED["handler"](app, failing(IRREGULAR[raised]), False)
    expect_answered(client_for(app), caplog, type(IRREGULAR[raised]()))


@websockets
@pytest.mark.parametrize("raised", IRREGULAR)
@pytest.mark.parametrize("layers", ["bare", "layer"])
def test_a_handshake_is_refused_with_it(
    client_for: Callable[..., Client], layers: str, raised: str, caplog: pytest.LogCaptureFixture
) -> None:
    make = IRREGULAR[raised]
    app = app_with(LAYERS[layers])
    fails = failing(make)

    @app.websocket("/")
    async def live(ws: WebSocket) -> None:
        fails()

    response = answer_to(lambda: refusal(client_for(app), "/"))
    assert response.status_code == 500
    assert response.headers.get("x-layer") == ("seen" if layers == "layer" else None)
    (record,) = caplog.records
    assert record.exc_text is not None
    assert type(make()).__name__ in record.exc_text


def test_one_that_cannot_be_changed_is_answered_as_it_is(
    client_for: Callable[..., Client], caplog: pytest.LogCaptureFixture
) -> None:
    class SealedError(HTTPError):
        def __setattr__(self, name: str, value: Any) -> None:
            if "title" in self.__dict__ and name.startswith("__"):
                raise AttributeError(name)
            super().__setattr__(name, value)

    app = app_with([])
    ANSWERED["handler"](app, failing(lambda: SealedError(409, "taken")), False)
    response = client_for(app).get("/")
    assert (response.status_code, response.json()["detail"]) == (409, "taken")
    assert caplog.records == []


def test_a_disconnect_without_a_text_is_the_clients(
    client_for: Callable[..., Client], caplog: pytest.LogCaptureFixture
) -> None:
    app = app_with([])
    ANSWERED["handler"](app, failing(SpeechlessDisconnect), False)
    assert client_for(app).get("/").status_code == 400
    assert caplog.records == []


# -- responses ---------------------------------------------------------------------------------------------------------


class ForgetfulResponse(Response):
    def __init__(self) -> None:
        pass


def from_a_handler(app: App) -> None:
    @app.get("/")
    def handler() -> Response:
        return ForgetfulResponse()


def from_a_coroutine(app: App) -> None:
    @app.get("/")
    async def coroutine(request: Request) -> Response:
        return ForgetfulResponse()


def from_an_error_handler(app: App) -> None:
    @app.error(LookupError)
    def answer(request: Request, error: LookupError) -> Response:
        return ForgetfulResponse()

    @app.get("/")
    def fails() -> None:
        raise LookupError


def from_a_middleware(app: App) -> None:
    def replaces() -> Middleware:
        yield
        return ForgetfulResponse()

    app.get("/", middleware=[replaces])(lambda: "x")


def from_an_async_middleware(app: App) -> None:
    async def replaces() -> AsyncMiddleware:
        yield ForgetfulResponse()

    app.get("/", middleware=[replaces])(lambda: "x")


@pytest.mark.parametrize(
    "place",
    [from_a_handler, from_a_coroutine, from_an_error_handler, from_a_middleware, from_an_async_middleware],
    ids=lambda place: place.__name__,
)
@pytest.mark.parametrize("layers", ["bare", "layer"])
def test_a_response_without_its_parts_is_a_failure(
    client_for: Callable[..., Client], layers: str, place: Callable[[App], None], caplog: pytest.LogCaptureFixture
) -> None:
    app = app_with(LAYERS[layers])
    place(app)
    response = expect_answered(client_for(app), caplog, TypeError)
    assert response.headers.get("x-layer") == ("seen" if layers == "layer" else None)
    assert "ForgetfulResponse: its __init__ did not call super().__init__()" in caplog.text


@websockets
def test_a_denial_without_its_parts_is_a_failure(
    client_for: Callable[..., Client], caplog: pytest.LogCaptureFixture
) -> None:
    app = app_with([])

    @app.websocket("/")
    async def live(ws: WebSocket) -> None:
        await ws.deny(ForgetfulResponse())

    assert refusal(client_for(app), "/").status_code == 500
    assert "ForgetfulResponse' object has no attribute" in caplog.text


# -- a lifespan --------------------------------------------------------------------------------------------------------


def test_a_frozen_failure_of_a_lifespan(backend: Backend, caplog: pytest.LogCaptureFixture) -> None:
    app = app_with([])

    @app.lifespan
    def fails_at_its_stop() -> Iterator[None]:
        yield
        raise OSError("second")

    @app.lifespan
    def fails_first() -> Iterator[None]:
        yield
        raise FrozenError

    # The second of them is contextlib's own failure, in the client.
    with pytest.raises((FrozenError, dataclasses.FrozenInstanceError)), Client(app, backend.name):
        pass
    assert "fails_at_its_stop" in caplog.text
