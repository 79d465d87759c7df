"""Reading a scope whose header lines are found by name: for requests of which several lines are read.

Law: the lines are gone over once, and looked up then. Whoever asks gets what `scope.py` would have said: repeated lines
are one value, and a value that is not ASCII reads as empty.
"""

from collections.abc import Callable
from typing import TypeVar

from hinge_asgi import scope as plain
from hinge_asgi.scope import Indexed, Scope, lines_of

T = TypeVar("T")

header, headers = plain.of_lines, plain.headers_of_lines


def indexed(scope: Scope) -> Indexed:
    """Return a scope with its lines by name."""
    return scope, lines_of(scope)


def _of_scope(read: Callable[[Scope], T]) -> Callable[[Indexed], T]:
    return lambda head: read(head[0])


method = _of_scope(plain.method)
path = _of_scope(plain.path)
prefix = _of_scope(plain.prefix)
query_string = _of_scope(plain.query_string)
scheme = _of_scope(plain.scheme)
http_version = _of_scope(plain.http_version)
client = _of_scope(plain.client)
native = _of_scope(plain.native)
outer_state = _of_scope(plain.outer_state)
