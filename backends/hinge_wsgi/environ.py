"""Reading a request's head from a WSGI environ (PEP 3333).

Law: the environ is what the server says plus, on some servers, the whole process environment; a variable that was there
before the first request is never taken for a header. Texts are latin-1 in disguise and become what the client meant.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from hinge.http.address import Address
from hinge.http.cookies import cookie_text
from hinge.http.headers import Headers
from hinge.http.lazy_headers import Accessor, LazyHeaders, ways
from hinge.http.target import origin_form, utf8_path

Environ = Mapping[str, Any]

# Granian copies os.environ into each environ: HTTP_X_LEAK=1 in the process would read as a header `X-Leak: 1`.
_PROCESS = {
    name: value for name, value in os.environ.items() if name.startswith(("HTTP_", "CONTENT_LENGTH", "CONTENT_TYPE"))
}
_BARE = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}
_OTHERS = frozenset({"HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"})
"""What a server makes of a name with `_`, or of what the two keys above have already."""
_HTTP_VERSIONS = {"HTTP/1": "1.0", "HTTP/1.0": "1.0", "HTTP/1.1": "1.1", "HTTP/2": "2", "HTTP/2.0": "2", "HTTP/3": "3"}


def method(environ: Environ) -> str:
    """Return the method as it was sent."""
    name: str = environ["REQUEST_METHOD"]
    return name


def path(environ: Environ) -> str:
    """Return the decoded path below SCRIPT_NAME.

    Raises:
        HTTPError: 400, it is not a path or not UTF-8.
    """
    found: str = environ.get("PATH_INFO", "")
    if not found.isascii():
        found = _undisguised(found)
    return found if found[:1] == "/" else origin_form(found)


def _undisguised(found: str) -> str:
    try:
        return utf8_path(found.encode("latin-1"))
    except UnicodeEncodeError:  # the server has decoded it by itself
        return utf8_path(b"\xff")


def prefix(environ: Environ) -> str:
    """Return SCRIPT_NAME decoded, without a trailing slash."""
    found: str = environ.get("SCRIPT_NAME", "")
    if not found.isascii():
        found = _undisguised(found)
    return found.rstrip("/")


def query_string(environ: Environ) -> str:
    """Return the undecoded query string."""
    found: str = environ.get("QUERY_STRING", "")
    return found


def keep_head(request: Any) -> None:
    """Let a request be read after its response: uWSGI empties the environ then."""
    head = request._head = dict(request._head)
    if isinstance(request._headers, LazyHeaders):
        request._headers._head = head


def _key(name: str) -> str:
    return _BARE.get(name) or "HTTP_" + name.upper().replace("-", "_")


@cache
def header(name: str) -> Callable[[Environ], str | None]:
    """Return an accessor of one header; a value that is not ASCII reads as empty, as from Granian, but for cookies."""
    key = _key(name)
    inherited = _PROCESS.get(key)

    def get(environ: Environ) -> str | None:
        value: str | None = environ.get(key)
        if value is None or value.isascii():
            return value
        return _beyond_ascii(name, value)

    if name in _BARE:

        def get_bare(environ: Environ) -> str | None:
            # CGI has these two keys even where the client sent no such header.
            value: str = environ.get(key) or ""
            return value if value.isascii() and value else None

        return get_bare
    if name == "cookie":
        # Some servers join repeated lines with ","; that it separates there cannot be told from one in a value.
        return get
    if inherited is None:
        return get
    return lambda environ: None if environ.get(key) == inherited else get(environ)


def _beyond_ascii(name: str, value: str) -> str:
    return cookie_text(value.encode("latin-1", "replace")) if name == "cookie" else ""


def _way(name: str) -> tuple[str, Accessor | None]:
    key = _key(name)
    # As a handler's parameter is read; the accessors of names that clients send are not kept for ever.
    return key, header.__wrapped__(name) if name in _BARE or name == "cookie" or key in _PROCESS else None


_ways = ways(_way, "")
_known = _ways.known


class EnvironHeaders(LazyHeaders):
    """The headers of an environ."""

    __slots__ = ()

    def get(self, name: str, default: Any = None, /) -> Any:
        """Return the value of a field, repeated lines joined, or `default`."""
        try:
            key, read = _known[name]
        except KeyError:
            key, read = _ways.learn(name)
        value = self._head.get(key) if read is None else read(self._head)
        if value is None:
            return default
        return value if read is not None or value.isascii() else ""

    def _read_all(self) -> Headers:
        return _all_headers(self._head)


def headers(environ: Environ) -> Headers:
    """Return the request headers."""
    found: LazyHeaders = EnvironHeaders()
    found._head = environ
    return found


def _all_headers(environ: Environ) -> Headers:
    found = []
    for key, value in environ.items():
        if key.startswith("HTTP_"):
            if key in _OTHERS or (_PROCESS and _PROCESS.get(key) == value):
                continue
            name = key[5:].replace("_", "-").lower()
            found.append((name, value if value.isascii() else _beyond_ascii(name, value)))
        elif key in ("CONTENT_TYPE", "CONTENT_LENGTH") and value and value.isascii():
            found.append((key.replace("_", "-").lower(), value))
    return Headers(found)


def scheme(environ: Environ) -> str:
    """Return http or https."""
    name: str = environ["wsgi.url_scheme"]
    return name


def http_version(environ: Environ) -> str:
    """Return "1.0", "1.1", "2" or "3"."""
    return _HTTP_VERSIONS.get(environ.get("SERVER_PROTOCOL", ""), "1.1")


def client(environ: Environ) -> Address | None:
    """Return the peer; Granian tells no port, and a Unix socket has neither."""
    return Address.told(environ.get("REMOTE_ADDR"), environ.get("REMOTE_PORT"))


def native(environ: Environ) -> Environ:
    """Return the environ."""
    return environ
