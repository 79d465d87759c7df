"""WebSockets: the handshake and its refusals, messages, closes of either side, and every way that a handler ends."""

import asyncio
import logging
import re
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import anyio
import msgspec
import pytest

from hinge import (
    App,
    AsyncMiddleware,
    Config,
    ConfigurationError,
    Cookie,
    Header,
    HTTPError,
    JSONResponse,
    Middleware,
    Query,
    Request,
    Response,
    State,
    WebSocket,
    WebSocketDisconnect,
)
from hinge.backend import Backend, Feature
from hinge.testing import Client, WebSocketDenied

pytestmark = pytest.mark.clause("websocket.messages")

PATIENCE = 10
NOTICE = 6.0
"""Seconds within which a handler that waits for something else is ended: one, and what a busy machine adds."""

websockets = pytest.mark.needs(Feature.WEBSOCKET, "the handler speaks it")


class Point(msgspec.Struct):
    x: int
    y: int = 0


def closed(ws: Any) -> tuple[int, str]:
    """Return the code and the reason with which the handler closes."""
    with pytest.raises(WebSocketDisconnect) as gone:
        ws.receive(PATIENCE)
    return gone.value.code, gone.value.reason


def refusal(client: Client, path: str, **options: Any) -> Any:
    """Return the response that refuses a handshake."""
    with pytest.raises(WebSocketDenied) as denied, client.websocket(path, **options):
        pass
    return denied.value.response


# -- the handshake -----------------------------------------------------------------------------------------------------


@websockets
def test_messages_go_both_ways_in_order(client_for: Callable[..., Client]) -> None:
    app = App()

    @app.websocket("/")
    async def echo(ws: WebSocket) -> None:
        await ws.accept()
        async for message in ws:
            await ws.send(message)

    with client_for(app).websocket("/") as ws:
        sent = ["text", b"bytes", "", b"", "ünï", b"\x00\xff", "x" * 60_000]
        for message in sent:
            ws.send(message)
        assert [ws.receive(PATIENCE) for _ in sent] == sent


@pytest.mark.clause("websocket.handshake")
@websockets
def test_the_handshake_takes_a_subprotocol_and_headers(client_for: Callable[..., Client]) -> None:
    app = App()

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        assert ws.subprotocols == ("v2", "v1")
        await ws.accept("v1", headers={"x-own": "1", "set-cookie": "a=b"})

    with client_for(app).websocket("/", subprotocols=["v2", "v1"]) as ws:
        assert ws.subprotocol == "v1"
        assert ws.headers["x-own"] == "1"
        assert ws.headers["set-cookie"] == "a=b"


@pytest.mark.clause("websocket.handshake")
@websockets
def test_parameters_come_as_they_do_in_http(client_for: Callable[..., Client]) -> None:
    app = App()

    @app.lifespan
    async def life() -> AsyncIterator[dict[str, Any]]:
        yield {"pool": "the pool"}

    @app.websocket("/rooms/{room}/{key}")
    async def handler(
        ws: WebSocket,
        state: State,
        room: int,
        key: UUID,
        limit: Query[int] = 5,
        tags: Query[list[str]] = [],
        x_user: Header[str | None] = None,
        session: Cookie[str | None] = None,
    ) -> None:
        await ws.accept()
        await ws.send_json([room, str(key), limit, tags, x_user, session, state.pool, ws.state.pool])

    client = client_for(app)
    key = "12345678-1234-5678-1234-567812345678"
    path = f"/rooms/3/{key}?limit=7&tags=a&tags=b"
    with client.websocket(path, headers={"x-user": "ada"}, cookies={"session": "s"}) as ws:
        assert ws.receive_json() == [3, key, 7, ["a", "b"], "ada", "s", "the pool", "the pool"]
    with client.websocket(f"/rooms/3/{key}") as ws:
        assert ws.receive_json() == [3, key, 5, [], None, None, "the pool", "the pool"]


