"""Bearer tokens that an OAuth 2.0 or OpenID Connect server gives (RFC 6749).

Law: the scheme reads the token like any bearer token; where it comes from is told to those who read the document. The
scopes that routes ask for are among those that it declares.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeVar, Unpack, overload

from hinge.diagnostics.kinds import wrong
from hinge.diagnostics.misuse import fits
from hinge.security.bearer import BearerScheme
from hinge.security.scheme import About, Part, text_of

T = TypeVar("T")


class _Flow(BearerScheme[T]):
    """One flow of OAuth 2.0."""

    flow: ClassVar[str]
    has_scopes: ClassVar[bool] = True

    def _flows(self, scopes: Any, refresh_url: Any, **urls: Any) -> None:
        kind = type(self).__name__
        self.scopes = _scopes(kind, scopes)
        if refresh_url is not None:
            urls["refresh_url"] = refresh_url
        self._urls = {name: text_of(kind, name, url) for name, url in urls.items()}

    def _document(self) -> Part:
        urls = {_CAMEL[name]: url for name, url in self._urls.items()}
        return {"type": "oauth2", "flows": {self.flow: {**urls, "scopes": dict(self.scopes)}}}


_CAMEL = {"authorization_url": "authorizationUrl", "token_url": "tokenUrl", "refresh_url": "refreshUrl"}


class OAuth2PasswordBearer(_Flow[T]):
    """Give the bearer token that a client gets for a user's name and password, at `token_url`.

    That is the path of a route that takes `OAuth2PasswordRequestForm`, relative to the document: `"token"`. `scopes`
    are those that there are, each with a description. With `optional=True` a request without a token gives None.

    Raises:
        ConfigurationError: an argument is wrong.
    """

    flow = "password"

    @overload
    def __init__(
        self: "OAuth2PasswordBearer[str]",
        token_url: str,
        *,
        scopes: Mapping[str, str] = ...,
        refresh_url: str | None = ...,
        realm: str = ...,
        optional: Literal[False] = ...,
        **about: Unpack[About],
    ) -> None: ...
    @overload
    def __init__(
        self: "OAuth2PasswordBearer[str | None]",
        token_url: str,
        *,
        scopes: Mapping[str, str] = ...,
        refresh_url: str | None = ...,
        realm: str = ...,
        optional: Literal[True],
        **about: Unpack[About],
    ) -> None: ...
    @fits
    def __init__(
        self,
        token_url: str = "",
        *,
        scopes: Mapping[str, str] = {},
        refresh_url: str | None = None,
        realm: str = "api",
        optional: bool = False,
        **about: Unpack[About],
    ) -> None:
        super().__init__(str, optional=optional, about=about)
        self._flows(scopes, refresh_url, token_url=token_url)
        self._challenges(realm)


class OAuth2AuthorizationCode(_Flow[T]):
    """Give the bearer token that a client gets at `token_url` for the code that a user brings from `authorization_url`.

    `scopes` are those that there are, each with a description. With `optional=True` a request without a token gives
    None.

    Raises:
        ConfigurationError: an argument is wrong.
    """

    flow = "authorizationCode"

    @overload
    def __init__(
        self: "OAuth2AuthorizationCode[str]",
        authorization_url: str,
        token_url: str,
        *,
        scopes: Mapping[str, str] = ...,
        refresh_url: str | None = ...,
        realm: str = ...,
        optional: Literal[False] = ...,
        **about: Unpack[About],
    ) -> None: ...
    @overload
    def __init__(
        self: "OAuth2AuthorizationCode[str | None]",
        authorization_url: str,
        token_url: str,
        *,
        scopes: Mapping[str, str] = ...,
        refresh_url: str | None = ...,
        realm: str = ...,
        optional: Literal[True],
        **about: Unpack[About],
    ) -> None: ...
    @fits
    def __init__(
        self,
        authorization_url: str = "",
        token_url: str = "",
        *,
        scopes: Mapping[str, str] = {},
        refresh_url: str | None = None,
        realm: str = "api",
        optional: bool = False,
        **about: Unpack[About],
    ) -> None:
        super().__init__(str, optional=optional, about=about)
        self._flows(scopes, refresh_url, authorization_url=authorization_url, token_url=token_url)
        self._challenges(realm)


class OpenIDConnect(BearerScheme[T]):
    """Give the bearer token of an OpenID Connect server, whose `.well-known/openid-configuration` is at `url`.

    With `optional=True` a request without a token gives None.

    Raises:
        ConfigurationError: an argument is wrong.
    """

    @overload
    def __init__(
        self: "OpenIDConnect[str]",
        url: str,
        *,
        realm: str = ...,
        optional: Literal[False] = ...,
        **about: Unpack[About],
    ) -> None: ...
    @overload
    def __init__(
        self: "OpenIDConnect[str | None]",
        url: str,
        *,
        realm: str = ...,
        optional: Literal[True],
        **about: Unpack[About],
    ) -> None: ...
    @fits
    def __init__(self, url: str = "", *, realm: str = "api", optional: bool = False, **about: Unpack[About]) -> None:
        super().__init__(str, optional=optional, about=about)
        self.url = text_of("OpenIDConnect", "url", url)
        self._challenges(realm)

    def _document(self) -> Part:
        return {"type": "openIdConnect", "openIdConnectUrl": self.url}


def _scopes(kind: str, scopes: Any) -> dict[str, str]:
    if not isinstance(scopes, Mapping):
        fix = 'scopes={"items:write": "Change items."}'
        raise wrong(kind, "scopes", scopes, "it is no mapping of names to descriptions", fix)
    for name, text in scopes.items():
        if not is_scope(name):
            raise wrong(kind, "scopes", scopes, f"{name!r} is no scope (RFC 6749 section 3.3)", "a name without spaces")
        if not isinstance(text, str):
            raise wrong(kind, "scopes", scopes, f"the description of {name!r} is no text", "a text")
    return dict(scopes)


def is_scope(name: Any) -> bool:
    """Tell whether something is the name of a scope (RFC 6749 section 3.3)."""
    return isinstance(name, str) and name.isascii() and name.isprintable() and bool(name) and not set(' "\\') & {*name}
