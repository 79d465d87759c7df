"""Request headers, read alike on every backend; response headers, checked where they are set.

Law: a field has one value however many lines brought it: servers hand over repeated lines apart or joined, and
`Headers` makes one thing of both (RFC 9110 section 5.3). What goes out is a token and visible ASCII; it is checked
nowhere else.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar, Generic, Self, TypeVar, cast, overload

from hinge.errors import HTTPError
from hinge.http.multidict import MultiDict
from hinge.http.tokens import OWS, is_token

T = TypeVar("T")

_new = object.__new__
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


def _token(name: str) -> str:
    if not is_token(name):
        raise ValueError(f"a header's name is an RFC 9110 token, not {name!r}")
    return str.lower(name)  # of str, whose result is no subclass


class ByName(Generic[T]):
    """What `make` returns for a header's name, by the name as somebody wrote it.

    Names may come from a client, so not all are kept. Who is in a hurry looks into `known` first, a plain dict.
    """

    _MOST = 512

    def __init__(self, make: Callable[[str], T]) -> None:
        self.make = make
        self.known: dict[str, T] = {}

    def __getitem__(self, name: str) -> T:
        """Return what belongs to a name; raises what `make` raises."""
        try:
            return self.known[name]
        except (KeyError, TypeError):
            pass  # what `make` raises is no failure within another
        return self.learn(name)

    def learn(self, name: str) -> T:
        """Return what belongs to a name that is not known; raises what `make` raises."""
        made = self.make(name)
        if name.__class__ is str:  # whose equality is known
            if len(self.known) >= self._MOST:
                self.known.clear()
            self.known[name] = made
        return made


_checked = ByName(check_name)


@lru_cache(maxsize=256)
def _varying(line: str, names: tuple[str, ...]) -> str:
    """Return a Vary header with further names; the same few of an app come with almost every answer."""
    spelled = {member.lower(): member for member in split_list(line)}
    for name in names:
        spelled.setdefault(_checked[name], name)
    return "*" if "*" in spelled else ", ".join(spelled.values())


def item_setter(names: ByName[str]) -> Callable[[Any, str, str], None]:
    """Return the `__setitem__` of headers whose names `names` checks."""
    known, learn = names.known, names.learn

    # A closure: each header that a middleware sets would pay for finding the table at its class.
    def __setitem__(headers: "MutableHeaders", name: str, value: str) -> None:  # noqa: N807 - it is one
        try:
            key = known[name]
        except (KeyError, TypeError):
            key = ""
        key = key or learn(name)
        if value.__class__ is str and value.isascii() and value.isprintable():  # `_check_value`, for most
            headers._first[key] = value.strip()
        else:
            headers._first[key] = _check_value(name, value)
        if headers._more:
            headers._more.pop(key, None)

    return __setitem__


class MutableHeaders(MutableMapping[str, str]):
    """Hold headers to be sent: lower-case names, valid values; the lines of one name stand together, in their order.

    Takes a mapping or pairs. As a mapping it shows each name once, its lines joined with `, ` (of Set-Cookie the first
    line); `get_all` and `multi_items` show the lines. A tab in a value becomes a space.

    Raises:
        ValueError: a name is no RFC 9110 token, or a value has anything but visible ASCII, spaces and tabs.
        TypeError: a name or a value is not a str.
    """

    __slots__ = ("_first", "_more")

    _first: dict[str, str]
    """The first line of each name: a middleware sets a header by one look-up, and a backend sends what is here."""
    _more: dict[str, list[str]] | None
    """The further lines of those names that have some."""

    _names: ClassVar[ByName[str]] = _checked
    """Returns a name as it goes out, checked."""
    __setitem__ = item_setter(_names)

    def __init__(self, headers: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        self._first, self._more = {}, None
        if isinstance(headers, dict):
            for name, value in cast("dict[str, str]", headers).items():
                self[name] = value
            if len(self._first) == len(headers):
                return
            self._first = {}  # a name stands there in two spellings
        for name, value in _pairs(headers):
            self.append(name, value)

    @classmethod
    def trusted(cls, lines: Sequence[tuple[str, str]]) -> Self:
        """Return the headers of lines that the framework wrote or checked itself, names in lower case."""
        headers = _new(cls)
        headers._first = first = dict(lines)
        headers._more = None
        if len(first) != len(lines):
            first.clear()
            for name, value in lines:
                headers._add(name, value)
        return headers

    def copy(self) -> Self:
        """Return the same lines, to be changed without a trace in these."""
        copied = _new(self.__class__)
        copied._first, more = self._first.copy(), self._more
        copied._more = {name: values.copy() for name, values in more.items()} if more else None
        return copied

    def _add(self, name: str, value: str) -> None:
        if name not in self._first:
            self._first[name] = value
            return
        self._more = more = self._more or {}
        more.setdefault(name, []).append(value)

    def put(self, name: str, value: str) -> None:
        """Set a header that was checked before, by its name in lower case."""
        self._first[name] = value
        if self._more:
            self._more.pop(name, None)

    def put_all(self, lines: dict[str, str]) -> None:
        """Set headers as `put` does."""
        self._first |= lines
        if self._more:
            for name in lines:
                self._more.pop(name, None)

    def append(self, name: str, value: str) -> None:
        """Add a line and keep those of the same name; surrounding spaces are taken off.

        Raises:
            ValueError: the name or the value is invalid.
            TypeError: the name or the value is not a str.
        """
        self._add(self._names[name], _check_value(name, value))

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    @overload
    def get(self, name: str, default: None = None, /) -> str | None: ...
    @overload
    def get(self, name: str, default: str | T, /) -> str | T: ...
    def get(self, name: str, default: Any = None, /) -> Any:
        """Return the lines of `name` joined with `, `, of Set-Cookie the first line; or `default`."""
        key = str.lower(name)  # a TypeError for anything else
        first = self._first.get(key)
        if first is None:
            return default
        if not self._more or key == _LINES_STAY_APART:
            return first
        return ", ".join([first, *self._more.get(key, ())])

    def __delitem__(self, name: str) -> None:
        key = str.lower(name)
        if self._first.pop(key, None) is None:
            raise KeyError(name)
        if self._more:
            self._more.pop(key, None)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._first

    def __iter__(self) -> Iterator[str]:
        return iter(self._first)

    def __len__(self) -> int:
        return len(self._first)

    def get_all(self, name: str) -> list[str]:
        """Return the lines of `name` in order, as they were set."""
        key = str.lower(name)  # a TypeError for anything else
        if key not in self._first:
            return []
        return [self._first[key], *((self._more or {}).get(key, ()))]

    def multi_items(self) -> list[tuple[str, str]]:
        """Return all lines as a new list of `(lower-case name, value)`."""
        more = self._more
        if not more:
            return [*self._first.items()]
        return [(name, value) for name, first in self._first.items() for value in (first, *more.get(name, ()))]

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
        self._first.clear()
        self._more = None

    def update(  # type: ignore[override]  # header names are no identifiers: no keywords
        self, headers: Mapping[str, str] | Iterable[tuple[str, str]] = (), /
    ) -> None:
        """Replace the lines of every name in `headers`, all or nothing; a name that repeats there has all its lines.

        Raises:
            ValueError: a name or a value is invalid.
            TypeError: a name or a value is not a str.
        """
        lines = type(self)(headers)
        for name in lines._first:
            self.pop(name, None)
        self._first |= lines._first
        if lines._more:
            self._more = (self._more or {}) | lines._more

    def vary(self, *names: str) -> None:
        """Add request headers that the answer depends on to Vary (RFC 9110 section 12.5.5), each once.

        Raises:
            ValueError: a name is neither a token nor `*`.
        """
        try:
            line = _varying(", ".join(self.get_all("vary")), names)
        except TypeError:  # of what is no name, in the words for it
            line = _varying.__wrapped__("", names)
        if line:
            self.put("vary", line)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, MutableHeaders):
            return self.multi_items() == other.multi_items()
        return super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]  # it can change

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.multi_items()!r})"


def _pairs(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    if isinstance(headers, (MutableHeaders, MultiDict)):
        return headers.multi_items()
    if isinstance(headers, Mapping):
        return cast("Iterable[tuple[str, str]]", headers.items())
    return headers


def _check_value(name: str, value: str) -> str:
    if value.__class__ is str and value.isascii() and value.isprintable():
        return value.strip()  # the one white space that is printable ASCII is the space
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
