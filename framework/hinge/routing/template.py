"""One path template: what it matches, and the URL path it builds.

Law: a template is written decoded, as the router sees a path: `/straße/{name}`, never `/stra%C3%9Fe`. A path it builds
is quoted, stays on this host, and leads back to the same values; a value that cannot is refused, never linked wrongly.

A segment is a literal, or one parameter with an optional literal before and after it (`{name}`, `v{number}`,
`{name}.json`), which takes at least one character and no `/`. `{rest:path}` stands last and alone in its segment and
takes the remainder, which may be empty and may hold `/`. A template's trailing slash is part of it.
"""

import re
from collections.abc import Hashable, Iterator
from enum import Enum
from typing import NamedTuple, Self

import msgspec

from hinge.errors import ConfigurationError
from hinge.http.percent import quote

# RFC 3986 section 3.3, less what a reader of the path may mistake: ";" (some servers cut it off), "&" and "'" (HTML).
_SAFE = ":@!$*,=+"
_DOTS = frozenset({".", ".."})
_ELSEWHERE = r"<(?:\w+:)?([^\W\d]\w*)>|:([^\W\d]\w*)"
"""How other frameworks write parameters: `<name>`, `<int:name>`, `:name`. As fixed text no path would ever match it."""


class Segment(NamedTuple):
    """Hold one segment: a literal if `name` is None, else a parameter between `prefix` and `suffix`.

    `rest` marks the parameter that takes the remainder of the path.
    """

    prefix: str
    name: str | None = None
    suffix: str = ""
    rest: bool = False


class PathTemplate(msgspec.Struct, frozen=True):
    """Describe a route's path. Made by `PathTemplate.parse`; `segments` are those after the leading slash."""

    text: str
    segments: tuple[Segment, ...]
    names: tuple[str, ...]
    _quoted: tuple[tuple[str, str], ...]
    shape: Hashable
    """A key that is equal for templates that match the same paths, whatever their parameters are called."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse `text`, such as `/items/{item_id}` or `/files/{rest:path}`.

        Raises:
            ConfigurationError: the template could never match, is ambiguous in itself, or is not understood.
        """
        _check_text(text)
        pieces = text[1:].split("/")
        last = len(pieces) - 1
        segments = tuple(_parse_segment(text, piece, is_last=index == last) for index, piece in enumerate(pieces))
        names: list[str] = []
        for segment in segments:
            if segment.name is None:
                continue
            if segment.name in names:
                raise _mistake(text, f"names the parameter {segment.name!r} twice; give each its own name")
            names.append(segment.name)
        quoted = tuple((quote(segment.prefix, safe=_SAFE), quote(segment.suffix, safe=_SAFE)) for segment in segments)
        shape = tuple((part.prefix, part.name is not None, part.suffix, part.rest) for part in segments)
        return cls(text, segments, tuple(names), quoted, shape)

    @property
    def is_static(self) -> bool:
        """Tell whether the template has no parameter, and so matches its own text only."""
        return not self.names

    def __str__(self) -> str:
        return self.text

    def quoted(self) -> Iterator[tuple[Segment, tuple[str, str]]]:
        """Yield each segment with its prefix and suffix percent-encoded."""
        return zip(self.segments, self._quoted, strict=True)

    def build(self, /, **values: object) -> str:
        """Return the percent-encoded path with the given values, spelled as `str` does (an enum member: its value).

        Raises:
            ConfigurationError: a parameter is missing or unknown, or the path would not lead back to the same values:
                nothing or a `/` for one segment, a `.` or `..` segment, or a path that begins with `//`, a host.
        """
        if len(values) != len(self.names) or any(name not in values for name in self.names):
            raise self._misnamed(values)
        built: list[str] = []
        for segment, (prefix, suffix) in self.quoted():
            if segment.name is None:
                built.append(prefix)
            else:
                built.append(prefix + self._quote_value(segment, values[segment.name]) + suffix)
        path = "/" + "/".join(built)
        if path.startswith("//"):
            raise _mistake(self.text, "builds a path that begins with '//', which names a host; drop the value's slash")
        return path

    def _quote_value(self, segment: Segment, value: object) -> str:
        text = _value_text(value)
        problem = _value_problem(segment, text)
        if text is None or problem:
            raise _mistake(self.text, f"cannot take {value!r} for {segment.name!r}: {problem}")
        return quote(text, safe=_SAFE + "/" if segment.rest else _SAFE)

    def _misnamed(self, values: dict[str, object]) -> ConfigurationError:
        missing = [name for name in self.names if name not in values]
        if missing:
            return _mistake(self.text, f"needs a value for {', '.join(map(repr, missing))}")
        unknown = sorted(values.keys() - set(self.names))
        return _mistake(self.text, f"has no parameter {', '.join(map(repr, unknown))}")


