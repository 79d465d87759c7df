"""What the logger `hinge` is: failures leave a line, and nobody else writes one.

Law: what a client sends may be in a message, a path or the text of an exception. Control characters are shown as
escapes, and after a line break in such a text the next line is indented, so that it is not taken for another entry. The
lines of a traceback stay as they are. A configuration of logging that disables the loggers it finds silences no
failure.
"""

import logging
import traceback
from collections.abc import Iterable, MutableMapping
from typing import Any

from hinge.context import request_id

_CONTROLS = {
    code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
    for code in (
        *range(0x20),
        *range(0x7F, 0xA0),
        0x61C,
        *range(0x200E, 0x2010),
        *range(0x2028, 0x202F),
        *range(0x2066, 0x206A),
    )
    if chr(code) not in "\t\n"
}
"""C0 and C1 controls, separators of lines and paragraphs, and what turns the direction of a text."""


_TEXTS = ("_str", "msg", "text", "filename", "exc_type_qualname", "exc_type_module")
"""Where a `TracebackException` keeps what the exception says: three of a SyntaxError, the last two from 3.13 on."""


def neutral(text: str) -> str:
    """Return a text that is one entry of a log whatever it holds."""
    return text.translate(_CONTROLS).replace("\n", "\n    ")


def traceback_text(error: BaseException) -> str:
    """Return the text of an exception's traceback, with every exception's own text made neutral."""
    try:
        return _whole_text(error)
    except Exception:  # noqa: BLE001 - what an exception's own methods raise must not lose its line
        return _bare_text(error)


def _whole_text(error: BaseException) -> str:
    whole = traceback.TracebackException.from_exception(error)
    pending: list[Any] = [whole]
    while pending:
        one = pending.pop()
        if one is None:
            continue
        for part in _TEXTS:
            if isinstance(said := getattr(one, part, None), str):
                setattr(one, part, neutral(said))
        if isinstance(kind := vars(one).get("exc_type"), type):
            one.exc_type = _named_neutrally(kind)
        notes = one.__notes__
        if isinstance(notes, Iterable):
            one.__notes__ = [neutral(note if isinstance(note, str) else repr(note)) for note in notes]
        pending += [one.__cause__, one.__context__, *(one.exceptions or ())]
    return "".join(whole.format()).translate(_CONTROLS).rstrip("\n")


def _named_neutrally(kind: type) -> type:
    """Return a class, or what stands for it in a traceback where its name is no single line."""
    name, module = neutral(kind.__qualname__), neutral(str(kind.__module__))
    if (name, module) == (kind.__qualname__, kind.__module__):
        return kind
    base = SyntaxError if issubclass(kind, SyntaxError) else Exception
    return type(name, (base,), {"__module__": module, "__qualname__": name})


def _bare_text(error: BaseException) -> str:
    """Return what can be said of an exception that `traceback` cannot show: where it was raised, and its class."""
    frames = "".join(traceback.format_tb(error.__traceback__)).translate(_CONTROLS)
    kind = type(error)
    return f"Traceback (most recent call last):\n{frames}{neutral(f'{kind.__module__}.{kind.__qualname__}')}"


def neutralise(record: logging.LogRecord) -> bool:
    """Make a record's texts neutral before any handler sees them; a filter, which lets every record pass.

    The exception stays in `exc_info`; its text goes to `exc_text`, where formatters look first.
    """
    try:
        said = record.getMessage()
    except Exception:  # noqa: BLE001 - the handler, which formats it again, says what is wrong with it
        return True
    harmless = neutral(said)
    if harmless != said:
        record.msg, record.args = harmless, ()
    if record.exc_info and record.exc_info[1] is not None and not record.exc_text:
        record.exc_text = traceback_text(record.exc_info[1])
    return True


class NeutralFormatter(logging.Formatter):
    """What a handler of all loggers formats with, where the app has configured none."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's text, without changing what other handlers get."""
        own = logging.makeLogRecord(record.__dict__)
        neutralise(own)
        return super().format(own)


class Log(logging.LoggerAdapter[logging.Logger]):
    """The logger, which is enabled again where a configuration of logging has disabled it."""

    def log(self, level: int, msg: object, *args: object, **options: Any) -> None:
        """Log a line, behind the id of the request that it is about, if that has one."""
        if self.logger.disabled:
            # fileConfig and dictConfig do so to each logger that they do not name, unless they are told not to.
            self.logger.disabled = False
            self.logger.warning(
                "logging was configured with disable_existing_loggers, which silenced the logger %r; it is enabled "
                "again. Fix: disable_existing_loggers=False",
                self.logger.name,
            )
        if (told := request_id.get()) is not None:
            msg = f"[{told.replace('%', '%%') if args else told}] {msg}"
        error = options.get("exc_info")
        if isinstance(error, BaseException):  # one that is false has a traceback, too
            options["exc_info"] = type(error), error, error.__traceback__
        options["stacklevel"] = options.get("stacklevel", 1) + 1
        super().log(level, msg, *args, **options)

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Return both as they are."""
        return msg, kwargs


def _logger() -> Log:
    found = logging.getLogger("hinge")
    found.addFilter(neutralise)
    return Log(found)


LOG = _logger()
"""What `hinge.diagnostics.logger` hands out."""
