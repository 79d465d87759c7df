"""WebSockets: the handshake, and everything that refuses it."""

import logging
import re
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import pytest

from hinge import (
    App,
    Config,
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
from hinge.conformance.websockets import PATIENCE, closed, refusal, websockets
from hinge.testing import Client

pytestmark = pytest.mark.clause("websocket.messages")


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
    assert refusal(client, "/rooms/3?" + "a&" * 2000).status_code == 400
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
        r"forgetful \(.*_handshake\.py:\d+\): it returned without accepting .* Fix: `await ws\.accept\(\)` first",
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


OURS = [(None, [], 101), ("http://evil.example", [], 403), ("null", [], 403), ("", [], 403)]
ORIGINS = {
    "http": [
        *OURS,
        ("http://testserver", [], 101),
        ("http://testserver:80", [], 101),
        ("https://testserver", [], 101),
        ("http://testserver.evil.example", [], 403),
        ("http://testserver:8080", [], 403),
        ("http://friend.example", ["http://friend.example"], 101),
        ("https://friend.example", ["http://friend.example"], 403),
        ("http://testserver", ["http://friend.example"], 101),
        ("http://evil.example", ["*"], 101),
    ],
    # An unencrypted page is another site than an encrypted app.
    "https": [
        *OURS,
        ("https://testserver", [], 101),
        ("https://testserver:443", [], 101),
        ("http://testserver", [], 403),
        ("http://testserver:443", [], 403),
        ("http://testserver", ["http://testserver"], 101),
        ("http://testserver", ["*"], 101),
    ],
}


@pytest.mark.clause("websocket.refusal")
@websockets
@pytest.mark.parametrize(
    ("scheme", "origin", "allowed", "status"), [(scheme, *row) for scheme, rows in ORIGINS.items() for row in rows]
)
def test_pages_of_other_origins_are_refused(
    client_for: Callable[..., Client], scheme: str, origin: str | None, allowed: list[str], status: int
) -> None:
    app = App(config=Config(allowed_origins=allowed))
    called: list[int] = []

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        called.append(1)
        await ws.accept()
        await ws.send("in")

    client = client_for(app, scheme=scheme)
    if status == 101:
        with client.websocket("/", origin=origin) as ws:
            assert ws.receive(PATIENCE) == "in"
    else:
        assert refusal(client, "/", origin=origin).status_code == 403
        assert called == []


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
