"""What a test writes -> the request that goes out.

Law: framing is added only where the caller says nothing about it, so a test can also send what is wrong. A body that
can be sent again (for a redirect) is bytes; an iterable goes out once, without a length.
"""

from collections.abc import AsyncIterable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypedDict
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from hinge.testing.forms import Form, form_body

HeaderPairs = Mapping[str, str | None] | Iterable[tuple[str, str | None]]
"""Headers as a test writes them; None takes away what the client would send by itself."""
Params = Mapping[str, Any] | Iterable[tuple[str, Any]]
"""Query fields: a list or tuple as a value repeats the key."""
Body = bytes | Iterable[bytes]

UNSET: Any = msgspec.UNSET


class RequestOptions(TypedDict, total=False):
    """What `Client.request` takes by name."""

    json: Any
    content: Any
    form: Form | None
    params: Params | None
    headers: HeaderPairs | None
    cookies: Mapping[str, str] | None
    follow_redirects: bool | None


_EXPECT_BODY = frozenset({"POST", "PUT", "PATCH"})
# Every ASCII character that stands for itself in a target, "%" included: what is escaped stays escaped.
_SAFE = "%!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One request, ready for a connection."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: Body

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    def redirected(self, status: int, target: str) -> "Outgoing | None":
        """Return the request that follows a redirect (RFC 9110 section 15.4); None if its body cannot be sent again."""
        if status == 303 or (status in (301, 302) and self.method == "POST"):
            method = "HEAD" if self.method == "HEAD" else "GET"
            dropped = ("content-type", "content-length", "transfer-encoding")
            kept = [pair for pair in self.headers if pair[0] not in dropped]
            return Outgoing(method, target, kept, b"")
        return replace(self, target=target) if isinstance(self.body, bytes) else None


def target_of(target: str, params: Params | None) -> str:
    """Return a request target: other than ASCII is percent-encoded, `params` are appended to the query."""
    target = quote(target, safe=_SAFE)
    if params is None:
        return target
    query = urlencode([(name, _text(value)) for name, value in _repeated(pairs(params))])
    if not query:
        return target
    return f"{target}{'&' if '?' in target else '?'}{query}"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _repeated(fields: Iterable[tuple[str, Any]]) -> Iterable[tuple[str, Any]]:
    for name, value in fields:
        if isinstance(value, list | tuple):
            yield from ((name, one) for one in value)
        else:
            yield name, value


def pairs(headers: Any) -> list[tuple[str, Any]]:
    """Return the pairs of a mapping or an iterable of pairs."""
    if headers is None:
        return []
    return list(headers.items() if isinstance(headers, Mapping) else headers)


def body_of(method: str, json: Any, content: Any, form: Form | None = None) -> tuple[Body, list[tuple[str, str]]]:
    """Return the body and the headers that go with it.

    Raises:
        TypeError: there are two bodies, or the content is none of bytes, str and an iterable of bytes.
    """
    if (json is not UNSET) + (content is not None) + (form is not None) > 1:
        raise TypeError("a request has one body: either json=, content= or form=")
    if form is not None:
        body, content_type = form_body(form)
        return body, [("content-type", content_type), ("content-length", str(len(body)))]
    if json is not UNSET:
        body = msgspec.json.encode(json)
        return body, [("content-type", "application/json"), ("content-length", str(len(body)))]
    if content is None:
        content = b""
    if isinstance(content, str):
        content = content.encode()
    if isinstance(content, bytes | bytearray | memoryview):
        body = bytes(content)
        return body, [("content-length", str(len(body)))] if body or method in _EXPECT_BODY else []
    if not isinstance(content, Iterable):
        fix = " an async iterable. Fix: AsyncClient" if isinstance(content, AsyncIterable) else type(content).__name__
        raise TypeError(f"content= takes bytes, str or an iterable of bytes, not {fix}")
    return content, [("transfer-encoding", "chunked")]


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


def redirect_target(location: str, path: str, host: str, prefix: str) -> str | None:
    """Return the target that a Location means (RFC 3986 section 5.2), below the prefix; None for another site."""
    from urllib.parse import urljoin  # noqa: PLC0415 - redirects only

    absolute = urlsplit(urljoin(f"http://{host}{prefix}{path}", location))
    if absolute.netloc != host or not (absolute.path == prefix or absolute.path.startswith(prefix + "/")):
        return None
    below = absolute.path[len(prefix) :] or "/"
    return below + (f"?{absolute.query}" if absolute.query else "")
