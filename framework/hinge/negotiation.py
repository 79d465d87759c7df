"""Weighted lists of request headers, and the choice among what can be offered (RFC 9110 section 12.4.2 and 12.5).

Law: a header is a wish. Members that are malformed are passed over one by one, in linear time; none makes an error.
"""

import re
from collections.abc import Sequence

from hinge.headers import split_list

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
            key, _, digits = quality.strip().partition("=")
            if key.strip() != "q" or not _weight(digits.strip()):
                continue
            weight = float(digits)
        found.append((name.strip(), weight))
    return found


def choose_coding(accepted: str | None, offered: Sequence[str]) -> str | None:
    """Return the content coding to use, the first of `offered` among equals; None: send the content as it is.

    `accepted` is the request's `Accept-Encoding`, None if it sent none (RFC 9110 section 12.5.3).
    """
    if not accepted:
        return None
    wishes = dict(reversed(weighted(accepted)))  # the first one counts
    others = wishes.get("*", 0.0)
    best, best_weight = None, 0.0
    for coding in offered:
        weight = wishes.get(coding, wishes.get("x-gzip", others) if coding == "gzip" else others)
        if weight > best_weight:
            best, best_weight = coding, weight
    # Not wished for with a weight, content as it is remains the last resort.
    return best if best_weight >= wishes.get("identity", 0.0) else None
