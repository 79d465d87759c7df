"""Formats of bodies: which there are, and how a body is read by its media type.

Law: a format is loaded when it is asked for, and so is what reads bodies.
"""

from typing import TYPE_CHECKING

from hinge.on_demand import on_demand, places

if TYPE_CHECKING:
    from hinge.codecs.codec import JSON, Codec, check_codecs, encode_json, is_of_msgspec, with_types
    from hinge.codecs.msgpack import MSGPACK, encode_msgpack
    from hinge.codecs.reading import CODECS, MAX_EXPLAINED, BodyDecoder, at_once, body_decoder, select_codec
    from hinge.codecs.toml import TOML
    from hinge.codecs.yaml import YAML

__all__ = [
    "CODECS",
    "JSON",
    "MAX_EXPLAINED",
    "MSGPACK",
    "TOML",
    "YAML",
    "BodyDecoder",
    "Codec",
    "at_once",
    "body_decoder",
    "check_codecs",
    "encode_json",
    "encode_msgpack",
    "is_of_msgspec",
    "select_codec",
    "with_types",
]

_ROOMS = {
    "codecs.codec": "JSON Codec check_codecs encode_json is_of_msgspec with_types",
    "codecs.msgpack": "MSGPACK encode_msgpack",
    "codecs.reading": "CODECS MAX_EXPLAINED BodyDecoder at_once body_decoder select_codec",
    "codecs.toml": "TOML",
    "codecs.yaml": "YAML",
}
_ROOM_OF = places(_ROOMS)

if not TYPE_CHECKING:
    __getattr__, __dir__ = on_demand(globals(), _ROOM_OF)
