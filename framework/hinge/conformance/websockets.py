"""What the checks of WebSockets share: how long to wait, what closes, and what refuses."""

from typing import Any

import msgspec
import pytest

from hinge import WebSocketDisconnect
from hinge.backend.contract import Feature
from hinge.testing import Client, WebSocketDenied

PATIENCE = 10
NOTICE = 6.0
"""Seconds within which a handler that waits for something else is ended: one, and what a busy machine adds."""

websockets = pytest.mark.needs(Feature.WEBSOCKET, "the handler speaks it")


class Point(msgspec.Struct):
    """What is sent as JSON."""

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
