"""Request headers, read alike on every backend; response headers, checked where they are set.

Law: a field has one value however many lines brought it: servers hand over repeated lines apart or joined, and
`Headers` makes one thing of both (RFC 9110 section 5.3). What goes out is a token and visible ASCII; it is checked
nowhere else.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from functools import lru_cache
from typing import Any, Self, TypeVar, cast, overload

from hinge.errors import HTTPError
from hinge.http.multidict import MultiDict
from hinge.http.tokens import OWS, is_token

T = TypeVar("T")

_quoted_or_comma = re.compile(r',|"(?:[^"\\]++|\\.)*+(")?', re.DOTALL).finditer
# A comma would be a sub-delim of a registered name, but here it is the mark of a repeated line.
_host = re.compile(
    r"(?:[A-Za-z0-9_-]++(?:\.[A-Za-z0-9_-]++)*+\.?|\[(?P<v6>[0-9A-Fa-f:.]{2,45})\])(?::(?P<port>[0-9]{1,5}))?"
).fullmatch

_LINES_STAY_APART = "set-cookie"
"""The one field whose lines cannot be joined (RFC 6265 section 3)."""
_NOT_A_LIST = frozenset(
    {
        "authorization", "cookie", "date", "expires", "from", "host", "if-modified-since", "if-range",
        "if-unmodified-since", "last-modified", "location", "origin", "proxy-authorization", "referer", "retry-after",
        "server", "user-agent",
    }
)  # fmt: skip
"""Fields that are no list, and whose value may hold a comma all the same: dates, comments, addresses, credentials."""


class Headers(MultiDict[str]):
    """Hold the headers of a message, names without regard to case.

    `get` and `multi_items` show each field once, repeated lines joined with `,` (Cookie with `; `); `get_all` shows a
    list field's members. Set-Cookie, in an answer that a client reads, is the exception: its lines stay apart.
    """

    __slots__ = ()

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._adopt([(name.lower(), value) for name, value in pairs])

    @classmethod
    def trusted(cls, pairs: list[tuple[str, str]]) -> Self:
        """Adopt a list whose names are in lower case; the caller must not change it afterwards."""
        headers = cls.__new__(cls)
        headers._adopt(pairs)
        return headers

    def _adopt(self, pairs: list[tuple[str, str]]) -> None:
        self._grouped = None
        self._first = first = dict(pairs)
        self._pairs = pairs
        if len(first) != len(pairs):
            self._join(pairs)

    def _join(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs
        groups = self._groups()  # grouping before joining: a concatenation per line would be quadratic
        self._grouped = None
        joined = []
        for name, lines in groups.items():
            if len(lines) == 1:
                joined.append((name, lines[0]))
            elif name == _LINES_STAY_APART:
                self._first[name] = lines[0]
                joined += [(name, line) for line in lines]
            else:
                value = ("; " if name == "cookie" else ",").join(lines)
                self._first[name] = value
                joined.append((name, value))
        self._pairs = joined

    def __getitem__(self, name: str) -> str:
        return self._first[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._first

    @overload
    def get(self, name: str, default: None = None, /) -> str | None: ...
    @overload
    def get(self, name: str, default: str | T, /) -> str | T: ...
    def get(self, name: str, default: Any = None, /) -> Any:
        """Return the value of a field, repeated lines joined, or `default`."""
        return self._first.get(name.lower(), default)

    def get_all(self, name: str) -> list[str]:
        """Return the members of a list field in order, without empty ones; an empty list if it is absent.

        The value is split at commas outside quoted strings (RFC 9110 section 5.6.1). Fields that are no list, such as
        User-Agent or a date, are one member. A field without members is there all the same: it has one value, "".
        """
        name = name.lower()
        value = self._first.get(name)
        if value is None:
            return []
        if name == _LINES_STAY_APART:
            return super().get_all(name)
        return members_of(name, value) or [""]


def members_of(name: str, value: str) -> list[str]:
    """Return the members of a field's value, of which a field that is no list has one; none of an empty value."""
    if name in _NOT_A_LIST:
        return [value] if value else []
    return split_list(value)


