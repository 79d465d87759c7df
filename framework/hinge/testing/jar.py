"""The cookies that a client keeps (RFC 6265 section 5).

Law: a cookie is known by name, domain and path; it goes out to its domain, on paths below its own, the longest path
first, and never over http if it is Secure. Without a domain it is for the host that has set it; one that a test sets
itself is for every host. `Max-Age` wins over `Expires`; either in the past takes the cookie away. Nothing expires while
a test runs.
"""

from collections.abc import Iterator, Mapping, MutableMapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

_ANY = ""
"""The domain of what a test sets."""


class _Key(NamedTuple):
    name: str
    domain: str
    """With a dot before it: the host and those below it."""
    path: str


class CookieJar(MutableMapping[str, str]):
    """Hold cookies: as a mapping, name to value."""

    def __init__(self, cookies: Mapping[str, str] | None = None) -> None:
        self._kept: dict[_Key, tuple[str, bool]] = {}
        for name, value in (cookies or {}).items():
            self.set(name, value)

    def __getitem__(self, name: str) -> str:
        for key, (value, _) in self._kept.items():
            if key.name == name:
                return value
        raise KeyError(name)

    def __setitem__(self, name: str, value: str) -> None:
        self.set(name, value)

    def __delitem__(self, name: str) -> None:
        self.delete(name)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(key.name for key in self._kept))

    def __len__(self) -> int:
        return len({key.name for key in self._kept})

    def __repr__(self) -> str:
        return f"CookieJar({dict(self)!r})"

    def set(self, name: str, value: str, domain: str = _ANY, path: str = "/") -> None:
        """Keep a cookie for a domain, with a dot before it also for hosts below; without one for every host."""
        if domain == _ANY:
            for key in self._found(name, None, path):
                del self._kept[key]
        self._kept[_Key(name, domain, path)] = (value, False)

    def delete(self, name: str, domain: str | None = None, path: str | None = None) -> None:
        """Forget the cookies of a name, of all domains and paths unless they are given.

        Raises:
            KeyError: there is none.
        """
        found = self._found(name, domain, path)
        if not found:
            raise KeyError(name)
        for key in found:
            del self._kept[key]

    def clear(self, domain: str | None = None, path: str | None = None) -> None:
        """Forget all cookies, or those of a domain or a path."""
        for key in self._found(None, domain, path):
            del self._kept[key]

    def _found(self, *wanted: str | None) -> list[_Key]:
        return [
            key for key in tuple(self._kept) if all(one in (None, its) for one, its in zip(wanted, key, strict=True))
        ]

    def header(self, path: str, scheme: str, host: str = "") -> str:
        """Return the Cookie header for a request, empty if no cookie fits."""
        if not self._kept:
            return ""
        host = bare(host)
        fitting = [
            (key.name, value, key.path)
            for key, (value, secure) in tuple(self._kept.items())  # another thread's answer may bring one
            if _covers(key.path, path) and _is_within(host, key.domain) and (scheme == "https" or not secure)
        ]
        fitting.sort(key=lambda cookie: -len(cookie[2]))
        return "; ".join(f"{name}={value}" for name, value, _ in fitting)

    def take(self, line: str, path: str, host: str = "") -> None:
        """Keep, replace or remove what one Set-Cookie line says, received on `path` from `host`."""
        (name, value), attributes = parse_set_cookie(line)
        host, domain = bare(host), attributes.get("domain", "").lower().lstrip(".")
        if not name or (domain and not _is_within(host, f".{domain}")):
            return
        where = attributes.get("path", "")
        if not where.startswith("/"):
            where = path.rpartition("/")[0] or "/"
        key = _Key(name, f".{domain}" if domain else host, where)
        for known in (key, key._replace(domain=_ANY)):
            self._kept.pop(known, None)
        if not _is_past(attributes):
            self._kept[key] = (value, "secure" in attributes)


def bare(host: str) -> str:
    """Return a host without its port, in lower case."""
    return host.lower() if host.endswith("]") else host.rpartition(":")[0].lower() or host.lower()


def _is_within(host: str, domain: str) -> bool:
    if domain.startswith("."):
        return host == domain[1:] or (host.endswith(domain) and not host.replace(".", "").isdigit())
    return domain in (_ANY, host)


def parse_set_cookie(line: str) -> tuple[tuple[str, str], dict[str, str]]:
    """Return a Set-Cookie line's name and value, and its attributes with lower-case names."""
    first, *rest = line.split(";")
    name, _, value = first.partition("=")
    attributes = {}
    for part in rest:
        key, _, text = part.partition("=")
        attributes[key.strip().lower()] = text.strip()
    return (name.strip(), value.strip()), attributes


def _covers(where: str, path: str) -> bool:
    if not path.startswith(where):
        return False
    return where.endswith("/") or path[len(where) : len(where) + 1] in ("", "/")


def _is_past(attributes: Mapping[str, str]) -> bool:
    age = attributes.get("max-age", "")
    if age.lstrip("-").isdigit():
        return int(age) <= 0
    try:
        expires = parsedate_to_datetime(attributes.get("expires", ""))
    except ValueError:
        return False
    return expires <= datetime.now(UTC)
