"""Reading a request's head from an RSGI scope (hinge.backend.HeadReader).

Law: Granian leaves lines that are not ASCII out of `get_all` and `items`, and names each header once in `keys`. So such
a line is as if it were not sent; a header that has no other one reads as empty.
There is no mount prefix and no raw path, so a path that was not UTF-8 shows by its replacement character only.
A head is a scope with its headers: Granian copies them each time that a scope is asked for them.
"""

from collections.abc import Callable
from operator import itemgetter
from typing import Any

from hinge.backend import NEVER_EMPTY, Address, declared_length, framed_length, kept, lazily, origin_form, utf8_path

_HTTP_VERSIONS = {"1": "1.0", "2.0": "2"}

Head = tuple[Any, Any]
native: Callable[[Head], Any] = itemgetter(0)


def _of_scope(name: str) -> Callable[[Head], str]:
    return lambda head: getattr(head[0], name)


method, scheme = _of_scope("method"), _of_scope("scheme")


def path(head: Head) -> str:
    """Return the decoded path."""
    found: str = head[0].path
    if "\ufffd" in found:
        return utf8_path(b"\xff")
    return found if found[:1] == "/" else origin_form(found)


def query_string(head: Head) -> str:
    """Return the undecoded query string, one character a byte: Granian has decoded it as UTF-8."""
    found: str = head[0].query_string
    return found if found.isascii() else found.encode().decode("latin-1")


def prefix(head: Head) -> str:
    """Return the mount prefix, which is always empty."""
    return ""


def header(name: str) -> Callable[[Head], str | None]:
    """Return an accessor of one header."""
    joint = "; " if name == "cookie" else ","
    empty = None if name in NEVER_EMPTY else ""
    if "_" in name:
        return lambda head: None

    def get(head: Head) -> str | None:
        lines = head[1].get_all(name)
        if not lines:
            return empty if name in head[1] else None
        return (lines[0] if len(lines) == 1 else joint.join(lines)) or empty

    # HTTP/2 has the host as a field of its own.
    return get if name != "host" else lambda head: get(head) if "host" in head[1] else head[0].authority


def _all_headers(head: Head) -> Any:
    scope, found = head
    lines, names = found.items(), found.keys()
    readable = {name for name, _ in lines}
    if scope.authority is not None and "host" not in names:
        lines.append(("host", scope.authority))
    return kept(lines, () if len(readable) == len(names) else {*names} - readable)


headers = lazily(header, _all_headers)


def http_version(head: Head) -> str:
    """Return "1.0", "1.1" or "2"."""
    return _HTTP_VERSIONS.get(head[0].http_version, str(head[0].http_version))


def client(head: Head) -> Address | None:
    """Return the peer; a Unix socket has none."""
    return Address.parsed(head[0].client)


def framing(head: Head, limit: int) -> int | None:
    """Return how long the body is: 0 for none, None if only its end will tell; raises as `framed_length`."""
    scope, found = head
    lengths = found.get_all("content-length")
    if len(lengths) == 1 and "transfer-encoding" not in found:
        return declared_length(lengths[0], limit)
    length, encoding = _only(found, "content-length"), _only(found, "transfer-encoding")
    return framed_length(length, encoding, limit, http_version=scope.http_version, method=scope.method)


def _only(found: Any, name: str) -> str | None:
    lines: list[str] = found.get_all(name)
    if len(lines) == 1:
        return lines[0]
    return "repeated or not readable" if name in found else None
