"""What is no `Exception`, or a false one: wherever the app's code raises it, it is answered or logged like any failure.

One table for all classes and places, and the ones that are passed on: an interrupt, and what was asked for.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from hinge import App, AsyncMiddleware, EventSourceResponse, Middleware, Request, StreamingResponse, WebSocket
from hinge.backend.contract import Feature
from hinge.conformance.failures import (
    ANSWERED,
    ASYNC,
    COLOURS,
    CUT,
    INSIDE,
    INTERRUPTS,
    LAYERS,
    RAISED,
    STRAY,
    app_with,
    coloured,
    failing,
    handler,
    source,
)
from hinge.conformance.streams import CutOff
from hinge.conformance.websockets import PATIENCE, closed, refusal, websockets
from hinge.testing import Client

pytestmark = pytest.mark.clause("errors.answered")

colours = pytest.mark.parametrize("colour", COLOURS)


def expect_logged(caplog: pytest.LogCaptureFixture, make: Callable[[], BaseException], where: str = "/") -> None:
    """Expect one failure in the log."""
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert where in record.getMessage()
    assert record.exc_info is not None
    error = record.exc_info[1]
    expected = type(make())
    if expected in STRAY:
        assert type(error) is RuntimeError
        error = error.__cause__
    assert type(error) is expected
    assert "fails" in caplog.text, "where it was raised"


# -- failures ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raised", RAISED)
@colours
@pytest.mark.parametrize(
    ("layers", "place"),
    [("bare", place) for place in ANSWERED] + [(name, place) for name in LAYERS if name != "bare" for place in INSIDE],
)
def test_it_is_answered_with_500_and_logged(
    client_for: Callable[..., Client],
    layers: str,
    place: str,
    raised: str,
    colour: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = app_with(LAYERS[layers])
    ANSWERED[place](app, failing(RAISED[raised]), colour)
    client = client_for(app)
    response = client.post("/", json={}) if place == "decoding" else client.get("/")
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert ("x-layer" in response.headers) is (layers in ("layer", "async"))
    expect_logged(caplog, RAISED[raised])
    assert client.get("/fine").text == "fine"


@pytest.mark.clause("errors.handlers")
@pytest.mark.parametrize("raised", RAISED)
@colours
def test_it_is_answered_by_who_answers_every_failure(
    client_for: Callable[..., Client], raised: str, colour: str
) -> None:
    app = App()
    handler(app, failing(RAISED[raised]), colour)

    @app.error(Exception)
    def any_failure(request: Request, error: Exception) -> str:
        return type(error).__name__

    response = client_for(app).get("/")
    expected = type(RAISED[raised]())
    assert response.status_code == 500
    assert response.text == ("RuntimeError" if expected in STRAY else expected.__name__)


@pytest.mark.needs(Feature.STREAMING, "what is cut off has begun to go out")
@pytest.mark.clause("stream.cut")
@pytest.mark.parametrize("raised", CUT)
@colours
@pytest.mark.parametrize("kind", [StreamingResponse, EventSourceResponse])
@pytest.mark.parametrize("layers", ["bare", "layer"])
def test_a_stream_is_cut_off(
    client_for: Callable[..., Client],
    kind: Any,
    layers: str,
    raised: str,
    colour: str,
    caplog: pytest.LogCaptureFixture,
    cut_off: CutOff,
) -> None:
    app = app_with(LAYERS[layers])
    app.get("/")(lambda: kind(source(failing(CUT[raised]), colour, 1)))
    client = client_for(app)
    with client.stream("GET", "/") as response:
        cut_off(response.iter_bytes())
    expect_logged(caplog, CUT[raised])
    assert client.get("/fine").text == "fine"


@pytest.mark.needs(Feature.STREAMING, "the response is out before its source is closed")
@pytest.mark.clause("stream.closed")
@pytest.mark.parametrize("raised", CUT)
@colours
def test_a_close_that_fails_is_logged(
    client_for: Callable[..., Client], raised: str, colour: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = app_with([])
    app.get("/")(lambda: StreamingResponse(source(failing(CUT[raised]), colour, 2, at_close=True)))
    client = client_for(app)
    with client.stream("GET", "/") as response:
        assert next(response.iter_bytes()) == b"x"
    assert client.get("/fine").text == "fine"
    if raised == "GeneratorExit":  # which says that it is closed
        assert caplog.records == []
    else:
        expect_logged(caplog, CUT[raised])


@pytest.mark.clause("response.after")
@pytest.mark.parametrize("raised", RAISED)
@colours
@pytest.mark.parametrize("streams", [False, True], ids=["whole", "stream"])
def test_work_after_the_response_goes_on(
    client_for: Callable[..., Client], raised: str, colour: str, streams: bool, caplog: pytest.LogCaptureFixture
) -> None:
    app = app_with([])
    notes: list[str] = []
    work = coloured(failing(RAISED[raised]), colour, waits=False)

    @app.get("/")
    def answers(request: Request) -> Any:
        request.after_response(work)
        request.after_response(notes.append, "next")
        return StreamingResponse(iter("x")) if streams else "x"

    client = client_for(app)
    assert client.get("/").text == "x"
    assert notes == ["next"]
    expect_logged(caplog, RAISED[raised], f"after_response({work.__module__}.")
    assert client.get("/fine").text == "fine"


@websockets
@pytest.mark.clause("websocket.end")
@pytest.mark.parametrize("raised", RAISED)
@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("accepts", [False, True], ids=["before accept", "after accept"])
def test_a_websocket(
    client_for: Callable[..., Client], raised: str, layers: str, accepts: bool, caplog: pytest.LogCaptureFixture
) -> None:
    app = app_with(LAYERS[layers])
    fails = failing(RAISED[raised])

    @app.websocket("/")
    async def live(ws: WebSocket) -> None:
        if accepts:
            await ws.accept()
        fails()

    client = client_for(app)
    if accepts:
        with client.websocket("/") as ws:
            assert closed(ws)[0] == 1011
    else:
        assert refusal(client, "/").status_code == 500
    assert client.get("/fine").text == "fine"
    expect_logged(caplog, RAISED[raised])


@websockets
@pytest.mark.clause("websocket.middleware")
@pytest.mark.parametrize("raised", RAISED)
@colours
def test_a_websockets_middleware(
    client_for: Callable[..., Client], raised: str, colour: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = app_with([])
    fails = failing(RAISED[raised])

    def plain() -> Middleware:
        yield
        fails()

    async def coroutine() -> AsyncMiddleware:
        yield
        fails()

    @app.websocket("/", middleware=[coroutine if colour == ASYNC else plain])
    async def live(ws: WebSocket) -> None:
        await ws.accept()

    client = client_for(app)
    with client.websocket("/") as ws:
        assert closed(ws)[0] == 1011
    expect_logged(caplog, RAISED[raised])


# -- what is passed on -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raised", INTERRUPTS)
@pytest.mark.parametrize("place", INSIDE)
@pytest.mark.parametrize("layers", LAYERS)
@colours
def test_an_interrupt_is_passed_on_to_the_server(
    client_for: Callable[..., Client],
    colour: str,
    layers: str,
    place: str,
    raised: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = app_with(LAYERS[layers])
    ANSWERED[place](app, failing(INTERRUPTS[raised]), colour)
    client = client_for(app)
    with pytest.raises(type(INTERRUPTS[raised]())):
        client.get("/")
    assert client.get("/fine").text == "fine"
    assert caplog.records == []


@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("how", ["timeout", "cancelled by itself"])
def test_a_cancellation_that_was_asked_for_is_what_it_was_asked_for(
    client_for: Callable[..., Client], layers: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = app_with(LAYERS[layers])

    @app.get("/")
    async def bounded() -> str:
        if how == "timeout":
            try:
                async with asyncio.timeout(0):
                    await asyncio.sleep(PATIENCE)
            except TimeoutError:
                return "in time"
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            task.uncancel()
        return "in time"

    client = client_for(app)
    assert client.get("/").text == "in time"
    assert caplog.records == []
