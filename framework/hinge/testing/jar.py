"""The cookies that a client keeps (RFC 6265 section 5, for one host).

Law: a cookie is known by name and path; it goes out on paths below its own, the longest path first, and never over http
if it is Secure. `Max-Age` wins over `Expires`; either in the past takes the cookie away. Nothing expires while a test
runs.
"""

from collections.abc import Iterator, Mapping, MutableMapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


class CookieJar(MutableMapping[str, str]):
    """Hold cookies: as a mapping, name to value."""

    def __init__(self, cookies: Mapping[str, str] | None = None) -> None:
        self._kept: dict[tuple[str, str], tuple[str, bool]] = {}
        for name, value in (cookies or {}).items():
            self.set(name, value)

    def __getitem__(self, name: str) -> str:
        for (known, _), (value, _) in self._kept.items():
            if known == name:
                return value
        raise KeyError(name)

    def __setitem__(self, name: str, value: str) -> None:
        self.set(name, value)

    def __delitem__(self, name: str) -> None:
        found = [key for key in self._kept if key[0] == name]
        if not found:
            raise KeyError(name)
        for key in found:
            del self._kept[key]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for name, _ in self._kept))

    def __len__(self) -> int:
        return len({name for name, _ in self._kept})

    def __repr__(self) -> str:
        return f"CookieJar({dict(self)!r})"

    def set(self, name: str, value: str, path: str = "/") -> None:
        """Keep a cookie."""
        self._kept[name, path] = (value, False)

    def clear(self) -> None:
        """Forget all cookies."""
        self._kept.clear()

    def header(self, path: str, scheme: str) -> str:
        """Return the Cookie header for a request, empty if no cookie fits."""
        fitting = [
            (name, value, where)
            for (name, where), (value, secure) in self._kept.items()
            if _covers(where, path) and (scheme == "https" or not secure)
        ]
        fitting.sort(key=lambda cookie: -len(cookie[2]))
        return "; ".join(f"{name}={value}" for name, value, _ in fitting)

    def take(self, line: str, path: str) -> None:
        """Keep, replace or remove what one Set-Cookie line says, received on `path`."""
        (name, value), attributes = parse_set_cookie(line)
        if not name:
            return
        where = attributes.get("path", "")
        if not where.startswith("/"):
            where = path.rpartition("/")[0] or "/"
        if _is_past(attributes):
            self._kept.pop((name, where), None)
        else:
            self._kept[name, where] = (value, "secure" in attributes)


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
