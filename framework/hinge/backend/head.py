"""A request's head as plain data, and the HeadReader that reads it.

Law: for backends whose server hands the head over in parts. What servers leave open is settled when it is made: names
with `_` never reach an app, because on WSGI they could not be told from `-`; a value that is not ASCII reads as empty;
an empty Content-Type or Content-Length is none. A server that keeps the head for itself needs its own reader.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

from hinge.http.address import Address
from hinge.http.body import framed_length
from hinge.http.cookies import cookie_text
from hinge.http.headers import Headers
from hinge.http.target import origin_form, utf8_path

_FRAMING = ("content-length", "transfer-encoding")
NEVER_EMPTY = ("content-type", "content-length")
"""CGI knows no difference between an empty and an absent one, so there is none here."""


def kept(lines: Iterable[tuple[str, str]], unreadable: Collection[str] = ()) -> Headers:
    """Return the headers that an app sees; `unreadable` are the names with a line that is not ASCII."""
    found = [line for line in lines if "_" not in line[0] and line[0] not in unreadable]
    headers = Headers(found + [(name, "") for name in unreadable if "_" not in name])
    if any(headers.get(name) == "" for name in NEVER_EMPTY):
        return Headers([pair for pair in headers.multi_items() if pair[1] or pair[0] not in NEVER_EMPTY])
    return headers


class Head:
    """A head. `target` is the path and the query, percent-encoded; `prefix` is the mount prefix, decoded.

    `native` is the platform's own request, for `request.native`.
    """

    __slots__ = ("_framing", "client", "headers", "http_version", "method", "native", "prefix", "scheme", "target")

    def __init__(
        self,
        method: str,
        target: str,
        lines: Iterable[tuple[str, str]],
        *,
        prefix: str = "",
        scheme: str = "http",
        http_version: str = "1.1",
        client: Address | None = None,
        native: Any = None,
    ) -> None:
        self.method = method
        self.target = target
        self.prefix = prefix
        self.scheme = scheme
        self.http_version = http_version
        self.client = client
        self.native = native
        self._framing: dict[str, str] = {}
        pairs = [(name.lower(), value) for name, value in lines]
        pairs = [
            (name, cookie_text(value.encode("latin-1", "replace")) if name == "cookie" else value)
            for name, value in pairs
        ]
        for name, value in pairs:
            if name in _FRAMING:
                self._framing[name] = "repeated" if name in self._framing else value
        self.headers = kept(pairs, {name for name, value in pairs if not value.isascii() and name != "cookie"})

    def body_length(self, limit: int) -> int | None:
        """Return how long the body says it is: 0 for none, None if only its end will tell.

        Raises:
            HTTPError: 400 for a bad length or two framings, 413 above `limit` bytes.
        """
        length, encoding = self._framing.get("content-length"), self._framing.get("transfer-encoding")
        return framed_length(length, encoding, limit, http_version=self.http_version, method=self.method)


class PlainReader:
    """Read a Head (hinge.backend.HeadReader)."""

    def method(self, head: Head) -> str:
        """Return the method as it was sent."""
        return head.method

    def path(self, head: Head) -> str:
        """Return the decoded path.

        Raises:
            HTTPError: 400, it is not a path or not UTF-8.
        """
        path = utf8_path(unquote_to_bytes(head.target.partition("?")[0]))
        return path if path[:1] == "/" else origin_form(path)

    def prefix(self, head: Head) -> str:
        """Return the mount prefix."""
        return head.prefix.rstrip("/")

    def query_string(self, head: Head) -> str:
        """Return the undecoded query string."""
        return head.target.partition("?")[2]

    def header(self, name: str) -> Callable[[Any], str | None]:
        """Return an accessor of one header."""
        return lambda head: head.headers.get(name)

    def headers(self, head: Head) -> Headers:
        """Return all headers."""
        return head.headers

    def scheme(self, head: Head) -> str:
        """Return http or https."""
        return head.scheme

    def http_version(self, head: Head) -> str:
        """Return "1.0", "1.1", "2" or "3"."""
        return head.http_version

    def client(self, head: Head) -> Address | None:
        """Return the peer."""
        return head.client

    def native(self, head: Head) -> Any:
        """Return the platform's own request."""
        return head.native
