"""User names and passwords: `Authorization: Basic <base64>` (RFC 7617).

Law: they are UTF-8, as the challenge says. Browsers send them by themselves once their user has typed them, so they are
no proof that a page of this site asks.
"""

import base64
import binascii
import re
from typing import Any, Literal, TypeVar, Unpack, overload

import msgspec

from hinge.diagnostics.misuse import fits
from hinge.security.scheme import About, Challenge, Part, Read, Scheme, malformed, realm_of

T = TypeVar("T")
_has_control = re.compile(r"[\x00-\x1f\x7f]").search


class HTTPBasicCredentials(msgspec.Struct, frozen=True):
    """What a user has typed."""

    username: str
    password: str

    def __repr__(self) -> str:
        return f"HTTPBasicCredentials(username={self.username!r})"  # a password is nobody's to print


class HTTPBasic(Scheme[T]):
    """Give the user name and the password of the Authorization header, as `HTTPBasicCredentials`.

    `realm` is what browsers show when they ask for them. With `optional=True` a request without any gives None.

    Raises:
        ConfigurationError: an argument is wrong.
    """

    @overload
    def __init__(
        self: "HTTPBasic[HTTPBasicCredentials]",
        *,
        realm: str = ...,
        optional: Literal[False] = ...,
        **about: Unpack[About],
    ) -> None: ...
    @overload
    def __init__(
        self: "HTTPBasic[HTTPBasicCredentials | None]",
        *,
        realm: str = ...,
        optional: Literal[True],
        **about: Unpack[About],
    ) -> None: ...
    @fits
    def __init__(self, *, realm: str = "api", optional: bool = False, **about: Unpack[About]) -> None:
        super().__init__(HTTPBasicCredentials, optional=optional, about=about)
        self.challenge = Challenge("Basic", {"realm": realm_of("HTTPBasic", realm), "charset": "UTF-8"})

    def _document(self) -> Part:
        return {"type": "http", "scheme": "basic"}

    def read(self, reader: Any, max_query_fields: int) -> Read:
        """Return what finds the two."""
        get = reader.header("authorization")

        def read(head: Any) -> HTTPBasicCredentials | None:
            value = get(head)
            if value is None:
                return None
            scheme, _, encoded = value.partition(" ")
            return _decoded(encoded.strip()) if not scheme or scheme.lower() == "basic" else None

        return read


def _decoded(encoded: str) -> HTTPBasicCredentials:
    try:
        text = base64.b64decode(encoded.encode("ascii"), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeError, ValueError):
        raise malformed() from None
    username, colon, password = text.partition(":")
    if not colon or _has_control(text):
        raise malformed()
    return HTTPBasicCredentials(username, password)
