"""Reading a request's head from an RSGI scope (hinge.backend.HeadReader).

Law: Granian leaves lines that are not ASCII out of `get_all` and `items`, and names each header once in `keys`. So such
a line is as if it were not sent; a header that has no other one reads as empty.
There is no mount prefix and no raw path, so a path that was not UTF-8 shows by its replacement character only.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from hinge.backend import (
    NEVER_EMPTY,
    Address,
    Headers,
    declared_length,
    framed_length,
    kept,
    origin_form,
    read_lazily,
    utf8_path,
)

_HTTP_VERSIONS = {"1": "1.0", "2.0": "2"}
method: Callable[[Any], str] = attrgetter("method")
scheme: Callable[[Any], str] = attrgetter("scheme")


def path(scope: Any) -> str:
    """Return the decoded path."""
    found: str = scope.path
    if "\ufffd" in found:
        return utf8_path(b"\xff")
    return found if found[:1] == "/" else origin_form(found)


def query_string(scope: Any) -> str:
    """Return the undecoded query string, one character a byte: Granian has decoded it as UTF-8."""
    found: str = scope.query_string
    return found if found.isascii() else found.encode().decode("latin-1")


def prefix(scope: Any) -> str:
    """Return the mount prefix, which is always empty."""
    return ""


def header(name: str) -> Callable[[Any], str | None]:
    """Return an accessor of one header."""
    joint = "; " if name == "cookie" else ","
    empty = None if name in NEVER_EMPTY else ""
    if "_" in name:
        return lambda scope: None

    def get(scope: Any) -> str | None:
        found = scope.headers  # once: Granian copies them for each that asks
        lines = found.get_all(name)
        if not lines:
            return empty if name in found else None
        return (lines[0] if len(lines) == 1 else joint.join(lines)) or empty

    # HTTP/2 has the host as a field of its own.
    return get if name != "host" else lambda scope: get(scope) if "host" in scope.headers else scope.authority


def _all_headers(scope: Any) -> Headers:
    found = scope.headers
    lines, names = found.items(), found.keys()
    readable = {name for name, _ in lines}
    if scope.authority is not None and "host" not in names:
        lines.append(("host", scope.authority))
    return kept(lines, () if len(readable) == len(names) else {*names} - readable)


headers = read_lazily(header, _all_headers)


def http_version(scope: Any) -> str:
    """Return "1.0", "1.1" or "2"."""
    return _HTTP_VERSIONS.get(scope.http_version, str(scope.http_version))


def client(scope: Any) -> Address | None:
    """Return the peer; a Unix socket has none."""
    return Address.parsed(scope.client)


def native(scope: Any) -> Any:
    """Return the scope."""
    return scope


def framing(scope: Any, limit: int) -> int | None:
    """Return how long the body is: 0 for none, None if only its end will tell; raises as `framed_length`."""
    found = scope.headers
    lengths = found.get_all("content-length")
    if len(lengths) == 1 and "transfer-encoding" not in found:
        return declared_length(lengths[0], limit)
    length, encoding = _only(scope, "content-length"), _only(scope, "transfer-encoding")
    return framed_length(length, encoding, limit, http_version=scope.http_version, method=scope.method)


def _only(scope: Any, name: str) -> str | None:
    lines: list[str] = scope.headers.get_all(name)
    if len(lines) == 1:
        return lines[0]
    return "repeated or not readable" if name in scope.headers else None
