"""Responses for the document that somebody declares: `responses={404: "No such item.", 409: Taken}`.

Law: their shape is judged where they are written. What of it no document can say is told at compile, once: only then
is it known which classes the app's `types=` describe.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from hinge.errors import ConfigurationError

Responses = Mapping[int, Any]
"""By status: a text, a type, an OpenAPI response object, or None for one without a body."""


class Documented(msgspec.Struct, frozen=True, eq=False):
    """What one declaration says, and whose it is."""

    given: Responses
    who: str
    """The start of messages about it, with file and line."""

    def check(self) -> None:
        """Refuse what is no mapping of statuses.

        Raises:
            ConfigurationError: with what to write instead.
        """
        if not isinstance(self.given, Mapping):
            raise self.mistake(repr(self.given), "give a dict of statuses, as in {404: 'a text'}")
        for status in self.given:
            if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
                raise self.mistake(f"{{{status!r}: ...}}: no status", "one in 200..599")

    def mistake(self, what: str, fix: str) -> ConfigurationError:
        """Return the error about it."""
        return ConfigurationError(f"{self.who}: responses={what}. Fix: {fix}")


def as_documented(given: Any, who: str) -> tuple[Documented, ...]:
    """Return what a declaration says, nothing if that is None.

    Raises:
        ConfigurationError: it is no mapping, or a key of it is no status.
    """
    if given is None:
        return ()
    found = Documented(given, who)
    found.check()
    return (found,)
