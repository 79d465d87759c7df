"""The message checker: what an application may send, in which order."""

import pytest

from hinge.backend.testing import ProtocolViolation
from hinge_asgi.inprocess.checker import MessageChecker

START = {"type": "http.response.start", "status": 200, "headers": []}
BODY = {"type": "http.response.body", "body": b"x", "more_body": True}
END = {"type": "http.response.body", "body": b"", "more_body": False}
ACCEPT = {"type": "websocket.accept", "subprotocol": None, "headers": []}
SEND = {"type": "websocket.send", "text": "x"}
CLOSE = {"type": "websocket.close", "code": 1000, "reason": ""}
DENY = {"type": "websocket.http.response.start", "status": 403, "headers": []}
DENIAL = {"type": "websocket.http.response.body", "body": b"", "more_body": False}


def check(state, messages):
    checker = MessageChecker(state, "GET /")
    for message in messages:
        checker.check(message)
    return checker


@pytest.mark.parametrize(
    ("state", "messages", "is_over"),
    [
        ("http", [START, BODY, BODY, END], True),
        ("http", [START, {"type": "http.response.body"}], True),
        ("http", [{**START, "trailers": False, "headers": [(b"x-a", b"\xff")]}, BODY], False),
        ("http", [{**START, "headers": [[b"x", b"y"]]}, END], True),  # as native middleware may have it
        ("http", [START, {**END, "headers": []}], True),
        ("websocket", [ACCEPT, SEND, {"type": "websocket.send", "bytes": b"", "text": None}, CLOSE], True),
        ("websocket", [{"type": "websocket.accept"}, SEND], False),
        ("websocket", [CLOSE], True),
        ("websocket", [DENY, {**DENIAL, "more_body": True}, DENIAL], True),
        ("lifespan startup", [{"type": "lifespan.startup.complete"}], True),
        ("lifespan startup", [{"type": "lifespan.startup.failed", "message": "no"}], True),
        ("lifespan shutdown", [{"type": "lifespan.shutdown.complete"}], True),
        ("lifespan shutdown", [{"type": "lifespan.shutdown.failed"}], True),
    ],
)
def test_right_messages(state, messages, is_over):
    checker = check(state, messages)
    assert checker.violation is None
    assert checker.is_over is is_over


@pytest.mark.parametrize(
    ("state", "messages", "complaint"),
    [
        ("http", [BODY], "may not come in the state 'http'"),
        ("http", [START, START], "may not come in the state 'http body'"),
        ("http", [START, END, END], "may not come in the state 'http over'"),
        ("http", [ACCEPT], "may not come"),
        ("http", [{"type": "http.response.nonsense"}], "no such message type"),
        ("http", [{}], "no such message type"),
        ("http", [[]], "a message is a dict"),
        ("http", [{"type": "http.response.start", "status": 200}], "'headers' is missing"),
        ("http", [{"type": "http.response.start", "headers": []}], "'status' is missing"),
        ("http", [{**START, "status": "200"}], "'status' is of type str"),
        ("http", [{**START, "status": True}], "'status' is of type bool"),
        ("http", [{**START, "status": 600}], "outside 200..599"),
        ("http", [{**START, "status": 100}], "outside 200..599"),
        ("http", [{**START, "headers": ()}], "'headers' is of type tuple"),
        ("http", [{**START, "headers": [b"xy"]}], "not a pair of two bytes"),
        ("http", [{**START, "headers": [("x", "y")]}], "not a pair of two bytes"),
        ("http", [{**START, "headers": [(b"x", b"y", b"z")]}], "not a pair of two bytes"),
        ("http", [{**START, "headers": [(b"", b"y")]}], "is no header name"),
        ("http", [{**START, "headers": [(b":status", b"200")]}], "is no header name"),
        ("http", [{**START, "reason": "OK"}], "no key 'reason'"),
        ("http", [START, {**BODY, "body": "text"}], "'body' is of type str"),
        ("http", [START, {**BODY, "body": bytearray()}], "'body' is of type bytearray"),
        ("http", [START, {**BODY, "more_body": 1}], "'more_body' is of type int"),
        ("websocket", [SEND], "may not come in the state 'websocket'"),
        ("websocket", [ACCEPT, ACCEPT], "may not come"),
        ("websocket", [ACCEPT, DENY], "may not come"),
        ("websocket", [ACCEPT, CLOSE, SEND], "may not come"),
        ("websocket", [CLOSE, CLOSE], "may not come"),
        ("websocket", [DENIAL], "may not come"),
        ("websocket", [DENY, SEND], "may not come"),
        ("websocket", [ACCEPT, {"type": "websocket.send"}], "either text or bytes"),
        ("websocket", [ACCEPT, {**SEND, "bytes": b"x"}], "either text or bytes"),
        ("websocket", [ACCEPT, {"type": "websocket.send", "text": b"x"}], "'text' is of type bytes"),
        ("websocket", [ACCEPT, {**CLOSE, "code": "1000"}], "'code' is of type str"),
        ("websocket", [{**ACCEPT, "headers": [("a", "b")]}], "not a pair of two bytes"),
        ("lifespan startup", [{"type": "lifespan.shutdown.complete"}], "may not come"),
        ("lifespan startup", [{"type": "lifespan.startup.complete"}] * 2, "may not come"),
    ],
)
def test_wrong_messages(state, messages, complaint):
    with pytest.raises(ProtocolViolation, match=complaint) as caught:
        check(state, messages)
    assert str(caught.value).startswith("GET /: the application sent ")


def test_the_first_violation_is_kept():
    checker = check("http", [START])
    for message, _ in ((START, 1), (ACCEPT, 2)):
        with pytest.raises(ProtocolViolation):
            checker.check(message)
    assert "http.response.start" in str(checker.violation)
