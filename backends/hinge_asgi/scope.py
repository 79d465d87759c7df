"""Reading a request's head from an ASGI scope (HTTP and WebSocket, ASGI 3).

Law: a field that the specification calls optional may be missing, ports may be strings, names with `_` are dropped (on
WSGI they could not be told from `-`), and what the server decoded leniently is judged again from `raw_path`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any
from urllib.parse import unquote_to_bytes

from hinge.http.address import Address
from hinge.http.cookies import cookie_text
from hinge.http.headers import Headers
from hinge.http.lazy_headers import Accessor, LazyHeaders, ways
from hinge.http.target import origin_form, utf8_path

Scope = Mapping[str, Any]

NEVER_EMPTY = ("content-type", "content-length")
"""CGI knows no difference between an empty and an absent one, so there is none here."""
_HTTP_VERSIONS = {"1": "1.0", "2.0": "2"}


def method(scope: Scope) -> str:
    """Return the method as it was sent."""
    name: str = scope["method"]
    return name


def path(scope: Scope) -> str:
    """Return the decoded path below `root_path`.

    Raises:
        HTTPError: 400, it is not a path or not UTF-8.
    """
    found: str = scope["path"]
    if not found.isascii():
        found = _strict(scope, found)
    if found[:1] != "/":
        found = origin_form(found)
    root: str = scope.get("root_path", "")
    if root and root != "/":
        root = root.rstrip("/")
        # uvicorn puts the prefix in front of the path, the others leave it out if the proxy cut it off.
        if found.startswith(root) and found[len(root) : len(root) + 1] in ("", "/"):
            return found[len(root) :] or "/"
    return found


def _strict(scope: Scope, found: str) -> str:
    if "\ufffd" not in found:
        return utf8_path(found.encode("utf-8", "surrogatepass"))  # which a server may leave there
    raw: bytes | None = scope.get("raw_path")
    if raw is None:
        # Without the raw path, a replacement character is what a server made of bytes that are no text.
        return utf8_path(b"\xff")
    return utf8_path(unquote_to_bytes(raw.partition(b"?")[0]))


def prefix(scope: Scope) -> str:
    """Return `root_path` without a trailing slash."""
    root: str = scope.get("root_path", "")
    return root.rstrip("/")


def outer_state(scope: Scope) -> Mapping[str, Any]:
    """Return what stands in the scope's `state`: of the server the lifespans', of an application around it its own."""
    found: Mapping[str, Any] = scope.get("state") or {}
    return found


def query_string(scope: Scope) -> str:
    """Return the undecoded query string."""
    raw: bytes = scope.get("query_string", b"")
    return raw.decode("latin-1")


def joint(name: bytes) -> bytes:
    """Return what joins the repeated lines of a header (RFC 9110 section 5.3, RFC 6265 section 5.4)."""
    return b"; " if name == b"cookie" else b","


@cache
def header(name: str) -> Callable[[Scope], str | None]:
    """Return an accessor of one header; a value that is not ASCII reads as empty, as on WSGI, but for cookies."""
    wanted = name.encode("latin-1")
    empty = None if name in NEVER_EMPTY else ""
    if b"_" in wanted:
        return lambda scope: None

    def get(scope: Scope) -> str | None:
        found = None
        for key, value in scope["headers"]:
            if key == wanted:
                if found is not None:
                    return joined(scope)
                found = value
        if found is None:
            return None
        return found.decode() if found and found.isascii() else beyond_ascii(found)

    def beyond_ascii(value: bytes) -> str | None:
        return cookie_text(value) if name == "cookie" else empty

    def joined(scope: Scope) -> str | None:
        value = joint(wanted).join([value for key, value in scope["headers"] if key == wanted])
        return value.decode() if value and value.isascii() else beyond_ascii(value)

    return get


Lines = Mapping[bytes, bytes]
"""The lines of one request by name, repeated ones joined."""
Indexed = tuple[Scope, Lines]
"""A scope whose lines were gone over once, because several of them are read."""


def lines_of(scope: Scope) -> Lines:
    """Return the header lines of a scope by name, repeated ones joined."""
    pairs = scope["headers"]
    found = dict(pairs)
    return found if len(found) == len(pairs) else _joined(pairs)


def _joined(pairs: Iterable[tuple[bytes, bytes]]) -> Lines:
    values: dict[bytes, list[bytes]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return {name: joint(name).join(lines) for name, lines in values.items()}


@cache
def of_lines(name: str) -> Callable[[Indexed], str | None]:
    """Return what `header` does, of a scope whose lines were gone over before."""
    wanted = name.encode("latin-1")
    empty = None if name in NEVER_EMPTY else ""
    if b"_" in wanted:
        return lambda head: None

    def get(head: Indexed) -> str | None:
        value = head[1].get(wanted)
        if value is None:
            return None
        if value and value.isascii():
            return value.decode()
        return cookie_text(value) if name == "cookie" else empty

    return get


def headers(scope: Scope) -> Headers:
    """Return the request headers."""
    return headers_of_lines((scope, lines_of(scope)))


def _way(name: str) -> tuple[bytes, Accessor | None]:
    # As a handler's parameter is read; the accessors of names that clients send are not kept for ever.
    return name.encode(), of_lines.__wrapped__(name) if name in NEVER_EMPTY or name == "cookie" else None


_ways = ways(_way, b"")
_known = _ways.known


class ScopeHeaders(LazyHeaders):
    """The headers of a scope."""

    __slots__ = ()

    def get(self, name: str, default: Any = None, /) -> Any:
        """Return the value of a field, repeated lines joined, or `default`."""
        try:
            wanted, read = _known[name]
        except KeyError:
            wanted, read = _ways.learn(name)
        if read is not None:
            value = read(self._head)
            return default if value is None else value
        line = self._head[1].get(wanted)
        if line is None:
            return default
        return line.decode() if line.isascii() else ""

    def _read_all(self) -> Headers:
        return _all_headers(self._head[0])


def headers_of_lines(head: Indexed) -> Headers:
    """Return what `headers` does, of a scope whose lines were gone over before."""
    found: LazyHeaders = ScopeHeaders()
    found._head = head
    return found


def _all_headers(scope: Scope) -> Headers:
    lines = [pair for pair in scope["headers"] if b"_" not in pair[0]]
    unreadable = {key for key, value in lines if not value.isascii() and key != b"cookie"}
    if unreadable:
        # On WSGI repeated lines are one text by now: one bad line makes the whole field read as empty there.
        lines = [pair for pair in lines if pair[0] not in unreadable] + [(key, b"") for key in unreadable]
    found = Headers([(key.decode("latin-1"), cookie_text(value)) for key, value in lines])
    if any(found.get(name) == "" for name in NEVER_EMPTY):
        return Headers([pair for pair in found.multi_items() if pair[1] or pair[0] not in NEVER_EMPTY])
    return found


def scheme(scope: Scope) -> str:
    """Return http, https, ws or wss."""
    name: str = scope.get("scheme") or ("ws" if scope["type"] == "websocket" else "http")
    return name


def http_version(scope: Scope) -> str:
    """Return "1.0", "1.1", "2" or "3"."""
    version: str = scope.get("http_version", "1.1")
    return _HTTP_VERSIONS.get(version, version)


def client(scope: Scope) -> Address | None:
    """Return the peer; some servers give the port as text, and a Unix socket has neither."""
    found = scope.get("client")
    if not isinstance(found, tuple | list) or not found:
        return None
    return Address.told(found[0], found[1] if len(found) > 1 else None)


def native(scope: Scope) -> Scope:
    """Return the scope."""
    return scope


def from_daphne(scope: Scope) -> bool:
    """Tell whether daphne made this scope: it alone gives addresses as lists."""
    return isinstance(scope.get("server"), list)
