"""What a return annotation decides: how iterators are streamed, whether tuples are meant, and which fields may leave.

Law: read once, at compile. No annotation, or `Any`, says nothing.
"""

from collections.abc import Iterable
from typing import Any, get_args, get_origin

from hinge.annotations import members
from hinge.projection import Project, projection

TEXT = "text/plain; charset=utf-8"
OCTETS = "application/octet-stream"
JSON_LINES = "application/jsonl"


class Returns:
    """A handler's return annotation, as far as it decides what becomes of a result."""

    __slots__ = ("items", "project_of", "stream_type", "tuples")

    def __init__(self, annotation: Any) -> None:
        self.stream_type = stream_type(annotation)
        """The media type of bare iterators."""
        self.items = stream_items(annotation)
        """What makes lines of the items of bare iterators; None: these are chunks."""
        self.tuples = returns_tuples(annotation)
        self.project_of = projection(annotation)


def is_stream(kind: type) -> bool:
    """Tell whether a type is a sync or async iterator, or an async iterable: what is sent piece by piece."""
    return hasattr(kind, "__next__") or hasattr(kind, "__anext__") or hasattr(kind, "__aiter__")


def stream_type(returns: Any) -> str:
    """Return the media type of what a handler streams, by its return annotation: `Iterator[str]` is text."""
    if stream_items(returns) is not None:
        return JSON_LINES
    # Of Generator[yielded, sent, returned] the first one counts.
    return TEXT if any(get_args(member)[:1] == (str,) for member in members(returns)) else OCTETS


def stream_items(returns: Any) -> Project | None:
    """Return what leaves of a stream's items only what is annotated; None if these are chunks, or nothing says so."""
    for member in members(returns):
        items = get_args(member)[:1]
        kind = get_origin(member)
        if items and isinstance(kind, type) and (is_stream(kind) or kind is Iterable):
            kinds = [get_origin(one) or one for one in members(items[0])]
            if not any(map(_is_chunk, kinds)):
                project_of = projection(items[0])
                return lambda item: item if (project := project_of(type(item))) is None else project(item)
    return None


def _is_chunk(kind: Any) -> bool:
    """Tell whether a class of items is one of chunks, or may well be."""
    return kind in (Any, object) or not isinstance(kind, type) or issubclass(kind, _CHUNKS)


_CHUNKS = (str, bytes, bytearray, memoryview)


def returns_tuples(returns: Any) -> bool:
    """Tell whether a return annotation has room for a tuple; none, or `Any`, does not say so."""
    return any(_takes_tuples(member) for member in members(returns))


def _takes_tuples(member: Any) -> bool:
    if member is Any:
        return False
    kind = get_origin(member) or member
    try:
        return not isinstance(kind, type) or issubclass(tuple, kind) or kind is list
    except TypeError:  # a Protocol with attributes
        return True


UNANNOTATED = Returns(Any)