def split_list(value: str) -> list[str]:
    """Return the members of a list field's value, without those that are empty (RFC 9110 section 5.6.1)."""
    if "," not in value:
        members = [value]
    elif '"' not in value:
        members = value.split(",")
    else:
        members = _split_quoted(value)
    return [stripped for member in members if (stripped := member.strip(OWS))]


def _split_quoted(value: str) -> list[str]:
    members = []
    start = 0
    for match in _quoted_or_comma(value):
        if match[0] == ",":
            members.append(value[start : match.start()])
            start = match.end()
        elif match[1] is None:
            # A quote that is never closed quotes nothing, and neither does a later one. Without this, one line with a
            # stray quote would swallow the lines after it.
            first, *rest = value[match.start() :].split(",")
            return [*members, value[start : match.start()] + first, *rest]
    members.append(value[start:])
    return members


def check_name(name: str) -> str:
    """Return a header's name in lower case.

    Raises:
        ValueError: it is no RFC 9110 token.
        TypeError: it is not a str.
    """
    if not isinstance(name, str):
        raise TypeError(f"a header's name is a str, not {type(name).__name__}")
    return _token(name)


@lru_cache(maxsize=256)  # names stand in the program
def _token(name: str) -> str:
    if not is_token(name):
        raise ValueError(f"a header's name is an RFC 9110 token, not {name!r}")
    return str.lower(name)  # of str, whose result is no subclass


class MutableHeaders(MutableMapping[str, str]):
    """Hold headers to be sent; `raw` is the list of `(lower-case name, value)` lines in order.

    Takes a mapping or pairs. As a mapping it shows each name once, its lines joined with `, ` (of Set-Cookie the first
    line); `get_all` and `multi_items` show the lines. A tab in a value becomes a space.

    Raises:
        ValueError: a name is no RFC 9110 token, or a value has anything but visible ASCII, spaces and tabs.
        TypeError: a name or a value is not a str.
    """

    __slots__ = ("raw",)

    raw: list[tuple[str, str]]

    _name: Any = staticmethod(check_name)
    """Returns a name as it goes out, checked."""
    _known_name: Any = staticmethod(_token)
    """The same for one that is exactly a str, remembered."""

    def __init__(self, headers: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        self.raw = []
        for name, value in _pairs(headers):
            self.append(name, value)

    def append(self, name: str, value: str) -> None:
        """Add a line and keep those of the same name; surrounding spaces are taken off.

        Raises:
            ValueError: the name or the value is invalid.
            TypeError: the name or the value is not a str.
        """
        self.raw.append((self._name(name), _check_value(name, value)))

    def __setitem__(self, name: str, value: str) -> None:
        key = self._known_name(name) if name.__class__ is str else self._name(name)
        if value.__class__ is str and value.isascii() and value.isprintable():  # as most are
            line = key, value.strip(" ")
        else:
            line = key, _check_value(name, value)
        raw = self.raw
        for present, _ in raw:
            if present == key:
                break
        else:
            raw.append(line)
            return
        places = [index for index, (present, _) in enumerate(raw) if present == key]
        raw[places[0]] = line
        if len(places) > 1:
            raw[:] = [pair for pair in raw if pair[0] != key or pair is line]

    def __getitem__(self, name: str) -> str:
        lines = self.get_all(name)
        if not lines:
            raise KeyError(name)
        if len(lines) == 1 or name.lower() == _LINES_STAY_APART:
            return lines[0]
        return ", ".join(lines)

    def __delitem__(self, name: str) -> None:
        key = str.lower(name)
        kept = [pair for pair in self.raw if pair[0] != key]
        if len(kept) == len(self.raw):
            raise KeyError(name)
        self.raw[:] = kept

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        key = name.lower()
        return any(present == key for present, _ in self.raw)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for name, _ in self.raw))

    def __len__(self) -> int:
        return len({name for name, _ in self.raw})

    def get_all(self, name: str) -> list[str]:
        """Return the lines of `name` in order, as they were set."""
        key = str.lower(name)  # a TypeError for anything else
        return [value for present, value in self.raw if present == key]

    def multi_items(self) -> list[tuple[str, str]]:
        """Return all lines in order."""
        return self.raw.copy()

    def setdefault(self, name: str, value: str, /) -> str:  # no line is without a value
        """Add a line if there is none of that name; return what `name` then shows.

        Raises:
            ValueError: the name or the value is invalid.
            TypeError: the name or the value is not a str.
        """
        if name not in self:
            self.append(name, value)
        return self[name]

    def clear(self) -> None:
        """Remove all lines."""
        self.raw.clear()

    def update(  # type: ignore[override]  # header names are no identifiers: no keywords
        self, headers: Mapping[str, str] | Iterable[tuple[str, str]] = (), /
    ) -> None:
        """Replace the lines of every name in `headers`, all or nothing; a name that repeats there has all its lines.

        Raises:
            ValueError: a name or a value is invalid.
            TypeError: a name or a value is not a str.
        """
        lines = type(self)(headers).raw
        replaced = {name for name, _ in lines}
        self.raw[:] = [pair for pair in self.raw if pair[0] not in replaced] + lines

    def vary(self, *names: str) -> None:
        """Add request headers that the answer depends on to Vary (RFC 9110 section 12.5.5), each once.

        Raises:
            ValueError: a name is neither a token nor `*`.
        """
        for name in names:
            check_name(name)
        present = [member for line in self.get_all("vary") for member in split_list(line)]
        known = {member.lower() for member in present}
        if "*" in known:
            return
        if "*" in names:
            self["vary"] = "*"
            return
        for name in names:
            if name.lower() not in known:
                known.add(name.lower())
                present.append(name)
        if present:
            self["vary"] = ", ".join(present)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, MutableHeaders):
            return self.raw == other.raw
        return super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]  # it can change

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.raw!r})"


