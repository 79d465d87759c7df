"""The WSGI callable that is written by hand, and its middleware."""

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator
from functools import cache
from time import perf_counter
from typing import Any

from cases import ALLOWED, CHUNKS, HELLO, TICKS, passed
from hand_answers import NOT_FOUND, READ, WRITE, Refused, encode, item, length, order, page, session, unknown_method

logger = logging.getLogger(__name__)

TEXT = ("content-type", "text/plain; charset=utf-8")
JSON = ("content-type", "application/json")
BYTES = ("content-type", "application/octet-stream")
EVENTS = ("content-type", "text/event-stream")
UNCACHED = [("cache-control", "no-store"), ("x-accel-buffering", "no")]
PROBLEM = ("content-type", "application/problem+json")

Environ = dict[str, Any]
Start = Callable[..., Any]
Handler = Callable[..., Iterable[bytes]]


def _wsgi_plain(environ: Environ, start_response: Start) -> list[bytes]:
    content = HELLO.encode()
    start_response("200 OK", [TEXT, ("content-length", str(len(content)))])
    return [content]


def _wsgi_json(environ: Environ, start_response: Start) -> list[bytes]:
    content = encode({"message": HELLO})
    start_response("200 OK", [JSON, ("content-length", str(len(content)))])
    return [content]


def _wsgi_page(environ: Environ, start_response: Start) -> list[bytes]:
    content = page(environ["PATH_INFO"], environ.get("QUERY_STRING", ""))
    start_response("200 OK", [JSON, ("content-length", str(len(content)))])
    return [content]


def body(environ: Environ) -> bytes:
    """Return the body; raises Refused."""
    declared = environ.get("CONTENT_LENGTH")
    if "HTTP_TRANSFER_ENCODING" in environ:
        raise Refused("411 Length Required")
    found = b""
    if declared:
        size = length(declared)
        read = environ["wsgi.input"].read
        found = read(size)
        while len(found) < size:
            piece = read(size - len(found))
            if not piece:
                detail = f"The request body ended after {len(found)} of {size} declared bytes."
                raise Refused("400 Bad Request", detail)
            found += piece
    if "HTTP_CONTENT_ENCODING" in environ:
        raise Refused("415 Unsupported Media Type")
    return found


def _wsgi_create(environ: Environ, start_response: Start) -> list[bytes]:
    content = encode(item(body(environ), environ.get("CONTENT_TYPE", "")))
    start_response("201 Created", [JSON, ("content-length", str(len(content)))])
    return [content]


def _wsgi_session(environ: Environ, start_response: Start) -> list[bytes]:
    content = session(environ.get("HTTP_X_REQUEST_ID"), environ.get("HTTP_COOKIE"))
    start_response("200 OK", [JSON, ("content-length", str(len(content)))])
    return [content]


async def _coroutine() -> str:
    return HELLO


@cache
def loop() -> asyncio.AbstractEventLoop:
    """Return the loop that runs in a thread of its own."""
    made = asyncio.new_event_loop()
    threading.Thread(target=made.run_forever, daemon=True).start()
    return made


def _driven(coroutine: Coroutine[Any, Any, str]) -> str:
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: str = stop.value
        return result
    coroutine.close()
    raise RuntimeError("an inline coroutine waited")


def _wsgi_other(environ: Environ, start_response: Start) -> list[bytes]:
    content = asyncio.run_coroutine_threadsafe(_coroutine(), loop()).result().encode()
    start_response("200 OK", [TEXT, ("content-length", str(len(content)))])
    return [content]


def _wsgi_inline(environ: Environ, start_response: Start) -> list[bytes]:
    content = _driven(_coroutine()).encode()
    start_response("200 OK", [TEXT, ("content-length", str(len(content)))])
    return [content]


def _chunks() -> Iterator[bytes]:
    for chunk in CHUNKS:  # noqa: UP028 - as a source that makes them
        yield chunk


_kept = threading.local()


def _wsgi_thread(environ: Environ, start_response: Start) -> list[bytes]:
    runner = getattr(_kept, "runner", None)
    if runner is None:
        runner = _kept.runner = asyncio.Runner()
    content = runner.run(_coroutine()).encode()
    start_response("200 OK", [TEXT, ("content-length", str(len(content)))])
    return [content]


def _wsgi_stream(environ: Environ, start_response: Start) -> Iterable[bytes]:
    start_response("200 OK", [BYTES])
    return _chunks()


def _ticks() -> Iterator[bytes]:
    for tick in TICKS:
        yield b"data: " + encode({"tick": tick}) + b"\n\n"