@pytest.mark.clause("websocket.handshake")
@websockets
def test_the_head_can_be_read(client_for: Callable[..., Client]) -> None:
    app = App()

    @app.websocket("/{name}", name="live")
    async def handler(ws: WebSocket, name: str) -> None:
        await ws.accept()
        await ws.send_json(
            {
                "path": ws.path,
                "scheme": ws.scheme,
                "host": ws.host,
                "client": ws.client,
                "header": ws.headers["x-own"],
                "query": ws.query.get_all("a"),
                "cookies": dict(ws.cookies),
                "params": dict(ws.path_params),
                "route": ws.route.name if ws.route else None,
                "url": ws.url_for("live", name="b c"),
            }
        )

    client = client_for(app, prefix="/mounted")
    with client.websocket("/x%20y?a=1&a=2", headers={"x-own": "1"}, cookies={"c": "d"}) as ws:
        assert ws.receive_json() == {
            "path": "/x y",
            "scheme": "ws",
            "host": "testserver",
            "client": ["127.0.0.1", 50000],
            "header": "1",
            "query": ["1", "2"],
            "cookies": {"c": "d"},
            "params": {"name": "x y"},
            "route": "live",
            "url": "/mounted/b%20c",
        }


@pytest.mark.clause("websocket.refusal")
@websockets
def test_what_does_not_fit_is_refused_as_it_is_in_http(client_for: Callable[..., Client]) -> None:
    app = App()

    @app.websocket("/rooms/{room}")
    async def handler(ws: WebSocket, room: int, limit: Query[int], page: Query[int] = 1) -> None:
        await ws.accept()

    client = client_for(app)
    for path in ("/nowhere", "/rooms/three?limit=1", "/rooms/%d9%a3?limit=1"):
        response = refusal(client, path)
        assert (path, response.status_code) == (path, 404)
        assert response.headers["content-type"] == "application/problem+json"
    response = refusal(client, "/rooms/3?limit=x&page=y")
    assert response.status_code == 422
    assert [error["name"] for error in response.json()["errors"]] == ["limit", "page"]
    assert refusal(client, "/rooms/3").status_code == 422
    assert refusal(client, "/rooms/3?limit=%zz").status_code == 400
    assert refusal(client, "/rooms/%ff?limit=1").status_code == 400


@pytest.mark.clause("websocket.refusal")
@websockets
@pytest.mark.parametrize("kind", ["deny", "raise", "deny with a response", "close", "return", "failure", "middleware"])
def test_a_handler_may_refuse(client_for: Callable[..., Client], kind: str, caplog: pytest.LogCaptureFixture) -> None:
    app = App()

    def gate() -> Middleware:
        if kind == "middleware":
            return Response("not you", status=401, headers={"x-why": "gate"})
        yield

    @app.websocket("/", middleware=[gate])
    async def handler(ws: WebSocket) -> None:
        match kind:
            case "deny":
                await ws.deny(HTTPError(401, "who are you?", headers={"x-why": "deny"}))
            case "raise":
                raise HTTPError(401, "who are you?", headers={"x-why": "raise"})
            case "deny with a response":
                await ws.deny(JSONResponse({"no": True}, status=451))
            case "close":
                await ws.close(1008, "no")
            case "failure":
                raise ValueError("broken")

    response = refusal(client_for(app), "/")
    expected = {"deny": 401, "raise": 401, "deny with a response": 451, "close": 403, "return": 403, "failure": 500}
    assert response.status_code == expected.get(kind, 401)
    if kind in ("deny", "raise"):
        assert (response.json()["detail"], response.headers["x-why"]) == ("who are you?", kind)
    if kind == "deny with a response":
        assert response.json() == {"no": True}
    if kind == "middleware":
        assert (response.text, response.headers["x-why"]) == ("not you", "gate")
    assert ("ValueError: broken" in caplog.text) == (kind == "failure")
    told = [record.getMessage() for record in caplog.records if "without accepting" in record.getMessage()]
    assert len(told) == (1 if kind == "return" else 0)


@websockets
def test_a_handler_that_forgets_to_accept_is_told_in_the_log_once(
    client_for: Callable[..., Client], caplog: pytest.LogCaptureFixture
) -> None:
    app = App()

    @app.websocket("/{room}")
    async def forgetful(ws: WebSocket, room: str) -> None:
        pass

    client = client_for(app)
    assert [refusal(client, path).status_code for path in ("/a", "/b")] == [403, 403]
    (record,) = [record for record in caplog.records if record.name == "hinge"]
    assert record.levelno == logging.WARNING
    assert re.search(
        r"forgetful \(.*test_websocket\.py:\d+\): it returned without accepting .* Fix: `await ws\.accept\(\)` first",
        record.getMessage(),
    )


@pytest.mark.clause("websocket.refusal")
@websockets
def test_an_error_handler_answers_for_the_handshake(client_for: Callable[..., Client]) -> None:
    app = App()

    @app.error(KeyError)
    async def on_key(request: Request, error: KeyError) -> Response:
        return Response(f"no {error.args[0]}", status=410)

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        raise KeyError("room")

    response = refusal(client_for(app), "/")
    assert (response.status_code, response.text) == (410, "no room")


