"""What an argument of a declaration has to be: one table of kinds, and one way to refuse a value of another.

Law: a value of a wrong kind is refused where it is written, not where it is used, and never taken for another one: a
text that is not empty is not True.
"""

import reprlib
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from hinge.diagnostics.location import caller
from hinge.errors import ConfigurationError


class Wanted(NamedTuple):
    """A kind of values."""

    fits: Callable[[Any], bool]
    name: str
    fix: str


_ROOM = 80
_SHOWN = reprlib.Repr()
_SHOWN.maxstring = _SHOWN.maxother = _ROOM

FLAG = Wanted(lambda value: isinstance(value, bool), "True or False", "True or False")
TEXT = Wanted(lambda value: isinstance(value, str), "text", "a text")
COUNT = Wanted(
    lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= 0,
    "number from 0",
    "a whole number from 0",
)
FUNCTION = Wanted(callable, "function", "a function")


def shown(value: Any) -> str:
    """Return a value as it would be written, cut to what a message has room for."""
    text = _SHOWN.repr(value).replace("\n", "\\n")  # of a class that has its own
    return text if len(text) <= _ROOM else f"{text[: _ROOM - 3]}..."


def want(what: str, kind: Wanted, *, optional: bool = False, **values: Any) -> None:
    """Refuse those of the values that are not of a kind; `optional` ones may be None.

    Raises:
        ConfigurationError: it names `what`, the caller's line, and the first such value.
    """
    for name, value in values.items():
        if not (optional and value is None) and not kind.fits(value):
            raise wrong(what, name, value, f"it is no {kind.name}", kind.fix)


def wrong(what: str, name: str, value: Any, why: str, fix: str) -> ConfigurationError:
    """Return the error of an argument."""
    return ConfigurationError(f"{what}({name}={shown(value)}) ({caller()}): {why}. Fix: {fix}")


def texts(what: str, **values: Any) -> list[list[str]]:
    """Return each of several lists of texts; a single text is none: its letters would be the texts.

    Raises:
        ConfigurationError: as `want`.
    """
    found: list[list[str]] = []
    for name, value in values.items():
        is_list = isinstance(value, Iterable) and not isinstance(value, str | bytes)
        listed: list[Any] = list(value) if is_list else [None]
        if not all(isinstance(one, str) for one in listed):
            example = [value] if isinstance(value, str) else ["..."]
            raise wrong(what, name, value, "it is no list of texts", f"{name}={example!r}")
        found.append(listed)
    return found
