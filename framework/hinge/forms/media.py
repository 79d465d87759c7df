"""Content-Type -> which of the two forms a body is.

Law: what a browser sends and nothing else: `application/x-www-form-urlencoded` and `multipart/form-data`, in UTF-8, the
latter with a boundary that RFC 2046 section 5.1.1 allows, or a token. Everything else is a 415, a bad boundary a 400.
"""

import re

from hinge.errors import HTTPError
from hinge.http.body import unsupported
from hinge.http.tokens import OWS, QUOTED, TOKEN, UTF8

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"

# A value may have what clients send without quotes, though it is no token.
_parameter = re.compile(rf"[ \t]*+;[ \t]*+(?:({TOKEN})=((?:{TOKEN}|[()/:=?])++|{QUOTED}))?[ \t]*+").match
_ESCAPED = re.compile(r"\\(.)")
# What may stand in a boundary, or in a token, and is sent without quotes by clients that exist (`----=_Part_0`, `$`).
_is_boundary = re.compile(r"[0-9A-Za-z'()+_,./:=? !#$%&*^`|~-]{0,69}[0-9A-Za-z'()+_,./:=?!#$%&*^`|~-]").fullmatch


def boundary_of(content_type: str | None, accepted: tuple[str, ...]) -> str | None:
    """Return the boundary of a multipart form, None for an urlencoded one.

    Raises:
        HTTPError: 415 for what is not among the `accepted` media types, or not UTF-8; 400 for a bad boundary.
    """
    if content_type is None:
        raise unsupported("The form has no Content-Type.", accepted)
    essence = content_type.partition(";")[0]
    parameters = _parameters(content_type, len(essence))
    essence = essence.strip(OWS).lower()
    if essence not in accepted:
        raise unsupported("The form's Content-Type is not one that is read here.", accepted)
    if parameters is None:
        raise HTTPError(400, "The form's Content-Type is malformed.")
    if parameters.get("charset", "utf-8").lower() not in UTF8:
        raise unsupported("The form's Content-Type names a charset other than utf-8.", accepted)
    if essence == URLENCODED:
        return None
    boundary = parameters.get("boundary")
    if boundary is None:
        raise HTTPError(400, "The form's Content-Type has no boundary.")
    if not _is_boundary(boundary):
        raise HTTPError(400, "The form's boundary is not one of 1 to 70 characters that RFC 2046 allows.")
    return boundary


def _parameters(content_type: str, start: int) -> dict[str, str] | None:
    """Return a media type's parameters, None if they are malformed or one stands twice."""
    found: dict[str, str] = {}
    while start < len(content_type):
        matched = _parameter(content_type, start)
        if matched is None:
            return None
        start = matched.end()
        name, value = matched[1], matched[2]
        if name is None:
            continue
        if name.lower() in found:
            return None
        found[name.lower()] = _ESCAPED.sub(r"\1", value[1:-1]) if value[0] == '"' else value
    return found
