"""Dates, times and durations -> the schemas of the texts that are taken for them.

Law: a `format` stands where its definition is what is taken: RFC 3339's `date-time` and `time` have an offset, and
`duration` has years. Elsewhere a pattern tells, and of the year 0000, which Python has not. It is written so that every
engine for patterns reads it.
"""

from typing import Any

from msgspec import inspect

_YEAR = "([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
_LONG = "(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])"
_SHORT = "(0[469]|11)-(0[1-9]|[12][0-9]|30)"
_FOURTH = "(0[48]|[2468][048]|[13579][26])"
_DATE = f"({_YEAR}-({_LONG}|{_SHORT}|02-(0[1-9]|1[0-9]|2[0-8]))|([0-9]{{2}}{_FOURTH}|{_FOURTH}00)-02-29)"
_MINUTE = "([01][0-9]|2[0-3]):[0-5][0-9]"
_SECONDS = r"(:[0-5][0-9](\.[0-9]+)?)"
_OFFSET = "([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
_SECOND = r"[0-9]{1,11}(\.[0-9]+)?S"
_CLOCK = f"T([0-9]{{1,9}}H([0-9]{{1,10}}M)?({_SECOND})?|[0-9]{{1,10}}M({_SECOND})?|{_SECOND})"
_DURATION = f"^[+-]?P([0-9]{{1,8}}D({_CLOCK})?|{_CLOCK})$"

TIMES = (inspect.DateTimeType, inspect.TimeType, inspect.DateType, inspect.TimeDeltaType)
CLOCKED = (inspect.DateTimeType, inspect.TimeType)
"""What is taken without its seconds too where it is no JSON, as browsers send it (`hinge.binding.convert`)."""


def time_schema(info: Any, *, in_text: bool) -> dict[str, Any]:
    """Return the schema of a time; `in_text` that of a parameter or of a form's field."""
    if isinstance(info, inspect.DateType):
        return {"type": "string", "format": "date", "pattern": f"^{_YEAR}-"}
    if isinstance(info, inspect.TimeDeltaType):
        return {"type": "string", "pattern": _DURATION}
    is_moment = isinstance(info, inspect.DateTimeType)
    if info.tz and not in_text:
        year = {"pattern": f"^{_YEAR}-"} if is_moment else {}
        return {"type": "string", "format": "date-time" if is_moment else "time", **year}
    date = f"{_DATE}[Tt ]" if is_moment else ""
    seconds = _SECONDS + "?" * in_text
    offset = {None: f"{_OFFSET}?", True: _OFFSET, False: ""}[info.tz]
    return {"type": "string", "pattern": f"^{date}{_MINUTE}{seconds}{offset}$"}