def _mistake(text: str, problem: str) -> ConfigurationError:
    return ConfigurationError(f"path template {text!r} {problem}")


def _value_text(value: object) -> str | None:
    """Spell a value, or return None for one whose `str` is never what the caller means."""
    if isinstance(value, Enum):
        value = value.value
    if value is None or isinstance(value, bytes | bytearray | memoryview):
        return None
    return str(value)


def _value_problem(segment: Segment, text: str | None) -> str | None:
    """Tell why a parameter cannot have this value: no path would lead back to it."""
    if text is None:
        return "it has no spelling in a path; pass a str"
    if not text.isascii() and any(map(_is_surrogate, text)):
        return "it cannot be encoded as UTF-8"
    parts = text.split("/") if segment.rest else [segment.prefix + text + segment.suffix]
    if not _DOTS.isdisjoint(parts):
        return "clients resolve '.' and '..' segments before they send the path"
    if segment.rest:
        return None
    if not text:
        return "it is empty, and a parameter takes at least one character"
    if "/" in text:
        return f"it holds a '/', which only {{{segment.name}:path}} takes"
    return None


def _check_text(text: str) -> None:
    if not text.startswith("/"):
        raise _mistake(text, f"must begin with '/'. Fix: write {'/' + text!r}")
    if "//" in text:
        raise _mistake(text, "has an empty segment ('//'); write each slash once")
    for mark, part in (("?", "query"), ("#", "fragment")):
        if mark in text:
            raise _mistake(text, f"holds {mark!r}; the {part} is not part of the path")
    escape = re.search("%[0-9A-Fa-f]{2}", text) if "%" in text else None
    if escape:
        raise _mistake(text, f"holds the escape {escape[0]!r}; a template is written with the character itself")
    unfit = next(filter(_is_unfit, text), None)
    if unfit is not None:
        raise _mistake(text, f"holds the character {unfit!r}, which has no place in a path")


def _is_unfit(character: str) -> bool:
    return character < " " or "\x7f" <= character <= "\x9f" or character == "\\" or _is_surrogate(character)


def _is_surrogate(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"


def _parse_segment(text: str, piece: str, *, is_last: bool) -> Segment:
    if piece in _DOTS:
        raise _mistake(text, f"has a {piece!r} segment; clients resolve those, so it would never match")
    if "{" not in piece and "}" not in piece:
        if piece.startswith(("<", ":")) and (elsewhere := re.fullmatch(_ELSEWHERE, piece)):
            raise _mistake(text, f"has {piece!r}, which is fixed text here; write {{{elsewhere[1] or elsewhere[2]}}}")
        return Segment(piece)
    braces = "".join(character for character in piece if character in "{}")
    if braces != "{}" * (len(braces) // 2):
        raise _mistake(text, f"has unbalanced braces in {piece!r}; a parameter is written {{name}}")
    prefix, _, remainder = piece.partition("{")
    inner, _, suffix = remainder.partition("}")
    if "{" in suffix:
        raise _mistake(text, f"has two parameters in {piece!r}; a segment takes one, so split them with '/'")
    name, colon, kind = inner.partition(":")
    if colon and kind != "path":
        raise _mistake(text, f"gives {name!r} a type {kind!r}; the handler's annotation converts: write {{{name}}}")
    if not name.isidentifier():
        raise _mistake(text, f"names a parameter {name!r}; a name is a Python identifier")
    if colon and (prefix or suffix):
        raise _mistake(text, f"puts text beside {{{inner}}}; a path parameter stands alone in its segment")
    if colon and not is_last:
        raise _mistake(text, f"has segments after {{{inner}}}, which takes the whole remainder; put it last")
    return Segment(prefix, _normalised(name), suffix, rest=bool(colon))


def _normalised(name: str) -> str:
    """Return a name as Python normalises those of parameters and keywords."""
    if name.isascii():
        return name
    from unicodedata import normalize  # noqa: PLC0415 - only names in other scripts pay for it

    return normalize("NFKC", name)
