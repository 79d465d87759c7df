"""WebSockets over sockets, on every server that has them; where servers differ, the difference is named."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.servers.conftest import Pool
from tests.servers.served import MESSAGE_LIMIT
from tests.support.servers import Server
from tests.support.wire import format_request, trusting
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

pytestmark = pytest.mark.server

NOTICE = 8.0
"""Seconds within which a handler is told or ended after its peer has left."""
PATIENCE = 20.0


@contextlib.contextmanager
def session(server: Server, path: str, **options: Any) -> Iterator[ClientConnection]:
    with opened(server, path, open_timeout=PATIENCE, close_timeout=5, **options) as ws:
        yield ws


def opened(server: Server, path: str, **options: Any) -> ClientConnection:
    tls = {"ssl": trusting("http/1.1")} if server.kind.tls else {}
    return connect(server.websocket_url(path), **tls, **options)


def closing(ws: ClientConnection) -> tuple[int, str]:
    """Return the code and the reason with which the server closes; messages before that are passed over."""
    with pytest.raises(ConnectionClosed) as closed:
        _exhaust(ws)
    assert closed.value.rcvd is not None, "the server went without a close frame"
    return closed.value.rcvd.code, closed.value.rcvd.reason


def _exhaust(ws: ClientConnection) -> None:
    for _ in range(1000):
        ws.recv(PATIENCE)


DAPHNE = "daphne"


def sent(server: Server, code: int, reason: str) -> set[tuple[int, str]]:
    """Return what a server may make of a close: daphne sends no reason, and of the codes below 3000 only 1000."""
    moved = code if code == 1000 or code >= 3000 else code + 3000
    return {(code, reason), (moved, "")} if server.name == DAPHNE else {(code, reason)}


def denial(server: Server, path: str, **options: Any) -> Any:
    """Return the HTTP response that answers a handshake."""
    with pytest.raises(InvalidStatus) as denied, session(server, path, **options):
        pass
    return denied.value.response


def test_text_and_binary_messages(asgi_server: Server) -> None:
    with session(asgi_server, "/ws/echo/hall") as ws:
        ws.send("caf\N{LATIN SMALL LETTER E WITH ACUTE}")
        assert ws.recv(PATIENCE) == "hall: caf\N{LATIN SMALL LETTER E WITH ACUTE}"
        ws.send(b"\0\1\xff")
        assert ws.recv(PATIENCE) == b"\xff\1\0"
        ws.send("")
        assert ws.recv(PATIENCE) == "hall: "
        ws.send(["one", " ", "message"])  # in three fragments
        assert ws.recv(PATIENCE) == "hall: one message"
        ws.send(b"")
        if asgi_server.name != DAPHNE:  # which sends no empty message
            assert ws.recv(PATIENCE) == b""


def test_many_messages_keep_their_order(asgi_server: Server) -> None:
    with session(asgi_server, "/ws/echo/r") as ws:
        received: list[Any] = []
        reader = threading.Thread(target=lambda: received.extend(ws.recv(PATIENCE) for _ in range(300)))
        reader.start()
        for number in range(300):
            ws.send(str(number))
        reader.join(PATIENCE)
    assert received == [f"r: {number}" for number in range(300)]


def test_parameters_state_and_head(asgi_server: Server) -> None:
    headers = {"X-Token": "secret", "Cookie": "a=1; b=2"}
    with session(asgi_server, "/ws/head/7?size=3", additional_headers=headers) as ws:
        head = json.loads(ws.recv(PATIENCE))
        assert closing(ws)[0] == 1000
    assert head.pop("state").items() >= {"greeting": "hello", "title": "Served"}.items()
    assert head == {
        "number": 7,
        "size": 3,
        "token": "secret",
        "path": "/ws/head/7",
        "scheme": "wss" if asgi_server.kind.tls else "ws",
        "host": f"127.0.0.1:{asgi_server.port}",
        "cookies": {"a": "1", "b": "2"},
    }


def test_context_variables_are_of_one_connection_alone(asgi_server: Server) -> None:
    for _ in range(3):
        with session(asgi_server, "/ws/context") as ws:
            assert ws.recv(PATIENCE) == "nothing"


def test_json(asgi_server: Server) -> None:
    with session(asgi_server, "/ws/json") as ws:
        ws.send('{"name":"x","price":1}')
        assert ws.recv(PATIENCE) == '{"name":"x","price":1.0,"tags":[]}'
        ws.send(b'{"name":"y","price":2,"tags":["a"]}')
        assert ws.recv(PATIENCE) == '{"name":"y","price":2.0,"tags":["a"]}'


@pytest.mark.parametrize("message", ["{", '{"name":1}', "[" * 60_000, b"\xff"])
def test_what_is_not_the_right_json_closes_with_1007(asgi_server: Server, message: str | bytes) -> None:
    with session(asgi_server, "/ws/json") as ws:
        ws.send(message)
        assert closing(ws) in sent(asgi_server, 1007, "invalid JSON")


# -- the handshake -----------------------------------------------------------------------------------------------------

SENDS_ACCEPT_HEADERS = {"uvicorn", "hypercorn"}


def test_subprotocol_and_headers_of_the_handshake(asgi_server: Server) -> None:
    with session(asgi_server, "/ws/subprotocol", subprotocols=["chat.v1", "chat.v2"]) as ws:
        assert ws.subprotocol == "chat.v2"
        assert ws.recv(PATIENCE) == "chat.v1,chat.v2"
        assert ws.response is not None
        if asgi_server.name in SENDS_ACCEPT_HEADERS:
            assert ws.response.headers["x-accepted"] == "yes"
        assert closing(ws) in sent(asgi_server, 1000, "bye")


DENIES_WITH_403_ONLY = {"daphne"}
"""Servers without the extension for a denial with a response of one's own."""

