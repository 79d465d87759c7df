"""A codec's decoder for one type, with what the decoder itself does not see to.

Law: decided at compile; for most types the decoder stays as it is.
"""

from collections.abc import Callable
from typing import Any

from hinge.codecs.codec import Codec
from hinge.codecs.collected import SMALL, count_members, hashes_anything, key_guard, refused
from hinge.validation.finishing import finishing


def careful(codec: Codec, target: Any, decode: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """Return `decode`, or what does the same, refuses what would be collected at too high a price, and finishes values.

    What it returns raises RequestInvalid and msgspec.ValidationError, beside what `decode` and `plain_decoder` raise.
    """
    guard, finish, plain = key_guard(target, codec.types), finishing(target), plain_decoder(codec, target)
    small = 0 if hashes_anything(target) else SMALL
    members = codec.members
    if plain is None:
        guard = None
    if guard is None and finish is None:
        return decode

    def look_through(body: bytes) -> None:
        value = plain(body)  # type: ignore[misc]  # there is one with a guard
        # The decoder reads each of several equal names, the value has the last one alone.
        if members is not None and members(body) != count_members(value):
            raise refused("has a name twice in an object")
        guard(value)  # type: ignore[misc]  # as above

    def decode_carefully(body: bytes) -> Any:
        if guard is not None and len(body) > small:
            look_through(body)
        value = decode(body)
        if finish is not None:
            finish(value)
        return value

    return decode_carefully


def plain_decoder(codec: Codec, target: Any) -> Callable[[bytes], Any] | None:
    """Return what reads a body that is meant for `target` without a type, None if the codec has no such thing."""
    plain = codec.plain_decoder
    if plain is None or codec.check_plain is None:
        return plain
    check = codec.check_plain(target)

    def check_and_decode(body: bytes) -> Any:
        check(body)
        return plain(body)

    return check_and_decode