@pytest.mark.clause("websocket.refusal")
@websockets
@pytest.mark.parametrize(
    ("origin", "allowed", "status"),
    [
        (None, [], 101),
        ("http://testserver", [], 101),
        ("http://testserver:80", [], 101),
        ("https://testserver", [], 101),
        ("http://evil.example", [], 403),
        ("http://testserver.evil.example", [], 403),
        ("http://testserver:8080", [], 403),
        ("null", [], 403),
        ("", [], 403),
        ("http://friend.example", ["http://friend.example"], 101),
        ("https://friend.example", ["http://friend.example"], 403),
        ("http://testserver", ["http://friend.example"], 101),
        ("http://evil.example", ["*"], 101),
    ],
)
def test_pages_of_other_origins_are_refused(
    client_for: Callable[..., Client], origin: str | None, allowed: list[str], status: int
) -> None:
    app = App(config=Config(allowed_origins=allowed))
    called: list[int] = []

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        called.append(1)
        await ws.accept()
        await ws.send("in")

    client = client_for(app)
    if status == 101:
        with client.websocket("/", origin=origin) as ws:
            assert ws.receive(PATIENCE) == "in"
    else:
        assert refusal(client, "/", origin=origin).status_code == 403
        assert called == []


@pytest.mark.clause("websocket.refusal")
@websockets
@pytest.mark.parametrize(
    ("origin", "allowed", "status"),
    [
        ("https://testserver", [], 101),
        ("https://testserver:443", [], 101),
        ("http://testserver", [], 403),
        ("http://testserver:443", [], 403),
        ("http://testserver", ["http://testserver"], 101),
        ("http://testserver", ["*"], 101),
        (None, [], 101),
    ],
)
def test_an_unencrypted_page_is_another_site_than_an_encrypted_app(
    client_for: Callable[..., Client], origin: str | None, allowed: list[str], status: int
) -> None:
    app = App(config=Config(allowed_origins=allowed))

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send("in")

    client = client_for(app, scheme="https")
    if status == 101:
        with client.websocket("/", origin=origin) as ws:
            assert ws.receive(PATIENCE) == "in"
    else:
        assert refusal(client, "/", origin=origin).status_code == 403


@websockets
def test_misuse_is_said_at_once(client_for: Callable[..., Client]) -> None:
    app = App()
    said: list[str] = []

    async def expect(kind: type[Exception], awaitable: Any) -> None:
        try:
            await awaitable
        except kind as error:
            said.append(f"{error}")

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await expect(RuntimeError, ws.send("early"))
        await expect(RuntimeError, ws.receive())
        await expect(ValueError, ws.accept("never offered"))
        await expect(ValueError, ws.accept(headers={"x": "a\r\nb"}))
        await ws.accept()
        await expect(RuntimeError, ws.accept())
        await expect(RuntimeError, ws.deny(HTTPError(403)))
        await expect(TypeError, ws.send(3))  # type: ignore[arg-type]
        await expect(ValueError, ws.close(1005))
        await expect(ValueError, ws.close(1000, "x" * 124))
        await ws.close(4000, "enough")
        await ws.close()
        await expect(WebSocketDisconnect, ws.send("late"))
        await expect(WebSocketDisconnect, ws.receive())

    with client_for(app).websocket("/") as ws:
        assert closed(ws) == (4000, "enough")
    assert len(said) == 11
    assert "await ws.accept() first" in said[0]


# -- messages ----------------------------------------------------------------------------------------------------------


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


