"""JSON Web Tokens: what is verified, what is refused, and what keys and algorithms may be."""

import base64
import datetime as dt
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
import pytest

jwt = pytest.importorskip("jwt", reason="the extra hinge-web[jwt] is not installed")

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa  # noqa: E402
from cryptography.hazmat.primitives.serialization import (  # noqa: E402
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from hinge import App, ConfigurationError, Depends, HTTPError  # noqa: E402
from hinge.security import HTTPBearer  # noqa: E402
from hinge.security.jwt import JWT  # noqa: E402
from hinge.testing import Client  # noqa: E402

SECRET, OTHER = "s" * 32, "o" * 64
HERE = r"\S*test_jwt\.py:\d+"


def pem(private: Any) -> tuple[bytes, bytes]:
    """Return a private key and its public one in PEM."""
    return (
        private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    )


CURVE, CURVE_PUBLIC = pem(ec.generate_private_key(ec.SECP256R1()))
EDWARDS, EDWARDS_PUBLIC = pem(ed25519.Ed25519PrivateKey.generate())


def part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(claims: Any, key: Any = SECRET, algorithm: str = "HS256", **headers: Any) -> str:
    """Return a token that somebody else has made."""
    return str(jwt.PyJWS().encode(json.dumps(claims).encode(), key, algorithm, headers or None))


def soon(seconds: float = 60, **claims: Any) -> dict[str, Any]:
    return {"exp": int(time.time() + seconds), "sub": "ada", **claims}


def refused(tokens: JWT, token: Any) -> str:
    with pytest.raises(HTTPError) as raised:
        tokens.decode(token)
    assert raised.value.status == 401
    return str(raised.value.detail)


# -- tokens ------------------------------------------------------------------------------------------------------------


def test_what_was_signed_is_read() -> None:
    tokens = JWT(SECRET, algorithms=["HS256"], audience="api", issuer="shop")
    claims = tokens.decode(tokens.encode({"sub": "ada"}, lifetime=60))
    assert (claims["sub"], claims["aud"], claims["iss"], claims["exp"] - claims["iat"]) == ("ada", "api", "shop", 60)


class Claims(msgspec.Struct):
    sub: str
    exp: int
    roles: list[str] = []


def test_claims_of_a_class() -> None:
    tokens = JWT(SECRET, algorithms=["HS256"])
    exp = int(time.time()) + 60
    assert tokens.decode(tokens.encode(Claims("ada", exp, ["x"])), Claims) == Claims("ada", exp, ["x"])
    with pytest.raises(HTTPError) as raised:
        tokens.decode(signed(soon(roles="x")), Claims)
    assert raised.value.status == 401


BARE = f"{part({'alg': 'none', 'typ': 'JWT'})}.{part({'sub': 'ada', 'exp': 9999999999})}."
HOSTILE: dict[str, Callable[[], Any]] = {
    "nobody signed it": lambda: BARE,
    "nobody signed it, in another case": lambda: BARE.replace(
        part({"alg": "none", "typ": "JWT"}), part({"alg": "NoNe"})
    ),
    "no algorithm": lambda: BARE.replace(part({"alg": "none", "typ": "JWT"}), part({"typ": "JWT"})),
    "an algorithm that is no text": lambda: f"{part({'alg': ['HS256']})}.{part(soon())}.{part(b'x')}",
    "another secret": lambda: signed(soon(), OTHER),
    "another algorithm with the secret": lambda: signed(soon(), OTHER, "HS512"),
    "no signature": lambda: signed(soon()).rpartition(".")[0] + ".",
    "changed claims": lambda: ".".join([(one := signed(soon()).split("."))[0], part(soon(sub="eve")), one[2]]),
    "no exp": lambda: signed({"sub": "ada"}),
    "an exp that is no number": lambda: signed({"sub": "ada", "exp": "soon"}),
    "an exp in digits": lambda: signed(soon(exp=str(int(time.time()) + 60))),
    "an exp in digits of elsewhere": lambda: signed(soon(exp="\u0669" * 12)),
    "an nbf that is true": lambda: signed(soon(nbf=True)),
    "an iat in digits": lambda: signed(soon(iat="1")),
    "an audience of nobody": lambda: signed(soon(aud=[])),
    "an audience of nothing": lambda: signed(soon(aud=None)),
    "an exp that no clock has": lambda: signed({"sub": "ada", "exp": float("inf")}),
    "an audience, and none is wanted": lambda: signed(soon(aud="other")),
    "a kid that is no text": lambda: f"{part({'alg': 'HS256', 'kid': {}})}.{part(soon())}.x",
    "what is critical and unknown": lambda: signed(soon(), crit=["x"], x=1),
    "a key that it brings along": lambda: signed(soon(), OTHER, jwk={"kty": "oct", "k": part(OTHER.encode())}),
    "a detached payload": lambda: signed(soon(), b64=False, crit=["b64"]),
    "claims that are no object": lambda: jwt.PyJWS().encode(b"[1]", SECRET, "HS256"),
    "a deep header": lambda: f"{part(b'[' * 200_000)}.{part(soon())}.x",
    "a header of no JSON": lambda: f"{part(b'{')}.{part(soon())}.x",
    "two parts": lambda: "a.b",
    "nothing": lambda: "",
    "what is no base64": lambda: "!.!.!",
    "what is no ASCII": lambda: "ä.ö.ü",
    "no text": lambda: 5,
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_no_token_of_ours(what: str) -> None:
    assert refused(JWT(SECRET, algorithms=["HS256"]), HOSTILE[what]()) == "The token is not valid."


@pytest.mark.parametrize(
    ("claims", "leeway", "detail"),
    [
        (lambda now: {"exp": now + 2}, 0, None),
        (lambda now: {"exp": now - 2}, 0, "The token has expired."),
        (lambda now: {"exp": now - 2}, 30, None),
        (lambda now: {"exp": now - 60}, 30, "The token has expired."),
        (lambda now: {"exp": now + 60, "nbf": now + 20}, 0, "The token is not valid."),
        (lambda now: {"exp": now + 60, "nbf": now + 20}, 30, None),
        (lambda now: {"exp": now + 60, "iat": now + 20}, 0, "The token is not valid."),
        (lambda now: {"exp": now + 60, "iat": now + 20}, 30, None),
    ],
)
def test_clocks(claims: Callable[[int], dict[str, Any]], leeway: int, detail: str | None) -> None:
    tokens, token = JWT(SECRET, algorithms=["HS256"], leeway=leeway), signed(claims(int(time.time())))
    if detail is None:
        assert tokens.decode(token)
    else:
        assert refused(tokens, token) == detail


@pytest.mark.parametrize(
    ("options", "claims", "passes"),
    [
        ({"audience": "api"}, {"aud": "api"}, True),
        ({"audience": "api"}, {"aud": ["other", "api"]}, True),
        ({"audience": ["api", "web"]}, {"aud": "web"}, True),
        ({"audience": "api"}, {"aud": "api2"}, False),
        ({"audience": "api"}, {"aud": 5}, False),
        ({"audience": "api"}, {}, False),
        ({"issuer": "shop"}, {"iss": "shop"}, True),
        ({"issuer": "shop"}, {"iss": "shop2"}, False),
        ({"issuer": "shop"}, {"iss": ["shop"]}, False),
        ({"issuer": "shop"}, {}, False),
        ({"required": ["exp", "jti"]}, {"jti": "1"}, True),
        ({"required": ["exp", "jti"]}, {}, False),
    ],
)
def test_whose_it_is_and_for_whom(options: dict[str, Any], claims: dict[str, Any], passes: bool) -> None:
    tokens, token = JWT(SECRET, algorithms=["HS256"], **options), signed(soon(**claims))
    if passes:
        assert tokens.decode(token)["sub"] == "ada"
    else:
        refused(tokens, token)


# -- keys --------------------------------------------------------------------------------------------------------------


def test_keys_are_changed_one_after_the_other() -> None:
    old, new = JWT(keys={"1": SECRET}, algorithms=["HS256"]), JWT(keys={"2": OTHER, "1": SECRET}, algorithms=["HS256"])
    assert new.decode(old.encode({}, lifetime=60))
    token = new.encode({}, lifetime=60)
    assert jwt.get_unverified_header(token)["kid"] == "2"
    refused(old, token)
    for token in (
        signed(soon()),  # names none
        signed(soon(), kid="2"),  # another one's
        signed(soon(), kid="3"),
        signed(soon(), kid=""),
        signed(soon(), kid="../1"),
    ):
        refused(new, token)


@pytest.mark.parametrize(
    ("algorithm", "private", "public"), [("ES256", CURVE, CURVE_PUBLIC), ("EdDSA", EDWARDS, EDWARDS_PUBLIC)]
)
def test_pairs_of_keys(algorithm: str, private: bytes, public: bytes) -> None:
    signer, verifier = JWT(private, algorithms=[algorithm]), JWT(public.decode(), algorithms=[algorithm])
    token = signer.encode({"sub": "ada"}, lifetime=60)
    assert verifier.decode(token) == signer.decode(token)
    with pytest.raises(ConfigurationError, match=r"a public key signs nothing. Fix: JWT\(private_key"):
        verifier.encode({}, lifetime=60)
    # The public key as a secret: what a token must not be able to choose.
    forged = f"{part({'alg': 'HS256'})}.{part(soon())}"
    refused(verifier, f"{forged}.{part(hmac.new(public, forged.encode(), hashlib.sha256).digest())}")


def test_each_key_has_its_own_algorithms() -> None:
    tokens = JWT(keys={"ec": CURVE_PUBLIC, "ed": EDWARDS_PUBLIC}, algorithms=["ES256", "EdDSA"])
    assert tokens.decode(signed(soon(), EDWARDS, "EdDSA", kid="ed"))
    refused(tokens, signed(soon(), EDWARDS, "EdDSA", kid="ec"))
    refused(tokens, signed(soon(), CURVE, "ES256", kid="ed"))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: JWT(SECRET, algorithms=["none"]), "a token that nobody signed is anybody's"),
        (lambda: JWT(SECRET, algorithms=["NONE", "HS256"]), "a token that nobody signed is anybody's"),
        (lambda: JWT(SECRET, algorithms=["HS257"]), "'HS257' is none. Fix: some of HS256"),
        (lambda: JWT(SECRET, algorithms=["HS256", "ES256"]), "a public key would be taken for a secret"),
        (lambda: JWT(SECRET, algorithms=[]), "it is empty"),
        (lambda: JWT(SECRET, algorithms="HS256"), r"Fix: algorithms=\['HS256'\]"),
        (lambda: JWT(SECRET), "algorithms"),  # type: ignore[call-arg]
        (lambda: JWT("short", algorithms=["HS256"]), "minimum.*32 bytes.*Fix: a secret of secrets.token_urlsafe"),
        (lambda: JWT(SECRET, algorithms=["HS256", "HS512"]), "minimum.*64 bytes"),
        (lambda: JWT(CURVE_PUBLIC, algorithms=["HS256"]), "should not be used as an HMAC secret"),
        (lambda: JWT(SECRET, algorithms=["ES256"]), "no key for the algorithms"),
        (lambda: JWT(CURVE, algorithms=["ES256", "RS256"]), r"no key for RS256. Fix: algorithms=\['ES256'\]"),
        (lambda: JWT(pem(rsa.generate_private_key(65537, 1024))[0], algorithms=["RS256"]), "2048 bits"),
        (lambda: JWT(5, algorithms=["HS256"]), "no key for the algorithms"),
        (lambda: JWT(algorithms=["HS256"]), "it takes one of the two"),
        (lambda: JWT(SECRET, keys={"1": SECRET}, algorithms=["HS256"]), "it takes one of the two"),
        (lambda: JWT(keys={}, algorithms=["HS256"]), "no mapping of ids to keys"),
        (lambda: JWT(keys={1: SECRET}, algorithms=["HS256"]), "no mapping of ids to keys"),  # type: ignore[dict-item]
        (lambda: JWT(keys={"1": "short"}, algorithms=["HS256"]), r"JWT\(keys=\{'1': ...\}\)"),
        (lambda: JWT(SECRET, algorithms=["HS256"], audience=[]), "it names nobody"),
        (lambda: JWT(SECRET, algorithms=["HS256"], issuer=["shop"]), "it is no text"),  # type: ignore[arg-type]
        (lambda: JWT(SECRET, algorithms=["HS256"], leeway=-1), "no time that clocks differ by"),
        (lambda: JWT(SECRET, algorithms=["HS256"], leeway=86_400), "no time that clocks differ by"),
        (lambda: JWT(SECRET, algorithms=["HS256"], required="exp"), r"Fix: required=\['exp'\]"),
        (lambda: JWT(SECRET, algorithms=["HS256"], verify=False), "no argument 'verify'"),  # type: ignore[call-arg]
    ],
)
def test_what_it_is_made_with(make: Callable[[], JWT], text: str) -> None:
    with pytest.raises(ConfigurationError, match=text) as raised:
        make()
    assert re.search(HERE, str(raised.value))
    assert SECRET not in str(raised.value)


