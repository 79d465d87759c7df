"""The markers that say where a handler's parameter comes from.

Law: frozen data. `Query[int]` is `Annotated[int, QueryParam()]`; the long form carries options:
`Annotated[int, QueryParam(name="page-size"), msgspec.Meta(ge=1)]`.
"""

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec

from hinge.binding.documented import Documented
from hinge.diagnostics.kinds import FLAG, TEXT, want, wrong
from hinge.inspection.annotations import UNIONS, unalias, union

T = TypeVar("T")


class Param(msgspec.Struct, frozen=True):
    """What all markers carry: the name on the wire (default: derived from the parameter) and a description."""

    name: str | None = None
    description: str | None = None
    deprecated: bool = False

    def __post_init__(self) -> None:
        what, name = type(self).__name__, self.name
        if type(name).__hash__ is None:  # others are told with their parameter
            raise wrong(what, "name", name, "it is no text", "a text")
        want(what, TEXT, optional=True, description=self.description)
        want(what, FLAG, deprecated=self.deprecated)


class PathParam(Param, frozen=True):
    """Take the value from the path template."""


class QueryParam(Param, frozen=True):
    """Take the value from the query string; a list takes repeated keys, a Struct the whole query string."""


class HeaderParam(Param, frozen=True):
    """Take the value from a request header, its name by default the parameter's with `-` for `_`.

    A list takes the members of a list header, a Struct one header for each field.
    """


class CookieParam(Param, frozen=True):
    """Take the value from a cookie; a Struct takes one for each field."""


class BodyParam(Param, frozen=True):
    """Take the value from the request body; `bytes` takes it undecoded, whatever its media type."""


class FormParam(Param, frozen=True):
    """Take the value from a form: a text, a file, lists of them for repeated names, or a Struct for the whole form."""


Scope = Literal["request", "app"]


class Dependency(Param, frozen=True, eq=False):
    """Take the value from a provider; made by `hinge.Depends`. It is equal to itself alone."""

    provider: Callable[..., Any] | None = None
    """None: the annotated class."""
    scope: Scope = "request"
    cached: bool = True
    """Whether all who need the provider in a request get one value."""
    documented: tuple[Documented, ...] = ()
    """What the document of each route that reaches it lists besides."""
    location: str = ""
    scopes: tuple[str, ...] = ()
    """What is wanted of whoever asks; made by `hinge.Security`."""
    is_guard: bool = False
    """Whether it runs before the body, whatever it needs."""


class Called(msgspec.Struct, frozen=True):
    """What `Query(5)` gives: a mistake that is told where its parameter is known."""

    alias: str
    positional: tuple[Any, ...]
    options: dict[str, Any]


class Alias:
    """What `Query` is at run time: `Query[int]` is `Annotated[int, QueryParam()]`."""

    __slots__ = ("_marker", "name")

    def __init__(self, name: str, marker: Param) -> None:
        self.name = name
        self._marker = marker

    def __getitem__(self, kind: Any) -> Any:
        return Annotated[kind, self._marker]

    def __call__(self, *positional: Any, **options: Any) -> Called:
        """Return the mistake, for the plan to tell."""
        return Called(self.name, positional, options)

    def __or__(self, other: Any) -> Any:
        return Union[self, other]  # noqa: UP007 - `|` would come back here

    def __ror__(self, other: Any) -> Any:
        return Union[other, self]  # noqa: UP007

    def __repr__(self) -> str:
        return f"hinge.{self.name}"


if TYPE_CHECKING:
    Path = Annotated[T, PathParam()]
    Query = Annotated[T, QueryParam()]
    Header = Annotated[T, HeaderParam()]
    Cookie = Annotated[T, CookieParam()]
    Body = Annotated[T, BodyParam()]
    Form = Annotated[T, FormParam()]
else:
    # The same at run time, but one that is called, or stands alone, can be found and refused (hinge.binding.mistakes).
    Path = Alias("Path", PathParam())
    Query = Alias("Query", QueryParam())
    Header = Alias("Header", HeaderParam())
    Cookie = Alias("Cookie", CookieParam())
    Body = Alias("Body", BodyParam())
    Form = Alias("Form", FormParam())


def dependency_of(parameter: inspect.Parameter, annotation: Any) -> Dependency | None:
    """Return the mark of a parameter that is a dependency, by its annotation or its default; None for any other."""
    if isinstance(parameter.default, Dependency):
        return parameter.default
    if annotation is parameter.empty:
        return None
    return next((one for one in split(annotation)[0] if isinstance(one, Dependency)), None)


def split(annotation: Any) -> tuple[list[Param], Any]:
    """Return the different markers of an annotation, and the type with its constraints but without them.

    `Header[str] | None` and `Header[str | None]` mean the same. A marker in a place where it would say nothing is found
    too, so that it can be refused.
    """
    plain = unalias(annotation)
    if isinstance(plain, type):
        return [], annotation
    if get_origin(plain) is Annotated:
        inner, *notes = get_args(plain)
        markers, kind = split(inner)
        markers = list(dict.fromkeys([*markers, *(note for note in notes if isinstance(note, Param))]))
        rest = [note for note in notes if not isinstance(note, Param)]
        return markers, Annotated[(kind, *rest)] if rest else kind
    if get_origin(plain) in UNIONS:
        parts = [split(part) for part in get_args(plain)]
        markers = list(dict.fromkeys(marker for found, _ in parts for marker in found))
        if markers:
            return markers, union(kind for _, kind in parts)
    return [], annotation