@pytest.mark.clause("websocket.limit")
@websockets
@pytest.mark.parametrize("message", ["{", b"\xff", "[" * 100_000, ""])
def test_what_is_no_json_closes_with_1007(
    client_for: Callable[..., Client], message: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app = App()

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        await ws.receive_json()

    with client_for(app).websocket("/") as ws:
        ws.send(message)
        assert closed(ws)[0] == 1007
    assert caplog.records == []


@pytest.mark.clause("websocket.limit")
@websockets
@pytest.mark.parametrize(
    ("message", "fits"),
    [("x" * 100, True), ("x" * 101, False), (b"x" * 101, False), ("ü" * 50, True), ("ü" * 51, False)],
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
            assert closed(ws)[0] == 1009
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


# -- endings -----------------------------------------------------------------------------------------------------------


@pytest.mark.clause("websocket.end")
@websockets
@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1012, 3000, 4999])
def test_codes_and_reasons_go_both_ways(client_for: Callable[..., Client], code: int) -> None:
    app = App()
    seen: list[tuple[int, str]] = []

    @app.websocket("/closes")
    async def closes(ws: WebSocket) -> None:
        await ws.accept()
        await ws.close(code, "ünd tschüss")

    @app.websocket("/waits")
    async def waits(ws: WebSocket) -> None:
        await ws.accept()
        try:
            await ws.receive()
        except WebSocketDisconnect as gone:
            seen.append((gone.code, gone.reason))
            raise

    client = client_for(app)
    with client.websocket("/closes") as ws:
        assert closed(ws) == (code, "ünd tschüss")
    with client.websocket("/waits") as ws:
        ws.close(code, "bis bald")
    assert seen == [(code, "bis bald")]


@pytest.mark.clause("websocket.end")
@websockets
def test_a_handler_that_returns_closes_with_1000(client_for: Callable[..., Client]) -> None:
    app = App()

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()

    with client_for(app).websocket("/") as ws:
        assert closed(ws) == (1000, "")


