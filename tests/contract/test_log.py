"""What the log says of a failure: one entry that no client has written, whatever it sent, and never nothing."""

import logging
import logging.config
from typing import Any

import pytest

from hinge import App
from hinge.diagnostics.log import NeutralFormatter

FORGED = "2026-01-01 ERROR shop: forged"


def chained(text: str) -> Exception:
    error = LookupError("plain")
    error.__cause__ = ValueError(text)
    return error


def noted(text: str) -> Exception:
    error = ValueError("plain")
    error.add_note(text)
    return error


FAILURES = {
    "text": ValueError,
    "cause": chained,
    "note": noted,
    "group": lambda text: ExceptionGroup(text, [ValueError(text), KeyError("price")]),
    "syntax": lambda text: SyntaxError(text, ("rules", 1, 1, text)),
}


@pytest.mark.parametrize("make", FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize(
    "break_", ["\n", "\r", "\r\n", "\x0b", "\x85", "\u2028", "\n\x1b[2K", "\n\x9b2K", "\n\u202e"], ids=ascii
)
def test_no_failure_forges_a_line(client_for: Any, caplog: Any, make: Any, break_: str) -> None:
    app = App()
    app.get("/{name:path}")(lambda name: (_ for _ in ()).throw(make(f"no{break_}{FORGED}")))
    assert client_for(app).get("/a%0A%1B[31mb").status_code == 500
    (record,) = caplog.records
    for text in (logging.Formatter().format(record), NeutralFormatter().format(record)):
        assert FORGED in text
        assert not [line for line in text.splitlines() if line.startswith(FORGED)]
        assert not {*"\r\x0b\x1b\x85\x9b\u2028\u202e"}.intersection(text)
        assert "\nTraceback (most recent call last):\n" in text or "+ Exception Group Traceback" in text
    assert record.exc_info[1] is not None


def test_a_traceback_without_such_a_text_is_as_python_has_it() -> None:
    try:
        raise ExceptionGroup("two", [ValueError("a\tb"), KeyError("price")])
    except ExceptionGroup as error:
        record = logging.LogRecord("x", logging.ERROR, "", 0, "said", (), (type(error), error, error.__traceback__))
        assert NeutralFormatter().format(record) == logging.Formatter().format(record)


def test_a_configuration_that_disables_loggers_silences_no_failure(client_for: Any, caplog: Any) -> None:
    app, log = App(), logging.getLogger("hinge")
    app.get("/")(lambda: 1 / 0)
    client = client_for(app)
    log.disabled = True  # as logging.config.fileConfig leaves it
    try:
        for _ in range(2):
            assert client.get("/").status_code == 500
        assert [
            ("disable_existing_loggers" in record.getMessage(), bool(record.exc_info)) for record in caplog.records
        ] == [
            (True, False),
            (False, True),
            (False, True),
        ]
        assert caplog.records[1].module == "error_responses", "the line's place is not that of the wrapper"
    finally:
        log.disabled = False
