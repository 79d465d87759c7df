"""The ASGI callable that is written by hand, and its middleware."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from time import perf_counter
from typing import Any

from cases import ALLOWED, CHUNKS, HELLO, TICKS, Item, passed
from hand_answers import NOT_FOUND, READ, WRITE, Refused, encode, item, length, order, page, session, unknown_method

logger = logging.getLogger(__name__)

ATEXT = (b"content-type", b"text/plain; charset=utf-8")
AJSON = (b"content-type", b"application/json")
ABYTES = (b"content-type", b"application/octet-stream")
AEVENTS = (b"content-type", b"text/event-stream")
AUNCACHED = [(b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]
APROBLEM = (b"content-type", b"application/problem+json")

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Handler = Callable[..., Awaitable[None]]


async def _asgi_plain(scope: Scope, receive: Receive, send: Send) -> None:
    content = HELLO.encode()
    headers = [ATEXT, (b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content, "more_body": False})


async def _asgi_json(scope: Scope, receive: Receive, send: Send) -> None:
    content = encode({"message": HELLO})
    headers = [AJSON, (b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content, "more_body": False})


async def _asgi_page(scope: Scope, receive: Receive, send: Send) -> None:
    content = page(scope["path"], scope["query_string"].decode("latin-1"))
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
        body = await _asgi_body(receive, length(declared.decode("latin-1")))
    content = encode(item(body, content_type))
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


async def _asgi_session(scope: Scope, receive: Receive, send: Send) -> None:
    request_id = cookies = None
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            request_id = value.decode("latin-1")
        elif name == b"cookie":
            cookies = value.decode("latin-1") if cookies is None else f"{cookies}; {value.decode('latin-1')}"
    content = session(request_id, cookies)
    headers = [AJSON, (b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content, "more_body": False})


def _function() -> str:
    return HELLO


async def _asgi_other(scope: Scope, receive: Receive, send: Send) -> None:
    content = (await asyncio.to_thread(_function)).encode()
    headers = [ATEXT, (b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content, "more_body": False})


async def _asgi_inline(scope: Scope, receive: Receive, send: Send) -> None:
    content = _function().encode()
    headers = [ATEXT, (b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content, "more_body": False})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _chunks() -> AsyncIterator[bytes]:
    for chunk in CHUNKS:
        yield chunk


async def _ticks() -> AsyncIterator[bytes]:
    for tick in TICKS:
        yield b"data: " + encode({"tick": tick}) + b"\n\n"


async def _sent(source: AsyncIterator[bytes], headers: list[Any], receive: Receive, send: Send) -> None:
    """Send a stream until it ends or the client leaves: servers do not tell it otherwise."""
    gone = asyncio.create_task(_gone(receive))
    try:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async for chunk in source:
            if gone.done():
                return
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    finally:
        gone.cancel()


async def _asgi_stream(scope: Scope, receive: Receive, send: Send) -> None:
    await _sent(_chunks(), [ABYTES], receive, send)


async def _asgi_events(scope: Scope, receive: Receive, send: Send) -> None:
    await _sent(_ticks(), [AEVENTS, *AUNCACHED], receive, send)


def _asgi_head(get: Handler) -> Handler:
    async def head(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_head(message: dict[str, Any]) -> None:
            await send(message | {"body": b""} if "body" in message else message)

        await get(scope, receive, send_head)

    return head


def _asgi_options(allow: str) -> Handler:
    async def options(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": [(b"allow", allow.encode())]})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return options


def _asgi_methods(get: Handler) -> dict[str, Handler]:
    return {"GET": get, "HEAD": _asgi_head(get), "OPTIONS": _asgi_options(READ)}


_ASGI_STATIC: dict[str, tuple[dict[str, Handler], str]] = {
    "/plain": (_asgi_methods(_asgi_plain), READ),
    "/json": (_asgi_methods(_asgi_json), READ),
    "/session": (_asgi_methods(_asgi_session), READ),
    "/request": (_asgi_methods(_asgi_session), READ),
    "/other": (_asgi_methods(_asgi_other), READ),
    "/inline": (_asgi_methods(_asgi_inline), READ),
    "/stream": (_asgi_methods(_asgi_stream), READ),
    "/events": (_asgi_methods(_asgi_events), READ),
    "/values": (_asgi_methods(_asgi_events), READ),
    "/items": ({"POST": _asgi_create, "OPTIONS": _asgi_options(WRITE)}, WRITE),
}
_ASGI_BELOW = {"/items": (_asgi_methods(_asgi_page), READ)}


def refusal(refused: Refused) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Return the status, the headers and the content of what is refused."""
    headers = [APROBLEM, *[(name.encode(), value.encode()) for name, value in refused.headers]]
    return int(refused.status[:3]), headers, refused.body


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
            raise unknown_method(allow)
        await handler(scope, receive, send)
        return
    except Refused as error:
        refused = error
    except Exception:
        logger.exception("%s %r failed", scope["method"], scope["path"])
        refused = Refused("500 Internal Server Error")
    status, headers, content = refusal(refused)
    headers.append((b"content-length", b"%d" % len(content)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content, "more_body": False})


