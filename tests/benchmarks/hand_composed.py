"""The callables that are written by hand once more: what others have dependencies, sessions and middleware for.

A session is a signed text in a cookie that says when it began; one that is too old or signed by nobody is none.
"""

import asyncio
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from hashlib import sha256
from time import time
from typing import Any

import hand_asgi
import hand_rsgi
import hand_wsgi
import msgspec
from cases import ALLOWED, CONNECTION, KEY, SETTINGS, Item, passed
from hand_answers import NOT_FOUND, Refused, encode, item, required, unknown_method

DAYS_14 = 14 * 24 * 60 * 60
COOKIE = "__Host-session"
ATTRIBUTES = f"Max-Age={DAYS_14}; Path=/; Secure; HttpOnly; SameSite=Lax"


class Visit(msgspec.Struct):
    """What the cookie holds."""

    at: int
    token: str
    orders: int


_decode_visit = msgspec.json.Decoder(Visit).decode
_key = hmac.new(KEY.encode(), digestmod=sha256)


def _signature(payload: bytes) -> bytes:
    made = _key.copy()
    made.update(payload)
    return urlsafe_b64encode(made.digest())


def _dump(visit: Visit) -> str:
    payload = urlsafe_b64encode(encode(visit))
    return f"{COOKIE}={payload.decode()}.{_signature(payload).decode()}; {ATTRIBUTES}"


def _load(cookies: str | None) -> Visit | None:
    for pair in (cookies or "").split(";"):
        name, _, text = pair.strip(" \t").partition("=")
        if name == COOKIE:
            payload, _, signature = text.encode("latin-1").partition(b".")
            if not hmac.compare_digest(signature, _signature(payload)):
                return None
            visit = _decode_visit(urlsafe_b64decode(payload))
            return visit if time() - visit.at < DAYS_14 else None
    return None


# -- what the routes answer with ---------------------------------------------------------------------------------------


def _bare(token: str | None) -> bytes:
    if token is None:
        raise required("header", "x-token")
    return encode({"user": CONNECTION.name_of(token), "currency": SETTINGS.currency})


def _three(token: str | None) -> bytes:
    if token is None:
        raise required("header", "x-token")
    connection = CONNECTION
    try:
        return encode({"user": connection.name_of(token), "currency": SETTINGS.currency})
    finally:
        passed()


async def _async_bare(token: str | None) -> bytes:
    return _bare(token)


async def _async_three(token: str | None) -> bytes:
    return _three(token)


def _ordered(path: str, cookies: str | None, item: Item | None) -> tuple[bytes, str | None]:
    """Return the content, and the cookie that is set."""
    visit = _load(cookies)
    if path == "/login":
        return encode({}), _dump(Visit(int(time()), "secret-token", 1))
    if visit is None or item is None:
        raise Refused("403 Forbidden")
    cookie = None
    connection = CONNECTION
    try:
        user = connection.name_of(visit.token)
        if path == "/cart":
            visit.orders += 1
            cookie = _dump(visit)
        answer = {"user": user, "currency": SETTINGS.currency, "name": item.name, "orders": visit.orders}
        return encode(answer), cookie
    finally:
        passed()


_HERE = {"/bare": _bare, "/three": _three}
_ELSEWHERE: dict[str, tuple[Callable[..., bytes], Callable[..., Any]]] = {
    "/other/bare": (_bare, _async_bare),
    "/other/three": (_three, _async_three),
}
_STACK = {"/login", "/check", "/cart"}
_CREDENTIALS = ("access-control-allow-credentials", "true")


# -- WSGI --------------------------------------------------------------------------------------------------------------


def _sent(start_response: Any, status: str, headers: list[tuple[str, str]], content: bytes) -> list[bytes]:
    start_response(status, [*headers, ("content-length", str(len(content)))])
    return [content]


