"""Tests without sockets: a client that runs an app on any installed backend, in process.

Law: what a test sees is what a client sees. The app runs compiled, with its lifespan, and whatever it sends is held to
the rules of its protocol and of HTTP. Nothing here names a backend, and nothing here needs pytest.
"""

from typing import TYPE_CHECKING

from hinge.backend.testing import Aborted, ProtocolViolation
from hinge.on_demand import on_demand
from hinge.testing.answers import ClientResponse, HTTPStatusError, StreamedResponse
from hinge.testing.client import Client
from hinge.testing.differences import Difference, EachBackend
from hinge.testing.outgoing import ClientRequest
from hinge.testing.websocket import ClientWebSocket, WebSocketDenied

__all__ = [
    "Aborted",
    "AsyncClient",
    "AsyncClientWebSocket",
    "AsyncStreamedResponse",
    "Client",
    "ClientRequest",
    "ClientResponse",
    "ClientWebSocket",
    "Difference",
    "EachBackend",
    "HTTPStatusError",
    "ProtocolViolation",
    "StreamedResponse",
    "WebSocketDenied",
]

if TYPE_CHECKING:
    from hinge.testing.async_client import AsyncClient, AsyncClientWebSocket, AsyncStreamedResponse
else:
    _ASYNC = ("AsyncClient", "AsyncClientWebSocket", "AsyncStreamedResponse")
    __getattr__, __dir__ = on_demand(globals(), dict.fromkeys(_ASYNC, "hinge.testing.async_client"))
