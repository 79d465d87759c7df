"""The WebSocket's states and codes, over a transport of the test's own: no server, no backend.

Sizes and JSON, and what a client sees of all this, are in the kit: hinge.conformance.test_websocket and its neighbours.
"""

from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import pytest

from hinge import HTTPError, Response, StreamingResponse, WebSocket, WebSocketDisconnect
from hinge.error_responses import ErrorHandlers
from hinge.errors import ConfigurationError
from hinge.inspection.custom_types import NO_TYPES
from hinge.websocket import WebSocketState


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
    config=SimpleNamespace(max_message_size=20, max_query_fields=10),
    errors=ErrorHandlers({}, debug=False),
    path_names=("room",),
    route=None,
    ignored=(),
    types=NO_TYPES,
)
GONE = WebSocketDisconnect(1001, "going away")


def connecting(*messages: str | bytes | WebSocketDisconnect, subprotocols: tuple[str, ...] = ()) -> Any:
    """Return a WebSocket and its transport."""
    transport = Transport(*messages, subprotocols=subprotocols)
    return WebSocket(None, None, ENDPOINT, ("lobby",), {"db": 1}, transport=transport), transport  # type: ignore[arg-type]


def opened(*messages: str | bytes | WebSocketDisconnect) -> Any:
    """Return a WebSocket that is accepted, and its transport."""
    ws, transport = connecting(*messages)
    now(ws.accept())
    transport.log.clear()
    return ws, transport


def now(step: Coroutine[Any, Any, Any]) -> Any:
    """Return what a coroutine returns that waits for nothing."""
    try:
        step.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits")


async def listed(ws: WebSocket) -> list[str | bytes]:
    return [message async for message in ws]


def test_messages_go_both_ways() -> None:
    ws, transport = connecting("hello", b"\x00")
    assert ws.state_of_connection is WebSocketState.CONNECTING
    now(ws.accept())
    assert ws.state_of_connection is WebSocketState.OPEN
    for step in (ws.send("text"), ws.send(b"bytes"), ws.send_json({"a": [1]})):
        now(step)
    assert [now(ws.receive()), now(ws.receive())] == ["hello", b"\x00"]
    assert transport.log == [("accept", None, []), ("send", "text"), ("send", b"bytes"), ("send", '{"a":[1]}')]


def test_iteration_ends_with_the_peer_and_may_be_taken_up_again() -> None:
    async def first(ws: WebSocket) -> Any:
        async for message in ws:
            break
        return message

    ws, _ = opened("a", "b", b"c", GONE)
    assert now(first(ws)) == "a"
    assert now(listed(ws)) == ["b", b"c"]
    assert (ws.close_code, ws.close_reason, ws.state_of_connection) == (1001, "going away", WebSocketState.CLOSED)


def test_a_disconnect_is_told_every_time_with_its_code_and_reason() -> None:
    ws, transport = opened(GONE)
    for step in (ws.receive(), ws.receive(), ws.send("x"), ws.send_json("x"), ws.receive_json()):
        with pytest.raises(WebSocketDisconnect) as caught:
            now(step)
        assert (caught.value.code, caught.value.reason) == (1001, "going away")
    now(ws.close(1011))  # too late, and no error
    assert transport.log == []


def test_a_peer_that_is_gone_while_something_is_sent() -> None:
    ws, transport = opened()
    transport.gone = GONE
    with pytest.raises(WebSocketDisconnect):
        now(ws.send("x"))
    assert ws.close_code == 1001


def test_a_peer_that_leaves_during_the_handshake() -> None:
    ws, transport = connecting()
    transport.gone = WebSocketDisconnect(1006)
    for step in (ws.accept(), ws.receive()):
        with pytest.raises(WebSocketDisconnect):
            now(step)
    assert ws.state_of_connection is WebSocketState.CLOSED


# -- misuse ------------------------------------------------------------------------------------------------------------

