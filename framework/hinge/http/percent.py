"""Percent-encoding (RFC 3986 section 2.1) for texts that mostly need none.

Law: `urllib.parse`, which knows how, is loaded by the first text that has something to encode or to decode.
"""

from collections.abc import Callable
from functools import cache

_UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~"


def quote(text: str, safe: str = "/", encoding: str = "utf-8") -> str:
    """Return a text with all that is neither unreserved nor in `safe` percent-encoded."""
    if not text.strip(_UNRESERVED + safe):  # which takes off no more than these, and leaves the first other one
        return text
    from urllib.parse import quote  # noqa: PLC0415 - the law above

    return quote(text, safe, encoding)


@cache
def unquoting() -> Callable[[bytes], bytes]:
    """Return what decodes; what escapes nothing stays."""
    from urllib.parse import unquote_to_bytes  # noqa: PLC0415 - the law above

    return unquote_to_bytes
