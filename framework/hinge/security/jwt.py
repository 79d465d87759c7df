"""JSON Web Tokens: signed, verified, read (RFC 7519, and RFC 8725 for what goes wrong with them).

Law: what a token says of itself decides nothing before its signature was verified: the algorithms are those that are
named here, a `kid` picks one of the keys that are known here, and each key has its own algorithms. Verified is all or
nothing: whatever is wrong, it is a 401.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeVar, overload

import msgspec

from hinge.diagnostics.kinds import TEXT, shown, texts, want, wrong
from hinge.diagnostics.location import caller
from hinge.diagnostics.misuse import fits
from hinge.errors import ConfigurationError, HTTPError
from hinge.extras import install

try:
    import jwt
    from jwt.algorithms import Algorithm, get_default_algorithms
except ImportError as error:
    raise ConfigurationError(f"hinge.security.jwt needs {error.name}. Fix: {install('jwt')}") from error

T = TypeVar("T")
Key = Any
"""A secret (HS256, ...) as a text or bytes; for all others a key in PEM, or one of `cryptography`."""


class _Known(NamedTuple):
    """One key."""

    kid: str | None
    signing: Any
    verifying: Any
    algorithms: list[str]


class JWT:
    """Sign and verify tokens with keys and algorithms that are named here, and by nothing that a token says.

    `key` is a secret of at least as many bytes as the algorithm's hash has, or a private or public key in PEM; who only
    verifies needs the public one. `keys` are several by their `kid`: a token names one of them, and the first one
    signs, so that keys can be changed one after the other. `algorithms` are all of one family (`["HS256"]`, `["RS256",
    "ES256"]`). `audience` (one, or several of which a token has to name one) and `issuer` are what `aud` and `iss` have
    to be. `leeway` are the seconds that clocks may differ by. `required` are the claims that there have to be.

    Raises:
        ConfigurationError: an argument is wrong, or a key does not fit the algorithms.
    """

    __slots__ = ("_audience", "_by_kid", "_issuer", "_known", "_leeway", "_required")

    @fits
    def __init__(
        self,
        key: Key = None,
        *,
        keys: Mapping[str, Key] | None = None,
        algorithms: Iterable[str],
        audience: str | Iterable[str] | None = None,
        issuer: str | None = None,
        leeway: float = 0,
        required: Iterable[str] = ("exp",),
    ) -> None:
        named = _algorithms(algorithms)
        if (key is None) is (keys is None):
            raise ConfigurationError(
                f"JWT(...) ({caller()}): it takes one of the two. Fix: JWT(key, ...), or keys={{}}"
            )
        if keys is not None and not (isinstance(keys, Mapping) and keys and all(isinstance(one, str) for one in keys)):
            raise wrong("JWT", "keys", "...", "it is no mapping of ids to keys", 'keys={"2026-1": key}')
        self._by_kid = keys is not None
        self._known = {kid: _known(kid, one, named) for kid, one in ({None: key} if keys is None else keys).items()}
        self._audience = _audience(audience)
        want("JWT", TEXT, optional=True, issuer=issuer)
        self._issuer = issuer
        if isinstance(leeway, bool) or not isinstance(leeway, int | float) or not 0 <= leeway <= _MAX_LEEWAY:
            fix = f"seconds from 0 to {_MAX_LEEWAY}"
            raise wrong("JWT", "leeway", leeway, "it is no time that clocks differ by", fix)
        self._leeway = leeway
        (self._required,) = texts("JWT", required=required)

    @overload
    def decode(self, token: str) -> dict[str, Any]: ...
    @overload
    def decode(self, token: str, claims: type[T]) -> T: ...
    def decode(self, token: str, claims: Any = None) -> Any:
        """Return the claims of a verified token: all of them, or as a Struct or another class that msgspec knows.

        Raises:
            HTTPError: 401, it is no token, not signed by a known key, expired, not valid yet, of another issuer or for
                another audience, or it lacks a claim.
        """
        try:
            known = self._key_of(token)
            found = jwt.decode(
                token,
                known.verifying,
                algorithms=known.algorithms,
                audience=self._audience,
                issuer=self._issuer,
                leeway=self._leeway,
                options={"require": self._required},
            )
            self._check(found)
        except jwt.ExpiredSignatureError:
            raise HTTPError(401, "The token has expired.") from None
        except (jwt.PyJWTError, KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise HTTPError(401, "The token is not valid.") from error
        try:
            return found if claims is None else msgspec.convert(found, claims)
        except msgspec.ValidationError as error:
            raise HTTPError(401, "The token is not valid.") from error

    def encode(self, claims: Any, *, lifetime: float | None = None) -> str:
        """Return a token with these claims, a mapping or a Struct, signed by the first key.

        It expires after `lifetime` seconds, if that is given; `iat` is now, `iss` and `aud` are those of the JWT,
        unless the claims name others.

        Raises:
            ValueError: nothing says when it expires, and `exp` is among the `required`; or a claim is no JSON, or a
                moment is no number.
            ConfigurationError: the key is a public one.
        """
        known = next(iter(self._known.values()))
        now = int(time.time())
        usual: dict[str, Any] = {"iat": now}
        if lifetime is not None:
            usual["exp"] = int(now + lifetime)
        if self._issuer is not None:
            usual["iss"] = self._issuer
        if self._audience is not None:
            usual["aud"] = self._audience
        whole = usual | msgspec.to_builtins(claims)
        wrong_moment = _no_moment(whole)
        if wrong_moment is not None:
            why = f"the claim {wrong_moment!r} is no number of seconds (RFC 7519 section 2)"
            raise ValueError(f"JWT.encode: {why}. Fix: lifetime=900, or int(moment.timestamp())")
        missing = [name for name in self._required if name not in whole]
        if missing:
            fix = "lifetime=900" if missing == ["exp"] else "add it"
            raise ValueError(f"JWT.encode: the claim {missing[0]!r} is required, and there is none. Fix: {fix}")
        headers = {"kid": known.kid} if known.kid is not None else None
        try:
            return jwt.encode(whole, known.signing, algorithm=known.algorithms[0], headers=headers)
        except (TypeError, AttributeError) as error:
            if hasattr(known.signing, "public_key") or isinstance(known.signing, bytes):
                raise
            raise ConfigurationError("JWT.encode: a public key signs nothing. Fix: JWT(private_key, ...)") from error

    def _check(self, claims: Mapping[str, Any]) -> None:
        """Refuse what the library takes and RFC 7519 does not; raises what is told of no token."""
        if _no_moment(claims) is not None:
            raise ValueError("a moment is a number (section 2)")
        if self._audience is None and "aud" in claims:
            raise ValueError("it is for an audience, be that nobody, and there is none here (section 4.1.3)")

    def _key_of(self, token: str) -> _Known:
        """Return the key that a token names, one of the known; raises KeyError or what is told of no token."""
        if not self._by_kid:
            return self._known[None]
        return self._known[jwt.get_unverified_header(token)["kid"]]


def _no_moment(claims: Mapping[str, Any]) -> str | None:
    """Return the name of a claim that has to be a moment and is no number, None without one."""
    return next((name for name in _MOMENTS if type(claims.get(name, 0)) not in (int, float)), None)


_MOMENTS = ("exp", "nbf", "iat")
_MAX_LEEWAY = 600
_SECRET = ("HS256", "HS384", "HS512")


def _algorithms(algorithms: Any) -> dict[str, Algorithm]:
    (named,) = texts("JWT", algorithms=algorithms)
    there = get_default_algorithms()
    for one in named:
        if one.lower() == "none":
            raise wrong("JWT", "algorithms", named, "a token that nobody signed is anybody's", 'algorithms=["HS256"]')
        if one not in there:
            fix = f"some of {', '.join(name for name in there if name != 'none')}"
            raise wrong("JWT", "algorithms", named, f"{one!r} is none", fix)
    if not named or len({one in _SECRET for one in named}) > 1:
        why = "a public key would be taken for a secret" if named else "it is empty"
        raise wrong("JWT", "algorithms", named, why, 'one family, as in algorithms=["HS256"]')
    return {one: there[one] for one in named}


def _known(kid: str | None, key: Any, algorithms: Mapping[str, Algorithm]) -> _Known:
    """Return a key, prepared, with those of the algorithms that it is for."""
    who = "JWT(key)" if kid is None else f"JWT(keys={{{kid!r}: ...}})"
    prepared: Any = None
    names, reasons = [], []
    for name, algorithm in algorithms.items():
        try:
            prepared = algorithm.prepare_key(key)
            too_short = algorithm.check_key_length(prepared)
        except (jwt.PyJWTError, TypeError, ValueError) as error:
            reasons.append(f"{name}: {error}")
            continue
        if too_short:
            raise ConfigurationError(f"{who} ({caller()}): {too_short} Fix: {_FIXES[name in _SECRET]}")
        names.append(name)
    if not names:
        raise ConfigurationError(
            f"{who} ({caller()}): it is no key for the algorithms ({shown('; '.join(reasons))}). "
            f"Fix: {_FIXES[next(iter(algorithms)) in _SECRET]}"
        )
    if kid is None and len(names) < len(algorithms):
        extra = next(name for name in algorithms if name not in names)
        raise ConfigurationError(f"{who} ({caller()}): it is no key for {extra}. Fix: algorithms={names!r}")
    public = prepared.public_key() if hasattr(prepared, "public_key") else prepared
    return _Known(kid, prepared, public, names)


_FIXES = {True: "a secret of secrets.token_urlsafe(64)", False: "a key in PEM, RSA of at least 2048 bits"}


def _audience(audience: Any) -> str | list[str] | None:
    if audience is None or (isinstance(audience, str) and audience):
        return audience
    listed = list(audience) if isinstance(audience, Iterable) and not isinstance(audience, str | bytes) else []
    if not listed or not all(isinstance(one, str) and one for one in listed):
        raise wrong("JWT", "audience", audience, "it names nobody", 'audience="api"')
    return listed
