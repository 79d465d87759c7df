"""Reading a request's head from an RSGI scope.

Law: Granian leaves lines that are not ASCII out of `get_all` and `items`, but not out of `keys`; they read as empty, as
everywhere. Names with `_` are dropped: on WSGI they could not be told from `-`. RSGI knows no mount prefix and no raw
path, so a path that was not UTF-8 shows by its replacement character only.
"""

from collections.abc import Callable
from typing import Any

from hinge.backend import Address
from hinge.body import framed_length
from hinge.headers import Headers
from hinge.target import origin_form, utf8_path

_NEVER_EMPTY = ("content-type", "content-length")
"""CGI knows no difference between an empty and an absent one, so there is none here."""
_HTTP_VERSIONS = {"1": "1.0", "2.0": "2"}


def method(scope: Any) -> str:
    """Return the method as it was sent."""
    name: str = scope.method
    return name


def path(scope: Any) -> str:
    """Return the decoded path.

    Raises:
        HTTPError: 400, it is not a path or not UTF-8.

    """
    found: str = scope.path
    if "\ufffd" in found:
        return utf8_path(b"\xff")
    return found if found[:1] == "/" else origin_form(found)


def prefix(scope: Any) -> str:
    """Return the mount prefix, which is always empty."""
    return ""


def query_string(scope: Any) -> str:
    """Return the undecoded query string."""
    raw: str = scope.query_string
    return raw


def header(name: str) -> Callable[[Any], str | None]:
    """Return an accessor of one header."""
    joint = "; " if name == "cookie" else ","
    empty = None if name in _NEVER_EMPTY else ""
    if "_" in name:
        return lambda scope: None
    if name == "host":
        return _host

    def get(scope: Any) -> str | None:
        lines = scope.headers.get_all(name)
        if len(lines) == 1:
            return lines[0] or empty
        if lines:
            return joint.join(lines) or empty
        return empty if name in scope.headers else None

    return get


def _host(scope: Any) -> str | None:
    lines = scope.headers.get_all("host")
    if lines or "host" in scope.headers:
        return ",".join(lines)
    authority: str | None = scope.authority  # HTTP/2 has it as a field of its own
    return authority


def headers(scope: Any) -> Headers:
    """Return all request headers."""
    lines = [pair for pair in scope.headers.items() if "_" not in pair[0]]
    names = [name for name in scope.headers.keys() if "_" not in name]  # noqa: SIM118 - it is no mapping
    if len(lines) != len(names):
        readable = [name for name, _ in lines]
        unreadable = {name for name in names if names.count(name) != readable.count(name)}
        lines = [pair for pair in lines if pair[0] not in unreadable] + [(name, "") for name in unreadable]
    if "host" not in names and scope.authority is not None:
        lines.append(("host", scope.authority))
    found = Headers(lines)
    if any(found.get(name) == "" for name in _NEVER_EMPTY):
        return Headers([pair for pair in found.multi_items() if pair[1] or pair[0] not in _NEVER_EMPTY])
    return found


def scheme(scope: Any) -> str:
    """Return http or https."""
    name: str = scope.scheme
    return name


def http_version(scope: Any) -> str:
    """Return "1.0", "1.1" or "2"."""
    version: str = scope.http_version
    return _HTTP_VERSIONS.get(version, version)


def client(scope: Any) -> Address | None:
    """Return the peer; a Unix socket has none."""
    host, _, port = scope.client.rpartition(":")
    return Address(host.strip("[]"), int(port) if port else None) if host else None


def framing(scope: Any, limit: int) -> int | None:
    """Return how long the body is: 0 for none, None if only its end will tell; raises as `framed_length`."""
    length, encoding = _only(scope, "content-length"), _only(scope, "transfer-encoding")
    return framed_length(length, encoding, limit, http_version=scope.http_version, method=scope.method)


def _only(scope: Any, name: str) -> str | None:
    lines = scope.headers.get_all(name)
    if len(lines) == 1:
        line: str = lines[0]
        return line
    return "repeated or not readable" if name in scope.headers else None
