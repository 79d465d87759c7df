"""Log records as JSON, one line each.

Law: a record is one line of ASCII whatever it says: line breaks, control characters and what turns the direction of a
text are escaped as JSON has it. What JSON cannot hold is told as texts, and never lost.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from hinge.context import observation, request_id

_OWN = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"})
"""What every record has."""


class JSONFormatter(logging.Formatter):
    """A formatter for handlers of `logging`: `handler.setFormatter(JSONFormatter())`.

    A line has `time` (RFC 3339, UTC), `level`, `logger`, `message`; inside of a request its `request_id`, if there is
    `RequestID`, and its `route`, if the app is observed; inside of an OpenTelemetry span its `trace_id` and `span_id`;
    what `extra=` brings; and `exception` and `stack` as texts.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        said = record.getMessage()
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": said,
        }
        line |= _of_request()
        line |= {name: value for name, value in vars(record).items() if name not in _OWN and name not in line}
        if record.exc_info or record.exc_text:
            line["exception"] = record.exc_text or self.formatException(record.exc_info)  # type: ignore[arg-type]
        if record.stack_info:
            line["stack"] = self.formatStack(record.stack_info)
        try:
            return json.dumps(line, default=_text, allow_nan=False, separators=(",", ":"))
        except (TypeError, ValueError, RecursionError):  # keys that are no texts, a circle, what is no number in JSON
            return json.dumps({str(name): _text(value) for name, value in line.items()}, separators=(",", ":"))


def _of_request() -> dict[str, str]:
    """Return what names the request, and the span, that a line belongs to."""
    found: dict[str, str] = {}
    if (told := request_id.get()) is not None:
        found["request_id"] = told
    mark = observation.get()
    if mark is not None and mark.route is not None:
        found["route"] = mark.route
    trace: Any = sys.modules.get("opentelemetry.trace")
    if trace is not None:
        span = trace.get_current_span().get_span_context()
        if span.is_valid:
            found["trace_id"], found["span_id"] = format(span.trace_id, "032x"), format(span.span_id, "016x")
    return found


def _text(value: Any) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - of a class of the app's
        return object.__repr__(value)
