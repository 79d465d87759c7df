"""The query string as pairs (WHATWG URL, application/x-www-form-urlencoded parsing).

Law: `&` alone separates: a `;` that one party takes for a separator and another does not poisons caches. Nothing that
stands in one field costs another: a `%` that escapes nothing stays, and bytes that are not UTF-8 become U+FFFD, as in
browsers. The number of fields is bounded before any is decoded.
"""

from hinge.errors import HTTPError
from hinge.http.multidict import MultiDict
from hinge.http.percent import unquoting


class QueryParams(MultiDict[str]):
    """Hold the decoded fields of a query string."""

    __slots__ = ()


def parse_query(raw: str, max_fields: int, what: str = "query string") -> list[tuple[str, str]]:
    """Return the decoded `(name, value)` pairs of an undecoded query string, one character a byte.

    A form is written in the same way; `what` names it in errors.

    A field without `=` has an empty value, an empty field is no field, `+` is a space.

    Raises:
        HTTPError: 400, there are more than `max_fields` fields.
    """
    if not raw:
        return []
    fields = raw.split("&")
    if "" in fields:
        fields = [field for field in fields if field]
    if len(fields) > max_fields:
        raise HTTPError(400, f"The {what} has more than {max_fields} fields.")
    pairs = []
    if "%" not in raw and raw.isascii():
        if "+" in raw:
            fields = [field.replace("+", " ") for field in fields]
        for field in fields:
            name, _, value = field.partition("=")
            pairs.append((name, value))
        return pairs
    for field in fields:
        name, _, value = field.partition("=")
        pairs.append((_decode(name), _decode(value)))
    return pairs


def _decode(text: str) -> str:
    text = text.replace("+", " ")
    if "%" not in text and text.isascii():
        return text
    return unquoting()(text.encode("latin-1", "replace")).decode("utf-8", "replace")
