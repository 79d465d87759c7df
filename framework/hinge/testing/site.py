"""Where a client's requests go: scheme, host, the prefix that the app is mounted below, and a path before every target.

Law: the client stays at its scheme, as its connection has one, and below its prefix. A relative target is joined as
httpx joins it, an absolute URL may name another host: it is the same app that answers.
"""

import re
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from hinge.diagnostics.location import caller
from hinge.errors import ConfigurationError

_is_absolute = re.compile(r"https?://", re.IGNORECASE).match


@dataclass(frozen=True, slots=True)
class Site:
    """The address of the app as the client has it; `base` is the path of a base URL, without a slash at its end."""

    scheme: str
    host: str
    prefix: str
    base: str | None = None

    @classmethod
    def of(cls, scheme: str | None, host: str | None, prefix: str, base_url: str | None) -> "Site":
        """Return the site of a client's options.

        Raises:
            ConfigurationError: `base_url` is no http or https URL, or says what `scheme` and `host` say, too.
        """
        prefix = prefix.rstrip("/")
        if base_url is None:
            return cls(scheme or "http", host or "testserver", prefix)
        where = f"Client(base_url={base_url!r}) ({caller()})"
        if scheme is not None or host is not None:
            raise ConfigurationError(f"{where} and scheme= or host= say the same. Fix: base_url alone")
        parts = urlsplit(str(base_url))
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
            raise ConfigurationError(f"{where} is no such URL. Fix: base_url='http://testserver', or with a path")
        if parts.username is not None:
            raise ConfigurationError(f"{where} has a user. Fix: auth=('user', 'password')")
        return cls(parts.scheme, parts.netloc, prefix, parts.path.rstrip("/"))

    def address(self, url: str) -> tuple[str, str]:
        """Return the host that a request is for, and its target below the prefix.

        Raises:
            ValueError: it is an absolute URL of another scheme, or not below the prefix.
        """
        if not _is_absolute(url):
            return self.host, url if self.base is None else f"{self.base}/{url.lstrip('/')}"
        parts = urlsplit(url)
        if parts.scheme != self.scheme or parts.username is not None:
            fix = f"Client(app, base_url='{parts.scheme}://{parts.netloc.rpartition('@')[2]}')"
            raise ValueError(f"{url} is not at this client's {self.scheme}. Fix: {fix}")
        target = self._below(parts.path, parts.query)
        if target is None:
            raise ValueError(f"{url} is not below the prefix {self.prefix!r}. Fix: a target, {parts.path!r}")
        return parts.netloc, target

    def url(self, host: str, target: str) -> str:
        """Return the URL of a target."""
        return f"{self.scheme}://{host}{self.prefix}{target}"

    def following(self, location: str, url: str) -> str | None:
        """Return the target that a Location at `url` means (RFC 3986 section 5.2); None if it is elsewhere."""
        here, there = urlsplit(url), urlsplit(urljoin(url, location))
        if (there.scheme, there.netloc) != (here.scheme, here.netloc):
            return None
        return self._below(there.path, there.query)

    def _below(self, path: str, query: str) -> str | None:
        if not (path == self.prefix or path.startswith(self.prefix + "/")):
            return None
        return (path[len(self.prefix) :] or "/") + (f"?{query}" if query else "")
