"""`Sessions`: how an app keeps its visitors' sessions.

Law: what the cookie is like is said here, and nothing of it is taken from a request. A key that anybody could guess, or
none, is refused where it is written, and no message shows one.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from hinge.diagnostics.kinds import FLAG, TEXT, Wanted, want, wrong
from hinge.diagnostics.location import caller
from hinge.diagnostics.misuse import fits
from hinge.errors import ConfigurationError
from hinge.http.cookies import format_cookie
from hinge.sessions.signing import Signing
from hinge.sessions.store import Store

DAY = 24 * 60 * 60
SHORTEST_KEY = 32
_MAKE = "python -c 'import secrets; print(secrets.token_urlsafe(32))' makes one; keep it outside of the code"
_SECONDS = Wanted(
    lambda value: isinstance(value, int) and not isinstance(value, bool) and value > 0,
    "number of seconds",
    "a whole number from 1",
)
_STORE = ("load", "commit", "aload", "acommit", "close", "waits", "name")


class Sessions:
    """Give the app sessions: `App(sessions=Sessions(keys=[...]))`, and `session: Session` as a parameter.

    The first of the `keys` signs the cookie and all of them open it; each is a text of at least 32 characters. Without
    a `store` everything is in the cookie, signed and readable by its visitor; with one there is an id in it. A session
    ends after `idle_timeout` seconds without a request that takes it, and `lifetime` seconds after it began.

    `cookie` is its name, to which the prefix `__Host-` is put, or `__Secure-` with a `domain` or a `path`; not with
    `secure=False`, which sends it over plain http as well. It is HttpOnly, and `samesite` is "lax", "strict" or "none".

    Raises:
        ConfigurationError: an argument is none of its kind, or the extra is not installed.
    """

    @fits
    def __init__(
        self,
        keys: Iterable[str | bytes],
        *,
        store: Store | None = None,
        idle_timeout: int = 14 * DAY,
        lifetime: int = 90 * DAY,
        cookie: str = "session",
        path: str = "/",
        domain: str | None = None,
        secure: bool = True,
        samesite: Literal["lax", "strict", "none"] = "lax",
    ) -> None:
        self.location = caller()
        want("Sessions", _SECONDS, idle_timeout=idle_timeout, lifetime=lifetime)
        want("Sessions", TEXT, cookie=cookie, path=path)
        want("Sessions", TEXT, optional=True, domain=domain)
        want("Sessions", FLAG, secure=secure)
        if store is not None and (isinstance(store, type) or not all(hasattr(store, name) for name in _STORE)):
            raise wrong(
                "Sessions", "store", store, "it is no store", "MemoryStore(), SQLiteStore(...), RedisStore(...)"
            )
        if not cookie or cookie.startswith("__"):
            why = "the prefix is put to it" if cookie else "it is no name"
            raise wrong("Sessions", "cookie", cookie, why, "cookie='session'")
        self.store = store
        self.idle_timeout = idle_timeout
        self.lifetime = lifetime
        self.name = _prefix(path, domain, secure=secure) + cookie
        if not isinstance(samesite, str):
            raise wrong("Sessions", "samesite", samesite, "it is no text", "'lax', 'strict' or 'none'")
        try:
            line = format_cookie(
                self.name, "", path=path, domain=domain, secure=secure, httponly=True, samesite=samesite
            )
        except (ValueError, TypeError) as error:
            raise ConfigurationError(f"Sessions(...) ({self.location}): {error}. Fix: another value") from None
        self._begin, self._end = line[: len(self.name) + 1], line[len(self.name) + 1 :]
        purpose = f"{'values' if store is None else 'id'}.{self.name}"
        self.signing = Signing(_keys(keys, self.location), purpose)

    def describe(self) -> str:
        """Return what `hinge explain` says."""
        where = (
            "all in the signed cookie" if self.store is None else f"in {self.store.name}, its id in the signed cookie"
        )
        return f"{where} {self.name}, {self.idle_timeout} s idle, {self.lifetime} s at most"

    def set_cookie(self, value: str, max_age: int) -> str:
        """Return the line that sets the cookie to a signed value for so many seconds, 0 to have it forgotten."""
        return f"{self._begin}{value}; Max-Age={max_age}{self._end}"

    def expires(self, created: int, touched: int) -> int:
        """Return when a session ends that is not used any more."""
        return min(touched + self.idle_timeout, created + self.lifetime)


def _prefix(path: str, domain: str | None, *, secure: bool) -> str:
    if not secure:
        return ""
    return "__Host-" if path == "/" and domain is None else "__Secure-"


def _keys(given: Any, where: str) -> list[bytes]:
    """Return the keys as bytes; no message shows one."""
    if isinstance(given, str | bytes | set | frozenset | Mapping) or not isinstance(
        given, Iterable
    ):  # the first one signs
        raise ConfigurationError(f"Sessions(keys=...) ({where}): it is no list of keys. Fix: keys=[...]; {_MAKE}")
    keys = list(given)
    if not keys:
        raise ConfigurationError(f"Sessions(keys=[]) ({where}): nothing could be signed. Fix: a key; {_MAKE}")
    for number, key in enumerate(keys, 1):
        if not isinstance(key, str | bytes):
            raise ConfigurationError(
                f"Sessions(keys=...) ({where}): key {number} is {type(key).__name__}, no text. Fix: a key; {_MAKE}"
            )
        if len(key) < SHORTEST_KEY:
            raise ConfigurationError(
                f"Sessions(keys=...) ({where}): key {number} has {len(key)} characters, fewer than {SHORTEST_KEY}. "
                f"Fix: a longer one; {_MAKE}"
            )
    return [key.encode() if isinstance(key, str) else bytes(key) for key in keys]
