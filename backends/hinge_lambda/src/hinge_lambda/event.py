"""A Lambda event -> the head and the body of an HTTP request; this module is the HeadReader.

Law: the event is read where it stands. What a gateway has decoded is not decoded again, U+FFFD in a path stands for
what is not UTF-8, and nothing that a client can send tells the peer.
"""

from base64 import b64decode
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any
from urllib.parse import unquote, urlencode

from hinge.backend import (
    NEVER_EMPTY,
    Address,
    Headers,
    HTTPError,
    declared_length,
    incomplete,
    kept,
    origin_form,
    utf8_path,
)

V1, V2, ALB = "API Gateway payload 1.0", "API Gateway payload 2.0", "ALB"
_HTTP_VERSIONS = {"HTTP/1.0": "1.0", "HTTP/2": "2", "HTTP/2.0": "2", "HTTP/3": "3", "HTTP/3.0": "3"}


class EventError(Exception):
    """An event that brings no HTTP request."""


class Head:
    """The head of an event's request; raises EventError. `path` is decoded, `fields` are the headers in lower case.

    `query` is as it was sent, one character a byte; 1.0 and ALB do not tell names' order, nor `a` from `a=`.
    """

    __slots__ = ("body", "event", "fields", "http_version", "kind", "method", "path", "peer", "prefix", "query")

    def __init__(self, event: Mapping[str, Any]) -> None:
        try:
            self.event, self.prefix = event, ""
            context: Mapping[str, Any] = event.get("requestContext") or {}
            if event.get("version") == "2.0":
                self.kind, path, told = V2, event["rawPath"], context["http"]
                self.method, query, peer = told["method"], event.get("rawQueryString") or "", told
                encoded = ".lambda-url." in context.get("domainName", "")
                if context.get("stage", "$default") != "$default":
                    self.prefix, path = _unstaged(context, path)
            else:
                self.kind = ALB if "elb" in context else V1
                self.method, path, told = event["httpMethod"], event["path"], context
                query, peer = _query(event, self.kind), context.get("identity") or {}
                encoded = "version" not in event  # HTTP APIs decode the path, in either payload
                if "path" in context:
                    self.prefix, path = _unmounted(event, context, path)
            if encoded:
                self.prefix, path = unquote(self.prefix), unquote(path)
            self.path, self.fields, self.body = path or "/", _fields(event), event.get("body") or ""
            self.query = query if query.isascii() else query.encode("utf-8", "replace").decode("latin-1")
            self.http_version = _HTTP_VERSIONS.get(told.get("protocol") or "", "1.1")  # an ALB does not tell
            self.peer = peer.get("sourceIp") or ""
            texts = self.method, self.path, self.query, self.peer, self.body, *self.fields.values()
            if {*map(type, texts)} != {str} or "type" in event:  # an authorizer's is a request's in all else
                raise TypeError  # noqa: TRY301 - as what else does not fit
        except (AttributeError, KeyError, TypeError):
            raise EventError(
                "this event is no HTTP request of API Gateway (payload 1.0 or 2.0), a function URL or an ALB: "
                f"{event!r:.200}. Fix: remove the trigger that sends it, or give it a function of its own"
            ) from None


method, prefix, query_string = attrgetter("method"), attrgetter("prefix"), attrgetter("query")
native, http_version = attrgetter("event"), attrgetter("http_version")


def path(head: Head) -> str:
    """Return the decoded path."""
    if "\ufffd" in head.path:
        return utf8_path(b"\xff")
    return head.path if head.path[0] == "/" else origin_form(head.path)


def header(name: str) -> Callable[[Head], str | None]:
    """Return an accessor of one header."""
    empty = None if name in NEVER_EMPTY else ""

    def get(head: Head) -> str | None:
        value = head.fields.get(name)
        return value if value is None or (value and (value.isascii() or name == "cookie")) else empty

    return get if "_" not in name else lambda head: None


