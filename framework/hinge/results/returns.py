"""What a return annotation decides: which fields may leave, what is encoded, how iterators are streamed.

Law: read once, at compile, and once for all handlers that have it. No annotation, or `Any`, says nothing.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias, Union, get_args, get_origin

from hinge.codecs import encode_json
from hinge.errors import ConfigurationError
from hinge.inspection.annotations import class_of, members
from hinge.inspection.declared import named
from hinge.inspection.remembered import remembered
from hinge.responses.jsonlines import JSON_LINES
from hinge.responses.response import Response
from hinge.results.encoded import Encoded, plain_of
from hinge.results.projection import is_a, projection
from hinge.results.projectors import Project

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
OCTETS = "application/octet-stream"

Encode: TypeAlias = Callable[[Any], bytes]
Plain: TypeAlias = tuple[Encode, str]
"""How a plain result becomes a body, and its media type."""


class Returns:
    """A handler's return annotation, as far as it decides what becomes of a result.

    Raises:
        ConfigurationError: it names what cannot be resolved.
    """

    __slots__ = ("_kinds", "_project_of", "items", "stream_type", "takes_tuples")

    def __init__(self, annotation: Any) -> None:
        self.items = _stream_items(annotation)
        """What makes lines of the items of bare iterators; None: these are chunks."""
        self.stream_type = _stream_type(annotation, self.items)
        """The media type of bare iterators."""
        self.takes_tuples = any(_takes_tuples(member) for member in members(annotation))
        self._project_of = projection(annotation)
        self._kinds = [class_of(member) for member in named(annotation)]

    def plain(self, kind: type) -> Plain | None:
        """Return how results of a class become a body, None if they are none by themselves."""
        if kind is type(None) or issubclass(kind, Response | BaseException) or is_stream(kind):
            return None
        if issubclass(kind, Encoded):
            return plain_of(kind)
        if hasattr(kind, "__await__") or (kind is tuple and not self.takes_tuples):
            return None
        project = self._project_of(kind)
        if issubclass(kind, _CHUNKS):  # of a text there is no part: it may leave or not
            return project or _octets(kind), TEXT if issubclass(kind, str) else OCTETS
        return (encode_json if project is None else project.through(encode_json)), JSON

    def encoded(self, kind: type) -> Project | None:
        """Return what of results of a class is encoded, None if they are sent in another way, such as a text."""
        how = self.plain(kind)
        return None if how is None or how[1] != JSON else self._project_of(kind) or _same

    def takes_stream(self, kind: type) -> bool:
        """Tell whether the annotation has a place for a stream of a class: any iterator is one for all."""
        return any(
            one in (Any, Iterable) or (isinstance(one, type) and (is_stream(one) or is_a(kind, one)))
            for one in self._kinds
        )


@remembered
def returns_of(annotation: Any) -> Returns:
    """Return what an annotation decides.

    Raises:
        ConfigurationError: it names what cannot be resolved.
    """
    return Returns(annotation)


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


def _stream_type(returns: Any, items: Project | None) -> str:
    """Return the media type of what a handler streams: `Iterator[str]` is text."""
    if items is not None:
        return JSON_LINES
    # Of Generator[yielded, sent, returned] the first one counts.
    return TEXT if any(get_args(member)[:1] == (str,) for member in members(returns)) else OCTETS


def _stream_items(returns: Any) -> Project | None:
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


def _takes_tuples(member: Any) -> bool:
    """Tell whether a member of a return annotation has room for a tuple; none, or `Any`, does not say so."""
    if member is Any:
        return False
    kind = get_origin(member) or member
    try:
        return not isinstance(kind, type) or issubclass(tuple, kind) or kind is list
    except TypeError:  # a Protocol with attributes
        return True


def _same(value: Any) -> Any:
    return value


def _octets(kind: type) -> Encode:
    if issubclass(kind, str):
        return str.encode
    return _same if kind is bytes else bytes


UNANNOTATED = Returns(Any)
