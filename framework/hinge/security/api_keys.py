"""API keys: a text of its own in a header, a cookie or the query.

Law: an empty key is no key, as forms and cookies have it, but an empty header is malformed: its value may be one that
nobody can read. Queries end up in logs and in the Referer of other sites: a header is the better place. HTTP has no
registered scheme for keys, so the challenge is of our own, and names where the key is to be.
"""

from typing import Any, ClassVar, Literal, TypeVar, Unpack, overload

from hinge.diagnostics.kinds import wrong
from hinge.diagnostics.misuse import fits
from hinge.http.cookies import cookie_finder
from hinge.http.query import parse_query
from hinge.http.tokens import is_token
from hinge.security.scheme import About, Challenge, Part, Read, Scheme, malformed, text_of

T = TypeVar("T")
_BY_BROWSERS = frozenset({
    *("accept", "accept-charset", "accept-encoding", "accept-language", "cache-control", "connection", "date", "dnt"),
    *("content-language", "content-length", "content-type", "expect", "forwarded", "host", "if-modified-since"),
    *("if-none-match", "if-range", "keep-alive", "last-event-id", "origin", "pragma", "priority", "range", "referer"),
    *("te", "upgrade", "upgrade-insecure-requests", "user-agent", "via"),
})  # fmt: skip
"""Headers that are there although no script has set them, or that a page may set for another site (Fetch 2.2.2)."""
_BY_OTHERS = ("sec-", "proxy-", "x-forwarded-", "access-control-")
"""How those begin that browsers and proxies set."""


class _Key(Scheme[T]):
    """A key of some name."""

    place: ClassVar[Literal["header", "cookie", "query"]]

    def __init__(self, name: Any, *, optional: bool, about: Any) -> None:
        super().__init__(str, optional=optional, about=about)
        kind = type(self).__name__
        self.name = text_of(kind, "name", name)
        if self.place != "query" and not is_token(self.name):
            raise wrong(kind, "name", name, f"it is no name of a {self.place}", "an RFC 9110 token")
        if not (self.name.isascii() and self.name.isprintable()):
            raise wrong(kind, "name", name, "a challenge cannot carry it", "printable ASCII")
        self.challenge = Challenge("ApiKey", {"in": self.place, "name": self.name})

    def _document(self) -> Part:
        return {"type": "apiKey", "in": self.place, "name": self.name}


class APIKeyHeader(_Key[T]):
    """Give the key in a header. With `optional=True` a request without one gives None.

    The middleware `CSRF` passes over routes that want one, unless browsers or proxies write that header by themselves.

    Raises:
        ConfigurationError: an argument is wrong.
    """

    place = "header"

    @overload
    def __init__(
        self: "APIKeyHeader[str]", name: str, *, optional: Literal[False] = ..., **about: Unpack[About]
    ) -> None: ...
    @overload
    def __init__(
        self: "APIKeyHeader[str | None]", name: str, *, optional: Literal[True], **about: Unpack[About]
    ) -> None: ...
    @fits
    def __init__(self, name: str, *, optional: bool = False, **about: Unpack[About]) -> None:
        super().__init__(name, optional=optional, about=about)
        self.by_header = not (name.lower() in _BY_BROWSERS or name.lower().startswith(_BY_OTHERS))
        if "_" in name:
            fix = f"APIKeyHeader({name.replace('_', '-')!r})"
            raise wrong("APIKeyHeader", "name", name, "names with '_' never reach an app", fix)
        if name.lower() in ("authorization", "cookie"):
            fix = "HTTPBearer(scheme=...)" if name.lower() == "authorization" else "APIKeyCookie(name)"
            raise wrong("APIKeyHeader", "name", name, "that header has a form of its own", fix)

    def read(self, reader: Any, max_query_fields: int) -> Read:
        """Return what finds the key."""
        get = reader.header(self.name.lower())

        def read(head: Any) -> str | None:
            value: str | None = get(head)
            if value == "":
                raise malformed()
            return value

        return read


class APIKeyCookie(_Key[T]):
    """Give the key in a cookie. With `optional=True` a request without one gives None.

    Browsers send cookies by themselves, whatever page asks: use the middleware `CSRF` beside it.

    Raises:
        ConfigurationError: an argument is wrong.
    """

    place = "cookie"

    @overload
    def __init__(
        self: "APIKeyCookie[str]", name: str, *, optional: Literal[False] = ..., **about: Unpack[About]
    ) -> None: ...
    @overload
    def __init__(
        self: "APIKeyCookie[str | None]", name: str, *, optional: Literal[True], **about: Unpack[About]
    ) -> None: ...
    @fits
    def __init__(self, name: str, *, optional: bool = False, **about: Unpack[About]) -> None:
        super().__init__(name, optional=optional, about=about)

    def read(self, reader: Any, max_query_fields: int) -> Read:
        """Return what finds the key."""
        get, find = reader.header("cookie"), cookie_finder(self.name)
        return lambda head: find(get(head)) or None


class APIKeyQuery(_Key[T]):
    """Give the key in the query. With `optional=True` a request without one gives None.

    Raises:
        ConfigurationError: an argument is wrong.
    """

    place = "query"

    @overload
    def __init__(
        self: "APIKeyQuery[str]", name: str, *, optional: Literal[False] = ..., **about: Unpack[About]
    ) -> None: ...
    @overload
    def __init__(
        self: "APIKeyQuery[str | None]", name: str, *, optional: Literal[True], **about: Unpack[About]
    ) -> None: ...
    @fits
    def __init__(self, name: str, *, optional: bool = False, **about: Unpack[About]) -> None:
        super().__init__(name, optional=optional, about=about)

    def read(self, reader: Any, max_query_fields: int) -> Read:
        """Return what finds the key; one that is there twice is malformed."""
        raw_of, name = reader.query_string, self.name

        def read(head: Any) -> str | None:
            raw = raw_of(head)
            if not raw:
                return None
            found = [value for key, value in parse_query(raw, max_query_fields) if key == name]
            if len(found) > 1:
                raise malformed()
            return found[0] or None if found else None

        return read
