"""Weighted lists of request headers, and the choice among what can be offered (RFC 9110 section 12.4.2 and 12.5).

Law: a header is a wish. Members that are malformed are passed over one by one, in linear time; none makes an error.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from hinge.http.headers import split_list
from hinge.http.tokens import OWS, TOKEN, UTF8, parameter

MOST_MEMBERS = 100
"""Members beyond this many are not looked at: no client has more wishes, only an attacker."""

_weight = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)").fullmatch


def weighted(value: str) -> list[tuple[str, float]]:
    """Return the members of a weighted list in lower case, each with its quality from 0 to 1."""
    found = []
    for member in split_list(value)[:MOST_MEMBERS]:
        name, separator, quality = member.lower().partition(";")
        weight = 1.0
        if separator:
            key, _, digits = (part.strip(OWS) for part in quality.partition("="))
            if key != "q" or not _weight(digits):
                continue
            weight = float(digits)
        found.append((name.strip(OWS), weight))
    return found


def choose_coding(accepted: str | None, offered: Sequence[str]) -> str | None:
    """Return the content coding to use, the first of `offered` among equals; None: send the content as it is.

    `accepted` is the request's `Accept-Encoding`, None if it sent none (RFC 9110 section 12.5.3).
    """
    if not accepted:
        return None
    if len(accepted) <= _MOST_REMEMBERED:
        return _remembered_coding(accepted, tuple(offered))
    return _coding(accepted, offered)


def _coding(accepted: str, offered: Sequence[str]) -> str | None:
    wishes = dict(reversed(weighted(accepted)))  # the first one counts
    others = wishes.get("*", 0.0)
    best, best_weight = None, 0.0
    for coding in offered:
        weight = wishes.get(coding, wishes.get("x-gzip", others) if coding == "gzip" else others)
        if weight > best_weight:
            best, best_weight = coding, weight
    # Not wished for with a weight, content as it is remains the last resort.
    return best if best_weight >= wishes.get("identity", 0.0) else None


_range = re.compile(rf"({TOKEN})/({TOKEN})[ \t]*+").match


class _Range(NamedTuple):
    """One member of Accept: `*` for any type or subtype; parameters in lower case, without the weight."""

    type: str
    subtype: str
    parameters: frozenset[tuple[str, str]]
    weight: float


def choose_media_type(accepted: str | None, offered: Sequence[str]) -> str | None:
    """Return the media type to answer with, the first of `offered` among equals; None: none of them is acceptable.

    `accepted` is the request's `Accept`. Where it is absent, or says nothing well-formed, everything is acceptable. The
    most specific range that matches a type sets its weight, and 0 refuses it (RFC 9110 section 12.5.1); a range with
    parameters matches a type that has them. A charset says nothing about types that have none, so
    `utf-8` is passed over.
    """
    if accepted is None or len(accepted) <= _MOST_REMEMBERED:
        return _remembered(accepted, tuple(offered))
    return _choice(accepted, offered)


def _choice(accepted: str | None, offered: Sequence[str]) -> str | None:
    ranges = _ranges(accepted) if accepted else []
    if not ranges:
        return offered[0] if offered else None
    best, best_weight = None, 0.0
    for one in offered:
        weight = _weight_of(one, ranges)
        if weight > best_weight:
            best, best_weight = one, weight
    return best


# Clients send few different ones; what a hostile one sends takes 128 KiB at most.
_MOST_REMEMBERED = 512
_remembered = lru_cache(maxsize=256)(_choice)
_remembered_coding = lru_cache(maxsize=256)(_coding)


def _ranges(accepted: str) -> list[_Range]:
    found = (_parsed(member.lower()) for member in split_list(accepted)[:MOST_MEMBERS])
    return [one for one in found if one is not None]


def _parsed(member: str) -> _Range | None:
    """Return a member of Accept, or a media type; None if it is malformed."""
    match = _range(member)
    if match is None or (match[1] == "*" and match[2] != "*"):
        return None
    at, quality, parameters = match.end(), None, []
    while at < len(member):
        found = parameter(member, at)
        if found is None:
            return None
        at = found.end()
        name, value = found[1], found[2]
        if name == "q":
            if quality is not None or not _weight(value):
                return None
            quality = float(value)
        elif name is not None:
            parameters.append((name, value.strip('"')))
    return _Range(match[1], match[2], frozenset(parameters), 1.0 if quality is None else quality)


def _weight_of(media_type: str, ranges: Sequence[_Range]) -> float:
    """Return the weight of the most specific range that matches; of equally specific ones the first counts."""
    own = _parsed(media_type.lower())
    if own is None:
        return 0.0
    best, weight = (-1, -1), 0.0
    for one in ranges:
        if one.type not in ("*", own.type) or one.subtype not in ("*", own.subtype):
            continue
        asked = one.parameters - own.parameters
        if any(name != "charset" or value not in UTF8 for name, value in asked):
            continue
        specificity = ((one.type != "*") + (one.subtype != "*"), len(one.parameters) - len(asked))
        if specificity > best:
            best, weight = specificity, one.weight
    return weight
