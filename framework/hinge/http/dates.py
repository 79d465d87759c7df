"""Dates as HTTP writes them (RFC 9110 section 5.6.7).

Law: recipients have to read all three forms; one is written, and never in a locale's language.
"""

import re
from datetime import UTC, datetime

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_OF = {name: number for number, name in enumerate(_MONTHS, 1)}
# IMF-fixdate, RFC 850 with its two-digit year, asctime.
_TIME = r"(?P<hour>[01][0-9]|2[0-3]):(?P<minute>[0-5][0-9]):(?P<second>[0-5][0-9]|60)"
_DATES = tuple(
    re.compile(pattern, re.ASCII).fullmatch
    for pattern in (
        rf"[A-Z][a-z]{{2}}, (?P<day>[0-9]{{2}}) (?P<month>[A-Z][a-z]{{2}}) (?P<year>[0-9]{{4}}) {_TIME} GMT",
        rf"[A-Z][a-z]{{5,8}}, (?P<day>[0-9]{{2}})-(?P<month>[A-Z][a-z]{{2}})-(?P<year>[0-9]{{2}}) {_TIME} GMT",
        rf"[A-Z][a-z]{{2}} (?P<month>[A-Z][a-z]{{2}}) (?P<day>[ 0-9][0-9]) {_TIME} (?P<year>[0-9]{{4}})",
    )
)


def format_date(moment: datetime) -> str:
    """Return a moment with a time zone as an IMF-fixdate."""
    utc = moment.astimezone(UTC)
    return (
        f"{_DAYS[utc.weekday()]}, {utc.day:02} {_MONTHS[utc.month - 1]} {utc.year:04}"
        f" {utc.hour:02}:{utc.minute:02}:{utc.second:02} GMT"
    )


def parse_date(value: str) -> int | None:
    """Return an HTTP date as seconds since the epoch, None if it is none."""
    for match in _DATES:
        found = match(value)
        if found is not None:
            break
    else:
        return None
    month = _MONTH_OF.get(found["month"])
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
