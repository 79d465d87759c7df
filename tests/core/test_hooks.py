"""The hooks of the workers of `hinge run`, and what a log shows of texts that would forge its lines."""

import gc
import logging
import sys
import threading
import warnings
from collections.abc import Callable

import pytest

from hinge.cli.hooks import log_hooks
from hinge.diagnostics.log import NeutralFormatter, neutral, traceback_text

EVIL = "x\r2026 ERROR a\n2026 ERROR b\x1b[31m\u2028c\u061c"
SHOWN = "x\\x0d2026 ERROR a\n    2026 ERROR b\\x1b[31m\\u2028c\\u061c"


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", None)
    monkeypatch.setattr(sys, "unraisablehook", None)
    monkeypatch.setattr(warnings, "showwarning", None)
    log_hooks()


def fails() -> None:
    raise ValueError(EVIL)


def in_a_thread() -> None:
    thread = threading.Thread(target=fails, name=EVIL)
    thread.start()
    thread.join()


class Failing:
    def __del__(self) -> None:
        fails()

    def __repr__(self) -> str:
        return EVIL


def in_del() -> None:
    Failing()
    gc.collect()


def warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(EVIL, UserWarning, stacklevel=1)


@pytest.mark.parametrize("where", [in_a_thread, in_del, warning], ids=lambda where: where.__name__)
@pytest.mark.usefixtures("hooks")
def test_what_python_says_is_logged_without_forged_lines(
    where: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    where()
    (record,) = caplog.records
    assert record.name == "hinge"
    assert record.levelno == (logging.WARNING if where is warning else logging.ERROR)
    text = logging.Formatter().format(record)
    assert SHOWN in text
    assert not [line for line in text.splitlines() if line.startswith("2026")]


@pytest.mark.usefixtures("hooks")
def test_a_thread_may_exit(caplog: pytest.LogCaptureFixture) -> None:
    thread = threading.Thread(target=sys.exit, args=(3,))
    thread.start()
    thread.join()
    assert caplog.records == []


@pytest.mark.parametrize("base", [Exception, SyntaxError, ExceptionGroup])
def test_the_name_of_a_class_is_one_line(base: type[Exception]) -> None:
    kind = type(EVIL, (base,), {"__module__": EVIL})
    error = kind("all", [ValueError(EVIL)]) if base is ExceptionGroup else kind("said")
    for shown in (error, RuntimeError("outer")):
        if shown is not error:
            shown.__cause__ = error
        text = traceback_text(shown)
        assert text.count("2026 ERROR b\\x1b[31m\\u2028c\\u061c") >= 2  # of the module and of the class
        assert not [line for line in text.splitlines() if line.startswith("2026")]
    assert type(error) is kind


def test_what_turns_a_text_is_shown() -> None:
    assert neutral("a\u061cb") == "a\\u061cb"
    record = logging.makeLogRecord({"msg": "a\u061cb", "levelname": "INFO", "name": "shop"})
    assert NeutralFormatter("%(message)s").format(record) == "a\\u061cb"
