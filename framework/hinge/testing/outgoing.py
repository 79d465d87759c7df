"""What a test writes -> the request that goes out.

Law: framing is added only where the caller says nothing about it, so a test can also send what is wrong. A body that
can be sent again (for a redirect) is bytes; an iterable goes out once, without a length.
"""

from base64 import b64encode
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypedDict
from urllib.parse import parse_qsl, quote, urlencode

import msgspec

from hinge.diagnostics.location import caller
from hinge.diagnostics.misuse import instead
from hinge.errors import ConfigurationError
from hinge.http.headers import MutableHeaders
from hinge.testing.forms import Files, Form, data_body, form_body, primitive
from hinge.testing.jar import CookieJar
from hinge.testing.site import Site

HeaderPairs = Mapping[str, str | None] | Iterable[tuple[str, str | None]]
"""Headers as a test writes them; None takes away what the client would send by itself."""
Params = Mapping[str, Any] | Iterable[tuple[str, Any]] | str
"""Query fields: a list or tuple as a value repeats the key; or the query as text."""
Body = bytes | Iterable[bytes]
Auth = tuple[str, str] | Callable[["ClientRequest"], "ClientRequest"]
"""User and password, or a function that returns the request with what it needs more."""

UNSET: Any = msgspec.UNSET
_EXPECT_BODY = frozenset({"POST", "PUT", "PATCH"})
_ABOUT_BODY = frozenset({"content-type", "content-length", "transfer-encoding"})
# Every ASCII character that stands for itself in a target, "%" included: what is escaped stays escaped.
_SAFE = "%!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~"


class RequestOptions(TypedDict, total=False):
    """What requests take by name; `Client.request` says what it means."""

    json: Any
    content: Any
    form: Form | None
    data: Mapping[str, Any] | None
    files: Files | None
    params: Params | None
    headers: HeaderPairs | None
    cookies: Mapping[str, str] | None
    auth: Auth | None
    follow_redirects: bool | None


def check_options(options: Mapping[str, Any], what: str = "Client.request") -> None:
    """Refuse an option that there is not.

    Raises:
        ConfigurationError: with the one that was meant.
    """
    known = RequestOptions.__annotations__
    for name in options:
        if name not in known:
            fix = instead("request", name, known)
            raise ConfigurationError(f"{what}({name}=...) ({caller()}): there is no argument {name!r}. Fix: {fix}")