@pytest.mark.clause("websocket.end")
@websockets
@pytest.mark.parametrize("error", [ValueError("broken"), HTTPError(404)])
def test_a_handler_that_fails_closes_with_1011(
    client_for: Callable[..., Client], error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    app = App()

    @app.websocket("/rooms/{room}")
    async def handler(ws: WebSocket, room: str) -> None:
        await ws.accept()
        raise error

    with client_for(app).websocket("/rooms/1") as ws:
        assert closed(ws)[0] == 1011
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "handler" in record.getMessage()
    assert "/rooms/1" in record.getMessage()
    assert "test_websocket.py:" in record.getMessage()


@pytest.mark.clause("websocket.end")
@websockets
def test_a_handler_that_awaits_something_cancelled_fails(
    client_for: Callable[..., Client], caplog: pytest.LogCaptureFixture
) -> None:
    app = App()

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        task = asyncio.create_task(asyncio.sleep(60))
        task.cancel()
        await task

    with client_for(app).websocket("/") as ws:
        assert closed(ws)[0] == 1011
    assert "was cancelled" in caplog.text


@pytest.mark.clause("websocket.left")
@websockets
@pytest.mark.parametrize("how", ["receive", "iterate", "send"])
def test_a_leaving_that_the_handler_learns_of_is_no_failure(
    client_for: Callable[..., Client], how: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = App()
    after: list[str] = []

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send("ready")
        if how == "iterate":
            async for _ in ws:
                pass
            await asyncio.sleep(0.01)
            after.append("in peace")
            return
        try:
            while True:
                if how == "receive":
                    await ws.receive()
                else:
                    await ws.send("more")
                    await asyncio.sleep(0.001)
        except WebSocketDisconnect:
            await asyncio.sleep(0.01)
            after.append("in peace")
            raise

    with client_for(app).websocket("/") as ws:
        ws.receive(PATIENCE)
    assert after == ["in peace"]
    assert caplog.records == []


@pytest.mark.clause("websocket.left")
@websockets
def test_a_handler_that_was_told_may_take_its_time(client_for: Callable[..., Client]) -> None:
    app = App()
    after = threading.Event()

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        async for _ in ws:
            pass
        await asyncio.sleep(1.1)  # one that was not told has a second
        after.set()

    with client_for(app).websocket("/"):
        pass
    assert after.is_set()


@pytest.mark.clause("websocket.left")
@websockets
@pytest.mark.parametrize("where", ["before accept", "after accept", "in a group", "in middleware"])
def test_a_handler_that_waits_for_something_else_is_ended(
    client_for: Callable[..., Client], where: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = App()
    begun, ended = threading.Event(), threading.Event()

    async def wait() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)  # a clean-up that waits is not cut short
            ended.set()

    @app.middleware
    async def layer(ws: WebSocket) -> AsyncMiddleware:
        async with anyio.create_task_group():
            yield
            if where == "in middleware":
                await wait()

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        if where == "before accept":
            await wait()
        await ws.accept()
        if where == "after accept":
            await wait()
        elif where == "in a group":
            async with asyncio.TaskGroup() as group:
                group.create_task(wait())

    if where == "before accept":
        client = client_for(app, timeout=0.3)
        with pytest.raises(TimeoutError), client.websocket("/"):
            pass
        assert ended.wait(NOTICE)
    else:
        with client_for(app).websocket("/"):
            assert begun.wait(PATIENCE)
            started = time.monotonic()
        assert ended.is_set()
        assert time.monotonic() - started < NOTICE
    assert caplog.records == []


@pytest.mark.clause("websocket.left")
@websockets
def test_a_peer_that_left_during_the_handshake_is_told_at_accept(
    client_for: Callable[..., Client], caplog: pytest.LogCaptureFixture
) -> None:
    app = App()
    go, told = threading.Event(), threading.Event()

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await asyncio.to_thread(go.wait, PATIENCE)
        try:
            await ws.accept()
        except WebSocketDisconnect:
            told.set()
            raise

    client = client_for(app, timeout=0.1)
    with pytest.raises(TimeoutError), client.websocket("/"):
        pass
    go.set()
    assert told.wait(NOTICE)
    assert caplog.records == []


@pytest.mark.clause("websocket.left")
@websockets
def test_what_was_sent_before_the_leaving_is_read_first(client_for: Callable[..., Client]) -> None:
    app = App()
    seen: list[Any] = []
    done = threading.Event()

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        try:
            while True:
                seen.append(await ws.receive())
        except WebSocketDisconnect as gone:
            seen.append(gone.code)
            done.set()

    with client_for(app).websocket("/") as ws:
        for word in ("one", "two", "three"):
            ws.send(word)
        ws.close(3000)
    assert done.is_set()
    assert seen == ["one", "two", "three", 3000]


@pytest.mark.clause("drain.events")
@websockets
def test_a_stopping_worker_closes_with_1001(backend: Backend, caplog: pytest.LogCaptureFixture) -> None:
    app = App()
    notes: list[str] = []

    @app.lifespan
    async def life() -> AsyncIterator[None]:
        yield
        notes.append("life stops")

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            notes.append("handler ends")

    @app.websocket("/waits")
    async def waits(ws: WebSocket) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            notes.append("handler ends")

    with Client(app, backend.name) as client:
        ws = client.websocket("/")
        ws.__enter__()
        client.application.drain(PATIENCE)
        assert closed(ws) == (1001, "")
        assert refusal(client, "/waits").status_code == 503
    assert notes == ["handler ends", "life stops"]
    assert caplog.records == []


# -- middleware --------------------------------------------------------------------------------------------------------


@pytest.mark.clause("websocket.middleware")
@websockets
def test_middleware_is_around_the_whole_connection(client_for: Callable[..., Client]) -> None:
    notes: list[str] = []

    def layer(ws: WebSocket) -> Middleware:
        notes.append(f"in {ws.path}")
        ws.state.user = ws.headers.get("x-user")
        yield
        notes.append("out")

    async def async_layer(ws: WebSocket) -> AsyncMiddleware:
        with anyio.CancelScope():
            notes.append("async in")
            yield
        notes.append("async out")

    app = App(middleware=[layer, async_layer])

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send(ws.state.user)
        async for _ in ws:
            pass
        notes.append("handler")

    with client_for(app).websocket("/", headers={"x-user": "ada"}) as ws:
        assert ws.receive(PATIENCE) == "ada"
        assert notes == ["in /", "async in"]
    assert notes == ["in /", "async in", "handler", "async out", "out"]


@pytest.mark.clause("websocket.middleware")
@websockets
def test_a_failure_after_accept_is_thrown_in_at_every_yield(client_for: Callable[..., Client]) -> None:
    notes: list[str] = []

    def guarded() -> Middleware:
        try:
            yield
        except ValueError:
            notes.append("seen")
            raise

    def unguarded() -> Middleware:
        yield
        notes.append("never")

    app = App(middleware=[guarded, unguarded])

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        raise ValueError

    with client_for(app).websocket("/") as ws:
        assert closed(ws)[0] == 1011
    assert notes == ["seen"]


@pytest.mark.clause("websocket.middleware")
@websockets
def test_the_answer_to_an_unknown_path_passes_the_middleware(client_for: Callable[..., Client]) -> None:
    notes: list[str] = []

    def layer(ws: WebSocket) -> Middleware:
        response = yield
        notes.append(f"{ws.path} {response.status}")
        response.headers["x-layer"] = "seen"

    app = App(middleware=[layer])
    app.get("/")(lambda: "x")
    response = refusal(client_for(app), "/nowhere")
    assert (response.status_code, response.headers["x-layer"]) == (404, "seen")
    assert notes == ["/nowhere 404"]


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
