"""A result that is a body already: it was encoded while what it is made of was still open.

Law: its class says its media type, so that it goes out like the result that it was, on the same way.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, ClassVar

import msgspec


class Encoded(msgspec.Struct, eq=False, gc=False):  # a Struct, because many requests pay for its making
    """The body of a plain result."""

    body: bytes
    media_type: ClassVar[str]


_body: Callable[[Any], bytes] = attrgetter("body")
_kinds: dict[str, type[Encoded]] = {}


def encoded_as(media_type: str) -> type[Encoded]:
    """Return the class of results that are bodies of a media type."""
    kind = _kinds.get(media_type)
    if kind is None:
        kind = _kinds[media_type] = type("Encoded", (Encoded,), {"media_type": media_type}, eq=False, gc=False)
    return kind


def plain_of(kind: type[Encoded]) -> tuple[Callable[[Any], bytes], str]:
    """Return how such results become a body, and its media type."""
    return _body, kind.media_type