def test_what_is_encoded() -> None:
    tokens = JWT(SECRET, algorithms=["HS256"])
    with pytest.raises(ValueError, match=r"'exp' is required, and there is none. Fix: lifetime=900"):
        tokens.encode({"sub": "ada"})
    assert JWT(SECRET, algorithms=["HS256"], required=()).encode({"sub": "ada"})
    assert SECRET not in repr(tokens)
    for claims in ({"exp": dt.datetime.now(dt.UTC)}, {"exp": 9e9, "nbf": "1"}):
        with pytest.raises(ValueError, match=r"is no number of seconds .* Fix: lifetime=900, or int\(moment.timestamp"):
            tokens.encode(claims)


# -- in an app ---------------------------------------------------------------------------------------------------------


def test_a_refusal_has_the_challenge() -> None:
    tokens, app = JWT(SECRET, algorithms=["HS256"]), App()

    def user(token: Annotated[str, Depends(HTTPBearer(scheme="Token"))]) -> str:
        return str(tokens.decode(token)["sub"])

    app.get("/")(lambda user: user)
    app = App()

    @app.get("/")
    def me(user: Annotated[str, Depends(user)]) -> str:
        return user

    with Client(app, backend="wsgi") as client:
        good = {"authorization": f"Token {tokens.encode({'sub': 'ada'}, lifetime=60)}"}
        assert client.get("/", headers=good).text == "ada"
        answer = client.get("/", headers={"authorization": f"Token {signed({'exp': 1})}"})
        assert answer.json()["detail"] == "The token has expired."
        assert answer.headers["www-authenticate"] == 'Token realm="api", error="invalid_token"'
