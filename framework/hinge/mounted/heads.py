"""The head of a request as the other protocol has it: an environ (PEP 3333) or a scope (ASGI 3).

Law: what the server's own head has is kept where it is of the same protocol, and the mount's prefix moves from the path
to SCRIPT_NAME or root_path. What a trusted proxy said counts. What a server cannot know is left out, never made up.
"""

import os
import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from hinge.http.target import disguised
from hinge.request import HTTPConnection, quote_path

HTTP: dict[str, Any] = {"version": "3.0", "spec_version": "2.4"}
"""What is offered to ASGI applications: `send` raises OSError once the client has left."""

STATE = "hinge.state"
"""Where a WSGI application finds what the lifespans and the middleware around it have put into the state."""

_KINDS = frozenset({"http", "websocket"})
_BARE = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}
_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}


OUR_ROUTE = ("route", "endpoint", "path_params")
"""What a scope may tell of the route of the mount: a mounted application has routes of its own."""


def split(request: HTTPConnection, prefix: str) -> tuple[str, str]:
    """Return the whole mount prefix, that of the server included, and the path below it; both decoded."""
    return request._reader.prefix(request._head) + prefix, request.path[len(prefix) :]


def is_scope(native: Any) -> bool:
    """Tell whether a platform's request is an ASGI scope."""
    is_mapping = native.__class__ is dict or isinstance(native, Mapping)
    return is_mapping and native.get("type") in _KINDS and "headers" in native


def is_environ(native: Any) -> bool:
    """Tell whether a platform's request is a WSGI environ."""
    return (native.__class__ is dict or isinstance(native, Mapping)) and "REQUEST_METHOD" in native


def copied(native: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of an environ, without the variables of the process that would read as headers."""
    environ = dict(native)
    for key, value in _INHERITED.items():
        if environ.get(key) == value:
            del environ[key]
    return environ


# -- WSGI --------------------------------------------------------------------------------------------------------------


def environ_of(request: Any, prefix: str) -> dict[str, Any]:
    """Return the environ of a request for an application below `prefix`, without its body."""
    native, (root, below) = request.native, split(request, prefix)
    if is_environ(native):
        environ = copied(native)
        environ["wsgi.url_scheme"] = request.scheme
        if "client" in request._memo:  # a trusted proxy knows it better
            _tell_client(environ, request)
    else:
        environ = _made(request, native, root, below)
    if "host" in request._memo:
        environ["HTTP_HOST"] = request._memo["host"]
    environ.pop("wsgiorg.routing_args", None)
    environ["SCRIPT_NAME"], environ["PATH_INFO"] = disguised(root), disguised(below)
    environ["wsgi.input_terminated"] = True
    environ[STATE] = request.state
    return environ


def _made(request: Any, native: Any, root: str, below: str) -> dict[str, Any]:
    reader, head, scheme = request._reader, request._head, request.scheme
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "QUERY_STRING": reader.query_string(head),
        "SERVER_PROTOCOL": f"HTTP/{request.http_version}",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    if is_scope(native):
        lines: Iterable[tuple[str, str]] = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in native["headers"]
        ]
        raw = native.get("raw_path")
        if raw:
            environ["REQUEST_URI"] = raw.decode("latin-1") + (
                f"?{environ['QUERY_STRING']}" if environ["QUERY_STRING"] else ""
            )
    else:
        lines = _lines_of(request)
    for name, value in lines:
        if "_" in name:  # it could not be told from one with `-`
            continue
        key = _key(name)
        present = environ.get(key)
        environ[key] = value if present is None else f"{present}{'; ' if name == 'cookie' else ','}{value}"
    environ["SERVER_NAME"], environ["SERVER_PORT"] = _server_of(native, environ.get("HTTP_HOST", ""), scheme)
    _tell_client(environ, request)
    return environ


@lru_cache(maxsize=256)
def _key(name: str) -> str:
    return _BARE.get(name) or f"HTTP_{name.upper().replace('-', '_')}"


def _tell_client(environ: dict[str, Any], request: Any) -> None:
    client = request.client
    for key in ("REMOTE_ADDR", "REMOTE_PORT", "REMOTE_HOST"):
        environ.pop(key, None)
    if client is not None:
        environ["REMOTE_ADDR"] = client.host
        if client.port is not None:
            environ["REMOTE_PORT"] = str(client.port)


def _server_of(native: Any, host: str, scheme: str) -> tuple[str, str]:
    server = native.get("server") if is_scope(native) else None
    if server and server[1] is not None:
        return str(server[0]), str(server[1])
    name, colon, port = host.rpartition(":")
    if not colon or not port.isdigit():
        name, port = host, ""
    return name or "localhost", port or str(_PORTS.get(scheme, 80))


# -- ASGI --------------------------------------------------------------------------------------------------------------


def scope_of(request: Any, prefix: str, own_state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the scope of a request or a WebSocket for an application below `prefix`."""
    native, (root, below) = request.native, split(request, prefix)
    scope = dict(native) if is_scope(native) else _scope_made(request, native, root + below)
    for key in OUR_ROUTE:
        scope.pop(key, None)
    scope["asgi"] = HTTP
    scope["scheme"] = request.scheme
    scope["root_path"], scope["path"] = root, root + below
    scope["extensions"] = {}
    scope["state"] = {**request.state, **own_state}
    client = request.client
    scope["client"] = None if client is None else (client.host, client.port or 0)
    if "host" in request._memo:
        host = (request._memo["host"] or "").encode("latin-1", "replace")
        scope["headers"] = [*((name, value) for name, value in scope["headers"] if name != b"host"), (b"host", host)]
    return scope


def _scope_made(request: Any, native: Any, path: str) -> dict[str, Any]:
    environ = native if is_environ(native) else {}
    if environ:
        headers = [
            (_field(key), value.encode("latin-1", "replace"))
            for key, value in environ.items()
            if key[:5] == "HTTP_" and not (_INHERITED and _INHERITED.get(key) == value)
        ]
        headers += [(name, environ[key].encode("latin-1", "replace")) for name, key in _BARE_FIELDS if environ.get(key)]
    else:
        headers = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in _lines_of(request)]
    raw = environ.get("REQUEST_URI") or environ.get("RAW_URI") or ""
    raw_path = raw.partition("?")[0] if raw[:1] == "/" else quote_path(path)
    name, port = environ.get("SERVER_NAME"), str(environ.get("SERVER_PORT"))
    return {
        "type": "http",
        "http_version": request.http_version,
        "method": request.method,
        "raw_path": raw_path.encode("latin-1", "replace"),
        "query_string": request._reader.query_string(request._head).encode("latin-1"),
        "headers": headers,
        "server": (name, int(port)) if name and port.isdigit() else None,
    }


def _lines_of(request: Any) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = request.headers.multi_items()
    return lines


@lru_cache(maxsize=256)
def _field(key: str) -> bytes:
    return key[5:].replace("_", "-").lower().encode("latin-1")


_BARE_FIELDS = [(name.encode(), key) for name, key in _BARE.items()]
_INHERITED = {key: value for key, value in os.environ.items() if key.startswith("HTTP_")}
"""Variables of the process, which some servers copy into each environ: no client has sent them."""
