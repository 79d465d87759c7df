"""What a handler answers: status, headers and a complete body.

Law: everything is checked where it is set, so a backend sends `status`, `headers` and `body` as they are. Framing
(`Content-Length`, `Transfer-Encoding`, the connection) is the framework's: a response cannot name it. What the
framework itself writes is a constant, and constants are not checked again at every request.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Literal, TypeAlias, TypedDict, Unpack

from hinge.codecs import encode_json
from hinge.http.cookies import format_cookie, needs_of
from hinge.http.headers import ByName, MutableHeaders, check_name, item_setter
from hinge.http.percent import quote
from hinge.http.tokens import MEDIA_TYPE

Pairs: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]
"""Headers as a caller writes them: a mapping, or pairs when a name repeats."""
Content: TypeAlias = str | bytes | bytearray | memoryview
"""A body, or one chunk of it: text is sent as UTF-8."""
SameSite: TypeAlias = Literal["lax", "strict", "none"]


class CookieOptions(TypedDict, total=False):
    """What a cookie may say beside its name and value (RFC 6265 section 4.1)."""

    max_age: int | None
    """In seconds."""
    expires: datetime | None
    path: str
    domain: str | None
    secure: bool
    httponly: bool
    samesite: SameSite | None
    partitioned: bool


FRAMING = frozenset(
    {"connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""The headers of one connection (RFC 9110 section 7.6.1) and of the message's length."""

Lines: TypeAlias = tuple[tuple[str, str], ...]
"""Headers as they go out: lower-case names, valid values."""
OCTETS = "application/octet-stream"
_OCTETS: Lines = (("content-type", OCTETS),)
_TEXT: Lines = (("content-type", "text/plain; charset=utf-8"),)
_HTML: Lines = (("content-type", "text/html; charset=utf-8"),)
_JSON: Lines = (("content-type", "application/json"),)
# Media types that need no check, because they are written here.
_KNOWN: dict[str, Lines] = {
    "text/plain": _TEXT,
    "text/plain; charset=utf-8": _TEXT,
    "text/html": _HTML,
    "text/html; charset=utf-8": _HTML,
    "application/json": _JSON,
    "application/problem+json": (("content-type", "application/problem+json"),),
    OCTETS: _OCTETS,
}

_new = object.__new__
_begins_with_type = re.compile(rf"{MEDIA_TYPE} *(?:;|\Z)").match
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# Every delimiter of RFC 3986, and "%": what the caller escaped stays escaped. Backslashes, spaces and controls do not.
_URI_SAFE = "%:/?#[]@!$&'()*+,;="


def _check_name(name: str) -> str:
    checked = check_name(name)
    if checked in FRAMING:
        raise ValueError(f"{name!r} belongs to the framework and its server: a response cannot set it")
    return checked


class ResponseHeaders(MutableHeaders):
    """Hold a response's headers, but for those of its connection and its length."""

    __slots__ = ()
    _names: ClassVar[ByName[str]] = ByName(_check_name)
    __setitem__ = item_setter(_names)

    def set_cookie(self, name: str, value: str = "", **options: Unpack[CookieOptions]) -> None:
        """Add a `Set-Cookie` line, with the options of `Response.set_cookie`; raises as that does."""
        self.append("set-cookie", format_cookie(name, value, **options))

    def delete_cookie(self, name: str, **options: Unpack[CookieOptions]) -> None:
        """Have the client forget a cookie, with the options of `Response.delete_cookie`; raises as that does."""
        needs_secure, needs_httponly = needs_of(name)
        options["secure"] = options.get("secure", False) or needs_secure
        options["httponly"] = options.get("httponly", False) or needs_httponly
        options["max_age"] = 0
        self.set_cookie(name, **options)