@dataclass(slots=True)
class ClientRequest:
    """A request as it was sent; an `auth` function may change its headers before."""

    method: str
    url: str
    headers: MutableHeaders
    content: bytes
    """The body; empty if it was an iterable."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One request, ready for a connection."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: Body
    url: str

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    def as_sent(self) -> ClientRequest:
        """Return it as tests see it."""
        content = self.body if isinstance(self.body, bytes) else b""
        return ClientRequest(self.method, self.url, MutableHeaders(self.headers), content)

    def redirected(self, status: int, target: str, url: str) -> "Outgoing | None":
        """Return the request that follows a redirect (RFC 9110 section 15.4); None if its body cannot be sent again."""
        headers = [pair for pair in self.headers if pair[0] != "cookie"]
        if (status in (302, 303) and self.method not in ("GET", "HEAD")) or (status == 301 and self.method == "POST"):
            kept = [pair for pair in headers if pair[0] not in _ABOUT_BODY]
            return Outgoing("GET", target, kept, b"", url)
        return replace(self, target=target, headers=headers, url=url) if isinstance(self.body, bytes) else None


@dataclass(slots=True)
class Writer:
    """Write requests with what goes with every one."""

    site: Site
    headers: MutableHeaders
    params: Params | None
    auth: Auth | None
    cookies: CookieJar

    def request(self, method: str, url: str, options: RequestOptions) -> Outgoing:
        """Return a request."""
        host, target, lines = self.head(url, options.get("headers"))
        body, described = body_of(method, options, _boundary_of(lines))
        target = target_of(target, _joined(self.params, options.get("params")))
        outgoing = Outgoing(method, target, framed(lines, described), body, self.site.url(host, target))
        self.add_cookies(outgoing.headers, outgoing.path, host, options.get("cookies"))
        auth = options.get("auth", UNSET)
        return self._authorised(outgoing, self.auth if auth is UNSET else auth)

    def head(self, url: str, *headers: HeaderPairs | None) -> tuple[str, str, list[tuple[str, str]]]:
        """Return the host that a request is for, its target, and its headers."""
        host, target = self.site.address(url)
        lines = self.headers.multi_items()
        if host != self.site.host:
            lines = merged(lines, {"host": host})
        return host, target, merged(lines, *headers) if any(headers) else lines

    def add_cookies(
        self, lines: list[tuple[str, str]], path: str, host: str, given: Mapping[str, str] | None = None
    ) -> None:
        """Add the cookies of the jar that fit, and those of one request."""
        kept = self.cookies.header(self.site.prefix + path, self.site.scheme, host)
        own = "; ".join(f"{name}={value}" for name, value in (given or {}).items())
        if kept or own:
            lines.append(("cookie", "; ".join(filter(None, (own, kept)))))

    def following(self, outgoing: Outgoing, status: int, location: str) -> Outgoing | None:
        """Return the request that follows a redirect, None if it is elsewhere or cannot be sent."""
        target = self.site.following(location, outgoing.url)
        if target is None:
            return None
        host = host_of(outgoing.url)
        following = outgoing.redirected(status, target, self.site.url(host, target))
        if following is not None:
            self.add_cookies(following.headers, following.path, host)
        return following

    def _authorised(self, outgoing: Outgoing, auth: Any) -> Outgoing:
        if auth is None:
            return outgoing
        if type(auth) is tuple and len(auth) == 2:
            credentials = b64encode(f"{auth[0]}:{auth[1]}".encode()).decode()
            lines = [*outgoing.headers, ("authorization", f"Basic {credentials}")]
        elif callable(auth) and not hasattr(auth, "auth_flow"):
            authorised: Any = auth(outgoing.as_sent())
            lines = authorised.headers.multi_items()
        else:
            fix = "a function of the request that sets request.headers['authorization'], and returns the request"
            raise TypeError(f"auth= takes (user, password) or a function, not {type(auth).__name__}. Fix: {fix}")
        return replace(outgoing, headers=lines)


def host_of(url: str) -> str:
    """Return the host and port of an absolute URL."""
    return url.split("/", 3)[2]


def target_of(target: str, params: Params | None) -> str:
    """Return a request target: other than ASCII is percent-encoded, `params` are appended to the query."""
    target = quote(target, safe=_SAFE)
    if params is None:
        return target
    query = urlencode([(name, primitive(value)) for name, value in _repeated(params)])
    if not query:
        return target
    return f"{target}{'&' if '?' in target else '?'}{query}"


def _repeated(params: Params) -> Iterable[tuple[str, Any]]:
    if isinstance(params, str):
        yield from parse_qsl(params, keep_blank_values=True)
        return
    for name, value in pairs(params):
        if isinstance(value, list | tuple):
            yield from ((name, one) for one in value)
        else:
            yield name, value


def _joined(always: Params | None, given: Params | None) -> Params | None:
    """Return the fields of the client with those of a request, which replace those of the same name."""
    if always is None or given is None:
        return given if always is None else always
    own = [*_repeated(given)]
    names = {name for name, _ in own}
    return [pair for pair in _repeated(always) if pair[0] not in names] + own


def pairs(headers: Any) -> list[tuple[str, Any]]:
    """Return the pairs of a mapping or an iterable of pairs."""
    if headers is None:
        return []
    return list(headers.items() if isinstance(headers, Mapping) else headers)


def body_of(method: str, options: RequestOptions, boundary: str | None = None) -> tuple[Body, list[tuple[str, str]]]:
    """Return the body and the headers that go with it.

    Raises:
        TypeError: there are two bodies, or the content is none of bytes, str and an iterable of bytes.
    """
    json, content, form = options.get("json", UNSET), options.get("content"), options.get("form")
    data, files = options.get("data"), options.get("files")
    if (json is not UNSET) + (content is not None) + (form is not None) + bool(data or files) > 1:
        raise TypeError("a request has one body: either json=, content=, form=, or data= with files=")
    if form is not None or data or files:
        body, content_type = data_body(data, files, boundary) if form is None else form_body(form, boundary)
        return body, [("content-type", content_type), ("content-length", str(len(body)))]
    if json is not UNSET:
        body = msgspec.json.encode(json)
        return body, [("content-type", "application/json"), ("content-length", str(len(body)))]
    if content is not None and hasattr(content, "read"):
        content = content.read()
    if content is None:
        content = b""
    if isinstance(content, str):
        content = content.encode()
    if isinstance(content, bytes | bytearray | memoryview):
        body = bytes(content)
        return body, [("content-length", str(len(body)))] if body or method in _EXPECT_BODY else []
    if not isinstance(content, Iterable) or isinstance(content, Mapping):
        fix = " an async iterable. Fix: AsyncClient" if isinstance(content, AsyncIterable) else type(content).__name__
        raise TypeError(f"content= takes bytes, str or an iterable of bytes, not {fix}")
    return content, [("transfer-encoding", "chunked")]


def _boundary_of(lines: list[tuple[str, str]]) -> str | None:
    """Return the boundary that a Content-Type of the caller's own names."""
    kind = next((value for name, value in lines if name == "content-type"), "")
    _, marker, rest = kind.partition("boundary=")
    return rest.partition(";")[0].strip(' "') if marker else None


def merged(*sources: HeaderPairs | None) -> list[tuple[str, str]]:
    """Return headers with lower-case names: a later source replaces the lines of an earlier one, None removes them."""
    found: list[tuple[str, str]] = []
    for source in sources:
        lines = [(name.lower(), value) for name, value in pairs(source)]
        replaced = {name for name, _ in lines}
        found = [line for line in found if line[0] not in replaced]
        found += [(name, value) for name, value in lines if value is not None]
    return found


def framed(headers: list[tuple[str, str]], given: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return `headers` with those of the body, unless the caller named a framing of its own."""
    names = {name for name, _ in headers}
    own_framing = bool(names & {"content-length", "transfer-encoding"})
    framing = ("content-length", "transfer-encoding")
    return headers + [
        (name, value) for name, value in given if name not in names and not (own_framing and name in framing)
    ]
