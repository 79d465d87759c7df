"""What a return annotation decides: how iterators are streamed, whether tuples are meant, and which fields may leave.

Law: read once, at compile. No annotation, or `Any`, says nothing.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Union, get_args, get_origin

from hinge.errors import ConfigurationError
from hinge.inspection.annotations import members
from hinge.inspection.declared import class_of, named
from hinge.responses.jsonlines import JSON_LINES
from hinge.results.leaving import Project
from hinge.results.projection import is_a, projection

TEXT = "text/plain; charset=utf-8"
OCTETS = "application/octet-stream"


class Returns:
    """A handler's return annotation, as far as it decides what becomes of a result.

    Raises:
        ConfigurationError: it names what cannot be resolved.

    """

    __slots__ = ("_kinds", "items", "project_of", "stream_type", "tuples")

    def __init__(self, annotation: Any) -> None:
        self.stream_type = stream_type(annotation)
        """The media type of bare iterators."""
        self.items = stream_items(annotation)
        """What makes lines of the items of bare iterators; None: these are chunks."""
        self.tuples = returns_tuples(annotation)
        self.project_of = projection(annotation)
        self._kinds = [class_of(member) for member in named(annotation)]

    def takes_stream(self, kind: type) -> bool:
        """Tell whether the annotation has a place for a stream of a class: any iterator is one for all."""
        return any(
            one in (Any, Iterable) or (isinstance(one, type) and (is_stream(one) or is_a(kind, one)))
            for one in self._kinds
        )


_known = lru_cache(maxsize=1024)(Returns)


def returns_of(annotation: Any) -> Returns:
    """Return what an annotation decides; read once for all handlers that have it.

    Raises:
        ConfigurationError: it names what cannot be resolved.

    """
    try:
        return _known(annotation)
    except TypeError:
        return Returns(annotation)  # notes that cannot be hashed


def check_returns(annotation: Any, who: str) -> Returns:
    """Return what the annotation of a function decides.

    Raises:
        ConfigurationError: it names what cannot be resolved; it begins with `who`.

    """
    try:
        return returns_of(annotation)
    except ConfigurationError as error:
        raise ConfigurationError(f"{who}: the return annotation: {error}") from error


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
    streams = [member for member in members(returns) if _may_stream(get_origin(member)) and get_args(member)]
    items = Union[tuple(get_args(member)[0] for member in streams)] if streams else Any  # noqa: UP007 - of a sequence
    if any(_is_chunk(get_origin(one) or one) for one in members(items)):
        return None
    project_of = projection(items)
    return lambda item: item if (project := project_of(type(item))) is None else project(item)


def _may_stream(kind: Any) -> bool:
    return isinstance(kind, type) and (is_stream(kind) or kind is Iterable)


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