class Response:
    """Answer with a complete body: str (sent as UTF-8), bytes, or None for an empty one.

    `status` is 200..599. `headers` is a mapping or pairs; a `content-type` among them replaces the default one, which
    is `text/plain; charset=utf-8` for str and `application/octet-stream` for bytes. `media_type` of a text type without
    a charset gets `; charset=utf-8`.

    Raises:
        ValueError: status, header, media type or cookie is invalid, or the content type is given twice.
        TypeError: the content is neither str nor bytes-like.
    """

    __slots__ = ("_body", "_headers", "_status")

    _headers: ResponseHeaders | Lines
    """Constant lines until somebody asks for the headers: most responses are sent as they were made."""

    default_headers: ClassVar[Lines | None] = None
    """The lines every response of this class starts with, written as they go out; None: they depend on the content."""

    def __init__(
        self, content: Any = None, *, status: int = 200, headers: Pairs | None = None, media_type: str | None = None
    ) -> None:
        self._status = status if status == 200 and status.__class__ is int else check_status(status)
        self._body = self.render(content)
        defaults = self.default_headers
        if defaults is None:
            defaults = _TEXT if content.__class__ is str else _describe(content)
        if headers is None and media_type is None:
            self._headers = tuple(defaults)
        else:
            self._headers = merge(defaults, headers, media_type)

    @classmethod
    def trusted(cls, body: bytes, status: int, lines: Lines) -> "Response":
        """Return a plain response of parts that the framework wrote or checked itself."""
        response = _new(Response)
        response._status = status
        response._body = body
        response._headers = lines
        return response

    @property
    def _lines(self) -> Sequence[tuple[str, str]]:
        """What a backend sends; it must not be changed."""
        headers = self._headers
        return headers if isinstance(headers, tuple) else headers.multi_items()

    def render(self, content: Any) -> bytes | None:
        """Return the bytes of `content`; a subclass overrides it to encode another kind of value."""
        return encode_content(content)

    @property
    def status(self) -> int:
        """The status code; setting one outside 200..599 is a ValueError."""
        return self._status

    @status.setter
    def status(self, status: int) -> None:
        self._status = check_status(status)

    @property
    def headers(self) -> ResponseHeaders:
        """The headers; each is checked where it is set."""
        headers: Any = self._headers
        if headers.__class__ is tuple:
            headers = self._headers = ResponseHeaders.trusted(headers)
        return headers  # type: ignore[no-any-return]

    @property
    def body(self) -> bytes | None:
        """The whole body, or None if it is streamed. Assigning str, bytes or None (empty) replaces it."""
        return self._body

    @body.setter
    def body(self, content: Content | None) -> None:
        self._body = encode_content(content)

    @property
    def content_length(self) -> int | None:
        """The body's length in bytes, or None if it is not known before it was streamed."""
        return None if self._body is None else len(self._body)

    @property
    def media_type(self) -> str | None:
        """The content type without parameters, or None. Assigning adds the charset to a text type."""
        value = self.headers.get("content-type")
        return None if value is None else value.partition(";")[0].strip()

    @media_type.setter
    def media_type(self, media_type: str) -> None:
        self.headers["content-type"] = content_type(media_type)

    def set_cookie(
        self,
        name: str,
        value: str = "",
        *,
        max_age: int | None = None,
        expires: datetime | None = None,
        path: str = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: SameSite | None = "lax",
        partitioned: bool = False,
    ) -> None:
        """Add a `Set-Cookie` line (RFC 6265 section 4.1); `max_age` is in seconds.

        Raises:
            ValueError: a part would escape from its place, or breaks the rules of a `__Host-` or `__Secure-` name.
        """
        cookie = format_cookie(
            name,
            value,
            max_age=max_age,
            expires=expires,
            path=path,
            domain=domain,
            secure=secure,
            httponly=httponly,
            samesite=samesite,
            partitioned=partitioned,
        )
        self.headers.append("set-cookie", cookie)

    def delete_cookie(
        self,
        name: str,
        *,
        path: str = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: SameSite | None = "lax",
        partitioned: bool = False,
    ) -> None:
        """Have the client forget a cookie; `path`, `domain` and `partitioned` must be those it was set with.

        Raises:
            ValueError: as for `set_cookie`.
        """
        # A browser ignores a line that lacks what the name's prefix demands: such a cookie could never be deleted.
        needs_secure, needs_httponly = needs_of(name)
        self.set_cookie(
            name,
            max_age=0,
            path=path,
            domain=domain,
            secure=secure or needs_secure,
            httponly=httponly or needs_httponly,
            samesite=samesite,
            partitioned=partitioned,
        )

    def __repr__(self) -> str:
        length = self.content_length
        size = "streamed" if length is None else f"{length} bytes"
        return f"<{type(self).__name__} {self._status} {self.media_type or 'untyped'}, {size}>"


