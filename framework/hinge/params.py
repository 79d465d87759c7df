"""The markers that say where a handler's parameter comes from.

Law: frozen data, no behaviour. `Query[int]` is `Annotated[int, QueryParam()]`; the long form carries options:
`Annotated[int, QueryParam(name="page-size"), msgspec.Meta(ge=1)]`.
"""

from typing import Annotated, TypeVar

import msgspec

T = TypeVar("T")


class Param(msgspec.Struct, frozen=True):
    """What all markers carry: the name on the wire (default: derived from the parameter) and a description."""

    name: str | None = None
    description: str | None = None
    deprecated: bool = False


class PathParam(Param, frozen=True):
    """Take the value from the path template."""


class QueryParam(Param, frozen=True):
    """Take the value from the query string; a list takes repeated keys, a Struct the whole query string."""


class HeaderParam(Param, frozen=True):
    """Take the value from a request header; the name defaults to the parameter's with `-` for `_`."""


class CookieParam(Param, frozen=True):
    """Take the value from a cookie."""


class BodyParam(Param, frozen=True):
    """Take the value from the request body; `bytes` takes it undecoded, whatever its media type."""


Path = Annotated[T, PathParam()]
Query = Annotated[T, QueryParam()]
Header = Annotated[T, HeaderParam()]
Cookie = Annotated[T, CookieParam()]
Body = Annotated[T, BodyParam()]