EARLY = r"on a WebSocket that is connecting. Fix: await ws.accept\(\) first"
CODE = "is not a close code that may be sent"
DENIAL = "deny takes an HTTPError or a Response"
MISUSES: list[tuple[str, Callable[[WebSocket], Any], type[Exception], str]] = [
    ("connecting", lambda ws: ws.send("x"), RuntimeError, EARLY),
    ("connecting", lambda ws: ws.receive(), RuntimeError, EARLY),
    ("connecting", lambda ws: ws.send_json(1), RuntimeError, EARLY),
    ("connecting", lambda ws: ws.receive_json(), RuntimeError, EARLY),
    ("connecting", lambda ws: ws.accept("other"), ValueError, r"subprotocol 'other'; it offers: chat\.v2, chat\.v1"),
    ("connecting", lambda ws: ws.accept(headers={"x": "a\r\nb: c"}), ValueError, "header"),
    ("connecting", lambda ws: ws.accept(headers={"bad name": "x"}), ValueError, "header"),
    ("connecting", lambda ws: ws.accept(headers=[("x", "é")]), ValueError, "header"),
    ("connecting", lambda ws: ws.deny(403), TypeError, DENIAL),
    ("connecting", lambda ws: ws.deny("no"), TypeError, DENIAL),
    ("connecting", lambda ws: ws.deny(None), TypeError, DENIAL),
    ("connecting", lambda ws: ws.deny(StreamingResponse([b"x"], status=503)), TypeError, DENIAL),
    ("connecting", lambda ws: ws.close(1005), ValueError, CODE),
    ("open", lambda ws: ws.accept(), RuntimeError, r"accept\(\) on a WebSocket that is open"),
    ("open", lambda ws: ws.deny(HTTPError(403)), RuntimeError, r"deny\(\) on a WebSocket that is open"),
    *(("open", lambda ws, code=code: ws.close(code), ValueError, CODE)
      for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, -1)),
    ("open", lambda ws: ws.close(1000, "é" * 62), ValueError, "at most 123 bytes"),
    *(("open", lambda ws, message=message: ws.send(message), TypeError, "send takes str or bytes, not .*; send_json")
      for message in (None, 1, {"a": 1}, bytearray(b"x"))),
    ("open", lambda ws: ws.receive_json(set[list[int]]), ConfigurationError,
     r"receive_json \(.*test_websocket_core.py:\d+\): .* a list cannot be. Fix: tuple"),
    ("closed", lambda ws: ws.accept(), RuntimeError, r"accept\(\) on a WebSocket that is closed"),
    ("denied", lambda ws: ws.send("x"), RuntimeError, "closed"),
    ("denied", lambda ws: ws.deny(HTTPError(404)), RuntimeError, "closed"),
]  # fmt: skip


@pytest.mark.parametrize(("state", "step", "kind", "said"), MISUSES)
def test_misuse_is_said_with_its_remedy_and_changes_nothing(state: str, step: Any, kind: Any, said: str) -> None:
    ws, transport = connecting("untouched", subprotocols=("chat.v2", "chat.v1"))
    if state == "denied":
        now(ws.deny(HTTPError(404)))
    elif state != "connecting":
        now(ws.accept())
    if state == "closed":
        now(ws.close())
    before, log = ws.state_of_connection, transport.log[:]
    with pytest.raises(kind, match=said):
        now(step(ws))
    assert (ws.state_of_connection, transport.log, transport.messages) == (before, log, ["untouched"])


def test_without_an_offer_every_subprotocol_is_refused() -> None:
    with pytest.raises(ValueError, match="it offers: none"):
        now(connecting()[0].accept("chat"))


@pytest.mark.parametrize("message", ["x" * 21, b"x" * 21, "é" * 10 + "x", "🂡" * 6])
def test_a_message_that_a_transport_lets_through_above_the_limit_closes_with_1009(message: str | bytes) -> None:
    ws, transport = opened(message)
    with pytest.raises(WebSocketDisconnect, match="1009"):
        now(ws.receive())
    assert transport.log == [("close", 1009, "message too big")]


# -- closing -----------------------------------------------------------------------------------------------------------


def test_closing_before_the_handshake_refuses_it() -> None:
    ws, transport = connecting()
    now(ws.close())
    now(ws.close())
    assert transport.log == [("deny", 403, b"")]


def test_closing_says_a_code_and_a_reason_once() -> None:
    ws, transport = opened("unread")
    now(ws.close(4000, "done"))
    now(ws.close(4001))
    with pytest.raises(WebSocketDisconnect) as caught:
        now(ws.send("x"))
    assert (caught.value.code, caught.value.reason) == (4000, "done")
    assert now(listed(ws)) == []
    assert transport.log == [("close", 4000, "done")]


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1014, 3000, 4999])
@pytest.mark.parametrize("reason", ["", "é" * 61 + "x"], ids=["no reason", "123 bytes"])
def test_what_may_be_sent(code: int, reason: str) -> None:
    ws, transport = opened()
    now(ws.close(code, reason))
    assert transport.log == [("close", code, reason)]


def test_a_disconnect_is_no_error_of_the_configuration() -> None:
    assert not issubclass(WebSocketDisconnect, (HTTPError, ConfigurationError, OSError))
    assert str(WebSocketDisconnect(4000, "x")) == "WebSocket closed with 4000 (x)"
    assert str(WebSocketDisconnect()) == "WebSocket closed with 1005"