def headers(head: Head) -> Headers:
    """Return all headers."""
    lines = head.fields.items()
    return kept(lines, {name for name, value in lines if name != "cookie" and not value.isascii()})


def scheme(head: Head) -> str:
    """Return `http` or `https`: what the gateway says at the end of X-Forwarded-Proto."""
    return _last(head, "x-forwarded-proto") or ("http" if head.kind is ALB else "https")


def client(head: Head) -> Address | None:
    """Return the peer. An ALB appends it to X-Forwarded-For: what stands before it, anybody can send."""
    return Address.parsed(_last(head, "x-forwarded-for")) if head.kind is ALB else Address.told(head.peer, None)


def whole_body(head: Head, limit: int) -> bytes:
    """Return the body, to its Content-Length; raises HTTPError, 413 above `limit` bytes, 400 if it is broken."""
    declared = declared_length(head.fields.get("content-length"), limit)
    try:
        data = b64decode(head.body, validate=True) if head.event.get("isBase64Encoded") else head.body.encode()
    except ValueError as error:  # no gateway sends that, but who invokes the function by hand
        raise HTTPError(400, "The request body is not the Base64 or the text that its event says.") from error
    if declared is None:
        declared_length(str(len(data)), limit)
    elif len(data) < declared:
        raise incomplete(len(data), declared)
    return data[:declared]


def _query(event: Mapping[str, Any], kind: str) -> str:
    many = event.get("multiValueQueryStringParameters") or {}
    pairs = [(name, value) for name, values in many.items() for value in _list(values or [])]
    pairs = [(name, value or "") for name, value in pairs or (event.get("queryStringParameters") or {}).items()]
    if kind is V1:  # these are decoded; ALB's are as they were sent
        return urlencode(pairs, errors="replace")
    return "&".join([f"{name}={value}" for name, value in pairs])


def _unstaged(context: Mapping[str, Any], path: str) -> tuple[str, str]:
    """Return prefix and path of an HTTP API: the stage is before the path, unless it is `$default`."""
    stage = f"/{context.get('stage')}"
    return (stage, path[len(stage) :]) if f"{path}/".startswith(f"{stage}/") else ("", path)


def _unmounted(event: Mapping[str, Any], context: Mapping[str, Any], path: str) -> tuple[str, str]:
    """Return prefix and path of payload 1.0: what stands before the resource is the prefix.

    A REST API's `path` lacks the stage, which the context's has; with a custom domain both have its base path.
    """
    whole, resource = context["path"], event.get("resource") or ""
    if whole != path:
        return (whole[: -len(path)], path) if path and whole.endswith(path) else ("", path)
    if resource[:1] != "/":  # an HTTP API's `$default`
        return _unstaged(context, path)
    for name, value in (event.get("pathParameters") or {}).items():
        resource = resource.replace(f"{{{name}+}}", value).replace(f"{{{name}}}", value)
    stem, tail = path.rstrip("/"), resource.rstrip("/")
    base = stem[: len(stem) - len(tail)] if stem.endswith(tail) else ""
    return (base, path[len(base) :]) if base.strip("/") else ("", path)


def _last(head: Head, name: str) -> str:
    return head.fields.get(name, "").rpartition(",")[2].strip()


def _fields(event: Mapping[str, Any]) -> dict[str, str]:
    one, many = event.get("headers") or {}, event.get("multiValueHeaders") or {}
    fields: dict[str, str] = {}
    if len(one) > len(many):  # or the other has them all; where one name is in lower case, they all are
        fields = {**one} if "host" in one else {name.lower(): value for name, value in one.items()}
    for name, values in many.items():
        lower = name.lower()
        fields[lower] = ("; " if lower == "cookie" else ",").join(_list(values))
    if event.get("cookies"):
        fields["cookie"] = "; ".join(_list(event["cookies"]))  # a function URL has the header as well
    return fields


def _list(values: Any) -> list[Any]:
    if not isinstance(values, list):  # a text would be taken apart
        raise TypeError
    return values