def _wsgi_events(environ: Environ, start_response: Start) -> Iterable[bytes]:
    start_response("200 OK", [EVENTS, *UNCACHED])
    return _ticks()


def _wsgi_head(get: Handler) -> Handler:
    def head(environ: Environ, start_response: Start) -> list[bytes]:
        get(environ, start_response)
        return []

    return head


def _wsgi_options(allow: str) -> Handler:
    def options(environ: Environ, start_response: Start) -> list[bytes]:
        start_response("204 No Content", [("allow", allow)])
        return []

    return options


def _wsgi_methods(get: Handler) -> dict[str, Handler]:
    return {"GET": get, "HEAD": _wsgi_head(get), "OPTIONS": _wsgi_options(READ)}


_WSGI_STATIC: dict[str, tuple[dict[str, Handler], str]] = {
    "/plain": (_wsgi_methods(_wsgi_plain), READ),
    "/json": (_wsgi_methods(_wsgi_json), READ),
    "/session": (_wsgi_methods(_wsgi_session), READ),
    "/request": (_wsgi_methods(_wsgi_session), READ),
    "/other": (_wsgi_methods(_wsgi_other), READ),
    "/inline": (_wsgi_methods(_wsgi_inline), READ),
    "/thread": (_wsgi_methods(_wsgi_thread), READ),
    "/stream": (_wsgi_methods(_wsgi_stream), READ),
    "/events": (_wsgi_methods(_wsgi_events), READ),
    "/values": (_wsgi_methods(_wsgi_events), READ),
    "/items": ({"POST": _wsgi_create, "OPTIONS": _wsgi_options(WRITE)}, WRITE),
}
_WSGI_BELOW = {"/items": (_wsgi_methods(_wsgi_page), READ)}


def wsgi(environ: Environ, start_response: Start) -> Iterable[bytes]:
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
            raise unknown_method(allow)
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


def wsgi_layer(inner: Handler) -> Handler:
    """Return the callable behind one middleware."""

    def layer(environ: Environ, start_response: Start) -> Iterable[bytes]:
        passed()
        return inner(environ, start_response)

    return layer


def _order(environ: Environ) -> tuple[tuple[str, str], bytes]:
    found = item(body(environ), environ.get("CONTENT_TYPE", ""))
    return JSON, order(found, environ.get("HTTP_X_TOKEN"), environ.get("HTTP_COOKIE"))


def _order_other(environ: Environ) -> tuple[tuple[str, str], bytes]:
    return TEXT, asyncio.run_coroutine_threadsafe(_coroutine(), loop()).result().encode()


_THREE: dict[str, tuple[dict[str, Callable[[Environ], tuple[tuple[str, str], bytes]]], str]] = {
    "/orders": ({"POST": _order}, WRITE),
    "/other": ({"GET": _order_other}, READ),
}


def wsgi_three(environ: Environ, start_response: Start) -> list[bytes]:
    """Answer one WSGI request, and say in every answer what three middlewares would."""
    started = perf_counter()
    try:
        route = _THREE.get(environ["PATH_INFO"])
        if route is None:
            raise Refused(NOT_FOUND)
        methods, allow = route
        handler = methods.get(environ["REQUEST_METHOD"])
        if handler is None:
            raise unknown_method(allow)
        media_type, content = handler(environ)
        status, headers = "200 OK", [media_type]
    except Refused as refused:
        status, headers, content = refused.status, [PROBLEM, *refused.headers], refused.body
    except Exception:
        logger.exception("%s %r failed", environ["REQUEST_METHOD"], environ["PATH_INFO"])
        refused = Refused("500 Internal Server Error")
        status, headers, content = refused.status, [PROBLEM], refused.body
    headers += [
        ("content-length", str(len(content))),
        ("x-request-id", environ.get("HTTP_X_REQUEST_ID") or "none"),
        ("server-timing", f"app;dur={(perf_counter() - started) * 1e3:.1f}"),
    ]
    origin = environ.get("HTTP_ORIGIN")
    if origin in ALLOWED:
        headers.append(("access-control-allow-origin", origin))
    start_response(status, headers)
    return [content]


def wsgi_ready_made(environ: Environ, start_response: Start) -> Iterable[bytes]:
    """Answer one WSGI request, and say in every answer its id, and which origin may read it."""

    def start(status: str, headers: list[tuple[str, str]]) -> None:
        headers += [("x-request-id", environ.get("HTTP_X_REQUEST_ID") or "none"), ("vary", "origin")]
        origin = environ.get("HTTP_ORIGIN")
        if origin in ALLOWED:
            headers.append(("access-control-allow-origin", origin))
        start_response(status, headers)

    return wsgi(environ, start)