def _pairs(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    if isinstance(headers, (MutableHeaders, MultiDict)):
        return headers.multi_items()
    if isinstance(headers, Mapping):
        return cast("Iterable[tuple[str, str]]", headers.items())
    return headers


def _check_value(name: str, value: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"the value of the header {name!r} is a str, not {type(value).__name__}")
    value = str.strip(value, OWS)
    if value.isascii() and value.isprintable():
        return value
    if not value.isprintable():
        # A tab is no more than a space (RFC 9110 section 5.5), but PEP 3333 has no controls in a value.
        value = value.replace("\t", " ")
    if not value.isascii() or not value.isprintable():
        raise ValueError(
            f"the value of the header {name!r} has a line break, a control or a non-ASCII character: {value[:80]!r}. "
            "Fix: leave it out, or encode it (RFC 8187 for parameters, percent-encoding in addresses)"
        )
    return value


def parse_host(value: str | None) -> str:
    """Return a Host header's value in lower case (RFC 9110 section 7.2): a name or an address, with its port if sent.

    Raises:
        HTTPError: 400, it is missing, repeated or malformed.
    """
    if value is None:
        raise HTTPError(400, "The request has no Host header.")
    match = _host(value)
    if match is None or int(match["port"] or 0) > 65535 or not _is_address(match["v6"]):
        raise HTTPError(400, "The Host header is malformed.")
    return value.lower()


def _is_address(v6: str | None) -> bool:
    if v6 is None:
        return True
    from ipaddress import IPv6Address  # noqa: PLC0415 - few hosts are addresses in brackets

    try:
        IPv6Address(v6)
    except ValueError:
        return False
    return True
