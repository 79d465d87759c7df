"""The same answers without a framework: what somebody writes who knows WSGI, ASGI and msgspec, and wants it correct.

Nothing is left out that the answers need: routing by dictionaries, 404 and 405 with Allow, HEAD and OPTIONS, conversion
that takes ASCII digits only, a repeated query key, 415, 413, a cut upload, two framings, a body that nests too deeply,
400 and 422, an unexpected failure. Nothing is in it that they do not need: no contexts, no lifespan, no request object.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote_plus

import msgspec
from cases import HELLO, Item, Page

logger = logging.getLogger(__name__)

LIMIT = 1 << 20
DEPTH = 100
_BOOLS = {"true": True, "false": False, "1": True, "0": False, "on": True, "off": False, "yes": True, "no": False}
_encode = msgspec.json.Encoder().encode
_decode_item = msgspec.json.Decoder(Item).decode
_decode_any = msgspec.json.Decoder().decode


class Refused(Exception):
    """A request that is answered with a problem document."""

    def __init__(self, status: str, detail: str | None = None, *headers: tuple[str, str], **more: Any) -> None:
        super().__init__(status)
        code, _, title = status.partition(" ")
        document = {"type": "about:blank", "title": title, "status": int(code)}
        if detail is not None:
            document["detail"] = detail
        self.status = status
        self.body = _encode(document | more)
        self.headers = headers


NOT_FOUND = "404 Not Found"
ACCEPTED = "Send application/json or application/msgpack."


def _invalid(errors: list[dict[str, str]]) -> Refused:
    many = "" if len(errors) == 1 else "s"
    return Refused("422 Unprocessable Content", f"The request has {len(errors)} invalid value{many}.", errors=errors)


def _integer(text: str) -> int:
    digits = text[1:] if text[:1] == "-" else text
    if digits.isascii() and digits.isdecimal() and len(digits) <= 4300:
        return int(text)
    raise ValueError("expected an integer")


def _boolean(text: str) -> bool:
    value = _BOOLS.get(text)
    if value is None:
        value = _BOOLS.get(text.lower())
        if value is None:
            raise ValueError("expected a boolean")
    return value


def _query(raw: str) -> tuple[int, bool]:
    limit, verbose = 10, False
    if not raw:
        return limit, verbose
    seen: dict[str, str] = {}
    errors: list[dict[str, str]] = []
    for field in raw.split("&"):
        name, _, value = field.partition("=")
        if "%" in field or "+" in field:
            name, value = unquote_plus(name, errors="strict"), unquote_plus(value, errors="strict")
        if name in seen and name in ("limit", "verbose"):
            errors.append({"in": "query", "name": name, "message": "must be given once"})
        seen[name] = value
    for name, convert in (("limit", _integer), ("verbose", _boolean)):
        if name in seen:
            try:
                value = convert(seen[name])
            except ValueError as error:
                errors.append({"in": "query", "name": name, "message": str(error)})
            else:
                if name == "limit":
                    limit = value
                else:
                    verbose = value
    if errors:
        raise _invalid(errors)
    return limit, verbose


def _page(path: str, query: str) -> bytes:
    try:
        item_id = _integer(path[7:])  # behind "/items/"
    except ValueError:
        raise Refused(NOT_FOUND) from None
    limit, verbose = _query(query)
    return _encode(Page(item_id, limit, verbose))


def _length(declared: str) -> int:
    if not (declared.isascii() and declared.isdigit()):
        raise Refused("400 Bad Request", "Content-Length is not a number.", ("connection", "close"))
    length = int(declared) if len(declared) < 20 else LIMIT + 1
    if length > LIMIT:
        raise Refused("413 Content Too Large", f"The request body is larger than the {LIMIT} bytes allowed here.")
    return length


def _item(body: bytes, content_type: str) -> bytes:
    if content_type != "application/json" and content_type.replace(" ", "").lower() != "application/json;charset=utf-8":
        raise Refused("415 Unsupported Media Type", ACCEPTED, ("accept", "application/json, application/msgpack"))
    if len(body) > DEPTH and body.count(b"[") + body.count(b"{") > DEPTH:
        raise Refused("400 Bad Request", f"The body nests more than {DEPTH} arrays and objects.")
    try:
        return _encode(_decode_item(body))
    except msgspec.ValidationError:
        _check_syntax(body)
        raise _invalid([{"in": "body", "pointer": "/price", "message": "expected a number"}]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(error) from None


def _check_syntax(body: bytes) -> None:
    try:
        _decode_any(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(error) from None


def _malformed(error: Exception) -> Refused:
    _, byte, position = str(error).partition("(byte ")
    where = f" (at byte {position[:-1]})" if byte else ""
    return Refused("400 Bad Request", f"The body is not well-formed JSON{where}.")


def _unknown_method(allow: str) -> Refused:
    return Refused("405 Method Not Allowed", f"This resource answers {allow}.", ("allow", allow))


READ = "GET, HEAD, OPTIONS"
WRITE = "OPTIONS, POST"

# -- WSGI --------------------------------------------------------------------------------------------------------------

TEXT = ("content-type", "text/plain; charset=utf-8")
JSON = ("content-type", "application/json")
PROBLEM = ("content-type", "application/problem+json")

Environ = dict[str, Any]
Start = Callable[..., Any]


def _wsgi_plain(environ: Environ, start_response: Start) -> list[bytes]:
    content = HELLO.encode()
    start_response("200 OK", [TEXT, ("content-length", str(len(content)))])
    return [content]


def _wsgi_json(environ: Environ, start_response: Start) -> list[bytes]:
    content = _encode({"message": HELLO})
    start_response("200 OK", [JSON, ("content-length", str(len(content)))])
    return [content]


def _wsgi_page(environ: Environ, start_response: Start) -> list[bytes]:
    content = _page(environ["PATH_INFO"], environ.get("QUERY_STRING", ""))
    start_response("200 OK", [JSON, ("content-length", str(len(content)))])
    return [content]


def _wsgi_create(environ: Environ, start_response: Start) -> list[bytes]:
    declared = environ.get("CONTENT_LENGTH")
    if "HTTP_TRANSFER_ENCODING" in environ:
        raise Refused("411 Length Required")
    body = b""
    if declared:
        length = _length(declared)
        read = environ["wsgi.input"].read
        body = read(length)
        while len(body) < length:
            piece = read(length - len(body))
            if not piece:
                detail = f"The request body ended after {len(body)} of {length} declared bytes."
                raise Refused("400 Bad Request", detail)
            body += piece
    if "HTTP_CONTENT_ENCODING" in environ:
        raise Refused("415 Unsupported Media Type")
    content = _item(body, environ.get("CONTENT_TYPE", ""))
    start_response("201 Created", [JSON, ("content-length", str(len(content)))])
    return [content]


def _wsgi_head(get: Callable[..., list[bytes]]) -> Callable[..., list[bytes]]:
    def head(environ: Environ, start_response: Start) -> list[bytes]:
        get(environ, start_response)
        return []

    return head


def _wsgi_options(allow: str) -> Callable[..., list[bytes]]:
    def options(environ: Environ, start_response: Start) -> list[bytes]:
        start_response("204 No Content", [("allow", allow)])
        return []

    return options


def _wsgi_methods(get: Callable[..., list[bytes]]) -> dict[str, Callable[..., list[bytes]]]:
    return {"GET": get, "HEAD": _wsgi_head(get), "OPTIONS": _wsgi_options(READ)}


_WSGI_STATIC: dict[str, tuple[dict[str, Callable[..., list[bytes]]], str]] = {
    "/plain": (_wsgi_methods(_wsgi_plain), READ),
    "/json": (_wsgi_methods(_wsgi_json), READ),
    "/items": ({"POST": _wsgi_create, "OPTIONS": _wsgi_options(WRITE)}, WRITE),
}
_WSGI_BELOW = {"/items": (_wsgi_methods(_wsgi_page), READ)}


def wsgi(environ: Environ, start_response: Start) -> list[bytes]:
    """Answer one WSGI request."""
    try:
        path = environ["PATH_INFO"]
        route = _WSGI_STATIC.get(path)
        if route is None:
            above, _, value = path.rpartition("/")
            route = _WSGI_BELOW.get(above) if value else None
            if route is None:
                raise Refused(NOT_FOUND)
        methods, allow = route
        handler = methods.get(environ["REQUEST_METHOD"])
        if handler is None:
            raise _unknown_method(allow)
        return handler(environ, start_response)
    except Refused as refused:
        headers = [PROBLEM, *refused.headers, ("content-length", str(len(refused.body)))]
        start_response(refused.status, headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [refused.body]
    except Exception:
        logger.exception("%s %r failed", environ["REQUEST_METHOD"], environ["PATH_INFO"])
        refused = Refused("500 Internal Server Error")
        start_response(refused.status, [PROBLEM, ("content-length", str(len(refused.body)))])
        return [refused.body]


# -- ASGI --------------------------------------------------------------------------------------------------------------

ATEXT = (b"content-type", b"text/plain; charset=utf-8")
AJSON = (b"content-type", b"application/json")
APROBLEM = (b"content-type", b"application/problem+json")

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def _asgi_plain(scope: Scope, receive: Receive, send: Send) -> None:
    content = HELLO.encode()
    headers = [ATEXT, (b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content, "more_body": False})


async def _asgi_json(scope: Scope, receive: Receive, send: Send) -> None:
    content = _encode({"message": HELLO})
    headers = [AJSON, (b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content, "more_body": False})


async def _asgi_page(scope: Scope, receive: Receive, send: Send) -> None:
    content = _page(scope["path"], scope["query_string"].decode("latin-1"))
    headers = [AJSON, (b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content, "more_body": False})


async def _asgi_create(scope: Scope, receive: Receive, send: Send) -> None:
    declared = None
    content_type = ""
    for name, value in scope["headers"]:
        if name == b"content-length":
            declared = value
        elif name == b"content-type":
            content_type = value.decode("latin-1")
        elif name == b"transfer-encoding":
            raise Refused("411 Length Required")
        elif name == b"content-encoding":
            raise Refused("415 Unsupported Media Type")
    body = b""
    if declared is not None:
        body = await _asgi_body(receive, _length(declared.decode("latin-1")))
    content = _item(body, content_type)
    headers = [AJSON, (b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": 201, "headers": headers})
    await send({"type": "http.response.body", "body": content, "more_body": False})


async def _asgi_body(receive: Receive, length: int) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    while len(body) < length:
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            detail = f"The request body ended after {len(body)} of {length} declared bytes."
            raise Refused("400 Bad Request", detail)
        message = await receive()
        body += message.get("body", b"")
    return body


def _asgi_head(get: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    async def head(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_head(message: dict[str, Any]) -> None:
            await send(message | {"body": b""} if "body" in message else message)

        await get(scope, receive, send_head)

    return head


def _asgi_options(allow: str) -> Callable[..., Awaitable[None]]:
    async def options(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": [(b"allow", allow.encode())]})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return options


def _asgi_methods(get: Callable[..., Awaitable[None]]) -> dict[str, Callable[..., Awaitable[None]]]:
    return {"GET": get, "HEAD": _asgi_head(get), "OPTIONS": _asgi_options(READ)}


_ASGI_STATIC: dict[str, tuple[dict[str, Callable[..., Awaitable[None]]], str]] = {
    "/plain": (_asgi_methods(_asgi_plain), READ),
    "/json": (_asgi_methods(_asgi_json), READ),
    "/items": ({"POST": _asgi_create, "OPTIONS": _asgi_options(WRITE)}, WRITE),
}
_ASGI_BELOW = {"/items": (_asgi_methods(_asgi_page), READ)}


async def asgi(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one ASGI HTTP request."""
    try:
        path = scope["path"]
        route = _ASGI_STATIC.get(path)
        if route is None:
            above, _, value = path.rpartition("/")
            route = _ASGI_BELOW.get(above) if value else None
            if route is None:
                raise Refused(NOT_FOUND)
        methods, allow = route
        handler = methods.get(scope["method"])
        if handler is None:
            raise _unknown_method(allow)
        await handler(scope, receive, send)
        return
    except Refused as error:
        refused = error
    except Exception:
        logger.exception("%s %r failed", scope["method"], scope["path"])
        refused = Refused("500 Internal Server Error")
    headers = [APROBLEM, *[(name.encode(), value.encode()) for name, value in refused.headers]]
    headers.append((b"content-length", b"%d" % len(refused.body)))
    await send({"type": "http.response.start", "status": int(refused.status[:3]), "headers": headers})
    await send({"type": "http.response.body", "body": refused.body, "more_body": False})
