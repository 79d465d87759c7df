"""Conditional requests (RFC 9110 section 13): whether the client's copy still holds, and whether a change may go on.

Law: validators are compared, never guessed. A header that cannot be read counts as if it had not been sent, except for
the two that guard against lost updates: those fail, because going on is what the client wanted to prevent.
"""

import enum
import re
from collections.abc import Callable

from hinge.http.dates import parse_date
from hinge.http.headers import split_list

_is_etag = re.compile(r'(?:W/)?"[^\x00-\x20"\x7f]*"').fullmatch


class Verdict(enum.Enum):
    """What a request's preconditions come to."""

    GO_ON = 200
    NOT_MODIFIED = 304
    FAILED = 412


def evaluate(header: Callable[[str], str | None], etag: str | None, modified: int | None) -> Verdict:
    """Return what the preconditions of a GET or HEAD come to, in the order of RFC 9110 section 13.2.2.

    `header` gives a request header by its lower-case name. `etag` and `modified` (seconds since the epoch) are the
    validators of the current representation, None where there is none.
    """
    matching = header("if-match")
    if matching is not None:
        if not _matches(matching, etag, strong=True):
            return Verdict.FAILED
    elif (since := header("if-unmodified-since")) is not None:
        moment = parse_date(since)
        if moment is not None and (modified is None or modified > moment):
            return Verdict.FAILED
    none_matching = header("if-none-match")
    if none_matching is not None:
        if _matches(none_matching, etag, strong=False):
            return Verdict.NOT_MODIFIED
    elif modified is not None and (since := header("if-modified-since")) is not None:
        moment = parse_date(since)
        if moment is not None and modified <= moment:
            return Verdict.NOT_MODIFIED
    return Verdict.GO_ON


def range_applies(if_range: str | None, etag: str | None, modified: int | None) -> bool:
    """Tell whether a part may be sent: the client holds parts of this very representation (RFC 9110 section 13.1.5)."""
    if if_range is None:
        return True
    if if_range.endswith('"'):
        return etag is not None and if_range == etag and not etag.startswith("W/")
    moment = parse_date(if_range)
    return moment is not None and moment == modified


def _matches(value: str, etag: str | None, *, strong: bool) -> bool:
    """Tell whether an entity tag is in a list of them; `*` stands for any that exists."""
    if value.strip() == "*":
        return True
    if etag is None:
        return False
    if strong:
        return not etag.startswith("W/") and etag in _tags(value)
    return etag.removeprefix("W/") in {tag.removeprefix("W/") for tag in _tags(value)}


def _tags(value: str) -> set[str]:
    return {member for member in split_list(value) if _is_etag(member)}
