"""Lists of origins (RFC 6454), as CORS and CSRF take them: `scheme://host[:port]`, or `https://*.example.com`.

Law: what is compared is what browsers send: in small letters, without a scheme's own port, without a path.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from hinge.diagnostics.kinds import wrong

_is_origin = re.compile(
    r"([a-z][a-z0-9+.-]*://)(\*\.)?((?:[a-z0-9_-]+\.)*[a-z0-9_-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?"
).fullmatch
_is_subdomain = re.compile(r"[a-z0-9_.-]+").fullmatch
_DEFAULT_PORTS = {"http://": ":80", "https://": ":443"}


class Origins(NamedTuple):
    """Origins that are listed as they are, and patterns as what they begin and end with."""

    exact: frozenset[str]
    patterns: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, what: str, parameter: str, entries: Iterable[str]) -> "Origins":
        """Return the origins of a list.

        Raises:
            ConfigurationError: an entry is none; it names `what` and the parameter.
        """
        exact, patterns = set(), []
        for entry in entries:
            found = _is_origin(entry.lower())
            if found is None:
                fix = "write scheme://host[:port] without a path, like https://www.example.com"
                raise wrong(what, parameter, [entry], "it is no origin", fix)
            scheme, wild, host, port = found[1], found[2], found[3], found[4] or ""
            if port == _DEFAULT_PORTS.get(scheme):
                port = ""  # browsers leave it out
            if wild:
                patterns.append((scheme, f".{host}{port}"))
            else:
                exact.add(f"{scheme}{host}{port}")
        return cls(frozenset(exact), tuple(patterns))

    def allow(self, origin: str) -> bool:
        """Tell whether an `Origin` header names one of them."""
        if origin in self.exact:
            return True
        for start, end in self.patterns:
            if origin.startswith(start) and origin.endswith(end) and _is_subdomain(origin[len(start) : -len(end)]):
                return True
        return False
