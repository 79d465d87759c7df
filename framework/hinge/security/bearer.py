"""Bearer tokens: `Authorization: Bearer <token>` (RFC 6750 section 2.1).

Law: what would let two readers see two tokens is refused: a space, a comma (by which servers join repeated lines), what
is not ASCII. All else is for whoever verifies the token.
"""

from typing import Any, Literal, TypeVar, Unpack, overload

from hinge.diagnostics.kinds import wrong
from hinge.diagnostics.misuse import fits
from hinge.http.tokens import is_token
from hinge.security.scheme import About, Challenge, Part, Read, Scheme, Take, malformed, missing, realm_of

T = TypeVar("T")
_BY_BROWSERS = ("negotiate", "ntlm", "mutual")
"""Schemes whose tokens browsers send by themselves, whatever page makes them ask (RFC 4559 section 6)."""


class BearerScheme(Scheme[T]):
    """What the schemes share whose credential is a bearer token."""

    by_header = True
    word = "Bearer"

    def _challenges(self, realm: Any) -> None:
        self.challenge = Challenge(self.word, {"realm": realm_of(type(self).__name__, realm)}, has_errors=True)

    def read(self, reader: Any, max_query_fields: int) -> Read:
        """Return what finds the token."""
        return _token_reader(reader, self.word, is_optional=True)

    def reading(self, reader: Any, max_query_fields: int) -> Take:
        """Return the same for binding, in one frame: each request pays for it."""
        return _token_reader(reader, self.word, is_optional=self.optional)


class HTTPBearer(BearerScheme[T]):
    """Give the bearer token of the Authorization header, a text.

    `scheme` is what stands before it where that is another word, as in `Authorization: Token <token>`. `realm` stands
    in the challenge. With `optional=True` a request without one gives None.

    Raises:
        ConfigurationError: an argument is wrong.
    """

    @overload
    def __init__(
        self: "HTTPBearer[str]",
        *,
        scheme: str = ...,
        realm: str = ...,
        optional: Literal[False] = ...,
        **about: Unpack[About],
    ) -> None: ...
    @overload
    def __init__(
        self: "HTTPBearer[str | None]",
        *,
        scheme: str = ...,
        realm: str = ...,
        optional: Literal[True],
        **about: Unpack[About],
    ) -> None: ...
    @fits
    def __init__(
        self, *, scheme: str = "Bearer", realm: str = "api", optional: bool = False, **about: Unpack[About]
    ) -> None:
        super().__init__(str, optional=optional, about=about)
        if not isinstance(scheme, str) or not is_token(scheme):
            raise wrong("HTTPBearer", "scheme", scheme, "it is no token (RFC 9110 section 11.1)", 'scheme="Token"')
        if scheme.lower() in ("basic", "digest"):
            raise wrong("HTTPBearer", "scheme", scheme, "what follows it is no token", "HTTPBasic()")
        self.word = scheme
        self.by_header = scheme.lower() not in _BY_BROWSERS
        self._challenges(realm)

    def _document(self) -> Part:
        return {"type": "http", "scheme": "bearer" if self.word == "Bearer" else self.word}


def _token_reader(reader: Any, word: str, *, is_optional: bool) -> Take:
    get, begin, size, lower = reader.header("authorization"), f"{word} ", len(word) + 1, word.lower()

    def read(head: Any, values: Any = (), body: Any = None, request: Any = None) -> Any:
        value = get(head)
        if value is not None:
            if value[:size] == begin:
                token = value[size:]
                if token and " " not in token and "," not in token and token.isascii():
                    return token
            token = _token(value)
            if token is not None:
                return token
        if is_optional:
            return None
        raise missing()

    def _token(value: str) -> str | None:
        """Return the token behind the word in any case and any spaces; None: it is another scheme's."""
        scheme, _, rest = value.partition(" ")
        if scheme and scheme.lower() != lower:
            return None
        token = rest.strip()
        if not token or " " in token or "," in token or not token.isascii():
            raise malformed()
        return token

    return read
