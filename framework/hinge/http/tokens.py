"""RFC 9110's token, and what is made of tokens: media types and their parameters.

Law: the grammar stands here once, as parts for regular expressions. They are possessive: whatever a client sends is
looked at once.
"""

import re

TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"  # noqa: S105 - a part of the grammar
"""A method, a field name, a cookie's name (RFC 9110 section 5.6.2)."""
QUOTED = r'"(?:[^"\\]|\\.)*+"'
"""A quoted string, its quotes and escapes left in it (section 5.6.4)."""
MEDIA_TYPE = rf"{TOKEN}/{TOKEN}"
"""Type and subtype without parameters (section 8.3.1); either may be `*`, which is a token, too."""

OWS = " \t"
"""What may stand around parts of a field (section 5.6.3): less than `str.strip` takes for space."""
UTF8 = frozenset({"utf-8", "utf8"})
"""What the parameter `charset` calls UTF-8, in lower case."""

is_token = re.compile(TOKEN).fullmatch
is_media_type = re.compile(MEDIA_TYPE).fullmatch
parameter = re.compile(rf";[ \t]*+(?:({TOKEN})=({TOKEN}|{QUOTED})[ \t]*+)?", re.DOTALL).match
"""`(text, position) -> the match of a semicolon and the parameter behind it`, whose groups are None where there is
none (section 5.6.6)."""
