"""Formats of bodies: which there are, and how a body is read by its media type."""

from hinge.codecs.codec import JSON, MSGPACK, Codec, check_codecs, encode_json, encode_msgpack
from hinge.codecs.reading import CODECS, MAX_EXPLAINED, BodyDecoder, body_decoder, select_codec
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
    "body_decoder",
    "check_codecs",
    "encode_json",
    "encode_msgpack",
    "select_codec",
]
