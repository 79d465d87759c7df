"""A scope whose header lines are found by name: for requests of which several lines are read.

Law: the lines are gone over once, and looked up then. Whoever asks gets what `scope.py` would have said: repeated lines
are one value, and a value that is not ASCII reads as empty.
"""

from hinge_asgi import scope as plain
from hinge_asgi.scope import Indexed

header = plain.of_lines


def query_string(head: Indexed) -> str:
    """Return the undecoded query string."""
    return plain.query_string(head[0])
