"""The signature of what a cookie says, by itsdangerous.

Law: what is not signed by one of the keys is nothing. The first key signs; all of them are tried, so that a new one may
be put before those that visitors' cookies were signed with.
"""

import hmac
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING

from hinge.diagnostics.location import caller
from hinge.errors import ConfigurationError
from hinge.extras import install

if TYPE_CHECKING:
    from itsdangerous import Signer


class Signing:
    """Sign texts and open signed ones; what was signed for another `purpose` does not open."""

    __slots__ = ("_signer",)

    def __init__(self, keys: Sequence[bytes], purpose: str) -> None:
        self._signer = _signer(keys, purpose)

    def sign(self, text: bytes) -> str:
        """Return a text with its signature."""
        return self._signer.sign(text).decode()

    def open(self, signed: str) -> bytes | None:
        """Return the text without its signature, None if that is not ours."""
        if not signed.isascii():
            return None
        text, separator, signature = signed.rpartition(".")
        given = text.encode()
        return given if separator and self._signer.verify_signature(given, signature) else None


def _signer(keys: Sequence[bytes], purpose: str) -> "Signer":
    try:
        from itsdangerous.signer import Signer, SigningAlgorithm  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ConfigurationError(
            f"Sessions(...) ({caller()}): cookies are signed by itsdangerous. Fix: {install('sessions')}"
        ) from error

    class Digest(SigningAlgorithm):
        """HMAC in one call: the library's own makes an object for each signature."""

        def get_signature(self, key: bytes, value: bytes) -> bytes:
            return hmac.digest(key, value, "sha256")

    class Once(Signer):
        """Derive each key once: that is half of the time of a signature."""

        def __init__(self) -> None:
            super().__init__(
                [*reversed(keys)],  # whose last one signs
                salt=f"hinge.sessions.{purpose}",
                key_derivation="hmac",
                digest_method=sha256,
                algorithm=Digest(),
            )
            self.derive_key = cache(super().derive_key)  # type: ignore[method-assign]

    return Once()
