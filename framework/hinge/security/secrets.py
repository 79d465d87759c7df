"""Secrets are compared in a time that says nothing of where they differ."""

import hmac


def same_secret(given: str | bytes, known: str | bytes) -> bool:
    """Tell whether a client gave the secret that is known, in a time that does not depend on where they differ.

    Texts are compared as UTF-8, so whatever a client sends may be `given`. How long `known` is, is no secret.

    Raises:
        TypeError: one of the two is neither a text nor bytes: a secret that is not set is nobody's.
    """
    return hmac.compare_digest(_bytes(given), _bytes(known))


def _bytes(secret: str | bytes) -> bytes:
    if isinstance(secret, str):
        return secret.encode("utf-8", "surrogatepass")
    if isinstance(secret, bytes):
        return secret
    raise TypeError(f"same_secret takes texts or bytes, not {type(secret).__name__}")
