"""A request -> the scope that a server would make of it (ASGI HTTP and WebSocket 2.3), for in-process connections.

Law: as Granian has it, the strictest of the servers: lenient decoding of the path, a raw path beside it, ports as text.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

Headers = list[tuple[str, str]]


def http_scope(
    method: str, target: str, headers: Headers, options: Mapping[str, Any], state: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the scope of a request."""
    scheme = options.get("scheme", "http")
    return {
        "type": "http",
        "method": method,
        **_head(target, headers, scheme, options, state),
        "extensions": {"http.response.pathsend": {}},
    }


def websocket_scope(
    target: str, headers: Headers, subprotocols: list[str], options: Mapping[str, Any], state: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the scope of a WebSocket handshake."""
    scheme = "wss" if options.get("scheme") == "https" else "ws"
    head = _head(target, headers, scheme, options, state)
    return {"type": "websocket", **head, "subprotocols": [*subprotocols], "extensions": {"websocket.http.response": {}}}


def _head(
    target: str, headers: Headers, scheme: str, options: Mapping[str, Any], state: Mapping[str, Any]
) -> dict[str, Any]:
    path, _, query = target.partition("?")
    prefix = options.get("prefix", "")
    client = options.get("client")
    return {
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": scheme,
        "path": prefix + unquote_to_bytes(path).decode("utf-8", "replace"),
        "raw_path": (prefix + path).encode("latin-1", "replace"),
        "query_string": query.encode("latin-1"),
        "root_path": prefix,
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        "client": None if client is None else (client[0], "" if client[1] is None else str(client[1])),
        "server": ("testserver", "443" if scheme in ("https", "wss") else "80"),
        "state": dict(state),
    }
