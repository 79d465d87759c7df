"""The rules for what an application sends (ASGI 3, HTTP and WebSocket 2.4, lifespan 2.0), for in-process connections.

Law: one table from message type to its keys, one from state to the messages that may come. Stricter than the
specification where servers differ: `headers` is named (Granian knows no default), and text and bytes never come
together. Laxer in one thing: names may have capitals, as Django's have, for servers send them and clients ignore it.
"""

import os
from collections.abc import Mapping
from typing import Any

from hinge.backend.testing import ProtocolViolation

_OPTIONAL: Any = object()

# The type of each key; a pair (type, _OPTIONAL) may be missing.
_KEYS: dict[str, dict[str, Any]] = {
    "http.response.start": {"status": int, "headers": list, "trailers": (bool, _OPTIONAL)},
    # Headers are no part of a body, and middleware that changes each message leaves some there; servers pass over them.
    "http.response.body": {"body": (bytes, _OPTIONAL), "more_body": (bool, _OPTIONAL), "headers": (list, _OPTIONAL)},
    "http.response.pathsend": {"path": str},
    "websocket.accept": {"subprotocol": (str | None, _OPTIONAL), "headers": (list, _OPTIONAL)},
    "websocket.send": {"text": (str | None, _OPTIONAL), "bytes": (bytes | None, _OPTIONAL)},
    "websocket.close": {"code": (int, _OPTIONAL), "reason": (str | None, _OPTIONAL)},
    "websocket.http.response.start": {"status": int, "headers": list},
    "websocket.http.response.body": {"body": (bytes, _OPTIONAL), "more_body": (bool, _OPTIONAL)},
    "lifespan.startup.complete": {},
    "lifespan.startup.failed": {"message": (str, _OPTIONAL)},
    "lifespan.shutdown.complete": {},
    "lifespan.shutdown.failed": {"message": (str, _OPTIONAL)},
}

# State -> {message type: next state}. A body message with more to come stays in its state.
_STEPS: dict[str, dict[str, str]] = {
    "http": {"http.response.start": "http body"},
    "http body": {"http.response.body": "http over", "http.response.pathsend": "http over"},
    "http over": {},
    "websocket": {
        "websocket.accept": "websocket open",
        "websocket.close": "websocket over",
        "websocket.http.response.start": "websocket denial",
    },
    "websocket open": {"websocket.send": "websocket open", "websocket.close": "websocket over"},
    "websocket denial": {"websocket.http.response.body": "websocket over"},
    "websocket over": {},
    "lifespan startup": {"lifespan.startup.complete": "lifespan up", "lifespan.startup.failed": "lifespan over"},
    "lifespan up": {},
    "lifespan shutdown": {"lifespan.shutdown.complete": "lifespan over", "lifespan.shutdown.failed": "lifespan over"},
    "lifespan over": {},
}


class MessageChecker:
    """Follow what one scope's application sends; `violation` is the first rule it broke."""

    def __init__(self, state: str, what: str) -> None:
        self.state = state
        self._what = what
        self.violation: ProtocolViolation | None = None

    @property
    def is_over(self) -> bool:
        """Whether everything was said."""
        return not _STEPS[self.state]

    def check(self, message: Any) -> None:
        """Judge the next message.

        Raises:
            ProtocolViolation: it breaks a rule.
        """
        problem = self._problem(message)
        if problem is not None:
            error = ProtocolViolation(f"{self._what}: the application sent {message!r:.200}: {problem}")
            self.violation = self.violation or error
            raise error
        if not message.get("more_body", False):
            self.state = _STEPS[self.state][message["type"]]

    def _problem(self, message: Any) -> str | None:
        if not isinstance(message, dict):
            return "a message is a dict"
        kind = message.get("type")
        if kind not in _KEYS:
            return "no such message type"
        if kind not in _STEPS[self.state]:
            return f"it may not come in the state {self.state!r}"
        return _wrong_keys(message, _KEYS[kind]) or _wrong_values(message)


def _wrong_keys(message: Mapping[str, Any], keys: Mapping[str, Any]) -> str | None:
    unknown = message.keys() - keys.keys() - {"type"}
    if unknown:
        return f"it has no key {min(unknown)!r}"
    for key, wanted in keys.items():
        kind, optional = wanted if isinstance(wanted, tuple) else (wanted, None)
        if key not in message:
            if optional is None:
                return f"the key {key!r} is missing"
        elif not isinstance(message[key], kind) or (kind is int and isinstance(message[key], bool)):
            return f"{key!r} is of type {type(message[key]).__name__}"
    return None


def _wrong_values(message: Mapping[str, Any]) -> str | None:
    if "status" in message and not 200 <= message["status"] <= 599:
        return "the status is outside 200..599"
    if message["type"] == "websocket.send" and (message.get("text") is None) == (message.get("bytes") is None):
        return "it has either text or bytes"
    for pair in message.get("headers", ()):
        problem = _wrong_header(pair)
        if problem is not None:
            return problem
    if "path" in message and not os.path.isabs(message["path"]):  # noqa: PTH117 - nothing else is done with it
        return "the path is not absolute"
    return None


def _wrong_header(pair: Any) -> str | None:
    if type(pair) not in (tuple, list) or len(pair) != 2 or type(pair[0]) is not bytes or type(pair[1]) is not bytes:
        return f"the header {pair!r} is not a pair of two bytes"
    if not pair[0] or pair[0].startswith(b":"):
        return f"{pair[0]!r} is no header name"
    return None
