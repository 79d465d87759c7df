"""The WebSocket's states, sizes, codes and JSON, over a transport of the test's own: no server, no backend."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from hinge import HTTPError, JSONResponse, Response, StreamingResponse, WebSocket, WebSocketDisconnect
from hinge.error_responses import ErrorHandlers
from hinge.errors import ConfigurationError
from hinge.websocket import WebSocketState

LIMIT = 20


class Transport:
    """A peer that has sent its messages beforehand, and notes what it gets."""

    def __init__(self, *messages: str | bytes | WebSocketDisconnect, subprotocols: tuple[str, ...] = ()) -> None:
        self.subprotocols = subprotocols
        self.messages = list(messages)
        self.log: list[Any] = []
        self.gone: WebSocketDisconnect | None = None

    async def accept(self, subprotocol: str | None, headers: list[tuple[str, str]]) -> None:
        self._check()
        self.log.append(("accept", subprotocol, headers))

    async def send(self, message: str | bytes) -> None:
        self._check()
        self.log.append(("send", message))

    async def receive(self) -> str | bytes:
        self._check()
        message = self.messages.pop(0)
        if isinstance(message, WebSocketDisconnect):
            self.gone = message
            raise message
        return message

    async def close(self, code: int, reason: str) -> None:
        self.log.append(("close", code, reason))

    async def apart(self, work: Callable[[bytes], Any], data: bytes) -> Any:
        return work(data)

    async def deny(self, response: Response) -> None:
        self.log.append(("deny", response.status, response.body))

    def _check(self) -> None:
        if self.gone is not None:
            raise self.gone


ENDPOINT: Any = SimpleNamespace(
    config=SimpleNamespace(max_message_size=LIMIT, max_query_fields=10),
    errors=ErrorHandlers({}, debug=False),
    path_names=("room",),
    route=None,
    ignored=(),
)


def websocket(transport: Transport) -> WebSocket:
    return WebSocket(None, None, ENDPOINT, ("lobby",), {"db": 1}, transport)  # type: ignore[arg-type]


def run(work: Callable[[WebSocket], Coroutine[Any, Any, Any]], transport: Transport) -> Any:
    """Run a handler to its end."""
    return asyncio.run(work(websocket(transport)))


GONE = WebSocketDisconnect(1001, "going away")


def test_messages_go_both_ways() -> None:
    async def handler(ws: WebSocket) -> Any:
        assert ws.state_of_connection is WebSocketState.CONNECTING
        await ws.accept()
        assert ws.state_of_connection is WebSocketState.OPEN
        await ws.send("text")
        await ws.send(b"bytes")
        await ws.send_json({"a": [1]})
        return [await ws.receive(), await ws.receive()]

    transport = Transport("hello", b"\x00")
    assert run(handler, transport) == ["hello", b"\x00"]
    assert transport.log == [("accept", None, []), ("send", "text"), ("send", b"bytes"), ("send", '{"a":[1]}')]


def test_the_head_is_that_of_a_connection() -> None:
    ws = websocket(Transport())
    assert (ws.path_params, ws.state.db, ws.route) == ({"room": "lobby"}, 1, None)


def test_iteration_ends_with_the_peer() -> None:
    async def handler(ws: WebSocket) -> Any:
        await ws.accept()
        seen = [message async for message in ws]
        return seen, ws.close_code, ws.close_reason, ws.state_of_connection

    assert run(handler, Transport("a", b"b", GONE)) == (["a", b"b"], 1001, "going away", WebSocketState.CLOSED)


def test_iteration_may_be_taken_up_again() -> None:
    async def handler(ws: WebSocket) -> Any:
        await ws.accept()
        async for message in ws:
            assert message == "a"
            break
        return [message async for message in ws]

    assert run(handler, Transport("a", "b", GONE)) == ["b"]


def test_a_disconnect_is_told_every_time_with_its_code_and_reason() -> None:
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        for _ in range(3):
            with pytest.raises(WebSocketDisconnect) as caught:
                await ws.receive()
            assert (caught.value.code, caught.value.reason) == (1001, "going away")
        with pytest.raises(WebSocketDisconnect) as caught:
            await ws.send("x")
        assert (caught.value.code, caught.value.reason) == (1001, "going away")
        with pytest.raises(WebSocketDisconnect):
            await ws.send_json("x")
        await ws.close(1011)  # too late, and no error

    transport = Transport(GONE)
    run(handler, transport)
    assert transport.log == [("accept", None, [])]


def test_a_peer_that_is_gone_while_something_is_sent() -> None:
    async def handler(ws: WebSocket) -> Any:
        await ws.accept()
        transport.gone = GONE
        with pytest.raises(WebSocketDisconnect):
            await ws.send("x")
        return ws.close_code

    transport = Transport()
    assert run(handler, transport) == 1001


def test_a_peer_that_leaves_during_the_handshake() -> None:
    async def handler(ws: WebSocket) -> Any:
        transport.gone = WebSocketDisconnect(1006)
        with pytest.raises(WebSocketDisconnect):
            await ws.accept()
        with pytest.raises(WebSocketDisconnect):
            await ws.receive()
        return ws.state_of_connection

    transport = Transport()
    assert run(handler, transport) is WebSocketState.CLOSED


# -- the handshake -----------------------------------------------------------------------------------------------------


def test_a_subprotocol_must_have_been_offered() -> None:
    async def handler(ws: WebSocket) -> None:
        assert ws.subprotocols == ("chat.v2", "chat.v1")
        with pytest.raises(ValueError, match=r"subprotocol 'other'; it offers: chat\.v2, chat\.v1"):
            await ws.accept("other")
        await ws.accept("chat.v1", headers={"X-Session": "1"})

    transport = Transport(subprotocols=("chat.v2", "chat.v1"))
    run(handler, transport)
    assert transport.log == [("accept", "chat.v1", [("x-session", "1")])]


def test_without_an_offer_every_subprotocol_is_refused() -> None:
    async def handler(ws: WebSocket) -> None:
        with pytest.raises(ValueError, match="it offers: none"):
            await ws.accept("chat")

    run(handler, Transport())


@pytest.mark.parametrize("headers", [{"x": "a\r\nb: c"}, {"bad name": "x"}, [("x", "é")]])
def test_headers_of_the_handshake_are_checked(headers: Any) -> None:
    async def handler(ws: WebSocket) -> None:
        with pytest.raises(ValueError, match="header"):
            await ws.accept(headers=headers)
        await ws.accept()

    run(handler, Transport())


def test_what_comes_too_early_or_too_late_is_said_with_its_remedy() -> None:
    async def handler(ws: WebSocket) -> None:
        for early in (ws.send("x"), ws.receive(), ws.send_json(1), ws.receive_json()):
            with pytest.raises(
                RuntimeError, match=r"on a WebSocket that is connecting. Fix: await ws.accept\(\) first"
            ):
                await early
        await ws.accept()
        with pytest.raises(RuntimeError, match=r"accept\(\) on a WebSocket that is open"):
            await ws.accept()
        with pytest.raises(RuntimeError, match=r"deny\(\) on a WebSocket that is open"):
            await ws.deny(HTTPError(403))
        await ws.close()
        with pytest.raises(RuntimeError, match=r"accept\(\) on a WebSocket that is closed"):
            await ws.accept()

    run(handler, Transport())


def test_a_denial_is_an_http_response() -> None:
    async def with_error(ws: WebSocket) -> None:
        await ws.deny(HTTPError(404, "no such room"))
        with pytest.raises(RuntimeError, match="closed"):
            await ws.send("x")
        with pytest.raises(RuntimeError, match="closed"):
            await ws.deny(HTTPError(404))

    async def with_response(ws: WebSocket) -> None:
        await ws.deny(JSONResponse({"full": True}, status=503))

    transport = Transport()
    run(with_error, transport)
    ((kind, status, body),) = transport.log
    assert (kind, status, msgspec.json.decode(body)["detail"]) == ("deny", 404, "no such room")
    transport = Transport()
    run(with_response, transport)
    assert transport.log == [("deny", 503, b'{"full":true}')]


@pytest.mark.parametrize("answer", [403, "no", None, StreamingResponse([b"x"], status=503)])
def test_a_denial_with_anything_else_is_refused(answer: Any) -> None:
    async def handler(ws: WebSocket) -> Any:
        with pytest.raises(TypeError, match="deny takes an HTTPError or a Response"):
            await ws.deny(answer)
        return ws.state_of_connection

    assert run(handler, Transport()) is WebSocketState.CONNECTING


def test_closing_before_the_handshake_refuses_it() -> None:
    async def handler(ws: WebSocket) -> None:
        await ws.close()
        await ws.close()

    transport = Transport()
    run(handler, transport)
    assert transport.log == [("deny", 403, b"")]


# -- closing -----------------------------------------------------------------------------------------------------------


def test_closing_says_a_code_and_a_reason_once() -> None:
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        await ws.close(4000, "done")
        await ws.close(4001)
        with pytest.raises(WebSocketDisconnect) as caught:
            await ws.send("x")
        assert (caught.value.code, caught.value.reason) == (4000, "done")
        assert [message async for message in ws] == []

    transport = Transport("unread")
    run(handler, transport)
    assert transport.log[1:] == [("close", 4000, "done")]


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, -1])
def test_a_code_that_must_not_be_sent_is_refused(code: int) -> None:
    async def handler(ws: WebSocket) -> None:
        with pytest.raises(ValueError, match="is not a close code that may be sent"):
            await ws.close(code)
        await ws.accept()
        with pytest.raises(ValueError, match="is not a close code that may be sent"):
            await ws.close(code)

    run(handler, Transport())


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1014, 3000, 4999])
def test_codes_that_may_be_sent(code: int) -> None:
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        await ws.close(code)

    transport = Transport()
    run(handler, transport)
    assert transport.log[-1] == ("close", code, "")


def test_a_reason_has_at_most_123_bytes() -> None:
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        with pytest.raises(ValueError, match="at most 123 bytes"):
            await ws.close(1000, "é" * 62)
        await ws.close(1000, "é" * 61 + "x")

    transport = Transport()
    run(handler, transport)
    assert transport.log[-1] == ("close", 1000, "é" * 61 + "x")


# -- messages ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("message", [None, 1, {"a": 1}, bytearray(b"x")])
def test_only_text_and_bytes_are_sent(message: Any) -> None:
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        with pytest.raises(TypeError, match=r"send takes str or bytes, not .*; send_json takes the rest"):
            await ws.send(message)

    transport = Transport()
    run(handler, transport)
    assert transport.log == [("accept", None, [])]


@pytest.mark.parametrize("message", ["x" * LIMIT, b"x" * LIMIT, "é" * (LIMIT // 2), "🂡" * (LIMIT // 4), ""])
def test_a_message_up_to_the_limit_is_taken(message: str | bytes) -> None:
    async def handler(ws: WebSocket) -> Any:
        await ws.accept()
        return await ws.receive()

    assert run(handler, Transport(message)) == message


@pytest.mark.parametrize("message", ["x" * (LIMIT + 1), b"x" * (LIMIT + 1), "é" * (LIMIT // 2) + "x", "🂡" * 6])
def test_a_message_above_the_limit_closes_with_1009(message: str | bytes) -> None:
    """The limit is in bytes of UTF-8, whatever the number of characters."""

    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        with pytest.raises(WebSocketDisconnect) as caught:
            await ws.receive()
        assert caught.value.code == 1009

    transport = Transport(message)
    run(handler, transport)
    assert transport.log[-1] == ("close", 1009, "message too big")


class Move(msgspec.Struct):
    x: int


def test_json_is_decoded_and_validated() -> None:
    async def handler(ws: WebSocket) -> Any:
        await ws.accept()
        return [await ws.receive_json(), await ws.receive_json(), await ws.receive_json(Move)]

    assert run(handler, Transport('{"a": 1}', b"[1]", '{"x": 2}')) == [{"a": 1}, [1], Move(2)]


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("{", Any),
        ("", Any),
        (b"\xff", Any),
        (b'"\xff"', Any),
        ('{"x": "y"}', Move),
        ("[[]]", set[Any]),
        pytest.param(str([number * (2**61 - 1) for number in range(1, 25_000)]), set[int], id="collisions"),
        ("[" * 19, Any),
    ],
)
def test_what_is_not_that_json_closes_with_1007(message: str | bytes, kind: Any) -> None:
    async def handler(ws: WebSocket) -> None:
        ws._limit = max(LIMIT, len(message))
        await ws.accept()
        with pytest.raises(WebSocketDisconnect) as caught:
            await ws.receive_json(kind)
        assert caught.value.code == 1007

    transport = Transport(message)
    before = time.process_time()
    run(handler, transport)
    assert time.process_time() - before < 2
    assert transport.log[-1] == ("close", 1007, "invalid JSON")


def test_a_kind_that_nothing_can_be_is_said_before_a_message_is_taken() -> None:
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        line = r"receive_json \(.*test_websocket_core.py:\d+\): .* a list cannot be. Fix: tuple"
        with pytest.raises(ConfigurationError, match=line):
            await ws.receive_json(set[list[int]])

    transport = Transport("[]")
    run(handler, transport)
    assert transport.messages == ["[]"]


@pytest.mark.parametrize("depth", [150, 5000])
def test_json_that_nests_too_deeply_closes_with_1007(depth: int) -> None:
    """A decoder that recurses must not see it."""
    deep = "[" * depth + "]" * depth

    async def handler(ws: WebSocket) -> None:
        ws._limit = len(deep)
        await ws.accept()
        with pytest.raises(WebSocketDisconnect):
            await ws.receive_json()

    transport = Transport(deep)
    run(handler, transport)
    assert transport.log[-1][:2] == ("close", 1007)


def test_a_disconnect_is_no_error_of_the_configuration() -> None:
    assert not issubclass(WebSocketDisconnect, (HTTPError, ConfigurationError, OSError))
    assert str(WebSocketDisconnect(4000, "x")) == "WebSocket closed with 4000 (x)"
    assert str(WebSocketDisconnect()) == "WebSocket closed with 1005"
