"""Scopes: what a route wants of whoever asks, and whether that was granted.

Law: what a route wants is the union of all that its graph names, fixed at compile, so that one provider judges it once.
Scopes that nobody judges are refused at compile.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import Any, TypeVar, overload

import msgspec

from hinge.binding.documented import Responses, as_documented
from hinge.binding.params import Dependency
from hinge.dependencies.depends import check_options, provider_of_call
from hinge.diagnostics.kinds import FLAG, texts, want, wrong
from hinge.diagnostics.location import caller
from hinge.errors import ConfigurationError, HTTPError
from hinge.security.oauth2 import is_scope

T = TypeVar("T")


class SecurityScopes(msgspec.Struct, frozen=True):
    """The scopes that a route wants, as a parameter of a provider."""

    scopes: tuple[str, ...] = ()
    """Each once, in the order in which they were named."""
    challenge: str | None = None
    """What WWW-Authenticate says to whoever lacks one, if the route's scheme has words for it."""

    @property
    def text(self) -> str:
        """The scopes with spaces between them (RFC 6749 section 3.3)."""
        return " ".join(self.scopes)

    def missing(self, granted: str | Iterable[str]) -> list[str]:
        """Return the scopes that were not granted; a text is a list with spaces, as in the claim `scope` of a token."""
        there = set(granted.split() if isinstance(granted, str) else granted)
        return [scope for scope in self.scopes if scope not in there]

    def require(self, granted: str | Iterable[str]) -> None:
        """Let whoever was granted every scope pass; `granted` as in `missing`.

        Raises:
            HTTPError: 403 with the challenge `insufficient_scope` (RFC 6750 section 3.1), one was not granted.
        """
        if self.missing(granted):
            headers = None if self.challenge is None else {"www-authenticate": self.challenge}
            raise HTTPError(403, f"This takes the scopes {self.text}.", headers=headers)


@overload
def Security(
    provider: Callable[..., AsyncIterator[T]],
    /,
    *,
    scopes: Iterable[str] = ...,
    cached: bool = ...,
    responses: Responses | None = ...,
) -> T: ...
@overload
def Security(
    provider: Callable[..., Iterator[T]],
    /,
    *,
    scopes: Iterable[str] = ...,
    cached: bool = ...,
    responses: Responses | None = ...,
) -> T: ...
@overload
def Security(
    provider: Callable[..., Awaitable[T]],
    /,
    *,
    scopes: Iterable[str] = ...,
    cached: bool = ...,
    responses: Responses | None = ...,
) -> T: ...
@overload
def Security(
    provider: Callable[..., T],
    /,
    *,
    scopes: Iterable[str] = ...,
    cached: bool = ...,
    responses: Responses | None = ...,
) -> T: ...
@overload
def Security(*, scopes: Iterable[str] = ..., cached: bool = ..., responses: Responses | None = ...) -> Any: ...
def Security(  # noqa: N802 - the name that the field has for it
    *providers: Any, scopes: Any = (), cached: Any = True, responses: Any = None, **others: Any
) -> Any:
    """Say that a parameter has the value that a provider gives, that the provider is a guard, and what scopes it wants.

    It is `Depends` of scope "request" but for that. The scopes of all that a route needs are one union, which a
    provider takes as `SecurityScopes`.

    Raises:
        ConfigurationError: it is no provider, or an option is none.
    """
    check_options("Security", others, ("scopes", "cached", "responses"))
    provider = provider_of_call("Security", providers)
    (named,) = texts("Security", scopes=scopes)
    for one in named:
        if not is_scope(one):
            raise wrong("Security", "scopes", scopes, f"{one!r} is no scope (RFC 6749)", "a name without spaces")
    want("Security", FLAG, cached=cached)
    where = caller()
    return Dependency(
        provider=provider,
        cached=cached,
        documented=as_documented(responses, f"Security(...) ({where})"),
        location=where,
        scopes=tuple(named),
        is_guard=True,
    )


def scopes_of(who: str, scopes: tuple[str, ...], schemes: Iterable[Any], *, is_taken: bool) -> SecurityScopes:
    """Return the scopes of a route; `is_taken` says that something on it takes them.

    Raises:
        ConfigurationError: nothing does, or a scheme that declares its scopes does not have one.
    """
    if scopes and not is_taken:
        raise ConfigurationError(
            f"{who}: it wants the scopes {', '.join(scopes)}, and nothing on it judges them: no provider takes "
            "SecurityScopes. Fix: have the one that knows the user take scopes: SecurityScopes, and call scopes.require"
        )
    challenge = None
    for scheme in (member for one in schemes for member in one.members):
        unknown = [scope for scope in scopes if scheme.has_scopes and scope not in scheme.scopes]
        if unknown:
            raise ConfigurationError(
                f"{who}: it wants the scope {unknown[0]!r}, which {scheme.describe()} does not declare. "
                f"Fix: {type(scheme).__name__}(..., scopes={{{unknown[0]!r}: 'what it allows'}}), or the right name"
            )
        if challenge is None and scheme.challenge.has_errors:
            challenge = scheme.challenge.failed("insufficient_scope", scope=" ".join(scopes))
    return SecurityScopes(scopes, challenge)
