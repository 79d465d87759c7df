"""Conditional requests (RFC 9110 section 13): whether the client's copy still holds, and whether a change may go on.

Law: validators are compared, never guessed. A header that cannot be read counts as if it had not been sent, except for
the two that guard against lost updates: those fail, because going on is what the client wanted to prevent.
"""

import enum
import re
from collections.abc import Callable
from datetime import UTC, datetime

from hinge.http.headers import split_list

_is_etag = re.compile(r'(?:W/)?"[^\x00-\x20"\x7f]*"').fullmatch
_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS = {name: number for number, name in enumerate(_NAMES, 1)}
# IMF-fixdate, RFC 850 with its two-digit year, asctime (RFC 9110 section 5.6.7): recipients have to read all three.
_TIME = r"(?P<hour>[01][0-9]|2[0-3]):(?P<minute>[0-5][0-9]):(?P<second>[0-5][0-9]|60)"
_DATES = tuple(
    re.compile(pattern, re.ASCII).fullmatch
    for pattern in (
        rf"[A-Z][a-z]{{2}}, (?P<day>[0-9]{{2}}) (?P<month>[A-Z][a-z]{{2}}) (?P<year>[0-9]{{4}}) {_TIME} GMT",
        rf"[A-Z][a-z]{{5,8}}, (?P<day>[0-9]{{2}})-(?P<month>[A-Z][a-z]{{2}})-(?P<year>[0-9]{{2}}) {_TIME} GMT",
        rf"[A-Z][a-z]{{2}} (?P<month>[A-Z][a-z]{{2}}) (?P<day>[ 0-9][0-9]) {_TIME} (?P<year>[0-9]{{4}})",
    )
)


class Verdict(enum.Enum):
    """What a request's preconditions come to."""

    GO_ON = 200
    NOT_MODIFIED = 304
    FAILED = 412


def judge(header: Callable[[str], str | None], etag: str | None, modified: int | None) -> Verdict:
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


def parse_date(value: str) -> int | None:
    """Return an HTTP date as seconds since the epoch, None if it is none (RFC 9110 section 5.6.7)."""
    for match in _DATES:
        found = match(value)
        if found is not None:
            break
    else:
        return None
    month = _MONTHS.get(found["month"])
    if month is None:
        return None
    year = int(found["year"])
    if len(found["year"]) == 2:  # at most 50 years ahead
        century = datetime.now(UTC).year // 100 * 100
        year += century if century + year <= datetime.now(UTC).year + 50 else century - 100
    try:
        moment = datetime(year, month, int(found["day"]), int(found["hour"]), int(found["minute"]), tzinfo=UTC)
    except ValueError:
        return None
    return int(moment.timestamp()) + int(found["second"])


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
