"""A scope whose header lines are found by name: for requests of which several lines are read.

Law: the lines are gone over once, and looked up then. Whoever asks gets what `scope.py` would have said: repeated lines
are one value, and a value that is not ASCII reads as empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from hinge.http.cookies import cookie_text
from hinge_asgi import scope as plain
from hinge_asgi.scope import NEVER_EMPTY, Scope

Lines = Mapping[bytes, bytes]
"""The lines of one request by name."""
Head = tuple[Scope, Lines]
"""What the accessors here read."""


def lines_of(scope: Scope) -> Lines:
    """Return the header lines of a scope by name, repeated ones joined."""
    pairs = scope["headers"]
    found = dict(pairs)
    return found if len(found) == len(pairs) else _joined(pairs)


def _joined(pairs: Iterable[tuple[bytes, bytes]]) -> Lines:
    values: dict[bytes, list[bytes]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return {name: plain.joint(name).join(lines) for name, lines in values.items()}


def query_string(head: Head) -> str:
    """Return the undecoded query string."""
    return plain.query_string(head[0])


@cache
def header(name: str) -> Callable[[Head], str | None]:
    """Return an accessor of one header."""
    wanted = name.encode("latin-1")
    empty = None if name in NEVER_EMPTY else ""
    if b"_" in wanted:
        return lambda head: None

    def get(head: Head) -> Any:
        value = head[1].get(wanted)
        if value is None:
            return None
        if value and value.isascii():
            return value.decode()
        return cookie_text(value) if name == "cookie" else empty

    return get