class TextResponse(Response):
    """Answer with text."""

    __slots__ = ()
    default_headers: ClassVar[Lines | None] = _TEXT


class HTMLResponse(Response):
    """Answer with HTML. Nothing is escaped here: that is the template's task."""

    __slots__ = ()
    default_headers: ClassVar[Lines | None] = _HTML


class JSONResponse(Response):
    """Answer with a value encoded as JSON by msgspec.

    Raises:
        TypeError: msgspec cannot encode the value.
    """

    __slots__ = ()
    default_headers: ClassVar[Lines | None] = _JSON

    def render(self, content: Any) -> bytes:
        """Return the JSON of any value that msgspec knows, None included."""
        return encode_json(content)


class RedirectResponse(Response):
    """Send the client to another address: absolute, or relative to the request.

    Characters that no URI has (spaces, controls, backslashes, non-ASCII) are percent-encoded as UTF-8. The address is
    the caller's choice: one taken from the request must be checked by the caller, or it is an open redirect.

    Raises:
        ValueError: the location is empty, or the status is not one that redirects.
    """

    __slots__ = ()
    default_headers: ClassVar[Lines | None] = ()

    def __init__(
        self, location: str, *, status: int = 307, headers: Pairs | None = None, media_type: str | None = None
    ) -> None:
        if status not in _REDIRECTS:
            raise ValueError(f"a redirect has one of the statuses {sorted(_REDIRECTS)}, not {status!r}")
        if not location:
            raise ValueError("a redirect needs a location")
        super().__init__(None, status=status, headers=headers, media_type=media_type)
        self.headers["location"] = quote(location, safe=_URI_SAFE)


def check_status(status: int) -> int:
    """Return `status` as a plain int.

    Raises:
        ValueError: it is not an int in 200..599 (or is a bool). 1xx is the server's, and others end some servers.
    """
    if status.__class__ is int and 200 <= status <= 599:
        return status
    if not isinstance(status, int) or isinstance(status, bool) or not 200 <= status <= 599:
        raise ValueError(f"a response status is an int in 200..599, not {status!r}")
    return int(status)


def encode_content(content: Content | None) -> bytes:
    """Return the bytes of a body.

    Raises:
        TypeError: it is neither str nor bytes-like nor None.
    """
    kind = content.__class__
    if kind is str:
        return content.encode()  # type: ignore[union-attr]  # `kind` does not narrow
    if kind is bytes:
        return content  # type: ignore[return-value]
    if content is None:
        return b""
    if isinstance(content, str):
        return content.encode()
    if isinstance(content, (bytes, bytearray, memoryview)):
        return bytes(content)  # a copy: the caller may go on writing to its buffer
    raise TypeError(
        f"a response body is str, bytes or None, not {kind.__name__}: return the value itself, or a JSONResponse"
    )


def content_type(media_type: str) -> str:
    """Return the `Content-Type` of a media type: text types without a charset get `; charset=utf-8`.

    `text/event-stream` is always UTF-8 and stays bare, because servers recognise it literally.

    Raises:
        ValueError: `media_type` is not of the form type/subtype.
    """
    if not _begins_with_type(media_type):
        raise ValueError(f"a media type is written type/subtype, not {media_type!r}")
    lowered = media_type.lower()
    if lowered.startswith("text/") and "charset" not in lowered and lowered != "text/event-stream":
        return f"{media_type}; charset=utf-8"
    return media_type


def _describe(content: object) -> Lines:
    if isinstance(content, str):
        return _TEXT
    # Without a type, browsers guess one, and a guess of HTML runs scripts.
    return _OCTETS if content else ()


def merge(defaults: Lines, headers: Pairs | None, media_type: str | None) -> ResponseHeaders | Lines:
    """Return the lines that a response begins with; raises as `Response`."""
    known = None if media_type is None else _KNOWN.get(media_type)
    if headers is None and known is not None:
        if known == defaults:
            return known
        return (*known, *[line for line in defaults if line[0] != "content-type"])
    merged = ResponseHeaders.trusted([]) if headers is None else ResponseHeaders(headers)
    if media_type is not None:
        if "content-type" in merged:
            raise ValueError("the content type is given twice: by media_type and by the header content-type")
        merged.append("content-type", content_type(media_type))
    for name, value in defaults:
        merged._first.setdefault(name, value)
    return merged