DENIALS = [
    ("problem", 401),
    ("response", 429),
    ("close", 403),
    ("nothing", 403),
    ("error", 402),
    ("failure", 500),
]


@pytest.mark.parametrize(("how", "status"), DENIALS)
def test_a_denied_handshake_is_answered_with_a_response(asgi_server: Server, how: str, status: int) -> None:
    response = denial(asgi_server, f"/ws/deny/{how}")
    if asgi_server.name in DENIES_WITH_403_ONLY and response.status_code == 403:
        return
    assert response.status_code == status
    if how == "problem":
        assert response.headers["www-authenticate"] == "Basic"
        assert response.headers["content-type"] == "application/problem+json"
        assert b'"detail":"who are you?"' in response.body
    elif how == "response":
        assert response.headers["retry-after"] == "60"
        assert response.body == b"later"
    assert b"secret" not in (response.body or b"")


def test_a_path_that_is_not_there(asgi_server: Server) -> None:
    expected = {404, 403} if asgi_server.name in DENIES_WITH_403_ONLY else {404}
    for path in ("/ws/unknown", "/plain", "/ws/head/seven"):
        assert denial(asgi_server, path).status_code in expected


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, True),
        ("{scheme}://127.0.0.1:{port}", True),
        ("https://friend.example", True),
        ("http://friend.example", False),
        ("https://friend.example.evil.example", False),
        ("http://127.0.0.1", False),
        ("null", False),
    ],
)
def test_a_page_of_another_origin_is_refused(asgi_server: Server, origin: str | None, allowed: bool) -> None:
    origin = origin and origin.format(port=asgi_server.port, scheme=asgi_server.scheme)
    if allowed:
        with session(asgi_server, "/ws/echo/r", origin=origin) as ws:
            ws.send("x")
            assert ws.recv(PATIENCE) == "r: x"
    else:
        assert denial(asgi_server, "/ws/echo/r", origin=origin).status_code == 403


HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


def test_on_wsgi_a_handshake_is_told_that_it_is_at_the_wrong_server(wsgi_server: Server) -> None:
    assert wsgi_server.request("GET", "/ws/echo/r", HANDSHAKE).status == 426


# -- the end -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "away"), (3000, "caf\xe9"), (4999, "x" * 123)])
def test_the_server_closes_with_code_and_reason(asgi_server: Server, code: int, reason: str) -> None:
    with session(asgi_server, f"/ws/close/{code}?reason={reason}") as ws:
        assert closing(ws) in sent(asgi_server, code, reason)


def test_a_handler_that_just_ends_closes_with_1000(asgi_server: Server) -> None:
    with session(asgi_server, "/ws/return") as ws:
        assert ws.recv(PATIENCE) == "done"
        assert closing(ws) == (1000, "")


def test_a_handler_that_fails_closes_with_1011(asgi_server: Server) -> None:
    with session(asgi_server, "/ws/fail") as ws:
        assert ws.recv(PATIENCE) == "about to fail"
        assert closing(ws) in sent(asgi_server, 1011, "")
    assert "ValueError: the secret cause" in asgi_server.wait_for_log("handler served.ws_fail")


@pytest.mark.parametrize("message", ["x" * (MESSAGE_LIMIT + 1), b"x" * (MESSAGE_LIMIT + 1), "\N{EURO SIGN}" * 30_000])
def test_a_message_above_the_limit_closes_with_1009(asgi_server: Server, message: str | bytes) -> None:
    with session(asgi_server, "/ws/echo/r") as ws:
        ws.send(message)
        assert closing(ws) in sent(asgi_server, 1009, "message too big")


def test_a_message_at_the_limit_passes(asgi_server: Server) -> None:
    with session(asgi_server, "/ws/echo/r") as ws:
        ws.send(b"x" * MESSAGE_LIMIT)
        assert len(ws.recv(PATIENCE)) == MESSAGE_LIMIT


