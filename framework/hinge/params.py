"""The markers that say where a handler's parameter comes from.

Law: frozen data, no behaviour. `Query[int]` is `Annotated[int, QueryParam()]`; the long form carries options:
`Annotated[int, QueryParam(name="page-size"), msgspec.Meta(ge=1)]`.
"""

from dataclasses import dataclass
from typing import Annotated, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Param:
    """What all markers carry: the name on the wire (default: derived from the parameter) and a description."""

    name: str | None = None
    description: str | None = None
    deprecated: bool = False


@dataclass(frozen=True, slots=True)
class PathParam(Param):
    """Take the value from the path template."""


@dataclass(frozen=True, slots=True)
class QueryParam(Param):
    """Take the value from the query string; a list takes repeated keys, a Struct the whole query string."""


@dataclass(frozen=True, slots=True)
class HeaderParam(Param):
    """Take the value from a request header; the name defaults to the parameter's with `-` for `_`."""


@dataclass(frozen=True, slots=True)
class CookieParam(Param):
    """Take the value from a cookie."""


@dataclass(frozen=True, slots=True)
class BodyParam(Param):
    """Take the value from the request body; `bytes` takes it undecoded, whatever its media type."""


Path = Annotated[T, PathParam()]
Query = Annotated[T, QueryParam()]
Header = Annotated[T, HeaderParam()]
Cookie = Annotated[T, CookieParam()]
Body = Annotated[T, BodyParam()]