def asgi_layer(inner: Handler) -> Handler:
    """Return the callable behind one middleware."""

    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        passed()
        await inner(scope, receive, send)

    return layer


Lines = dict[bytes, bytes]
_ALLOWED = {origin.encode() for origin in ALLOWED}


def lines_of(headers: list[tuple[bytes, bytes]]) -> Lines:
    """Return header lines by their names."""
    lines = dict(headers)
    if len(lines) != len(headers):  # HTTP/2 sends cookies in lines of their own
        lines[b"cookie"] = b"; ".join(value for name, value in headers if name == b"cookie")
    return lines


def text(value: bytes | None) -> str | None:
    """Return the text of a line."""
    return None if value is None else value.decode("latin-1")


async def item_of(lines: Lines, receive: Receive) -> Item:
    """Return the validated body; raises Refused."""
    if b"transfer-encoding" in lines:
        raise Refused("411 Length Required")
    if b"content-encoding" in lines:
        raise Refused("415 Unsupported Media Type")
    declared = lines.get(b"content-length")
    body = b"" if declared is None else await _asgi_body(receive, length(declared.decode("latin-1")))
    return item(body, lines.get(b"content-type", b"").decode("latin-1"))


async def _order(lines: Lines, receive: Receive) -> tuple[tuple[bytes, bytes], bytes]:
    found = await item_of(lines, receive)
    return AJSON, order(found, text(lines.get(b"x-token")), text(lines.get(b"cookie")))


async def _order_other(lines: Lines, receive: Receive) -> tuple[tuple[bytes, bytes], bytes]:
    return ATEXT, (await asyncio.to_thread(_function)).encode()


_THREE: dict[str, tuple[dict[str, Callable[..., Awaitable[tuple[tuple[bytes, bytes], bytes]]]], str]] = {
    "/orders": ({"POST": _order}, WRITE),
    "/other": ({"GET": _order_other}, READ),
}


async def asgi_three(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one ASGI HTTP request, and say in every answer what three middlewares would."""
    started = perf_counter()
    lines = lines_of(scope["headers"])
    try:
        route = _THREE.get(scope["path"])
        if route is None:
            raise Refused(NOT_FOUND)
        methods, allow = route
        handler = methods.get(scope["method"])
        if handler is None:
            raise unknown_method(allow)
        media_type, content = await handler(lines, receive)
        status, headers = 200, [media_type]
    except Refused as refused:
        status, headers, content = refusal(refused)
    except Exception:
        logger.exception("%s %r failed", scope["method"], scope["path"])
        status, headers, content = refusal(Refused("500 Internal Server Error"))
    headers += [
        (b"content-length", b"%d" % len(content)),
        (b"x-request-id", lines.get(b"x-request-id") or b"none"),
        (b"server-timing", b"app;dur=%.1f" % ((perf_counter() - started) * 1e3)),
    ]
    origin = lines.get(b"origin")
    if origin in _ALLOWED:
        headers.append((b"access-control-allow-origin", origin))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content, "more_body": False})


async def asgi_ready_made(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one ASGI HTTP request, and say in every answer its id, and which origin may read it."""
    request_id, origin = b"none", None
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            request_id = value
        elif name == b"origin":
            origin = value

    async def told(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] += [(b"x-request-id", request_id), (b"vary", b"origin")]
            if origin in _ALLOWED:
                message["headers"].append((b"access-control-allow-origin", origin))
        await send(message)

    await asgi(scope, receive, told)