def wsgi_composed(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer one WSGI request to a route with dependencies."""
    path, token = environ["PATH_INFO"], environ.get("HTTP_X_TOKEN")
    try:
        if environ["REQUEST_METHOD"] != "GET":
            raise unknown_method("GET")
        if path in _HERE:
            content = _HERE[path](token)
        elif path in _ELSEWHERE:
            work = _ELSEWHERE[path][1](token)
            content = asyncio.run_coroutine_threadsafe(work, hand_wsgi.loop()).result()
        else:
            raise Refused(NOT_FOUND)
    except Refused as refused:
        return _sent(start_response, refused.status, [hand_wsgi.PROBLEM, *refused.headers], refused.body)
    return _sent(start_response, "200 OK", [hand_wsgi.JSON], content)


def wsgi_stack(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer one WSGI request behind CORS, a request id and a session."""
    path, found = environ["PATH_INFO"], None
    status, headers = "200 OK", [hand_wsgi.JSON]
    try:
        if path not in _STACK:
            raise Refused(NOT_FOUND)
        if environ["REQUEST_METHOD"] != "POST":
            raise unknown_method("POST")
        if path != "/login":
            found = item(hand_wsgi.body(environ), environ.get("CONTENT_TYPE", ""))
        content, cookie = _ordered(path, environ.get("HTTP_COOKIE"), found)
        if cookie is not None:
            headers += [("set-cookie", cookie), ("cache-control", "private")]
        headers.append(("vary", "Cookie, origin"))
    except Refused as refused:
        status, headers, content = refused.status, [hand_wsgi.PROBLEM, *refused.headers], refused.body
    headers.append(("x-request-id", environ.get("HTTP_X_REQUEST_ID") or "none"))
    origin = environ.get("HTTP_ORIGIN")
    if origin in ALLOWED:
        headers += [("access-control-allow-origin", origin), _CREDENTIALS]
    return _sent(start_response, status, headers, content)


# -- ASGI --------------------------------------------------------------------------------------------------------------


async def _send(send: Any, status: int, headers: list[tuple[bytes, bytes]], content: bytes) -> None:
    headers.append((b"content-length", b"%d" % len(content)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content, "more_body": False})


async def asgi_composed(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer one ASGI request to a route with dependencies."""
    path, token = scope["path"], None
    for name, value in scope["headers"]:
        if name == b"x-token":
            token = value.decode("latin-1")
    try:
        if scope["method"] != "GET":
            raise unknown_method("GET")
        if path in _HERE:
            content = _HERE[path](token)
        elif path in _ELSEWHERE:
            content = await asyncio.to_thread(_ELSEWHERE[path][0], token)
        else:
            raise Refused(NOT_FOUND)
    except Refused as refused:
        await _send(send, *hand_asgi.refusal(refused))
        return
    await _send(send, 200, [hand_asgi.AJSON], content)


_ORIGINS = {
    origin.encode(): [(b"access-control-allow-origin", origin.encode()), (b"access-control-allow-credentials", b"true")]
    for origin in ALLOWED
}


async def asgi_stack(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer one ASGI request behind CORS, a request id and a session."""
    path, found = scope["path"], None
    lines = hand_asgi.lines_of(scope["headers"])
    status, headers = 200, [hand_asgi.AJSON]
    try:
        if path not in _STACK:
            raise Refused(NOT_FOUND)
        if scope["method"] != "POST":
            raise unknown_method("POST")
        if path != "/login":
            found = await hand_asgi.item_of(lines, receive)
        content, cookie = _ordered(path, hand_asgi.text(lines.get(b"cookie")), found)
        if cookie is not None:
            headers += [(b"set-cookie", cookie.encode()), (b"cache-control", b"private")]
        headers.append((b"vary", b"Cookie, origin"))
    except Refused as refused:
        status, headers, content = hand_asgi.refusal(refused)
    headers.append((b"x-request-id", lines.get(b"x-request-id") or b"none"))
    headers += _ORIGINS.get(lines.get(b"origin", b""), ())
    await _send(send, status, headers, content)


# -- RSGI --------------------------------------------------------------------------------------------------------------


async def rsgi_composed(scope: Any, proto: Any) -> None:
    """Answer one RSGI request to a route with dependencies."""
    path, token = scope.path, scope.headers.get("x-token")
    try:
        if scope.method != "GET":
            raise unknown_method("GET")
        if path in _HERE:
            content = _HERE[path](token)
        elif path in _ELSEWHERE:
            content = await asyncio.to_thread(_ELSEWHERE[path][0], token)
        else:
            raise Refused(NOT_FOUND)
    except Refused as refused:
        proto.response_bytes(int(refused.status[:3]), [hand_rsgi.PROBLEM, *refused.headers], refused.body)
        return
    proto.response_bytes(200, [hand_rsgi.JSON], content)


async def rsgi_stack(scope: Any, proto: Any) -> None:
    """Answer one RSGI request behind CORS, a request id and a session."""
    path, lines, found = scope.path, scope.headers, None
    status, headers = 200, [hand_rsgi.JSON]
    try:
        if path not in _STACK:
            raise Refused(NOT_FOUND)
        if scope.method != "POST":
            raise unknown_method("POST")
        if path != "/login":
            found = await hand_rsgi.item_of(lines, proto)
        content, cookie = _ordered(path, "; ".join(lines.get_all("cookie")), found)
        if cookie is not None:
            headers += [("set-cookie", cookie), ("cache-control", "private")]
        headers.append(("vary", "Cookie, origin"))
    except Refused as refused:
        status, headers, content = int(refused.status[:3]), [hand_rsgi.PROBLEM, *refused.headers], refused.body
    headers.append(("x-request-id", lines.get("x-request-id") or "none"))
    origin = lines.get("origin")
    if origin in ALLOWED:
        headers += [("access-control-allow-origin", origin), _CREDENTIALS]
    proto.response_bytes(status, headers, content)
