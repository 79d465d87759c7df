"""The RSGI callable that is written by hand, and its middleware. Granian adds the length of a whole answer."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from time import perf_counter
from typing import Any

from cases import ALLOWED, CHUNKS, HELLO, TICKS, Item, passed
from hand_answers import NOT_FOUND, READ, WRITE, Refused, encode, item, length, order, page, session, unknown_method

logger = logging.getLogger(__name__)

TEXT = ("content-type", "text/plain; charset=utf-8")
JSON = ("content-type", "application/json")
BYTES = ("content-type", "application/octet-stream")
EVENTS = ("content-type", "text/event-stream")
UNCACHED = [("cache-control", "no-store"), ("x-accel-buffering", "no")]
PROBLEM = ("content-type", "application/problem+json")

Scope = Any
Proto = Any
Handler = Callable[..., Awaitable[None]]


async def _plain(scope: Scope, proto: Proto) -> None:
    proto.response_bytes(200, [TEXT], HELLO.encode())


async def _json(scope: Scope, proto: Proto) -> None:
    proto.response_bytes(200, [JSON], encode({"message": HELLO}))


async def _page(scope: Scope, proto: Proto) -> None:
    proto.response_bytes(200, [JSON], page(scope.path, scope.query_string))


async def item_of(headers: Any, proto: Proto) -> Item:
    """Return the validated body; raises Refused."""
    if "transfer-encoding" in headers:
        raise Refused("411 Length Required")
    if "content-encoding" in headers:
        raise Refused("415 Unsupported Media Type")
    declared = headers.get("content-length")
    body = b""
    if declared is not None:
        size = length(declared)
        body = await proto()
        if len(body) < size:
            detail = f"The request body ended after {len(body)} of {size} declared bytes."
            raise Refused("400 Bad Request", detail)
    return item(body, headers.get("content-type") or "")


async def _create(scope: Scope, proto: Proto) -> None:
    proto.response_bytes(201, [JSON], encode(await item_of(scope.headers, proto)))


async def _session(scope: Scope, proto: Proto) -> None:
    headers = scope.headers
    proto.response_bytes(200, [JSON], session(headers.get("x-request-id"), "; ".join(headers.get_all("cookie"))))


def _function() -> str:
    return HELLO


async def _other(scope: Scope, proto: Proto) -> None:
    proto.response_bytes(200, [TEXT], (await asyncio.to_thread(_function)).encode())


async def _inline(scope: Scope, proto: Proto) -> None:
    proto.response_bytes(200, [TEXT], _function().encode())


async def _chunks() -> AsyncIterator[bytes]:
    for chunk in CHUNKS:
        yield chunk


async def _ticks() -> AsyncIterator[bytes]:
    for tick in TICKS:
        yield b"data: " + encode({"tick": tick}) + b"\n\n"


async def _sent(source: AsyncIterator[bytes], headers: list[tuple[str, str]], proto: Proto) -> None:
    # Sending to a client that left raises.
    transport = proto.response_stream(200, headers)
    async for chunk in source:
        await transport.send_bytes(chunk)


async def _stream(scope: Scope, proto: Proto) -> None:
    await _sent(_chunks(), [BYTES], proto)


async def _events(scope: Scope, proto: Proto) -> None:
    await _sent(_ticks(), [EVENTS, *UNCACHED], proto)


class _Headless:
    """A protocol that drops bodies."""

    def __init__(self, proto: Proto) -> None:
        self._proto = proto

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self._proto.response_bytes(status, headers, b"")

    def response_stream(self, status: int, headers: list[tuple[str, str]]) -> "_Headless":
        self._proto.response_bytes(status, headers, b"")
        return self

    async def send_bytes(self, data: bytes) -> None:
        pass


def _head(get: Handler) -> Handler:
    async def head(scope: Scope, proto: Proto) -> None:
        await get(scope, _Headless(proto))

    return head


def _options(allow: str) -> Handler:
    async def options(scope: Scope, proto: Proto) -> None:
        proto.response_bytes(204, [("allow", allow)], b"")

    return options


def _methods(get: Handler) -> dict[str, Handler]:
    return {"GET": get, "HEAD": _head(get), "OPTIONS": _options(READ)}


_STATIC: dict[str, tuple[dict[str, Handler], str]] = {
    "/plain": (_methods(_plain), READ),
    "/json": (_methods(_json), READ),
    "/session": (_methods(_session), READ),
    "/request": (_methods(_session), READ),
    "/other": (_methods(_other), READ),
    "/inline": (_methods(_inline), READ),
    "/stream": (_methods(_stream), READ),
    "/events": (_methods(_events), READ),
    "/values": (_methods(_events), READ),
    "/items": ({"POST": _create, "OPTIONS": _options(WRITE)}, WRITE),
}
_BELOW = {"/items": (_methods(_page), READ)}


async def rsgi(scope: Scope, proto: Proto) -> None:
    """Answer one RSGI HTTP request."""
    try:
        path = scope.path
        route = _STATIC.get(path)
        if route is None:
            above, _, value = path.rpartition("/")
            route = _BELOW.get(above) if value else None
            if route is None:
                raise Refused(NOT_FOUND)
        methods, allow = route
        handler = methods.get(scope.method)
        if handler is None:
            raise unknown_method(allow)
        await handler(scope, proto)
        return
    except Refused as error:
        refused = error
    except Exception:
        logger.exception("%s %r failed", scope.method, scope.path)
        refused = Refused("500 Internal Server Error")
    proto.response_bytes(int(refused.status[:3]), [PROBLEM, *refused.headers], refused.body)


def rsgi_layer(inner: Handler) -> Handler:
    """Return the callable behind one middleware."""

    async def layer(scope: Scope, proto: Proto) -> None:
        passed()
        await inner(scope, proto)

    return layer


async def _order(headers: Any, proto: Proto) -> tuple[tuple[str, str], bytes]:
    found = await item_of(headers, proto)
    return JSON, order(found, headers.get("x-token"), "; ".join(headers.get_all("cookie")))


async def _order_other(headers: Any, proto: Proto) -> tuple[tuple[str, str], bytes]:
    return TEXT, (await asyncio.to_thread(_function)).encode()


_THREE: dict[str, tuple[dict[str, Callable[..., Awaitable[tuple[tuple[str, str], bytes]]]], str]] = {
    "/orders": ({"POST": _order}, WRITE),
    "/other": ({"GET": _order_other}, READ),
}


async def rsgi_three(scope: Scope, proto: Proto) -> None:
    """Answer one RSGI HTTP request, and say in every answer what three middlewares would."""
    started = perf_counter()
    lines = scope.headers
    try:
        route = _THREE.get(scope.path)
        if route is None:
            raise Refused(NOT_FOUND)
        methods, allow = route
        handler = methods.get(scope.method)
        if handler is None:
            raise unknown_method(allow)
        media_type, content = await handler(lines, proto)
        status, headers = 200, [media_type]
    except Refused as refused:
        status, headers, content = int(refused.status[:3]), [PROBLEM, *refused.headers], refused.body
    except Exception:
        logger.exception("%s %r failed", scope.method, scope.path)
        status, headers, content = 500, [PROBLEM], Refused("500 Internal Server Error").body
    headers += [
        ("x-request-id", lines.get("x-request-id") or "none"),
        ("server-timing", f"app;dur={(perf_counter() - started) * 1e3:.1f}"),
    ]
    origin = lines.get("origin")
    if origin in ALLOWED:
        headers.append(("access-control-allow-origin", origin))
    proto.response_bytes(status, headers, content)


class _Telling:
    """A protocol that says in every whole answer the request's id, and which origin may read it."""

    def __init__(self, lines: Any, proto: Proto) -> None:
        self._lines = lines
        self._proto = proto

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        headers += [("x-request-id", self._lines.get("x-request-id") or "none"), ("vary", "origin")]
        origin = self._lines.get("origin")
        if origin in ALLOWED:
            headers.append(("access-control-allow-origin", origin))
        self._proto.response_bytes(status, headers, body)


async def rsgi_ready_made(scope: Scope, proto: Proto) -> None:
    """Answer one RSGI HTTP request, and say in every answer its id, and which origin may read it."""
    await rsgi(scope, _Telling(scope.headers, proto))
