"""A security scheme: what reads a credential, says what was missing, and describes itself.

Law: a scheme looks at the head alone and judges form alone; whether the credential is good is for the provider that
takes it. Absent is a 401, or None where it is optional; present and malformed is a 401 always, since whoever shows a
credential does not mean to be nobody.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Generic, TypedDict, TypeVar

from hinge.binding.credentials import Credential
from hinge.diagnostics.kinds import FLAG, TEXT, want, wrong
from hinge.diagnostics.location import caller
from hinge.diagnostics.misuse import nearest
from hinge.errors import ConfigurationError, HTTPError
from hinge.request import HTTPConnection

T = TypeVar("T")
Read = Callable[[Any], Any]
"""Return the credential of a head, None without one. Raises HTTPError: 401, it is malformed."""
Take = Callable[..., Any]
"""The same as binding calls it, with more behind the head; it raises where there has to be one."""
Part = dict[str, Any]

_is_title = re.compile(r"[A-Za-z0-9._-]+").fullmatch
"""What the name of a component may be (OpenAPI 3.1.1, section 4.8.7.2)."""

ELSEWHERE = {
    "auto_error": "optional=True, in place of auto_error=False",
    "scheme_name": "title=, in place of scheme_name=",
    "tokenUrl": "token_url=",
    "authorizationUrl": "authorization_url=",
    "refreshUrl": "refresh_url=",
    "openIdConnectUrl": "OpenIDConnect(url)",
    "bearerFormat": "description=",
}
"""What schemes of others take, and what to write instead."""


class About(TypedDict, total=False):
    """What every scheme takes."""

    title: str | None
    """What the document calls it; by default the name of its class."""
    description: str | None
    """What the document says of it."""


class Challenge:
    """A challenge of WWW-Authenticate (RFC 9110 section 11.6.1), or its beginning: parameters may be added."""

    __slots__ = ("has_errors", "text")

    def __init__(self, scheme: str, parameters: Mapping[str, str], *, has_errors: bool = False) -> None:
        self.text = f"{scheme} " + ", ".join(f"{name}={quoted(value)}" for name, value in parameters.items())
        self.has_errors = has_errors
        """Whether the scheme has a parameter for what was wrong with a credential (RFC 6750 section 3)."""

    def failed(self, error: str, **parameters: str) -> str:
        """Return the challenge with what was wrong, where the scheme has words for that."""
        if not self.has_errors:
            return self.text
        return self.text + "".join(f", {name}={quoted(text)}" for name, text in {"error": error, **parameters}.items())


def quoted(text: str) -> str:
    """Return a quoted string (RFC 9110 section 5.6.4)."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class Scheme(Credential, Generic[T]):
    """One scheme. It is named in `Depends`, and equal to itself alone."""

    challenge: Challenge
    by_header: bool = False
    """Whether what it reads is a header that no browser sends by itself."""
    has_scopes: ClassVar[bool] = False
    """Whether it declares the scopes that there are (`scopes`)."""
    scopes: Mapping[str, str]

    def __init__(self, gives: Any, *, optional: bool, about: Mapping[str, Any]) -> None:
        kind = type(self).__name__
        self.location = caller()
        check_about(kind, about)
        if not FLAG.fits(optional):
            raise wrong(kind, "optional", optional, f"it is no {FLAG.name}", FLAG.fix)
        title, description = about.get("title"), about.get("description")
        want(kind, TEXT, optional=True, title=title, description=description)
        if title is not None and not _is_title(title):
            raise wrong(kind, "title", title, "it is no name of a component", "letters, digits and ._- only")
        self.optional = optional
        self.title = title
        self.description = description
        self.gives = gives | None if optional else gives

    @property
    def members(self) -> "tuple[Scheme[Any], ...]":
        """The schemes of which one is enough: itself."""
        return (self,)

    @property
    def is_wanted_in_header(self) -> bool:  # type: ignore[override]  # it is told once, at compile
        """Whether no request passes that has nothing in a header that no browser sends by itself."""
        return not self.optional and all(one.by_header for one in self.members)

    def describe(self) -> str:
        """Return `HTTPBearer (file:line)`, the start of every message about it."""
        return f"{type(self).__name__} ({self.location})"

    def document(self) -> Part:
        """Return the security scheme object (OpenAPI 3.1.1, section 4.8.27)."""
        found = self._document()
        return found if self.description is None else found | {"description": self.description}

    def _document(self) -> Part:
        raise NotImplementedError

    def read(self, reader: Any, max_query_fields: int) -> Read:
        """Return what finds the credential in heads that `reader` reads."""
        raise NotImplementedError

    def reading(self, reader: Any, max_query_fields: int) -> Take:
        """Return the same for binding, which raises where nothing is found and something has to be."""
        read, is_optional = self.read(reader, max_query_fields), self.optional

        def take(head: Any, values: Any = (), body: Any = None, request: Any = None) -> Any:
            found = read(head)
            if found is None and not is_optional:
                raise missing()
            return found

        return take

    def __call__(self, connection: HTTPConnection) -> T:
        """Return the credential of a request or a WebSocket, for whoever has that in hand.

        Raises:
            HTTPError: 401 with the scheme's challenges, it is missing or malformed.
        """
        try:
            take = self.reading(connection._reader, connection._endpoint.config.max_query_fields)
            found: T = take(connection._head)
        except HTTPError as error:
            if error.status == 401:
                lines = ", ".join(one.challenge.text for one in self.members)
                raise HTTPError(401, error.detail, headers={"www-authenticate": lines}) from None
            raise
        return found


def check_about(kind: str, options: Iterable[str]) -> None:
    """Refuse options that there are not; those of other frameworks with the line to write.

    Raises:
        ConfigurationError: there is one.
    """
    for option in options:
        if option not in About.__annotations__:
            known = (*About.__annotations__, "optional")
            fix = ELSEWHERE.get(option) or nearest(option, known)
            raise ConfigurationError(f"{kind}({option}=...) ({caller()}): there is no argument {option!r}. Fix: {fix}")


def missing() -> HTTPError:
    """Return the error of a request without credentials."""
    return HTTPError(401, "The request has no credentials.")


def malformed() -> HTTPError:
    """Return the error of a credential that is none."""
    return HTTPError(401, "The credentials are malformed.")


def text_of(kind: str, name: str, value: Any) -> str:
    """Return a text that is not empty.

    Raises:
        ConfigurationError: it is none.
    """
    if not isinstance(value, str) or not value.strip():
        raise wrong(kind, name, value, "it is no text", "a text that says something")
    return value


def realm_of(kind: str, realm: Any) -> str:
    """Return a realm, which goes into a header.

    Raises:
        ConfigurationError: it is none.
    """
    text = text_of(kind, "realm", realm)
    if not (text.isascii() and text.isprintable()):
        raise wrong(kind, "realm", realm, "a header cannot carry it", "printable ASCII")
    return text
