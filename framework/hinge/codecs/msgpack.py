"""MessagePack bodies.

Law: what the compile knows of a type decides what is looked for: the depth where the type does not bound it, keys where
the type leaves them open, numbers that are not finite where it takes floats. Extension values are none that a body has,
but for timestamps.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import inspect

from hinge.codecs.codec import Codec
from hinge.codecs.collected import MAX_COLLECTED, most_collected, opens_keys
from hinge.codecs.scan import check_msgpack, msgpack_members
from hinge.inspection.custom_types import Types, encode_custom
from hinge.inspection.decodable import direct_parts, nested_types

encode_msgpack: Callable[[Any], bytes] = msgspec.msgpack.Encoder(enc_hook=encode_custom).encode
"""Encode a result as MessagePack; TypeError for an object that neither msgspec nor an app knows."""

_FREE = (inspect.AnyType, inspect.CustomType, inspect.RawType)
_FLOATING = (*_FREE, inspect.FloatType, inspect.DecimalType, inspect.TimeDeltaType)


def _refuse_extension(code: int, data: memoryview) -> Any:
    # The text of a cause is what the client is told.
    raise msgspec.ValidationError("Expected a value, got `ext`") from ValueError("has an extension value")


def _decoder(target: Any, types: Types | None = None) -> Callable[[bytes], Any]:
    hook = None if types is None else types.decode
    decode = msgspec.msgpack.Decoder(target, ext_hook=_refuse_extension, dec_hook=hook).decode
    infos = nested_types(target)
    floats = any(isinstance(info, _FLOATING) for info in infos)
    bounded = bool(infos) and _is_bounded(infos[0], (), set())
    most = _most(target) if opens_keys(target) else None
    if bounded and not floats and most is None:
        return decode

    def check_and_decode(body: bytes) -> Any:
        check_msgpack(body, bounded=bounded, floats=floats, most=most)
        return decode(body)

    return check_and_decode


def _check_plain(target: Any) -> Callable[[bytes], None]:
    most = _most(target)
    return lambda body: check_msgpack(body, bounded=False, floats=True, most=most)


def _most(target: Any) -> int:
    return most_collected(target) or MAX_COLLECTED


def _is_bounded(info: Any, above: tuple[int, ...], known: set[int]) -> bool:
    """Tell whether nothing that nests deeper than a type says is read as it: not even passed over."""
    if isinstance(info, _FREE) or id(info) in above:
        return False
    if id(info) in known:
        return True
    if hasattr(info, "fields") and not (
        isinstance(info, inspect.NamedTupleType) or getattr(info, "forbid_unknown_fields", False)
    ):
        return False
    if not all(_is_bounded(part, (*above, id(info)), known) for part in direct_parts(info)):
        return False
    known.add(id(info))
    return True


def _encode(value: Any) -> bytes:
    try:
        return encode_msgpack(value)
    except OverflowError as error:
        raise ValueError("MessagePack has integers of at most 64 bits") from error


MSGPACK = Codec(
    "application/msgpack",
    _decoder,
    _encode,
    name="MessagePack",
    aliases=frozenset({"application/x-msgpack", "application/vnd.msgpack"}),
    suffix="+msgpack",
    plain_decoder=msgspec.msgpack.Decoder(ext_hook=_refuse_extension).decode,
    check_plain=_check_plain,
    members=msgpack_members,
    typed_decoder=_decoder,
)