TELLS_THE_REASON = {"uvicorn"}


def told(server: Server, code: int) -> set[str]:
    """Return which codes a server may tell of a peer that closed with one: hypercorn tells 1006 of all."""
    return {str(code), "1006"} if server.name == "hypercorn" else {str(code)}


def test_a_peer_that_closes_is_told_with_its_code(asgi_server: Server, name: str) -> None:
    with session(asgi_server, f"/ws/disconnect/{name}") as ws:
        left = time.monotonic()
        ws.close(4001, "going")
    (gone,) = asgi_server.wait_for(f"gone {name}")
    code, reason = gone.text.removeprefix(f"gone {name} ").split()
    assert code in told(asgi_server, 4001)
    assert reason in ({"going"} if asgi_server.name in TELLS_THE_REASON else {"going", "-"})
    assert gone.time - left < NOTICE


def reset(ws: ClientConnection) -> None:
    """Leave as a process that is killed does, without a word."""
    ws.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    ws.socket.close()


@pytest.mark.parametrize("path", ["disconnect", "push", "flood", "busy"])
@pytest.mark.parametrize("leave", ["close", "reset"])
def test_a_handler_learns_of_its_peers_leaving_whatever_it_does(
    asgi_server: Server, path: str, leave: str, name: str
) -> None:
    """It may receive, send now and then, send without a pause, or wait for something else: that one is cancelled."""
    ws = opened(asgi_server, f"/ws/{path}/{name}", legacy=True, close_timeout=0.1)
    if path != "disconnect":
        ws.recv(PATIENCE)
    left = time.monotonic()
    if leave == "close":
        ws.close(1001)
    else:
        reset(ws)
    (noted,) = asgi_server.wait_for(f"cancelled {name}" if path == "busy" else f"gone {name}")
    assert noted.time - left < NOTICE
    # Without a close frame some servers say "no code", others "abnormal".
    if leave == "reset" and path != "busy":
        assert noted.text.split()[2] in {"1005", "1006"}
    assert asgi_server.get("/plain").text == "plain"


@pytest.mark.parametrize("count", [1, 3, 40])
def test_what_comes_in_one_segment_with_the_close_is_answered_before_it_is_told(
    pool: Pool, count: int, name: str
) -> None:
    """Under Granian, which reads as far as it is asked; other servers read on by themselves, and then send no more."""
    server = pool("granian-asgi", "served:app")
    with server.wire() as wire:
        wire.send(format_request("GET", f"/ws/echo/{name}", HANDSHAKE))
        assert wire.head().status == 101
        frames = [frame(1, b"%d" % number) for number in range(count)]
        wire.send(b"".join(frames) + frame(8, (4001).to_bytes(2)))
        replies = [f"{name}: {number}".encode() for number in range(count)]
        assert wire.rest() == b"".join(bytes((0x81, len(reply))) + reply for reply in replies) + b"\x88\x02\x0f\xa1"
    assert [entry.text for entry in server.wait_for(f"left {name}")] == [f"left {name} 4001"]


def frame(opcode: int, payload: bytes) -> bytes:
    """Return a client's frame, masked with zeros (RFC 6455 section 5.2)."""
    return bytes((0x80 | opcode, 0x80 | len(payload))) + bytes(4) + payload


def test_iteration_ends_when_the_peer_leaves(asgi_server: Server, name: str) -> None:
    with session(asgi_server, f"/ws/echo/{name}") as ws:
        ws.send("x")
        ws.recv(PATIENCE)
    (left,) = asgi_server.wait_for(f"left {name}")
    assert left.text.removeprefix(f"left {name} ") in told(asgi_server, 1000)


def test_many_connections_at_a_time(asgi_server: Server) -> None:
    with contextlib.ExitStack() as stack:
        sessions = [stack.enter_context(session(asgi_server, f"/ws/echo/{number}")) for number in range(30)]
        for ws in sessions:
            ws.send("hello")
        assert [ws.recv(PATIENCE) for ws in sessions] == [f"{number}: hello" for number in range(30)]


def test_a_handshake_that_is_none(asgi_server: Server) -> None:
    """An upgrade without its key, or to a version of the past, is refused, and the server goes on."""
    keyless = {key: value for key, value in HANDSHAKE.items() if key != "Sec-WebSocket-Key"}
    for headers in (keyless, HANDSHAKE | {"Sec-WebSocket-Version": "8"}):
        with asgi_server.wire() as wire:
            wire.send(format_request("GET", "/ws/echo/r", headers))
            if asgi_server.name == DAPHNE:
                continue  # it says nothing, and hangs up after a while
            with contextlib.suppress(EOFError):
                assert 400 <= wire.answer().status < 500
    assert asgi_server.get("/plain").text == "plain"
