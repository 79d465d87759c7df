"""WebSockets: messages, in both directions, and backends that have none."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import anyio
import msgspec
import pytest

from hinge import (
    App,
    Config,
    ConfigurationError,
    WebSocket,
    WebSocketDisconnect,
)
from hinge.backend.contract import Backend, Feature
from hinge.conformance.websockets import PATIENCE, Point, closed, websockets
from hinge.testing import Client

pytestmark = pytest.mark.clause("websocket.messages")


@websockets
def test_json_is_typed(client_for: Callable[..., Client]) -> None:
    app = App()

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        point = await ws.receive_json(Point)
        await ws.send_json(Point(point.y, point.x))
        await ws.send_json(await ws.receive_json())
        await ws.receive_json(Point)

    with client_for(app).websocket("/") as ws:
        ws.send_json({"x": 1, "y": 2})
        assert ws.receive_json(Point) == Point(2, 1)
        ws.send(b'[1, null, "a"]')
        assert ws.receive_json() == [1, None, "a"]
        ws.send_json({"x": "one"})
        assert closed(ws)[0] == 1007


@websockets
def test_a_large_message_is_decoded_where_it_stops_nobody(client_for: Callable[..., Client]) -> None:
    app = App()
    threads: list[int] = []

    class Text(msgspec.Struct):
        text: str

        def __post_init__(self) -> None:
            threads.append(threading.get_ident())

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        threads.append(threading.get_ident())
        for _ in range(2):
            await ws.send(str(len((await ws.receive_json(Text)).text)))
        await ws.receive_json(Text)

    with client_for(app).websocket("/") as ws:
        ws.send_json({"text": "x"})
        assert ws.receive(PATIENCE) == "1"
        ws.send_json({"text": "x" * 200_000})
        assert ws.receive(PATIENCE) == "200000"
        assert threads[0] == threads[1] != threads[2]
        ws.send_json({"text": ["x" * 200_000]})
        assert closed(ws)[0] == 1007


SURROGATE = "a\ud800"
"""A text that has no UTF-8 form, as `json.loads` and file names give some."""
SENT: dict[str, Callable[[WebSocket], Any]] = {
    "send": lambda ws: ws.send(SURROGATE),
    "send_json": lambda ws: ws.send_json([SURROGATE]),
    "close": lambda ws: ws.close(1000, SURROGATE),
}


@websockets
@pytest.mark.parametrize("how", SENT)
def test_a_text_without_a_utf8_form_is_not_sent(client_for: Callable[..., Client], how: str) -> None:
    app = App()

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        try:
            await SENT[how](ws)
        except ValueError as error:
            await ws.send(f"{type(error).__name__} é")

    with client_for(app).websocket("/") as ws:
        assert ws.receive(PATIENCE) == "UnicodeEncodeError é"


@websockets
@pytest.mark.clause("websocket.handshake")
def test_a_handshake_has_no_header_without_a_utf8_form(client_for: Callable[..., Client]) -> None:
    app = App()

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        with pytest.raises(ValueError, match="x-a"):
            await ws.accept(headers={"x-a": SURROGATE})
        await ws.accept()
        await ws.send("open")

    with client_for(app).websocket("/") as ws:
        assert ws.receive(PATIENCE) == "open"


@websockets
@pytest.mark.parametrize("how", ["send", "send_json", "close"])
def test_a_client_sends_no_such_text_either(client_for: Callable[..., Client], how: str) -> None:
    app = App()

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send(await ws.receive())

    with client_for(app).websocket("/") as ws:
        arguments = (1000, SURROGATE) if how == "close" else (SURROGATE,)
        with pytest.raises(UnicodeEncodeError):
            getattr(ws, how)(*arguments)
        ws.send("é")
        assert ws.receive(PATIENCE) == "é"


@websockets
@pytest.mark.parametrize("kind", [App, list[App]], ids=["class", "list"])
def test_a_kind_that_nothing_is_decoded_to_is_the_handlers_failure(
    client_for: Callable[..., Client], kind: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app = App()

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        await ws.receive_json(kind)

    with client_for(app).websocket("/") as ws:
        ws.send_json({})
        assert closed(ws)[0] == 1011
    (record,) = caplog.records
    assert "does not know the class App" in str(record.exc_info and record.exc_info[1])


@pytest.mark.clause("websocket.limit")
@websockets
@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("{", Any),
        ("", Any),
        (b"\xff", Any),
        (b'"\xff"', Any),
        ("[" * 19, Any),
        ("[" * 100_000, Any),
        pytest.param("[" * 5000 + "]" * 5000, Any, id="deep"),  # a decoder that recurses must not see it
        pytest.param("[" * 150 + "]" * 150, Any, id="a little too deep"),
        ('{"x": "y"}', Point),
        ("[[]]", set[Any]),
        pytest.param(str([number * (2**61 - 1) for number in range(1, 25_000)]), set[int], id="collisions"),
    ],
)
def test_what_is_not_that_json_closes_with_1007(
    client_for: Callable[..., Client], message: Any, kind: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app = App()

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        await ws.receive_json(kind)

    with client_for(app).websocket("/") as ws:
        before = time.process_time()
        ws.send(message)
        assert closed(ws) == (1007, "invalid JSON")
        assert time.process_time() - before < 2
    assert caplog.records == []


@pytest.mark.clause("websocket.limit")
@websockets
@pytest.mark.parametrize(
    ("message", "fits"),
    [
        ("x" * 100, True),
        (b"x" * 100, True),
        ("", True),
        ("x" * 101, False),
        (b"x" * 101, False),
        ("ü" * 50, True),  # counted in bytes of UTF-8
        ("ü" * 50 + "x", False),
        ("🂡" * 25, True),
        ("🂡" * 26, False),
    ],
)
def test_a_message_above_the_limit_closes_with_1009(
    client_for: Callable[..., Client], message: Any, caplog: pytest.LogCaptureFixture, *, fits: bool
) -> None:
    app = App(config=Config(max_message_size=100))

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        async for found in ws:
            await ws.send(str(len(found)))

    with client_for(app).websocket("/") as ws:
        ws.send(message)
        if fits:
            assert ws.receive(PATIENCE) == str(len(message))
        else:
            assert closed(ws) == (1009, "message too big")
    assert caplog.records == []


@websockets
def test_many_messages_are_not_lost_and_a_slow_handler_is_not_flooded(client_for: Callable[..., Client]) -> None:
    app = App()

    @app.websocket("/")
    async def slow(ws: WebSocket) -> None:
        await ws.accept()
        count = 0
        async for _ in ws:
            count += 1
            if count % 100 == 0:
                await asyncio.sleep(0)
            if count == 1000:
                await ws.send(str(count))

    with client_for(app).websocket("/") as ws:
        for number in range(1000):
            ws.send(str(number))
        assert ws.receive(PATIENCE) == "1000"


@websockets
def test_a_client_that_does_not_read_holds_up_the_sender(client_for: Callable[..., Client]) -> None:
    app = App()
    sent: list[int] = []

    @app.websocket("/")
    async def flood(ws: WebSocket) -> None:
        await ws.accept()
        for number in range(10_000):
            await ws.send(str(number))
            sent.append(number)

    with client_for(app).websocket("/") as ws:
        assert ws.receive(PATIENCE) == "0"
        # The handler can go on only as far as the server's buffer is.
        assert len(sent) < 1000


@websockets
def test_tasks_may_send_and_receive_at_the_same_time(client_for: Callable[..., Client]) -> None:
    app = App()

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()

        async def tick() -> None:
            for number in range(5):
                await ws.send(f"tick {number}")
                await asyncio.sleep(0)

        async with anyio.create_task_group() as group:
            group.start_soon(tick)
            async for message in ws:
                await ws.send(f"echo {message!r}")
                if message == "end":
                    break

    with client_for(app).websocket("/") as ws:
        ws.send("a")
        ws.send("end")
        got = {ws.receive(PATIENCE) for _ in range(7)}
    assert got == {f"tick {number}" for number in range(5)} | {"echo 'a'", "echo 'end'"}


@pytest.mark.clause("websocket.left")
@websockets
def test_two_tasks_that_wait_for_a_message_both_learn_of_the_end(client_for: Callable[..., Client]) -> None:
    app = App()
    ended: list[int] = []
    done = threading.Event()

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()

        async def wait() -> None:
            try:
                await ws.receive()
            except WebSocketDisconnect as gone:
                ended.append(gone.code)

        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            group.start_soon(wait)
        done.set()

    with client_for(app).websocket("/") as ws:
        ws.close(3001)
    assert done.is_set()
    assert ended == [3001, 3001]


# -- where there are none ----------------------------------------------------------------------------------------------


def app_with_both() -> App:
    app = App()

    @app.get("/")
    async def index() -> str:
        return "index"

    @app.websocket("/live/{room}")
    async def live(ws: WebSocket, room: str) -> None:
        await ws.accept()

    @app.websocket("/news")
    async def news(ws: WebSocket) -> None:
        await ws.accept()

    @app.post("/news")
    async def post_news() -> str:
        return "posted"

    return app


@pytest.mark.clause("websocket.absent")
def test_a_plain_request_to_a_websocket_is_told_to_upgrade(client_for: Callable[..., Client]) -> None:
    client = client_for(app_with_both(), skip_unsupported=True)
    for path in ("/live/1", "/news"):
        response = client.get(path)
        assert response.status_code == 426
        assert response.headers["content-type"] == "application/problem+json"
    assert client.post("/news").text == "posted"
    assert client.post("/live/1").status_code == 405
    assert client.get("/").text == "index"


@pytest.mark.clause("websocket.absent")
def test_a_backend_without_them_names_every_route_that_needs_them(backend: Backend) -> None:
    if Feature.WEBSOCKET in backend.features:
        assert app_with_both().unmet(backend.name) == []
        app_with_both().compile(backend.name)
        return
    with pytest.raises(ConfigurationError) as raised:
        app_with_both().compile(backend.name)
    lines = str(raised.value).splitlines()
    assert len(lines) == 2
    for line, name, path in zip(lines, ("live", "news"), ("/live/{room}", "/news"), strict=True):
        assert f".{name} (" in line
        assert "test_websocket.py:" in line
        assert path in line
        assert backend.name in line
        assert "skip_unsupported" in line
    assert app_with_both().unmet(backend.name) == lines
    assert app_with_both().unmet(backend.name, skip_unsupported=True) == []
