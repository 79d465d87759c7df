"""`Depends`: a parameter's value comes from a provider.

Law: what it is called with is judged where it is written. The words of other frameworks are refused with the line to
write here: one that was passed over would be a scope or a cache that nobody has.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, get_origin, overload

from hinge.binding.documented import Responses, as_documented
from hinge.binding.params import Dependency, Scope
from hinge.diagnostics.kinds import FLAG, shown, want
from hinge.diagnostics.location import caller
from hinge.diagnostics.misuse import nearest
from hinge.errors import ConfigurationError

T = TypeVar("T")

_ELSEWHERE = {
    "dependency": "Depends(f), the provider comes first",
    "use_cache": "cached=False in place of use_cache=False",
    "scopes": "hinge.Security(f, scopes=[...])",
    "auto_error": "a scheme with optional=True, as in Depends(HTTPBearer(optional=True))",
    "tokenUrl": "Depends(OAuth2PasswordBearer(token_url))",
    "use_safe_annotations": "leave it out",
}
"""What `Depends` of others takes, and what to write instead."""
_SCOPES = ("request", "app")
_OTHER_SCOPES = {
    "function": '"request", which ends before the head is sent',
    "session": '"request", or "app" for one value a worker',
    "singleton": '"app", one value a worker',
    "transient": "cached=False, one value for each use",
}


@overload
def Depends(
    provider: Callable[..., AsyncIterator[T]],
    /,
    *,
    scope: Scope = ...,
    cached: bool = ...,
    responses: Responses | None = ...,
) -> T: ...
@overload
def Depends(
    provider: Callable[..., Iterator[T]],
    /,
    *,
    scope: Scope = ...,
    cached: bool = ...,
    responses: Responses | None = ...,
) -> T: ...
@overload
def Depends(
    provider: Callable[..., Awaitable[T]],
    /,
    *,
    scope: Scope = ...,
    cached: bool = ...,
    responses: Responses | None = ...,
) -> T: ...
@overload
def Depends(
    provider: Callable[..., T], /, *, scope: Scope = ..., cached: bool = ..., responses: Responses | None = ...
) -> T: ...
@overload
def Depends(*, scope: Scope = ..., cached: bool = ..., responses: Responses | None = ...) -> Any: ...
def Depends(  # noqa: N802 - the name that the field has for it
    *providers: Any, scope: Any = "request", cached: Any = True, responses: Any = None, **others: Any
) -> Any:
    """Say that a parameter has the value that a provider gives, in its annotation or as its default.

    `user: Annotated[User, Depends(current_user)]` and `user: User = Depends(current_user)` are the same. A provider is
    a function or generator of either colour, a class or a callable object, its parameters declared like a handler's.
    Without one it is the annotated class. One of scope "request" runs once for each request that
    needs it, and a generator goes on when the body exists; one of scope "app" once for each worker. With
    `cached=False` each parameter gets a value of its own. `responses` are what it may answer with, by status, for the
    document of each route that reaches it: `{403: "Not yours."}`.

    Raises:
        ConfigurationError: it is no provider, or an option is none.
    """
    where = caller()
    check_options("Depends", others, ("scope", "cached", "responses"))
    provider = provider_of_call("Depends", providers)
    if not (isinstance(scope, str) and scope in _SCOPES):
        fix = _OTHER_SCOPES.get(scope) if isinstance(scope, str) else None
        raise ConfigurationError(
            f"Depends(scope={shown(scope)}) ({where}): it is no scope. Fix: {fix or 'request or app, as a text'}"
        )
    want("Depends", FLAG, cached=cached)
    if scope == "app" and not cached:
        raise ConfigurationError(
            f"Depends(scope='app', cached=False) ({where}): one of a worker's is everybody's. Fix: drop cached=False"
        )
    documented = as_documented(responses, f"Depends(...) ({where})")
    if scope == "app" and documented:
        raise ConfigurationError(
            f"Depends(scope='app', responses=...) ({where}): it answers no request. Fix: drop responses"
        )
    named: Any = scope
    return Dependency(provider=provider, scope=named, cached=cached, documented=documented, location=where)


def check_options(what: str, others: Mapping[str, Any], known: Iterable[str]) -> None:
    """Refuse options that `what` does not have.

    Raises:
        ConfigurationError: there is one.
    """
    for option, value in others.items():
        instead = _ELSEWHERE.get(option) or nearest(option, known)
        raise ConfigurationError(
            f"{what}({option}={shown(value)}) ({caller()}): there is no such option. Fix: {instead}"
        )


def provider_of_call(what: str, providers: Sequence[Any]) -> Callable[..., Any] | None:
    """Return the one provider that `what` is called with, None for the annotated class.

    Raises:
        ConfigurationError: there are several, or it is none.
    """
    if len(providers) > 1:
        raise ConfigurationError(f"{what}(...) ({caller()}): it takes one provider. Fix: {what}(f), one for each value")
    provider: Callable[..., Any] | None = providers[0] if providers else None
    if provider is not None and not callable(provider):
        raise ConfigurationError(
            f"{what}({shown(provider)}) ({caller()}): it cannot be called. "
            "Fix: give a function, a class or a callable object"
        )
    origin = get_origin(provider)
    return origin if isinstance(origin, type) else provider  # Repository[Item] makes a Repository
