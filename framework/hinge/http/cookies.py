"""The Cookie header read, the Set-Cookie line written (RFC 6265bis).

Law: reading never fails and is linear: what is malformed is left out, pair by pair; bytes beyond ASCII are UTF-8 in a
value, and nothing in a name. Writing never escapes: what would leave its place, or what a browser would drop
or cut, is a ValueError. What is written is read back as it was, without the quotes around it.
"""

import re
from collections.abc import Callable
from datetime import datetime
from functools import cache

from hinge.http.tokens import OWS, is_token

MAX_SIZE = 4096
"""Bytes of a cookie's name and value together (RFC 6265bis section 5.6): browsers drop a longer one."""

MAX_ATTRIBUTE = 1024
"""Bytes of one attribute's value: browsers pass over a longer one."""

# Browsers send more than RFC 6265's tokens, so any visible character that delimits nothing may stand in a name. But an
# empty name is no name: "=__Host-a=1" would be taken for a cookie that only a secure page of this host can set.
# Nor does a name have anything beyond ASCII: what looks like a space before it would make it another one's.
_TEXT = r"[^\x00-\x08\n-\x1f;\x7f-\x9f\ufffd]*+"
_read_pairs = re.compile(rf"(?:\A|;)[ \t]*+([!#-+\--:<>-\[\]-~]++)[ \t]*+=[ \t]*+({_TEXT})(?=;|\Z)").findall

_value = re.compile(r'[!#-+\--:<-\[\]-~]*+|"[!#-+\--:<-\[\]-~]*+"').fullmatch
_path = re.compile(r"/[!-+\--:<-~]*").fullmatch
_domain = re.compile(r"\.?[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*").fullmatch

# What browsers demand of a cookie whose name begins so, compared without regard to case (RFC 6265bis section 4.1.3).
_SECURE = ("__secure-", "__host-", "__http-")
_HOST_ONLY = ("__host-",)
_HTTP_ONLY = ("__http-", "__host-http-")
_SAME_SITE = {"lax": "Lax", "strict": "Strict", "none": "None"}


def cookie_text(line: bytes) -> str:
    """Return a Cookie header that is not ASCII as `parse_cookies` reads it: UTF-8, with U+FFFD for what is none."""
    return line.decode("utf-8", "replace")


def parse_cookies(header: str | None) -> dict[str, str]:
    """Return the cookies of a Cookie header by name (RFC 6265 section 5.4).

    Of two cookies with one name the first counts: browsers send the more specific one first. Quotes around a value are
    taken off. A comma is part of a value and separates nothing, although some servers join repeated lines with one: who
    can set a cookie to `x,session=1` could set the cookie `session` by it. A pair with U+FFFD in it is left out.
    """
    cookies: dict[str, str] = {}
    if not header:
        return cookies
    if header.isascii() and header.isprintable() and not _is_odd(header):
        # Then a name can only be wrong in being empty or having spaces inside, and all values are well-formed.
        for pair in header.split(";"):
            name, found, value = pair.partition("=")
            if found:
                name = name.strip()
                if name and name not in cookies and " " not in name:
                    cookies[name] = value.strip()
        return cookies
    for name, value in _read_pairs(header):
        if name not in cookies:
            cookies[name] = _unquoted(value.rstrip(OWS))
    return cookies


def _is_odd(header: str) -> bool:
    """Tell whether a header has a character that stands in a value only, or around one."""
    return '"' in header or "," in header or "\\" in header


@cache
def cookie_finder(name: str) -> Callable[[str | None], str | None]:
    """Return what finds the one cookie of this name, a token, as `parse_cookies` would; None: there is none."""
    search = re.compile(rf"(?:\A|;)[ \t]*+{re.escape(name)}[ \t]*+=[ \t]*+({_TEXT})(?=;|\Z)").search
    begin = f"; {name}="

    def find(header: str | None) -> str | None:
        if not header or name not in header:
            return None
        before, found, rest = f"; {header}".partition(begin)
        if found and name not in before:  # a pair begins there, and the name stands nowhere before
            value = rest.partition(";")[0]
            if value.isascii() and value.isprintable():
                value = value.strip()
                return _unquoted(value) if '"' in value else value
        match = search(header)
        return None if match is None else _unquoted(match[1].rstrip(OWS))

    return find


def _unquoted(value: str) -> str:
    return value[1:-1] if value.endswith('"') and value[0] == '"' and len(value) > 1 else value


