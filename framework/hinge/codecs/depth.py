"""How deep a body may nest, decided before anything decodes it.

Law: no body nested deeper than `MAX_DEPTH` reaches a decoder. The decoders recurse in C, and below CPython 3.14 they
overrun the stack of a small thread instead of raising; only refusing first is safe. Measured with msgspec 0.22 on
CPython 3.11 and 3.13 (x86-64): the first crash is at 148 levels on a 64 KiB stack, at 639 on 256 KiB.

Every check is linear in the body, and costs nothing to speak of for a body with at most `MAX_DEPTH` containers.
"""

from itertools import accumulate

from hinge.errors import HTTPError

MAX_DEPTH = 100
"""Levels of arrays and objects that a body may have; holds in a thread with a 64 KiB stack."""

_JSON_OTHERS = bytes(set(range(256)) - set(b'[]{}"'))
# Signed bytes: an opening bracket is +1, a closing one -1. Which kind it is does not matter, see `_json_exceeds`.
_JSON_STEPS = bytes(1 if byte in b"[{" else 0xFF if byte in b"]}" else 0 for byte in range(256))


_PIECE = 64 * 1024


def check_json_depth(body: bytes, limit: int = MAX_DEPTH) -> None:
    """Refuse a JSON body nested deeper than `limit`; malformed bodies are left to the decoder.

    Raises:
        HTTPError: 400, the body nests too deeply.
    """
    if len(body) <= limit or body.count(b"[") + body.count(b"{") <= limit:
        return
    if _json_exceeds(body, limit):
        raise too_deep(limit)


def too_deep(limit: int) -> HTTPError:
    """Return the answer to a body with more than `limit` levels."""
    return HTTPError(400, f"The body nests more than {limit} arrays and objects.")


def json_members(body: bytes) -> int:
    """Count the members of all objects of a well-formed JSON body, equal names each for itself."""
    return b"".join(_without_escapes(body).split(b'"')[::2]).count(b":")


def _without_escapes(body: bytes) -> bytes:
    if b"\\" not in body:
        return body
    # A backslash pair first, then an escaped quote: what is left of `"` opens and closes strings.
    return body.replace(b"\\\\", b"").replace(b'\\"', b"")


def _json_exceeds(body: bytes, limit: int) -> bool:
    """Tell whether more than `limit` brackets are open at once, outside strings; exact up to the first syntax error.

    Mismatched brackets need no care: the decoder stops at the first one, and everything before it is counted right.
    """
    body = _without_escapes(body)
    # Deleting `""` may merge two strings, but never moves a bracket into or out of one: between them was no bracket.
    marks = body.translate(None, _JSON_OTHERS).replace(b'""', b"")
    if b'"' in marks:
        marks = b"".join(marks.split(b'"')[::2])
    # Most long bodies are flat: without the innermost brackets (each `replace` takes one level at most) little is left.
    outer = marks.replace(b"[]", b"").replace(b"{}", b"")
    outer = outer.replace(b"[]", b"").replace(b"{}", b"")
    if outer.count(b"[") + outer.count(b"{") <= limit - 4:
        return False
    steps, level = memoryview(marks.translate(_JSON_STEPS)).cast("b"), 0
    for start in range(0, len(steps), _PIECE):  # between two of them, other threads have their turn
        piece = steps[start : start + _PIECE]
        if max(accumulate(piece, initial=level)) > limit:
            return True
        level += sum(piece)
    return False
