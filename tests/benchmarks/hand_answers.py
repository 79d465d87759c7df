"""What the hand-written callables say, whatever the interface: conversion, validation and refusals.

They are what somebody writes who knows the interface and msgspec, and wants it correct. Nothing is left out that the
answers need: routing by dictionaries, 404 and 405 with Allow, HEAD and OPTIONS, conversion that takes ASCII digits
only, a repeated query key, 415, 413, a cut upload, two framings, a body that nests too deeply, 400 and 422, an
unexpected failure. Nothing is in it that they do not need: no contexts, no lifespan, no request object.
"""

from typing import Any
from urllib.parse import unquote_plus

import msgspec
from cases import Item, Page

LIMIT = 1 << 20
DEPTH = 100
_BOOLS = {"true": True, "false": False, "1": True, "0": False, "on": True, "off": False, "yes": True, "no": False}
encode = msgspec.json.Encoder().encode
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
        self.body = encode(document | more)
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


def page(path: str, query: str) -> bytes:
    try:
        item_id = _integer(path[7:])  # behind "/items/"
    except ValueError:
        raise Refused(NOT_FOUND) from None
    limit, verbose = _query(query)
    return encode(Page(item_id, limit, verbose))


def length(declared: str) -> int:
    if not (declared.isascii() and declared.isdigit()):
        raise Refused("400 Bad Request", "Content-Length is not a number.", ("connection", "close"))
    length = int(declared) if len(declared) < 20 else LIMIT + 1
    if length > LIMIT:
        raise Refused("413 Content Too Large", f"The request body is larger than the {LIMIT} bytes allowed here.")
    return length


def item(body: bytes, content_type: str) -> Item:
    if content_type != "application/json" and content_type.replace(" ", "").lower() != "application/json;charset=utf-8":
        raise Refused("415 Unsupported Media Type", ACCEPTED, ("accept", "application/json, application/msgpack"))
    if len(body) > DEPTH and body.count(b"[") + body.count(b"{") > DEPTH:
        raise Refused("400 Bad Request", f"The body nests more than {DEPTH} arrays and objects.")
    try:
        return _decode_item(body)
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


def unknown_method(allow: str) -> Refused:
    return Refused("405 Method Not Allowed", f"This resource answers {allow}.", ("allow", allow))


READ = "GET, HEAD, OPTIONS"
WRITE = "OPTIONS, POST"


def _session_cookie(cookies: str | None) -> str | None:
    for pair in (cookies or "").split(";"):
        name, found, text = pair.strip(" \t").partition("=")
        if found and name == "session":
            return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
    return None


def required(where: str, name: str) -> Refused:
    """Return what refuses a request without a value."""
    return _invalid([{"in": where, "name": name, "message": "is required"}])


def _required(name: str, header: str | None, cookie: str | None) -> None:
    missing = [("header", name, header), ("cookie", "session", cookie)]
    errors = [{"in": where, "name": name, "message": "is required"} for where, name, value in missing if value is None]
    if errors:
        raise _invalid(errors)


def session(request_id: str | None, cookies: str | None) -> bytes:
    """Return the answer that holds one header and one cookie."""
    cookie = _session_cookie(cookies)
    _required("x-request-id", request_id, cookie)
    return encode({"request_id": request_id, "session": cookie})


def order(item: Item, token: str | None, cookies: str | None) -> bytes:
    """Return the answer to the realistic request."""
    cookie = _session_cookie(cookies)
    if token is None or cookie is None:
        _required("x-token", token, cookie)
    return encode({"name": item.name, "token": token, "session": cookie, "parts": len(item.parts)})