def format_cookie(
    name: str,
    value: str,
    *,
    max_age: int | None = None,
    expires: datetime | None = None,
    path: str = "/",
    domain: str | None = None,
    secure: bool = False,
    httponly: bool = False,
    samesite: str | None = "lax",
    partitioned: bool = False,
) -> str:
    """Return a Set-Cookie value (RFC 6265 section 4.1). `max_age` is in seconds; `expires` has a time zone.

    Raises:
        ValueError: a part has characters that its place does not take, browsers would refuse the combination (a name
            with the prefix `__Host-`, `__Secure-`, `__Http-` or `__Host-Http-`, SameSite=None or Partitioned without
            what they demand), name and value have more than 4096 bytes, or the path or the domain more than 1024.
        TypeError: a part is of another type.
    """
    _check_characters(name, value, path, domain)
    _check_sizes(name, value, path, domain)
    _check_guarantees(name, path, domain, secure=secure, httponly=httponly, samesite=samesite, partitioned=partitioned)
    parts = [f"{name}={value}"]
    if max_age is not None:
        if not isinstance(max_age, int) or isinstance(max_age, bool):
            raise TypeError(f"a cookie's max_age is an int of seconds, not {type(max_age).__name__}")
        parts.append(f"Max-Age={max_age:d}")
    if expires is not None:
        from hinge.http.dates import format_date  # noqa: PLC0415 - most cookies have a max_age, or none

        parts.append(f"Expires={format_date(_with_zone(expires))}")
    parts.append(f"Path={path}")
    if domain is not None:
        parts.append(f"Domain={domain}")
    if secure:
        parts.append("Secure")
    if httponly:
        parts.append("HttpOnly")
    if samesite is not None:
        parts.append(f"SameSite={_SAME_SITE[samesite.lower()]}")
    if partitioned:
        parts.append("Partitioned")
    return "; ".join(parts)


def _check_characters(name: str, value: str, path: str, domain: str | None) -> None:
    for part, what in ((name, "name"), (value, "value"), (path, "path"), (domain, "domain")):
        if not isinstance(part, str) and (part is not None or what != "domain"):
            raise TypeError(f"a cookie's {what} is a str, not {type(part).__name__}")
    if not is_token(name):
        raise ValueError(f"a cookie's name is an RFC 9110 token, not {name!r}")
    if not _value(value):
        # The value may be a secret, so the message does not show it.
        raise ValueError(
            f"the value of the cookie {name!r} has a space, a quote inside, a comma, a semicolon, a backslash, a "
            "control or a non-ASCII character. Fix: encode it, for instance with urllib.parse.quote"
        )
    if not _path(path):
        raise ValueError(f"a cookie's path starts with / and has no comma, semicolon, space or control: {path!r}")
    if domain is not None and not _domain(domain):
        raise ValueError(f"a cookie's domain is a host name in ASCII (IDNA), not {domain!r}")


def _check_sizes(name: str, value: str, path: str, domain: str | None) -> None:
    size = len(name) + len(value)
    if size > MAX_SIZE:
        raise ValueError(f"the cookie {name[:40]!r} has {size} bytes in name and value, browsers keep {MAX_SIZE}")
    for part, what in ((path, "path"), (domain or "", "domain")):
        if len(part) > MAX_ATTRIBUTE:
            raise ValueError(f"the {what} of the cookie {name[:40]!r} has more than {MAX_ATTRIBUTE} bytes")


def needs_of(name: str) -> tuple[bool, bool]:
    """Return whether a name's prefix demands Secure, and HttpOnly."""
    prefix = name.lower()
    return prefix.startswith(_SECURE), prefix.startswith(_HTTP_ONLY)


def _check_guarantees(
    name: str, path: str, domain: str | None, *, secure: bool, httponly: bool, samesite: str | None, partitioned: bool
) -> None:
    prefix = name.lower()
    if prefix.startswith(_SECURE) and not secure:
        raise ValueError(f"the cookie {name!r} needs secure=True: its prefix promises it")
    if prefix.startswith(_HOST_ONLY) and (path != "/" or domain is not None):
        raise ValueError(f'the cookie {name!r} needs path="/" and no domain: its prefix promises it')
    if prefix.startswith(_HTTP_ONLY) and not httponly:
        raise ValueError(f"the cookie {name!r} needs httponly=True: its prefix promises it")
    if samesite is not None and (not isinstance(samesite, str) or samesite.lower() not in _SAME_SITE):
        raise ValueError(f"a cookie's samesite is lax, strict, none or None, not {samesite!r}")
    if samesite is not None and samesite.lower() == "none" and not secure:
        raise ValueError(f"the cookie {name!r} with samesite none needs secure=True: browsers drop it otherwise")
    if partitioned and not secure:
        raise ValueError(f"the partitioned cookie {name!r} needs secure=True: browsers drop it otherwise")


def _with_zone(moment: datetime) -> datetime:
    if not isinstance(moment, datetime):
        raise TypeError(f"a cookie's expires is a datetime, not {type(moment).__name__}")
    if moment.utcoffset() is None:
        raise ValueError("a cookie's expires needs a time zone: datetime.now(UTC) + timedelta(...)")
    return moment
